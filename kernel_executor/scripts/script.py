"""Turns a code block into a script file: its name, its text, its command line. Knows no process.

As in AutoGen, a first line `# filename: name.py` names the file, which then stays; others are deleted after the run.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from kernel_executor.folders.trees import FOLDER, Tree
from kernel_executor.functions.pip_commands import quiet
from kernel_executor.languages import normalize
from kernel_executor.types import CodeBlock

NAMED = "# filename:"

SUFFIXES = {"python": "py", "bash": "sh", "pwsh": "ps1"}


HERE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK
"""Executed code may have put there a link that leads out of its sandbox, or a pipe that nobody reads."""


class ScriptRefused(Exception):  # noqa: N818 - named after the state
    """A script cannot be written where it wants to be; the text is for people and models."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script in a work folder.

    Args:
        work_dir: The folder.
        name: The file, relative to the folder, with `/`.
        language: `python`, `bash` or `pwsh`.
        text: What is in it.
        kept: Whether it stays after the run.
        seen_at: Where the folder is for the code, from the folder it runs in.
    """

    work_dir: Path
    name: str
    language: str
    text: str
    kept: bool
    seen_at: PurePosixPath

    @property
    def argument(self) -> str:
        """The name as an argument that is no option."""
        name = str(self.seen_at / self.name)
        return f"./{name}" if name.startswith("-") else name

    def write(self) -> None:
        """Write the file; it is UTF-8.

        Raises:
            ScriptRefused: It cannot be written.
        """
        try:
            with self._place() as (folder, base):
                file = os.open(base, HERE, 0o666, dir_fd=folder)
            with open(file, "w", encoding="utf-8") as writer:  # noqa: PTH123 - a descriptor
                writer.write(self.text)
        except OSError as error:
            raise ScriptRefused(f"{self.name} cannot be written: {error.strerror or error}.") from error

    def discard(self) -> None:
        """Delete the file, unless it stays."""
        if not self.kept:
            with suppress(OSError), self._place() as (folder, base):  # code may have done it, or put a folder there
                os.unlink(base, dir_fd=folder)  # in that folder, wherever its name leads now

    @contextmanager
    def _place(self) -> Iterator[tuple[int, str]]:
        """Open the file's folder step by step: while we look, code may put a link in the place of any of them."""
        self.work_dir.mkdir(parents=True, exist_ok=True)  # code without a sandbox may have removed it
        root = os.open(self.work_dir, FOLDER)
        try:
            with Tree(root).holding(self.name, make=True) as place:
                yield place
        finally:
            os.close(root)


class Shelf(Protocol):
    """Where scripts are written."""

    @property
    def path(self) -> Path:
        """An existing, resolved folder."""
        ...

    @property
    def seen_at(self) -> PurePosixPath:
        """Where that is for the code, from the folder it runs in."""
        ...

    @property
    def keep(self) -> bool:
        """Whether a script without a name of its own stays, too."""
        ...

    def folder_of(self, name: str) -> Path:
        """Return the folder that a file of a name is written to."""
        ...

    def is_protected(self, name: str) -> bool:
        """Return whether a file, by its path in the folder, is not overwritten."""
        ...


def script_of(block: CodeBlock, shelf: Shelf) -> Script:
    """Make a script of a block.

    Args:
        block: What is to run.
        shelf: Where it is written.

    Raises:
        ScriptRefused: It names a file outside of the folder, or one that is protected; or it holds a NUL character,
            which interpreters drop, or what follows it.
    """
    language = normalize(block.language) or "python"
    code = block.code.encode(errors="replace").decode()  # a lone surrogate cannot be written
    if "\0" in code:
        raise ScriptRefused("A script cannot hold a NUL character.")
    text = quiet(code, language) if language != "python" else code
    first_line = code.lstrip("\n").split("\n", 1)[0].strip()
    if first_line.startswith(NAMED):
        name = _inside(first_line.removeprefix(NAMED).strip(), shelf)
        return Script(shelf.folder_of(name), name, language, text, kept=True, seen_at=shelf.seen_at)
    # Not named after its text, as in AutoGen: two who run the same code in one folder deleted each other's script.
    name = f"tmp_code_{uuid.uuid4().hex}.{SUFFIXES[language]}"
    return Script(shelf.path, name, language, text, kept=shelf.keep, seen_at=shelf.seen_at)


def _inside(name: str, shelf: Shelf) -> str:
    work_dir = shelf.path
    # Resolved, for executed code may have made a link there that leads out.
    try:
        path = (work_dir / name).resolve()
    except (OSError, RuntimeError) as error:  # before Python 3.13 a link to itself is the latter
        raise ScriptRefused(f"{name!r} leads nowhere: {error}. Choose another name.") from error
    if path == work_dir or not path.is_relative_to(work_dir):
        raise ScriptRefused(f"Filename is not in the workspace: {name!r}. Name a file inside of the working folder.")
    inside = path.relative_to(work_dir).as_posix()
    if shelf.is_protected(inside):
        raise ScriptRefused(f"{name!r} was there before, and is not overwritten. Choose another name.")
    return inside
