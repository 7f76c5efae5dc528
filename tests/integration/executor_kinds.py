"""Every executor there is here, by the name tests know it by."""

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kernel_executor import (
    DockerCommandLineCodeExecutor,
    KernelCodeExecutor,
    LocalCommandLineCodeExecutor,
    RemoteKernelExecutor,
)
from tests.containers import KERNEL_IMAGE, SCRIPTS_IMAGE

Executor = KernelCodeExecutor | LocalCommandLineCodeExecutor | DockerCommandLineCodeExecutor | RemoteKernelExecutor

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
KERNELS = ("kernel", "landlock kernel", "bare kernel", "container kernel", "remote kernel")
FORKED = ("kernel", "landlock kernel", "bare kernel", "container kernel")
"""Kernels that a root of ours has forked: the state before a call comes back if they die in it."""

SCRIPTS = ("scripts", "landlock scripts", "bare scripts", "container scripts")

REMOTE = ("CODEAGENT_TEST_SERVER", "CODEAGENT_TEST_TOKEN", "CODEAGENT_TEST_ROOT")
"""Variables that name the server of the fixture `server`."""


def remote_kernel(work_dir: Path | None = None, **settings: Any) -> RemoteKernelExecutor:
    """An executor whose kernels are on a server of this machine, in a folder that tests can look into."""
    url, token, root = (os.environ[name] for name in REMOTE)
    folder = work_dir or Path(tempfile.mkdtemp(dir=root))
    path = os.path.relpath(folder, root)
    return RemoteKernelExecutor(server=url, token=token, path=path, work_dir=folder, **settings)


EVERYWHERE: Mapping[str, Callable[..., Executor]] = {**KINDS, "remote kernel": remote_kernel}
"""Those elsewhere, too, which have no functions and deliver no files."""
