"""One ZeroMQ socket of ours, connected to one of a kernel's. Knows bytes and the event loop; nothing of messages."""

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Iterator

from kernel_executor.sockets import zmtp

CHUNK = 65_536  # bytes read at once

TURN = 0.01
"""Seconds of reading until others have their turn on the event loop."""

REST = 0.001
"""Seconds between two turns of a flood, for the other threads of this process. Whoever sends waits meanwhile."""

RETRY = 0.005  # seconds until a socket that is not there yet is tried again; a kernel takes 500 ms to start

FAREWELL = 2.0
"""Seconds in which a kernel's own end is told, which says more than the end of a connection: it has an exit code."""

CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid

TakePiece = Callable[[bytes, bool, bool], None]
"""Takes a piece of a frame, as `zmtp.Decoder` gives them."""


class Connection:
    """A connection to a Unix socket, made as soon as that is there; what is sent before waits for it.

    Args:
        path: Of the socket.
        socket_type: What ours is: `SUB` or `DEALER`.
        identity: Its name at the other end.
        peer: The process that must be there; None if that is not known. In a folder that code can write to, a link of
            that name could lead anywhere.
    """

    def __init__(self, path: str, socket_type: str, identity: bytes, peer: int | None = None) -> None:
        self._path = path
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(0)
        self._decoder = zmtp.Decoder()
        self._pieces: Iterator[zmtp.Piece] = iter(())
        self._opening = zmtp.opening(socket_type, identity)
        self._heard = b""  # of the other end's
        self._unsent = bytearray(zmtp.message([zmtp.SUBSCRIBE_TO_ALL]) if socket_type == "SUB" else b"")
        self._timer: asyncio.TimerHandle | None = None
        self._take: TakePiece
        self._on_failure: Callable[[Exception], None]
        self._is_open = self._is_listened_to = self._is_lost = False
        self._connect()

    def _connect(self) -> None:
        try:
            self.socket.connect(self._path)
        except OSError:  # whatever is wrong with it: a kernel has its time to start
            self._timer = self._loop.call_later(RETRY, self._connect)
            return
        if self._peer is not None and self._peer != _listener(self.socket):
            stranger = ConnectionError("another process is in its place")
            self._timer = self._loop.call_later(RETRY, self._lose, stranger, 0)  # when there is who listens to it
            return
        try:
            self.socket.send(self._opening)  # the first 120 bytes find room
        except OSError as error:  # closed as soon as opened
            self._lose(error, FAREWELL)
            return
        self._loop.add_reader(self.socket, self._hear_opening)

    def _hear_opening(self) -> None:
        try:
            data = self.socket.recv(CHUNK)
            self._heard += data
            end = zmtp.end_of_opening(self._heard)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error, FAREWELL)
            return
        if not data:
            self._lose(ConnectionError("the kernel closed it"), FAREWELL)
        elif end:
            self._loop.remove_reader(self.socket)
            self._is_open = True
            self._pieces = self._decoder.pieces(self._heard[end:])
            self._flush()
            self._resume()

    def listen(self, take: TakePiece, on_failure: Callable[[Exception], None]) -> None:
        """Hand over all that comes, and the error if the connection is found broken."""
        self._take, self._on_failure, self._is_listened_to = take, on_failure, True
        self._resume()

    def send(self, frames: list[bytes]) -> None:
        """Send a message; what the other end does not take yet waits, and we do not.

        Raises:
            ConnectionError: The connection is closed.
        """
        if self._is_lost and self._is_listened_to and self.socket.fileno() >= 0:
            return  # its end is told in a moment, and then better: whoever asks a dying kernel must not hasten that
        if self._is_lost:
            raise ConnectionError("it was lost")
        self._unsent += zmtp.message(frames)
        if self._is_open:
            self._flush()

    def _flush(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: self.socket.send(self._unsent)]
            self._loop.remove_writer(self.socket)
        except BlockingIOError:
            self._loop.add_writer(self.socket, self._flush)
        except OSError as error:
            self._lose(error, FAREWELL)

    def _resume(self) -> None:
        if self._is_open and self._is_listened_to and not self._is_lost:
            self._loop.add_reader(self.socket, self._read)
            self._read()

    def _pause(self) -> None:
        self._loop.remove_reader(self.socket)
        self._timer = self._loop.call_later(REST, self._resume)

    def _read(self) -> None:
        """Read for the time of a turn at most."""
        deadline = time.monotonic() + TURN
        try:
            while not self._is_lost and self._hand_over(deadline):
                if time.monotonic() > deadline:
                    self._pause()
                    return
                if data := self.socket.recv(CHUNK):
                    self._pieces = self._decoder.pieces(data)
                else:
                    self._lose(ConnectionError("the kernel closed it"), FAREWELL)
        except BlockingIOError:
            return
        except zmtp.ProtocolError as error:
            self._lose(error, 0)
        except OSError as error:
            self._lose(error, FAREWELL)

    def _hand_over(self, deadline: float) -> bool:
        """Hand over what was read; return whether all of it."""
        for piece in self._pieces:
            try:
                self._take(*piece)
            except zmtp.ProtocolError:
                raise
            except BaseException:
                self._pause()  # reading goes on, whatever is wrong with who is told
                raise
            if self._is_lost:
                return False
            if time.monotonic() > deadline:
                self._pause()
                return False
        return True

    def _lose(self, error: Exception, patience: float) -> None:
        """Use it no more, and tell so when there was time to hear of something better."""
        self._let_go()
        if self._is_listened_to:
            self._timer = self._loop.call_later(patience, self._on_failure, error)

    def _let_go(self) -> None:
        self._is_lost = True
        if self._timer:
            self._timer.cancel()
        if self.socket.fileno() >= 0:
            self._loop.remove_reader(self.socket)
            self._loop.remove_writer(self.socket)

    def close(self) -> None:
        """Close it at once; nothing is told any more."""
        self._let_go()
        self.socket.close()


def _listener(connected: socket.socket) -> int:
    """Return the number of the process that listens at the other end."""
    credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    return int(CREDENTIALS.unpack(credentials)[0])
