"""Files of a session in a folder where others plant things: nothing planted is followed, waited for, or written to."""

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from codeagent_nb.errors import SessionError
from codeagent_nb.events import TextMessage
from codeagent_nb.log.journal import JournalView, load_journal
from codeagent_nb.session.beginning import _claim
from codeagent_nb.views.notebook_file import NotebookView
from kernel_executor.folders.safe_files import OpenFolder, open_folder

PRECIOUS = "export PATH=/bin\n"


def claim(folder: OpenFolder, name: str) -> None:
    with ExitStack() as undo:
        _claim(folder, name, (), undo)
        undo.pop_all()


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """What is like `~/.bashrc`: it must stay as it is."""
    path = tmp_path / "bashrc"
    path.write_text(PRECIOUS)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[OpenFolder]:
    path = tmp_path / "work"
    path.mkdir()
    opened = open_folder(path)
    yield opened
    opened.close()


def said(text: str) -> TextMessage:
    return TextMessage(source="user", content=text)


Plant = Callable[[Path, Path], object]

PLANTS: dict[str, tuple[Plant, str]] = {
    "link": (lambda path, victim: path.symlink_to(victim), "it is a symbolic link"),
    "dangling link": (lambda path, victim: path.symlink_to(f"{victim}-2"), "it is a symbolic link"),
    "relative link": (lambda path, victim: path.symlink_to(f"../{victim.name}"), "it is a symbolic link"),
    "hard link": (lambda path, victim: path.hardlink_to(victim), "another name"),
    "pipe": (lambda path, _: os.mkfifo(path), "it is a pipe"),
    "folder": (lambda path, _: path.mkdir(), "[Ii]s a directory|it is a folder"),
}


@pytest.fixture(params=PLANTS)
def planted(request: pytest.FixtureRequest, folder: OpenFolder, victim: Path) -> tuple[Path, str]:
    """A journal's name that was taken between its claim and its opening; what is said of it."""
    plant, said_of_it = PLANTS[request.param]
    path = folder.path / "session.journal.jsonl"
    claim(folder, path.name)
    path.unlink()
    plant(path, victim)
    return path, said_of_it


@pytest.mark.timeout(10)
def test_a_journal_is_not_written_through_what_was_planted(
    planted: tuple[Path, str], folder: OpenFolder, victim: Path
) -> None:
    path, said_of_it = planted
    with pytest.raises(SessionError, match=rf"session\.journal\.jsonl'.*({said_of_it}).*--out"):
        JournalView(path, folder)
    assert victim.read_text() == PRECIOUS
    assert not Path(f"{victim}-2").exists()


@pytest.mark.timeout(10)
def test_a_journal_is_not_read_through_what_was_planted(planted: tuple[Path, str], victim: Path) -> None:
    path, said_of_it = planted
    with pytest.raises(SessionError, match=rf"cannot read the journal .*({said_of_it})"):
        load_journal(path)


def test_a_journal_that_is_open_goes_on_in_its_file_whatever_has_its_name(folder: OpenFolder, victim: Path) -> None:
    path = folder.path / "session.journal.jsonl"
    journal = JournalView(path, folder)
    path.rename(folder.path / "moved")
    path.symlink_to(victim)
    journal.on_event(said("one"))
    journal.close()
    assert victim.read_text() == PRECIOUS
    assert len(load_journal(folder.path / "moved")) == 1


@pytest.mark.timeout(10)
@pytest.mark.parametrize("kind", PLANTS)
def test_a_notebook_replaces_what_was_planted(kind: str, folder: OpenFolder, victim: Path) -> None:
    path = folder.path / "session.ipynb"
    view = NotebookView(path, folder=folder)
    path.unlink()
    PLANTS[kind][0](path, victim)
    view.on_event(said("one"))
    assert path.is_file()
    assert not path.is_symlink()
    assert victim.read_text() == PRECIOUS
    assert not list(folder.path.glob(".*"))


@pytest.mark.parametrize("kind", PLANTS)
def test_a_name_that_is_taken_is_not_claimed(kind: str, folder: OpenFolder, victim: Path) -> None:
    PLANTS[kind][0](folder.path / "session.ipynb", victim)
    with pytest.raises(SessionError, match="exists already and is not overwritten"):
        claim(folder, "session.ipynb")


def test_a_folder_that_loses_its_name_keeps_its_session(folder: OpenFolder, tmp_path: Path) -> None:
    """Where a folder above is another session's to write to, code may move this one away and put a link there."""
    other = tmp_path / "other"
    other.mkdir()
    view = NotebookView(folder.path / "session.ipynb", folder=folder)
    journal = JournalView(folder.path / "session.journal.jsonl", folder)
    folder.path.rename(tmp_path / "moved")
    folder.path.symlink_to(other)
    view.on_event(said("one"))
    journal.on_event(said("one"))
    journal.close()
    assert list(other.iterdir()) == []
    assert "one" in (tmp_path / "moved" / "session.ipynb").read_text()
    assert load_journal(tmp_path / "moved" / "session.journal.jsonl")
    with pytest.raises(OSError, match="directory"):
        open_folder(folder.path)


def test_journal_and_notebook_are_their_users_alone(folder: OpenFolder) -> None:
    NotebookView(folder.path / "session.ipynb", folder=folder)
    JournalView(folder.path / "session.journal.jsonl", folder).close()
    for path in folder.path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(folder: OpenFolder) -> None:
    folder.replace("x", b"old")
    (folder.path / "x").unlink()
    (folder.path / "x").write_text("mine")
    with pytest.raises(TypeError):
        folder.replace("x", "no bytes")  # type: ignore[arg-type]
    assert [(path.name, path.read_text()) for path in folder.path.iterdir()] == [("x", "mine")]


SWAP = """
import os, sys
journal, link, victim = sys.argv[1:]
while True:
    try:
        os.symlink(victim, link)
    except FileExistsError:
        pass
    if os.path.exists(journal):
        os.replace(link, journal)
"""


@pytest.mark.timeout(60)
def test_names_that_are_swapped_all_the_time_leave_the_victim_as_it_was(folder: OpenFolder, victim: Path) -> None:
    """By a parallel session's code, in the same folder, until it has been in time now and then."""
    path = folder.path / "session.journal.jsonl"
    refused = written = 0
    with subprocess.Popen([sys.executable, "-c", SWAP, str(path), str(folder.path / "link"), str(victim)]) as swapping:
        try:
            while refused < 5 or written < 5:
                folder.remove(path.name)
                try:
                    claim(folder, path.name)
                    time.sleep(1e-4 * (written > refused))
                    journal = JournalView(path, folder)
                except SessionError:
                    refused += 1
                else:
                    written += 1
                    journal.on_event(said("one"))
                    journal.close()
        finally:
            swapping.kill()
    assert victim.read_text() == PRECIOUS
