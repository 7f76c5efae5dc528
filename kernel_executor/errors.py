"""Failures of the machinery. An error *in executed code* is not here: it is a `BlockResult`.

KernelExecutorError
 +- KernelStartError     no such kernelspec, the process ended, or it never answered
 +- SandboxUnavailable   a sandbox was demanded and none works here
 +- NotStarted           the executor is used before `start()` or after `stop()`
 +- NoCheckpoint         a state cannot be kept, or is not there any more
 +- NotFetched           a variable cannot be copied out of the kernel
"""

from kernel_executor.outputs.clean_text import cleaned


class KernelExecutorError(Exception):
    """Base of all faults of this package. What it quotes, a file name say, steers no terminal that shows it."""

    def __str__(self) -> str:
        return cleaned(super().__str__())


class KernelStartError(KernelExecutorError):
    """A kernel could not be started; the message carries the end of its standard error."""


class SandboxUnavailable(KernelExecutorError):  # noqa: N818 - named after the state, as in httpx
    """The sandbox that was asked for does not work on this machine."""


class NotStarted(KernelExecutorError, RuntimeError):  # noqa: N818 - AutoGen raises RuntimeError here
    """The executor has no running kernel."""


class NoCheckpoint(KernelExecutorError):  # noqa: N818
    """A checkpoint cannot be taken, or is not there any more; the message tells why."""


class NotFetched(KernelExecutorError):  # noqa: N818
    """A variable cannot be copied out of the kernel; the message tells why.

    Args:
        message: The same.
        size: Bytes that it has, if it is too large and that is known.
    """

    def __init__(self, message: str, *, size: int = 0) -> None:
        super().__init__(message)
        self.size = size
