"""A server of the chat completions API on loopback that gives scripted replies, and an environment that names it."""

import json
import os
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

KEY = "sk-planted-0123456789abcdef"

Serve = Callable[..., "ScriptedServer"]


class ScriptedServer:
    """Speaks as much of the chat completions API as a stream needs; gives scripted replies in order.

    Args:
        replies: Texts, or texts in pieces; more may be added to `remaining`. After the last one comes a `complaint`.

    Attributes:
        models: What it lists.
        wanted_key: The key without which it lists none.
        keys: Those that it was given when it was asked for them.
    """

    def __init__(self, replies: Sequence[str | Sequence[str]]) -> None:
        self.requests: list[dict[str, object]] = []
        self.remaining = list(replies)
        self.complaint = ""
        self.models = ["scripted"]
        self.wanted_key = ""
        self.keys: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.keys.append(self.headers.get("authorization", "").removeprefix("Bearer "))
                if server.wanted_key and server.keys[-1] != server.wanted_key:
                    self.send_error(401)
                    return
                listed = {"object": "list", "data": [{"id": name, "object": "model"} for name in server.models]}
                body = json.dumps(listed).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                server.requests.append(json.loads(body))
                if not server.remaining and server.complaint:
                    self.send_error(401, f"no such key: {server.complaint}")
                    return
                if not server.remaining:
                    self.send_error(500, "the script is used up")
                    return
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                reply = server.remaining.pop(0)
                for piece in [reply] if isinstance(reply, str) else reply:
                    self._send({"delta": {"content": piece}, "finish_reason": None})
                self._send({"delta": {}, "finish_reason": "stop"})
                self.wfile.write(b"data: [DONE]\n\n")

            def _send(self, choice: dict[str, object]) -> None:
                chunk = {
                    "id": "1",
                    "object": "chat.completion.chunk",
                    "created": 0,
                    "model": "m",
                    "choices": [{"index": 0, **choice}],
                }
                self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")

            def log_message(self, *_: object) -> None:
                """Be quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()

    def environment(self, folder: Path) -> dict[str, str]:
        return {
            **bare_environment(folder),
            "OPENAI_BASE_URL": f"http://127.0.0.1:{self.http.server_port}/v1",
            "OPENAI_API_KEY": KEY,
            "CODEAGENT_MODEL": "scripted",
        }


def bare_environment(folder: Path) -> dict[str, str]:
    """An environment with no key, no model and no weights."""
    home = folder.with_name(f"{folder.name}-home")  # beside it: neither home nor what holds it is ever worked in
    home.mkdir(exist_ok=True)
    return {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "COLUMNS": "100"}
