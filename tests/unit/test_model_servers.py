"""Servers on this machine and elsewhere, asked for their models: where they are, what they answer, who gets the key."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from codeagent_nb.errors import ModelRefused, ModelUnavailable, NoModelList
from codeagent_nb.models.openai import listing
from codeagent_nb.models.served import served_models
from codeagent_nb.models.servers import FoundServer, addresses, checked_address, servers_here


@dataclass
class Answers:
    """What a server on loopback answers, and what it was asked.

    Args:
        status: Of each answer.
        body: Of each answer.
        location: Where it sends everybody instead.
    """

    status: int = 200
    body: bytes = b'{"object": "list", "data": [{"id": "small"}]}'
    location: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""


def handler_for(answers: Answers) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.asked.append((self.path, self.headers.get("Authorization")))
            self.send_response(answers.status)
            if answers.location:
                self.send_header("Location", answers.location)
            self.send_header("Content-Length", str(len(answers.body)))
            self.end_headers()
            self.wfile.write(answers.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
            """Keep the test's output clean."""

    return Handler


def serving(answers: Answers) -> Iterator[Answers]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_for(answers)) as http:
        answers.url = f"http://127.0.0.1:{http.server_port}/v1"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield answers
        http.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[Answers]:
    yield from serving(Answers())


@pytest.fixture
def other() -> Iterator[Answers]:
    yield from serving(Answers())


async def models_at(url: str, key: str = "") -> tuple[str, ...] | None:
    return await served_models({"OPENAI_BASE_URL": url, "OPENAI_API_KEY": key})


async def test_a_server_names_its_models_and_gets_the_key_in_the_header_only(server: Answers) -> None:
    assert await models_at(server.url, "sk-one") == ("small",)
    assert server.asked == [("/v1/models", "Bearer sk-one")]


