"""Every executor there is here, by the name tests know it by."""

from collections.abc import Callable, Mapping

from kernel_executor import DockerCommandLineCodeExecutor, KernelCodeExecutor, LocalCommandLineCodeExecutor
from tests.containers import KERNEL_IMAGE, SCRIPTS_IMAGE

Executor = KernelCodeExecutor | LocalCommandLineCodeExecutor | DockerCommandLineCodeExecutor

KINDS: Mapping[str, Callable[..., Executor]] = {
    "kernel": KernelCodeExecutor,
    "landlock kernel": lambda **settings: KernelCodeExecutor(sandbox="landlock", **settings),
    "bare kernel": lambda **settings: KernelCodeExecutor(sandbox="none", **settings),
    "scripts": LocalCommandLineCodeExecutor,
    "landlock scripts": lambda **settings: LocalCommandLineCodeExecutor(sandbox="landlock", **settings),
    "bare scripts": lambda **settings: LocalCommandLineCodeExecutor(sandbox="none", **settings),
    "container kernel": lambda **settings: DockerCommandLineCodeExecutor(image=KERNEL_IMAGE, **settings),
    "container scripts": lambda **settings: DockerCommandLineCodeExecutor(image=SCRIPTS_IMAGE, **settings),
}
KERNELS = ("kernel", "landlock kernel", "bare kernel", "container kernel")
SCRIPTS = ("scripts", "landlock scripts", "bare scripts", "container scripts")
