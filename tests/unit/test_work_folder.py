"""Which folder code runs in: never the home folder, nor where other programs have their sockets."""

import os
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from kernel_executor import KernelStartError
from kernel_executor.containers.root import ORDERS, listen_in
from kernel_executor.folders.work_folder import open_work_folder, too_much_to_show
from kernel_executor.sandbox.interpreter import Interpreter
from kernel_executor.starting.kernelspec import KernelProgram
from kernel_executor.starting.run_folder import RunFolder, create_root_folder, create_run_folder, sweep


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of our own, of a short name: a kernel's sockets could not lie in a long one."""
    folder = tmp_path_factory.mktemp("t") / "place" / "temporary"
    folder.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def run_folder(work_dir: Path) -> RunFolder:
    program = KernelProgram(("true",), "none", {}, guarded=False, interpreter=Interpreter())
    return create_run_folder(program, work_dir)


@pytest.mark.parametrize(
    "place", ["/tmp", "/var/tmp", "/dev/shm", "/dev", "/run", "/var/run", "/var", "/run/user", "/"]
)
def test_places_where_everybody_has_files_are_never_used_themselves(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert Path(place).resolve() in too_much_to_show()


@pytest.mark.parametrize("up", [0, 1])
def test_in_a_folder_for_temporary_files_a_new_folder_is_used(temporary: Path, up: int) -> None:
    """The sockets of other kernels lie there, some of them in no sandbox (one was taken over so)."""
    asked = [temporary, *temporary.parents][up]
    folder = open_work_folder(asked)
    assert folder.path.parent == asked
    assert not folder.private


def test_the_runtime_folder_is_never_used_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert open_work_folder(tmp_path).path.parent == tmp_path


def test_a_link_to_a_folder_for_temporary_files_is_seen_through(temporary: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(temporary)
    assert open_work_folder(tmp_path / "link").path.parent == temporary


def test_a_folder_below_one_for_temporary_files_is_used(temporary: Path) -> None:
    assert open_work_folder(temporary / "mine").path == temporary / "mine"


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_kernels_own_folder_is_refused(temporary: Path, tmp_path: Path, below: str) -> None:
    folder = run_folder(tmp_path / "work")
    assert folder.path.parent == temporary
    with pytest.raises(KernelStartError, match="holds a kernel's sockets: use another"):
        open_work_folder(folder.path / below)
    folder.remove()


def test_a_kernels_own_folder_lies_outside_the_work_folder(temporary: Path) -> None:
    folder = run_folder(temporary.parent)
    assert not folder.path.is_relative_to(temporary.parent)
    assert list(temporary.iterdir()) == []
    folder.remove()


@pytest.mark.parametrize("private", [False, True])
def test_the_mode_of_the_folder_is_what_it_was_when_it_is_closed(tmp_path: Path, private: bool) -> None:
    folder = open_work_folder(None if private else tmp_path / "work")
    folder.path.chmod(0o700)
    folder = open_work_folder(folder.path) if not private else folder
    folder.path.chmod(0o777)
    folder.close()
    assert folder.path.exists() is not private
    if not private:
        assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


def test_closing_a_folder_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    folder = open_work_folder(tmp_path / "work")
    folder.path.rmdir()
    folder.close()
    folder.path.symlink_to(tmp_path)
    mode = tmp_path.stat().st_mode
    folder.close()
    assert tmp_path.stat().st_mode == mode


def test_the_run_folder_of_an_owner_that_was_killed_is_swept_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    """Ten kernels a day, each killed with its owner, had left ten folders in /tmp."""
    make = (
        "import signal, sys, tempfile, time\ntempfile.tempdir = sys.argv[1]\n"
        "from pathlib import Path\nfrom kernel_executor.starting.kernelspec import KernelProgram\n"
        "from kernel_executor.starting.run_folder import create_run_folder\n"
        "from kernel_executor.sandbox.interpreter import Interpreter\n"
        "folder = create_run_folder(KernelProgram(('x',), 'python', {}, True, Interpreter()), Path('/nowhere'))\n"
        "print(folder.path, flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", make, str(tmp_path)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        path = Path(owner.stdout.readline().strip())
        sweep(tmp_path)
        assert (path / "connection.json").exists()
        owner.kill()
        owner.wait()
    sweep(tmp_path)
    assert not path.exists()


def test_sweeping_follows_no_link_waits_for_no_pipe_and_touches_no_other_folder(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.touch()
    for name in ("codeagent-k-link", "codeagent-k-other", "codeagent-k-pipe", "codeagent-work"):
        (tmp_path / name).mkdir()
    (tmp_path / "codeagent-k-link" / "owner.lock").symlink_to(kept)
    os.mkfifo(tmp_path / "codeagent-k-pipe" / "owner.lock")  # it once kept every later start waiting
    (tmp_path / "codeagent-work" / "owner.lock").touch()  # by code, in its work folder, which was then deleted
    sweep(tmp_path)
    names = [*(f"codeagent-k-{name}" for name in ("link", "other", "pipe")), "codeagent-work", "kept"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_a_run_folder_is_not_filled_through_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container its parent is shared: code of an earlier kernel can put a link in its place."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def made_by_code(*_: object, **__: object) -> str:
        (tmp_path / "codeagent-k-x").symlink_to(elsewhere)
        return str(tmp_path / "codeagent-k-x")

    monkeypatch.setattr(tempfile, "mkdtemp", made_by_code)
    program = KernelProgram(("true",), "none", {}, guarded=False, interpreter=Interpreter())
    with pytest.raises(OSError, match="codeagent-k-x"):
        create_run_folder(program, tmp_path / "work", tmp_path)
    assert list(elsewhere.iterdir()) == []


def test_a_roots_folder_is_neither_filled_nor_removed_through_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above: a root of a container that is started again lost the user all that was in a folder of code's choice."""
    kept = tmp_path / "elsewhere" / "kept"
    kept.mkdir(parents=True)

    def made_by_code(*_: object, **__: object) -> str:
        (tmp_path / "codeagent-r-x").symlink_to(tmp_path / "elsewhere")
        return str(tmp_path / "codeagent-r-x")

    monkeypatch.setattr(tempfile, "mkdtemp", made_by_code)
    with pytest.raises(OSError, match="codeagent-r-x"):
        create_root_folder(tmp_path / "work", tmp_path)
    assert list((tmp_path / "elsewhere").iterdir()) == [kept]


def test_who_waits_for_a_root_listens_behind_no_link(tmp_path: Path) -> None:
    (tmp_path / "codeagent-r-x").symlink_to(tmp_path)
    with pytest.raises(OSError, match="codeagent-r-x"):
        listen_in(tmp_path / "codeagent-r-x")
    (tmp_path / "codeagent-r-x").unlink()
    with listen_in(tmp_path), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as root:
        root.connect(str(tmp_path / ORDERS))
