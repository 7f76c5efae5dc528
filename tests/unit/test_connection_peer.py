"""A socket of ours speaks only to the process that it is meant for, whoever listens under that name."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernel_executor.sockets import zmtp
from kernel_executor.sockets.connection import Connection


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(tmp_path / "kernel-1"))
        listening.listen(1)
        yield listening


async def heard_by(listener: socket.socket, peer: int | None) -> tuple[bytes, str]:
    """Return what a connection that is meant for a process sends at once, and why it was lost."""
    lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    connection = Connection(listener.getsockname(), "DEALER", b"us", peer)
    connection.listen(lambda *_: None, lambda error: lost.set_result(str(error)))
    accepted, _ = listener.accept()
    with accepted:
        accepted.settimeout(0)
        try:
            await asyncio.wait({lost}, timeout=0.1)
            data = accepted.recv(65_536)
        except BlockingIOError:
            data = b""
        finally:
            connection.close()
    return data, lost.result() if lost.done() else ""


@pytest.mark.parametrize("peer", [None, os.getpid()], ids=["nobody-known", "the-one-that-listens"])
async def test_the_process_that_is_meant_is_spoken_to(listener: socket.socket, peer: int | None) -> None:
    assert await heard_by(listener, peer) == (zmtp.opening("DEALER", b"us"), "")


async def test_another_process_in_its_place_is_told_nothing_and_counts_as_lost(listener: socket.socket) -> None:
    assert await heard_by(listener, os.getppid()) == (b"", "another process is in its place")
