"""Every executor there is here, by the name tests know it by."""

from collections.abc import Callable, Mapping

from kernel_executor import DockerCommandLineCodeExecutor, KernelCodeExecutor, LocalCommandLineCodeExecutor
from tests.containers import KERNEL_IMAGE, SCRIPTS_IMAGE

Executor = KernelCodeExecutor | LocalCommandLineCodeExecutor | DockerCommandLineCodeExecutor

KINDS: Mapping[str, Callable[..., Executor]] = {
    "kernel": KernelCodeExecutor,
    "bare kernel": lambda **settings: KernelCodeExecutor(sandbox="none", **settings),
    "scripts": LocalCommandLineCodeExecutor,
    "bare scripts": lambda **settings: LocalCommandLineCodeExecutor(sandbox="none", **settings),
    "container kernel": lambda **settings: DockerCommandLineCodeExecutor(image=KERNEL_IMAGE, **settings),
    "container scripts": lambda **settings: DockerCommandLineCodeExecutor(image=SCRIPTS_IMAGE, **settings),
}
KERNELS = ("kernel", "bare kernel", "container kernel")
SCRIPTS = ("scripts", "bare scripts", "container scripts")
