"""One process drives 200 kernels on a server at once. The server speaks the protocol and runs nothing."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from kernel_executor import CodeBlock, RemoteKernelExecutor
from tests.support.scripted_jupyter import ScriptedJupyter

pytestmark = pytest.mark.integration

KERNELS, BLOCKS = 200, 3


async def test_200_kernels_are_driven_at_once_and_each_output_is_its_own() -> None:
    async with ScriptedJupyter(token="planted-0123456789") as server, AsyncExitStack() as stack:
        executors = [
            RemoteKernelExecutor(server=server.url, token=server.token, kernel_id=f"kernel-{number}", timeout=60)
            for number in range(KERNELS)
        ]
        for executor in executors:
            stack.push_async_callback(executor.stop)
        limit = asyncio.Semaphore(20)  # connections that are made at a time: a server's backlog has an end

        async def work(executor: RemoteKernelExecutor) -> list[str]:
            async with limit:
                await executor.start()
            calls = [executor.execute_code_blocks([CodeBlock(f"block {number}")]) for number in range(BLOCKS)]
            return [result.output for result in await asyncio.gather(*calls)]

        outputs = await asyncio.gather(*map(work, executors))
        assert outputs == [[f"kernel-{n} block {b}" for b in range(BLOCKS)] for n in range(KERNELS)]
        guards = {name: count - BLOCKS for name, count in server.executed.items()}
        assert len(guards) == KERNELS
        assert set(guards.values()) == {1}, "the question whether it takes our guard, and no block twice"
