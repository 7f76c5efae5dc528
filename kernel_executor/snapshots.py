"""What a kernel is doing at one moment, as far as is known. Pure values."""

import time
from dataclasses import dataclass
from typing import Self

from kernel_executor.types import CodeBlock

MOST_LINE = 200
"""Characters of a line that are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFrame:
    """One call that has not returned.

    Args:
        file: Its file; empty for a cell.
        cell: Number of its cell, as the kernel counts them; 0 for a file.
        line: Its line.
        function: Its function.
        source: The text of the line, of a cell.
    """

    file: str = ""
    cell: int = 0
    line: int = 0
    function: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveVariable:
    """A variable of the code.

    Args:
        name: Its name.
        type: Name of its value's type.
        length: How many parts it has, of Python's own collections and texts.
        shape: That of an array or a table.
        bytes: Its size, where that was known at once.
        comes: Whether `fetch` can bring a value of its type, if what is in it is data.
        identity: Tells whether a variable still is the same object as before; 0 if that is not known.
    """

    name: str
    type: str
    length: int | None = None
    shape: tuple[int, ...] | None = None
    bytes: int | None = None
    comes: bool = False
    identity: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningBlock:
    """The block that runs.

    Args:
        index: Its position in its call.
        language: Its language.
        first_line: The first line of its code.
        seconds: Since it began.
    """

    index: int
    language: str
    first_line: str
    seconds: float

    @classmethod
    def of(cls, index: int, block: CodeBlock, began: float) -> Self:
        """Return it for a block that began at a time of `time.monotonic`."""
        first = next(filter(None, map(str.strip, block.code.splitlines())), "")
        seconds = time.monotonic() - began
        return cls(index=index, language=block.language, first_line=first[:MOST_LINE], seconds=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSnapshot:
    """What a kernel is doing at one moment.

    Args:
        answered: Whether it answered. C code may keep its interpreter; or it is no kernel of ours, and cannot.
        running: The block that runs; None if none does.
        stack: Calls of its code that have not returned, outermost first; none while it only waits in an `await`, and
            none of a shell block.
        left_out: How many there are besides, in the middle.
        variables: The newest variables, at most 100, in the order in which they were made.
        memory: Bytes that the kernel has in memory; None if they are not known.
        processors: How many processors it used meanwhile; only known if it did not answer.
        why_no_checkpoint: Why the variables are not kept for the case that the kernel dies; empty if they are.
    """

    answered: bool = False
    running: RunningBlock | None = None
    stack: tuple[StackFrame, ...] = ()
    left_out: int = 0
    variables: tuple[LiveVariable, ...] = ()
    memory: int | None = None
    processors: float | None = None
    why_no_checkpoint: str = ""
