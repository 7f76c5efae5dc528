"""Accepts connections from inside a sandbox and serves each, a bounded number at once. Knows no HTTP and no names."""

import asyncio
import socket
from typing import Self

from kernel_executor.aio.tasks import ended, uninterrupted
from kernel_executor.network.addresses import Dialer, LookUp, look_up as system_look_up
from kernel_executor.network.connection import Connection, Decide
from kernel_executor.network.limits import Limits

PAUSE = 0.1
"""Seconds until accepting is tried again where it fails: this process has no descriptor left, say."""


class Proxy:
    """An HTTP proxy for what is inside of a sandbox. Made by `serve`; belongs to the loop that made it."""

    def __init__(self, listener: socket.socket, decide: Decide, limits: Limits, look_up: LookUp) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._decide = decide
        self._limits = limits
        self._dialer = Dialer(limits, look_up)
        self._open: dict[asyncio.Task[None], Connection] = {}
        self._is_closed = False

    @classmethod
    async def serve(
        cls,
        listener: socket.socket,
        decide: Decide,
        *,
        limits: Limits | None = None,
        look_up: LookUp = system_look_up,
    ) -> Self:
        """Begin to serve.

        Args:
            listener: A listening socket; the proxy closes it.
            decide: Who decides what may be reached.
            limits: Bounds.
            look_up: Who resolves names.
        """
        listener.settimeout(0)
        proxy = cls(listener, decide, limits or Limits(), look_up)
        proxy._accept_more()
        return proxy

    async def aclose(self) -> None:
        """End all connections and wait for their end; accept no more."""
        self._stop_accepting()
        for task in self._open:
            task.cancel()
        for task in [*self._open]:
            await uninterrupted(ended(task))

    def abandon(self) -> None:
        """Do the same at once, on a loop that is closing or closed."""
        self._stop_accepting()
        for task, connection in [*self._open.items()]:
            if not self._loop.is_closed():
                task.cancel()
            connection.leave(self._loop)

    def _stop_accepting(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._dialer.close()

    def _accept_more(self) -> None:
        if not self._is_closed and len(self._open) < self._limits.connections:
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        """Accept one connection; called again while there are more, after everything else has had its turn."""
        try:
            client, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._loop.remove_reader(self._listener)
            self._loop.call_later(PAUSE, self._accept_more)
            return
        connection = Connection(client, self._decide, self._dialer, self._limits)
        task = self._loop.create_task(connection.serve())
        self._open[task] = connection
        task.add_done_callback(self._forget)
        if len(self._open) >= self._limits.connections:
            self._loop.remove_reader(self._listener)  # who comes now waits in the system's queue

    def _forget(self, task: "asyncio.Task[None]") -> None:
        self._open.pop(task).leave(self._loop)  # a task that is cancelled before it begins has closed nothing
        self._accept_more()
