"""The port through which an agent runs code. Knows no kernel."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from kernel_executor.cancellation import CancellationToken
from kernel_executor.events import ExecutionEvent, FilesDelivered, HeldFile
from kernel_executor.isolation import Isolation
from kernel_executor.types import CodeBlock, CodeResult, RollBack


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
class AttemptExecutor(CodeExecutor, Protocol):
    """An executor that knows attempts: what a failed one leaves is neither delivered nor kept (designs D16, D19)."""

    async def execute_attempt(
        self,
        code_blocks: Sequence[CodeBlock],
        cancellation_token: CancellationToken | None = None,
        *,
        on_event: Callable[[ExecutionEvent], None] = ...,
    ) -> CodeResult:
        """Run blocks as `execute_code_blocks` does, but deliver the files they made only if all ended well."""
        ...

    async def roll_back(self) -> RollBack | None:
        """Take back what the last call made of the variables if it failed; None if there is nothing to take back."""
        ...


class ManagedExecutor(AttemptExecutor, Protocol):
    """What our own executors have besides: a session needs it."""

    @property
    def timeout(self) -> float | None:
        """Seconds a block may take from the next one on; None sets no limit."""
        ...

    @timeout.setter
    def timeout(self, seconds: float | None) -> None: ...

    @property
    def work_dir(self) -> Path:
        """The folder the code runs in, on this machine."""
        ...

    @property
    def stage_dir(self) -> Path:
        """Where the code's files are until they are delivered, on this machine."""
        ...

    @property
    def held_files(self) -> tuple[HeldFile, ...]:
        """What the code has made and what stayed where it works, with the reason."""
        ...

    async def take_files(self, names: Sequence[str], into: Path | None = None) -> FilesDelivered:
        """Copy such files into the work folder, or another one, because the user asks for them."""
        ...

    async def evaluate(self, expression: str, *, timeout: float = ...) -> str | None:
        """Return the `repr` of a Python expression; None if it fails or takes longer than so many seconds."""
        ...

    def on_late_output(self, listener: Callable[[ExecutionEvent], None]) -> Callable[[], None]:
        """Call `listener` with every `LateOutput`; returns a function that ends this."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...
