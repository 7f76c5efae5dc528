"""A checkpoint, seen from outside: a process that waits with all variables of a kernel. Knows no messages."""

import asyncio
import json
import socket
from pathlib import Path

from kernel_executor.limits.usage import own_memory, proportional_memory
from kernel_executor.starting.life import Life
from kernel_executor.starting.line import Gone, Seen, announced, line, send
from kernel_executor.starting.root import ANSWER, Root


class Held:
    """A checkpoint of a kernel. Made by `take`.

    Args:
        root: The root of the kernel it was taken of.
        seen: The process.
        ours: Our end of the line to it.
    """

    def __init__(self, root: Root, seen: Seen, ours: socket.socket) -> None:
        self._root = root
        self._seen = seen
        self._line = ours
        self._is_closed = False
        root.keep(seen, self.close)

    @classmethod
    async def take(cls, root: Root, ours: socket.socket) -> "Held":
        """Wait until a checkpoint that was made is there.

        Raises:
            Gone: It is not.
        """
        return cls(root, Seen.of((await announced(ours, ANSWER))[0]), ours)

    @property
    def is_there(self) -> bool:
        """Whether it can be used."""
        return not (self._is_closed or self._seen.has_ended)

    @property
    def memory(self) -> int:
        """Bytes that it has in memory, those included that it shares with other forks."""
        return own_memory(self._seen.pid).private

    @property
    def part_of_memory(self) -> int:
        """Bytes that it has in memory; of what it shares, its part."""
        found = proportional_memory(self._seen.pid)
        return found.private if found else self.memory

    async def revive(self, connection_file: Path, *, keeps_files: bool) -> Life:
        """Have it fork a kernel with its variables, and stay.

        Args:
            connection_file: The kernel's.
            keeps_files: Whether files stay that were made since in a file system in memory that is the sandbox's own.

        Raises:
            Gone: It is not there any more, or does not answer.
        """
        await self._root.settled()
        if not self.is_there:
            raise Gone("it has ended")
        order = {"connection_file": str(connection_file), "keeps_files": keeps_files}
        ours, its = line()
        self._seen.resume()
        try:
            with its:
                send(self._line, json.dumps(order).encode(), its)
            with self._root.coming():
                return self._root.take_in(*await announced(ours, ANSWER), ours)
        except BaseException as error:
            ours.close()
            if isinstance(error, asyncio.CancelledError):
                self._root.sweep()  # a kernel that comes now has nobody
            raise

    def close(self) -> None:
        """End it; may be called twice."""
        if self._is_closed:
            return
        self._is_closed = True
        self._root.let_go(self._seen.inside)
        self._seen.kill()
        self._line.close()
        self._seen.close()
