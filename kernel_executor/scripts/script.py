"""Turns a code block into a script file: its name, its text, its command line. Knows no process.

As in AutoGen, a first line `# filename: name.py` names the file, which then stays; others are deleted after the run.
"""

import hashlib
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kernel_executor.languages import normalize
from kernel_executor.pip_install import quiet
from kernel_executor.types import CodeBlock

NAMED = "# filename:"

SUFFIXES = {"python": "py", "bash": "sh", "pwsh": "ps1"}


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
    """

    work_dir: Path
    name: str
    language: str
    text: str
    kept: bool

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.work_dir / self.name

    def write(self) -> None:
        """Write the file; it is UTF-8.

        Raises:
            ScriptRefused: It cannot be written, or holds a NUL character: interpreters drop that, or what follows.
        """
        if "\0" in self.text:
            raise ScriptRefused("a script cannot hold a NUL character")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(self.text, encoding="utf-8", errors="replace")
        except OSError as error:
            raise ScriptRefused(f"{self.name} cannot be written: {error.strerror or error}.") from error

    def discard(self) -> None:
        """Delete the file, unless it stays."""
        if not self.kept:
            with suppress(OSError):  # executed code may have done it, or put a folder there
                self.path.unlink()


def script_of(block: CodeBlock, work_dir: Path, protected: Collection[Path], *, keep: bool) -> Script:
    """Make a script of a block.

    Args:
        block: What is to run.
        work_dir: An existing, resolved folder.
        protected: Entries of the folder that are not overwritten.
        keep: Whether a script without a name of its own stays, too.

    Raises:
        ScriptRefused: It names a file outside of the folder, or one that is protected.
    """
    language = normalize(block.language) or "python"
    text = quiet(block.code, language) if language != "python" else block.code
    first_line = block.code.lstrip("\n").split("\n", 1)[0].strip()
    if first_line.startswith(NAMED):
        name = _inside(first_line.removeprefix(NAMED).strip(), work_dir, protected)
        return Script(work_dir, name, language, text, kept=True)
    digest = hashlib.sha256(block.code.encode("utf-8", "replace")).hexdigest()
    return Script(work_dir, f"tmp_code_{digest}.{SUFFIXES[language]}", language, text, kept=keep)


def _inside(name: str, work_dir: Path, protected: Collection[Path]) -> str:
    # Resolved, for executed code may have made a link there that leads out.
    path = (work_dir / name).resolve()
    if path == work_dir or not path.is_relative_to(work_dir):
        raise ScriptRefused(f"Filename is not in the workspace: {name!r}. Name a file inside of the working folder.")
    if any(path == entry or path.is_relative_to(entry) for entry in protected):
        raise ScriptRefused(f"{name!r} was there before, and is not overwritten. Choose another name.")
    return path.relative_to(work_dir).as_posix()
