"""The transport: a kernel's sockets, played here by the other end of each."""

import asyncio
import gc
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import zmq
from jupyter_client.session import Session

from kernel_executor.transport import ZmqTransport
from kernel_executor.wire import Message

KEY = b"a key"


class Peer:
    """The kernel's ends of its sockets, and our transport connected to them."""

    def __init__(self, folder: Path) -> None:
        self.context = zmq.Context()
        self.session = Session(key=KEY)
        self.ends = {
            name: self.context.socket(zmq.XPUB if name == "iopub" else zmq.ROUTER)
            for name in ("shell", "control", "iopub")
        }
        for number, end in enumerate(self.ends.values()):
            end.bind(f"ipc://{folder}/s-{number}")
        ports = {f"{name}_port": number for number, name in enumerate(self.ends)}
        self.transport = ZmqTransport({"key": KEY.decode(), "transport": "ipc", "ip": f"{folder}/s", **ports})
        self.messages = asyncio.Queue[Message]()
        self.failures = asyncio.Queue[Exception]()

    def listen(self) -> None:
        self.transport.listen(self.messages.put_nowait, self.failures.put_nowait)

    def publish(self, words: str, session: Session | None = None) -> None:
        session = session or self.session
        session.send(self.ends["iopub"], "stream", {"name": "stdout", "text": words})

    def close(self) -> None:
        self.transport.close()
        self.context.destroy(linger=0)


@pytest.fixture
async def peer(tmp_path: Path) -> AsyncIterator[Peer]:
    peer = Peer(tmp_path)
    await asyncio.to_thread(peer.ends["iopub"].recv)  # the subscription
    yield peer
    peer.close()


async def test_messages_come_as_they_are_sent(peer: Peer) -> None:
    peer.listen()
    for words in ("a", "b"):
        peer.publish(words)
    got = [await peer.messages.get(), await peer.messages.get()]
    assert [(message.channel, message.type, message.content["text"]) for message in got] == [
        ("iopub", "stream", "a"),
        ("iopub", "stream", "b"),
    ]


async def test_a_request_is_signed_and_its_reply_is_heard(peer: Peer) -> None:
    peer.listen()
    for _ in range(20):  # the signal that a reply is there is sometimes swallowed by the next request
        await peer.transport.send("shell", "kernel_info_request", "id-1", {})
        idents, request = await asyncio.to_thread(peer.session.recv, peer.ends["shell"], 0)
        assert request["header"]["msg_id"] == "id-1"
        peer.session.send(peer.ends["shell"], "kernel_info_reply", {}, parent=request, ident=idents)
        await peer.transport.send("shell", "kernel_info_request", "id-2", {})
        reply = await peer.messages.get()
        assert (reply.parent_id, reply.is_reply) == ("id-1", True)
        await asyncio.to_thread(peer.session.recv, peer.ends["shell"], 0)


async def test_what_is_not_signed_with_our_key_or_broken_is_skipped(peer: Peer) -> None:
    peer.listen()
    peer.publish("forged", Session(key=b"another"))
    peer.ends["iopub"].send_multipart([b"no", b"message"])
    peer.publish("true")
    assert (await peer.messages.get()).content["text"] == "true"
    assert peer.failures.empty()


async def test_a_flood_leaves_the_event_loop_its_turns(peer: Peer) -> None:
    for number in range(100):
        peer.publish(str(number))
    await asyncio.sleep(0.1)
    peer.listen()
    heard = list[int]()
    while peer.messages.qsize() < 100:
        await asyncio.sleep(0)
        heard.append(peer.messages.qsize())
    assert max(later - earlier for earlier, later in pairwise([0, *heard])) <= 2


async def test_a_taker_that_raises_is_reported_and_reading_goes_on(peer: Peer) -> None:
    reported = list[str]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(str(context["exception"])))

    def take(message: Message) -> None:
        peer.messages.put_nowait(message)
        raise ValueError("broken")

    peer.transport.listen(take, peer.failures.put_nowait)
    for words in ("a", "b"):
        peer.publish(words)
    assert [(await peer.messages.get()).content["text"] for _ in range(2)] == ["a", "b"]
    await asyncio.sleep(0)
    assert reported == ["broken", "broken"]
    assert peer.failures.empty()


async def test_a_socket_that_cannot_be_used_is_told_and_raises_nothing(peer: Peer) -> None:
    peer.listen()
    peer.transport.close()
    await peer.transport.send("shell", "kernel_info_request", "id", {})
    assert isinstance(await peer.failures.get(), zmq.ZMQError)


async def test_a_transport_that_is_forgotten_lets_go_of_its_sockets(tmp_path: Path) -> None:
    """A context that is collected waits for open sockets, and once did so for ever."""
    peer = Peer(tmp_path)
    sockets = tuple(peer.transport._sockets.values())
    del peer.transport
    gc.collect()
    assert all(socket.closed for socket in sockets)
    peer.context.destroy(linger=0)


async def test_closing_twice_is_harmless(peer: Peer) -> None:
    peer.listen()
    await peer.transport.send("shell", "kernel_info_request", "id", {})
    peer.transport.close()
    peer.transport.close()
    await asyncio.sleep(0)
    failures: Any = peer.failures
    assert failures.empty()
