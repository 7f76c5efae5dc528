"""Runs code blocks in managed, sandboxed Jupyter kernels. Stands alone: knows no models, prompts or notebooks."""

from kernel_executor import own_imports  # noqa: F401 - first of all: even the next line could find a planted module

# isort: split
from importlib import import_module
from typing import TYPE_CHECKING

from kernel_executor.cancellation import CancellationToken
from kernel_executor.changes import Append, Clear, Update
from kernel_executor.errors import KernelExecutorError, KernelStartError, NotStarted, SandboxUnavailable
from kernel_executor.events import (
    BlockFinished,
    BlockOutput,
    BlockStarted,
    DeliveredFile,
    ExecutionEvent,
    FilesDelivered,
    HeldFile,
    LateOutput,
)
from kernel_executor.functions import (
    Alias,
    FunctionWithRequirements,
    FunctionWithRequirementsStr,
    ImportFromModule,
    with_requirements,
)
from kernel_executor.isolation import Isolation
from kernel_executor.outputs import OutputLimits, fold
from kernel_executor.ports import AttemptExecutor, CodeExecutor
from kernel_executor.types import BlockResult, CodeBlock, CodeResult, Output, RollBack, Truncation

if TYPE_CHECKING:
    from kernel_executor.choosing import create_code_executor, create_default_code_executor
    from kernel_executor.containers.executor import DockerCommandLineCodeExecutor
    from kernel_executor.executor import KernelCodeExecutor
    from kernel_executor.managed import ManagedExecutor
    from kernel_executor.scripts.executor import LocalCommandLineCodeExecutor

    __version__: str

__all__ = [
    "Alias",
    "Append",
    "AttemptExecutor",
    "BlockFinished",
    "BlockOutput",
    "BlockResult",
    "BlockStarted",
    "CancellationToken",
    "Clear",
    "CodeBlock",
    "CodeExecutor",
    "CodeResult",
    "DeliveredFile",
    "DockerCommandLineCodeExecutor",
    "ExecutionEvent",
    "FilesDelivered",
    "FunctionWithRequirements",
    "FunctionWithRequirementsStr",
    "HeldFile",
    "ImportFromModule",
    "Isolation",
    "KernelCodeExecutor",
    "KernelExecutorError",
    "KernelStartError",
    "LateOutput",
    "LocalCommandLineCodeExecutor",
    "ManagedExecutor",
    "NotStarted",
    "Output",
    "OutputLimits",
    "RollBack",
    "SandboxUnavailable",
    "Truncation",
    "Update",
    "create_code_executor",
    "create_default_code_executor",
    "fold",
    "with_requirements",
]


_LAZY = {
    "DockerCommandLineCodeExecutor": "kernel_executor.containers.executor",
    "KernelCodeExecutor": "kernel_executor.executor",
    "LocalCommandLineCodeExecutor": "kernel_executor.scripts.executor",
    "ManagedExecutor": "kernel_executor.managed",
    "create_code_executor": "kernel_executor.choosing",
    "create_default_code_executor": "kernel_executor.choosing",
}


def __getattr__(name: str) -> object:
    # jupyter_client takes 170 ms to import (measured); the values above do not need it.
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    if name == "__version__":
        return _version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _version() -> str:
    """Return the version of the installed distribution, which both packages come in."""
    from importlib.metadata import version

    return version("codeagent-nb")
