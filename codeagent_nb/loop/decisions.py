"""Reads the model's answer to "shall we try again?" as leniently as prose is read. Pure."""

import json
from collections.abc import Iterator

from pydantic import ValidationError

from codeagent_nb.events import RetryDecision

MOST_TRIED = 1_000
"""Braces in an answer that a decision is looked for at."""

WORDS = {"true": True, "yes": True, "false": False, "no": False}


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
    decoder, at = json.JSONDecoder(), 0
    for _ in range(MOST_TRIED):
        at = text.find("{", at)
        if at < 0:
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        yield value


def _decision(value: dict[str, object]) -> RetryDecision | None:
    retry, reason = value.get("retry"), value.get("reason", "")
    if isinstance(retry, str):
        retry = WORDS.get(retry.strip().lower())
    if not isinstance(retry, bool) or not isinstance(reason, str):
        return None
    return RetryDecision(reason=reason, retry=retry)
