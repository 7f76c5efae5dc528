"""What a kernel's process can do, wherever it runs, and a kernel that was launched. Knows no messages."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from kernel_executor.sockets.router import Fate
from kernel_executor.sockets.transport import Transport

Process = TypeVar("Process", bound="KernelProcess")
Process_co = TypeVar("Process_co", bound="KernelProcess", covariant=True)


class KernelProcess(Protocol):
    """The process of a kernel, wherever it runs."""

    @property
    def said(self) -> str:
        """The end of its standard error, for the error message of a start that failed."""
        ...

    @property
    def cause(self) -> str:
        """Why it was ended, a clause, where its exit code does not tell; known when it has ended."""
        ...

    @property
    def fate(self) -> Fate:
        """What became of its variables; known when it has ended."""
        ...

    async def has_ended(self) -> bool:
        """Look whether it has ended: the news of that may still be on the way."""
        ...

    async def wait(self) -> int:
        """Wait for its end; return its exit code, 128 + N if signal N ended it."""
        ...

    async def interrupt(self) -> None:
        """Send SIGINT to it and to what it started."""
        ...

    async def kill(self) -> None:
        """End it and everything it started."""
        ...

    def reap(self) -> None:
        """End what it left behind, at once and for good; may be called on a loop that is closing."""
        ...

    async def remove(self) -> None:
        """Remove what is left of it after its end."""
        ...


@dataclass(frozen=True, slots=True)
class Launched(Generic[Process_co]):
    """A kernel that was launched, and the way to it.

    Args:
        process: Its process.
        transport: Carries messages to and from it.
        interrupt_mode: `signal` if the process is to be interrupted, `message` if the kernel is to be asked.
        let_go: Removes what was made here for it; called when it has ended.
    """

    process: Process_co
    transport: Transport
    interrupt_mode: str
    let_go: Callable[[], None]


class Held(Protocol):
    """A checkpoint of a kernel, wherever it waits."""

    @property
    def is_there(self) -> bool:
        """Whether it can be used."""
        ...

    @property
    def memory(self) -> int:
        """Bytes that it has in memory, those included that it shares with others."""
        ...

    @property
    def part_of_memory(self) -> int:
        """Bytes that it has in memory; of what it shares, its part."""
        ...

    def close(self) -> None:
        """End it; may be called twice."""
        ...
