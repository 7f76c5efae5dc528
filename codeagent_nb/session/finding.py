"""Finds the sessions of a folder: lists them, names, deletes them, and says what a new one goes on from.

Also finds those of before `.codeagent/`, whose files lie beside the notebooks; they are read where they lie and stay.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from codeagent_nb.errors import SessionError
from codeagent_nb.events import EVENT, AgentEvent, TextMessage
from codeagent_nb.log.journal import load_journal, lock_if_free
from codeagent_nb.log.place import JOURNAL, LABEL, OURS, SessionPlace, is_of, session_names
from codeagent_nb.session.beginning import AGENT_NAME, Earlier, remove_session
from codeagent_nb.session.earlier import up_to_task
from codeagent_nb.session.from_notebook import read_conversation
from codeagent_nb.text import counted, first_words, one_line
from kernel_executor.folders.safe_files import OpenFolder, open_folder
from kernel_executor.folders.work_folder import too_much_to_show
from kernel_executor.text import cleaned

OLD = ".journal.jsonl"
MOST_LISTED, MOST_OF_FOLDER = 200, 20_000
MOST_SCANNED = 64 << 20
"""Bytes of a journal that are looked through for its tasks."""

OF_THE_USER = b'{"source":"user","created_at":'
"""How the line of a task begins."""

LABEL_LENGTH = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A session that can be gone on with.

    Args:
        name: Its name in the folder, or that of its notebook, if its files lie beside that.
        label: What the user has called it; empty if nothing.
        work_dir: The folder that its code works in.
        tasks: What it was asked for, oldest first.
        changed: When something happened in it last.
        flaw: Why it cannot be read; empty if it can.
        is_old: Whether its files lie beside its notebook.
    """

    name: str
    label: str = ""
    work_dir: Path
    tasks: tuple[str, ...] = ()
    changed: datetime
    flaw: str = ""
    is_old: bool = False

    @property
    def shown(self) -> str:
        """What people call it."""
        return self.label or self.name


def sessions_in(folder: Path) -> list[Found]:
    """Return the sessions of a folder, those in which something happened last first.

    Raises:
        SessionError: What is there is not ours.
    """
    found = [one for work_dir in _work_dirs(folder) for one in (*_in(work_dir), *_old(work_dir))]
    return sorted(found, key=lambda one: one.changed, reverse=True)[:MOST_LISTED]


def _work_dirs(folder: Path) -> list[Path]:
    """Return where code works that is to work in a folder: in one that no code gets as a whole, in new ones."""
    resolved = folder.expanduser().resolve()
    if resolved not in too_much_to_show():
        return [resolved]
    return [path for path in islice(resolved.glob("codeagent-*"), MOST_LISTED) if (path / OURS).is_dir()]


def _in(work_dir: Path) -> Iterator[Found]:
    for name in sorted(session_names(work_dir), key=lambda name: name[-19:], reverse=True)[:MOST_LISTED]:
        yield _looked_at(work_dir, name)


def newest_of(found: Sequence[Found], stem: str) -> Found | None:
    """Return the session of a notebook in which something happened last, if there is one with a task."""
    return next((one for one in found if is_of(one.name, stem) and one.tasks and not one.flaw), None)


def listed(found: Sequence[Found], name: str = "") -> str:
    """Return a list of sessions for people.

    Args:
        found: The sessions.
        name: The one that is open here.
    """
    rows = [_row(number, one, is_open=one.name == name) for number, one in enumerate(found, start=1)]
    return "\n".join(rows) or "No sessions here yet."


def _row(number: int, found: Found, *, is_open: bool) -> str:
    tasks = counted(len(found.tasks), "task")
    when = f"{found.changed.astimezone():%Y-%m-%d %H:%M}"
    head = f"{number:3}{'*' if is_open else ' '} {found.shown}  {when}, {tasks}"
    if found.flaw:
        return f"{number:3}  {found.shown}  cannot be read: {found.flaw}"
    if found.is_old:
        head += ", beside its notebook"
    return f"{head}\n     {first_words(found.tasks[-1])}" if found.tasks else head


def find_session(folder: Path, wanted: str, stem: str = "") -> Found:
    """Return the session that is meant.

    Args:
        folder: Its folder.
        wanted: Its name, what the user has called it, its number in the list, or how one of these begins, if that is of
            one only; empty is the last one.
        stem: The notebook of which it is, if nothing is said and there is one.

    Raises:
        SessionError: There is none, or it is not clear which.
    """
    found = sessions_in(folder)
    if not found:
        raise SessionError(f"there are no sessions in {str(folder)!r} yet")
    if not wanted:
        return newest_of(found, stem) or found[0]
    exact = [one for one in found if wanted in {one.label, one.name}]
    numbered = found[int(wanted) - 1 : int(wanted)] if wanted.isdecimal() and len(wanted) < 6 and int(wanted) else []
    meant = exact or numbered or [one for one in found if one.shown.startswith(wanted) or one.name.startswith(wanted)]
    if len(meant) != 1:
        why = "several sessions begin with" if meant else "there is no session"
        raise SessionError(f"{why} {cleaned(wanted)!r} in {str(folder)!r}; `%agent sessions` lists them")
    return meant[0]


def earlier_session(folder: Path, wanted: str = "") -> Earlier:
    """Return what a session goes on from in a folder, for `open_session(settings, earlier=...)`.

    Args:
        folder: The folder that its code works in.
        wanted: As for `find_session`, or the path of a notebook, which stays as it is.

    Raises:
        SessionError: There is none, or it cannot be read.
    """
    if wanted.endswith(".ipynb"):
        return earlier_in_notebook(folder / wanted, AGENT_NAME)
    return earlier_of(find_session(folder, wanted))


