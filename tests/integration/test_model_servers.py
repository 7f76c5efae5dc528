"""The doctor asks the model, and the lists name what a server has: with servers on loopback that say many things."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from codeagent_nb.cli import model_check
from codeagent_nb.cli.findings import Finding
from codeagent_nb.cli.model_check import check_model
from codeagent_nb.models import served
from codeagent_nb.models.served import Served, ask_server
from tests.support.command_line import run

pytestmark = pytest.mark.integration

KEY = "sk-planted-0123456789abcdef"
STREAM = (
    'data: {"choices": [{"index": 0, "delta": {"content": "ok"}}]}\n\n'
    'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
)
GOOD = (200, STREAM)
LIST = (200, json.dumps({"data": [{"id": "qwen2.5-coder:7b"}, {"id": "llama3"}]}))
NO_LIST = (404, "404 page not found")

Answer = tuple[int, str]


@contextmanager
def server(
    chat: Answer, models: Answer = NO_LIST, *, delay: float = 0.0, path: str = "/v1"
) -> Iterator[dict[str, str]]:
    """Yield an environment that names a server which gives these answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            time.sleep(delay)
            self._answer(*(chat if self.path == "/v1/chat/completions" else NO_LIST))

        def do_GET(self) -> None:
            self._answer(*(models if self.path == "/v1/models" else NO_LIST))

        def _answer(self, status: int, body: str) -> None:
            self.send_response(status)
            self.send_header("content-type", "text/event-stream" if body.startswith("data:") else "application/json")
            self.send_header("content-length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{http.server_port}{path}"
        yield {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": KEY, "CODEAGENT_MODEL": "qwen"}
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def error(status: int, message: str, code: str = "") -> Answer:
    return status, json.dumps({"error": {"message": message, "type": "invalid_request_error", "code": code}})


async def finding(chat: Answer, models: Answer = NO_LIST, path: str = "/v1") -> Finding:
    with server(chat, models, path=path) as environment:
        return await check_model(environment)


async def test_a_model_that_answers_is_well() -> None:
    found = await finding(GOOD)
    assert found.state == "ok"
    assert "'qwen' at 127.0.0.1 answers" in found.detail


# Shapes as in Flowise#5776, continue#10250 (a key that is a text, quoted), voicetypr#34 (no key) and what FastAPI says.
@pytest.mark.parametrize(
    "chat",
    [
        error(401, f"Wrong key: {KEY}.", "invalid_api_key"),
        error(401, "No key was given."),
        error(403, "This key may not use this."),
        (401, '{"detail": "Unauthorized"}'),
        (401, ""),
        (401, "<html>401</html>"),
        (403, '{"message": "forbidden"}'),
        error(401, "The token has expired", "token_expired"),
        (401, '{"error": "Unauthorized"}'),
        (403, '["no"]'),
    ],
)
async def test_a_wrong_key_is_named_with_the_variable(chat: Answer) -> None:
    found = await finding(chat, chat)
    assert found.state == "broken"
    assert "OPENAI_API_KEY" in found.fix
    assert KEY not in found.detail + found.fix


# Shapes as in vllm#3486, vllm#58025, LongBench#102 and litellm#7744; the others are ours.
@pytest.mark.parametrize(
    "chat",
    [
        error(404, "There is no model 'qwen'.", "model_not_found"),
        error(404, "model qwen not found, try pulling it first"),
        error(400, "Invalid model name passed in model=qwen"),
        (404, '{"object": "error", "message": "The model `qwen` does not exist.", "code": 404}'),
        (404, '{"detail": "Not Found"}'),
        (422, '{"detail": [{"loc": ["body", "model"], "msg": "unknown"}]}'),
        error(400, "qwen is not a valid model ID"),
        (404, ""),
        error(403, "Project has no access to model qwen", "model_not_found"),
        error(410, "The model qwen has been decommissioned", "model_decommissioned"),
    ],
)
async def test_an_unknown_model_is_named_with_those_there_are(chat: Answer) -> None:
    found = await finding(chat, LIST)
    assert found.state == "broken"
    assert "qwen2.5-coder:7b" in found.fix
    assert "CODEAGENT_MODEL" in found.fix


async def test_a_forgotten_v1_is_guessed() -> None:
    found = await finding(GOOD, LIST, path="")
    assert found.state == "broken"
    assert "/v1" in found.fix


async def test_a_slash_at_the_end_does_no_harm() -> None:
    """Others asked for `/v1//models` (open-webui#12117)."""
    assert (await finding(GOOD, LIST, path="/v1/")).state == "ok"
    with server(GOOD, LIST, path="/v1/") as environment:
        assert await ask_server(environment) == Served(("qwen2.5-coder:7b", "llama3"))


async def test_a_server_without_a_model_named_says_which_it_has() -> None:
    with server(GOOD, LIST) as environment:
        del environment["CODEAGENT_MODEL"]
        found = await check_model(environment)
    assert found.state == "broken"
    assert "qwen2.5-coder:7b" in found.fix


@pytest.mark.parametrize(
    ("chat", "advice"),
    [
        (error(500, "no"), "Try again later"),
        (error(503, "loading model"), "Try again later"),
        (error(429, "slow down"), "Try again later"),
        (error(429, "no credit", "insufficient_quota"), "billing"),
        ((200, "<html>a page</html>"), ""),
        ((200, "data: {}\n\n"), ""),
    ],
)
async def test_what_else_can_be_wrong_is_told(chat: Answer, advice: str) -> None:
    found = await finding(chat)
    assert found.state == "broken"
    assert advice in found.fix


async def test_a_server_that_is_not_there_is_named_with_what_to_check() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        found = await check_model({"OPENAI_BASE_URL": url, "CODEAGENT_MODEL": "m"})
    assert found.state == "broken"
    assert "OPENAI_BASE_URL" in found.fix


async def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_check, "PATIENCE", 0.2)
    with server(GOOD, delay=1.0) as environment:
        found = await check_model(environment)
    assert found.state == "broken"
    assert "said nothing" in found.detail


async def test_a_servers_list_is_asked_for_and_its_absence_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(GOOD, LIST) as environment:
        assert await ask_server(environment) == Served(("qwen2.5-coder:7b", "llama3"))
    for models in (NO_LIST, (200, "<html>"), (200, '{"data": []}'), error(401, f"no such key {KEY}")):
        with server(GOOD, models) as environment:
            answer = await ask_server(environment)
            assert answer
            assert answer.names == ()
            assert answer.problem
            assert KEY not in answer.problem
    assert await ask_server({}) is None
    monkeypatch.setattr(served, "PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = {"OPENAI_BASE_URL": f"http://127.0.0.1:{silent.getsockname()[1]}/v1"}
        assert "within" in (await ask_server(environment) or Served()).problem


def test_the_command_lists_them(tmp_path: Path) -> None:
    with server(GOOD, LIST) as environment:
        done = run("model", "list", env={**os.environ, **environment, "COLUMNS": "150"}, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "--model llama3" in done.stdout
    assert KEY not in done.stdout
