"""Text Generation Inference: huggingface.co/docs/text-generation-inference/messages_api.

No space after `data:`. A body that does not fit its types is refused as plain text with 422, among them the
`json_schema` of OpenAI, for its own `json` wants the schema as `value`. Errors are a string and an `error_type`, in the
stream, too (litellm#2180). The chat template of Gemma raises at a system role (text-generation-inference#3198).
"""

from types import MappingProxyType
from typing import Any

from tests.servers.dialect import Dialect
from tests.servers.http import Answer, Asked, plain


class TGI(Dialect):
    name = "TGI"
    needs_key = False
    shows_thoughts = False
    has_system_role = False
    space = ""
    skips = MappingProxyType(
        {"wrong key": "it has no keys", "wrong model": "the name is not read", "reasoning": "it stays in the text"}
    )

    def refuse(self, asked: Asked) -> Answer | None:
        if asked.body["model"] != "model-1":
            return super().refuse(Asked(asked.path, asked.headers, {**asked.body, "model": "model-1"}))
        return super().refuse(asked)

    def refuse_arguments(self, body: dict[str, Any]) -> Answer | None:
        wanted = body.get("response_format", {}).get("type")
        if wanted == "json_schema":
            message = "unknown variant `json_schema`, expected one of `json_object`, `json`, `regex`"
            return plain(422, f"Failed to deserialize the JSON body into the target type: response_format: {message}")
        if wanted == "json_object":
            message = "response_format: missing field `value` at line 1 column 312"
            return plain(422, f"Failed to deserialize the JSON body into the target type: {message}")
        return None

    def too_long(self) -> Answer:
        message = (
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens "
            "and 500 `max_new_tokens`"
        )
        return plain(422, {"error": message, "error_type": "validation"})

    def no_system_role(self) -> Answer:
        message = "Template error: invalid operation: System role not supported (in <string>:1)"
        return plain(422, {"error": message, "error_type": "template_error"})

    def unknown_path(self, asked: Asked) -> Answer:
        return plain(404, "")

    def say_busy(self) -> Answer:
        return plain(429, {"error": "Model is overloaded", "error_type": "overloaded"})

    def broken_event(self) -> str:
        message = "Request failed during generation: Server error: CUDA out of memory."
        return self.data({"error": message, "error_type": "generation"})
