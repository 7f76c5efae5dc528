"""llama.cpp's server: github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md.

It writes comments into a silent stream, says that it loads the model with a 503, and that the context is too short with
400 or 500 (llama.cpp#19774, #15780). What a chat template raises is a 500 (jan#6254), and an error in a stream may
be a line `error:` (release b3000) or an event (llama.cpp#26658).
"""

from tests.servers.dialect import Dialect, Event
from tests.servers.http import Answer, plain


class LlamaCpp(Dialect):
    name = "llama.cpp"
    has_system_role = False

    def error(self, status: int, message: str, kind: str, code: object = None) -> Answer:
        return plain(status, {"error": {"code": status, "message": message, "type": kind}})

    def wrong_key(self) -> Answer:
        return self.error(401, "Invalid API Key", "authentication_error")

    def wrong_model(self, model: str) -> Answer:
        return self.error(404, f"model '{model}' not found", "not_found_error")

    def too_long(self) -> Answer:
        return self.error(500, "Context size has been exceeded.", "server_error")

    def no_system_role(self) -> Answer:
        message = "Conversation roles must alternate user/assistant/user/assistant/... at row 19, column 27"
        return self.error(500, message, "server_error")

    def say_busy(self) -> Answer:
        return self.error(503, "Loading model", "unavailable_error")

    def usage(self) -> Event:
        return {**super().usage(), "timings": {"prompt_n": 7, "predicted_n": 3, "predicted_per_second": 51.2}}

    def data(self, event: object) -> str:
        return f":\n\n{super().data(event)}"

    def broken_event(self) -> str:
        return 'error: {"code":500,"message":"Invalid diff","type":"server_error"}\n\n'
