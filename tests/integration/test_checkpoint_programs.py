"""Whatever a program has made, and however its calls fail: what is there afterwards is what its good calls made.

40 programs in the suite; `python -m tests.integration.test_checkpoint_programs 500` tries more.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from kernel_executor import CodeBlock, CodeResult, KernelCodeExecutor
from tests.support.programs import BEGINNING, Call, program

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

ENOUGH = 0.4
"""Seconds that a call may take which sleeps for longer."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kernel() -> AsyncIterator[KernelCodeExecutor]:
    async with KernelCodeExecutor(timeout=30) as executor:
        yield executor


async def run(kernel: KernelCodeExecutor, blocks: Sequence[str], timeout: float = 30) -> CodeResult:
    return await kernel.execute_code_blocks([CodeBlock(block) for block in blocks], timeout=timeout)


async def state_after(kernel: KernelCodeExecutor, calls: Sequence[Call]) -> str:
    """Run a program in a fresh kernel; return the state that it leaves."""
    await kernel.restart()
    assert (await run(kernel, [BEGINNING])).exit_code == 0
    for call in calls:
        result = await run(kernel, call.blocks, ENOUGH if call.fails == "late" else 30)
        assert (result.exit_code == 0) == (not call.fails), result.output
        if call.fails and result.blocks[-1].state != "restored":
            taken_back = await kernel.roll_back()
            assert taken_back, call
            assert taken_back.state == "rolled_back", taken_back
        await asyncio.sleep(call.pause)
    state = await kernel.evaluate("state()")
    assert state is not None
    return state


async def compare(kernel: KernelCodeExecutor, seed: int) -> None:
    calls = program(seed)
    expected = await state_after(kernel, [call for call in calls if not call.fails])
    assert await state_after(kernel, calls) == expected, f"program {seed}"


@pytest.mark.parametrize("seed", range(40))
async def test_the_state_is_that_of_the_good_calls(kernel: KernelCodeExecutor, seed: int) -> None:
    await compare(kernel, seed)


async def main(number: int) -> None:
    """Try so many programs, other ones than in the suite."""
    async with KernelCodeExecutor(timeout=30) as kernel:
        for seed in range(1_000, 1_000 + number):
            await compare(kernel, seed)
            if seed % 50 == 49:
                sys.stdout.write(f"{seed - 999} of {number}\n")
                sys.stdout.flush()
    sys.stdout.write(f"{number} programs: the state was that of their good calls each time\n")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
