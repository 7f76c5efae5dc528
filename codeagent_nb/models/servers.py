"""Where model servers may be: on this machine, and at what a person typed. Knows no client and no notebook."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from codeagent_nb.errors import AgentError, ModelRefused, NoModelList
from codeagent_nb.models.openai.addresses import LOOPBACK
from codeagent_nb.models.served import served_models

KNOWN_SERVERS: Mapping[str, int] = {"Ollama": 11434, "LM Studio": 1234, "llama.cpp": 8080, "vLLM": 8000}
"""What people run on their own machine, and the port each listens at unless it is told another one."""

_ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - what Ollama's variable may hold; nothing listens there
_ENDPOINTS = ("/chat/completions", "/completions", "/models")
"""Ends of addresses that are copied from examples; the address of the API stands before them."""


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server that answered.

    Args:
        name: What people call it.
        url: The address of its API, for `OPENAI_BASE_URL`.
        models: Names of its models.
        needs_key: Whether it wants a key before it says more.
    """

    name: str
    url: str
    models: tuple[str, ...]
    needs_key: bool = False


async def servers_here(environment: Mapping[str, str]) -> list[FoundServer]:
    """Look for the known servers on this machine, all at once; each is asked for its models.

    Args:
        environment: `OLLAMA_HOST` says where Ollama is, if not at its usual port.
    """
    asked = [(name, url) for name, url in addresses(environment).items()]
    found = await asyncio.gather(*(_found(name, url) for name, url in asked))
    return [server for server in found if server]


def addresses(environment: Mapping[str, str]) -> dict[str, str]:
    """Return where each known server would be on this machine."""
    usual = {name: f"http://localhost:{port}/v1" for name, port in KNOWN_SERVERS.items()}
    return {**usual, "Ollama": _ollama(environment.get("OLLAMA_HOST", "")) or usual["Ollama"]}


def _ollama(host: str) -> str:
    """Return the address that Ollama's own variable names: HOST, HOST:PORT, :PORT, or an address; "" if elsewhere."""
    try:
        parts = urlsplit(host if "://" in host else f"http://{host}")
        name, port = parts.hostname or "localhost", parts.port or KNOWN_SERVERS["Ollama"]
    except ValueError:
        return ""
    if name in _ANY_ADDRESS:
        name = "localhost"
    if not host or name not in LOOPBACK or parts.scheme != "http":
        return ""
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/v1"


async def _found(name: str, url: str) -> FoundServer | None:
    try:
        models = await served_models({"OPENAI_BASE_URL": url})
    except NoModelList:  # something else listens there
        return None
    except ModelRefused:
        return FoundServer(name, url, (), needs_key=True)
    except AgentError:
        return None
    return FoundServer(name, url, models or ())


def checked_address(text: str) -> str:
    """Return what a person typed as the address of a server, completed.

    Raises:
        ValueError: It is none.
    """
    text = text.strip()
    if not text:
        return ""
    try:
        parts = urlsplit(text if "://" in text else f"{_scheme(text)}://{text}")
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError as error:
        raise ValueError(f"this is not the address of a server: {error}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or " " in text:
        raise ValueError("this is not the address of a server; one looks like https://api.example.org/v1")
    if parts.username or parts.password:
        raise ValueError("the key goes into its own field, not into the address")
    path = parts.path.rstrip("/")
    for tail in _ENDPOINTS:
        path = path.removesuffix(tail)
    return parts._replace(path=path or "/v1", fragment="").geturl()


def _scheme(text: str) -> str:
    host = text.split("/", 1)[0].rsplit(":", 1)[0].strip("[]")
    return "http" if host in LOOPBACK else "https"
