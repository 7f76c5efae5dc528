"""What the root and its checkpoints cost and give, as ratios to stock ipykernel or to none, measured in turn.

PYTHONPATH=. python tests/benchmarks/checkpoints.py
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack

import psutil
from jupyter_client.manager import AsyncKernelManager

from kernel_executor import DATA_STACK, CodeBlock, KernelCodeExecutor
from tests.support.held import held

ROUNDS = 9
CALLS = 300
CHECKPOINTS = 1_000
RESTORES = 200
EVERYDAY = "total = sum(n * n for n in range(100_000))"
IMPORTS = "import numpy, pandas, pyarrow, matplotlib.pyplot"
GIGABYTE = "import numpy\nbig = numpy.ones(125_000_000)"


async def run(executor: KernelCodeExecutor, code: str) -> str:
    """Run one block; return its state."""
    result = await executor.execute_code_blocks([CodeBlock(code)])
    return result.blocks[0].state


async def timed(work: Awaitable[object]) -> float:
    """Return how long something takes, in seconds."""
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


class Stock:
    """Stock ipykernel with the stock client."""

    def __init__(self) -> None:
        self._manager = AsyncKernelManager(transport="ipc")

    async def start(self, code: str) -> None:
        """Start it, and run a block."""
        await self._manager.start_kernel()
        client = self._manager.client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        await client.execute_interactive(code, timeout=60)
        client.stop_channels()

    @property
    def pid(self) -> int:
        """Its number."""
        return int(self._manager.provisioner.pid)  # type: ignore[union-attr,attr-defined]

    async def stop(self) -> None:
        """End it."""
        await self._manager.shutdown_kernel(now=True)


async def warm(**settings: object) -> KernelCodeExecutor:
    """Start an executor whose root has imported all it is to import."""
    executor = KernelCodeExecutor(sandbox="none", **settings)  # type: ignore[arg-type]
    await executor.start()
    await executor._runner.plan.warmed()
    await run(executor, "pass")
    return executor


def show(what: str, ours: list[float], reference: list[float], target: str) -> None:
    """Print the medians and their ratio."""
    first, second = statistics.median(ours), statistics.median(reference)
    print(f"{what:<44} {first / second:5.2f}   ({first * 1e3:.1f} / {second * 1e3:.1f} ms; wanted {target})")


async def starts() -> None:
    """Compare starts: fresh kernels of a warm root, and a first kernel with its root, with cold ones."""
    data, bare = await warm(preload=DATA_STACK), await warm()
    fresh_data, cold_data, fresh, first, cold = [[] for _ in range(5)]  # type: list[float]
    for _ in range(ROUNDS):
        fresh_data.append(await timed(_again(data, IMPORTS)))
        stock = Stock()
        cold_data.append(await timed(stock.start(IMPORTS)))
        await stock.stop()
        fresh.append(await timed(_again(bare, "pass")))
        stock = Stock()
        cold.append(await timed(stock.start("pass")))
        await stock.stop()
        executor = KernelCodeExecutor(sandbox="none")
        first.append(await timed(_first(executor)))
        await executor.stop()
    await data.stop()
    await bare.stop()
    show("fresh kernel with the data stack / cold", fresh_data, cold_data, "0.10")
    show("fresh bare kernel / cold", fresh, cold, "0.25")
    show("first kernel, its root included / cold", first, cold, "1.10")


async def _again(executor: KernelCodeExecutor, code: str) -> None:
    await executor.restart()
    await run(executor, code)


async def _first(executor: KernelCodeExecutor) -> None:
    await executor.start()
    await run(executor, "pass")


def proportional(pid: int) -> int:
    """Return the memory of a process and all that descend from it, each shared page counted by its share."""
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(int(process.memory_full_info().pss) for process in processes)


async def memory() -> None:
    """Compare six kernels with the data stack: of one root each, as six sessions have them, and of one root."""
    async with AsyncExitStack() as stack:
        stocks = [Stock() for _ in range(6)]
        for stock in stocks:
            await stock.start(IMPORTS)
            stack.push_async_callback(stock.stop)
        cold = sum(proportional(stock.pid) for stock in stocks)
        executor = await warm(preload=DATA_STACK)
        stack.push_async_callback(executor.stop)
        plan = executor._runner.plan
        launched = [await plan.launch() for _ in range(5)]
        await asyncio.sleep(2)
        root = await plan.forking.roots.live()  # type: ignore[attr-defined]
        ours = proportional(root._process.pid)
        for each in launched:
            await each.process.kill()
            await each.process.wait()
            await each.process.remove()
    sizes = f"({ours >> 20} / {cold >> 20} MiB; wanted 0.40)"
    print(f"{'six data kernels of one root, PSS / cold':<44} {ours / cold:5.2f}   {sizes}")


async def calls(code: str) -> tuple[list[float], list[float]]:
    """Measure calls without a pause, with and without checkpoints; then end the kernel and look for the last state."""
    kept = KernelCodeExecutor(sandbox="none")
    plain = KernelCodeExecutor(sandbox="none", checkpoints=False)
    ours, reference = list[float](), list[float]()
    async with kept, plain:
        for number in range(CALLS):
            text = f"{code}\nnumber = {number}"
            for executor, times in ((kept, ours), (plain, reference)):
                times.append(await timed(run(executor, text)))
        state = await run(kept, "number = -1; import os; os._exit(1)")
        number = await kept.evaluate("number")
        assert (state, number) == ("restored", str(CALLS - 1)), (state, number)
    return ours, reference


async def recovery() -> None:
    """Measure a crash and a restore with 1 GB of data."""
    async with KernelCodeExecutor(sandbox="none") as executor:
        await run(executor, GIGABYTE)
        crashes, restores, takes = list[float](), list[float](), list[float]()
        for _ in range(ROUNDS):
            await asyncio.sleep(0.5)
            began = time.perf_counter()
            await run(executor, "import os; os._exit(1)")
            assert await run(executor, "assert big[-1] == 1") == "kept"
            crashes.append(time.perf_counter() - began)
        kept = await executor.checkpoint()
        for _ in range(ROUNDS):
            takes.append(await timed(executor.checkpoint()))
            restores.append(await timed(executor.restore(kept)))
    for what, times, target in (
        ("crash to next block, 1 GB", crashes, "0.3 s"),
        ("restore, 1 GB", restores, "0.15 s"),
        ("checkpoint, 1 GB", takes, "-"),
    ):
        print(f"{what:<44} {statistics.median(times):5.3f} s (wanted {target})")


async def growth() -> None:
    """Take checkpoints and bring them back, many of both, and show what is held before and after."""
    async with KernelCodeExecutor() as executor:
        await run(executor, "numbers = list(range(1_000))")
        for _ in range(30):  # as many are kept as ever will be, and what is imported once is so now
            await executor.restore(await executor.checkpoint())
        before = held()
        kept = await executor.checkpoint()
        for at in range(CHECKPOINTS):
            kept = await executor.checkpoint()
            if at % (CHECKPOINTS // RESTORES) == 0:
                await executor.restore(kept)
        await asyncio.sleep(1)
        after = held()
    print(f"{CHECKPOINTS:,} checkpoints, {RESTORES} restores")
    for name, count in before.items():
        print(f"  {name:<42} {count:5} -> {after[name]:5} (wanted: no growth)")


async def main() -> None:
    """Measure all."""
    await starts()
    await memory()
    for what, code in (("empty call, checkpoints / none", "pass"), ("everyday call, checkpoints / none", EVERYDAY)):
        ours, reference = await calls(code)
        show(what, ours, reference, "1.05")
        whole = sum(ours) / sum(reference)
        print(f"{'  the same, sums':<44} {whole:5.2f}")
    await recovery()
    await growth()


if __name__ == "__main__":
    asyncio.run(main())
