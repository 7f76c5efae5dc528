"""Sends our guard into a kernel on a server, over its own channels: nothing is written to a disk there."""

from functools import cache
from pathlib import Path

from kernel_executor import in_kernel
from kernel_executor.kernels.evaluation import evaluate
from kernel_executor.kernels.kernel import Kernel
from kernel_executor.outputs.fold import OutputLimits

GUARD_TIMEOUT = 30.0
"""Seconds; it takes 0.1."""


async def bring_guard(kernel: Kernel, session: str, limits: OutputLimits, *, owned: bool) -> bool:
    """Guard what the requests of a session cause; return whether that could be done: only ipykernel can be guarded.

    Args:
        kernel: Where.
        session: The session's id.
        limits: How much output of one block is kept.
        owned: Whether the kernel is to be ended with all that it has started.
    """
    numbers = (limits.head, limits.tail, limits.display, limits.displays)
    texts = _texts()
    # One expression: it leaves no name behind.
    expression = (
        f"(lambda names: (exec({texts['arriving']!r}, names), "
        f"names['arrive']({_modules()!r}, {session!r}, {numbers!r}, {owned}))[-1])({{'__name__': 'arriving'}})"
    )
    return await evaluate(kernel, expression, GUARD_TIMEOUT) is not None


@cache
def _texts() -> dict[str, str]:
    folder = Path(in_kernel.__file__).parent
    return {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.py"))}


def _modules() -> dict[str, str]:
    package = in_kernel.MODULE
    return {package if name == "__init__" else f"{package}.{name}": text for name, text in _texts().items()}
