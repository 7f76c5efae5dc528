"""A proxy between a client and a server that does to connections what networks do: at random, from a seed.

It cuts them, in the middle of a message too; keeps pieces back; closes or swallows one direction only; opens a second
connection with what the first one began with; and is away altogether for a while.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal

Deed = Literal["cut", "delay", "half-close", "swallow", "duplicate", "away"]


@dataclass
class ChaosProxy:
    """A proxy. Use `start`, then `port`; it is calm until `deeds` has something.

    Args:
        host: Where the server is.
        target: Its port.
        seed: Makes what happens repeatable, but for the times.
        every: Seconds between two deeds, on average.
        away: Seconds it is away, if that is among the deeds.
        cut_before: Cuts the connection, once, in place of a piece that has this in it.
    """

    host: str
    target: int
    seed: int = 0
    every: float = 0.15
    away: float = 0.5
    cut_before: bytes = b""
    deeds: tuple[Deed, ...] = ()
    done: dict[str, int] = field(default_factory=dict)
    _opened: "dict[asyncio.StreamWriter, float]" = field(default_factory=dict)
    _closed: list[tuple[float, float]] = field(default_factory=list)
    _pairs: "dict[asyncio.Task[None], tuple[asyncio.StreamWriter, asyncio.StreamWriter]]" = field(default_factory=dict)
    _faults: dict[asyncio.StreamWriter, Deed] = field(default_factory=dict)
    _tasks: "set[asyncio.Task[None]]" = field(default_factory=set)
    _is_away: bool = False
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._random = random.Random(self.seed)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._spawn(self._act())

    @property
    def port(self) -> int:
        assert self._server
        return int(self._server.sockets[0].getsockname()[1])

    def _spawn(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        assert self._server
        self._server.close()
        tasks = [*self._tasks, *self._pairs]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        if self._is_away:
            writer.transport.abort()
            return
        try:
            upstream, up = await asyncio.open_connection(self.host, self.target)
        except (OSError, asyncio.CancelledError):  # cancelled at the end of a test: nobody else closes it
            writer.transport.abort()
            return
        self._pairs[task] = (writer, up)
        try:
            await asyncio.gather(self._carry(reader, up, begins=True), self._carry(upstream, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._pairs.pop(task, None)
            if writer in self._opened:
                self._closed.append((self._opened.pop(writer), time.monotonic()))
            for each in (writer, up):
                self._faults.pop(each, None)
                each.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, begins: bool = False) -> None:
        while piece := await reader.read(65_536):
            if begins:
                begins = False
                if "duplicate" in self.deeds and b"/channels" in piece and self._random.random() < 0.2:
                    self._count("duplicate")
                    self._spawn(self._duplicate(piece))
            if self.cut_before and self.cut_before in piece:
                self.cut_before = b""
                raise ConnectionAbortedError
            fault = self._faults.pop(writer, None)
            if fault == "delay":
                await asyncio.sleep(self._random.uniform(0.02, 0.3))
            elif fault == "cut":
                writer.write(piece[: self._random.randrange(len(piece))])
                await writer.drain()
                raise ConnectionAbortedError
            elif fault == "swallow":  # and with it the rest: what follows would make no sense
                await asyncio.sleep(self._random.uniform(0.1, 0.5))
                raise ConnectionAbortedError
            elif fault == "half-close":
                writer.write_eof()
                await asyncio.sleep(self._random.uniform(0.1, 0.5))
                raise ConnectionAbortedError
            writer.write(piece)
            await writer.drain()
            if piece.startswith(b"HTTP/1.1 101"):
                self._opened[writer] = time.monotonic()
        raise ConnectionAbortedError

    def without_channels(self) -> list[tuple[float, float]]:
        """Return when no websocket was open through it, since the first one: a cut may do that as well as an outage."""
        forever = float("inf")
        spans = sorted([*self._closed, *((began, forever) for began in self._opened.values())])
        ends = list(accumulate((ended for _, ended in spans), max))
        begins = [*(began for began, _ in spans[1:]), forever]
        return [(ended, began) for ended, began in zip(ends, begins, strict=True) if ended < began]

    async def _duplicate(self, piece: bytes) -> None:
        """Ask for the same once more, after a while; nobody reads what comes."""
        await asyncio.sleep(self._random.uniform(0.05, 0.5))
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(self.host, self.target)
            try:
                writer.write(piece)
                await writer.drain()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._random.uniform(0.05, 0.5)):
                        await reader.read()
            finally:
                writer.transport.abort()

    def _count(self, deed: str) -> None:
        self.done[deed] = self.done.get(deed, 0) + 1

    async def _act(self) -> None:
        while True:
            await asyncio.sleep(self._random.uniform(0, 2 * self.every))
            possible = [deed for deed in self.deeds if deed != "duplicate"]
            if not possible or not self._pairs:
                continue
            deed = self._random.choice(possible)
            self._count(deed)
            if deed == "away":
                async with self.outage():
                    await asyncio.sleep(self.away)
            else:
                ends = self._random.choice(list(self._pairs.values()))
                self._faults[self._random.choice(ends)] = deed

    @asynccontextmanager
    async def outage(self) -> AsyncGenerator[None, None]:
        """Be away as long as the context is entered."""
        self._is_away = True
        for task in tuple(self._pairs):
            task.cancel()
        yield
        self._is_away = False
