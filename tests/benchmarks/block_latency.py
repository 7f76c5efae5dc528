"""Measure what a block costs through our executor, as a ratio to jupyter_client's own on an equal kernel, in turn."""

import asyncio
import statistics
import time

from jupyter_client.manager import AsyncKernelManager

from kernel_executor import CodeBlock, KernelCodeExecutor

ROUNDS = 200
CODE = "x = 1"


async def main() -> None:
    """Print medians in milliseconds and their ratio."""
    manager = AsyncKernelManager(transport="ipc")
    await manager.start_kernel(extra_arguments=["--HistoryManager.hist_file=:memory:"])
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready(timeout=60)
    ours: list[float] = []
    theirs: list[float] = []
    async with KernelCodeExecutor() as executor:
        for _ in range(ROUNDS):
            started = time.perf_counter()
            await executor.execute_code_blocks([CodeBlock(CODE)])
            ours.append(time.perf_counter() - started)
            started = time.perf_counter()
            await client.execute_interactive(CODE, timeout=60)
            theirs.append(time.perf_counter() - started)
    client.stop_channels()
    await manager.shutdown_kernel(now=True)
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"a block ({CODE!r}), medians of {ROUNDS}: {statistics.median(ours) * 1e3:.2f} ms", end=" ")
    print(f"against {statistics.median(theirs) * 1e3:.2f} ms by jupyter_client: ratio {ratio:.2f}")


if __name__ == "__main__":
    asyncio.run(main())
