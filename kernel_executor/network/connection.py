"""One connection of a client to the proxy, and what becomes of its one request. Knows who decides, not how."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

from kernel_executor.network.addresses import Dialer, NotPublic, Unreachable
from kernel_executor.network.answers import ESTABLISHED, answer, not_allowed, not_public
from kernel_executor.network.hosts import authority
from kernel_executor.network.limits import Limits
from kernel_executor.network.names import Verdict
from kernel_executor.network.relay import exchange, tunnel
from kernel_executor.network.request_head import BadRequest, Request, read_request
from kernel_executor.network.stream import Stream, TooLong

Decide = Callable[[str, int], Awaitable[Verdict]]
"""Decides about a host, in the form that is compared, and a port; it may take long, because a person may be asked."""

END_OF_HEAD = b"\r\n\r\n"


class Connection:
    """A client's connection.

    Args:
        client: Its socket; this closes it.
        decide: Who decides.
        dialer: Who connects.
        limits: Bounds.
    """

    def __init__(self, client: socket.socket, decide: Decide, dialer: Dialer, limits: Limits) -> None:
        self._client = Stream(client)
        self._server: Stream | None = None
        self._decide = decide
        self._dialer = dialer
        self._limits = limits

    async def serve(self) -> None:
        """Do what is asked, or answer why not; raises nothing but a cancellation."""
        broken = True
        try:
            if refusal := await self._refusal():
                await self._refuse(refusal)
            broken = False
        except (OSError, BadRequest):
            pass  # one end is gone, or has begun what it does not finish: the other sees that something is missing
        except Exception as error:  # noqa: BLE001 - a fault of ours ends one connection, and is told
            _report(error)
        finally:
            for stream in filter(None, (self._client, self._server)):
                stream.close(broken=broken)

    def leave(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close its sockets at once."""
        for stream in filter(None, (self._client, self._server)):
            stream.leave(loop)

    async def _refusal(self) -> bytes | None:
        """Serve the client to its end; return what it is to be answered if that cannot be."""
        try:
            request = await self._request()
        except BadRequest as error:
            return answer(error.status, str(error))
        if request is None:
            return None
        host, port = request.host, request.port
        try:
            verdict = await self._decide(host, port)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing was allowed, and it is told
            _report(error)
            return answer(500, f"whether {authority(host, port)} is allowed could not be decided")
        if not verdict.allowed:
            return not_allowed(host, port)
        try:
            server = await self._dialer.connect(host, port, private=verdict.private)
        except NotPublic:
            return not_public(host, port)
        except Unreachable as error:
            return answer(504 if error.too_late else 502, str(error))
        self._server = Stream(server)
        await self._carry(request, self._server)
        return None

    async def _request(self) -> Request | None:
        """Read the head; return None if the client ends before it does.

        Raises:
            BadRequest: There is none, or it cannot be understood.
        """
        try:
            async with asyncio.timeout(self._limits.head):
                head = await self._client.receive_until(END_OF_HEAD, self._limits.head_bytes)
        except TooLong:
            raise BadRequest(f"the head is longer than {self._limits.head_bytes} bytes", 431) from None
        except TimeoutError:
            raise BadRequest(f"the head did not arrive within {self._limits.head:g} s", 408) from None
        return read_request(head) if head else None

    async def _carry(self, request: Request, server: Stream) -> None:
        if request.head is None:
            await self._client.send(ESTABLISHED)
            await tunnel(self._client, server, self._limits.half_closed)
        else:
            await exchange(self._client, server, request.head, request.body, self._limits.half_closed)

    async def _refuse(self, refusal: bytes) -> None:
        """Answer, and read on until the client has ended: closed before, the system throws away what was answered."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.farewell):
                await self._client.send(refusal)
                self._client.end()
                while await self._client.receive():
                    pass


def _report(error: Exception) -> None:
    context = {"message": "a connection of the network proxy failed", "exception": error}
    asyncio.get_running_loop().call_exception_handler(context)
