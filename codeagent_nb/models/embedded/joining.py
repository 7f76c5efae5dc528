"""Owns how a client comes to its server: the user's own that runs already, or a new one. Knows no chat."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from codeagent_nb.errors import ModelUnavailable
from codeagent_nb.models.embedded.lease import Lease, take_lease
from codeagent_nb.models.embedded.server_process import ServerProcess, ServerSettings, last_lines
from codeagent_nb.models.embedded.shared_folder import ServerFiles, server_files

_PATIENCE = 1.0  # seconds; a broken connection is noticed before a death
_POLL = 0.02


@dataclass(frozen=True, slots=True)
class JoinedServer:
    """A server that this client holds.

    Args:
        lease: Its hold.
        files: Where the server is found.
        key: What lay beside the socket then; another one is that of another server.
        process: The server, if this client has started it.
    """

    lease: Lease
    files: ServerFiles
    key: str
    process: ServerProcess | None

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.files.path("sock")

    @property
    def is_found(self) -> bool:
        """Whether it is there, and whoever comes to its socket finds it.

        A logout empties the folder while the server lives on, and one that hung is replaced at the same place.
        """
        return self.lease.alive and self.socket.exists() and self.files.read_key() == self.key

    async def last_words(self) -> str:
        """Return how the server ended and what it wrote last."""
        for _ in range(int(_PATIENCE / _POLL)):
            if not self.lease.alive and (self.process is None or self.process.exit_code is not None):
                break
            await asyncio.sleep(_POLL)
        else:
            return "its process still runs"
        code = self.process.exit_code if self.process else None
        how = "" if code is None else f" with code {code}"
        return f"its process ended{how}. {last_lines(self.files)}".rstrip()

    def leave(self) -> None:
        """End this hold on the server, which ends by itself if nobody else holds it; may be called twice."""
        if self.lease.connection.fileno() >= 0:
            self.lease.end()
            self.files.close()


async def join_server(settings: ServerSettings) -> JoinedServer:
    """Return a hold on the user's server for these settings, which is started if there is none.

    Raises:
        ModelUnavailable: It does not start.
    """
    files = server_files(os.environ, settings.name(os.environ))
    try:
        return await _join(settings, files)
    except BaseException:  # a cancelled start, too
        files.close()
        raise


async def _join(settings: ServerSettings, files: ServerFiles) -> JoinedServer:
    async with files.locked():
        key = files.read_key()
        if key and (lease := await _lease(files, key)):
            return JoinedServer(lease, files, key, None)
        return await _start(settings, files)


async def _start(settings: ServerSettings, files: ServerFiles) -> JoinedServer:
    key = files.begin()
    process = ServerProcess(settings, files, key)
    try:
        await process.wait_ready()
        lease = _there(await _lease(files, key), files)
    except BaseException:  # a cancelled start, too: nobody else knows this child
        await process.stop()
        raise
    process.let_go()
    return JoinedServer(lease, files, key, process)


async def _lease(files: ServerFiles, key: str) -> Lease | None:
    asking = asyncio.ensure_future(asyncio.to_thread(take_lease, files.path("sock"), key))
    try:
        return await asyncio.shield(asking)
    except asyncio.CancelledError:  # the thread cannot be: what it brings would be held by nobody
        asking.add_done_callback(_end)
        raise


def _end(asked: "asyncio.Future[Lease | None]") -> None:
    if lease := asked.result():
        lease.end()


def _there(lease: Lease | None, files: ServerFiles) -> Lease:
    if lease is None:
        raise ModelUnavailable(f"The embedded model does not answer. {last_lines(files)}".rstrip())
    return lease
