"""What the code of one executor may reach of the network; a person may allow more while it runs. Resolves nothing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Literal, TypeGuard

from kernel_executor.network.hosts import read_host
from kernel_executor.network.names import ALL, EVERYTHING, AllowedNames, Verdict, entry_for, parse
from kernel_executor.network.variables import reaches_own

Network = Literal["none", "all"] | Sequence[str]
"""`none`, `all` public names, or names: `["data.example.org", "localhost:8123"]`."""

NONE = "none"

NOTHING = parse([])

MOST_TOLD = 20
"""Names that were refused of which one is told after a block."""


def known_network(value: Network) -> Literal["none", "all"] | tuple[str, ...]:
    """Return what may be reached, names in the order given.

    Raises:
        ValueError: It is nothing of the kind; the message says what to write instead.
    """
    if isinstance(value, str) and _is_word(word := value.strip().lower()):
        return word
    return tuple(map(str, parse(value).names))


def read_network(text: str) -> Literal["none", "all"] | tuple[str, ...]:
    """Return what a text such as `none`, `all` or `data.example.org, localhost:8123` allows; empty is `none`.

    Raises:
        ValueError: It is nothing of the kind.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    match parts:
        case []:
            return "none"
        case [word] if _is_word(word.lower()):
            return known_network(word)
        case _:
            return known_network(parts)


def _is_word(value: object) -> TypeGuard[Literal["none", "all"]]:
    return value in (NONE, ALL)


class Gate:
    """Decides for one executor.

    Args:
        allowed: What may be reached.
    """

    def __init__(self, allowed: AllowedNames) -> None:
        self.allowed = allowed
        self._lasting = allowed
        self._reaches_own = reaches_own(allowed)
        self._refused: dict[str, None] = {}
        self._shut = 0

    @classmethod
    def of(cls, network: Network) -> "Gate | None":
        """Return a gate for what was asked for, None if that is no network at all."""
        if network == NONE:
            return None
        return cls(EVERYTHING if network == ALL else parse(network))

    def allow(self, entry: str, *, lasting: bool) -> None:
        """Allow one more name, as in a list.

        Args:
            entry: The name.
            lasting: Whether it is allowed for good, or until `end_call`.

        Raises:
            ValueError: It is none, or code was started without asking the proxy for it.
        """
        more = self.allowed.with_name(entry)
        if reaches_own(more) and not self._reaches_own:
            raise ValueError(f"{entry} is on this machine: such names are given at the start, in network=")
        self.allowed = more
        if lasting:
            self._lasting = self._lasting.with_name(entry)

    @contextmanager
    def shut(self) -> Iterator[None]:
        """Allow nothing meanwhile, whatever else is allowed."""
        self._shut += 1
        try:
            yield
        finally:
            self._shut -= 1

    def end_call(self) -> None:
        """Refuse again what was allowed for one call."""
        self.allowed = self._lasting

    async def decide(self, host: str, port: int) -> Verdict:
        """Return whether a host may be reached at a port, and keep in mind what was refused."""
        verdict = (NOTHING if self._shut else self.allowed).verdict(host, port)
        if not verdict.allowed and len(self._refused) < MOST_TOLD:
            with suppress(ValueError):  # it is no host, and nobody could allow it
                self._refused[entry_for(read_host(host), port)] = None
        return verdict

    def take_refused(self) -> tuple[str, ...]:
        """Return what was refused since this was called last, as it would have to be allowed."""
        refused, self._refused = tuple(self._refused), {}
        return refused
