"""A script's process on this machine: its command line, its two streams. Knows no block and no result."""

import asyncio
import subprocess
from typing import IO, Self

from kernel_executor.processes import programs
from kernel_executor.sandbox.enclosure import Enclosure
from kernel_executor.sandbox.process import ManagedProcess
from kernel_executor.scripts.run import StreamName, Tell
from kernel_executor.scripts.script import Script

CHUNK = 65_536  # bytes; what a pipe holds on Linux

DRAIN = 1.0
"""Seconds to read what is left in the pipes when every process is gone: a few milliseconds' work."""


def languages() -> tuple[str, ...]:
    """Return the languages that there are programs for."""
    return ("python", "bash", "pwsh") if programs.find("pwsh") else ("python", "bash")


def command_of(script: Script, python: str) -> tuple[str, ...]:
    """Return the command line of a script, to be run in its folder.

    Args:
        script: The script.
        python: The interpreter.
    """
    match script.language:
        case "python":
            return (python, "-u", script.argument)  # unbuffered: what was printed before the time limit is there
        case "pwsh":
            return (programs.find("pwsh") or "/usr/bin/pwsh", "-NoProfile", "-File", script.argument)
        case _:
            return (programs.find("bash") or "/bin/sh", script.argument)


class LocalScript:
    """A running script. Made by `start`."""

    def __init__(self, process: ManagedProcess) -> None:
        self._process = process
        self._is_read = False

    @classmethod
    async def start(cls, script: Script, python: str, enclosure: Enclosure) -> Self:
        """Start it.

        Raises:
            OSError: Its program cannot be started.
        """
        command = command_of(script, python)
        return cls(await ManagedProcess.start(command, enclosure, stdout=subprocess.PIPE))

    async def attend(self, tell: Tell) -> int:
        """Pass on what it writes until it has ended; return its exit code, 128 + N if signal N ended it."""
        streams: tuple[tuple[StreamName, IO[bytes] | None], ...] = (
            ("stdout", self._process.stdout),
            ("stderr", self._process.stderr),
        )
        self._is_read = True
        pumps = {asyncio.create_task(_pump(name, pipe, tell)) for name, pipe in streams if pipe}
        try:
            try:
                code = await self._process.wait()
            finally:  # or the loop is closing without `stop`
                # What it left running holds the pipes open: AutoGen waited 25 s for a `sleep 25` in the background.
                self._process.reap()
            await asyncio.wait(pumps, timeout=DRAIN)
        finally:
            for pump in pumps:
                pump.cancel()
            try:
                await asyncio.gather(*pumps, return_exceptions=True)
            finally:
                self._process.close_pipes()  # a pump that was cancelled before it began has not
        return code

    @property
    def cause(self) -> str:
        """Why it was ended, if it used too much of the machine."""
        return self._process.cause

    async def interrupt(self) -> None:
        """Send SIGINT to it and to what it started."""
        self._process.interrupt()

    async def kill(self) -> None:
        """End it and everything it started."""
        self._process.kill()
        if not self._is_read:  # it was cancelled before anybody attended to it
            self._process.close_pipes()


async def _pump(name: StreamName, pipe: IO[bytes], tell: Tell) -> None:
    """Read a pipe to its end. The reader holds back a flood: a full pipe stops the script, not us."""
    reader = asyncio.StreamReader(limit=CHUNK)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        while chunk := await reader.read(CHUNK):
            tell(name, chunk)
    finally:
        transport.close()
