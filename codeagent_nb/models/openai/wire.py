"""Owns what is asked of a server, in the JSON of chat completions. Must not know how a reply is read, nor HTTP."""

import json
from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from itertools import groupby
from typing import Any

from pydantic import BaseModel

from codeagent_nb.models.types import (
    CODE_RUNNER,
    Image,
    LLMMessage,
    UserMessage,
)

Json = dict[str, Any]

_ROLES: Mapping[str, str] = {
    "SystemMessage": "system",
    "UserMessage": "user",
    "AssistantMessage": "assistant",
}
_UNNAMED = frozenset({"user", CODE_RUNNER})


class JsonMode(Enum):
    """How JSON is asked for; each is understood by more servers than the one before."""

    SCHEMA = "json_schema"
    OBJECT = "json_object"
    PROMPT = "prompt"

    def weaker(self) -> "JsonMode | None":
        """Return the next mode to try, or None after the last."""
        return {JsonMode.SCHEMA: JsonMode.OBJECT, JsonMode.OBJECT: JsonMode.PROMPT}.get(self)


_RENAMED = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
"""Two names of one argument; models that reason know the second one, older servers the first."""


def without_arguments(arguments: Json, left_out: Collection[str]) -> Json:
    """Return arguments without those a server does not take, by their other name where they have one."""
    kept: Json = {}
    for name, value in arguments.items():
        other = _RENAMED.get(name, name) if name in left_out else name
        if other not in left_out:
            kept[other] = value
    return kept


def to_wire(messages: Sequence[LLMMessage], *, has_system_role: bool = True) -> list[Json]:
    """Write messages as the server wants them; thoughts stay here.

    Args:
        messages: The prompt.
        has_system_role: Whether the server knows one; without it these messages begin the first one of the user's.

    Neighbours of one role become one message: many chat templates insist on taking turns. Where others than the user
    speak, each text says whose it is. AutoGen sends the field `name` for this: some servers refuse it, and what most
    chat templates make of it is nothing.
    """
    roles = _ROLES if has_system_role else {**_ROLES, "SystemMessage": "user"}
    return [_turn(role, list(turn)) for role, turn in groupby(messages, key=lambda message: roles[message.type])]


def _turn(role: str, messages: Sequence[LLMMessage]) -> Json:
    heard = [message for message in messages if isinstance(message, UserMessage)]
    named = any(message.source not in _UNNAMED for message in heard)
    texts = [f"{m.source} said:\n{m.content}" if named and m in heard else m.content for m in messages]
    images = [image for message in heard for image in message.images]
    text = "\n\n".join(texts)
    return {"role": role, "content": [_text_part(text), *map(_image_part, images)] if images else text}


def _text_part(text: str) -> Json:
    return {"type": "text", "text": text}


def _image_part(image: Image) -> Json:
    return {"type": "image_url", "image_url": {"url": f"data:{image.mime};base64,{image.data}"}}


def ask_for_json(messages: list[Json], shape: type[BaseModel], mode: JsonMode) -> tuple[list[Json], Json]:
    """Return the messages and the further arguments that ask for JSON of this shape.

    Args:
        messages: The prompt, not empty.
        shape: What the reply must validate as.
        mode: How to ask.
    """
    schema = shape.model_json_schema()
    if mode is JsonMode.SCHEMA:
        wanted = {"name": shape.__name__, "schema": _strict(schema), "strict": True}
        return messages, {"response_format": {"type": "json_schema", "json_schema": wanted}}
    # At the end of the last message the prefix stays the same for the server's cache, and roles alternate.
    order = f"\n\nReply with one JSON object and nothing else. Its JSON schema: {json.dumps(schema)}"
    content = messages[-1]["content"]
    last = {**messages[-1], "content": content + order if isinstance(content, str) else [*content, _text_part(order)]}
    extra = {"response_format": {"type": "json_object"}} if mode is JsonMode.OBJECT else {}
    return [*messages[:-1], last], extra


def _strict(node: object) -> object:
    """Close every object of a schema and require all it names: what "strict" means to OpenAI's servers."""
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _strict(value) for key, value in node.items()}
    properties = closed.get("properties")
    if isinstance(properties, dict):
        closed["additionalProperties"] = False
        closed["required"] = [*properties]
    return closed
