"""The OpenAI client against a true HTTP server on loopback that this test opens and scripts."""

import asyncio
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import pytest
from pydantic import BaseModel

from codeagent_nb.errors import ModelRefused, ModelUnavailable
from codeagent_nb.models.openai.client import Backoff, OpenAIChatCompletionClient
from codeagent_nb.models.types import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    RequestUsage,
    SystemMessage,
    UserMessage,
)

KEY = "sk-test-0123456789-very-secret"
FAST = Backoff(first=0.01, longest=0.02)
ASK = [SystemMessage(content="be terse"), UserMessage(content="hello")]


class Answer(BaseModel):
    reason: str
    retry: bool = False


@dataclass
class Request:
    """One request as the server got it, and the way to answer it."""

    body: dict[str, Any]
    headers: dict[str, str]
    writer: asyncio.StreamWriter
    reader: asyncio.StreamReader
    target: str

    async def send(self, data: str) -> None:
        self.writer.write(data.encode())
        await self.writer.drain()

    async def start_stream(self) -> None:
        await self.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")

    async def event(self, event: object) -> None:
        line = f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n"
        await self.send(f"{len(line.encode()):x}\r\n{line}\r\n")

    async def end_stream(self) -> None:
        await self.send("0\r\n\r\n")


Handler = Callable[[Request], Awaitable[None]]


@dataclass
class Server:
    """Answers the n-th request by the n-th handler, the last one again and again."""

    handlers: list[Handler] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            pairs = (line.split(":", 1) for line in head.splitlines()[1:] if ":" in line)
            headers = {name.lower(): value.strip() for name, value in pairs}
            body = json.loads(await reader.readexactly(int(headers["content-length"])))
            self.requests.append(Request(body, headers, writer, reader, head.split()[1]))
            await self.handlers[min(len(self.requests), len(self.handlers)) - 1](self.requests[-1])
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away: what some tests are about
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncGenerator[Server, None]:
    scripted = Server()
    listener = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    scripted.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    async with listener:
        yield scripted


def delta(text: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text, **more}, "finish_reason": finish}]}


def streams(*events: object, done: bool = True) -> Handler:
    async def handler(request: Request) -> None:
        await request.start_stream()
        for event in events:
            await request.event(event)
        if done:
            await request.event("[DONE]")
        await request.end_stream()

    return handler


def fails(status: int, error: object, *headers: str) -> Handler:
    async def handler(request: Request) -> None:
        body = json.dumps(error)
        lines = [
            f"HTTP/1.1 {status} No",
            "content-type: application/json",
            f"content-length: {len(body)}",
            *headers,
        ]
        await request.send("\r\n".join(lines) + "\r\n\r\n" + body)

    return handler


def drops_after(*events: object) -> Handler:
    async def handler(request: Request) -> None:
        await request.start_stream()
        for event in events:
            await request.event(event)
        request.writer.transport.abort()

    return handler


async def drops(request: Request) -> None:
    request.writer.transport.abort()


HELLO = streams(delta("Hel"), delta("lo"), delta(finish="stop"))


def client_of(server: Server, **settings: Any) -> OpenAIChatCompletionClient:
    return OpenAIChatCompletionClient(
        "tiny-1", **{"api_key": KEY, "base_url": server.url, "backoff": FAST, "timeout": 5.0, **settings}
    )


async def ask(client: ChatCompletionClient, **arguments: Any) -> tuple[list[str], CreateResult]:
    """Return the chunks and the result of one call, and close the client."""
    try:
        items = [item async for item in client.create_stream(ASK, **arguments)]
    finally:
        await client.close()
    *chunks, result = items
    assert isinstance(result, CreateResult)
    return [chunk for chunk in chunks if isinstance(chunk, str)], result


