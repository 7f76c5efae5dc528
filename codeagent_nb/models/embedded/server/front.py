"""Listens on a socket file and relays chats to the model, each in its client's own slot. Knows HTTP; loads no model.

A client takes a lease first, with the key that lies beside the socket: a connection that stays open as long as the
client lives, and a token that is good for as long. A chat is one connection; a client that closes it stops the model.
Nothing else that the model's own server can do is reachable: no slot is read, saved or shared from here.
"""

import contextlib
import json
import os
import secrets
import select
import socket
import socketserver
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from .clients import Clients, Gone

LARGEST = 64 << 20  # bytes of a request
PATIENCE = 60.0  # seconds for a request to arrive, and for what is sent to be taken
_PIECE = 1 << 16
_UCRED = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Engine:
    """The model's own server, which only this process can use.

    Args:
        port: Of 127.0.0.1.
        key: Known to nobody else.
    """

    port: int
    key: str

    def chat(self, body: Mapping[str, Any]) -> socket.socket:
        """Send a request; return the connection on which the answer comes, which ends with it."""
        data = json.dumps(body).encode()
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            f"Authorization: Bearer {self.key}\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.sendall(head.encode() + data)
        return connection


class Front(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Serves until the process ends.

    Args:
        path: Of the socket; there is nothing yet.
        key: What a client shows to get a token.
        engine: Who answers.
        clients: Who is there.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: str, key: str, engine: Engine, clients: Clients) -> None:
        self.key, self.engine, self.clients = key, engine, clients
        super().__init__(path, Handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002
        """Refuse other users, should the folder ever let them in."""
        return peer(request)[1] in {os.geteuid(), None}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore connections that broke: standard error is for the model's last words."""


class Handler(BaseHTTPRequestHandler):
    """One connection, which is one request."""

    server: Front
    timeout = PATIENCE
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Grant a lease, or answer a chat."""
        self.close_connection = True
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.path == "/lease" and secrets.compare_digest(token.encode(), self.server.key.encode()):
            self._lease()
        elif self.path == "/v1/chat/completions" and self.server.clients.knows(token):
            self._chat(token)
        else:
            self._refuse(401, "unknown token, or nothing that is served here")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Write nothing down of what is asked."""

    def _lease(self) -> None:
        token = self.server.clients.enter()
        try:
            self._send(200, {"token": token, "pid": os.getpid()})
            with _ends_of(self.connection) as poller:
                poller.poll()
        finally:
            self.server.clients.leave(token)

    def _chat(self, token: str) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = _read(self.rfile.read(size)) if 0 < size <= LARGEST else None
        if body is None:
            self._refuse(400, "the request is no JSON object, or too large")
        elif any(body.get(name) not in {None, 1} for name in ("n", "n_cmpl")):
            # Each further answer is made in another slot, whoever's that is (seen: its cache was gone).
            self._refuse(400, "n: the embedded model gives one answer to a request")
        else:
            with contextlib.suppress(Gone), self.server.clients.turn(token, lambda: self._is_there(token)) as turn:
                keeps_cache = turn.keeps_cache and body.get("cache_prompt") is not False
                ours = {"id_slot": turn.slot, "cache_prompt": keeps_cache}
                self._relay(token, {**body, **ours})

    def _is_there(self, token: str) -> bool:
        return self.server.clients.knows(token) and not select.select([self.connection], [], [], 0)[0]

    def _relay(self, token: str, body: Mapping[str, Any]) -> None:
        with self.server.engine.chat(body) as answer:
            while self._is_there(token):
                if select.select([answer, self.connection], [], [], 1.0)[0] == [answer]:
                    piece = answer.recv(_PIECE)
                    if not piece:
                        return
                    self.connection.sendall(piece)

    def _refuse(self, status: int, why: str) -> None:
        self._send(status, {"error": {"code": status, "type": "invalid_request_error", "message": why}})

    def _send(self, status: int, answer: object) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)


def peer(connection: socket.socket) -> tuple[int | None, int | None]:
    """Return the process and the user at the other end, None where the system does not tell."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None, None
    pid, user, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return pid, user


@contextlib.contextmanager
def _ends_of(connection: socket.socket) -> Iterator[select.poll]:
    """Yield what becomes ready when a client has gone: closed, or ended while a fork of it keeps this open."""
    poller = select.poll()
    poller.register(connection, select.POLLIN | select.POLLHUP)
    process = -1
    if (pid := peer(connection)[0]) and hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError):  # of another namespace
            process = os.pidfd_open(pid)
            poller.register(process, select.POLLIN)
    try:
        yield poller
    finally:
        if process >= 0:
            os.close(process)


def _read(data: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
