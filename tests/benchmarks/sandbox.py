"""What a sandbox costs: starts and blocks in bubblewrap and in Landlock, as ratios to a bare kernel's, in turn.

python tests/benchmarks/sandbox.py
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from kernel_executor import CodeBlock, KernelCodeExecutor
from kernel_executor.sandbox.policy import SandboxMode

STARTS, BLOCKS = 21, 300
EMPTY = "pass"
EVERYDAY = "sum(n * n for n in range(100_000))"
"""5 ms, as a group-by of a small table takes; the other block shows what a look at the files takes."""
KINDS: tuple[SandboxMode, ...] = ("none", "bubblewrap", "landlock")


def executor_of(sandbox: SandboxMode, folder: Path) -> KernelCodeExecutor:
    """Return an executor in a folder with a file."""
    return KernelCodeExecutor(work_dir=folder, sandbox=sandbox)


async def starts(folder: Path) -> dict[SandboxMode, list[float]]:
    """Measure how long starts take, in seconds."""
    times: dict[SandboxMode, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(STARTS):
        for kind, taken in times.items():
            executor = executor_of(kind, folder)
            began = time.perf_counter()
            await executor.start()
            taken.append(time.perf_counter() - began)
            await executor.stop()
    return times


async def blocks(code: str, folder: Path) -> dict[SandboxMode, list[float]]:
    """Measure how long a block takes, in seconds."""
    executors = {kind: executor_of(kind, folder) for kind in KINDS}
    times: dict[SandboxMode, list[float]] = {kind: [] for kind in KINDS}
    for executor in executors.values():
        await executor.start()
    for _ in range(BLOCKS):
        for kind, taken in times.items():
            began = time.perf_counter()
            await executors[kind].execute_code_blocks([CodeBlock(code)])
            taken.append(time.perf_counter() - began)
    for executor in executors.values():
        await executor.stop()
    return times


def show(what: str, times: dict[SandboxMode, list[float]]) -> None:
    """Print the medians and their ratios to the bare kernel's."""
    bare = statistics.median(times["none"])
    for kind in KINDS[1:]:
        held = statistics.median(times[kind])
        print(f"{what}, {kind} / bare   {held / bare:.2f}   ({held * 1e3:.1f} / {bare * 1e3:.1f} ms)")


async def main() -> None:
    """Measure both."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="codeagent-bench-") as place:
        folder = Path(place)
        (folder / "data.csv").write_text("a\n1\n")
        show("start", await starts(folder))
        show("everyday block", await blocks(EVERYDAY, folder))
        show("empty block", await blocks(EMPTY, folder))


if __name__ == "__main__":
    asyncio.run(main())
