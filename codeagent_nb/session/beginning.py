"""Makes or opens the files of a session: its folder, journal and notebook. Knows no executor and no agent."""

import os
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

from codeagent_nb.errors import SessionError
from codeagent_nb.events import AgentEvent
from codeagent_nb.log.event_log import EventLog
from codeagent_nb.log.journal import JournalView, load_journal
from codeagent_nb.log.place import DATA, SessionPlace
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.session.earlier import copy_data, end_of_run, of_the_past
from codeagent_nb.views.notebook_file import NotebookView, is_saved_from
from kernel_executor.folders.home import with_home
from kernel_executor.folders.safe_files import OpenFolder, open_folder
from kernel_executor.folders.trees import remove
from kernel_executor.folders.work_folder import open_work_folder

AGENT_NAME = "codeagent"

EMPTY = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
"""A notebook before the first task: one that is killed then leaves one that opens."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The files of a session, open.

    Args:
        place: Its folder.
        log: What happened in it before.
        journal: Writes it on.
        notebook: Saves it.
        undo: Takes away what was made of it, as long as it has not begun.
    """

    place: SessionPlace
    log: EventLog
    journal: JournalView
    notebook: NotebookView
    undo: ExitStack


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What a session goes on from; with nothing of it, it is a new one.

    Args:
        name: The session of its folder that it is itself; empty begins one.
        events: What a new one goes on from.
        data: The folder of the variables these name, if it is to be copied.
    """

    name: str = ""
    events: Sequence[AgentEvent] = ()
    data: Path | None = None

    @property
    def is_something(self) -> bool:
        """Whether there is anything to go on from."""
        return bool(self.name or self.events)


NOTHING = Earlier()


def begin(
    work_dir: OpenFolder, stem: str, notebook: str, earlier: Earlier, secrets: Secrets, *, stack: ExitStack
) -> Begun:
    """Make or open the files of a session; the stack closes them.

    Args:
        work_dir: The folder that its code works in.
        stem: What a new one is named after.
        notebook: The name of a notebook in that folder; empty keeps it with the session.
        earlier: What it goes on from.
        secrets: What is kept nowhere.
        stack: Closes what is opened.

    Raises:
        SessionError: The notebook exists and is another one, or something cannot be written or read.
    """
    place = SessionPlace.open(work_dir.path, earlier.name) if earlier.name else SessionPlace.make(work_dir.path, stem)
    stack.callback(place.close)
    undo = stack.enter_context(ExitStack())
    if not earlier.name:
        undo.callback(remove_session, place)
    place.make_data()
    journal = stack.enter_context(closing(JournalView(place.journal, place.folder)))
    past = load_journal(place.journal, place.folder) if earlier.name else earlier.events
    copy_data(earlier.data, place)
    log = EventLog(secrets)
    taken = of_the_past(past, place)
    log.replace((*taken, *end_of_run(taken)))
    # The end of a run that was killed, too: the saved notebook has it, and is known by what the journal has.
    _write(journal, log.events[len(taken) if earlier.name else 0 :])
    folder, path = (work_dir, work_dir.path / notebook) if notebook else (place.folder, place.notebook)
    if notebook:
        _claim(work_dir, notebook, log.events, undo)
    return Begun(place, log, journal, NotebookView(path, log.events, folder=folder), undo)


def _write(journal: JournalView, past: Sequence[AgentEvent]) -> None:
    try:
        for event in past:
            journal.on_event(event)
    except OSError as error:
        raise SessionError(f"cannot write the journal of the session: {error.strerror or error}") from error


def open_folder_of(notebook: Path | None, folder: Path) -> OpenFolder:
    """Open the folder once: its name, or that of one above it, may be given to another one while the session lives.

    Raises:
        SessionError: It cannot be used.
    """
    wanted = with_home(notebook).absolute().parent if notebook else folder
    named = f"the folder of --out {str(notebook)!r}" if notebook else f"the folder {str(folder)!r}"
    try:
        return open_folder(open_work_folder(wanted).path)
    except OSError as error:
        more = "" if notebook else "; choose another one with %config CodeAgent.folder = '...'"
        raise SessionError(f"cannot use {named}: {error.strerror or error}{more}") from error


def _claim(folder: OpenFolder, name: str, events: Sequence[AgentEvent], undo: ExitStack) -> None:
    """Make the notebook that is seen, so that nothing is overwritten but what the session saved itself."""
    path = folder.path / name
    try:
        with os.fdopen(folder.create(name), "wb") as file:
            file.write(EMPTY)
    except FileExistsError as error:
        if not (events and is_saved_from(path, events, folder)):
            why = "exists already and is not overwritten: choose another name (--out)"
            raise SessionError(f"{str(path)!r} {why}") from error
    except OSError as error:
        raise SessionError(f"cannot write {str(path)!r} ({error.strerror}): choose another folder (--out)") from error
    else:
        undo.callback(folder.remove, name)  # or a session that never began would keep the name


def remove_session(place: SessionPlace) -> None:
    """Remove the folder of a session with all that is in it; errors are no matter."""
    with suppress(OSError):
        # What its path leads to may have changed, if a folder above was moved.
        sessions = os.open("..", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=place.folder.descriptor)
        try:
            remove(sessions, place.name)
        finally:
            os.close(sessions)


def leave(place: SessionPlace, *, is_empty: bool) -> None:
    """Take away what a session has not used: all of it, if nothing happened in it."""
    if is_empty:
        remove_session(place)
        return
    with suppress(OSError):
        os.rmdir(DATA, dir_fd=place.folder.descriptor)
