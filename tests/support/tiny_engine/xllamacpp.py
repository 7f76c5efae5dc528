"""A stand-in for llama.cpp's server that answers at once: it keeps a prompt a slot, and says what it found there."""

import json
import os
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any


class CommonParams(SimpleNamespace):
    """Takes whatever is set."""

    def __init__(self) -> None:
        super().__init__(model=SimpleNamespace(), cpuparams=SimpleNamespace(), cpuparams_batch=SimpleNamespace())


class Server:
    """Serves on loopback; a file that says so takes a while to load, or cannot be loaded."""

    def __init__(self, params: CommonParams) -> None:
        word = Path(params.model.path).read_bytes()[4:]
        if word == b"broken":
            raise RuntimeError("failed to load the tiny engine's file")
        time.sleep(0.5 if word == b"slow" else 0)
        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        http.params, http.caches = params, [""] * params.n_parallel  # type: ignore[attr-defined]
        threading.Thread(target=http.serve_forever, daemon=True).start()
        self.listening_address = f"http://127.0.0.1:{http.server_port}"


class Handler(BaseHTTPRequestHandler):
    """Answers `slot 1, known 12` to a prompt; `wait 0.5` in it makes that take as long, `die` ends the process."""

    server: Any

    def do_POST(self) -> None:
        if self.headers["Authorization"] != f"Bearer {self.server.params.api_keys[0]}":
            self.send_error(401)
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt, slot = body["messages"][-1]["content"], body["id_slot"]
        found = self.server.caches[slot] if body["cache_prompt"] else ""
        self.server.caches[slot] = prompt
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        if prompt == "die":
            os._exit(9)
        self._say(f"slot {slot}, ")
        if wait := re.search(r"wait ([\d.]+)", prompt):
            time.sleep(float(wait[1]))
        self._say(f"known {len(os.path.commonprefix([found, prompt]))}")  # noqa: RUF071 - of texts
        choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
        self.wfile.write(f"data: {json.dumps({'choices': [choice]})}\n\ndata: [DONE]\n\n".encode())

    def _say(self, text: str) -> None:
        choice = {"index": 0, "delta": {"content": text}}
        self.wfile.write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""
