"""A connected socket: what was read too early, what moved, and its end. Knows asyncio; no HTTP, no names.

Not asyncio's own streams: these keep what is written until it is sent, and lose what was received when the other end
resets the connection. Here nothing is read before what was read last is sent, and closing is at once, whatever becomes
of the loop.
"""

import asyncio
import contextlib
import socket
import struct

CHUNK = 65_536
"""Bytes that are read at once, and so what a connection may hold in each direction."""


class TooLong(Exception):  # noqa: N818 - named after the state, as in httpx
    """What was looked for did not come within the bytes that it may take."""


class NotSent(OSError):  # noqa: N818 - named after the state, as in httpx
    """The other end takes no more; what it has sent before can still be received."""


class Stream:
    """One end of a connection, ours from now on.

    Args:
        connection: A connected socket.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(0)
        for level, option in ((socket.IPPROTO_TCP, socket.TCP_NODELAY), (socket.SOL_SOCKET, socket.SO_KEEPALIVE)):
            with contextlib.suppress(OSError):  # the other end has gone already
                connection.setsockopt(level, option, 1)
        self._socket = connection
        self._held = bytearray()
        self.moved = 0
        """Bytes received and sent so far."""
        self.takes_no_more = False
        """Whether something could not be sent. The system tells of a reset once: what is received then just ends."""

    async def receive(self, most: int = CHUNK) -> bytes:
        """Return what comes next, up to a number of bytes; nothing at the end.

        Raises:
            OSError: The connection is broken.
        """
        if not self._held:
            return await self._read(most)
        data = bytes(self._held[:most])
        del self._held[:most]
        return data

    async def receive_until(self, end: bytes, most: int) -> bytes | None:
        """Return what comes up to and with an end; None if the connection ends before.

        Raises:
            TooLong: It is more than the most that it may be.
            OSError: The connection is broken.
        """
        start = 0
        while (place := self._held.find(end, start, most)) < 0:
            if len(self._held) >= most:
                raise TooLong
            start = max(0, len(self._held) - len(end) + 1)
            data = await self._read(CHUNK)
            if not data:
                return None
            self._held += data
        found = bytes(self._held[: place + len(end)])
        del self._held[: len(found)]
        return found

    async def send(self, data: bytes) -> None:
        """Send all of it; waits as long as the other end does not read.

        Raises:
            NotSent: The other end does not take it.
        """
        try:
            await asyncio.get_running_loop().sock_sendall(self._socket, data)
        except OSError as error:
            self.takes_no_more = True
            raise NotSent(*error.args) from error
        self.moved += len(data)
        await asyncio.sleep(0)  # a socket with room never waits: others must have their turn

    def end(self) -> None:
        """Send no more; what comes can still be received."""
        with contextlib.suppress(OSError):  # it is broken: there is nobody to tell
            self._socket.shutdown(socket.SHUT_WR)

    def close(self, *, broken: bool = False) -> None:
        """Close it at once.

        Args:
            broken: Whether the other end is to see that something is missing, not an end.
        """
        with contextlib.suppress(OSError):
            if broken:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def leave(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close it while somebody may be waiting for it on a loop: its number may be another socket's next."""
        if self._socket.fileno() >= 0:
            loop.remove_reader(self._socket)
            loop.remove_writer(self._socket)
        self.close(broken=True)

    async def _read(self, most: int) -> bytes:
        data = await asyncio.get_running_loop().sock_recv(self._socket, most)
        self.moved += len(data)
        await asyncio.sleep(0)  # as above
        return data
