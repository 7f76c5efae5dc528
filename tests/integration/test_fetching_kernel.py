"""Values of all kinds come home from a real kernel, many at a time."""

import pickle
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from kernel_executor import DATA_STACK, CodeBlock, KernelCodeExecutor, NoCheckpoint
from tests.support.values import VALUES, frames, same

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kernel() -> AsyncIterator[KernelCodeExecutor]:
    async with KernelCodeExecutor(timeout=60, preload=DATA_STACK) as executor:
        yield executor


@settings(max_examples=12, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(st.lists(VALUES, min_size=5, max_size=20), st.lists(frames(), max_size=3))
async def test_many_values_come_home_as_they_were(
    kernel: KernelCodeExecutor, values: list[Any], tables: list[Any]
) -> None:
    pickled = pickle.dumps([*values, {"tables": tables}])
    sent = pickle.loads(pickled)
    (kernel.work_dir / "sent").write_bytes(pickled)  # a large message would start a thread of ZeroMQ's
    result = await kernel.execute_code_blocks(
        [CodeBlock("import pickle\nwith open('sent', 'rb') as file: sent = pickle.load(file)", "python")]
    )
    assert result.exit_code == 0, result.output
    assert same(sent, (await kernel.fetch("sent")).value)


async def test_what_was_fetched_leaves_the_kernel_as_it_was(kernel: KernelCodeExecutor) -> None:
    code = "import pandas as pd\ntable = pd.DataFrame({'a': range(100_000)})"
    await kernel.execute_code_blocks([CodeBlock(code, "python")])
    before = await kernel.evaluate("sorted(name for name in globals() if not name.startswith('_'))")
    await kernel.fetch("table")
    assert await kernel.evaluate("sorted(name for name in globals() if not name.startswith('_'))") == before
    try:  # packing begins no threads, which a kernel could not be forked with
        checkpoint = await kernel.checkpoint()
    except NoCheckpoint as error:
        pytest.fail(f"fetching costs the checkpoints: {error}")
    await kernel.restore(checkpoint)
    assert len((await kernel.fetch("table")).value) == 100_000
