"""Where sessions lie: in `.codeagent/`, in the folder they work in. Knows no events and no executor.

A folder may come from anywhere, so what is found there is opened step by step, never through a link; whose it is and
what kind of file it is, is looked at before it is used.
"""

import errno
import os
import re
import stat
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from codeagent_nb.errors import SessionError
from kernel_executor.folders.safe_files import PRIVATE_FOLDER, OpenFolder

OURS = ".codeagent"
SESSIONS, DATA = "sessions", "data"
JOURNAL, NOTEBOOK, LABEL = "journal.jsonl", "session.ipynb", "name.txt"

IGNORE = ".gitignore"
ABOUT = b"""\
# The sessions of codeagent-nb in this folder: what you and the agent said, its code and outputs, copies of the
# variables it was given. Deleting the folder .codeagent loses these sessions, and nothing else. Git leaves it out:
*
"""

MOST_SESSIONS = 10_000
STEM_LENGTH = 60
"""Characters of a notebook's name in that of its sessions: a name may have 255 bytes."""

STEM_BYTES = 180
"""Of the same: a name has at most 255 bytes, and 60 characters may have 240 of them."""

IN_THE_WAY = frozenset({errno.EPERM, errno.ENOTDIR, errno.ELOOP})
"""What is wrong where something that is not ours stands in the place of our folders."""

VALID = re.compile(r"[\w#+,=@~()-][\w .#+,=@~()-]{0,100}")
"""Names of sessions: no separator, no control character, none that is hidden."""

MOMENT = re.compile(r"-\d{8}-\d{6}-\d{3}(?:-\d+)?")


@dataclass(frozen=True, slots=True)
class SessionPlace:
    """The open folder of a session, and its parts. It must be closed.

    Args:
        name: Its name, which no other session of the work folder has.
        work_dir: The folder that its code works in.
        folder: Its own folder.
    """

    name: str
    work_dir: Path
    folder: OpenFolder

    @property
    def data(self) -> Path:
        """The folder of the variables it was given; the only one in `.codeagent/` that its code can read."""
        return self.folder.path / DATA

    @property
    def notebook(self) -> Path:
        """The notebook it is saved in, unless that is to be seen."""
        return self.folder.path / NOTEBOOK

    @property
    def journal(self) -> Path:
        """Its journal."""
        return self.folder.path / JOURNAL

    def close(self) -> None:
        """Close its folder."""
        self.folder.close()

    @classmethod
    def make(cls, work_dir: Path, stem: str) -> Self:
        """Make the folder of a new session.

        Args:
            work_dir: The folder that its code works in, which exists.
            stem: What it is named after: a notebook.

        Raises:
            SessionError: It cannot be made, or what is there is not ours.
        """
        with closing(_sessions(work_dir, make=True)) as sessions:
            try:
                name = _made(sessions, f"{plain_stem(stem)}-{moment()}")
                return cls(name, work_dir, sessions.enter(name))
            except OSError as error:
                raise _cannot(sessions.path, error) from error

    @classmethod
    def open(cls, work_dir: Path, name: str) -> Self:
        """Open the folder of a session.

        Raises:
            SessionError: There is none of that name, or it is none of ours.
        """
        if not VALID.fullmatch(name):
            raise SessionError(f"{name!r} is not the name of a session; `%agent sessions` lists them")
        try:
            with closing(_sessions(work_dir)) as sessions:
                return cls(name, work_dir, _private(sessions.enter(name)))
        except FileNotFoundError as error:
            raise SessionError(f"there is no session {name!r} in {str(work_dir)!r}") from error
        except OSError as error:
            raise _cannot(work_dir / OURS / SESSIONS / name, error) from error

    def make_data(self) -> None:
        """Make the folder of the variables, unless it is there.

        Raises:
            SessionError: It cannot be made, or what is there is no folder of ours.
        """
        try:
            with suppress(FileExistsError):
                self.folder.make_folder(DATA)
            _private(self.folder.enter(DATA)).close()
        except OSError as error:
            raise _cannot(self.data, error) from error


def session_names(work_dir: Path) -> list[str]:
    """Return the names of a folder's sessions.

    Raises:
        SessionError: What is there is not ours.
    """
    try:
        with closing(_sessions(work_dir)) as sessions:
            return [name for name in sessions.names(MOST_SESSIONS) if VALID.fullmatch(name)]
    except FileNotFoundError:
        return []


def last_session_of(work_dir: Path, stem: str) -> str:
    """Return the name of the session of a notebook in which something happened last; empty if there is none.

    Raises:
        SessionError: What is there is not ours.
    """
    names = [name for name in session_names(work_dir) if is_of(name, stem)]
    return max(names, key=lambda name: _changed(work_dir, name), default="")


