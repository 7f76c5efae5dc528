"""Which names and ports sandboxed code may reach, as a value. Pure; knows no proxy, and resolves nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from kernel_executor.network.hosts import address_of, authority, read_authority, read_host
from kernel_executor.network.public import is_public

WEB = (80, 443)
"""The ports of a name without one."""

SHOWN = 80
"""Characters that a message quotes of an entry."""

ALL = "all"

HOW = 'write a name ("data.example.org"), a name with a port ("localhost:8123") or sub-domains ("*.example.org")'


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is decided about one connection.

    Args:
        allowed: Whether it may be made.
        private: Whether it may lead to an address that is not public: this machine's own, or one of its network.
    """

    allowed: bool
    private: bool = False


REFUSED = Verdict(allowed=False)


@dataclass(frozen=True, slots=True)
class AllowedName:
    """One entry: a host, or the sub-domains of one, at one port or at those of the web.

    Args:
        host: In the form that is compared, without `*.`.
        port: None for the web's.
        below: Whether its sub-domains are meant, and not the name itself.
    """

    host: str
    port: int | None = None
    below: bool = False

    def verdict(self, host: str, port: int) -> Verdict:
        """Return what this entry says of a host, in the form that is compared, and a port."""
        named = host.endswith(f".{self.host}") if self.below else host == self.host
        if not named or port not in (WEB if self.port is None else (self.port,)):
            return REFUSED
        return Verdict(allowed=True, private=self.port is not None and not self.below)

    def __str__(self) -> str:
        return ("*." if self.below else "") + authority(self.host, self.port)


@dataclass(frozen=True, slots=True)
class AllowedNames:
    """What may be reached.

    Args:
        names: What was named, in the order given.
        everything: Whether every public name may be reached at the web's ports, too.
    """

    names: tuple[AllowedName, ...] = ()
    everything: bool = False

    def verdict(self, host: str, port: int) -> Verdict:
        """Return whether a host may be reached at a port; what is no host in a usual form may not."""
        try:
            known = read_host(host)
        except ValueError:
            return REFUSED
        verdicts = [name.verdict(known, port) for name in self.names]
        if self.everything and port in WEB and _may_be_public(known):
            verdicts.append(Verdict(allowed=True))
        allowed = [verdict for verdict in verdicts if verdict.allowed]
        return Verdict(bool(allowed), any(verdict.private for verdict in allowed))

    def with_name(self, entry: str) -> Self:
        """Return the same with one more entry, written as for `parse`.

        Raises:
            ValueError: It cannot be read.
        """
        name = _read(entry)
        return self if name in self.names else replace(self, names=(*self.names, name))

    def summary(self) -> str:
        """Return all of it in one line for people, in the order given."""
        every = ["every public name (ports 80 and 443)"] if self.everything else []
        return ", ".join([*every, *map(str, self.names)]) or "nothing"

    def __str__(self) -> str:
        return self.summary()


EVERYTHING = AllowedNames(everything=True)


def parse(names: Sequence[str]) -> AllowedNames:
    """Read the entries of `network=[...]`.

    Raises:
        ValueError: One cannot be read, or is too much; the message says what to write instead.
    """
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ValueError(f"network={_quoted(names)} is no list: write [{_quoted(names)}]")  # noqa: TRY004 - one error for all that is written wrong
    allowed = AllowedNames()
    for entry in names:
        allowed = allowed.with_name(entry)
    return allowed


def entry_for(host: str, port: int) -> str:
    """Return the entry by which a host, in the form that is compared, is allowed at a port, and no more than needed."""
    return authority(host) if port in WEB and _may_be_public(host) else authority(host, port)


def _read(entry: str) -> AllowedName:
    if not isinstance(entry, str):
        raise ValueError(f"{_quoted(entry)} in network= is no text: {HOW}")  # noqa: TRY004 - as above
    if not entry.strip():
        raise ValueError(f"{_quoted(entry)} in network= is empty: {HOW}")
    if entry in (ALL, "*", "none"):
        instead = f'network="{ALL}"' if entry != "none" else 'network="none"'
        raise ValueError(f"{_quoted(entry)} in network= is no name: write {instead} instead of a list")
    if "@" in entry:  # not quoted: what stands before it may be a password
        raise ValueError(f"an entry in network= has an @: write {_name_in(entry)}")
    if "/" in entry:
        raise ValueError(f"{_quoted(entry)} in network= is a URL or path: write {_name_in(entry)}")
    below = entry.startswith("*.")
    try:
        host, port = read_authority(entry.removeprefix("*."))
    except ValueError as error:
        hint = "" if ": " in str(error) else f": {HOW}"
        raise ValueError(f"{_quoted(entry)} in network= {error}{hint}") from None
    _check_reach(entry, AllowedName(host, port, below))
    return AllowedName(host, port, below)


def _check_reach(entry: str, name: AllowedName) -> None:
    """Refuse what would allow too much, and what would allow nothing.

    Raises:
        ValueError: It is one of these.
    """
    address = address_of(name.host)
    if name.below and (address or "." not in name.host):
        raise ValueError(f'{_quoted(entry)} in network= is too wide: write sub-domains of one name ("*.example.org")')
    if name.port is None and not name.below and not _may_be_public(name.host):
        with_port = _quoted(authority(name.host, WEB[0]))
        raise ValueError(f"{_quoted(entry)} in network= is not public: name its port, too, e.g. {with_port}")


def _may_be_public(host: str) -> bool:
    """Return whether a host, in the form that is compared, is a public address or may have one."""
    if address := address_of(host):
        return is_public(address)
    return "." in host and not host.endswith(".localhost")


def _name_in(url: str) -> str:
    """Return the entry that is meant by a URL, as far as one can be seen."""
    scheme, found, rest = url.rpartition("://")
    place = (rest if found else url).partition("/")[0].rpartition("@")[2]
    try:
        host, port = read_authority(place)
    except ValueError:
        return "the name alone"
    if port is None and scheme and not _may_be_public(host):
        port = WEB[scheme.lower() == "https"]
    return f"the name alone, {_quoted(authority(host, port))}"


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
