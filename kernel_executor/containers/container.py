"""One container: made, told to run commands, ended, removed. Knows the docker SDK, whose calls are made in threads."""

import asyncio
import atexit
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import IO, Any, Self

from kernel_executor.aio.tasks import in_thread
from kernel_executor.containers.engine import Engine, reason
from kernel_executor.containers.request import ContainerRequest, InTheEnd, creation_arguments
from kernel_executor.errors import KernelStartError
from kernel_executor.outputs.exit_codes import KILLED
from kernel_executor.scripts.run import StreamName, Tell

END_ALL = "kill -9 -1; exit 0"
"""Ends all but process 1, also what left its session or ignores SIGTERM, in 0.1 s (measured)."""

END_TRIES = 3
"""The first fails at the process limit; the second is for certainty, when process 1 has ended the others."""

LAST_PATIENCE = 3.0
"""Seconds until what survived that is ended with its container: it took another user's number, say."""

WRITTEN_KEPT = 1_000_000
"""Bytes kept of the end of what a command of ours writes: its programs are the image's."""

STDERR = 2  # its number in the frames of Docker's streams

FRAME = struct.Struct(">BxxxL")  # what precedes each: the stream's number, how many bytes follow


class Container:
    """A running container. Made by `start`."""

    def __init__(self, engine: Engine, handle: Any, in_the_end: InTheEnd) -> None:
        self.engine = engine
        self._handle = handle
        # For who forgets `stop`; of a process that is killed, the labels tell.
        self._finish = {"remove": self._remove, "stop": self._stop, "leave": self._leave}[in_the_end]
        atexit.register(self._finish)

    @classmethod
    async def start(cls, engine: Engine, request: ContainerRequest) -> Self:
        """Make a container and start it.

        Raises:
            KernelStartError: The engine has no such image, or does not start the container.
        """
        return await in_thread(partial(cls._start, engine, request))

    @classmethod
    def _start(cls, engine: Engine, request: ContainerRequest) -> Self:
        try:
            return cls(engine, _started(engine, request), request.in_the_end)
        except (engine.sdk.errors.DockerException, OSError) as error:
            raise KernelStartError(f"the container of {request.image!r} did not start: {reason(error)}") from error

    async def run(self, command: Sequence[str]) -> tuple[int, str]:
        """Run a command that takes moments; return its exit code and what it wrote.

        Raises:
            KernelStartError: The container is gone, or its engine is.
        """
        written = bytearray()

        def keep(_: StreamName, chunk: bytes) -> None:
            written.extend(chunk)
            del written[:-WRITTEN_KEPT]

        try:
            code = await asyncio.to_thread(self._run, list(command), keep)
        except Exception as error:
            raise KernelStartError(f"the container ended while it was being set up: {reason(error)}") from error
        return code, written.decode(errors="replace")

    def execute(self, command: Sequence[str], tell: Tell) -> "asyncio.Future[int]":
        """Start a command; `tell` is given what it writes, on our loop. The result is its exit code."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[int] = loop.create_future()
        threading.Thread(target=self._follow, args=(list(command), tell, done, loop), daemon=True).start()
        return done

    def _follow(
        self, command: list[str], tell: Tell, done: "asyncio.Future[int]", loop: asyncio.AbstractEventLoop
    ) -> None:
        def pass_on(name: StreamName, chunk: bytes) -> None:
            told = threading.Event()
            loop.call_soon_threadsafe(_tell, tell, name, chunk, told)
            told.wait()  # this holds back a flood

        with suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            try:
                code = self._run(command, pass_on)
            except Exception as error:  # noqa: BLE001 - whatever the SDK raises when the container is gone
                code = KILLED
                loop.call_soon_threadsafe(tell, "stderr", f"{reason(error)}\n".encode())
            loop.call_soon_threadsafe(_settle, done, code)

    def _run(self, command: list[str], take: Tell) -> int:
        api = self.engine.client.api
        identity = api.exec_create(self._handle.id, command)["Id"]
        # The SDK's own streaming leaves its connection open, one a command.
        connection = api.exec_start(identity, socket=True)
        api._disable_socket_timeout(connection)  # noqa: SLF001 - as the SDK's own streaming does
        response = connection._response  # noqa: SLF001 - the SDK hands out the socket inside of its response
        try:
            for number, chunk in _frames(response.raw._fp.fp):  # noqa: SLF001 - see there
                take("stderr" if number == STDERR else "stdout", chunk)
        finally:
            response.close()
            connection.close()
        code = api.exec_inspect(identity)["ExitCode"]
        return KILLED if code is None else int(code)

    async def interrupt_all(self) -> None:
        """Send SIGINT to every process but the first."""
        with suppress(Exception):  # a container that is gone has no processes
            await self.run(["sh", "-c", "kill -INT -1"])

    async def end_all(self) -> None:
        """End every process but the first; they are gone when this returns."""
        await asyncio.to_thread(self._end_all)

    async def end(self, command: "asyncio.Future[int]") -> None:
        """End a command with every process but the first; if that does not reach it, the container."""
        await self.end_all()
        await asyncio.wait({command}, timeout=LAST_PATIENCE)
        if not command.done():
            with suppress(Exception):  # gone meanwhile
                await asyncio.to_thread(self._handle.kill)

    def _end_all(self) -> None:
        for _ in range(END_TRIES):
            with suppress(Exception):  # it is gone, or has as many processes as it may, and can start no other
                if self._handle.exec_run(["sh", "-c", END_ALL]).exit_code == 0:
                    return
            with suppress(Exception):
                self._handle.kill("USR1")

    async def finish(self) -> None:
        """Remove it, only end its processes, or leave it running, as was asked for."""
        await in_thread(self._finish)

    async def remove(self) -> None:
        """End it and remove it with its anonymous volumes; nothing happens if it is gone."""
        await in_thread(self._remove)

    def _remove(self) -> None:
        with suppress(Exception):  # gone already, or its engine is: nothing can be done
            self._handle.remove(force=True, v=True)
        self._leave()

    def _stop(self) -> None:
        with suppress(Exception):  # gone already
            self._handle.stop(timeout=1)
        self._leave()

    def _leave(self) -> None:
        atexit.unregister(self._finish)


def _started(engine: Engine, request: ContainerRequest) -> Any:
    handle = engine.client.containers.create(**creation_arguments(engine, request))
    try:
        handle.start()
    except BaseException:
        handle.remove(force=True, v=True)  # a container that did not start stays
        raise
    return handle


def _frames(reader: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Read what a command writes: frames of Docker's attach protocol, a stream's number and a length before each.

    Args:
        reader: What the response's head was read from. The SDK reads from the socket behind it, and loses what came
            together with the head: all that a short command wrote, one command in nine on a busy machine.
    """
    while len(header := reader.read(FRAME.size)) == FRAME.size:
        number, length = FRAME.unpack(header)
        yield number, reader.read(length)


def _settle(done: "asyncio.Future[int]", code: int) -> None:
    if not done.done():
        done.set_result(code)


def _tell(tell: Tell, name: StreamName, chunk: bytes, told: threading.Event) -> None:
    try:
        tell(name, chunk)
    finally:
        told.set()
