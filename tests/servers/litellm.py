"""LiteLLM's proxy: docs.litellm.ai/docs/proxy/user_keys, and docs.litellm.ai/docs/exception_mapping.

Errors quote those of the vendor behind it, with the status as text, and `None` as text for what is not there. Arguments
that the vendor does not know are refused (`drop_params`). Thoughts come as `reasoning_content`, and once more as blocks
with a signature. An error in the stream is an event (litellm#40578).
"""

from tests.servers.dialect import Dialect, Event
from tests.servers.http import Answer, plain


class LiteLLM(Dialect):
    name = "LiteLLM proxy"
    path = ""
    takes = frozenset({"max_tokens", "max_completion_tokens"})

    def error(self, status: int, message: str, kind: str, code: object = None) -> Answer:
        return plain(status, {"error": {"message": message, "type": kind, "param": "None", "code": str(status)}})

    def wrong_key(self) -> Answer:
        return self.error(401, "Authentication Error, Invalid proxy server token passed.", "token_not_found_in_db")

    def wrong_model(self, model: str) -> Answer:
        message = (
            f"Invalid model name passed in model={model}. Call `/v1/models` to view available models for your key."
        )
        return self.error(400, message, "invalid_request_error")

    def too_long(self) -> Answer:
        message = (
            "litellm.ContextWindowExceededError: litellm.BadRequestError: This model's maximum context length is 8192 "
            "tokens. Received Model Group=model-1"
        )
        return self.error(400, message, "None")

    def unknown_argument(self, name: str) -> Answer:
        message = (
            f"litellm.UnsupportedParamsError: openai does not support parameters: ['{name}'], for model=model-1. To "
            "drop these, set `litellm.drop_params=True` or for proxy: `litellm_settings: drop_params: true`"
        )
        return self.error(400, message, "None")

    def say_busy(self) -> Answer:
        message = "litellm.RateLimitError: No deployments available for selected model, Try again in 5 seconds."
        return self.error(429, message, "None")

    def thought(self, words: str) -> Event:
        block = {"type": "thinking", "thinking": words, "signature": None}
        return self.chunk({"reasoning_content": words, "thinking_blocks": [block], "provider_specific_fields": None})

    def broken_event(self) -> str:
        error = {"message": "litellm.APIError: upstream", "type": "None", "param": "None", "code": "500"}
        return self.data({"error": error})
