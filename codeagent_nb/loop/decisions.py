"""Reads the model's answer to "shall we try again?" as leniently as prose is read. Pure."""

import json
import re
from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, ValidationError

from codeagent_nb.reply.call_values import read_value

MOST_TRIED = 1_000
"""Braces in an answer that a decision is looked for at."""

WORDS = {"true": True, "yes": True, "false": False, "no": False}

_FLAT = re.compile(r"\{[^{}]{0,20000}\}")
_LAST_COMMA = re.compile(r",\s*+(?=\}\Z)")
_IN_PYTHON = {"true": "True", "false": "False", "null": "None"}
_WORD = re.compile(r"\b(?:true|false|null)\b(?=\s*+[,}])")


class RetryDecision(BaseModel):
    """The model's answer to "shall we try again?". AutoGen's shape, also the JSON schema sent to the model."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    reason: str
    retry: bool


class NoDecision(ValueError):  # noqa: N818 - named after the state
    """An answer holds no decision; the text says what is wrong with it."""


def read_decision(text: str) -> RetryDecision:
    """Return the last decision in a text: alone, in a fence, after reasoning, with further keys, with "true" as text.

    Raises:
        NoDecision: There is none.
    """
    found = [decision for value in _objects(text) if (decision := _decision(value))]
    if found:
        return found[-1]
    try:
        return RetryDecision.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"])) or "the reply"
        raise NoDecision(f"{place}: {problem['msg']}") from None


def _objects(text: str) -> Iterator[dict[str, object]]:
    """Yield the JSON objects in a text, none of those within another."""
    decoder, at = json.JSONDecoder(strict=False), 0  # a model breaks lines within a reason
    for _ in range(MOST_TRIED):
        at = text.find("{", at)
        if at < 0:
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            match = _FLAT.match(text, at)
            value, at = _nearly_json(match[0]) if match else None, match.end() if match else at + 1
        if isinstance(value, dict):
            yield value


def _nearly_json(text: str) -> object:
    """Return what an object is that has a comma too many, or that is written in Python."""
    plain = _LAST_COMMA.sub("", text)
    value = read_value(plain)
    return read_value(_WORD.sub(lambda match: _IN_PYTHON[match[0]], plain)) if value is None else value


def _decision(value: dict[str, object]) -> RetryDecision | None:
    retry, reason = value.get("retry"), value.get("reason")
    reason = "" if reason is None else reason
    if isinstance(retry, str):
        retry = WORDS.get(retry.strip().lower())
    if not isinstance(retry, bool) or not isinstance(reason, str):
        return None
    return RetryDecision(reason=reason, retry=retry)
