"""What the stage costs: the start in a folder of 200,000 files, and how long 2 GB hold the loop.

    python tests/benchmarks/stage.py

Starts are interleaved with those in an empty folder; medians. The loop is asked every millisecond; what is told is the
longest it did not answer while the files were copied.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from kernel_executor import CodeBlock, KernelCodeExecutor

FILES = 200_000
STARTS = 9
BIG = "with open('big.csv', 'wb') as file:\n    for _ in range(2_000):\n        file.write(bytes(range(256)) * 4_096)"


async def start(folder: Path) -> float:
    """Return how long a start takes, in seconds."""
    executor = KernelCodeExecutor(work_dir=folder, sandbox="bubblewrap")
    began = time.perf_counter()
    await executor.start()
    took = time.perf_counter() - began
    await executor.stop()
    return took


async def compare_starts(place: Path) -> None:
    """Print how much longer a start takes in a folder of many files."""
    empty, full = place / "empty", place / "full"
    for folder in (empty, full):
        folder.mkdir()
    for number in range(FILES):
        (full / f"{number}.txt").touch()
    (full / "agent-files").mkdir()
    times: dict[Path, list[float]] = {empty: [], full: []}
    for _ in range(STARTS):
        for folder, taken in times.items():
            taken.append(await start(folder))
    ours, reference = (statistics.median(times[folder]) for folder in (full, empty))
    print(f"start, {FILES:,} files / empty folder   {ours / reference:.2f}   ({ours:.3f} s / {reference:.3f} s)")


async def hold_the_loop(place: Path) -> None:
    """Print how long the loop is held while 2 GB are delivered."""
    async with KernelCodeExecutor(work_dir=place / "big", sandbox="bubblewrap", timeout=120) as executor:
        longest, ended = 0.0, False

        async def ask() -> None:
            nonlocal longest
            while not ended:
                began = time.perf_counter()
                await asyncio.sleep(0.001)
                longest = max(longest, time.perf_counter() - began)

        asking = asyncio.create_task(ask())
        began = time.perf_counter()
        await executor.execute_code_blocks([CodeBlock(BIG)])
        took, ended = time.perf_counter() - began, True
        await asking
        size = (executor.work_dir / "big.csv").stat().st_size
    print(
        f"{size / 1e9:.1f} GB made and delivered in {took:.1f} s; the loop was held for {longest * 1e3:.0f} ms at most"
    )


async def main() -> None:
    """Measure both."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="codeagent-bench-") as folder:
        await hold_the_loop(Path(folder))
        await compare_starts(Path(folder))


if __name__ == "__main__":
    asyncio.run(main())
