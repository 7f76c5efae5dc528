"""Gemini's OpenAI-compatible address: ai.google.dev/gemini-api/docs/openai.

An error is a list of one object (SkyrimNet-GamePlugin#77, ai-manus#101), a wrong key has status 400, arguments it does
not know are refused by name. Thoughts stand in the text between `<thought>` marks. The last event has no content, and
each event counts the tokens so far.
"""

from typing import Any

from tests.servers.dialect import WORDS, Dialect, Event
from tests.servers.http import Answer, Asked, plain


class Gemini(Dialect):
    name = "Gemini"
    path = "/v1beta/openai"
    takes = frozenset({"temperature", "max_tokens", "max_completion_tokens", "top_p"})

    def error(self, status: int, message: str, kind: str, code: object = None) -> Answer:
        return plain(status, [{"error": {"code": status, "message": message, "status": kind}}])

    def wrong_key(self) -> Answer:
        return self.error(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT")

    def wrong_model(self, model: str) -> Answer:
        message = f"models/{model} is not found for API version v1main, or is not supported for generateContent."
        return self.error(404, message, "NOT_FOUND")

    def too_long(self) -> Answer:
        message = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
        return self.error(400, message, "INVALID_ARGUMENT")

    def unknown_argument(self, name: str) -> Answer:
        message = f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
        return self.error(400, message, "INVALID_ARGUMENT")

    def say_busy(self) -> Answer:
        return self.error(503, "The model is overloaded. Please try again later.", "UNAVAILABLE")

    def events(self, asked: Asked) -> list[Event]:
        events = super().events(asked)
        for number, event in enumerate(events):
            event["usage"] = {"prompt_tokens": 7, "completion_tokens": min(number, 3), "total_tokens": 7}
        if "think" in asked.wish:
            first, *rest = WORDS
            return [*events[:2], self.text(f"</thought>{first}"), *map(self.text, rest), events[-1]]
        return events

    def thought(self, words: str) -> Event:
        opened = "<thought>" if words.startswith("Let") else ""
        delta: dict[str, Any] = {"role": "assistant", "content": f"{opened}{words}"}
        return self.chunk({**delta, "extra_content": {"google": {"thought": True}}})

    def text(self, words: str) -> Event:
        return self.chunk({"role": "assistant", "content": words})

    def call(self, name: str, arguments: dict[str, Any]) -> list[Event]:
        """Return a call in one piece, without an index."""
        first, *_ = super().call(name, arguments)
        call = first["choices"][0]["delta"]["tool_calls"][0]
        del call["index"]
        call["function"]["arguments"] = '{"code": "print(1)"}'
        return [first]

    def end(self, reason: str) -> Event:
        return self.chunk({"role": "assistant"}, reason)

    def before(self) -> list[Event]:
        return []

    def broken_event(self) -> str:
        error = {"code": 503, "message": "The service is currently unavailable.", "status": "UNAVAILABLE"}
        return self.data([{"error": error}])