async def test_streams_chunks_then_the_whole_reply_with_its_usage(server: Server) -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
    server.handlers = [streams(delta("Hel"), delta("lo"), delta(finish="stop"), usage)]
    chunks, result = await ask(client_of(server, temperature=0.5), extra_create_args={"top_k": 3})
    assert chunks == ["Hel", "lo"]
    assert result == CreateResult(content="Hello", usage=RequestUsage(prompt_tokens=7, completion_tokens=2))
    sent = server.requests[0]
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.body == {
        "model": "tiny-1",
        "messages": [{"role": "system", "content": "be terse"}, {"role": "user", "content": "hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "top_k": 3,
    }


async def test_earlier_replies_are_sent_without_their_thoughts(server: Server) -> None:
    server.handlers = [HELLO]
    client = client_of(server)
    async for _ in client.create_stream([AssistantMessage(content="a", thought="secret"), *ASK]):
        pass
    await client.close()
    assert server.requests[0].body["messages"][0] == {"role": "assistant", "content": "a"}


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("length", "length"),
        ("tool_calls", "function_calls"),
        ("content_filter", "content_filter"),
        ("eos", "unknown"),
    ],
)
async def test_finish_reason_is_respected(server: Server, said: str, read: str) -> None:
    server.handlers = [streams(delta("x"), delta(finish=said))]
    assert (await ask(client_of(server)))[1].finish_reason == read


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
async def test_reasoning_is_kept_apart(server: Server, name: str) -> None:
    thinking = [delta(**{name: "hm, "}), delta(**{name: "yes"})]
    server.handlers = [streams(*thinking, delta("42"), delta(finish="stop"))]
    chunks, result = await ask(client_of(server))
    assert (chunks, result.content, result.thought) == (["42"], "42", "hm, yes")


async def test_done_without_a_finish_reason_is_an_end_of_unknown_kind(server: Server) -> None:
    server.handlers = [streams(delta("x"))]
    assert (await ask(client_of(server)))[1].finish_reason == "unknown"


async def test_finish_reason_without_done_is_an_end(server: Server) -> None:
    server.handlers = [drops_after(delta("x"), delta(finish="stop"))]
    assert (await ask(client_of(server)))[1].content == "x"


async def test_json_output_asks_for_the_closed_schema(server: Server) -> None:
    server.handlers = [HELLO]
    await ask(client_of(server), json_output=Answer)
    wanted = server.requests[0].body["response_format"]
    assert (wanted["type"], wanted["json_schema"]["strict"]) == ("json_schema", True)
    schema = wanted["json_schema"]["schema"]
    assert (schema["additionalProperties"], schema["required"]) == (False, ["reason", "retry"])


async def test_json_output_falls_back_twice_and_remembers(server: Server) -> None:
    no_schema = fails(400, {"error": {"message": "response_format type json_schema is not supported"}})
    no_object = fails(422, {"detail": [{"loc": ["body", "response_format"], "msg": "extra field"}]})
    server.handlers = [no_schema, no_object, HELLO]
    client = client_of(server, max_retries=0)
    for _ in range(2):
        assert (await ask(client, json_output=Answer))[1].content == "Hello"
    kinds = [request.body.get("response_format", {}).get("type") for request in server.requests]
    assert kinds == ["json_schema", "json_object", None, None]
    prompts = ["JSON schema" in request.body["messages"][-1]["content"] for request in server.requests]
    assert prompts == [False, True, True, True]


async def test_stream_options_are_left_out_where_they_are_refused(server: Server) -> None:
    server.handlers = [fails(400, {"error": {"message": "unknown field stream_options"}}), HELLO]
    client = client_of(server, max_retries=0)
    assert [(await ask(client))[1].content for _ in range(2)] == ["Hello", "Hello"]
    assert ["stream_options" in request.body for request in server.requests] == [True, False, False]


