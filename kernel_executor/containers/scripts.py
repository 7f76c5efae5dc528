"""A script's process in a container that runs. Knows no block and no result."""

import asyncio
from collections.abc import Sequence
from typing import Self

from kernel_executor.containers.container import Container
from kernel_executor.containers.probing import Programs
from kernel_executor.outputs.exit_codes import is_of_signal
from kernel_executor.scripts.run import Tell
from kernel_executor.scripts.script import Script

AND_ITS_REST = 'trap : INT; "$@"; code=$?; kill -9 -1 2>/dev/null; exit $code'
"""Runs a command and ends what it left running. The trap: a SIGINT to all must reach the command and not end us."""


class ContainerScript:
    """A running script. Made by `start`."""

    def __init__(self, container: Container, command: Sequence[str]) -> None:
        self._container = container
        self._command = command
        self._work: asyncio.Future[int] | None = None

    @classmethod
    async def start(cls, container: Container, programs: Programs, script: Script) -> Self:
        """Make ready; it starts when somebody attends to it."""
        program = [programs.python, "-u"] if script.language == "python" else [programs.shell]
        return cls(container, ["sh", "-c", AND_ITS_REST, "sh", *program, script.argument])

    async def attend(self, tell: Tell) -> int:
        """Pass on what it writes until it has ended; return its exit code, 128 + N if signal N ended it."""
        self._work = self._container.execute(self._command, tell)
        code = await self._work
        if is_of_signal(code):  # perhaps by what it ran, and then that runs on
            await self._container.end_all()
        return code

    @property
    def cause(self) -> str:
        """What its exit code does not tell, nobody knows."""
        return ""

    async def interrupt(self) -> None:
        """Send SIGINT to it and to what it started."""
        await self._container.interrupt_all()

    async def kill(self) -> None:
        """End it and everything it started."""
        if self._work:
            await self._container.end(self._work)
