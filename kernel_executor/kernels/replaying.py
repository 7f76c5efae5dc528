"""Runs the code of good calls again, unheard, to have their state. Knows one kernel."""

import time
from collections.abc import Sequence

from kernel_executor.in_kernel.text import shorten
from kernel_executor.kernels.block_run import BlockRun
from kernel_executor.kernels.kernel import Kernel
from kernel_executor.kernels.kernel_code import kernel_code
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.types import CodeBlock


async def replay(kernel: Kernel, blocks: Sequence[CodeBlock], seconds: float, limits: OutputLimits) -> str:
    """Run blocks one after another; return why that failed, or nothing.

    Args:
        kernel: Where.
        blocks: What ran well before.
        seconds: How long all of it may take.
        limits: How much output is kept.
    """
    ends = time.monotonic() + seconds
    for block in blocks:
        run = BlockRun(block, kernel, limits, lambda _: None)
        await run.begin(kernel_code(block))
        await run.attend(max(0.1, ends - time.monotonic()))
        result = run.result()
        if result.status != "ok":
            if result.status == "timeout":
                return "the code before it took longer than the first time"
            cause = f"{result.ename}: {result.evalue}" if result.ename else result.status
            return f"the code before it did not run again ({shorten(cause, 200)})"
    return ""
