"""Time a block inside AutoGen: through our executor and through AutoGen's own, both by AutoGen's interface, in turn.

Needs AutoGen from PyPI; `make bench` installs both into an environment of their own.
"""

import asyncio
import statistics
import time

from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock, CodeExecutor
from autogen_ext.code_executors.jupyter import JupyterCodeExecutor as AutoGens

from kernel_executor.autogen import JupyterCodeExecutor as Ours

ROUNDS = 200
BLOCK = CodeBlock("print(1)", "python")


async def seconds(executor: CodeExecutor) -> float:
    """Return how long a block takes."""
    started = time.perf_counter()
    result = await executor.execute_code_blocks([BLOCK], CancellationToken())
    elapsed = time.perf_counter() - started
    # AutoGen's puts a line end between two messages of one text: now and then "1\n\n" (measured).
    if (result.exit_code, result.output.strip()) != (0, "1"):
        raise RuntimeError(f"the block went wrong: {result}")
    return elapsed


async def main() -> None:
    """Print medians and their ratio."""
    async with Ours() as ours, AutoGens() as autogens:
        for executor in (ours, autogens):
            await seconds(executor)
        pairs = [(await seconds(ours), await seconds(autogens)) for _ in range(ROUNDS)]
    mine, other = (statistics.median(times) * 1e3 for times in zip(*pairs, strict=True))
    print(f"a block inside AutoGen, medians of {ROUNDS}: {mine:.2f} ms", end=" ")
    print(f"against {other:.2f} ms by its own Jupyter executor: ratio {mine / other:.2f}")


if __name__ == "__main__":
    asyncio.run(main())
