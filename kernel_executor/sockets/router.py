"""Brings every message to the request that caused it. Knows message ids; nothing of code, outputs or processes.

Two stock-client calls at once steal each other's messages (3 of 3 trials); here each message goes to whoever
made the request that caused it, and what nobody waits for goes to `on_orphan` (late output of threads and tasks).
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from kernel_executor.outputs.exit_codes import describe_exit
from kernel_executor.outputs.message import Channel, Message
from kernel_executor.sockets.transport import Transport

Fate = Literal["lost", "kept", "unknown"]
"""What became of the variables of a kernel that is given up: it ended, it goes on without us, or nobody knows."""


@dataclass(frozen=True, slots=True)
class KernelDeath:
    """Told to every request when the kernel is gone, or cannot be reached any more.

    Args:
        exit_code: Of its process; 128 + N if signal N ended it.
        reason: What happened, if the exit code does not tell.
        fate: What became of its variables; if that is unknown, so is what became of the block.
    """

    exit_code: int
    reason: str = ""
    fate: Fate = "lost"

    def __str__(self) -> str:
        return self.reason or describe_exit(self.exit_code)


Taker = Callable[[Message | KernelDeath], None]
"""Takes what a request causes, in the event loop's own calls; the death of the kernel comes last."""


class Router:
    """Carries requests to a kernel and sorts what comes back.

    Args:
        transport: The connection.
        on_orphan: Called with every message that belongs to no open request.
        why: Returns why the kernel is being ended, as far as is known when the connection to it breaks.
    """

    def __init__(
        self, transport: Transport, on_orphan: Callable[[Message], None], why: Callable[[], str] = lambda: ""
    ) -> None:
        self._transport = transport
        self._why = why
        self._on_orphan = on_orphan
        self._takers: dict[str, Taker] = {}
        self.death: KernelDeath | None = None
        transport.listen(self._take, self._lose)

    async def request(self, channel: Channel, msg_type: str, content: dict[str, Any], take: Taker) -> str:
        """Send a request and hand all it causes to `take`; return its id. End this with `release`."""
        msg_id = uuid.uuid4().hex
        self._takers[msg_id] = take
        if self.death:
            take(self.death)
        await self._transport.send(channel, msg_type, msg_id, content)
        return msg_id

    async def post(self, channel: Channel, msg_type: str, content: dict[str, Any]) -> None:
        """Send a request whose answers nobody waits for."""
        await self._transport.send(channel, msg_type, uuid.uuid4().hex, content)

    def release(self, msg_id: str) -> None:
        """Stop collecting for a request; what still comes is an orphan."""
        self._takers.pop(msg_id, None)

    def fail(self, death: KernelDeath) -> None:
        """End every open request, and all later ones, as those of a dead kernel."""
        if self.death:
            return
        self.death = death
        for take in tuple(self._takers.values()):
            take(death)

    def _take(self, message: Message) -> None:
        self._takers.get(message.parent_id, self._on_orphan)(message)

    def _lose(self, error: Exception) -> None:
        """End every request as one without an answer, instead of leaving it to wait forever."""
        self.fail(KernelDeath(1, self._why() or f"the connection to it failed: {error!r}"))

    def close(self) -> None:
        """Close the connection; open requests are told."""
        self.fail(KernelDeath(1, "it was ended"))
        self._transport.close()
