"""What an executor tells while it works. Knows nothing of who listens."""

from dataclasses import dataclass

from kernel_executor.outputs.output_changes import OutputChange
from kernel_executor.types import BlockResult, CodeBlock


@dataclass(frozen=True, slots=True)
class BlockStarted:
    """A block is about to run.

    Args:
        block_id: Identifies this run of the block; the `msg_id` of its execute request.
        index: Its position in the call, from 0.
        block: The block.
    """

    block_id: str
    index: int
    block: CodeBlock


@dataclass(frozen=True, slots=True)
class BlockOutput:
    """A running block's outputs changed; `fold` adds such changes up."""

    block_id: str
    change: OutputChange


@dataclass(frozen=True, slots=True)
class BlockFinished:
    """A block ended; `result` holds all its outputs."""

    block_id: str
    index: int
    result: BlockResult


@dataclass(frozen=True, slots=True)
class LateOutput:
    """Output that a thread or task of an ended block made later."""

    block_id: str
    change: OutputChange


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """A file that the code made or changed, and that is in the work folder now.

    Args:
        name: Its path there, with `/`, as it can be shown.
        size: Bytes.
    """

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file that the code made and that is not in the work folder.

    Args:
        name: Its path, as it can be shown.
        size: Bytes.
        reason: Why; a clause for people.
    """

    name: str
    size: int
    reason: str


@dataclass(frozen=True, slots=True)
class FilesDelivered:
    """The files of a call, or those that were asked for, were copied into the work folder (design D16).

    Args:
        delivered: What is there now.
        removed: Files of the agent's that were there, and that its code has removed.
        held: What stays where code works, and why; what was told before is not told again.
        more_held: How many more there are than are listed.
    """

    delivered: tuple[DeliveredFile, ...] = ()
    removed: tuple[str, ...] = ()
    held: tuple[HeldFile, ...] = ()
    more_held: int = 0

    def __bool__(self) -> bool:
        return bool(self.delivered or self.removed or self.held)


ExecutionEvent = BlockStarted | BlockOutput | BlockFinished | LateOutput | FilesDelivered
"""Everything an executor can tell."""
