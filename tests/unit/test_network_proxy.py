"""The network proxy between real sockets on loopback: what it lets through, what it refuses, and how it ends."""

import asyncio
import contextlib
import http.client
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from kernel_executor.network.addresses import LookUp, Place, is_own, look_up as system_look_up, may_be_reached
from kernel_executor.network.connection import Decide
from kernel_executor.network.limits import Limits
from kernel_executor.network.names import Verdict, parse
from kernel_executor.network.proxy import Proxy
from kernel_executor.network.relay import exchange
from kernel_executor.network.stream import Stream

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter, bytes], Awaitable[None]]


async def hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
    writer.write(HELLO)


@dataclass
class Server:
    """A server on loopback: reads a head, answers as the test wants, reads on to the end."""

    answer: Answer = hello
    port: int = 0
    received: list[bytes] = field(default_factory=list)
    broken: list[type[Exception]] = field(default_factory=list)
    open: set["asyncio.Task[None]"] = field(default_factory=set)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place = len(self.received)
        self.received.append(b"")
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.received[place] = head
            self.heard.set()
            await self.answer(reader, writer, head)
            await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
            while data := await reader.read(65_536):
                self.received[place] += data
        except (OSError, asyncio.IncompleteReadError) as error:
            self.broken.append(type(error))
        finally:
            self.ended.set()
            writer.close()


