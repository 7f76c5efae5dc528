"""Code that runs in an executor, as most tests of executors run it: one block, its result."""

from kernel_executor import BlockResult, CodeBlock, KernelCodeExecutor


async def run(executor: KernelCodeExecutor, code: str, language: str = "python") -> BlockResult:
    """Run one block."""
    return (await executor.execute_code_blocks([CodeBlock(code, language)])).blocks[-1]
