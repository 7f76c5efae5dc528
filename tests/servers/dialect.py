"""What all servers of OpenAI's API have in common, to be overridden where one differs.

Which case is tried stands in the user's words (`Asked.wish`), so that a dialect keeps no script. What a dialect sends
and refuses comes from its documentation and from issues of it; each module names them.
"""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tests.servers.http import Answer, Asked, plain

KEY = "sk-0123456789-right"
MODEL = "model-1"
WORDS = ("Hel", "lo, ", "wörld 🐧.")
THOUGHTS = ("Let me ", "think.")
DECISION = {"reason": "a typo", "retry": True}
CODE = "print(1)"

Event = dict[str, Any]


class Dialect:
    """One kind of server. Its attributes say what it has, its methods what it sends.

    `skips` names the cases that it does not have, each with the reason.
    """

    name = "OpenAI-compatible"
    path = "/v1"
    needs_key = True
    """Whether it refuses a wrong key."""
    shows_thoughts = True
    has_system_role = True
    takes: frozenset[str] | None = None
    """The arguments it takes; all if None."""
    skips: Mapping[str, str] = MappingProxyType({})
    space = " "
    """Between `data:` and the data."""

    def __init__(self) -> None:
        self.busy = 1
        """How often it says that it is busy before it answers."""

    # --- what is asked

    def answer(self, asked: Asked) -> Answer:
        """Answer one request."""
        refusal = self.refuse(asked)
        if refusal is not None:
            return refusal
        wish = asked.wish
        if "busy" in wish and self.busy:
            self.busy -= 1
            return self.say_busy()
        if "break down" in wish:
            return self.break_down()
        return self.stream(self.events(asked), counted=self.counts(asked))

    def refuse(self, asked: Asked) -> Answer | None:
        """Return the refusal of a request, if it is refused."""
        if not asked.path.startswith(f"{self.path}/chat/completions"):
            return self.unknown_path(asked)
        if self.needs_key and asked.key != KEY:
            return self.wrong_key()
        if asked.body["model"] != MODEL:
            return self.wrong_model(asked.body["model"])
        if "too long" in asked.wish:
            return self.too_long()
        if not self.has_system_role and "system" in asked.roles:
            return self.no_system_role()
        return self.refuse_arguments(asked.body)

    def refuse_arguments(self, body: dict[str, Any]) -> Answer | None:
        known = {"model", "messages", "stream", "stream_options", "response_format"}
        for name in body:
            if self.takes is not None and name not in self.takes | known:
                return self.unknown_argument(name)
        return None

    def counts(self, asked: Asked) -> bool:
        """Return whether tokens are told."""
        return bool(asked.body.get("stream_options", {}).get("include_usage"))

    # --- refusals

    def error(self, status: int, message: str, kind: str, code: object = None) -> Answer:
        return plain(status, {"error": {"message": message, "type": kind, "param": None, "code": code}})

    def unknown_path(self, asked: Asked) -> Answer:
        return self.error(404, f"Invalid URL (POST {asked.path})", "invalid_request_error")

    def wrong_key(self) -> Answer:
        return self.error(401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key")

    def wrong_model(self, model: str) -> Answer:
        return self.error(404, f"The model `{model}` does not exist.", "invalid_request_error", "model_not_found")

    def too_long(self) -> Answer:
        message = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
        return self.error(400, message, "invalid_request_error", "context_length_exceeded")

    def no_system_role(self) -> Answer:
        return self.error(400, "System role not supported", "BadRequestError", 400)

    def unknown_argument(self, name: str) -> Answer:
        return self.error(400, f"Unrecognized request argument supplied: {name}", "invalid_request_error")

    def say_busy(self) -> Answer:
        return self.error(429, "Rate limit reached.", "requests", "rate_limit_exceeded")

    # --- replies

    def events(self, asked: Asked) -> list[Event]:
        """Return the events of a reply to what is wished."""
        wish = asked.wish
        if "think" in wish and self.shows_thoughts:
            return [*map(self.thought, THOUGHTS), *map(self.text, WORDS), self.end("stop")]
        if "decide" in wish:
            return [self.text(self.decision(asked)), self.end("stop")]
        if "call" in wish:
            return [*self.call("python", {"code": CODE}), self.end("tool_calls")]
        if "at length" in wish:
            return [self.text("```python\nprint("), self.end("length")]
        return [*map(self.text, WORDS), self.end("stop")]

    def decision(self, asked: Asked) -> str:
        """Return a decision in JSON."""
        return json.dumps(DECISION)

    def chunk(self, delta: Event | None, finish: str | None = None) -> Event:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [choice],
        }  # fmt: skip

    def text(self, words: str) -> Event:
        return self.chunk({"content": words})

    def thought(self, words: str) -> Event:
        return self.chunk({"reasoning_content": words})

    def call(self, name: str, arguments: dict[str, Any]) -> list[Event]:
        """Return the pieces of a call that the server took out of the text."""
        text = json.dumps(arguments)
        first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
        pieces = [{"index": 0, "function": {"arguments": piece}} for piece in (text[:4], text[4:])]
        return [self.chunk({"content": None, "tool_calls": [call]}) for call in (first, *pieces)]

    def end(self, reason: str) -> Event:
        return self.chunk({}, reason)

    def usage(self) -> Event:
        counts = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
        return {**self.chunk({}), "choices": [], "usage": counts}

    # --- the stream

    def stream(self, events: Sequence[Event], *, counted: bool) -> Answer:
        sent = [*self.before(), *events, *([self.usage()] if counted else [])]
        return Answer((*(self.data(event) for event in sent), *self.after()))

    def before(self) -> list[Event]:
        """Return what comes first."""
        return [self.chunk({"role": "assistant", "content": ""})]

    def after(self) -> list[str]:
        """Return the end of the stream."""
        return [f"data:{self.space}[DONE]\n\n"]

    def data(self, event: object) -> str:
        return f"data:{self.space}{json.dumps(event)}\n\n"

    def broken_event(self) -> str:
        """Return what tells, within a stream, that there is no more."""
        error = {"message": "The server had an error", "type": "server_error", "param": None, "code": None}
        return self.data({"error": error})

    def break_down(self) -> Answer:
        """Return a reply that ends in an error."""
        return Answer((*map(self.data, self.before()), self.data(self.text("Hel")), self.broken_event()))
