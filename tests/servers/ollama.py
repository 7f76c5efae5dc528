"""Ollama's `/v1` address: docs.ollama.com/api/openai-compatibility.

Reasoning comes as `reasoning` beside an empty content (dirac#227, Qwen-Agent#792), each event names the role. Neither
keys nor arguments are checked, and a prompt that is too long loses its beginning without a word.
"""

from types import MappingProxyType
from typing import Any

from tests.servers.dialect import Dialect, Event
from tests.servers.http import Answer


class Ollama(Dialect):
    name = "Ollama"
    needs_key = False
    skips = MappingProxyType({"wrong key": "it has no keys", "too long": "the prompt is cut without a word"})

    def wrong_model(self, model: str) -> Answer:
        return self.error(404, f'model "{model}" not found, try pulling it first', "not_found_error")

    def say_busy(self) -> Answer:
        message = "server busy, please try again.  maximum pending requests exceeded"
        return self.error(503, message, "api_error")

    def text(self, words: str) -> Event:
        return self.chunk({"role": "assistant", "content": words})

    def thought(self, words: str) -> Event:
        return self.chunk({"role": "assistant", "content": "", "reasoning": words})

    def call(self, name: str, arguments: dict[str, Any]) -> list[Event]:
        """Return a call in one piece."""
        first, *pieces = super().call(name, arguments)
        function = first["choices"][0]["delta"]["tool_calls"][0]["function"]
        texts = [piece["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"] for piece in pieces]
        function["arguments"] = "".join(texts)
        return [first]

    def end(self, reason: str) -> Event:
        return self.chunk({"role": "assistant", "content": ""}, reason)

    def before(self) -> list[Event]:
        return []

    def broken_event(self) -> str:
        message = "an error was encountered while running the model: unexpected EOF"  # continue#12843
        return self.data({"error": {"message": message, "type": "api_error", "param": None, "code": None}})
