"""The port through which an agent runs code. Knows no kernel."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from kernel_executor.cancellation import CancellationToken
from kernel_executor.events import ExecutionEvent
from kernel_executor.isolation import Isolation
from kernel_executor.types import CodeBlock, CodeResult


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
