"""Owns how a streamed reply is read, line by line, from any server. Must not know HTTP, nor what was asked."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from codeagent_nb.models.types import CreateResult, FinishReason, RequestUsage

Json = dict[str, Any]

_FINISH: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "function_calls",
    "function_call": "function_calls",
    "content_filter": "content_filter",
}
# What gateways hand on of other APIs' words. A cut that is not seen as one has half a plan run.
_FINISH_WORDS: Mapping[str, FinishReason] = {
    r"length|max_?\w*tokens|limit|truncat|incomplete|context_window": "length",
    r"filter|safety|recitation|blocklist|prohibited|spii|sensitive|refus|guardrail|moderat": "content_filter",
    r"^tool_?(?:use|calls?)$|^function_?calls?$": "function_calls",
}
_BROKE_OFF = re.compile(r"error|abort|cancel|interrupt|insufficient|timeout|timed_out")

_THOUGHT_KEY = re.compile(r"(?<!finish_)(?<!stop_)reason|think|thought", re.IGNORECASE)
_NO_THOUGHT = re.compile(r"signature|token|effort|index|id$", re.IGNORECASE)
_STATUS_NAMES = {
    r"validation|invalid|bad_?request|exceed_context|unsupported": 400,
    r"authentication|api_key": 401,
    r"permission": 403,
    r"not_?found": 404,
    r"rate_?limit|quota|exhausted": 429,
    r"overloaded|unavailable": 503,
}

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
    _calls: dict[int, list[str]] = field(default_factory=dict)  # a tool's name and the pieces of its arguments
    _plain: str = ""  # what is of no event

    @property
    def finished(self) -> bool:
        """Whether the server itself ended the reply."""
        return self.done or self.finish is not None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it, and no reason for that."""
        return not (self.text or self.thought) and self.finish in {None, "stop", "unknown", "function_calls"}

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
        rest, self._half = self._half, ""
        for name, *pieces in self._calls.values():
            call = {"name": name, "arguments": "".join(pieces)}
            rest += f"\n<tool_call>\n{json.dumps(call, ensure_ascii=False)}\n</tool_call>\n"
        if rest:
            self.text.append(rest)
        return text + rest

    def result(self) -> CreateResult:
        """Return the whole reply."""
        return CreateResult(
            finish_reason=self.finish or "unknown",
            content="".join(self.text),
            usage=self.usage,
            thought="".join(self.thought) or None,
        )

    def _take(self, parsed: object) -> str:
        # Gemini's errors are lists.
        event = parsed[0] if isinstance(parsed, list) and len(parsed) == 1 else parsed
        if not isinstance(event, dict):
            raise StreamError("an event that is no JSON object")
        if "choices" not in event and isinstance(event.get("data"), dict):  # a gateway's envelope (cline#13348)
            event = event["data"]
        if error := _error_of(event):
            raise error
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
            self.finish = _finish_of(str(reason))
        # A server that does not stream may send the whole message instead of a delta.
        delta = choice.get("delta") or choice.get("message") or {}
        thought = _thought_in(delta)
        if thought:
            self.thought.append(thought)
        self._take_calls(delta)
        text = self._whole_characters(_text_in(delta.get("content")) or _text_in(delta.get("refusal")))
        if text:
            self.text.append(text)
        return text

    def _take_calls(self, delta: Json) -> None:
        """Keep calls that the server took out of the text: nobody offered a tool, but the model wrote one."""
        calls = delta.get("tool_calls") or (
            [{"function": delta["function_call"]}] if delta.get("function_call") else []
        )
        for number, call in enumerate(calls if isinstance(calls, list) else []):
            function = (call.get("function") if isinstance(call, dict) else None) or {}
            name, arguments = function.get("name") or "", function.get("arguments") or ""
            place = call.get("index") if isinstance(call.get("index"), int) else number
            kept = self._calls.setdefault(place, [""])
            kept[0] += name
            kept.append(arguments if isinstance(arguments, str) else json.dumps(arguments))

    def _whole_characters(self, text: str) -> str:
        """Join characters that came in halves, as surrogates; a half at the end waits for the other one."""
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _finish_of(said: str) -> FinishReason:
    """Return why a reply ended, whichever API's word it is.

    Raises:
        StreamError: The server did not come to its end.
    """
    word = re.sub(r"[\s-]+", "_", said.strip().lower())
    if word in _FINISH:
        return _FINISH[word]
    if _BROKE_OFF.search(word):
        raise StreamError(f"an end that is none: {said[:100]!r}")
    return next((reason for pattern, reason in _FINISH_WORDS.items() if re.search(pattern, word)), "unknown")


def _text_in(content: object) -> str:
    """Return the text of a message's content, which may be a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") if isinstance(part, dict) else part for part in content)
    return "".join(part for part in parts if isinstance(part, str))


def _thought_in(delta: Json) -> str:
    """Return the reasoning in a delta: vLLM, Ollama, Mistral, LiteLLM and OpenRouter each name it otherwise."""
    fields = (value for key, value in delta.items() if _names_thought(key))
    if thought := next(filter(None, map(_thoughts_of, fields)), ""):
        return thought
    content = delta.get("content")
    parts = content if isinstance(content, list) else []
    return "".join(_thoughts_of(part) for part in parts if isinstance(part, dict))


def _names_thought(key: str) -> bool:
    return bool(_THOUGHT_KEY.search(key)) and not _NO_THOUGHT.search(key)


def _thoughts_of(value: object) -> str:
    """Return the text of a field of reasoning, or of a part of the content if it is reasoning."""
    if isinstance(value, dict):
        return "".join(_thoughts_of(inner) or _text_in(inner) for key, inner in value.items() if _names_thought(key))
    if isinstance(value, list):
        return "".join(_thoughts_of(part) or _text_in([part]) for part in value)
    return value if isinstance(value, str) else ""


def _parse(value: str) -> object:
    try:
        parsed: object = json.loads(value)
    except ValueError:
        raise StreamError(f"an event that is not JSON: {value[:100]!r}") from None
    return parsed


def _error_of(event: Json) -> StreamError | None:
    """Return the error that an event is: under "error", or at the top (vLLM), or under "detail" (FastAPI)."""
    if event.get("error"):
        return _error_in(event)
    if "choices" in event or not ({event.get("object"), event.get("type")} & {"error"} or "detail" in event):
        return None
    return _error_in({"error": {"message": event.get("detail"), **event}})


def _error_in(event: Json) -> StreamError:
    error = event["error"]
    if not isinstance(error, dict):
        kind = str(event.get("error_type") or "")  # TGI's
        return StreamError(str(error), _status_of(None, kind), kind)
    kind = str(error.get("type") or error.get("status") or "")
    return StreamError(str(error.get("message") or error), _status_of(error.get("code"), kind), kind)


def _status_of(code: object, kind: str) -> int:
    """Return the HTTP status that an error in a stream would have had, as a number or by its name; 0 if unknown."""
    if isinstance(code, int) or (isinstance(code, str) and code.isdigit()):
        return int(code)
    return next(
        (
            status
            for pattern, status in _STATUS_NAMES.items()
            if re.search(pattern, f"{kind} {code or ''}", re.IGNORECASE)
        ),
        0,
    )
