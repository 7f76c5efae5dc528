"""The transport: a kernel's sockets, played here by the other end of each."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
import zmq
from jupyter_client.session import Session

from kernel_executor.outputs.message import Message
from kernel_executor.sockets.assembler import MessageLimits
from kernel_executor.sockets.transport import SocketTransport

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
        self.ends["iopub"].sndhwm = 0
        for number, end in enumerate(self.ends.values()):
            end.bind(f"ipc://{folder}/s-{number}")
        ports = {f"{name}_port": number for number, name in enumerate(self.ends)}
        info = {"key": KEY.decode(), "transport": "ipc", "ip": f"{folder}/s", **ports}
        self.transport = SocketTransport(info, MessageLimits())
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
    """A turn is 10 ms, here 300 messages: all of them take several turns."""
    for number in range(3_000):
        peer.publish(str(number))
    peer.listen()
    heard = list[int]()
    while peer.messages.qsize() < 3_000:
        await asyncio.sleep(0)
        heard.append(peer.messages.qsize())
    assert max(later - earlier for earlier, later in pairwise([0, *heard])) < 1_500


async def test_what_nobody_reads_yet_waits_at_the_other_end(peer: Peer) -> None:
    """libzmq's own thread read on while our loop had no time, without a limit."""
    peer.listen()
    peer.publish("first")
    assert (await peer.messages.get()).content["text"] == "first"
    before = psutil.Process().memory_info().rss
    frames = [b"t", *peer.session.serialize(peer.session.msg("stream", {"text": "x" * 5_000_000}))]
    for _ in range(40):
        peer.ends["iopub"].send_multipart(frames, copy=False)
    time.sleep(1)  # noqa: ASYNC251 - our loop has no time
    assert psutil.Process().memory_info().rss - before < 30_000_000
    for _ in range(40):  # none is lost; and pyzmq once waited forever for the end of messages that were not read
        assert (await peer.messages.get()).type == "stream"


async def test_what_is_sent_before_the_socket_is_there_arrives(tmp_path: Path) -> None:
    info = {"key": KEY.decode(), "ip": f"{tmp_path}/s", "shell_port": 0, "control_port": 1, "iopub_port": 2}
    transport = SocketTransport(info, MessageLimits())
    await transport.send("shell", "kernel_info_request", "early", {})
    context, session = zmq.Context(), Session(key=KEY)
    end = context.socket(zmq.ROUTER)
    end.bind(f"ipc://{tmp_path}/s-0")
    request = asyncio.create_task(asyncio.to_thread(session.recv, end, 0))
    assert (await request)[1]["header"]["msg_id"] == "early"
    transport.close()
    context.destroy(linger=0)


async def test_a_request_that_the_other_end_does_not_take_yet_waits_without_us(peer: Peer) -> None:
    code = "x" * 20_000_000
    peer.listen()
    await peer.transport.send("shell", "execute_request", "big", {"code": code})
    _, request = await asyncio.to_thread(peer.session.recv, peer.ends["shell"], 0)
    assert request["content"]["code"] == code


async def test_a_socket_that_the_other_end_closes_is_told(peer: Peer) -> None:
    peer.listen()
    peer.ends["control"].close(linger=0)
    assert "closed" in str(await asyncio.wait_for(peer.failures.get(), 10))


async def test_what_is_no_zmtp_is_told(tmp_path: Path) -> None:
    """Executed code can write what it wants on its kernel's connections."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + bytes(200))
        await writer.drain()
        writer.close()

    servers = [await asyncio.start_unix_server(answer, f"{tmp_path}/s-{number}") for number in range(3)]
    info = {"key": KEY.decode(), "ip": f"{tmp_path}/s", "shell_port": 0, "control_port": 1, "iopub_port": 2}
    transport = SocketTransport(info, MessageLimits())
    failures = asyncio.Queue[Exception]()
    transport.listen(lambda _: None, failures.put_nowait)
    assert "ZMTP" in str(await asyncio.wait_for(failures.get(), 10))
    transport.close()
    for server in servers:
        server.close()
        await server.wait_closed()


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
    assert isinstance(await peer.failures.get(), ConnectionError)


async def test_a_transport_that_is_forgotten_lets_go_of_its_sockets(tmp_path: Path) -> None:
    """A context that is collected waits for open sockets, and once did so forever."""
    peer = Peer(tmp_path)
    sockets = [connection.socket for connection in peer.transport._connections.values()]
    del peer.transport
    gc.collect()
    assert all(socket.fileno() < 0 for socket in sockets)
    peer.context.destroy(linger=0)


async def test_closing_twice_is_harmless(peer: Peer) -> None:
    peer.listen()
    await peer.transport.send("shell", "kernel_info_request", "id", {})
    peer.transport.close()
    peer.transport.close()
    await asyncio.sleep(0)
    failures: Any = peer.failures
    assert failures.empty()