def earlier_of(found: Found) -> Earlier:
    """Return what a session is to go on from: a session itself; one whose files lie beside a notebook is copied.

    Raises:
        SessionError: It cannot be read.
    """
    if found.flaw:
        raise SessionError(f"the session {found.shown!r} cannot be gone on with: {found.flaw}")
    return Earlier(events=events_of(found)) if found.is_old else Earlier(name=found.name)


def fork_of(found: Found, tasks: int) -> Earlier:
    """Return what a new session goes on from that is to be as an earlier one after so many tasks.

    Raises:
        SessionError: It cannot be read, or has not so many.
    """
    log = up_to_task(events_of(found), tasks)
    if found.is_old:
        return Earlier(events=log)
    with closing(SessionPlace.open(found.work_dir, found.name)) as place:
        return Earlier(events=log, data=place.data)


def earlier_in_notebook(path: Path, agent: str = AGENT_NAME) -> Earlier:
    """Return what a notebook tells, to go on from; errors are those of `read_conversation`."""
    return Earlier(events=read_conversation(path, agent))


def rename_session(found: Found, label: str) -> str:
    """Call a session otherwise; return the new name as it is kept.

    Raises:
        SessionError: It is no name, another one is called so, or it cannot be written.
    """
    kept = one_line(cleaned(label))[:LABEL_LENGTH].strip()
    if not kept or kept.isdecimal():
        raise SessionError(f"{label!r} is no name for a session: it needs a letter")
    if any(kept in {one.label, one.name} and one.name != found.name for one in sessions_in(found.work_dir)):
        raise SessionError(f"another session is called {kept!r} already")
    _refuse_old(found, "renamed")
    with closing(SessionPlace.open(found.work_dir, found.name)) as place:
        try:
            place.folder.replace(LABEL, kept.encode())
        except OSError as error:
            raise SessionError(f"cannot write the name of {found.name!r}: {error.strerror or error}") from error
    return kept


def delete_session(found: Found) -> None:
    """Delete a session with all that is in its folder.

    Raises:
        SessionError: It is open, in another notebook perhaps, or its files lie beside a notebook.
    """
    _refuse_old(found, "deleted")
    with closing(SessionPlace.open(found.work_dir, found.name)) as place:
        if _is_open(place.folder):
            raise SessionError(f"the session {found.shown!r} is open, here or in another notebook: end it first")
        remove_session(place)
        if found.name in session_names(found.work_dir):
            raise SessionError(f"{str(place.folder.path)!r} cannot be deleted: look at what is in it")


def _refuse_old(found: Found, what: str) -> None:
    if found.is_old:
        raise SessionError(
            f"the files of {found.name!r} lie beside your notebooks and are not {what} here: {found.name}.ipynb and "
            f"{found.name}{OLD}"
        )


def _is_open(folder: OpenFolder) -> bool:
    """Return whether a session is open in any process: its journal is locked then."""
    with suppress(OSError), os.fdopen(folder.open(JOURNAL), "rb") as file:
        return not lock_if_free(file.fileno())
    return False


def _looked_at(work_dir: Path, name: str) -> Found:
    try:
        with closing(SessionPlace.open(work_dir, name)) as place:
            tasks, changed = _scan(place.folder, JOURNAL)
            return Found(name=name, label=_label(place.folder), work_dir=work_dir, tasks=tasks, changed=changed)
    except (SessionError, OSError) as error:
        why = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        return Found(name=name, work_dir=work_dir, changed=datetime.fromtimestamp(0, UTC), flaw=why)


def _old(work_dir: Path) -> Iterator[Found]:
    with suppress(OSError), closing(open_folder(work_dir.resolve())) as folder:
        for file in [name for name in folder.names(MOST_OF_FOLDER) if name.endswith(OLD)][:MOST_LISTED]:
            with suppress(OSError):  # a link or a pipe of that name is no session
                tasks, changed = _scan(folder, file)
                yield Found(name=file.removesuffix(OLD), work_dir=work_dir, tasks=tasks, changed=changed, is_old=True)


def _scan(folder: OpenFolder, name: str) -> tuple[tuple[str, ...], datetime]:
    """Return the tasks in a journal, and when it was changed.

    Raises:
        OSError: It cannot be read.
    """
    with os.fdopen(folder.open(name), "rb") as file:
        changed = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
        content = file.read(MOST_SCANNED)
    return tuple(filter(None, map(_task, _lines_of_tasks(content)))), changed


def _lines_of_tasks(content: bytes) -> Iterator[bytes]:
    """Yield the whole lines that begin as tasks do; to split all of a journal takes ten times as long."""
    place = 0 if content.startswith(OF_THE_USER) else content.find(b"\n" + OF_THE_USER) + 1
    while content.startswith(OF_THE_USER, place) and (end := content.find(b"\n", place)) >= 0:
        yield content[place:end]
        place = content.find(b"\n" + OF_THE_USER, end) + 1 or len(content)


def _task(line: bytes) -> str:
    with suppress(ValueError, RecursionError):
        event = EVENT.validate_json(line)
        return event.content if isinstance(event, TextMessage) else ""
    return ""


def _label(folder: OpenFolder) -> str:
    with suppress(OSError), os.fdopen(folder.open(LABEL), "rb") as file:
        return one_line(cleaned(file.read(4 * LABEL_LENGTH).decode("utf-8", "replace")))[:LABEL_LENGTH].strip()
    return ""


def events_of(found: Found) -> Sequence[AgentEvent]:
    """Return what happened in a session; errors are those of `load_journal`."""
    if found.is_old:
        return load_journal(found.work_dir / f"{found.name}{OLD}")
    with closing(SessionPlace.open(found.work_dir, found.name)) as place:
        return load_journal(place.journal, place.folder)
