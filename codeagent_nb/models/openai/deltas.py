"""Reads what one event adds to a reply: text, thoughts, calls, in any shape. Must not know a stream."""

import json
import re
from typing import Any

Json = dict[str, Any]

_THOUGHT_KEY = re.compile(r"(?<!finish_)(?<!stop_)reason|think|thought", re.IGNORECASE)
_NO_THOUGHT = re.compile(r"signature|token|effort|index|id$", re.IGNORECASE)


def text_in(content: object) -> str:
    """Return the text of a message's content, which may be a part or a list of parts; thoughts are none of it."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    return "".join(_text_of(part) for part in parts if not _is_thought(part))


def _text_of(part: object) -> str:
    text = part.get("text") if isinstance(part, dict) else part
    return text if isinstance(text, str) else ""


def _is_thought(part: object) -> bool:
    """Return whether a part of the content says that it is reasoning: by its type, or by a mark, as Gemini does."""
    return isinstance(part, dict) and (_names_thought(str(part.get("type"))) or part.get("thought") is True)


def thought_in(delta: Json) -> str:
    """Return the reasoning in a delta: vLLM, Ollama, Mistral, LiteLLM and OpenRouter each name it otherwise."""
    fields = (value for key, value in delta.items() if _names_thought(key))
    if thought := next(filter(None, map(_thoughts_of, fields)), ""):
        return thought
    content = delta.get("content")
    parts = content if isinstance(content, list) else [content]
    return "".join(_thoughts_of(part) for part in parts if isinstance(part, dict))


def _names_thought(key: str) -> bool:
    return bool(_THOUGHT_KEY.search(key)) and not _NO_THOUGHT.search(key)


def _thoughts_of(value: object) -> str:
    """Return the text of a field of reasoning, or of a part of the content if it is reasoning."""
    if isinstance(value, dict):
        named = (_thoughts_of(inner) or text_in(inner) for key, inner in value.items() if _names_thought(key))
        return "".join(named) or (_text_of(value) if _is_thought(value) else "")
    if isinstance(value, list):
        return "".join(_thoughts_of(part) or text_in([part]) for part in value)
    return value if isinstance(value, str) else ""


def call_in(call: Any) -> tuple[str, str]:
    """Return the name in a call and its arguments, as far as they have come; empty if there are none."""
    function = call.get("function") if isinstance(call, dict) else None
    said: Any = {**call, "name": function} if isinstance(function, str) else function
    if not isinstance(said, dict):
        return "", ""
    name, arguments = said.get("name"), said.get("arguments") or ""
    return name if isinstance(name, str) else "", arguments if isinstance(arguments, str) else json.dumps(arguments)


def count(tokens: object) -> int:
    """Return a number of tokens; 0 for what is none."""
    try:
        return max(0, int(tokens)) if isinstance(tokens, int | float | str) else 0
    except (ValueError, OverflowError):
        return 0
