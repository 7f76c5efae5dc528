"""Runs the cells of a notebook again in a fresh sandboxed kernel that delivers nothing. Compares nothing."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from codeagent_nb.log.redaction import Secrets
from codeagent_nb.proof.masking_results import without_secrets
from codeagent_nb.proof.numbers import Window
from codeagent_nb.proof.reading import CodeCell
from codeagent_nb.proof.watching import ASK, BEGIN, Opened, read_opened, read_versions, versions_of
from kernel_executor import BlockResult, CodeBlock, KernelCodeExecutor, ResourceLimits, SandboxUnavailable
from kernel_executor.network.gate import Network
from kernel_executor.sandbox.policy import SandboxMode

CELL_SECONDS = 600.0
ASK_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """How a notebook is replayed.

    Args:
        sandbox: What holds the code; without any there is no replay.
        network: What it may reach.
        limits: How much of the machine it may use.
        cell_seconds: How long each cell may take.
        secrets: What is taken out of what the code shows, as it was when the notebook was saved.
    """

    sandbox: SandboxMode = "auto"
    network: Network = "none"
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    cell_seconds: float = CELL_SECONDS
    secrets: Secrets | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What came of a replay.

    Args:
        results: Of each cell, by its number; cells that have nothing to run have none.
        window: When it ran.
        opened: Files of the folder that were seen to be opened, and how first.
        versions: Of the modules that were asked for.
        isolation: What held the code.
        seconds: How long the cells took.
    """

    results: Mapping[int, BlockResult]
    window: Window
    opened: Mapping[str, Opened]
    versions: Mapping[str, str]
    isolation: str
    seconds: float


async def replay(
    cells: Sequence[CodeCell],
    folder: Path,
    settings: ReplaySettings,
    *,
    hidden: Sequence[Path] = (),
    readable: Sequence[Path] = (),
    absent: Sequence[Path] = (),
    modules: Sequence[str] = (),
    hash_seed: str = "",
    on_cell: Callable[[CodeCell], None] = lambda _: None,
) -> Replay:
    """Run cells again, all of them, whatever becomes of one: each has its own difference.

    Args:
        cells: What is run, in this order.
        folder: Where the code works; nothing in it changes.
        settings: How.
        hidden: What of the folder code does not see.
        readable: What it does all the same.
        absent: What is not there for it, because it makes that itself.
        modules: Modules whose versions are asked for.
        hash_seed: Of Python's hashes, which decide the order of sets; empty leaves it to chance.
        on_cell: Called before each cell.

    Raises:
        SandboxUnavailable: No sandbox works here.
        KernelStartError: The kernel does not start.
    """
    executor = KernelCodeExecutor(
        work_dir=folder,
        sandbox=settings.sandbox,
        hidden=hidden,
        readable=readable,
        absent=absent,
        delivers=False,
        env={"PYTHONHASHSEED": hash_seed} if hash_seed else {},
        resource_limits=settings.limits,
        network=settings.network,
        timeout=settings.cell_seconds,
    )
    async with executor:
        _check_isolated(executor)
        await executor.evaluate(BEGIN, timeout=ASK_SECONDS)  # no block: it would count as one
        begins, began = datetime.now(UTC), time.monotonic()
        results = await _results(executor, cells, settings.secrets, on_cell)
        seconds = time.monotonic() - began
        return Replay(
            results=results,
            window=Window(begins, datetime.now(UTC)),
            opened=read_opened(await executor.evaluate(ASK, timeout=ASK_SECONDS)),
            versions=read_versions(await executor.evaluate(versions_of(modules), timeout=ASK_SECONDS)),
            isolation=executor.isolation.summary,
            seconds=seconds,
        )


def _check_isolated(executor: KernelCodeExecutor) -> None:
    if not executor.isolation.isolates:
        raise SandboxUnavailable(
            f"a replay runs in a sandbox only, and none works here: {executor.isolation.reason}. "
            "`codeagent-nb doctor` says what helps"
        )


async def _results(
    executor: KernelCodeExecutor,
    cells: Sequence[CodeCell],
    secrets: Secrets | None,
    on_cell: Callable[[CodeCell], None],
) -> dict[int, BlockResult]:
    """Run the cells that have code, and return what came of each, by its number."""
    results: dict[int, BlockResult] = {}
    for cell in cells:
        on_cell(cell)
        if cell.code.strip():
            done = await executor.execute_code_blocks([CodeBlock(cell.code)])
            result = done.blocks[-1]
            results[cell.number] = without_secrets(result, secrets) if secrets else result
    return results
