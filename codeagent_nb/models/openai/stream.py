"""Owns how a streamed reply is read, line by line, from any server. Must not know HTTP, nor what was asked."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from codeagent_nb.models.openai.deltas import Json, call_in, count, text_in, thought_in
from codeagent_nb.models.types import CreateResult, FinishReason, RequestUsage

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
_MALFORMED_CALL = re.compile(r"(?:malformed|unexpected|invalid)_(?:tool|function)_?calls?|too_many_tool_calls")
_BROKE_OFF = re.compile(r"error|abort|cancel|interrupt|insufficient|timeout|timed_out")

_STATUS_NAMES = {
    r"authentication|unauthori[sz]ed|api_?key": 401,
    r"validation|invalid|bad_?request|exceed_context|unsupported": 400,
    r"permission": 403,
    r"not_?found": 404,
    r"rate_?limit|quota|exhausted": 429,
    r"overloaded|unavailable": 503,
}

NO_STREAM = "no_stream"
"""Code of an answer that is no event stream, and will be none the next time."""

MALFORMED_CALL = "malformed_call"
"""Code of a reply that its server threw away, for it held a call of a tool that is none. The next one may be well."""

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
    _half: str = ""  # of a character, or white space that may be all there is
    _event: str = ""  # what kind the next data is of
    _calls: dict[int, list[str]] = field(default_factory=dict)  # a tool's name and the pieces of its arguments
    _plain: str = ""  # what is of no event

    @property
    def finished(self) -> bool:
        """Whether the server itself ended the reply."""
        return self.done or self.finish is not None

    @property
    def is_empty(self) -> bool:
        """Whether there is no text in it but thoughts and white space, and no reason for that."""
        return not self.text and self.finish in {None, "stop", "unknown", "function_calls"}

    @property
    def why_none(self) -> str:
        """Why it is no reply, if it is none though no error came."""
        if not self.finished:
            return "the stream ended before the reply did"
        return "a reply came with reasoning only, without an answer" if self.thought else "an empty reply came"

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
            if name in {"event", ""}:
                self._event = value
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
        if "error" in self._event.lower():
            raise _error_in({"error": event})
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
                text = self._take(_reply_in(json.loads(self._plain)))
            except ValueError:
                said = self._plain.strip()[:200]
                raise StreamError(f"something else than a stream of events: {said!r}", code=NO_STREAM) from None
            except StreamError as error:
                raise StreamError(str(error), error.status, NO_STREAM) from None
        rest, self._half = self._half, ""
        for name, *pieces in self._calls.values():
            call = {"name": name, "arguments": "".join(pieces)}
            rest += f"\n<tool_call>\n{json.dumps(call, ensure_ascii=False)}\n</tool_call>\n"
        if not rest.strip():
            return text
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
        event = _opened(event)
        if error := _error_of(event):
            raise error
        self._take_usage(event.get("usage"))
        match event.get("choices"):
            case [dict(choice), *_]:
                return self._take_choice(choice)
        return ""

    def _take_usage(self, usage: object) -> None:
        """Keep what was told last: an event at the end may have an empty one."""
        if isinstance(usage, dict):
            self.usage = RequestUsage(
                prompt_tokens=count(usage.get("prompt_tokens")) or self.usage.prompt_tokens,
                completion_tokens=count(usage.get("completion_tokens")) or self.usage.completion_tokens,
            )

    def _take_choice(self, choice: Json) -> str:
        if reason := choice.get("finish_reason"):
            self.finish = _finish_of(reason)
        # A server that does not stream may send the whole message instead of a delta.
        said = choice.get("delta") or choice.get("message") or choice.get("text") or {}
        delta = said if isinstance(said, dict) else {"content": said}
        thought = thought_in(delta)
        if thought:
            self.thought.append(thought)
        self._take_calls(delta)
        text = self._whole_characters(text_in(delta.get("content")) or text_in(delta.get("refusal")))
        if text:
            self.text.append(text)
        return text

    def _take_calls(self, delta: Json) -> None:
        """Keep calls that the server took out of the text: nobody offered a tool, but the model wrote one."""
        calls = delta.get("tool_calls") or {"function": delta.get("function_call")}
        for number, call in enumerate(calls if isinstance(calls, list) else [calls]):
            name, arguments = call_in(call)
            if not (name or arguments):
                continue
            place = call.get("index") if isinstance(call.get("index"), int) else number
            kept = self._calls.setdefault(place, [""])
            if name != kept[0]:  # some gateways repeat it in each event
                kept[0] += name
            kept.append(arguments)

    def _whole_characters(self, text: str) -> str:
        """Join characters that came in halves, as surrogates; a half at the end waits for the other one."""
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if not (self.text or text.strip()):
            text, self._half = "", text + self._half
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _finish_of(said: object) -> FinishReason:
    """Return why a reply ended, whichever API's word it is.

    Raises:
        StreamError: The server did not come to its end.
    """
    if isinstance(said, dict):
        said = said.get("type") or said.get("reason")
    if not isinstance(said, str):
        return "unknown"
    word = re.sub(r"[\s-]+", "_", said.strip().lower())
    if word in _FINISH:
        return _FINISH[word]
    if _MALFORMED_CALL.search(word):
        raise StreamError(
            f"no reply, for the model called a tool in a form that the server does not read: {said[:100]!r}",
            code=MALFORMED_CALL,
        )
    if _BROKE_OFF.search(word):
        raise StreamError(f"an end that is none: {said[:100]!r}")
    return next((reason for pattern, reason in _FINISH_WORDS.items() if re.search(pattern, word)), "unknown")


def _parse(value: str) -> object:
    try:
        parsed: object = json.loads(value)
    except ValueError:
        raise StreamError(f"an event that is not JSON: {value[:100]!r}") from None
    return parsed


def _opened(event: Json) -> Json:
    """Return what is in a gateway's envelope (cline#13348), and anything else as it is."""
    data = event.get("data")
    return data if "choices" not in event and isinstance(data, dict) else event


