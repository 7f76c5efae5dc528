"""What processes use, counted: with processes and files that the test makes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kernel_executor.limits.disk import DiskUse, Taken, count
from kernel_executor.limits.usage import (
    Memory,
    available_memory,
    device_of,
    family,
    in_memory,
    nameless_files,
    own_memory,
    proportional_memory,
    read_rollup,
    read_status,
)

MB = 1_000_000


@contextmanager
def program(code: str) -> Iterator[int]:
    """A program that does something and waits; gives its number."""
    command = [sys.executable, "-c", f"{code}\nprint(flush=True)\ninput()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield process.pid
        finally:
            process.kill()


FORKS = """
import os, threading, time
x = bytearray(50_000_000)
def fork():
    if os.fork() == 0:
        time.sleep(60)
for thread in [threading.Thread(target=fork) for _ in range(3)]:
    thread.start(); thread.join()
"""


def test_a_family_is_found_whichever_thread_began_it_and_what_is_in_common_counts_once() -> None:
    with program(FORKS) as pid:
        pids = family(pid, 100).pids
        try:
            deadline = time.monotonic() + 10  # the thread that has begun one ends in its own time
            while family(pid, 100).tasks > 4 and time.monotonic() < deadline:
                time.sleep(0.01)
            assert (len(pids), family(pid, 100).tasks) == (4, 4)
            assert len(family(pid, 2).pids) >= 3, "it stops when there are too many"
            assert all(own_memory(each).private > 50 * MB for each in pids)
            shares = [proportional_memory(each) for each in pids]
            assert None not in shares
            assert 50 * MB < sum(each.private for each in shares if each) < 100 * MB
        finally:
            for each in pids[1:]:
                os.kill(each, 9)


SHARED = """
import mmap, os, time
x = mmap.mmap(-1, 50_000_000)
x.write(bytes(50_000_000))
reader, writer = os.pipe()
if os.fork() == 0:
    x[::4_096], os.write(writer, b"!"), time.sleep(60)
os.read(reader, 1)  # or it is still touching them when both are looked at
"""


def test_memory_that_forks_were_given_to_share_is_seen() -> None:
    with program(SHARED) as pid:
        pids = family(pid, 100).pids
        try:
            assert own_memory(pid).shared >= 50 * MB
            shares = [proportional_memory(each) for each in pids]
            assert 50 * MB <= sum(each.shared for each in shares if each) < 60 * MB
        finally:
            os.kill(pids[1], 9)


def test_of_a_process_that_is_gone_there_is_nothing() -> None:
    with subprocess.Popen(["true"]) as process:
        pass
    pid = process.pid
    assert (family(pid, 10).pids, own_memory(pid), proportional_memory(pid)) == ([pid], Memory(), Memory())
    assert nameless_files([pid]) == set()
    assert in_memory(pid, "/dev/shm") == device_of(f"/proc/{pid}/root/dev/shm") == 0


def test_what_a_process_has_in_common_with_us_is_not_its_own() -> None:
    with program("") as pid:
        assert in_memory(pid, "/dev/shm") == in_memory(pid, "/") == 0


NAMED = "import ctypes\nctypes.CDLL(None).prctl(15, b'\\rVmSwap:')\nx = bytearray(50_000_000)"


def test_a_program_may_be_called_what_it_likes() -> None:
    with program(NAMED) as pid:
        assert 50 * MB < own_memory(pid).private < 100 * MB


ENDED = """
import ctypes, threading, time
x = bytearray(50_000_000)
def go():
    print(flush=True); time.sleep(60)
threading.Thread(target=go).start()
ctypes.CDLL(None).syscall(60, 0)
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the number of exit(2) is that of this machine")
def test_a_process_whose_first_thread_has_ended_has_its_memory_still() -> None:
    with program(ENDED) as pid:
        while "Z (zombie)" not in Path(f"/proc/{pid}/status").read_text():
            pass
        assert own_memory(pid).private > 50 * MB
        shares = proportional_memory(pid)
        assert shares is not None
        assert shares.private > 50 * MB


def test_statuses_are_read() -> None:
    text = b"Name:\tx\nVmSwap:\t       2 kB\nRssAnon:\t       3 kB\nRssFile:\t 9 kB\nRssShmem:\t 4 kB\n"
    assert read_status(text) == Memory(5 * 1_024, 4 * 1_024)
    assert read_status(b"Name:\tkthreadd\n") == Memory()
    text = b"Rss: 9 kB\nPss:  5 kB\nPss_Anon:   4 kB\nPss_Shmem:   2 kB\nSwapPss:  1 kB\n"
    assert read_rollup(text) == Memory(5 * 1_024, 2 * 1_024)
    assert available_memory() > MB


def test_files_without_a_name_are_found_once(tmp_path: Path) -> None:
    code = (
        "import os\nf = os.memfd_create('x'); os.write(f, bytes(3_000_000)); os.dup(f)\n"
        f"g = open({str(tmp_path / 'gone')!r}, 'wb', buffering=0); os.unlink(g.name); g.write(bytes(2_000_000))\n"
        f"h = open({str(tmp_path / 'there')!r}, 'wb', buffering=0); h.write(bytes(1_000_000))"
    )
    with program(code) as pid:
        files = [held for held in nameless_files([pid, pid]) if held.size]
    assert sorted((held.in_memory, held.size // MB) for held in files) == [(False, 2), (True, 3)]
    assert {held.in_memory for held in files if held.device == device_of(str(tmp_path))} == {False}


def test_a_folder_is_counted_whatever_is_in_it(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "x").write_bytes(bytes(3 * MB))
    (inner / "y").hardlink_to(inner / "x")
    (tmp_path / "outside").symlink_to("/usr")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(10**12)
    found = count([tmp_path])
    assert found.files == 8
    assert 3 * MB <= found.size < 4 * MB
    assert count([tmp_path / "nowhere"]) == Taken()


def test_a_deep_folder_does_not_use_up_our_descriptors(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1_500):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    try:
        assert count([tmp_path]).files > 90
    finally:
        subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)


def test_what_becomes_more_is_noticed_and_so_is_what_becomes_less(tmp_path: Path) -> None:
    use = DiskUse([tmp_path], Taken(size=10 * MB, files=100))
    assert use.look().size < MB
    (tmp_path / "x").write_bytes(bytes(9 * MB))
    os.sync()  # some file systems give blocks out late
    while (taken := use.look()).size < 9 * MB:
        pass
    (tmp_path / "x").unlink()
    while (taken := use.look(again=True)).size > MB:
        pass
    assert taken.files == 0
