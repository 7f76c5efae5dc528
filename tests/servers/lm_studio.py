"""LM Studio: lmstudio.ai/docs/developer/openai-compat.

It knows `json_schema` and no `json_object` (lmstudio-bug-tracker#189), errors are bare strings or events named
`error`, an unknown path is answered with 200 (lmstudio-bug-tracker#618), and a prompt that is too long with a stream
without any text (lmstudio-bug-tracker#2339).
"""

from types import MappingProxyType
from typing import Any

from tests.servers.dialect import Dialect
from tests.servers.http import Answer, Asked, plain


class LMStudio(Dialect):
    name = "LM Studio"
    needs_key = False
    skips = MappingProxyType({"wrong key": "it has no keys"})

    def refuse_arguments(self, body: dict[str, Any]) -> Answer | None:
        if body.get("response_format", {}).get("type") == "json_object":
            return plain(400, {"error": "'response_format.type' must be 'json_schema' or 'text'"})
        return None

    def unknown_path(self, asked: Asked) -> Answer:
        message = f"Unexpected endpoint or method. (POST {asked.path}). Returning 200 anyway"
        return plain(200, {"error": message})

    def wrong_model(self, model: str) -> Answer:
        message = "No models loaded. Please load a model in the developer page or use the 'lms load' command."
        error = {"message": message, "type": "invalid_request_error", "param": "model", "code": "model_not_found"}
        return plain(404, {"error": error})

    def too_long(self) -> Answer:
        return self.stream([self.end("stop")], counted=True)

    def say_busy(self) -> Answer:
        return plain(503, {"error": "Model is loading"})

    def broken_event(self) -> str:
        return 'event: error\ndata: {"error":{"message":"The model has crashed without additional information."}}\n\n'