@dataclass
class Net:
    """Servers and proxies of one test."""

    stack: contextlib.AsyncExitStack

    async def server(self, answer: Answer = hello) -> Server:
        server = Server(answer)
        listening = await asyncio.start_server(server.talk, "127.0.0.1", 0)
        server.port = listening.sockets[0].getsockname()[1]
        self.stack.callback(listening.close)
        return server

    async def proxy(
        self, *names: str, places: Sequence[Place] | None = None, limits: Limits | None = None
    ) -> tuple[Proxy, int]:
        allowed = parse(names)

        async def decide(host: str, port: int) -> Verdict:
            return allowed.verdict(host, port)

        def look_up(host: str, port: int) -> Sequence[Place]:
            if places is None:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return places

        return await self.deciding(decide, look_up=look_up if not _are_addresses(names) else None, limits=limits)

    async def deciding(
        self, decide: Decide, *, look_up: LookUp | None = None, limits: Limits | None = None
    ) -> tuple[Proxy, int]:
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        proxy = await Proxy.serve(listener, decide, limits=limits, look_up=look_up or system_look_up)
        self.stack.push_async_callback(proxy.aclose)
        return proxy, port

    async def connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        self.stack.callback(writer.close)
        return reader, writer

    async def tunnel(self, port: int, to: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await self.connect(port)
        writer.write(f"CONNECT 127.0.0.1:{to} HTTP/1.1\r\n\r\n".encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        return reader, writer

    async def said(self, port: int, request: bytes) -> bytes:
        """Send something, and return all that comes back."""
        reader, writer = await self.connect(port)
        writer.write(request)
        return await reader.read()


def _are_addresses(names: Sequence[str]) -> bool:
    return any(name.startswith("127.0.0.1") for name in names)


@pytest.fixture
async def net() -> AsyncIterator[Net]:
    async with asyncio.timeout(30), contextlib.AsyncExitStack() as stack:
        yield Net(stack)


def place(port: int, host: str = "127.0.0.1") -> Place:
    return socket.AF_INET, (host, port)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def opener(port: int) -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{port}"}))


def get(port: int, url: str) -> bytes:
    with opener(port).open(url, timeout=20) as response:
        data: bytes = response.read()
        return data


async def test_a_url_is_fetched_through_it(net: Net) -> None:
    server = await net.server()
    _, port = await net.proxy(f"127.0.0.1:{server.port}")
    assert await asyncio.to_thread(get, port, f"http://127.0.0.1:{server.port}/a?b") == b"hello"
    [received] = server.received
    assert received.startswith(b"GET /a?b HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{server.port}\r\n".encode() in received
    assert b"roxy" not in received


async def test_a_tunnel_carries_requests_one_after_another(net: Net) -> None:
    async def kept_alive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        while head.startswith((b"GET /1", b"GET /2")):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + head[4:6])
            head = await reader.readuntil(b"\r\n\r\n")

    server = await net.server(kept_alive)
    _, port = await net.proxy(f"127.0.0.1:{server.port}")

    def ask() -> list[bytes]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as client:
            client.set_tunnel("127.0.0.1", server.port)
            answers = []
            for path in ("/1", "/2"):
                client.request("GET", path)
                answers.append(client.getresponse().read())
            return answers

    assert await asyncio.to_thread(ask) == [b"/1", b"/2"]
    assert len(server.received) == 1


async def test_a_client_that_keeps_connections_asks_again_over_another_one(net: Net) -> None:
    server = await net.server()
    _, port = await net.proxy(f"127.0.0.1:{server.port}")

    def ask() -> list[bytes]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as client:
            answers = []
            for _ in range(2):
                client.request("GET", f"http://127.0.0.1:{server.port}/", headers={"Connection": "keep-alive"})
                answers.append(client.getresponse().read())
            return answers

    assert await asyncio.to_thread(ask) == [b"hello", b"hello"]
    assert len(server.received) == 2


async def test_what_is_not_named_is_refused_in_words(net: Net) -> None:
    server = await net.server()
    _, port = await net.proxy("data.example.org", places=[place(server.port)])

    def tunnel() -> None:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as client:
            client.set_tunnel("other.example.org", 443)
            client.request("GET", "/")

    with pytest.raises(OSError, match=r"403 other.example.org:443 is not among the names that network= allows"):
        await asyncio.to_thread(tunnel)
    with pytest.raises(urllib.error.HTTPError, match=r"403: 127.0.0.1:81 is not among the names") as refused:
        await asyncio.to_thread(get, port, "http://127.0.0.1:81/")
    with refused.value as answer:
        assert b'add "127.0.0.1:81" to network=' in answer.read()
    assert server.received == []


async def test_a_redirect_is_a_request_like_any_other(net: Net) -> None:
    other = await net.server()

    async def redirect(_: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\n" % other.port)
        writer.write(b"Content-Length: 0\r\nConnection: close\r\n\r\n")

    server = await net.server(redirect)
    _, port = await net.proxy(f"127.0.0.1:{server.port}")
    with pytest.raises(urllib.error.HTTPError, match=rf"403: 127.0.0.1:{other.port} is not among") as refused:
        await asyncio.to_thread(get, port, f"http://127.0.0.1:{server.port}/")
    refused.value.close()
    assert other.received == []


async def test_an_allowed_name_does_not_lead_to_a_private_address(net: Net) -> None:
    server = await net.server()
    _, port = await net.proxy("data.example.org", places=[place(server.port)])
    for request in (b"CONNECT data.example.org:443 HTTP/1.1\r\n\r\n", b"GET http://data.example.org/ HTTP/1.1\r\n\r\n"):
        said = await net.said(port, request)
        assert b" 403 data.example.org:" in said
        assert b"has a private address, which network= allows only with its port" in said
    assert server.received == []


async def test_a_name_with_its_port_may_lead_to_a_private_address(net: Net) -> None:
    server = await net.server()
    _, port = await net.proxy("data.example.org:443", places=[place(server.port)])
    said = await net.said(port, b"CONNECT data.example.org:443 HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n")
    assert said.endswith(b"hello")


async def test_a_tunnel_is_not_looked_into(net: Net) -> None:
    """What SECURITY.md says: of several sites behind one address the name of one is a way to all of them."""
    server = await net.server()
    _, port = await net.proxy(f"127.0.0.1:{server.port}")
    sent, to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(sent, to_send, server_hostname="other.example.org").do_handshake()
    hello_of_another = to_send.read()
    _, writer = await net.tunnel(port, server.port)
    writer.write(hello_of_another + b"\r\n\r\n")
    writer.write_eof()
    await server.ended.wait()
    assert b"other.example.org" in hello_of_another
    assert server.received == [hello_of_another + b"\r\n\r\n"]


async def test_a_name_is_resolved_once_and_each_address_is_tried(net: Net) -> None:
    server = await net.server()
    asked = []

    def look_up(host: str, port: int) -> Sequence[Place]:
        asked.append((host, port))
        return [place(closed_port()), place(closed_port()), place(server.port)]

    async def decide(host: str, port: int) -> Verdict:
        return Verdict(allowed=True, private=True)

    _, port = await net.deciding(decide, look_up=look_up)
    assert (await net.said(port, b"GET http://Data.example.org:81/ HTTP/1.1\r\n\r\n")).endswith(b"hello")
    assert asked == [("data.example.org", 81)]


async def test_what_cannot_be_reached_is_told_why(net: Net) -> None:
    unknown = await net.proxy("data.example.org:81")
    said = await net.said(unknown[1], b"GET http://data.example.org:81/ HTTP/1.1\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 502 data.example.org cannot be resolved: Name or service not known\r\n")
    port = closed_port()
    _, refused = await net.proxy(f"127.0.0.1:{port}")
    said = await net.said(refused, f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode())
    assert said.startswith(f"HTTP/1.1 502 127.0.0.1:{port} cannot be reached: Connection refused\r\n".encode())


async def test_a_server_that_does_not_accept_is_given_up(net: Net) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = server.getsockname()[1]
        for _ in range(3):  # its queue is full: further ones get no answer
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(("127.0.0.1", port))
        _, through = await net.proxy(f"127.0.0.1:{port}", limits=Limits(connect=0.2))
        said = await net.said(through, f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode())
    assert said.startswith(f"HTTP/1.1 504 127.0.0.1:{port} cannot be reached: no answer in time\r\n".encode())


async def test_names_that_are_never_resolved_hold_up_nobody_else(net: Net) -> None:
    answered = threading.Event()
    net.stack.callback(answered.set)

    def look_up(host: str, port: int) -> Sequence[Place]:
        answered.wait(60)
        raise socket.gaierror

    async def decide(host: str, port: int) -> Verdict:
        return Verdict(allowed=True)

    _, port = await net.deciding(decide, look_up=look_up, limits=Limits(look_ups=2, look_up=0.2))
    asked = [net.said(port, b"CONNECT a.example.org:443 HTTP/1.1\r\n\r\n") for _ in range(50)]
    told = await asyncio.gather(*asked)
    await asyncio.to_thread(time.sleep, 0)  # the loop's own threads are free
    assert {said.split(b"\r\n")[0] for said in told} == {b"HTTP/1.1 504 a.example.org was not resolved in time"}


async def test_an_address_of_this_machine_is_known_without_a_packet() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(0)
        assert is_own(place(listening.getsockname()[1]))
        with pytest.raises(BlockingIOError):
            listening.recv(1)
    assert not may_be_reached(place(80, "127.0.0.1"))


BODY = b"POST http://127.0.0.1:%d/ HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("sent", "arrived"),
    [
        (b"Content-Length: 3\r\n\r\nabcGET http://127.0.0.1:%d/second HTTP/1.1\r\n\r\n", b"abc"),
        (b"\r\nGET http://127.0.0.1:%d/second HTTP/1.1\r\n\r\n", b""),
        (b"Content-Length: 0\r\n\r\nx%d", b""),
        (
            b"Transfer-Encoding: chunked\r\n\r\n03 ; e=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\nGET /%d",
            b"3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n",
        ),
    ],
)
async def test_nothing_but_one_request_arrives(net: Net, sent: bytes, arrived: bytes) -> None:
    server = await net.server()
    _, port = await net.proxy(f"127.0.0.1:{server.port}")
    said = await net.said(port, BODY % server.port + (sent % server.port if b"%d" in sent else sent))
    assert said == HELLO
    await server.ended.wait()
    [received] = server.received
    assert received.partition(b"\r\n\r\n")[2] == arrived


@pytest.mark.parametrize(
    "sent",
    [
        b"Content-Length: 30\r\n\r\ntoo short",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 5_000 + b"\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * 5_000 + b"\r\n\r\n",
    ],
)
async def test_a_body_that_is_not_as_said_never_looks_complete(net: Net, sent: bytes) -> None:
    async def wait(reader: asyncio.StreamReader, _: asyncio.StreamWriter, head: bytes) -> None:
        await reader.read()

    server = await net.server(wait)
    _, port = await net.proxy(f"127.0.0.1:{server.port}")
    reader, writer = await net.connect(port)
    writer.write(BODY % server.port + sent)
    writer.write_eof()
    with pytest.raises(ConnectionResetError):
        await reader.read()
    await server.ended.wait()
    assert server.broken == [ConnectionResetError]


async def test_a_server_that_answers_before_the_body_is_heard(net: Net) -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.write(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\n\r\n")

    server = await net.server(refuse)
    _, port = await net.proxy(f"127.0.0.1:{server.port}")
    reader, writer = await net.connect(port)
    writer.write(BODY % server.port + b"Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 413 ")


async def test_a_server_that_answers_and_hears_no_more_is_heard(net: Net) -> None:
    """It resets the connection, because it has not read the whole body; what it said before that is the answer."""

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.transport.pause_reading()
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await asyncio.sleep(0.1)
        reset(writer)

    server = await net.server(refuse)
    _, port = await net.proxy(f"127.0.0.1:{server.port}")

    def post() -> int:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            client.sendall(BODY % server.port + b"Content-Length: 100000000\r\n\r\n")
            with contextlib.suppress(OSError):
                while True:
                    client.sendall(bytes(100_000))
            return int(client.recv(1_000).split()[1])

    assert await asyncio.to_thread(post) == 413


async def test_an_answer_is_carried_after_the_server_stopped_hearing_and_is_not_taken_for_complete() -> None:
    with contextlib.ExitStack() as stack:
        client, ours, its, server = (stack.enter_context(each) for _ in range(2) for each in socket.socketpair())
        server.shutdown(socket.SHUT_RD)
        task = asyncio.create_task(exchange(Stream(ours), Stream(its), b"head", 0, 20))
        for _ in range(10):
            await asyncio.sleep(0)  # what is to be sent there has failed by now
        server.sendall(b"answer")
        server.close()
        with pytest.raises(ConnectionResetError):
            await task
        assert client.recv(100) == b"answer"


async def test_others_have_their_turn_after_each_piece() -> None:
    """A socket that is always ready never waits; a download stopped everything else."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    one, two = socket.socketpair()
    with one, two:
        stream = Stream(one)
        two.sendall(bytes(10))
        task = asyncio.create_task(others())
        for _ in range(10):
            await stream.receive(1)
        assert turns >= 10
        for _ in range(10):
            await stream.send(b"x")
        assert turns >= 20
        task.cancel()


async def test_a_refusal_is_heard_by_a_client_that_still_sends(net: Net) -> None:
    _, port = await net.proxy("127.0.0.1:1")

    def post() -> None:
        request = urllib.request.Request("http://127.0.0.1:2/", data=bytes(5_000_000), method="POST")
        opener(port).open(request, timeout=20).close()

    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        await asyncio.to_thread(post)
    refused.value.close()


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"400"),
        (b"GET https://a.org/ HTTP/1.1\r\n\r\n", b"400"),
        (
            b"POST http://127.0.0.1/ HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"400",
        ),
        (b"GET http://127.0.0.1/ HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", b"501"),
        (b"GET http://127.0.0.1/ HTTP/1.1\r\nX: " + b"x" * 65_536 + b"\r\n\r\n", b"431"),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", b"400"),
    ],
)
async def test_what_is_not_understood_is_asked_of_nobody(net: Net, request_head: bytes, status: bytes) -> None:
    asked = []

    async def decide(host: str, port: int) -> Verdict:
        asked.append(host)
        return Verdict(allowed=False)

    _, port = await net.deciding(decide)
    assert (await net.said(port, request_head)).startswith(b"HTTP/1.1 " + status)
    assert asked == []


@pytest.mark.parametrize("sent", [b"", b"GET http://127.0.0.1/ HTTP/1.1\r\n", b"GET http://127.0.0.1/ HTTP/1.1\n\n"])
async def test_a_head_that_does_not_arrive_is_not_waited_for(net: Net, sent: bytes) -> None:
    _, port = await net.proxy("127.0.0.1:1", limits=Limits(head=0.2))
    assert (await net.said(port, sent)).startswith(b"HTTP/1.1 408 the head did not arrive within 0.2 s\r\n")


async def test_a_head_that_comes_byte_by_byte_is_read_only_in_time(net: Net) -> None:
    server = await net.server()
    _, port = await net.proxy(f"127.0.0.1:{server.port}", limits=Limits(head=0.5))
    reader, writer = await net.connect(port)
    for byte in f"GET http://127.0.0.1:{server.port}/ HTTP/1.1\r\n\r\n".encode():
        writer.write(bytes([byte]))
        await asyncio.sleep(0)
    assert (await reader.read()).endswith(b"hello")
    reader, writer = await net.connect(port)

    async def drip() -> None:
        while True:
            writer.write(b"X")
            await asyncio.sleep(0.01)

    dripping = asyncio.create_task(drip())
    assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
    dripping.cancel()


async def test_either_end_of_a_tunnel_may_end_first(net: Net) -> None:
    async def after_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        rest = await reader.read()
        writer.write(b"heard " + rest)

    server = await net.server(after_the_end)
    _, port = await net.proxy(f"127.0.0.1:{server.port}")
    reader, writer = await net.tunnel(port, server.port)
    writer.write(b"head\r\n\r\nrest")
    writer.write_eof()
    assert await reader.read() == b"heard rest"

    first = await net.server()  # says hello, ends, and hears on
    _, port = await net.proxy(f"127.0.0.1:{first.port}")
    reader, writer = await net.tunnel(port, first.port)
    writer.write(b"head\r\n\r\n")
    assert await reader.read() == HELLO
    writer.write(b"still heard")
    writer.write_eof()
    await first.ended.wait()
    assert first.received == [b"head\r\n\r\nstill heard"]


async def test_a_client_that_vanishes_ends_its_tunnel(net: Net) -> None:
    async def wait(reader: asyncio.StreamReader, _: asyncio.StreamWriter, head: bytes) -> None:
        await reader.read()

    server = await net.server(wait)
    _, port = await net.proxy(f"127.0.0.1:{server.port}")
    _, writer = await net.tunnel(port, server.port)
    writer.write(b"head\r\n\r\n")
    await server.heard.wait()
    reset(writer)
    await server.ended.wait()
    assert server.broken == [ConnectionResetError]


async def test_what_a_server_breaks_off_never_looks_complete(net: Net) -> None:
    async def break_off(_: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf of")
        await writer.drain()
        reset(writer)

    server = await net.server(break_off)
    _, port = await net.proxy(f"127.0.0.1:{server.port}")
    with pytest.raises(ConnectionResetError):
        await net.said(port, f"GET http://127.0.0.1:{server.port}/ HTTP/1.1\r\n\r\n".encode())


def reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


async def test_a_client_that_has_ended_is_not_kept_for_a_silent_server(net: Net) -> None:
    async def wait(reader: asyncio.StreamReader, _: asyncio.StreamWriter, head: bytes) -> None:
        await asyncio.sleep(20)

    server = await net.server(wait)
    _, port = await net.proxy(f"127.0.0.1:{server.port}", limits=Limits(half_closed=0.2))
    reader, writer = await net.connect(port)
    writer.write(f"GET http://127.0.0.1:{server.port}/ HTTP/1.1\r\n\r\n".encode())
    writer.write_eof()
    with pytest.raises(ConnectionResetError):
        await reader.read()


async def test_a_client_that_reads_nothing_stops_the_server(net: Net) -> None:
    """What is not read lies in the buffers of the system, some megabytes, and 64 KB here."""
    sent = 0
    wanted = 200_000_000

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        nonlocal sent
        while sent < wanted:
            writer.write(bytes(100_000))
            await writer.drain()
            sent += 100_000

    server = await net.server(flood)
    _, port = await net.proxy(f"127.0.0.1:{server.port}")
    reader, writer = await net.connect(port)
    writer.transport.pause_reading()
    writer.write(f"GET http://127.0.0.1:{server.port}/ HTTP/1.1\r\n\r\n".encode())
    before = -1
    while sent > before:
        before = sent
        await asyncio.sleep(0.3)
    assert 0 < sent < wanted / 2
    writer.transport.resume_reading()
    received = 0
    while data := await reader.read(1_000_000):
        received += len(data)
    assert received == wanted


async def test_further_connections_wait_until_one_has_ended(net: Net) -> None:
    server = await net.server()
    _, port = await net.proxy(f"127.0.0.1:{server.port}", limits=Limits(connections=2))
    tunnels = [await net.tunnel(port, server.port) for _ in range(2)]
    third = asyncio.create_task(net.tunnel(port, server.port))
    done, _ = await asyncio.wait({third}, timeout=0.3)
    assert not done
    reset(tunnels[0][1])
    await third


async def test_a_client_waits_for_a_decision_and_others_do_not(net: Net) -> None:
    server = await net.server()
    asked, decided = asyncio.Event(), asyncio.Event()

    async def decide(host: str, port: int) -> Verdict:
        if host == "slow.example.org":
            asked.set()
            await decided.wait()
        return Verdict(allowed=True, private=True)

    _, port = await net.deciding(decide, look_up=lambda *_: [place(server.port)])
    slow = asyncio.create_task(net.said(port, b"GET http://slow.example.org/ HTTP/1.1\r\n\r\n"))
    await asked.wait()
    assert await net.said(port, b"GET http://fast.example.org/ HTTP/1.1\r\n\r\n") == HELLO
    assert not slow.done()
    decided.set()
    assert await slow == HELLO


async def test_a_decision_that_fails_allows_nothing_and_is_told(net: Net) -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    fault = RuntimeError("nobody is there")

    async def decide(host: str, port: int) -> Verdict:
        raise fault

    _, port = await net.deciding(decide)
    said = await net.said(port, b"CONNECT a.example.org:443 HTTP/1.1\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 500 whether a.example.org:443 is allowed could not be decided\r\n")
    assert told == [fault]


async def test_closing_ends_everything_and_waits_for_it(net: Net) -> None:
    server = await net.server()
    asked, cancelled = asyncio.Event(), False

    async def decide(host: str, port: int) -> Verdict:
        nonlocal cancelled
        if host == "127.0.0.1":
            return Verdict(allowed=True, private=True)
        asked.set()
        try:
            return await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled = True
            raise

    proxy, port = await net.deciding(decide)
    tunnels = [await net.tunnel(port, server.port) for _ in range(3)]
    waiting, writer = await net.connect(port)
    writer.write(b"CONNECT a.example.org:443 HTTP/1.1\r\n\r\n")
    await asked.wait()
    idle, _ = await net.connect(port)
    before = asyncio.all_tasks()
    await proxy.aclose()
    assert cancelled
    assert not [task for task in before if "Connection.serve" in repr(task) and not task.done()]
    for reader in (*(reader for reader, _ in tunnels), waiting, idle):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    with pytest.raises(ConnectionRefusedError):
        await net.connect(port)
    await proxy.aclose()


async def test_abandoning_it_closes_everything_at_once(net: Net) -> None:
    server = await net.server()
    proxy, port = await net.proxy(f"127.0.0.1:{server.port}")
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n\r\n".encode())
        assert b" 200 " in await asyncio.to_thread(client.recv, 1_000)
        proxy.abandon()
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            pass
        with pytest.raises(ConnectionResetError):
            client.recv(1)  # the loop has had no turn
    await server.ended.wait()
    proxy.abandon()


@pytest.mark.parametrize("turns", range(5))
async def test_a_connection_that_has_just_come_is_closed_with_the_others(net: Net, turns: int) -> None:
    proxy, port = await net.proxy("127.0.0.1:1")
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        for _ in range(turns):
            await asyncio.sleep(0)
        await proxy.aclose()
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""


def test_it_can_be_abandoned_when_its_loop_is_closed() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    async def decide(host: str, port: int) -> Verdict:
        return Verdict(allowed=False)

    async def serve() -> Proxy:
        return await Proxy.serve(listener, decide)

    loop = asyncio.new_event_loop()
    proxy = loop.run_until_complete(serve())
    loop.close()
    proxy.abandon()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass
