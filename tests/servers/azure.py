"""Azure OpenAI at its `/openai/v1` address, with the asynchronous content filter.

The first event has no choice, only what was filtered (archive-old-cli-mentat#429, litellm#30761); others have a choice
without a delta (openai-python#1677, langchain#18977, autogen#6465)."""

from collections.abc import Sequence
from types import MappingProxyType

from tests.servers.dialect import Dialect, Event
from tests.servers.http import Answer, Asked, plain

SAFE = {"hate": {"filtered": False, "severity": "safe"}, "violence": {"filtered": False, "severity": "safe"}}


class Azure(Dialect):
    name = "Azure OpenAI"
    path = "/openai/v1"
    shows_thoughts = False
    skips = MappingProxyType({"reasoning": "it is not shown"})

    def wrong_key(self) -> Answer:
        message = "Access denied due to invalid subscription key or wrong API endpoint."
        return plain(401, {"error": {"code": "401", "message": message}})

    def wrong_model(self, model: str) -> Answer:
        message = "The API deployment for this resource does not exist."
        return plain(404, {"error": {"code": "DeploymentNotFound", "message": message}})

    def unknown_path(self, asked: Asked) -> Answer:
        return plain(404, {"error": {"code": "404", "message": "Resource not found"}})

    def say_busy(self) -> Answer:
        message = "Requests have exceeded the token rate limit of your current pricing tier."
        return plain(429, {"error": {"code": "429", "message": message}}, retry_after="0")

    def text(self, words: str) -> Event:
        event = super().text(words)
        event["choices"][0]["content_filter_results"] = SAFE
        return event

    def before(self) -> list[Event]:
        prompt = [{"prompt_index": 0, "content_filter_results": SAFE}]
        first = {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": prompt}
        return [first, *super().before()]

    def end(self, reason: str) -> Event:
        event = super().end(reason)
        event["choices"][0] |= {"content_filter_results": SAFE, "content_filter_offsets": {"check_offset": 4}}
        return event

    def usage(self) -> Event:
        return {**super().usage(), "usage": {**super().usage()["usage"], "prompt_tokens_details": None}}

    def stream(self, events: Sequence[Event], *, counted: bool) -> Answer:
        annotation = self.chunk(None)
        del annotation["choices"][0]["delta"]
        return super().stream([*events[:1], annotation, *events[1:]], counted=counted)
