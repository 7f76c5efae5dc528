"""Which server the code of a session runs on, and whether the user trusts it. Pure: opens nothing, asks nobody."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from codeagent_nb.approval import ApprovalMode
from codeagent_nb.events import AgentEvent, RunStartedEvent
from kernel_executor.remote.server import SecretInAddress, Server, Token, checked_variables
from kernel_executor.secret_names import names_secret

SERVER, TOKEN, TRUSTED = "CODEAGENT_SERVER", "CODEAGENT_SERVER_TOKEN", "CODEAGENT_TRUSTED_SERVERS"
"""Variables of the environment: the server's address, who we are there, addresses of servers that are trusted."""

HAS_SECRET = (
    "the server's address has a secret in it, which is in this notebook or in your shell's history now: renew it. "
    f"Leave it out of the address: the token is taken from {TOKEN}, or you are asked for it"
)

OF_THE_CLIENT = frozenset({"KERNEL_ID"})
"""Names what a gateway is to start, and stands in the environment of each kernel that one has started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerChoice:
    """The server that a session's code runs on.

    Args:
        url: Its address, without a token; that of a JupyterHub has the user's server started.
        token: Who we are there.
        kernel_id: A kernel that runs there already, to be used as it is; empty starts one.
        kernel_name: The kernelspec of one that is started; empty takes the usual one.
        variables: What a gateway passes to a kernel that is started: names that begin with `KERNEL_`.
        hub_server: A named server that a JupyterHub starts; empty means the user's usual one.
        hub_options: What it is started with, as the Hub's own form would ask.
        tell: Called with what a Hub tells while it starts one.
    """

    url: str
    token: Token = field(default=Token(""), repr=False, compare=False)
    kernel_id: str = ""
    kernel_name: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    hub_server: str = ""
    hub_options: Mapping[str, str] = field(default_factory=dict)
    tell: Callable[[str], object] = field(default=lambda _: None, repr=False, compare=False)


def read_address(text: str) -> str:
    """Return the address of a server as it is used.

    Raises:
        ValueError: It is none, or has a secret in it, which the message does not repeat.
    """
    try:
        return str(Server(text.strip()))
    except SecretInAddress:
        raise ValueError(HAS_SECRET) from None


def kernel_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of an environment that go along with a kernel, as Jupyter's own gateway mode has it.

    Raises:
        ValueError: A gateway would refuse one; the message names it.
    """
    names = [name for name in environment if name.startswith("KERNEL_") and name not in OF_THE_CLIENT]
    return checked_variables({name: environment[name] for name in names if not names_secret(name)})


def read_options(texts: Sequence[str]) -> dict[str, str]:
    """Return options that are written as `profile=large`.

    Raises:
        ValueError: One is written otherwise.
    """
    options: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ValueError(f"{text!r}: write a Hub's option as NAME=VALUE, e.g. profile=large")
        options[name.strip()] = value.strip()
    return options


def addresses_in(text: str) -> tuple[str, ...]:
    """Return the addresses in a list with commas.

    Raises:
        ValueError: One is none, or has a secret in it.
    """
    return tuple(read_address(each) for each in text.split(",") if each.strip())


def is_trusted(url: str, trusted: Sequence[str]) -> bool:
    """Return whether a server is one of those that are trusted, or stands under the address of one."""
    return any(_is_under(url, each) for each in trusted)


def _is_under(url: str, above: str) -> bool:
    one, other = urlsplit(url), urlsplit(above)
    same = one.scheme == other.scheme and _host(one.netloc, one.scheme) == _host(other.netloc, other.scheme)
    return same and f"{one.path}/".startswith(f"{other.path.rstrip('/')}/") and ".." not in one.path.split("/")


def _host(netloc: str, scheme: str) -> str:
    usual = {"http": ":80", "https": ":443"}[scheme]
    return netloc.lower().removesuffix(usual)


def same_origin(url: str, other: str) -> bool:
    """Return whether two addresses are of one server program, whatever their paths are."""
    return _is_under(url, f"{urlsplit(other).scheme}://{urlsplit(other).netloc}")


def approval_there(mode: ApprovalMode, url: str, trusted: Sequence[str]) -> ApprovalMode:
    """Return when a person is asked: what isolates code on a server cannot be seen, so trust takes its place.

    Args:
        mode: What the user has chosen.
        url: The server; empty for this machine.
        trusted: Addresses of servers that the user trusts with any code.
    """
    return "never" if mode == "auto" and url and is_trusted(url, trusted) else mode


def last_place(past: Sequence[AgentEvent]) -> str:
    """Return the server on which the code of a session ran last, for people; empty if it ran on this machine.

    It is what the session says of itself: nobody may connect to it unasked.
    """
    started = next((event for event in reversed(past) if isinstance(event, RunStartedEvent)), None)
    place = started.isolation.partition(": ")[0].removeprefix("on ") if started else ""
    return place if place.startswith(("http://", "https://")) else ""