async def test_without_a_key_none_is_sent(server: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    await models_at(server.url)
    assert server.asked == [("/v1/models", None)]


async def test_a_key_does_not_follow_a_redirect(server: Answers, other: Answers) -> None:
    server.status, server.location = 302, f"{other.url}/models?key=sk-one"
    with pytest.raises(NoModelList, match=r"sends to 127\.0\.0\.1.*OPENAI_BASE_URL") as caught:
        await models_at(server.url, "sk-one")
    assert other.asked == []
    assert "sk-one" not in str(caught.value)


@pytest.mark.parametrize("location", ["", "/v1/models/", "http://[bad", "//"])
async def test_a_redirect_to_nowhere_is_told(server: Answers, location: str) -> None:
    server.status, server.location = 308, location
    with pytest.raises(NoModelList, match="HTTP 308"):
        await models_at(server.url, "sk-one")
    assert len(server.asked) == 1


async def test_no_proxy_comes_between_us_and_this_machine(
    server: Answers, other: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, other.url.removesuffix("/v1"))
    assert await models_at(server.url) == ("small",)
    assert other.asked == []


@pytest.mark.parametrize(("status", "outcome"), [(401, ModelRefused), (500, ModelUnavailable), (503, ModelUnavailable)])
async def test_what_a_server_says_no_to_is_told(server: Answers, status: int, outcome: type[Exception]) -> None:
    server.status, server.body = status, b'{"error": {"message": "no such key: sk-one"}}'
    with pytest.raises(outcome, match=r"127\.0\.0\.1.*no such key") as caught:
        await models_at(server.url, "sk-one")
    assert not isinstance(caught.value, NoModelList)
    assert "sk-one" not in str(caught.value)


async def test_gemini_refuses_a_key_with_another_status(server: Answers) -> None:
    server.status, server.body = 400, b'[{"error": {"code": 400, "message": "API key not valid."}}]'
    with pytest.raises(ModelRefused, match="does not accept this key"):
        await models_at(server.url, "sk-one")


@pytest.mark.parametrize("status", [403, 404, 405])
async def test_a_server_that_lists_no_models_may_have_some(server: Answers, status: int) -> None:
    server.status = status
    with pytest.raises(NoModelList, match=f"HTTP {status}"):
        await models_at(server.url, "sk-one")


@pytest.mark.parametrize("status", [200, 401])
async def test_of_an_answer_without_end_a_part_is_read(
    server: Answers, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_MOST_BYTES", 10_000)
    server.status, server.body = status, b'{"data": [' + b'{"id": "a"}, ' * 1_000_000 + b"{}]}"
    with pytest.raises(ModelRefused) as caught:
        await models_at(server.url, "sk-one")
    assert len(str(caught.value)) < 1_000


async def test_what_the_address_has_behind_a_question_mark_stays_there(server: Answers) -> None:
    assert await models_at(f"{server.url}?api-version=1") == ("small",)
    assert server.asked == [("/v1/models?api-version=1", None)]


async def test_no_server_is_told_with_its_host_and_without_the_key() -> None:
    with pytest.raises(ModelUnavailable, match=r"127\.0\.0\.1 gave no reply: \w") as caught:
        await models_at("http://127.0.0.1:9/v1", "sk-one")
    assert "sk-one" not in str(caught.value)


async def test_a_key_that_no_header_can_hold_is_no_crash(server: Answers) -> None:
    with pytest.raises(ModelRefused, match="characters that no key has"):
        await models_at(server.url, "sk-one\r\nX-More: 1")
    assert server.asked == []


async def test_only_what_answers_as_such_a_server_is_found(server: Answers) -> None:
    host = server.url.removeprefix("http://").removesuffix("/v1")
    found = await servers_here({"OLLAMA_HOST": host})
    assert [one for one in found if one.name == "Ollama"] == [FoundServer("Ollama", server.url, ("small",))]
    server.body = b"<html>Jenkins</html>"
    assert "Ollama" not in [one.name for one in await servers_here({"OLLAMA_HOST": host})]
    server.status = 401
    [locked] = [one for one in await servers_here({"OLLAMA_HOST": host}) if one.name == "Ollama"]
    assert locked.needs_key


def test_the_known_servers_are_at_their_usual_ports() -> None:
    assert addresses({}) == {
        "Ollama": "http://localhost:11434/v1",
        "LM Studio": "http://localhost:1234/v1",
        "llama.cpp": "http://localhost:8080/v1",
        "vLLM": "http://localhost:8000/v1",
    }


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "http://localhost:11434/v1"),
        ("myhost", "http://localhost:11434/v1"),  # ollama#859: another machine, so not looked at
        ("myhost:11434", "http://localhost:11434/v1"),  # ollama#859
        ("127.0.0.1", "http://127.0.0.1:11434/v1"),  # ollama#859
        ("127.0.0.1:11434", "http://127.0.0.1:11434/v1"),  # ollama#859
        ("0.0.0.0:11434", "http://localhost:11434/v1"),  # ollama-python#407
        ("0.0.0.0", "http://localhost:11434/v1"),  # oterm#88
        ("http://0.0.0.0:8085", "http://localhost:8085/v1"),  # ollama-python#471
        ("http://localhost:11435", "http://localhost:11435/v1"),  # ollama-python#295
        ("127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1"),  # lobehub#2157
        ("http://192.168.30.111", "http://localhost:11434/v1"),  # ogx#1029
        (":11500", "http://localhost:11500/v1"),
        ("[::1]:11434", "http://[::1]:11434/v1"),
        ("[::]:11434", "http://localhost:11434/v1"),
        ("https://localhost", "http://localhost:11434/v1"),
        ("localhost:port", "http://localhost:11434/v1"),
        ("http://[bad", "http://localhost:11434/v1"),
    ],
)
def test_ollama_is_where_its_own_variable_says_if_that_is_on_this_machine(host: str, url: str) -> None:
    assert addresses({"OLLAMA_HOST": host})["Ollama"] == url


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("", ""),
        ("  ", ""),
        ("https://api.openai.com", "https://api.openai.com/v1"),  # aisub-translator#2
        ("https://api.example.org/v1/", "https://api.example.org/v1"),  # aichat#767
        ("https://openrouter.ai/api/v1/", "https://openrouter.ai/api/v1"),  # litellm#8350
        (
            "https://generativelanguage.googleapis.com/v1beta/openai/",
            "https://generativelanguage.googleapis.com/v1beta/openai",
        ),  # new-api#853, streamystats#324
        ("http://localhost:11434", "http://localhost:11434/v1"),  # dbeaver#42156
        ("http://localhost:11434/v1", "http://localhost:11434/v1"),  # dbeaver#42156
        ("https://api-inference.modelscope.cn/v1/", "https://api-inference.modelscope.cn/v1"),  # oai-…-copilot#43
        ("http://192.168.1.5:8000", "http://192.168.1.5:8000/v1"),  # oai-compatible-copilot#43
        ("http://localhost:80/v1", "http://localhost:80/v1"),  # text-embeddings-inference#213
        ("https://openrouter.ai/api/v1/chat/completions", "https://openrouter.ai/api/v1"),  # agentskit#1009
        ("localhost:8000", "http://localhost:8000/v1"),
        ("127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("api.deepseek.com", "https://api.deepseek.com/v1"),
        ("https://me.openai.azure.com/openai/v1?api-version=1", "https://me.openai.azure.com/openai/v1?api-version=1"),
    ],
)
def test_an_address_is_taken_as_people_write_it(typed: str, url: str) -> None:
    assert checked_address(typed) == url


@pytest.mark.parametrize(
    "typed", ["file:///etc/passwd", "ftp://host/v1", "https://", "http://[bad", "http://host:port/v1", "my key", "://"]
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="not the address of a server"):
        checked_address(typed)


def test_a_key_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="its own field") as caught:
        checked_address("https://user:sk-one@api.example.org/v1")
    assert "sk-one" not in str(caught.value)
