"""Carries messages to and from a kernel on a server, over one websocket after the other. Knows no blocks and no REST.

The session's id stays: to it, and to no other, a server gives what came while nobody was connected. What was in a
connection when it was cut is in no buffer: our guard in the kernel is asked for it. Each request is run once at most:
the kernel runs none twice, and what it has not seen is sent again under its own id.
"""

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

from kernel_executor.in_kernel.live import EXECUTE, KNOWN, RECALL, UNSEEN
from kernel_executor.outputs.message import Channel, Message
from kernel_executor.remote.questions import answer_of, message_of, question
from kernel_executor.remote.request import Request
from kernel_executor.remote.server import Server, Token
from kernel_executor.remote.websocket import Refused, WebSocket
from kernel_executor.remote.wire import Received, pack, unpack
from kernel_executor.sockets.assembler import MessageLimits
from kernel_executor.sockets.router import Fate

FIRST_DELAY, LONGEST_DELAY = 0.05, 5.0
"""Seconds between attempts to connect, doubled each time."""

FIRST_ANSWER, LONGEST_ANSWER = 0.5, 120.0
"""Seconds to wait for an answer before the kernel is asked again, doubled each time: it may be busy for hours, and what
is sent in the first moments of a connection a server may lose: it tries out the kernel's channels then (measured)."""

MOST_DOUBLED = 10

IN_VAIN = 3
"""Answers after which what did not come with them is given up; some of it is lost on the same way."""

FIRST_OPENING, LONGEST_OPENING = 4.0, 60.0
"""Seconds to wait for a connection to open: a server waits for the kernel, and may do so for nothing."""

FIRST_SIGN = 3.0
"""Seconds to wait for the first sign of a request, which is there in milliseconds if nobody else has the kernel."""

DEAF = 3
"""Questions without an answer after which the server is asked whether the kernel is idle."""

GAP_PATIENCE = 1.0
"""Seconds to wait for what is missing, or for the second half of an end, before the kernel is asked."""

SILENCE = 30.0
"""Seconds without a message after which a kernel is asked: a reply may have been lost behind the server."""

REMEMBERED = 64
"""Requests whose late output is still put in order, the newest."""

AT_ONCE = 200
"""Messages read before others on the loop get their turn: those that wait in a flood would not yield."""

CUT = "the connection was cut while it ran"
ENDED = "its process ended"
RESTARTED = "its process ended, and the server restarted it"


