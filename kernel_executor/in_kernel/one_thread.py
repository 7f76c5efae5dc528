"""Takes requests in the thread that runs them, and lets more wait for their reader. Knows ipykernel's application only.

ipykernel 7 reads requests in a thread of its own, for subshells: requests that run beside the main one, which nobody
makes here. The way there and back cost 0.3 ms a cell (measured).
"""

from __future__ import annotations

import logging
import signal
import threading
from typing import Any

from .inspecting import answered
from .interrupts import Interrupts

INTERRUPTED = {
    "status": "error",
    "ename": "KeyboardInterrupt",
    "evalue": "",
    "traceback": ["KeyboardInterrupt"],
    "user_expressions": {},
    "payload": [],
}

WAITING = 200_000
"""Messages that wait for the reader before ZeroMQ drops the next; half of them are sure to find room.

With its own 1,000 it dropped, where the reader got no time to run on a busy machine, the last of 1,000 displays and the
"idle" behind them (measured). The guard lets 20,000 displays through; only this bounds a loop of `clear_output`.
"""


class NoThread:
    """Stands where ipykernel keeps the thread; its async cells ask it for the main thread even if there is none."""

    parent_thread = threading.main_thread()

    def __bool__(self) -> bool:
        return False


def application(interrupts: Interrupts, **settings: Any) -> Any:
    """Make the kernel's application.

    Args:
        interrupts: Told when code runs.
        settings: The application's traits.
    """
    from ipykernel.kernelapp import IPKernelApp

    class Application(IPKernelApp):  # type: ignore[misc]
        """ipykernel's, without that thread."""

        def init_kernel(self) -> None:
            self.shell_channel_thread = None
            super().init_kernel()

        def init_iopub(self, context: Any) -> None:
            context.sndhwm = WAITING
            super().init_iopub(context)
            del context.sndhwm  # what other sockets are made with

        def log_connection_info(self) -> None:
            """Print nothing: it would wait in a buffer until it comes out among the code's output, or breaks a pipe."""
            app: Any = self
            handle, app.parent_handle = app.parent_handle, 1  # it prints where no other program has started it
            try:
                super().log_connection_info()
            finally:
                app.parent_handle = handle

        def configure_tornado_logger(self) -> None:
            """Have Tornado log, once: after ten returns of a kernel each of its lines came ten times."""
            if not logging.getLogger("tornado").handlers:
                super().configure_tornado_logger()

        def init_path(self) -> None:
            """Leave the work folder off `sys.path` until our own imports and IPython's are done.

            Each that is not found before it lists the whole folder: a start among 200,000 files took 1.3 times as long.
            """

        def init_code(self) -> None:
            super().init_path()
            super().init_code()

    return Application.instance(kernel_class=_kernel_class(interrupts), **settings)


def _kernel_class(interrupts: Interrupts) -> type:
    from ipykernel.ipkernel import IPythonKernel

    class Kernel(IPythonKernel):  # type: ignore[misc]
        """ipykernel's, without subshells."""

        _supports_kernel_subshells = False

        @property
        def banner(self) -> str:
            """What is said of it: IPython picks a tip, with a number that it takes from the code's own generator."""
            return "IPython"

        def __init__(self, **traits: Any) -> None:
            super().__init__(**traits)
            self.shell_channel_thread = NoThread()

        def pre_handler_hook(self) -> None:
            interrupts.expect()
            self.saved_sigint_handler = signal.signal(signal.SIGINT, interrupts.handle)

        async def process_control(self, msg: Any) -> None:
            if not answered(self, msg):
                await super().process_control(msg)

        async def do_execute(self, *arguments: Any, **options: Any) -> Any:
            try:
                interrupts.begin()
                return await super().do_execute(*arguments, **options)
            except KeyboardInterrupt:  # while IPython made ready or cleaned up; ipykernel would send no reply at all
                interrupts.code_runs = False
                return {**INTERRUPTED, "execution_count": self.shell.execution_count - 1}
            finally:
                interrupts.code_runs = False

    return Kernel
