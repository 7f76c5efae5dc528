"""What an executor needs of whatever runs its blocks, and when it delivers the files they made. Knows no kernel."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from kernel_executor.aio.tasks import uninterrupted
from kernel_executor.errors import NotStarted
from kernel_executor.events import FilesDelivered
from kernel_executor.lifecycle.listeners import Listener
from kernel_executor.network.gate import Gate
from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.stage.denials import shown_name
from kernel_executor.stage.stage import Stage
from kernel_executor.types import BlockResult, CodeBlock, CodeResult, RollBack


class BlockRunner(Protocol):
    """Runs one block at a time."""

    @property
    def work_dir(self) -> Path:
        """The user's folder, on this machine."""
        ...

    @property
    def isolation(self) -> Isolation:
        """What is enforced on the code, as probed before any ran."""
        ...

    @property
    def stage(self) -> Stage | None:
        """Where the code's files are; None if that is the user's folder itself."""
        ...

    @property
    def gate(self) -> Gate | None:
        """What decides which names of the network code reaches; None if it reaches none, or nobody decides."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of blocks that run."""
        ...

    async def run_block(self, index: int, block: CodeBlock, timeout: float | None, on_event: Listener) -> BlockResult:
        """Run a block and tell its events.

        Args:
            index: Its position in the call.
            block: What to run.
            timeout: Seconds; None sets no limit.
            on_event: Told what happens.

        Raises:
            CancelledError: We were cancelled; the block has been stopped.
        """
        ...

    async def evaluate(self, expression: str, timeout: float) -> str | None:
        """Return the `repr` of a Python expression; None if it fails or takes longer than so many seconds."""
        ...

    async def interrupt(self) -> None:
        """Interrupt the block that is running, if one is; it ends as `interrupted`."""
        ...

    async def restart(self) -> None:
        """Start afresh; variables are lost, files stay."""
        ...

    async def aclose(self) -> None:
        """End everything; a block that runs ends as `interrupted`."""
        ...


@runtime_checkable
class StatefulRunner(BlockRunner, Protocol):
    """A runner in which what a call made of the variables can be taken back."""

    async def begin_call(self) -> None:
        """Take in that a call begins; see to it that the state of now can come back, where that is possible.

        Raises:
            KernelStartError: The kernel had died and could not be started again.
        """
        ...

    def end_call(self, *, well: bool) -> None:
        """Take in that a call has ended, and whether all its blocks ended well."""
        ...

    async def roll_back(self) -> RollBack | None:
        """Take back what the last call made of the variables, if it did not end well."""
        ...


async def begin_call(runner: BlockRunner) -> None:
    """Have a runner with variables take in that a call begins; errors are its own."""
    if isinstance(runner, StatefulRunner):
        await runner.begin_call()


def end_call(runner: BlockRunner, result: CodeResult | None) -> None:
    """Have a runner with variables take in how a call ended; without a result it was cancelled or failed."""
    if isinstance(runner, StatefulRunner):
        runner.end_call(well=result is not None and ended_well(result))


def ended_well(result: CodeResult) -> bool:
    """Return whether all blocks of a call ended well."""
    return result.exit_code == 0


Deliver = Callable[[Stage, CodeResult | None], Awaitable[FilesDelivered]]
"""Delivers what a call has made, by its result; by none, if the call was cancelled."""


async def deliver_always(stage: Stage, result: CodeResult | None) -> FilesDelivered:
    """Deliver whatever the result; after a call that was cancelled the next one does it."""
    return await stage.deliver() if result else FilesDelivered()


async def deliver_if_well(stage: Stage, result: CodeResult | None) -> FilesDelivered:
    """Deliver if all blocks ended well."""
    if result and ended_well(result):
        return await stage.deliver()
    return await uninterrupted(stage.hold_back())


NO_GATE = (
    "code was started without a network, and nothing can be allowed now: start it with network=[], "
    "`%config CodeAgent.network`, or --network, in bubblewrap"
)


def check_loop(started_on: asyncio.AbstractEventLoop | None) -> None:
    """Refuse work on another event loop than that of the start.

    Raises:
        NotStarted: It is another one.
    """
    if started_on is not asyncio.get_running_loop():
        raise NotStarted(
            "this executor was started on another event loop, e.g. by an earlier asyncio.run: start and use it on one"
        )


def as_allowed(runner: BlockRunner) -> Isolation:
    """Return what holds the code, with what was allowed since it was looked at."""
    found = runner.isolation
    if runner.gate:
        found = replace(found, reaches=runner.gate.allowed.summary())
    if runner.stage:
        found = replace(found, lent=tuple(map(shown_name, runner.stage.lending.names)))
    return found


def end_grants(runner: BlockRunner) -> None:
    """Take back what was allowed for one call."""
    if runner.gate:
        runner.gate.end_call()
    if runner.stage:
        runner.stage.lending.end_call()
