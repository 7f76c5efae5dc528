"""vLLM serving a model without a system role: docs.vllm.ai/en/latest/serving/openai_compatible_server.html.

Since 0.19 reasoning comes as `reasoning` (strands-agents/harness-sdk#2191), some releases send it twice (vllm#34030).
Errors stand at the top of the body with the status as a number, in newer releases under `error`; also in the stream.
The system role is refused by the chat template of Gemma (vllm#2964).
"""

from typing import Any

from tests.servers.dialect import Dialect, Event
from tests.servers.http import Answer, plain


class VLLM(Dialect):
    name = "vLLM"
    has_system_role = False

    def error(self, status: int, message: str, kind: str, code: object = None) -> Answer:
        return plain(status, self._error(status, message, kind))

    def _error(self, status: int, message: str, kind: str) -> dict[str, Any]:
        return {"object": "error", "message": message, "type": kind, "param": None, "code": status}

    def wrong_key(self) -> Answer:
        return plain(401, {"error": "Unauthorized"})

    def wrong_model(self, model: str) -> Answer:
        return self.error(404, f"The model `{model}` does not exist.", "NotFoundError")

    def too_long(self) -> Answer:
        message = (
            "This model's maximum context length is 4096 tokens. However, you requested 4352 tokens (4096 in the "
            "messages, 256 in the completion). Please reduce the length of the messages or completion."
        )
        return self.error(400, message, "BadRequestError")

    def say_busy(self) -> Answer:
        return self.error(503, "The server is overloaded", "ServiceUnavailableError")

    def thought(self, words: str) -> Event:
        return self.chunk({"reasoning": words, "reasoning_content": words})

    def text(self, words: str) -> Event:
        return {**self.chunk({"content": words}), "prompt_token_ids": None}

    def chunk(self, delta: Event | None, finish: str | None = None) -> Event:
        chunk = super().chunk(delta, finish)
        chunk["choices"][0] |= {"logprobs": None, "stop_reason": None, "token_ids": None}
        return chunk

    def broken_event(self) -> str:
        return self.data(self._error(500, "EngineCore encountered an issue.", "InternalServerError"))