@pytest.mark.parametrize(
    "first",
    [
        fails(500, {"error": {"message": "boom"}}),
        fails(429, {"error": {"message": "slow down"}}),
        drops,
        drops_after(),
        drops_after(delta(reasoning_content="hm")),
        streams(done=False),
        streams({"error": {"message": "overloaded", "code": 503}}),
    ],
    ids=["500", "429", "dropped", "dropped in stream", "dropped in thought", "empty", "error event"],
)
async def test_what_passes_is_tried_again_before_the_first_word(server: Server, first: Handler) -> None:
    server.handlers = [first, HELLO]
    chunks, result = await ask(client_of(server))
    assert (chunks, result.content, result.thought) == (["Hel", "lo"], "Hello", None)
    assert len(server.requests) == 2


@pytest.mark.timing
@pytest.mark.parametrize("header", ["retry-after: 0.3", "retry-after-ms: 300"])
async def test_retry_after_is_honoured(server: Server, header: str) -> None:
    server.handlers = [fails(429, {"error": {"message": "slow"}}, header), HELLO]
    begin = time.monotonic()
    await ask(client_of(server))
    assert 0.3 <= time.monotonic() - begin < 2


@pytest.mark.parametrize("said", [lambda: "3600", lambda: formatdate(time.time() + 3600, usegmt=True)])
async def test_a_long_retry_after_is_reported_not_slept(server: Server, said: Callable[[], str]) -> None:
    server.handlers = [fails(429, {"error": {"message": "slow"}}, f"retry-after: {said()}")]
    with pytest.raises(ModelUnavailable, match=r"asks to wait 3[56]\d\d s"):
        await ask(client_of(server))


async def test_tries_are_counted_and_the_last_reason_is_told(server: Server) -> None:
    server.handlers = [fails(503, {"error": {"message": "maintenance"}})]
    with pytest.raises(ModelUnavailable, match="after 3 tries: maintenance"):
        await ask(client_of(server, max_retries=2))
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "breaks",
    [
        drops_after(delta("Hel")),
        streams(delta("Hel"), done=False),
        streams(delta("Hel"), "{broken", done=False),
    ],
    ids=["dropped", "truncated", "garbage"],
)
async def test_a_reply_that_breaks_off_is_no_reply(server: Server, breaks: Handler) -> None:
    server.handlers = [breaks, HELLO]
    with pytest.raises(ModelUnavailable, match=r"'tiny-1' at 127\.0\.0\.1 broke off in mid-reply"):
        await ask(client_of(server))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "error", "advice"),
    [
        (401, {"message": f"Incorrect API key provided: {KEY}"}, "OPENAI_API_KEY"),
        (404, {"message": "no such model"}, "CODEAGENT_MODEL"),
        (400, {"message": "too long", "code": "context_length_exceeded"}, "reset the conversation"),
        (429, {"message": "pay first", "code": "insufficient_quota"}, "billing"),
    ],
)
async def test_refusals_name_the_model_the_host_and_what_to_do(
    server: Server, status: int, error: object, advice: str
) -> None:
    server.handlers = [fails(status, {"error": error})]
    with pytest.raises(ModelRefused, match=r"'tiny-1' at 127\.0\.0\.1") as caught:
        await ask(client_of(server))
    assert advice in str(caught.value)
    assert "secret" not in str(caught.value)
    assert len(server.requests) == 1


async def test_what_the_address_has_behind_a_question_mark_comes_last(server: Server) -> None:
    server.handlers = [streams(delta("hi", "stop"))]
    await ask(client_of(server, base_url=f"{server.url}/?api-version=2024-10-21&x=#there"))
    assert server.requests[0].target == "/v1/chat/completions?api-version=2024-10-21"


async def test_a_missing_key_is_refused_before_any_call(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelRefused, match="Set OPENAI_API_KEY"):
        await ask(client_of(server, api_key=None))


