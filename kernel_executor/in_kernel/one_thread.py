"""Takes requests in the thread that runs them. Knows ipykernel's application; nothing of outputs.

ipykernel 7 reads requests in a thread of its own, for subshells: requests that run beside the main one, which nobody
makes here. The way there and back cost 0.3 ms a cell (measured).
"""

from __future__ import annotations

import threading
from typing import Any


class NoThread:
    """Stands where ipykernel keeps the thread; its async cells ask it for the main thread even if there is none."""

    parent_thread = threading.main_thread()

    def __bool__(self) -> bool:
        return False


def application(**settings: Any) -> Any:
    """Make the kernel's application.

    Args:
        settings: Its traits.
    """
    from ipykernel.ipkernel import IPythonKernel
    from ipykernel.kernelapp import IPKernelApp

    class Kernel(IPythonKernel):  # type: ignore[misc]
        """ipykernel's, without subshells."""

        _supports_kernel_subshells = False

        def __init__(self, **traits: Any) -> None:
            super().__init__(**traits)
            self.shell_channel_thread = NoThread()

    class Application(IPKernelApp):  # type: ignore[misc]
        """ipykernel's, without that thread."""

        def init_kernel(self) -> None:
            self.shell_channel_thread = None
            super().init_kernel()

    return Application.instance(kernel_class=Kernel, **settings)
