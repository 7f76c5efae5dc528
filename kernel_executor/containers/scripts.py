"""A script's process in a container that runs. Knows no block and no result."""

from typing import Self

from kernel_executor.containers.container import Container, Tell
from kernel_executor.scripts.script import Script

AND_ITS_REST = 'trap : INT; "$@"; code=$?; kill -9 -1 2>/dev/null; exit $code'
"""Runs a command and ends what it left running. The trap: a SIGINT to all must reach the command and not end us."""


class ContainerScript:
    """A running script. Made by `start`."""

    def __init__(self, container: Container, command: list[str]) -> None:
        self._container = container
        self._command = command

    @classmethod
    async def start(cls, container: Container, python: str, script: Script) -> Self:
        """Make ready; it starts when somebody attends to it."""
        program = [python, "-u"] if script.language == "python" else ["sh"]
        return cls(container, ["sh", "-c", AND_ITS_REST, "sh", *program, script.name])

    async def attend(self, tell: Tell) -> int:
        """Pass on what it writes until it has ended; return its exit code, 128 + N if signal N ended it."""
        return await self._container.execute(self._command, tell)

    async def interrupt(self) -> None:
        """Send SIGINT to it and to what it started."""
        await self._container.signal_all("INT")

    async def kill(self) -> None:
        """End it and everything it started."""
        await self._container.signal_all("9")