@pytest.mark.parametrize("around", ["{}\r", "{}\n", " {}", "\t{}\r\n", "\xa0{}"])
async def test_a_key_is_sent_without_the_white_space_around_it(server: Server, around: str) -> None:
    server.handlers = [streams(delta("hi", "stop"))]
    await ask(client_of(server, api_key=around.format(KEY)))
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "wrong", ["\u201c{}\u201d", "{}\u00fc", "{}\r\nX-Other: 1", "\ufeff{}", "{}\0", "{}\u200b", "a\x7f{}"]
)
@pytest.mark.parametrize("call", ["create_stream", "served_models"])
async def test_a_key_that_no_header_holds_is_refused_and_not_shown(server: Server, wrong: str, call: str) -> None:
    client = client_of(server, api_key=wrong.format("AIzaSyABCDEF1234567890"))
    with pytest.raises(ModelRefused, match="OPENAI_API_KEY") as caught:
        await (ask(client) if call == "create_stream" else client.served_models())
    assert "AIzaSy" not in str(caught.value)
    assert server.requests == []


async def test_nobody_listening_is_unavailable() -> None:
    with socket.socket() as bound:  # the port is ours, but refuses connections
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        nobody = OpenAIChatCompletionClient("m", api_key="k", base_url=url, max_retries=0)
        with pytest.raises(ModelUnavailable, match=r"at 127\.0\.0\.1 gave no reply"):
            await ask(nobody)


@pytest.mark.parametrize("events", [[], [delta("Hel")]], ids=["before the first word", "between words"])
async def test_silence_ends_in_a_time_out(server: Server, events: list[object]) -> None:
    async def falls_silent(request: Request) -> None:
        await request.start_stream()
        for event in events:
            await request.event(event)
        await request.reader.read()

    server.handlers = [falls_silent]
    with pytest.raises(ModelUnavailable, match="no answer within the time-out"):
        await ask(client_of(server, timeout=0.2, max_retries=0))


async def test_cancelling_closes_the_connection_at_once(server: Server) -> None:
    begun, left = asyncio.Event(), asyncio.Event()

    async def never_ends(request: Request) -> None:
        await request.start_stream()
        await request.event(delta("Hel"))
        begun.set()
        await request.reader.read()
        left.set()

    server.handlers = [never_ends]
    call = asyncio.create_task(ask(client_of(server, timeout=60.0)))
    await asyncio.wait_for(begun.wait(), 5)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(call, 1)
    await asyncio.wait_for(left.wait(), 1)


async def test_a_caller_who_stops_listening_closes_the_connection(server: Server) -> None:
    left = asyncio.Event()

    async def never_ends(request: Request) -> None:
        await request.start_stream()
        await request.event(delta("Hel"))
        await request.reader.read()
        left.set()

    server.handlers = [never_ends]
    client = client_of(server)
    async with aclosing(client.create_stream(ASK)) as stream:
        assert await anext(stream) == "Hel"
    await asyncio.wait_for(left.wait(), 1)
    await client.close()
    await client.close()


def test_importing_the_client_does_not_import_openai() -> None:
    code = "import sys, codeagent_nb.models.openai.client; sys.exit('openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_client_is_a_chat_completion_client() -> None:
    client = OpenAIChatCompletionClient("m", api_key="k")
    assert isinstance(client, ChatCompletionClient)
    assert client.model_info == {
        "function_calling": True, "json_output": True, "structured_output": True, "family": "m",
    }  # fmt: skip


def sends(text: str, kind: str = "text/event-stream") -> Handler:
    """Answer with this very text."""

    async def handler(request: Request) -> None:
        body = text.encode("utf-8", "surrogatepass")
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
        request.writer.write(head.encode() + body)
        await request.writer.drain()

    return handler


def as_events(*events: object, end: str = "\n\n", ascii_only: bool = True) -> str:
    return (
        "".join(f"data: {json.dumps(event, ensure_ascii=ascii_only)}{end}" for event in events) + f"data: [DONE]{end}"
    )


