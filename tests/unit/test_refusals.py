"""What is said of errors that the sandbox is the cause of, and of those that it is not."""

import pytest

from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.sandbox.refusals import NO_NETWORK, NO_PROCESSES, NO_SHARING, OUTSIDE, explained_by
from kernel_executor.types import BlockResult, BlockStatus, CodeBlock

SEEN = ("/home/me/study", "/data/granted")
HELD = dict.fromkeys(("network", "files", "processes", "privileges"), True)


def note_of(
    said: str, *, status: BlockStatus = "error", mechanism: str = "bubblewrap", note: str = "", **held: bool
) -> str:
    output = {"output_type": "stream", "name": "stderr", "text": said}
    result = BlockResult(block=CodeBlock("x"), status=status, exit_code=1, outputs=(output,), note=note)
    isolation = Isolation(mechanism=mechanism, **{**HELD, **held})
    return explained_by(result, isolation, seen=SEEN, home="/tmp/home").note


OUT_OF_SIGHT = {
    "FileNotFoundError: [Errno 2] No such file or directory: '/data/cars.csv'": "/data/cars.csv",
    "PermissionError: [Errno 13] Permission denied: '/data/cars.csv'": "/data/cars.csv",
    "FileNotFoundError: [Errno 2] No such file or directory: '/tmp/home/Downloads/x y.csv'": "~/Downloads/x y.csv",
    "FileNotFoundError: [Errno 2] No such file or directory: '/home/me/other/a.csv'": "/home/me/other/a.csv",
    "FileNotFoundError: [Errno 2] No such file or directory: '/home/me/study-2/a.csv'": "/home/me/study-2/a.csv",
    "cat: /data/cars.csv: No such file or directory": "/data/cars.csv",
    "ls: cannot access '/data': No such file or directory": "/data",
    "ls: cannot open directory '/home/me/other': Permission denied": "/home/me/other",
    "/bin/sh: line 1: /opt/tool/run: No such file or directory": "/opt/tool/run",
    "first: '/usr/x'\nFileNotFoundError: [Errno 2] No such file or directory: '/data/1'\nat the end": "/data/1",
}


@pytest.mark.parametrize("said", OUT_OF_SIGHT)
def test_a_file_out_of_sight_is_named_with_how_to_hand_it_over(said: str) -> None:
    assert note_of(said) == OUTSIDE.format(path=OUT_OF_SIGHT[said])


@pytest.mark.parametrize(
    "said",
    [
        "FileNotFoundError: [Errno 2] No such file or directory: 'cars.csv'",
        "FileNotFoundError: [Errno 2] No such file or directory: '/home/me/study/cars.csv'",
        "FileNotFoundError: [Errno 2] No such file or directory: '/data/granted/cars.csv'",
        "FileNotFoundError: [Errno 2] No such file or directory: '/data/granted'",
        "FileNotFoundError: [Errno 2] No such file or directory: '/tmp/x.csv'",
        "FileNotFoundError: [Errno 2] No such file or directory: '/usr/bin/tool'",
        "ValueError: '/data/cars.csv' is no table",
        "cat: cars.csv: No such file or directory",
        "",
    ],
)
def test_other_errors_are_left_alone(said: str) -> None:
    assert note_of(said) == ""


@pytest.mark.parametrize(
    "said",
    [
        "socket.gaierror: [Errno -3] Temporary failure in name resolution",
        "OSError: [Errno 101] Network is unreachable",
        "curl: (6) Could not resolve host: example.org",
        "urllib3.exceptions.NameResolutionError: ...",
    ],
)
def test_that_there_is_no_network_is_said(said: str) -> None:
    assert note_of(said) == NO_NETWORK
    assert note_of(said, network=False) == ""


def test_that_there_are_no_semaphores_is_said_where_there_are_none() -> None:
    said = (
        "sl = self._semlock = _multiprocessing.SemLock(\n  kind, value)\nPermissionError: [Errno 13] Permission denied"
    )
    assert note_of(said, mechanism="landlock") == NO_PROCESSES
    assert note_of(said) == ""


@pytest.mark.parametrize(
    "said",
    [
        "self._fd = _posixshmem.shm_open(\n  name)\nPermissionError: [Errno 13] Permission denied: '/psm_9b95cb9e'",
        "(fd, name) = tempfile.mkstemp()\nPermissionError: [Errno 13] Permission denied: '/dev/shm/pym-3373-cqdloknd'",
    ],
)
def test_that_there_is_no_shared_memory_is_said_where_there_is_none(said: str) -> None:
    assert note_of(said, mechanism="landlock") == NO_SHARING
    assert NO_SHARING not in note_of(said)


def test_nothing_is_added_where_nothing_failed_or_nothing_holds_the_code() -> None:
    said = next(iter(OUT_OF_SIGHT))
    assert note_of(said, status="ok") == ""
    assert note_of(said, mechanism="none") == ""
    assert note_of(said, files=False) == ""


def test_it_is_said_once_and_beside_what_was_said_before() -> None:
    said = "OSError: [Errno 101] Network is unreachable"
    assert note_of(said, note="Before.") == f"Before. {NO_NETWORK}"
    assert note_of(said, note=NO_NETWORK) == NO_NETWORK


def test_the_end_of_a_long_output_is_looked_at_in_no_time() -> None:
    assert note_of("a: " * 400_000 + "\nOSError: Network is unreachable") == NO_NETWORK
