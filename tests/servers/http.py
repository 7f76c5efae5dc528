"""A small HTTP server on loopback: takes one JSON request a connection, sends what a dialect answers."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def key(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    @property
    def wish(self) -> str:
        """The last text of the user's: by its words a dialect knows which case is tried."""
        content = self.body["messages"][-1]["content"]
        return content if isinstance(content, str) else json.dumps(content)

    @property
    def roles(self) -> list[str]:
        return [message["role"] for message in self.body["messages"]]


@dataclass(frozen=True)
class Answer:
    """What a server sends: a whole body, or pieces of a stream; with `breaks` the connection is cut after them."""

    pieces: tuple[str, ...]
    status: int = 200
    content_type: str = "text/event-stream"
    headers: dict[str, str] = field(default_factory=dict)
    breaks: bool = False


def plain(status: int, body: object, **headers: str) -> Answer:
    """Return a JSON answer, or one of text."""
    is_text = isinstance(body, str)
    text = body if isinstance(body, str) else json.dumps(body)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer((text,), status, "text/plain" if is_text else "application/json", sent)


@dataclass
class Server:
    """A running server and what it was asked."""

    url: str
    asked: list[Asked] = field(default_factory=list)


@asynccontextmanager
async def serving(answer: Callable[[Asked], Answer]) -> AsyncIterator[Server]:
    """Serve on a port of loopback that the system gives."""
    server = Server("")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await _read(reader)
            server.asked.append(asked)
            for piece in _sent(answer(asked)):
                writer.write(piece)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away, as it does after the end of a reply
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with listener:
        yield server


async def _read(reader: asyncio.StreamReader) -> Asked:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if value}
    body = json.loads(await reader.readexactly(int(headers["content-length"])))
    return Asked(first.split()[1], headers, body)


def _sent(answer: Answer) -> Iterator[bytes]:
    """Yield an answer in chunks of HTTP; one that breaks has no last chunk."""
    lines = [f"HTTP/1.1 {answer.status} X", f"content-type: {answer.content_type}", "transfer-encoding: chunked"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    yield ("\r\n".join([*lines, "connection: close"]) + "\r\n\r\n").encode()
    for piece in answer.pieces:
        yield f"{len(piece.encode()):x}\r\n{piece}\r\n".encode()
    if not answer.breaks:
        yield b"0\r\n\r\n"
