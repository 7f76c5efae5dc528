"""Runs code blocks in managed, sandboxed Jupyter kernels. Stands alone: knows no models, prompts or notebooks."""

from typing import TYPE_CHECKING

from kernel_executor.cancellation import CancellationToken
from kernel_executor.changes import Append, Clear, Update
from kernel_executor.errors import KernelExecutorError, KernelStartError, NotStarted, SandboxUnavailable
from kernel_executor.events import BlockFinished, BlockOutput, BlockStarted, ExecutionEvent, LateOutput
from kernel_executor.isolation import Isolation
from kernel_executor.outputs import OutputLimits, fold
from kernel_executor.ports import CodeExecutor
from kernel_executor.types import BlockResult, CodeBlock, CodeResult, Output, Truncation

if TYPE_CHECKING:
    from kernel_executor.executor import KernelCodeExecutor

__all__ = [
    "Append",
    "BlockFinished",
    "BlockOutput",
    "BlockResult",
    "BlockStarted",
    "CancellationToken",
    "Clear",
    "CodeBlock",
    "CodeExecutor",
    "CodeResult",
    "ExecutionEvent",
    "Isolation",
    "KernelCodeExecutor",
    "KernelExecutorError",
    "KernelStartError",
    "LateOutput",
    "NotStarted",
    "Output",
    "OutputLimits",
    "SandboxUnavailable",
    "Truncation",
    "Update",
    "fold",
]


def __getattr__(name: str) -> object:
    # jupyter_client takes 170 ms to import (measured); the values above do not need it.
    if name == "KernelCodeExecutor":
        from kernel_executor.executor import KernelCodeExecutor

        return KernelCodeExecutor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