def _changed(work_dir: Path, name: str) -> float:
    with suppress(SessionError, OSError), closing(SessionPlace.open(work_dir, name)) as place:
        return os.stat(JOURNAL, dir_fd=place.folder.descriptor, follow_symlinks=False).st_mtime
    return 0.0


def plain_stem(stem: str) -> str:
    """Return a notebook's name as sessions are named after it."""
    plain = re.sub(r"[^\w .#+,=@~()-]", "_", stem)[:STEM_LENGTH]
    kept = plain.encode()[:STEM_BYTES].decode(errors="ignore").strip(" .")
    return kept if VALID.fullmatch(kept) else "notebook"


def is_of(name: str, stem: str) -> bool:
    """Return whether a session is of a notebook of that name."""
    plain = plain_stem(stem)
    return name.startswith(plain) and MOMENT.fullmatch(name[len(plain) :]) is not None


def moment() -> str:
    """Return the time of now, to name something after."""
    now = datetime.now().astimezone()
    return f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03}"


def our_folders(work_dir: Path) -> tuple[Path, ...]:
    """Return where sessions of a folder may lie: code sees neither. Another user's `.codeagent` is not ours to use."""
    return work_dir / OURS, work_dir / f"{OURS}-{os.getuid()}"


def work_folder_of(notebook: Path) -> Path:
    """Return the folder in which a notebook's code works: its own, or that of the session whose notebook it is."""
    parents = notebook.parents
    if len(parents) > 3 and parents[1].name == SESSIONS and parents[2] in our_folders(parents[3]):
        return parents[3]
    return notebook.parent


def _made(sessions: OpenFolder, wanted: str) -> str:
    """Make a folder of a new name; two notebooks may begin within a millisecond."""
    for number in range(1, 100):
        name = wanted if number == 1 else f"{wanted}-{number}"
        with suppress(FileExistsError):
            sessions.make_folder(name)
            return name
    raise FileExistsError(17, "there are too many sessions of that name", wanted)


def _sessions(work_dir: Path, *, make: bool = False) -> OpenFolder:
    """Open the folder of the sessions.

    Raises:
        FileNotFoundError: There is none, and it is not to be made.
        SessionError: It cannot be used: it is a link, or a file, or cannot be made.
    """
    path = next(path for path in our_folders(work_dir) if not _is_of_somebody_else(path))
    try:
        with ExitStack() as stack:
            outer = OpenFolder(work_dir, os.open(work_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            stack.callback(outer.close)
            if make:
                with suppress(FileExistsError):
                    outer.make_folder(path.name)
            ours = _private(outer.enter(path.name))
            stack.callback(ours.close)
            if make:
                _explain(ours)
                with suppress(FileExistsError):
                    ours.make_folder(SESSIONS)
            return _private(ours.enter(SESSIONS))
    except FileNotFoundError:
        if make:
            raise SessionError(f"the folder {str(work_dir)!r} was removed") from None
        raise
    except OSError as error:
        raise _cannot(path, error) from error


def _is_of_somebody_else(path: Path) -> bool:
    try:
        return path.lstat().st_uid != os.geteuid() and path.name == OURS
    except OSError:
        return False


def _private(folder: OpenFolder) -> OpenFolder:
    """Return a folder that nobody else may look into; one from a repository or an archive may be open to all.

    Raises:
        OSError: It is somebody else's.
    """
    try:
        found = os.fstat(folder.descriptor)
        if found.st_uid != os.geteuid():
            raise PermissionError(1, "it belongs to another user", str(folder.path))
        if stat.S_IMODE(found.st_mode) != PRIVATE_FOLDER:
            os.fchmod(folder.descriptor, PRIVATE_FOLDER)
    except OSError:
        folder.close()
        raise
    return folder


def _explain(ours: OpenFolder) -> None:
    """Write what the folder is into it, where nobody has yet, and have git leave it out."""
    with suppress(FileExistsError), os.fdopen(ours.create(IGNORE), "wb") as file:
        file.write(ABOUT)


def _cannot(path: Path, error: OSError) -> SessionError:
    place = error.filename if isinstance(error.filename, str) and os.sep in error.filename else str(path)
    # On a full disk it would be all sessions that are removed.
    what = "Remove it, or choose" if error.errno in IN_THE_WAY else "Choose"
    return SessionError(
        f"the agent's sessions cannot be kept in {place!r}: {error.strerror or error}. {what} another folder "
        "(%config CodeAgent.folder, --out)"
    )
