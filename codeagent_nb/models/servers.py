"""Asks OpenAI-compatible servers which models they have. Knows no client and no notebook; keeps no key.

A key goes to the server that is named and nowhere else: redirects are not followed.
"""

import asyncio
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from codeagent_nb.errors import ModelRefused, ModelUnavailable
from kernel_executor.text import cleaned

KNOWN_SERVERS: Mapping[str, int] = {"Ollama": 11434, "LM Studio": 1234, "llama.cpp": 8080, "vLLM": 8000}
"""What people run on their own machine, and the port each listens at unless it is told another one."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - what Ollama's variable may hold; nothing listens there
_TIMEOUT = 5.0  # seconds, to connect and between two reads
_ENDPOINTS = ("/chat/completions", "/completions", "/models")
"""Ends of addresses that are copied from examples; the address of the API stands before them."""
_MOST_BYTES = 4 << 20
_MOST_MODELS = 500
_LONGEST_NAME = 200
_NOT_FOR_CHAT = ("embed", "rerank", "whisper", "tts-", "dall-e", "moderation")
"""Parts of names of models that cannot be talked to. Ollama lists its embedding models with the others."""


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
        models = await models_at(url)
        return None if models is None else FoundServer(name, url, tuple(models))
    except ModelRefused:
        return FoundServer(name, url, (), needs_key=True)
    except ModelUnavailable:
        return None


async def models_at(url: str, key: str = "") -> list[str] | None:
    """Return the names of the models that a server has; None if it does not say.

    Args:
        url: The address of its API, as in `OPENAI_BASE_URL`.
        key: What it wants to know, if anything.

    Raises:
        ModelRefused: It does not accept the key.
        ModelUnavailable: It cannot be reached.
    """
    return await asyncio.to_thread(_ask, url, key)


def _ask(url: str, key: str) -> list[str] | None:
    headers = {"Accept": "application/json", "User-Agent": "codeagent-nb"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    try:
        host = urlsplit(url).hostname
        opener = _opener(ProxyHandler({}) if host in LOOPBACK else ProxyHandler())
        request = Request(f"{url.rstrip('/')}/models", headers=headers)  # noqa: S310 - `checked_address`
        with opener.open(request, timeout=_TIMEOUT) as response:
            body = response.read(_MOST_BYTES)
    except HTTPError as error:
        error.close()
        if error.code == 401:
            raise ModelRefused(f"the server at {host} does not accept this key") from None
        if error.code >= 500:
            raise ModelUnavailable(f"the server at {host} answers with an error ({error.code})") from None
        return None
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a key that no header can hold
        reason = getattr(error, "reason", None)
        why = os.strerror(reason.errno) if isinstance(reason, OSError) and reason.errno else type(error).__name__
        raise ModelUnavailable(f"no answer from the server at {host or url} ({why})") from None
    try:
        return names_in(json.loads(body))
    except (ValueError, RecursionError):
        return None


def _opener(proxies: ProxyHandler) -> OpenerDirector:
    """Return what opens addresses and follows no redirect: the key would go along to whoever is named there."""
    opener = OpenerDirector()
    for handler in (proxies, HTTPHandler(), HTTPSHandler(), HTTPDefaultErrorHandler(), HTTPErrorProcessor()):
        opener.add_handler(handler)
    return opener


def names_in(answer: Any) -> list[str]:
    """Return the names in an answer of `/v1/models`; those of models that cannot be talked to are left out.

    Raises:
        ValueError: It is no such answer.
    """
    match answer:
        case {"data": list(entries)} | list(entries):  # Together sends the bare list
            found = list(_names(entries))
        case {"data": None, "object": "list"}:  # Ollama without any model
            found = []
        case _:
            raise ValueError("no list of models")
    can_chat = (name for name in found if not any(part in name.lower() for part in _NOT_FOR_CHAT))
    return list(dict.fromkeys(can_chat))[:_MOST_MODELS]


def _names(entries: Iterable[Any]) -> Iterable[str]:
    for entry in entries:
        name = entry.get("id") if isinstance(entry, dict) else None
        if isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and name == cleaned(name).strip():
            yield name


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
