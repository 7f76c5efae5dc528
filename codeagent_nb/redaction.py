"""Takes secrets out of events, and what cannot be kept. Knows names of variables, not services.

An event is kept, shown and sent only after it has been here: it holds no value of a secret variable, and it can be
written as JSON and read back, whatever executed code has put into its outputs.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from codeagent_nb.events import AgentEvent, Purpose, RunStatus
from codeagent_nb.models.types import FinishReason, ImageType
from kernel_executor.environment import names_secret
from kernel_executor.in_kernel.guard import encodable
from kernel_executor.types import BlockStatus

MIN_LENGTH = 8  # characters; a shorter value, "true" say, would be taken out of innocent text
ENCODINGS = ("utf-8", "utf-32-le")
MAX_DEPTH = 100  # levels of a display that is nested too deeply to be written

VOCABULARY = frozenset(
    {
        *(word for literal in (RunStatus, Purpose, FinishReason, BlockStatus, ImageType) for word in get_args(literal)),
        *("output_type", "name", "text", "data", "metadata", "ename", "evalue", "traceback", "execution_count"),
        *("SystemMessage", "UserMessage", "AssistantMessage"),
        *("stream", "display_data", "execute_result", "error", "stdout", "stderr"),
    }
)
"""Words that give an event its shape. A password that is one of them stays, or the event could not be read."""


class Redactor:
    """Replaces secret values by the name of their variable.

    Args:
        secrets: Values by name.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        spelled = {way: name for name, value in secrets.items() for way in _spellings(value)}
        # Longest first, so that a secret that contains another is replaced whole.
        longest_first = sorted(spelled.items(), key=lambda item: -len(item[0]))
        self._secrets = [(value, f"[redacted {name}]") for value, name in longest_first]
        self._in_json = [json.dumps(value, ensure_ascii=False)[1:-1] for value, _ in self._secrets]
        # NumPy keeps text as UTF-32; a value of the environment may hold bytes that are no UTF-8.
        pairs = ((value.encode(way, "surrogatepass"), name) for value, name in spelled.items() for way in ENCODINGS)
        self._in_bytes = dict(pairs)
        self.longest = max(map(len, self._in_bytes), default=0)

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> "Redactor":
        """Know every variable that is named like a key."""
        # Names first: `os.environ` decodes each value that is looked at, for every new conversation.
        named = {name: environment[name] for name in environment if names_secret(name)}
        return cls({name: value for name, value in named.items() if len(value) >= MIN_LENGTH})

    def text(self, text: str) -> str:
        """Return `text` without secret values."""
        for value, replacement in self._secrets:
            text = text.replace(value, replacement)
        return text

    def secret_in(self, data: bytes) -> str:
        """Return the name of a variable whose value is in `data`, or ""; none is longer than `longest` bytes."""
        return next((name for value, name in self._in_bytes.items() if value in data), "")

    def event(self, event: AgentEvent) -> AgentEvent:
        """Return an event that can be written, without secret values anywhere in it."""
        try:
            written = event.model_dump_json()
        except PydanticSerializationError:  # half a character, or a display 300 levels deep
            event = _rebuilt(event, encodable)
            written = event.model_dump_json()
        if not any(value in written for value in self._in_json):
            return event
        return _rebuilt(event, self.text)


def _spellings(value: str) -> set[str]:
    """A value as it is, and as Python and JSON print it with its quotes and backslashes."""
    return {value, repr(value)[1:-1], json.dumps(value)[1:-1]}


def _rebuilt(event: AgentEvent, change: Callable[[str], str]) -> AgentEvent:
    kept = {"type", "created_at"}
    parts = {name: _changed(getattr(event, name), change) for name in type(event).model_fields if name not in kept}
    return event.model_copy(update=parts)


def _changed(value: Any, change: Callable[[str], str], depth: int = 0) -> Any:
    """Return a value with every text in it changed."""
    if depth > MAX_DEPTH:
        return "[nested too deeply]"
    match value:
        case str():
            return value if value in VOCABULARY else change(value)
        case dict():
            return {_changed(key, change): _changed(item, change, depth + 1) for key, item in value.items()}
        case list() | tuple():
            return type(value)(_changed(item, change, depth + 1) for item in value)
        case BaseModel():
            names = type(value).model_fields
            return value.model_copy(update={name: _changed(getattr(value, name), change, depth + 1) for name in names})
        case _ if is_dataclass(value) and not isinstance(value, type):
            parts = {part.name: getattr(value, part.name) for part in fields(value)}
            return replace(value, **{name: _changed(part, change, depth + 1) for name, part in parts.items()})
        case _:
            return value
