"""Owns the chat-completions JSON: what is asked, how a streamed reply is read. Knows no HTTP and no SDK."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby
from typing import Any

from pydantic import BaseModel

from codeagent_nb.models.types import (
    CODE_RUNNER,
    CreateResult,
    FinishReason,
    Image,
    LLMMessage,
    RequestUsage,
    UserMessage,
)

Json = dict[str, Any]

_ROLES: Mapping[str, str] = {
    "SystemMessage": "system",
    "UserMessage": "user",
    "AssistantMessage": "assistant",
}
_UNNAMED = frozenset({"user", CODE_RUNNER})
_FINISH: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "function_calls",
    "function_call": "function_calls",
    "content_filter": "content_filter",
}


class JsonMode(Enum):
    """How JSON is asked for; each is understood by more servers than the one before."""

    SCHEMA = "json_schema"
    OBJECT = "json_object"
    PROMPT = "prompt"

    def weaker(self) -> "JsonMode | None":
        """Return the next mode to try, or None after the last."""
        return {JsonMode.SCHEMA: JsonMode.OBJECT, JsonMode.OBJECT: JsonMode.PROMPT}.get(self)


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


def model_names(text: str) -> tuple[str, ...]:
    """Return the names in a list of models, each once; none if it is no such list.

    OpenAI puts objects with an `id` under `data`; others call that `models` or `name`, or leave the outer object out.
    """
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    listed = answer.get("data", answer.get("models")) if isinstance(answer, dict) else answer
    entries = listed if isinstance(listed, list) else []
    names = (entry.get("id", entry.get("name")) if isinstance(entry, dict) else entry for entry in entries)
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name.strip()))


NO_STREAM = "no_stream"
"""Code of an answer that is no event stream, and will be none the next time."""

MOST_PLAIN = 100_000
"""Characters of such an answer that are read."""


class StreamError(Exception):
    """The server wrote an error into the stream, or something that is no event.

    Args:
        message: What it said.
        status: The HTTP status it named, 0 if none.
        code: Our own word for it.
    """

    def __init__(self, message: str, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(slots=True)
class PartialReply:
    """Collects one streamed reply, line by line."""

    text: list[str] = field(default_factory=list)
    thought: list[str] = field(default_factory=list)
    usage: RequestUsage = field(default_factory=RequestUsage)
    finish: FinishReason | None = None
    done: bool = False
    _data: str = ""  # of an event that is not complete
    _half: str = ""  # of a character
    _plain: str = ""  # what is of no event

    @property
    def finished(self) -> bool:
        """Whether the server itself ended the reply."""
        return self.done or self.finish is not None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it, and no reason for that."""
        return not (self.text or self.thought) and self.finish in {None, "stop", "unknown"}

    def feed(self, line: str) -> str:
        """Take one line of the event stream and return the text it adds.

        Raises:
            StreamError: The line carries an error.
        """
        name, _, value = line.partition(":")
        value = value.strip()
        if name == "error" and value:  # some llama.cpp servers write errors as a field of their own
            raise _error_in({"error": _parse(value)})
        if name != "data":
            if not line:
                self._check_complete()
            elif len(self._plain) < MOST_PLAIN and name not in {"event", "id", "retry", ""}:
                self._plain += f"{line}\n"
            return ""
        if value.startswith("[DONE]"):
            self.done = True
            return ""
        return self._take_data(value)

    def _take_data(self, value: str) -> str:
        """Take a line of an event's data; there may be several, though most servers end each with an event."""
        data = f"{self._data}\n{value}" if self._data else value
        try:
            event = json.loads(data) if data else {"choices": []}
        except ValueError:
            self._data = data
            return ""
        self._data = ""
        return self._take(event)

    def _check_complete(self) -> None:
        if self._data:
            _parse(self._data)

    def end(self) -> str:
        """Take the end of the stream; return the text that was still held back, or that came without events.

        Raises:
            StreamError: What came was no event stream, or not complete.
        """
        self._check_complete()
        text = ""
        if self._plain and not (self.text or self.thought or self.finished):
            try:
                text = self._take(json.loads(self._plain))
            except ValueError:
                said = self._plain.strip()[:200]
                raise StreamError(f"something else than a stream of events: {said!r}", code=NO_STREAM) from None
            except StreamError as error:
                raise StreamError(str(error), error.status, NO_STREAM) from None
        half, self._half = self._half, ""
        if half:
            self.text.append(half)
        return text + half

    def result(self) -> CreateResult:
        """Return the whole reply."""
        return CreateResult(
            finish_reason=self.finish or "unknown",
            content="".join(self.text),
            usage=self.usage,
            thought="".join(self.thought) or None,
        )

    def _take(self, event: object) -> str:
        if not isinstance(event, dict):
            raise StreamError("an event that is no JSON object")
        if event.get("error"):
            raise _error_in(event)
        self._take_usage(event.get("usage"))
        choices = event.get("choices") or []
        return self._take_choice(choices[0]) if choices else ""

    def _take_usage(self, usage: object) -> None:
        """Keep what was told last: an event at the end may have an empty one."""
        if isinstance(usage, dict):
            self.usage = RequestUsage(
                prompt_tokens=usage.get("prompt_tokens") or self.usage.prompt_tokens,
                completion_tokens=usage.get("completion_tokens") or self.usage.completion_tokens,
            )

    def _take_choice(self, choice: Json) -> str:
        if reason := choice.get("finish_reason"):
            self.finish = _FINISH.get(reason, "unknown")
        # A server that does not stream may send the whole message instead of a delta.
        delta = choice.get("delta") or choice.get("message") or {}
        thought = _text_in(delta.get("reasoning_content") or delta.get("reasoning"))
        if thought:
            self.thought.append(thought)
        text = self._whole_characters(_text_in(delta.get("content")))
        if text:
            self.text.append(text)
        return text

    def _whole_characters(self, text: str) -> str:
        """Join characters that came in halves, as surrogates; a half at the end waits for the other one."""
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _text_in(content: object) -> str:
    """Return the text of a message's content, which may be a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") if isinstance(part, dict) else part for part in content)
    return "".join(part for part in parts if isinstance(part, str))


def _parse(value: str) -> object:
    try:
        parsed: object = json.loads(value)
    except ValueError:
        raise StreamError(f"an event that is not JSON: {value[:100]!r}") from None
    return parsed


def _error_in(event: Json) -> StreamError:
    error = event["error"]
    if not isinstance(error, dict):
        return StreamError(str(error))
    code = error.get("code")
    return StreamError(str(error.get("message") or error), code if isinstance(code, int) else 0)
