"""Asks an OpenAI-compatible server which models it has, and reads the answer. Knows no client; keeps no key.

A key goes to the server that is named and nowhere else: redirects are not followed.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from codeagent_nb.errors import ModelError, ModelRefused, NoModelList
from codeagent_nb.models.openai import faults
from codeagent_nb.models.openai.addresses import NO_KEY, endpoint, host_of
from codeagent_nb.models.openai.faults import Fault
from kernel_executor.text import cleaned

_MOST_BYTES = 4 << 20
_MOST_MODELS = 500
_LONGEST_NAME = 200
_NOT_FOR_CHAT = ("embed", "rerank", "whisper", "tts-", "dall-e", "moderation")
"""Parts of names of models that cannot be talked to. Ollama lists its embedding models with the others."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a server answered.

    Args:
        status: Of HTTP.
        headers: Of HTTP.
        body: As much of it as is read.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


async def models_at(http: Any, url: str, key: str) -> tuple[str, ...]:
    """Return the names of the models that a server has, in its order.

    Args:
        http: The client of httpx, or of what the SDK stands on, that reaches it.
        url: The address of its API.
        key: What it is given; `NO_KEY` is not sent.

    Raises:
        ModelUnavailable: It cannot be reached, or is overloaded.
        ModelRefused: It does not accept the key.
        NoModelList: It does not say which models it has.
    """
    host = host_of(url)
    try:
        answer = await _ask(http, endpoint(url, "models"), key)
    except faults.fault_types() as error:
        raise faults.unavailable(host, faults.read_fault(error, key), 1) from None
    if 300 <= answer.status < 400:
        raise _sent_elsewhere(host, answer)
    if answer.status >= 400:
        raise _failure(host, faults.read_answer(answer.status, answer.body, answer.headers, key))
    names = model_names(answer.body)
    if names is None:
        raise NoModelList(f"{host} gives no list of its models -> See its documentation for their names.")
    return names


async def _ask(http: Any, address: str, key: str) -> _Answer:
    # Not unpacked: some kilobytes can become gigabytes.
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    if key != NO_KEY:
        headers["Authorization"] = f"Bearer {key}"
    body = bytearray()
    async with http.stream("GET", address, headers=headers, follow_redirects=False) as response:
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > _MOST_BYTES:
                break
        return _Answer(response.status_code, response.headers, bytes(body))


def _failure(host: str, fault: Fault) -> ModelError:
    if fault.passing:
        return faults.unavailable(host, fault, 1)
    said, _, advice = str(faults.refused(host, fault)).partition(" -> ")
    if fault.refuses_key:
        return ModelRefused(f"{host} does not accept this key (HTTP {fault.status}): {fault.quote} -> {advice}")
    return NoModelList(f"{said} -> {advice}")


def _sent_elsewhere(host: str, answer: _Answer) -> NoModelList:
    try:  # its host only: an address may hold a key
        place = urlsplit(answer.headers.get("location", "")).hostname or f"another address of {host}"
    except ValueError:
        place = "what is no address"
    return NoModelList(
        f"{host} gives no list of its models (HTTP {answer.status}): it sends to {place}, where no key is sent "
        "-> If that is right, set OPENAI_BASE_URL to the address there."
    )


def model_names(body: bytes | str) -> tuple[str, ...] | None:
    """Return the names in a list of models, each once, without those that cannot be talked to; None if it is no list.

    OpenAI puts objects with an `id` under `data`; others call that `models` or `name`, or leave the outer object out.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    match answer:
        case {"data": list(entries)} | {"models": list(entries)} | list(entries):  # Together sends the bare list
            found = _names(entries)
        case {"data": None, "object": "list"}:  # Ollama without any model
            return ()
        case _:
            return None
    can_chat = (name for name in found if not any(part in name.lower() for part in _NOT_FOR_CHAT))
    return tuple(dict.fromkeys(can_chat))[:_MOST_MODELS]


def _names(entries: Iterable[Any]) -> Iterator[str]:
    for entry in entries:
        name = entry.get("id", entry.get("name")) if isinstance(entry, dict) else entry
        if isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and name == cleaned(name).strip():
            yield name
