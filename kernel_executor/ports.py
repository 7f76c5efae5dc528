"""The port through which an agent runs code. Knows no kernel."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from kernel_executor.aio.cancellation import CancellationToken
from kernel_executor.events import ExecutionEvent
from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.types import Checkpoint, CodeBlock, CodeResult, FailedLine, RollBack, Timeout


@runtime_checkable
class CodeExecutor(Protocol):
    """Something that runs code blocks and can be started, stopped and started afresh."""

    @property
    def isolation(self) -> Isolation:
        """What is enforced on the code now."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of blocks that run."""
        ...

    @property
    def keeps_variables(self) -> bool:
        """Whether variables and imports stay from block to block, or only files do."""
        ...

    @property
    def instructions(self) -> str:
        """What a model is to know of it; may be empty."""
        ...

    async def execute_code_blocks(
        self,
        code_blocks: Sequence[CodeBlock],
        cancellation_token: CancellationToken | None = None,
        *,
        on_event: Callable[[ExecutionEvent], None] = ...,
    ) -> CodeResult:
        """Run blocks in order until one fails; call `on_event` with each event as it happens."""
        ...

    async def start(self) -> None:
        """Make ready; nothing happens if it is."""
        ...

    async def stop(self) -> None:
        """End everything; may be called twice."""
        ...

    async def restart(self) -> None:
        """Start afresh; state is lost."""
        ...


@runtime_checkable
class GrantingExecutor(Protocol):
    """An executor that a person may allow more, in the next call or as long as it runs; a `ValueError` says why not."""

    def allow_network(self, name: str, *, lasting: bool = True) -> None:
        """Allow code to reach one more name."""
        ...

    async def allow_change(self, name: str, *, lasting: bool = True) -> None:
        """Allow code to change a file of the user's."""
        ...


@runtime_checkable
class CheckpointingExecutor(CodeExecutor, Protocol):
    """An executor that keeps the variables of a moment and brings them back; a `NoCheckpoint` says why not."""

    async def checkpoint(self) -> Checkpoint:
        """Keep the variables as they are now."""
        ...

    async def restore(self, checkpoint: Checkpoint) -> None:
        """Bring back the variables of a checkpoint; files stay as they are."""
        ...


@runtime_checkable
class AttemptExecutor(CodeExecutor, Protocol):
    """An executor that knows attempts: what a failed one leaves is neither delivered nor kept (designs D16, D19)."""

    async def execute_attempt(
        self,
        code_blocks: Sequence[CodeBlock],
        cancellation_token: CancellationToken | None = None,
        *,
        timeout: Timeout = ...,
        on_event: Callable[[ExecutionEvent], None] = ...,
    ) -> CodeResult:
        """Run blocks as `execute_code_blocks` does, but deliver the files they made only if all ended well.

        `timeout` is the time each may take in seconds, by default the executor's own.
        """
        ...

    async def roll_back(self) -> RollBack | None:
        """Take back what the last call made of the variables if it failed; None if there is nothing to take back."""
        ...


@runtime_checkable
class CopyingExecutor(Protocol):
    """An executor whose code works on another machine: files are copied there and back when somebody asks for it."""

    async def bring_file(self, path: str | Path, name: str = "") -> str:
        """Copy a file there, unless another one has its name; return the name."""
        ...

    async def upload(self, path: str | Path, name: str = "") -> None:
        """Copy a file there, in place of one of its name."""
        ...


@runtime_checkable
class ExplainingExecutor(CodeExecutor, Protocol):
    """An executor that can look at the live frame in which code failed."""

    async def failed_line(self) -> FailedLine | None:
        """Return what was seen where the last block failed; None if it did not, or that is gone or not known."""
        ...
