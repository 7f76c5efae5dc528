"""One reader per channel, one inbox per request. Knows message ids; nothing of code, outputs or processes.

Two stock-client calls at once steal each other's messages (3 of 3 trials); here each message goes to the inbox
of the request that caused it, and what nobody waits for goes to `on_orphan` (late output of threads and tasks).
"""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kernel_executor.exits import describe_exit
from kernel_executor.transport import CHANNELS, Transport
from kernel_executor.wire import Channel, Message


@dataclass(frozen=True, slots=True)
class KernelDeath:
    """Put into every inbox when the kernel is gone, or cannot be reached any more.

    Args:
        exit_code: Of its process; 128 + N if signal N ended it.
        reason: What happened, if the exit code does not tell.
    """

    exit_code: int
    reason: str = ""

    def __str__(self) -> str:
        return self.reason or describe_exit(self.exit_code)


CONNECTION_LOST = "the connection to it was lost"

Inbox = asyncio.Queue[Message | KernelDeath]


class Router:
    """Carries requests to a kernel and sorts what comes back.

    Args:
        transport: The connection.
        on_orphan: Called with every message that belongs to no open request.
    """

    def __init__(self, transport: Transport, on_orphan: Callable[[Message], None]) -> None:
        self._transport = transport
        self._on_orphan = on_orphan
        self._inboxes: dict[str, Inbox] = {}
        self._readers = [asyncio.create_task(self._read(channel)) for channel in CHANNELS]
        for reader in self._readers:
            reader.add_done_callback(self._reader_ended)
        self.death: KernelDeath | None = None

    async def request(self, channel: Channel, msg_type: str, content: dict[str, Any]) -> tuple[str, Inbox]:
        """Send a request; return its id and the inbox for all it causes. Give it back with `release`."""
        msg_id = uuid.uuid4().hex
        inbox = self._inboxes[msg_id] = asyncio.Queue()
        if self.death:
            inbox.put_nowait(self.death)
        await self._transport.send(channel, msg_type, msg_id, content)
        return msg_id, inbox

    async def post(self, channel: Channel, msg_type: str, content: dict[str, Any]) -> None:
        """Send a request whose answers nobody waits for."""
        await self._transport.send(channel, msg_type, uuid.uuid4().hex, content)

    def release(self, msg_id: str) -> None:
        """Stop collecting for a request; what still comes is an orphan."""
        self._inboxes.pop(msg_id, None)

    def fail(self, death: KernelDeath) -> None:
        """Tell every open request, and all later ones, that the kernel is gone."""
        if self.death:
            return
        self.death = death
        for inbox in self._inboxes.values():
            inbox.put_nowait(death)

    async def _read(self, channel: Channel) -> None:
        while True:
            message = await self._transport.receive(channel)
            inbox = self._inboxes.get(message.parent_id)
            if inbox is None:
                self._on_orphan(message)
            else:
                inbox.put_nowait(message)

    def _reader_ended(self, reader: "asyncio.Task[None]") -> None:
        """Tell every request that no answer will come, instead of letting it wait for ever."""
        error = None if reader.cancelled() else reader.exception()
        self.fail(KernelDeath(1, f"the connection to it failed: {error!r}" if error else CONNECTION_LOST))

    async def aclose(self) -> None:
        """Stop reading and close the connection; open requests are told."""
        self.fail(KernelDeath(1, "it was ended"))
        for reader in self._readers:
            reader.cancel()
        await asyncio.wait(self._readers)
        self.abandon()

    def abandon(self) -> None:
        """Close the connection on a loop that is closing."""
        self._transport.close()