class WebsocketTransport:
    """A connection that comes back by itself. Made by `open`.

    Args:
        server: Where the kernel is.
        token: Who we are there.
        kernel_id: The kernel.
        limits: How much of a message is kept.
        patience: Seconds without a connection after which it is given up.
        on_end: Called when the kernel is found gone or cannot be reached any more, with the reason.
        is_idle: Asks the server whether it takes the kernel to be idle.
    """

    def __init__(
        self,
        server: Server,
        token: Token,
        kernel_id: str,
        limits: MessageLimits,
        *,
        patience: float,
        on_end: Callable[[str, Fate], None],
        is_idle: Callable[[], Awaitable[bool]],
    ) -> None:
        self.session = uuid.uuid4().hex
        self.is_guarded = False
        """Whether our guard is in the kernel; set by who brought it there."""
        self.cuts = 0
        """How often a connection was cut: what was asked before may have no answer because of it."""
        self._address = partial(server.websocket, kernel_id)
        self._buffered_for = self.session
        self._token = token
        self._limits = limits
        self._patience = patience
        self._on_end = on_end
        self._is_idle = is_idle
        self._socket: WebSocket | None = None
        self._requests: dict[str, Request] = {}
        self._asked: dict[str, tuple[Request, dict[str, Any]]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._on_message: Callable[[Message], None] = lambda _: None
        self._on_failure: Callable[[Exception], None] = lambda _: None
        self.heard = asyncio.get_running_loop().time()
        """When the last message came, by the loop's clock."""

    @classmethod
    async def open(cls, server: Server, token: Token, kernel_id: str, limits: MessageLimits, **settings: Any) -> "WebsocketTransport":  # fmt: skip  # noqa: E501
        """Connect for the first time.

        Raises:
            ConnectionError: That cannot be done.
        """
        transport = cls(server, token, kernel_id, limits, **settings)
        transport._socket = await transport._connect(LONGEST_OPENING)
        return transport

    async def _connect(self, timeout: float) -> WebSocket:
        # The text of JSON may be escaped, and v1 adds parts that are not read.
        most = 2 * max(self._limits.display, self._limits.text) + 1_000_000
        return await WebSocket.open(self._address(self._buffered_for), self._token, most=most, timeout=timeout)

    @property
    def waiting(self) -> list[str]:
        """The requests of which nothing has come: the kernel may have others to do."""
        return [request.id for request in self._open if not request.has_begun]

    def listen(self, on_message: Callable[[Message], None], on_failure: Callable[[Exception], None]) -> None:
        """Hand over every message as it comes, each once, and the error if there is no connection any more."""
        self._on_message, self._on_failure = on_message, on_failure
        self._begin(self._stay_connected())

    def _begin(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def send(self, channel: Channel, msg_type: str, msg_id: str, content: dict[str, Any]) -> None:
        """Send a request under a given `msg_id`; one to run code is sent when there is a connection."""
        message = message_of(self.session, msg_type, msg_id, content)
        if msg_type == EXECUTE:
            request = self._requests[msg_id] = Request(channel, message)
            self._forget_oldest()
            await self._hand_over(request)
            self._expect(request, FIRST_SIGN)
        else:
            await self._write(channel, message)

    async def _hand_over(self, request: Request) -> None:
        if self._socket:
            request.is_handed_over = True
            await self._write(request.channel, request.message)

    async def _write(self, channel: Channel, message: dict[str, Any]) -> None:
        """Send a message if there is a connection; that it is cut is seen by who reads."""
        if self._socket:
            with suppress(ConnectionError):
                await self._socket.send(pack(channel, message, v1=self._socket.is_v1))

    def _forget_oldest(self) -> None:
        while len(self._requests) > REMEMBERED:
            oldest = next(iter(self._requests))
            self._requests.pop(oldest)
            self._stop_timer(oldest)

    async def _stay_connected(self) -> None:
        try:
            while self._socket:
                await self._read(self._socket)
                self._socket, self.cuts = None, self.cuts + 1
                self._asked.clear()
                for request in self._open:
                    request.was_cut = request.was_cut or request.is_handed_over
                    request.forget_questions()
                self._socket = await self._connected_again()
                for request in self._open:
                    await self._resume(request)
        except ConnectionError as error:
            self._on_end(str(error), "unknown")  # unless it was found gone
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody must wait for an answer any more
            self._on_failure(error)
        finally:
            self._socket = None

    @property
    def _open(self) -> tuple[Request, ...]:
        return tuple(request for request in self._requests.values() if not request.has_ended)

    async def _read(self, connection: WebSocket) -> None:
        loop, count = asyncio.get_running_loop(), 0
        async for data in connection.messages():
            self.heard = loop.time()
            if received := unpack(data, self._limits, v1=connection.is_v1):
                self._take(received)
            count += 1
            if count % AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _connected_again(self) -> WebSocket:
        """Connect again and again.

        Raises:
            ConnectionError: The kernel is gone, we are not let in, or nobody answers for too long.
        """
        loop, delay, opening = asyncio.get_running_loop(), FIRST_DELAY, FIRST_OPENING
        deadline = loop.time() + self._patience
        while True:
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - so that not all come at once
            try:
                async with asyncio.timeout_at(deadline):
                    return await self._connect(opening)
            except Refused as error:
                if error.status == 404:  # behind a hub, a server that is starting answers 503
                    self._on_end("the server ended it, perhaps because it was idle for long", "lost")
                    raise
                if error.status in {401, 403} or loop.time() > deadline:
                    raise
            except (ConnectionError, TimeoutError) as error:
                if loop.time() > deadline:
                    raise ConnectionError(f"the server could not be reached for {self._patience:.0f} s") from error
                self._ask_for_new_channels()
            delay, opening = min(2 * delay, LONGEST_DELAY), min(2 * opening, LONGEST_OPENING)

    def _take(self, received: Received) -> None:
        message = received.message
        if message.parent_id.startswith(RECALL):
            self._take_answer(message)
        elif message.type == "status" and not message.parent_id and self._tells_end(message):
            return
        elif request := self._requests.get(message.parent_id):
            for each in request.take(received):
                self._on_message(each)
            self._expect(request, GAP_PATIENCE if request.waits else SILENCE)
        else:
            self._on_message(message)

    def _tells_end(self, message: Message) -> bool:
        state = message.content.get("execution_state")
        if state in {"restarting", "autorestarting", "dead"}:
            self._on_end(ENDED if state == "dead" else RESTARTED, "lost")
            return True
        return False

    def _expect(self, request: Request, seconds: float) -> None:
        """Ask the kernel if nothing more comes of a request within so many seconds."""
        self._stop_timer(request.id)
        if not request.has_ended:
            loop = asyncio.get_running_loop()
            self._timers[request.id] = loop.call_later(seconds, lambda: self._begin(self._resume(request)))

    def _stop_timer(self, msg_id: str) -> None:
        if timer := self._timers.pop(msg_id, None):
            timer.cancel()

    async def _resume(self, request: Request) -> None:
        """Find out what became of a request: by our guard, or by whether the kernel has gone on to another one."""
        if not self._socket:
            return  # it is done when there is a connection
        tried = min(request.asked + request.found_busy, MOST_DOUBLED)
        self._expect(request, min(FIRST_ANSWER * 2**tried, LONGEST_ANSWER))
        if not request.is_handed_over:
            request.asked += 1
            await self._hand_over(request)
            return
        is_open = any(asked is request for asked, _ in self._asked.values())
        if is_open or request.asked >= DEAF:
            is_idle = await self._is_idle()
            if request.has_ended:
                return
            if is_open and not is_idle:  # it answers when it gets there: more questions would pile up before it
                request.found_busy += 1
                return
            if is_idle and request.asked >= DEAF:
                self._give_up_channels(request)
                return
        request.asked += 1
        msg_id = RECALL + uuid.uuid4().hex
        self._asked[msg_id] = (request, {})
        content = question(request, guarded=self.is_guarded)
        await self._write(request.channel, message_of(self.session, EXECUTE, msg_id, content))

    def _ask_for_new_channels(self) -> None:
        """Take another id for the next connection, if our guard keeps what came for this one.

        Two connections of one session, as a network that repeats a question makes them, leave a server with channels
        that the kernel does not hear, or none at all (seen), and it hands them on to the next one of that session.
        """
        if self.is_guarded:
            self._buffered_for = uuid.uuid4().hex

    def _give_up_channels(self, request: Request) -> None:
        """Drop channels through which nothing comes, though the kernel has nothing to do."""
        self._ask_for_new_channels()
        if not self.is_guarded:
            self._pass(request.give_up(CUT))
        elif self._socket:
            self._socket.abort()

    def _take_answer(self, message: Message) -> None:
        """Take in what comes of our asking: the reply, and the idle behind what was sent once more."""
        request, halves = self._asked.get(message.parent_id, (None, {}))
        if message.is_reply:
            halves["reply"] = message.content
        elif message.is_idle:
            halves["idle"] = True
        if request and len(halves) == 2:
            del self._asked[message.parent_id]
            self._begin(self._settle(request, halves["reply"]))

    async def _settle(self, request: Request, reply: dict[str, Any]) -> None:
        state, sent = answer_of(reply)
        if request.has_ended:
            return
        if state == KNOWN and sent and request.asked < IN_VAIN:
            await self._resume(request)
        elif self.is_guarded and not state:  # another process has no memory of what it was
            self._on_end(RESTARTED, "lost")
        elif state == UNSEEN and not request.has_begun:
            await self._hand_over(request)
            self._expect(request, FIRST_SIGN)
        elif state in {KNOWN, UNSEEN} or request.was_cut:
            self._pass(request.give_up(CUT))
        else:
            self._pass(request.told_idle())

    def _pass(self, messages: list[Message]) -> None:
        for message in messages:
            self._on_message(message)

    def close(self) -> None:
        """Close the connection at once."""
        for timer in self._timers.values():
            timer.cancel()
        for task in tuple(self._tasks):
            task.cancel()
        connection, self._socket = self._socket, None
        if connection:
            connection.abort()
