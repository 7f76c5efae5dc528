"""What a kernel on a server is asked while nothing comes of a request: a real websocket on this machine, no kernel."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

pytest.importorskip("websockets")
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from kernel_executor.in_kernel.live import EXECUTE, RECALL
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.remote import transport as module
from kernel_executor.remote.server import Server, Token
from kernel_executor.remote.transport import DEAF, WebsocketTransport
from kernel_executor.sockets.assembler import message_limits


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_SIGN", 0.02)
    monkeypatch.setattr(module, "FIRST_ANSWER", 0.01)
    monkeypatch.setattr(module, "LONGEST_ANSWER", 0.05)


class Silent:
    """A kernel's channels from which nothing comes, and what the server takes the kernel to be."""

    def __init__(self, states: list[bool]) -> None:
        self.states = states
        self.asked: list[str] = []
        self.looked = asyncio.Event()
        self.given_up = asyncio.Event()

    async def is_idle(self) -> bool:
        if len(self.states) == 1:
            self.looked.set()
            return self.states[0]
        return self.states.pop(0)

    async def read(self, connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            async for data in connection:
                message: dict[str, Any] = json.loads(data)
                self.asked.append(message["header"]["msg_id"])

    @property
    def recalls(self) -> int:
        return sum(each.startswith(RECALL) for each in self.asked)


@asynccontextmanager
async def connected(kernel: Silent) -> AsyncIterator[WebsocketTransport]:
    async with serve(kernel.read, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        transport = await WebsocketTransport.open(
            Server(f"http://127.0.0.1:{port}"),
            Token(""),
            "k",
            message_limits(OutputLimits()),
            patience=5.0,
            on_end=lambda *_: None,
            is_idle=kernel.is_idle,
        )
        transport.listen(lambda message: message.is_reply and kernel.given_up.set(), lambda _: None)
        yield transport
        transport.close()


async def test_a_kernel_that_is_busy_is_asked_once_however_long_nothing_comes() -> None:
    kernel = Silent([False] * 10 + [False])
    async with connected(kernel) as transport:
        await transport.send("shell", EXECUTE, "block", {})
        async with asyncio.timeout(20):
            await kernel.looked.wait()  # the server was asked eleven times instead
    assert kernel.asked[0] == "block"
    assert kernel.recalls == 1


async def test_a_kernel_that_is_idle_and_does_not_answer_is_asked_again_and_given_up() -> None:
    kernel = Silent([False, True])
    async with connected(kernel) as transport:
        await transport.send("shell", EXECUTE, "block", {})
        async with asyncio.timeout(20):
            await kernel.given_up.wait()
    assert kernel.recalls == DEAF
