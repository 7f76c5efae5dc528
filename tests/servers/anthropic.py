"""Anthropic's OpenAI-compatible address: platform.claude.com/docs/en/api/openai-sdk.

`response_format` is ignored, so JSON comes as prose has it; system messages are put together at the front; `top_k` and
its like are ignored. Newer models refuse `temperature` beside `top_p`. Errors have a type and no code; 529 is busy.
"""

import json
from types import MappingProxyType
from typing import Any

from tests.servers.dialect import DECISION, Dialect
from tests.servers.http import Answer, Asked


class Anthropic(Dialect):
    name = "Anthropic"
    shows_thoughts = False
    skips = MappingProxyType({"reasoning": "it is not shown"})

    def wrong_key(self) -> Answer:
        return self.error(401, "invalid x-api-key", "authentication_error")

    def wrong_model(self, model: str) -> Answer:
        return self.error(404, f"model: {model}", "not_found_error")

    def too_long(self) -> Answer:
        return self.error(400, "prompt is too long: 208310 tokens > 200000 maximum", "invalid_request_error")

    def refuse_arguments(self, body: dict[str, Any]) -> Answer | None:
        if {"temperature", "top_p"} <= {*body}:
            message = "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
            return self.error(400, message, "invalid_request_error")
        return None

    def say_busy(self) -> Answer:
        return self.error(529, "Overloaded", "overloaded_error")

    def decision(self, asked: Asked) -> str:
        return f"I would correct it:\n\n```json\n{json.dumps(DECISION, indent=2)}\n```"

    def broken_event(self) -> str:
        return self.data({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
