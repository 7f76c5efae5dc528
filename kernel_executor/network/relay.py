"""Carries bytes between two connections: a tunnel, or one request and its answer. Knows no names."""

import asyncio
import re
from collections.abc import Coroutine
from typing import Any

from kernel_executor.aio.tasks import ended, uninterrupted
from kernel_executor.network.request_head import BadRequest, Body
from kernel_executor.network.stream import CHUNK, NotSent, Stream, TooLong

LINE = 4_096
"""Bytes of a line between chunks."""

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n")


async def tunnel(client: Stream, server: Stream, half_closed: float) -> None:
    """Carry all bytes both ways until both have ended.

    Args:
        client: One end.
        server: The other.
        half_closed: Seconds in which something has to move once one direction has ended.

    Raises:
        OSError: One of them is broken, or nothing moved for too long.
    """
    await _carry(_copy(client, server), _copy(server, client), (client, server), half_closed)


async def exchange(client: Stream, server: Stream, head: bytes, body: Body, half_closed: float) -> None:
    """Carry one request there and its answer back; nothing that the client sends after the request goes anywhere.

    Args:
        client: Who asks.
        server: Who answers.
        head: What is sent first.
        body: How much of what the client sends belongs to the request.
        half_closed: As for `tunnel`; the request's end is one.

    Raises:
        OSError: One of them is broken, or nothing moved for too long.
        BadRequest: The body is not as it has to be.
    """
    up, down = _ask(client, server, head, body), _copy(server, client)
    await _carry(up, down, (client, server), half_closed, until_answered=True)


async def _carry(
    up: Coroutine[Any, Any, None],
    down: Coroutine[Any, Any, None],
    streams: tuple[Stream, Stream],
    half_closed: float,
    *,
    until_answered: bool = False,
) -> None:
    asking, answering = tasks = asyncio.ensure_future(up), asyncio.ensure_future(down)
    pending = {asking, answering}
    try:
        while pending and not (until_answered and answering.done()):
            before = sum(stream.moved for stream in streams)
            timeout = half_closed if len(pending) < len(tasks) else None
            done, pending = await asyncio.wait(pending, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if not done and sum(stream.moved for stream in streams) == before:
                raise TimeoutError("nothing moved for too long")
        if any(stream.takes_no_more for stream in streams):
            raise ConnectionResetError("one end broke off while it was sent to")
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            await uninterrupted(ended(task))


async def _copy(source: Stream, target: Stream) -> None:
    while data := await source.receive():
        try:
            await target.send(data)
        except NotSent:
            return  # what it has sent before is still carried
    target.end()


async def _ask(client: Stream, server: Stream, head: bytes, body: Body) -> None:
    try:
        await server.send(head)
        if body == "chunked":
            await _copy_chunks(client, server)
        else:
            await _copy_bytes(client, server, body)
    except NotSent:
        pass  # the server has heard enough; its answer is still carried
    while await client.receive():
        pass  # the end shows that the client is gone; a second request has to come over a second connection


async def _copy_bytes(client: Stream, server: Stream, count: int) -> None:
    while count:
        data = await client.receive(min(count, CHUNK))
        if not data:
            raise BadRequest("the body ends too early")
        await server.send(data)
        count -= len(data)


async def _copy_chunks(client: Stream, server: Stream) -> None:
    """Carry a body in chunks, each written again as it was understood; extensions and trailers are left out."""
    while size := await _size_of_chunk(client):
        await server.send(b"%x\r\n" % size)
        await _copy_bytes(client, server, size)
        if await _line(client) != b"\r\n":
            raise BadRequest("a chunk is longer than it says")
        await server.send(b"\r\n")
    while await _line(client) != b"\r\n":
        pass
    await server.send(b"0\r\n\r\n")


async def _size_of_chunk(client: Stream) -> int:
    size = _SIZE.fullmatch(await _line(client))
    if not size:
        raise BadRequest("a chunk has no size")
    return int(size[1], 16)


async def _line(client: Stream) -> bytes:
    try:
        line = await client.receive_until(b"\r\n", LINE)
    except TooLong:
        raise BadRequest("a line between chunks is too long") from None
    if line is None:
        raise BadRequest("the body ends too early")
    return line
