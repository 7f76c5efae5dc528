"""What a command in a container writes, whole, however an engine sends it: an engine of a hundred lines answers."""

import json
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kernel_executor.containers.container import Container
from kernel_executor.containers.engine import Engine

HEAD = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"


def frame(number: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", number, len(data)) + data


ANSWER = frame(1, b"one\n") + frame(2, b"two\n") + frame(1, b"three\n")


class Handler(socketserver.StreamRequestHandler):
    """Answers what the SDK asks; what a command writes is sent in the server's pieces, each a packet of its own."""

    def handle(self) -> None:
        while line := self.rfile.readline():
            length = 0
            while (header := self.rfile.readline()) not in {b"\r\n", b""}:
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            self.rfile.read(length)
            path = line.split()[1].decode()
            if path.endswith("/start"):
                for piece in self.server.pieces:  # type: ignore[attr-defined]
                    self.connection.sendall(piece)
                    threading.Event().wait(0.02)
                return
            answer = json.dumps({"Id": "e1", "ExitCode": 0, "ApiVersion": "1.41", "Version": "20.10"}).encode()
            status = b"201 Created" if path.endswith("/exec") else b"200 OK"
            head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (
                status,
                len(answer),
            )
            self.connection.sendall(head + answer)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextmanager
def engine(folder: Path, pieces: list[bytes]) -> Iterator[Engine]:
    sdk: Any = pytest.importorskip("docker")
    path = str(folder / "engine.sock")
    with Server(path, Handler) as server:
        server.pieces = pieces  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        client = sdk.DockerClient(base_url=f"unix://{path}", version="1.41", timeout=5)
        try:
            yield Engine(sdk, client, "docker")
        finally:
            client.close()
            server.shutdown()


def cut(data: bytes, *places: int) -> list[bytes]:
    edges = [0, *places, len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start < end]


@pytest.mark.parametrize("places", [(), (1,), (4,), (8,), (10,), (12, 20), tuple(range(1, len(ANSWER), 3))])
@pytest.mark.parametrize("together", [True, False], ids=["with the head", "after it"])
async def test_nothing_is_lost_however_it_is_cut(tmp_path: Path, places: tuple[int, ...], together: bool) -> None:
    """A command that ends at once answers in one packet with the response's head: the SDK's own reader loses that."""
    body = cut(ANSWER, *places)
    pieces = [HEAD + body[0], *body[1:]] if together else [HEAD, *body]
    with engine(tmp_path, pieces) as found:
        container = Container(found, type("Handle", (), {"id": "c1"})(), "leave")
        assert await container.run(["true"]) == (0, "one\ntwo\nthree\n")


async def test_a_command_that_takes_longer_than_the_sdks_patience_is_waited_for(tmp_path: Path) -> None:
    with engine(tmp_path, [HEAD, *[b""] * 10, ANSWER]) as found:
        found.client.api.timeout = 0.1
        container = Container(found, type("Handle", (), {"id": "c1"})(), "leave")
        assert await container.run(["true"]) == (0, "one\ntwo\nthree\n")
