"""A handful of what `make libraries` tries, in the kernels that all tests use; and the random numbers of several."""

import pytest

from kernel_executor import CodeBlock, KernelCodeExecutor
from tests.libraries.case import Case, reason_of
from tests.libraries.cases import CASES

pytestmark = pytest.mark.integration

HANDFUL = (
    "context variables that a cell has set",
    "logging: FileHandler",
    "a file that is being read",
    "ThreadPoolExecutor, open and idle",
    "multiprocessing.Pool, closed",
    "a background job: nohup sleep &",
    "asyncio: the loop itself, kept by code",
    "%matplotlib inline, a figure made before and drawn after",
    "magics: %%bash, !command, %%capture, %timeit",
    "ipywidgets: a slider that is displayed",
    "NumPy: arrays changed in place, matrix products (OpenBLAS)",
    "pandas: changed in place, groupby",
    "pyarrow: compute and CSV in parallel",
    "Polars: after a query",
)
"""Of what the project's own environment has; each for another way in which state is lost."""


@pytest.mark.parametrize("case", [case for case in CASES if case.name in HANDFUL], ids=lambda case: case.name)
async def test_state(case: Case) -> None:
    async with KernelCodeExecutor(timeout=15) as executor:
        reason = await reason_of(case, executor)
    assert case.refused in reason if case.refused else not reason, reason


def test_the_handful_is_there() -> None:
    assert {case.name for case in CASES} >= set(HANDFUL)


async def test_kernels_of_one_root_have_random_numbers_of_their_own() -> None:
    """What was imported before the fork was seeded there: NumPy's legacy generator goes on from that in each fork."""
    numbers = "import random, numpy as np\nprint(random.random(), np.random.random(), np.random.default_rng().random())"
    async with KernelCodeExecutor(timeout=15) as executor:
        root = await executor._runner.plan.forking.roots.live()
        root.preload(["numpy", "numpy.random"])
        seen: list[str] = []
        for _ in range(3):
            await executor.restart()
            preloaded = await executor.evaluate("'numpy' in __import__('sys').modules")
            seen += (await executor.execute_code_blocks([CodeBlock(numbers)])).output.split()
    assert preloaded == "True"
    assert len(set(seen)) == len(seen) == 9, seen