def _reply_in(parsed: object) -> object:
    """Return what came without events; where it holds no reply, whatever it holds tells why.

    Raises:
        StreamError: It holds none.
    """
    if isinstance(parsed, dict) and not (parsed.get("error") or _opened(parsed).get("choices")):
        raise _error_of(parsed) or _error_in({"error": parsed})
    return parsed


def _error_of(event: Json) -> StreamError | None:
    """Return the error that an event is: under "error", at the top (vLLM), under "detail" (FastAPI) or "errors"."""
    if event.get("error"):
        return _error_in(event)
    if "choices" in event:
        return None
    is_error = "error" in (event.get("object"), event.get("type")) or event.get("success") is False
    if not (is_error or any(event.get(name) for name in ("detail", "errors", "fault")) or _status_in(event) >= 400):
        return None
    return _error_in({"error": {"message": event.get("detail"), **event}})


def _error_in(event: Json) -> StreamError:
    error = event["error"]
    if not isinstance(error, dict):
        kind = str(event.get("error_type") or "")  # TGI's
        return StreamError(str(error), _status_of(None, kind), kind)
    kind = str(error.get("type") or error.get("status") or "")
    return StreamError(str(error.get("message") or error), _status_in(error), kind)


def _status_in(error: Json) -> int:
    kind = str(error.get("type") or error.get("status") or "")
    return _status_of(error.get("code") or error.get("statusCode") or error.get("status_code"), kind)


def _status_of(code: object, kind: str) -> int:
    """Return the HTTP status that an error in a stream would have had, as a number or by its name; 0 if unknown."""
    if isinstance(code, int) or (isinstance(code, str) and code.isdigit()):
        return int(code) if 100 <= int(code) < 600 else 0  # some number their errors otherwise
    return next(
        (
            status
            for pattern, status in _STATUS_NAMES.items()
            if re.search(pattern, f"{kind} {code or ''}", re.IGNORECASE)
        ),
        0,
    )
