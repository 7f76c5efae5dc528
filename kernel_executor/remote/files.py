"""Copies files to and from a kernel on a server, in pieces over its own channels, and compares what has arrived.

Not by the server's own API of files: gateways have none, and where a server has one it need not show the folder that
its kernel is in.
"""

import ast
import base64
import hashlib
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kernel_executor import in_kernel
from kernel_executor.errors import KernelExecutorError, NotFetched
from kernel_executor.outputs.fold import OutputLimits

PIECE = 256_000
"""Bytes; a piece is an answer of the kernel's, and text of so many characters is let through."""

ATTEMPTS = 3
PIECE_TIMEOUT = 60.0
"""Seconds; a connection that is cut comes back meanwhile."""

WHOLE_TIMEOUT = 600.0
"""Seconds to read a file for its hash."""

Evaluate = Callable[[str, float], Awaitable[str | None]]
"""Returns the `repr` of an expression in the kernel, or None if it failed or took longer than so many seconds."""


class CopyFailed(KernelExecutorError):  # noqa: N818 - named after what happened
    """A file could not be copied."""


async def upload(source: Path, name: str, evaluate: Evaluate) -> None:
    """Copy a file of this machine; there it has its name only when all of it has arrived.

    Args:
        source: The file.
        name: Its path there, from the kernel's folder.
        evaluate: Evaluates in the kernel.

    Raises:
        CopyFailed: It did not arrive, or not as it is here.
        OSError: It cannot be read.
    """
    digest, offset = hashlib.sha256(), 0
    with source.open("rb") as file:
        while (piece := file.read(PIECE)) or not offset:
            digest.update(piece)
            told = base64.b64encode(piece).decode()
            written = await _insist(evaluate, f"put({name!r}, {offset}, {told!r})", PIECE_TIMEOUT, name)
            if written != len(piece):
                raise CopyFailed(f"{name!r} could not be written there")
            offset += len(piece)
            if not piece:
                break
    if await _insist(evaluate, f"finish({name!r}, {digest.hexdigest()!r})", WHOLE_TIMEOUT, name) is not True:
        raise CopyFailed(f"{name!r} arrived otherwise than it is here, and was not kept")


async def digest_of(name: str, evaluate: Evaluate) -> str:
    """Return the SHA-256 of a file there; empty if there is none.

    Raises:
        CopyFailed: It cannot be read.
    """
    return str(await _insist(evaluate, f"digest({name!r})", WHOLE_TIMEOUT, name))


async def download(name: str, target: Path, evaluate: Evaluate, limits: OutputLimits, most: int | None = None) -> None:
    """Copy a file to this machine; the target is replaced when all of it is there.

    Args:
        name: Its path there, from the kernel's folder.
        target: Where to.
        evaluate: Evaluates in the kernel.
        limits: Those of the kernel's output, which an answer has to fit.
        most: Bytes it may have; None sets no limit.

    Raises:
        CopyFailed: There is no such file, it changed meanwhile, or is too large.
        OSError: The target cannot be written.
    """
    size, wanted = await _looked_at(name, evaluate)
    if most is not None and size > most:
        raise CopyFailed(f"{name!r} is too large")
    piece_size = min(PIECE, (limits.head + limits.tail) // 2)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    digest, offset = hashlib.sha256(), 0
    try:
        with part.open("xb") as file:
            while offset < size:
                told = await _insist(evaluate, f"get({name!r}, {offset}, {piece_size})", PIECE_TIMEOUT, name)
                piece = base64.b64decode(told, validate=True) if isinstance(told, str) else b""
                if not piece or len(piece) > piece_size:
                    break
                file.write(piece)
                digest.update(piece)
                offset += len(piece)
        if digest.hexdigest() != wanted:
            raise CopyFailed(f"{name!r} changed while it was copied; nothing was replaced here")
        part.replace(target)
    except ValueError as error:  # code has made up an answer
        raise CopyFailed(f"{name!r} could not be read") from error
    finally:
        part.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class FilesThere:
    """Files that a kernel on a server writes for us, as `fetching.fetch` wants them.

    Args:
        evaluate: Evaluates in the kernel.
        limits: Those of its output.
    """

    evaluate: Evaluate
    limits: OutputLimits

    async def make(self) -> str | None:
        """Make an empty file; return its path, None if that fails."""
        try:
            return str(await _insist(self.evaluate, "make()", PIECE_TIMEOUT, "a file"))
        except CopyFailed:
            return None

    async def carry(self, path: str, target: Path, limit: int) -> None:
        """Copy one here, unless it has more bytes than that.

        Raises:
            NotFetched: It has more, or could not be copied.
        """
        try:
            await download(path, target, self.evaluate, self.limits, 2 * limit)
        except CopyFailed as error:
            raise NotFetched(f"it was not copied: {error}") from error

    async def drop(self, path: str) -> None:
        """Remove one, if the kernel can still do that."""
        with suppress(CopyFailed):
            await _insist(self.evaluate, f"drop({path!r})", PIECE_TIMEOUT, path)


async def _looked_at(name: str, evaluate: Evaluate) -> tuple[int, str]:
    match await _insist(evaluate, f"look({name!r})", WHOLE_TIMEOUT, name):
        case (int(size), str(digest)):
            return size, digest
    raise CopyFailed(f"{name!r} could not be read")


async def _insist(evaluate: Evaluate, call: str, timeout: float, name: str) -> object:
    """Call a function of `in_kernel.files`, again if the answer was lost: each may be called twice."""
    for _ in range(ATTEMPTS):
        told = await evaluate(f'__import__("{in_kernel.MODULE}.files").files.{call}', timeout)
        if told is not None:
            try:
                return ast.literal_eval(told)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                break
    raise CopyFailed(
        f"{name!r}: the kernel could not read or write it; is it there, and is the kernel a Python kernel?"
    )
