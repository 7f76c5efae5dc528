"""OpenAI, with a model that reasons.

Chunks: platform.openai.com/docs/api-reference/chat-streaming. `max_tokens` and `temperature` are refused by such models
(9router#560, MaiBot#1406), `top_k` by all, and the system role by the first of them (o1).
"""

from types import MappingProxyType
from typing import Any

from tests.servers.dialect import Dialect, Event
from tests.servers.http import Answer


class OpenAI(Dialect):
    name = "OpenAI"
    shows_thoughts = False
    has_system_role = False
    skips = MappingProxyType({"reasoning": "it is not shown"})

    def refuse_arguments(self, body: dict[str, Any]) -> Answer | None:
        if "max_tokens" in body:
            return self._unsupported("max_tokens", "parameter", "Use 'max_completion_tokens' instead.")
        if body.get("temperature", 1) != 1:
            return self._unsupported("temperature", "value", "Only the default (1) value is supported.")
        return self.unknown_argument("top_k") if "top_k" in body else None

    def _unsupported(self, name: str, what: str, instead: str) -> Answer:
        message = f"Unsupported {what}: '{name}' is not supported with this model. {instead}"
        return self._error(400, message, f"unsupported_{what}", name)

    def no_system_role(self) -> Answer:
        message = "Unsupported value: 'messages[0].role' does not support 'system' with this model."
        return self._error(400, message, "unsupported_value", "messages[0].role")

    def _error(self, status: int, message: str, code: str, param: str) -> Answer:
        answer = self.error(status, message, "invalid_request_error", code)
        return Answer((answer.pieces[0].replace('"param": null', f'"param": "{param}"'),), status, answer.content_type)

    def chunk(self, delta: Event | None, finish: str | None = None) -> Event:
        chunk = super().chunk(delta, finish)
        chunk["choices"][0]["logprobs"] = None
        return {**chunk, "service_tier": "default", "system_fingerprint": "fp_1", "usage": None, "obfuscation": "x7"}

    def usage(self) -> Event:
        details = {"reasoning_tokens": 2, "accepted_prediction_tokens": 0}
        usage = super().usage()
        return {**usage, "usage": {**usage["usage"], "completion_tokens_details": details}}

    def before(self) -> list[Event]:
        return [self.chunk({"role": "assistant", "content": "", "refusal": None})]
