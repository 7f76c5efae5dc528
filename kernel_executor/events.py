"""What an executor tells while it works. Knows nothing of who listens."""

from dataclasses import dataclass

from kernel_executor.changes import OutputChange
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


ExecutionEvent = BlockStarted | BlockOutput | BlockFinished | LateOutput
"""Everything an executor can tell."""
