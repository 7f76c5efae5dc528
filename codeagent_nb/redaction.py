"""Takes the values of secret variables out of everything that is kept, shown or sent. Knows names, not services."""

import json
from collections.abc import Iterable, Mapping

from codeagent_nb.events import EVENT, AgentEvent
from kernel_executor.environment import names_secret

MIN_LENGTH = 8  # characters; a shorter value, "true" say, would be taken out of innocent text


class Redactor:
    """Replaces secret values by the name of their variable.

    Args:
        secrets: Values by name.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        # Longest first, so that a secret that contains another is replaced whole.
        self._secrets = sorted(secrets.items(), key=lambda item: -len(item[1]))
        self._in_json = [(json.dumps(value)[1:-1], f"[redacted {name}]") for name, value in self._secrets]

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> "Redactor":
        """Know every variable that is named like a key."""
        return cls({name: value for name, value in environment.items() if _worth_hiding(name, value)})

    def text(self, text: str) -> str:
        """Return `text` without secret values."""
        return _replace(text, ((value, f"[redacted {name}]") for name, value in self._secrets))

    def event(self, event: AgentEvent) -> AgentEvent:
        """Return an event without secret values, anywhere in it."""
        if not self._secrets:
            return event
        written = event.model_dump_json()
        if not any(value in written for value, _ in self._in_json):
            return event
        return EVENT.validate_json(_replace(written, self._in_json))


def _worth_hiding(name: str, value: str) -> bool:
    return names_secret(name) and len(value) >= MIN_LENGTH


def _replace(text: str, replacements: Iterable[tuple[str, str]]) -> str:
    for value, replacement in replacements:
        text = text.replace(value, replacement)
    return text
