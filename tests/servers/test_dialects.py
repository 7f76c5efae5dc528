"""The client against small servers that speak as those do which people use; `docs/dialects.md` is made of the results.

Nothing here knows which server it talks to, and neither does the client: what a server refuses is met by reading
what it says.
"""

import inspect
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from codeagent_nb.errors import ModelError, ModelRefused, ModelUnavailable
from codeagent_nb.loop.decisions import RetryDecision, read_decision
from codeagent_nb.models.openai.client import Backoff, OpenAIChatCompletionClient
from codeagent_nb.models.types import CreateResult, RequestUsage, SystemMessage, UserMessage
from codeagent_nb.reply.run_policy import read_reply
from tests.servers.anthropic import Anthropic
from tests.servers.azure import Azure
from tests.servers.dialect import CODE, DECISION, KEY, MODEL, THOUGHTS, WORDS, Dialect
from tests.servers.gemini import Gemini
from tests.servers.http import Server, serving
from tests.servers.litellm import LiteLLM
from tests.servers.llama_cpp import LlamaCpp
from tests.servers.lm_studio import LMStudio
from tests.servers.ollama import Ollama
from tests.servers.openai import OpenAI
from tests.servers.tgi import TGI
from tests.servers.vllm import VLLM

DIALECTS = [OpenAI, Azure, Ollama, VLLM, LMStudio, LlamaCpp, TGI, Gemini, Anthropic, LiteLLM]
TABLE = Path(__file__).parents[2] / "docs" / "dialects.md"
INSTRUCTIONS = "Answer in French."


class Asking:
    """A client, and the server it asks."""

    def __init__(self, dialect: Dialect, server: Server) -> None:
        self.dialect, self.server = dialect, server
        self.chunks: list[str] = []

    def client(self, **settings: Any) -> OpenAIChatCompletionClient:
        given = {"model": MODEL, "api_key": KEY, "base_url": self.server.url + self.dialect.path, **settings}
        return OpenAIChatCompletionClient(**given, backoff=Backoff(first=0.0, longest=0.0), timeout=5.0)

    async def ask(self, wish: str, client: OpenAIChatCompletionClient | None = None, **extra: Any) -> CreateResult:
        client = client or self.client()
        messages = [SystemMessage(content=INSTRUCTIONS), UserMessage(content=wish)]
        self.chunks = []
        async with aclosing(client.create_stream(messages, **extra)) as stream:
            async for item in stream:
                if isinstance(item, CreateResult):
                    await client.close()
                    return item
                self.chunks.append(item)
        raise AssertionError("a stream without a result")


@asynccontextmanager
async def opened(kind: type[Dialect], case: str) -> AsyncIterator[Asking]:
    if case in kind.skips:
        pytest.skip(kind.skips[case])
    dialect = kind()
    async with serving(dialect.answer) as server:
        yield Asking(dialect, server)


@pytest.fixture(params=DIALECTS, ids=lambda kind: kind.name)
async def asking(request: pytest.FixtureRequest) -> AsyncGenerator[Asking, None]:
    case = request.function.__name__.removeprefix("test_").replace("_", " ")
    async with opened(request.param, case) as one:
        yield one


async def test_text(asking: Asking) -> None:
    result = await asking.ask("say hello")
    assert (asking.chunks, result.content, result.finish_reason) == ([*WORDS], "".join(WORDS), "stop")


async def test_tokens(asking: Asking) -> None:
    result = await asking.ask("say hello")
    assert result.usage == RequestUsage(prompt_tokens=7, completion_tokens=3)


async def test_reasoning(asking: Asking) -> None:
    result = await asking.ask("think before you say hello")
    reply = read_reply(result.content)  # some leave it in the text, between marks
    assert (reply.text, result.thought or reply.thought) == ("".join(WORDS), "".join(THOUGHTS))


async def test_system_message(asking: Asking) -> None:
    client = asking.client()
    for _ in range(2):
        await asking.ask("say hello", client)
    *_, before, last = asking.server.asked
    assert INSTRUCTIONS in last.body["messages"][0]["content"]
    assert before.roles == last.roles  # what a refusal taught is remembered


async def test_decision(asking: Asking) -> None:
    result = await asking.ask("decide", json_output=RetryDecision)
    assert read_decision(result.content) == RetryDecision(**DECISION)


async def test_arguments(asking: Asking) -> None:
    client = asking.client(temperature=0.2, max_tokens=100, top_k=20)
    for _ in range(2):
        assert (await asking.ask("say hello", client)).content == "".join(WORDS)
    sent = asking.server.asked[-1].body
    assert {sent.get("max_tokens"), sent.get("max_completion_tokens")} == {100, None}  # renamed, never lost
    assert asking.dialect.refuse_arguments(asking.server.asked[-2].body) is None  # the second reply took one request


async def test_call(asking: Asking) -> None:
    result = await asking.ask("call a tool")
    assert [block.code for block in read_reply(result.content, result.finish_reason).blocks] == [f"{CODE}\n"]


async def test_cut_off(asking: Asking) -> None:
    result = await asking.ask("write at length")
    assert (result.finish_reason, read_reply(result.content, result.finish_reason).blocks) == ("length", ())


async def test_wrong_key(asking: Asking) -> None:
    with pytest.raises(ModelRefused, match="OPENAI_API_KEY") as caught:
        await asking.ask("say hello", asking.client(api_key="sk-0123456789-wrong"))
    assert "0123456789" not in str(caught.value)
    assert len(asking.server.asked) == 1


async def test_wrong_model(asking: Asking) -> None:
    with pytest.raises(ModelRefused, match="model's name"):
        await asking.ask("say hello", asking.client(model="model-9"))
    assert len(asking.server.asked) == 1


async def test_wrong_path(asking: Asking) -> None:
    with pytest.raises(ModelRefused, match=r"address|base URL|OPENAI_BASE_URL"):
        await asking.ask("say hello", asking.client(base_url=f"{asking.server.url}/elsewhere"))
    assert len(asking.server.asked) == 1


async def test_too_long(asking: Asking) -> None:
    with pytest.raises(ModelError, match=r"reset the conversation|an empty reply came"):
        await asking.ask("a prompt that is too long")


async def test_busy(asking: Asking) -> None:
    assert (await asking.ask("say hello when you are not busy")).content == "".join(WORDS)


async def test_broken_stream(asking: Asking) -> None:
    said = re.search(r'"message": ?"([^"]{5,40})|"error": ?"([^"]{5,40})', asking.dialect.broken_event())
    assert said is not None
    with pytest.raises(ModelUnavailable, match=re.escape(said[1] or said[2])):
        await asking.ask("break down in mid-reply")


def test_the_table_in_the_documents_is_of_these_cases_and_dialects() -> None:
    """It is written by `make dialects`: run that after a change here."""
    cells = [line.split("|") for line in TABLE.read_text("utf-8").splitlines() if line.startswith("|")]
    assert [cell.strip() for cell in cells[0][2:-1]] == [kind.name for kind in DIALECTS]
    tests = [
        name for name, value in globals().items() if inspect.iscoroutinefunction(value) and name.startswith("test_")
    ]
    cases = [name.removeprefix("test_").replace("_", " ") for name in tests]
    assert [re.match(r" \*\*(.+?)\*\*", row[1])[1] for row in cells[2:]] == cases  # type: ignore[index]
