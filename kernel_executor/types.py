"""The values that go in and out of an executor. Knows nothing of kernels, sockets or models."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

Output = dict[str, Any]
"""One nbformat output dict: `stream`, `display_data`, `execute_result` or `error`."""

BlockStatus = Literal["ok", "error", "timeout", "interrupted", "died", "skipped", "refused", "unknown"]
"""How a block ended. `unknown`: it was sent, and whether it ran to its end could not be learned."""

KernelState = Literal["kept", "rolled_back", "restored", "lost"]
"""What became of a kernel's variables (design D18)."""


class UsualTimeout(Enum):
    """Stands for the time limit that an executor was made with; None is no limit."""

    USUAL_TIMEOUT = "usual"


USUAL_TIMEOUT = UsualTimeout.USUAL_TIMEOUT

Timeout = float | UsualTimeout | None
"""Seconds a block may take."""


def time_limit(seconds: float | None) -> float | None:
    """Return a time limit.

    Raises:
        ValueError: It is not more than 0.
    """
    if seconds is not None and seconds <= 0:
        raise ValueError(f"timeout must be more than 0 seconds, or None for no limit; it is {seconds!r}")
    return seconds


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A piece of code and the language it is written in.

    Args:
        code: The source, verbatim.
        language: A language name or one of its aliases, in any case.
    """

    code: str
    language: str = "python"


@dataclass(frozen=True, slots=True)
class Truncation:
    """How much of a block's output was left out, in characters of text or bytes of a display."""

    stdout: int = 0
    stderr: int = 0
    display: int = 0

    def __bool__(self) -> bool:
        return bool(self.stdout or self.stderr or self.display)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockResult:
    """What became of one block.

    Args:
        block: The block as it was given.
        status: How it ended.
        exit_code: 0 for `ok`, else as described in `KernelCodeExecutor.execute_code_blocks`.
        outputs: nbformat output dicts, in order.
        execution_count: The kernel's prompt number, if it gave one.
        ename: Name of the exception, if one ended the block.
        evalue: Text of that exception.
        traceback: Its lines, with ANSI colours as the kernel sent them.
        duration: Wall time in seconds.
        truncated: What was left out of `outputs`.
        state: What became of the kernel's variables: `kept`; `restored`, if it was gone and they are back as they were
            before the call; or `lost`.
        note: One sentence for people: why it was skipped, stopped, restarted or refused.
        denials: What it was refused, one sentence each: changes of the user's files, which were put back, and names of
            the network.
        unreached: Those names, as they would have to be allowed.
        unchanged: Those files.
        late: What came of earlier blocks since the one before ended: of their threads, and displays that were changed.
        widgets: The states of displayed widgets that have changed, by model, as a notebook's metadata holds them.
    """

    block: CodeBlock
    status: BlockStatus
    exit_code: int
    outputs: tuple[Output, ...] = ()
    execution_count: int | None = None
    ename: str | None = None
    evalue: str | None = None
    traceback: tuple[str, ...] = ()
    duration: float = 0.0
    truncated: Truncation = field(default_factory=Truncation)
    state: KernelState = "kept"
    note: str = ""
    denials: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    late: tuple[Output, ...] = ()
    widgets: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def state_lost(self) -> bool:
        """Whether the kernel had to be started afresh, so that its variables are gone."""
        return self.state == "lost"


@dataclass(frozen=True, slots=True)
class CodeResult:
    """The result of all blocks of one call.

    Args:
        exit_code: 0 if every block that ran ended well, else that of the block that did not.
        output: Text of all blocks that ran, in order.
        blocks: One result per block that was looked at; the last one is the first that failed.
    """

    exit_code: int
    output: str
    blocks: tuple[BlockResult, ...] = ()

    @property
    def is_unknown(self) -> bool:
        """Whether it is not known if the last block ran: a server's answer was lost."""
        return bool(self.blocks) and self.blocks[-1].status == "unknown"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state of a kernel's variables that can be brought back, as often as is wanted.

    Args:
        number: Which one it is, of those that its executor has taken.
    """

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBack:
    """What rolling a kernel back came to.

    Args:
        state: `rolled_back` if the state is that of the calls that ended well, `restored` if it came back by itself,
            `kept` if it is as the failed call left it, `lost` if all variables are gone.
        reason: Why it is not back; a clause for people.
        names: Variables in the kernel that a failed call has made or changed, if it was `kept`.
    """

    state: KernelState
    reason: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeenColumn:
    """A column of a table that a failed line names.

    Args:
        label: Its name as Python writes it, in quotes.
        dtype: Its dtype; empty if that was not to be had.
        example: One of its first values, as Python writes it.
    """

    label: str
    dtype: str = ""
    example: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenValue:
    """A value that a failed line names, as far as it could be told without running code.

    Args:
        name: What the line calls it: `df`, `df['a']`, `self.data`.
        type: Name of its type.
        length: How many parts it has.
        shape: That of an array or a table.
        dtype: That of an array, a column or an index.
        columns: The first columns of a table.
        index: The names of a table's index, as Python writes them; None for one that only counts.
        keys: The first keys of a dict, or labels of a column, as Python writes them.
        examples: Some of what is in it, as Python writes it.
        version: That of a module.
    """

    name: str
    type: str
    length: int | None = None
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    columns: tuple[SeenColumn, ...] = ()
    index: tuple[str, ...] | None = None
    keys: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingName:
    """A name that a failed line looked for and did not find.

    Args:
        name: The name.
        of: What it is not in, as a clause names it: `df`, `the variables`; empty if that is not known.
        near: Names in there that are like it, the nearest first.
        known: Some of the names in there, of arguments say.
    """

    name: str
    of: str = ""
    near: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedLine:
    """What was seen in the live frame where code failed. Code could have made up any of it.

    Args:
        error: Name of the exception.
        message: Its text, cut.
        cell: Number of the cell, as the kernel counts them; 0 if that is not known.
        line: The line of the code's own innermost frame.
        function: The function it is in; `<module>` at the top level.
        source: The text of the line.
        values: What it names.
        missing: What it looked for in vain.
    """

    error: str
    message: str = ""
    cell: int = 0
    line: int = 0
    function: str = ""
    source: str = ""
    values: tuple[SeenValue, ...] = ()
    missing: tuple[MissingName, ...] = ()
