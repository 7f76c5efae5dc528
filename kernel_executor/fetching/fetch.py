"""Brings one variable home: written by the kernel, copied and sealed, checked in a sandbox, read. Knows no kernel.

In this order, and each on what the one before has left: code may write to its file at any time, but the copy is what is
checked, and what is read; the library that checks a table could be taken over by it, in a process that can do nothing.
"""

import json
import keyword
import os
import secrets
import tempfile
from ast import literal_eval
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from kernel_executor.aio.tasks import in_thread
from kernel_executor.errors import NotFetched
from kernel_executor.fetching.helper import open_checker
from kernel_executor.fetching.parcel import Malformed, read_parcel
from kernel_executor.fetching.sealed import Oversized, copy_sealed, mapped, private_file, read_only
from kernel_executor.fetching.tables import Home
from kernel_executor.fetching.values import NotHere, Reader, TooMuch
from kernel_executor.folders.safe_files import OpenFolder, open_folder
from kernel_executor.in_kernel import MODULE
from kernel_executor.sandbox.policy import SandboxMode
from kernel_executor.sizes import size_text

SIZE_LIMIT = 1_000_000_000
"""Bytes that a variable may have, unless more is asked for."""

AT_HOME = 4
"""Times as much memory as its file has a value may take here: texts and numbers that are Python's own do."""

WRITING = 120.0
"""Seconds to write it."""

LONGEST_NAME = 200

MOST = 1 << 60
"""Bytes that nothing has."""

Evaluate = Callable[[str, float], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A variable that came home.

    Args:
        name: Its name.
        value: A copy of its value.
        kind: The name of its type, as the code tells it.
        size: Bytes that came.
        notes: What came otherwise than it was.
    """

    name: str
    value: Any
    kind: str
    size: int
    notes: tuple[str, ...] = ()


def check_name(name: object) -> str:
    """Return the name of a variable.

    Raises:
        NotFetched: It is none.
    """
    if type(name) is not str or len(name) > LONGEST_NAME or not name.isidentifier() or keyword.iskeyword(name):
        shown = repr(name[:60] if isinstance(name, str) else name)[:80]
        raise NotFetched(f"{shown} is not a valid variable name: name one variable, e.g. clean")
    return name


@dataclass(frozen=True, slots=True)
class Source:
    """Where variables come from.

    Args:
        evaluate: Evaluates an expression there.
        seen_at: Returns a path of this machine as it is there; None if it is not seen there.
        folder: Where code can write, which is open; None if it can do so anywhere.
        sandbox: What is to hold the process that checks what comes.
        elsewhere: Copies files from another machine; None if the kernel is on this one.
    """

    evaluate: Evaluate
    seen_at: Callable[[Path], str | None]
    folder: OpenFolder | None
    sandbox: SandboxMode
    elsewhere: "Elsewhere | None" = None


class Elsewhere(Protocol):
    """Another machine, on which the kernel writes a file that is then copied."""

    async def make(self) -> str | None:
        """Make an empty file there; return its path, None if that fails."""
        ...

    async def carry(self, path: str, target: Path, limit: int) -> None:
        """Copy it into a file here, unless it has more bytes than that."""
        ...

    async def drop(self, path: str) -> None:
        """Remove it there."""
        ...


async def fetch(source: Source, name: str, limit: int) -> Fetched:
    """Bring a variable home.

    Args:
        source: Where it is.
        name: Its name.
        limit: Bytes that its file may have.

    Raises:
        NotFetched: It does not exist, is not data, is too large, or is not as it should be.
        KernelExecutorError: The kernel, or what checks what comes, could not be started.
    """
    check_name(name)
    with private_file() as copy, _meeting_place(source.folder) as folder:
        shown = read_only(copy)
        try:
            async with open_checker(shown, AT_HOME * limit, source.sandbox) as checker:
                await _bring(source, folder, name, limit, copy)
                if why_not := await checker.check():
                    raise NotFetched(f"`{name}` was not copied: {why_not}")
            return await in_thread(partial(_read, shown, name, limit))
        finally:
            os.close(shown)


@contextmanager
def _meeting_place(folder: OpenFolder | None) -> Iterator[OpenFolder]:
    """Yield a folder that code can write to and that we have open."""
    if folder:
        yield folder
    else:
        with tempfile.TemporaryDirectory(prefix="codeagent-fetch-") as path, closing(open_folder(Path(path))) as made:
            yield made


async def _bring(source: Source, folder: OpenFolder, name: str, limit: int, copy: int) -> None:
    """Have the kernel write the variable, and copy what it has written."""
    file = f".codeagent-{secrets.token_hex(12)}"
    there = source.elsewhere
    path = await there.make() if there else source.seen_at(folder.path / file)
    if path is None:
        raise NotFetched(f"`{name}` was not copied: the kernel can write no file that is seen here")
    try:
        os.close(folder.create(file))
        call = f'__import__("{MODULE}.packing", fromlist=["pack"]).pack({name!r}, {path!r}, {limit})'
        _judge(await source.evaluate(call, WRITING), name, limit)
        if there:
            await there.carry(path, folder.path / file, limit)
        descriptor = folder.open(file)
        try:
            await in_thread(partial(copy_sealed, descriptor, copy, limit))
        finally:
            os.close(descriptor)
    except Oversized as error:
        raise _too_large(name, error.args[0], limit) from None
    except OSError as error:
        raise NotFetched(f"`{name}` was not copied: its file cannot be read ({error.strerror or error})") from error
    finally:
        folder.remove(file)
        if there:
            await there.drop(path)


def _judge(answer: str | None, name: str, limit: int) -> None:
    """Raise what the kernel says stands in the way; what it says otherwise matters to nobody."""
    told: Any = None
    with suppress(ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        told = json.loads(literal_eval(answer or "")[:10_000])
    if not isinstance(told, dict):
        raise NotFetched(f"`{name}` was not copied: the kernel did not say how it went, or took too long")
    if "missing" in told:
        raise NotFetched(f"there is no variable `{name}` in the agent's kernel")
    if "large" in told:
        size = told["large"]
        raise _too_large(name, size if type(size) is int else 0, limit)
    if "refused" in told:
        raise NotFetched(f"`{name}` stays in the agent's kernel: {' '.join(str(told['refused'])[:500].split())}")


def _too_large(name: str, size: int, limit: int) -> NotFetched:
    if not limit < size < MOST:  # it was not known before, or the code has made it up
        return NotFetched(f"`{name}` is too large: it has more than the limit of {size_text(limit)}", size=2 * limit)
    return NotFetched(
        f"`{name}` is too large: it has {size_text(size)}, and the limit is {size_text(limit)}", size=size
    )


def _read(descriptor: int, name: str, limit: int) -> Fetched:
    """Read a parcel that was checked; in a thread, for large ones take a while."""
    data = mapped(descriptor)
    try:
        reader = Reader(read_parcel(data), Home(), AT_HOME * limit)
        value = reader.read()
    except NotHere as error:
        raise NotFetched(f"`{name}` was not copied: {error} is not installed here (pip install {error})") from error
    except (Malformed, TooMuch, MemoryError, RecursionError, OSError) as error:
        raise NotFetched(f"`{name}` was not copied: it is not as it should be ({error})") from error
    return Fetched(name, value, reader.parcel.kind, len(data), tuple(dict.fromkeys(reader.notes)))
