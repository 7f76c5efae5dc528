"""Owns one client's hold on a model's server: a connection that lasts as long as it is needed. Starts no server."""

import json
import os
import select
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

_PATIENCE = 10.0  # seconds
_LARGEST = 4096
_UCRED = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Lease:
    """A hold on a server.

    Args:
        connection: Stays open; its end, or this process's, is the end of the hold.
        token: What this client shows with each request.
        pid: The server's process.
    """

    connection: socket.socket
    token: str
    pid: int

    @property
    def alive(self) -> bool:
        """Whether the server is there: nothing more comes on this connection but its end."""
        if self.connection.fileno() < 0:
            return False
        poll = select.poll()  # select itself takes no number of a file from 1,024 on
        poll.register(self.connection, select.POLLIN)
        return not poll.poll(0)

    def end(self) -> None:
        """End the hold; may be called twice."""
        self.connection.close()


def take_lease(path: Path, key: str) -> Lease | None:
    """Return a hold on the server that listens on a socket file, None if none does that can be trusted.

    Args:
        path: Of the file.
        key: What lies beside it.
    """
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(_PATIENCE)
        connection.connect(str(path))
        answer = _ask(connection, key) if _is_ours(connection) else None
    except (OSError, ValueError, KeyError):
        answer = None
    if answer is None:
        connection.close()
        return None
    return Lease(connection, *answer)


def _ask(connection: socket.socket, key: str) -> tuple[str, int] | None:
    request = f"POST /lease HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nContent-Length: 0\r\n\r\n"
    connection.sendall(request.encode())
    answer = b""
    while not answer.endswith(b"}") and len(answer) < _LARGEST:
        if not (piece := connection.recv(_LARGEST)):
            return None
        answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        return None
    said = json.loads(body)
    return str(said["token"]), int(said["pid"])


def _is_ours(connection: socket.socket) -> bool:
    """Return whether a process of this user listens, before it is told anything."""
    if not hasattr(socket, "SO_PEERCRED"):  # macOS: the folder is the user's own
        return True
    _, user, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return bool(user == os.geteuid())
