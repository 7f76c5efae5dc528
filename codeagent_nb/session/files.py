"""Puts a task's files where its code will find them, and describes them for the prompt. Knows no agent."""

import asyncio
import filecmp
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from codeagent_nb.describing.asking import description_of, told
from codeagent_nb.errors import SessionError
from codeagent_nb.log.redaction import Secrets
from kernel_executor import KernelExecutorError
from kernel_executor.folders.home import with_home
from kernel_executor.ports import CopyingExecutor

CONTEXT_BUDGET = 4_000  # characters for all files, about 1,000 tokens


class Evaluator(Protocol):
    """What describing needs of an executor."""

    async def evaluate(self, expression: str, *, timeout: float = ...) -> str | None:
        """Return the `repr` of a Python expression in the kernel, or None."""
        ...


def bring_files(files: Sequence[Path], folder: Path) -> list[str]:
    """Copy files into a folder, unless they are there; return their names in it.

    Copied, not linked: the saved notebook must run again where it lies, and a link's target is invisible in the
    sandbox.

    Raises:
        SessionError: Another file of its name is there already.
    """
    return [_bring(with_home(file), folder) for file in files]


async def bring_to(executor: object, files: Sequence[Path], folder: Path) -> list[str]:
    """Bring files to where code works, which may be a server; return their names there.

    Args:
        executor: Runs the code.
        files: The files.
        folder: The session's folder on this machine.

    Raises:
        SessionError: Another file of its name is there already, or it did not arrive.
    """
    if not isinstance(executor, CopyingExecutor):
        return await asyncio.to_thread(bring_files, files, folder)
    try:
        return [await executor.bring_file(with_home(file)) for file in files]
    except KernelExecutorError as error:
        raise SessionError(f"--file: {error}") from error


def check_files(files: Sequence[Path]) -> None:
    """Make sure that files can be brought, before anything is made.

    Raises:
        SessionError: One does not exist, or is a folder.
    """
    for file in files:
        found = with_home(file)
        if not found.is_file():
            what = "is a folder; name the files in it" if found.is_dir() else "there is no such file"
            raise SessionError(f"--file {str(file)!r}: {what}")


def _bring(file: Path, folder: Path) -> str:
    target = folder / file.name
    if target.is_file():
        if target.samefile(file) or filecmp.cmp(target, file, shallow=False):
            return file.name
        raise SessionError(
            f"--file {str(file)!r}: {str(folder)!r} already holds another file named {file.name!r}. "
            "Rename one of them, or choose another folder with --out."
        )
    # Not through a link that leads nowhere: an earlier session's code could have left one that leads to a file of ours.
    try:
        with file.open("rb") as source, target.open("xb") as copy:
            shutil.copyfileobj(source, copy)
    except FileExistsError as error:
        raise SessionError(
            f"--file {str(file)!r}: {str(target)!r} exists and is not a file. Remove it, or choose another folder with "
            "--out."
        ) from error
    return file.name


async def describe_files(executor: Evaluator, names: Sequence[str], secrets: Secrets) -> str:
    """Describe files in the kernel's working folder: exact names, columns, dtypes, missing counts, a few rows.

    Args:
        executor: The kernel.
        names: The files.
        secrets: What is shown nowhere. The kernel cannot leave them out, for it must not know them.
    """
    if not names:
        return ""
    budget = CONTEXT_BUDGET // len(names)
    return secrets.preview("\n\n".join([await _describe(executor, name, budget) for name in names]))


async def _describe(executor: Evaluator, name: str, budget: int) -> str:
    answer = await executor.evaluate(description_of("describe", repr(name), str(budget)))
    return told(answer, budget + 200) or f"File {name!r} is in the working folder."