ODD_STREAMS = {
    "ends of lines within the JSON": as_events(delta("a\u2028b\u2029c\x85d"), delta(finish="stop"), ascii_only=False),
    "a byte order mark": "\ufeff" + as_events(delta("a\u2028b\u2029c\x85d"), delta(finish="stop")),
    "carriage returns": as_events(delta("a\u2028b\u2029c\x85d"), delta(finish="stop"), end="\r\n\r\n"),
    "carriage returns alone": as_events(delta("a\u2028b\u2029c\x85d"), delta(finish="stop"), end="\r\r"),
    "no blank lines": as_events(delta("a\u2028b\u2029c\x85d"), delta(finish="stop"), end="\n"),
    "an event of several lines": (
        "event: chunk\nid: 1\n: a comment\n"
        + "".join(f"data: {line}\n" for line in json.dumps(delta("a\u2028b\u2029c\x85d"), indent=1).splitlines())
        + "\n"
        + as_events(delta(finish="stop"))
    ),
    "no stream at all": json.dumps(
        {"choices": [{"message": {"content": "a\u2028b\u2029c\x85d"}, "finish_reason": "stop"}]}
    ),
}


@pytest.mark.parametrize("stream", ODD_STREAMS)
async def test_a_stream_is_read_however_its_lines_end(server: Server, stream: str) -> None:
    server.handlers = [sends(ODD_STREAMS[stream])]
    chunks, result = await ask(client_of(server))
    assert result.content == "".join(chunks) == "a\u2028b\u2029c\x85d"


@pytest.mark.parametrize(
    "content", [[{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}], ["hel", "lo"], "hello"]
)
async def test_content_may_be_a_list_of_parts(server: Server, content: object) -> None:
    server.handlers = [streams({"choices": [{"delta": {"content": content}}]}, delta(finish="stop"))]
    assert (await ask(client_of(server)))[1].content == "hello"


async def test_a_character_cut_in_two_is_joined(server: Server) -> None:
    server.handlers = [streams(delta("a\ud83d"), delta("\ude00b"), delta("\ud83d"), delta(finish="stop"))]
    chunks, result = await ask(client_of(server))
    assert chunks == ["a", "\U0001f600b", "\ud83d"]
    assert result.content == "a\U0001f600b\ud83d"


async def test_an_empty_usage_at_the_end_takes_nothing_back(server: Server) -> None:
    events = (delta("x", usage=None), {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}})
    server.handlers = [streams(*events, delta(finish="stop"), {"choices": [], "usage": {}})]
    usage = (await ask(client_of(server)))[1].usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (3, 4)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('{"error": "Unexpected endpoint or method. (POST /chat/completions)"}', "Unexpected endpoint or method"),
        ('{"error": {"message": "no such route"}}', "no such route"),
        ("<html>Welcome to nginx</html>", "something else than a stream of events: '<html>Welcome"),
    ],
)
async def test_an_answer_that_is_no_stream_is_told_at_once_in_the_servers_words(
    server: Server, said: str, told: str
) -> None:
    server.handlers = [sends(said, "application/json")]
    with pytest.raises(ModelRefused, match=re.escape(told)):
        await ask(client_of(server))
    assert len(server.requests) == 1


async def test_an_empty_reply_is_tried_again_and_is_never_a_success(server: Server) -> None:
    server.handlers = [streams(delta(finish="stop")), HELLO]
    assert (await ask(client_of(server)))[1].content == "Hello"
    server.handlers = [streams(delta(finish="stop"))]
    with pytest.raises(ModelUnavailable, match="an empty reply came"):
        await ask(client_of(server, max_retries=2))


@pytest.mark.parametrize(
    "refusal",
    ["System role not supported", "Only user and assistant roles: system messages are not supported by gemma"],
)
async def test_a_model_without_a_system_role_reads_it_with_the_first_words_of_the_user(
    server: Server, refusal: str
) -> None:
    server.handlers = [fails(400, {"error": {"message": refusal}}), HELLO, HELLO]
    client = client_of(server)
    messages = [SystemMessage(content="Be brief."), UserMessage(content="Hi")]
    for _ in range(2):
        async for _item in client.create_stream(messages):
            pass
    await client.close()
    roles = [[message["role"] for message in request.body["messages"]] for request in server.requests]
    assert roles == [["system", "user"], ["user"], ["user"]]
    assert server.requests[-1].body["messages"][0]["content"] == "Be brief.\n\nHi"
