"""The embedded model for real: it answers, repeats itself, keeps to a schema, and never outlives its parent."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from importlib.util import find_spec
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import BaseModel

from codeagent_nb.errors import ModelRefused, ModelUnavailable, WeightsError
from codeagent_nb.models.embedded import weights
from codeagent_nb.models.embedded.client import LocalChatCompletionClient
from codeagent_nb.models.embedded.server_process import child_environment
from codeagent_nb.models.types import CreateResult, SystemMessage, UserMessage


def _missing() -> str:
    if find_spec("xllamacpp") is None:
        return "xllamacpp is not installed: pip install 'codeagent-nb[local]'"
    try:
        return "" if weights.find(os.environ) else "no weights here: run `codeagent-nb model fetch`"
    except WeightsError as error:
        return str(error)


ALONE = 10.0
"""Seconds that a server stays when its last client has gone."""

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(bool(_missing()), reason=_missing()),
    pytest.mark.asyncio(loop_scope="module"),
]


class Verdict(BaseModel):
    reason: str
    retry: bool


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncGenerator[LocalChatCompletionClient, None]:
    client = LocalChatCompletionClient(context_size=2048, max_tokens=64)
    yield client
    await client.close()


async def ask(
    client: LocalChatCompletionClient, text: str, shape: type[BaseModel] | None = None
) -> tuple[list[str], CreateResult]:
    prompt = [SystemMessage(content="You are terse."), UserMessage(content=text)]
    items = [item async for item in client.create_stream(prompt, json_output=shape)]
    assert isinstance(items[-1], CreateResult)
    return [item for item in items if isinstance(item, str)], items[-1]


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return False


def children() -> set[int]:
    listings = Path("/proc/self/task").glob("*/children")
    return {int(child) for listing in listings for child in listing.read_text("utf-8").split()}


def is_server(pid: int) -> bool:
    return b"embedded/server/main.py" in Path(f"/proc/{pid}/cmdline").read_bytes()


async def ends(pid: int) -> bool:
    """Wait until a server has ended, as it does when it has been alone for a while."""
    deadline = time.monotonic() + ALONE + 5
    while is_running(pid) and time.monotonic() < deadline:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.05)
    return not is_running(pid)


async def test_answers_in_a_stream_with_usage(model: LocalChatCompletionClient) -> None:
    chunks, result = await ask(model, "Name the capitals of France and of Italy.")
    assert "Paris" in result.content
    assert "Rome" in result.content
    assert "".join(chunks) == result.content
    assert result.finish_reason == "stop"
    assert result.usage.prompt_tokens > 10
    assert len(chunks) > 1


async def test_gives_the_same_reply_again(model: LocalChatCompletionClient) -> None:
    replies = [(await ask(model, "Write a Python function that adds two numbers."))[1] for _ in range(3)]
    assert replies[0].content == replies[1].content == replies[2].content


async def test_calls_at_once_are_queued_on_one_server(model: LocalChatCompletionClient) -> None:
    (_, first), (_, second) = await asyncio.gather(ask(model, "Say hello."), ask(model, "Say goodbye."))
    assert "hello" in first.content.lower()
    assert "goodbye" in second.content.lower()
    assert model.pid in filter(is_server, children())


async def test_keeps_to_a_schema(model: LocalChatCompletionClient) -> None:
    _, result = await ask(model, "It failed with NameError. Retry? Give a very short reason.", Verdict)
    assert Verdict.model_validate_json(result.content).reason


async def test_a_prompt_too_long_is_refused_with_advice(model: LocalChatCompletionClient) -> None:
    with pytest.raises(ModelRefused, match="reset the conversation"):
        await ask(model, "word " * 3000)


async def test_a_cut_reply_says_so(model: LocalChatCompletionClient) -> None:
    _, result = await ask(model, "Count from 1 to 1000.")
    assert result.finish_reason == "length"


async def test_a_killed_server_is_told_and_started_again(model: LocalChatCompletionClient) -> None:
    call = asyncio.create_task(ask(model, "Count from 1 to 1000."))
    await asyncio.sleep(0.5)
    assert model.pid is not None
    os.kill(model.pid, signal.SIGKILL)
    with pytest.raises(ModelUnavailable, match="ended with code -9"):
        await call
    assert (await ask(model, "Hi."))[1].content


async def test_nothing_is_left_after_close() -> None:
    client = LocalChatCompletionClient(context_size=512, max_tokens=4)
    await ask(client, "Hi.")
    pid = client.pid
    assert pid is not None
    await client.close()
    await client.close()
    assert client.pid is None
    assert await ends(pid)


async def test_a_cancelled_start_leaves_no_child() -> None:
    client = LocalChatCompletionClient(context_size=1024)
    earlier = set(filter(is_server, children()))
    call = asyncio.create_task(ask(client, "Hi."))
    await asyncio.sleep(0.5)
    (pid,) = set(filter(is_server, children())) - earlier
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not is_running(pid)
    await client.close()


async def test_a_file_that_only_looks_right_tells_the_last_lines(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"x" * 1000)
    client = LocalChatCompletionClient(broken)
    with pytest.raises(ModelUnavailable, match=r"(?s)did not start.*code 1\. Its last lines:\n.*Server"):
        await ask(client, "Hi.")
    await client.close()


PARENT = """
import asyncio, sys
from codeagent_nb.models.embedded.client import LocalChatCompletionClient
from codeagent_nb.models.types import UserMessage

async def main():
    client = LocalChatCompletionClient(context_size=512, max_tokens=4)
    async for _ in client.create_stream([UserMessage(content="Hi.")]):
        pass
    print(client.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def start_server_and_kill_its_parent() -> int:
    """Return the process id of a server that runs, and whose parent does not."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
    return pid


async def test_the_server_ends_with_a_killed_parent() -> None:
    assert await ends(await asyncio.to_thread(start_server_and_kill_its_parent))


LONG = "You are terse. " + "The quick brown fox jumps over the lazy dog. " * 20


async def cached(client: LocalChatCompletionClient, text: str) -> int:
    """Return how many tokens of a prompt the model's server had in a cache, as it says itself."""
    server = client._running  # what the server says beside the text is not for users
    assert server is not None
    answer = await server.client._open_sdk().chat.completions.create(
        model="any", messages=[{"role": "user", "content": text}], max_tokens=1
    )
    assert answer.usage is not None
    assert answer.usage.prompt_tokens_details is not None
    return answer.usage.prompt_tokens_details.cached_tokens or 0


async def test_two_clients_have_one_server_and_nothing_of_each_other_in_its_cache() -> None:
    clients = [LocalChatCompletionClient(context_size=512, max_tokens=4) for _ in range(3)]
    for client in clients:
        await ask(client, "Hi.")
    assert len({client.pid for client in clients}) == 1
    first, second, third = clients
    assert await cached(first, LONG) == 0
    assert await cached(first, LONG) > 150
    assert await cached(second, LONG) == 0
    assert await cached(third, LONG) == 0, "there are two slots: this is one of the others'"
    assert await cached(second, LONG) > 150
    assert await cached(first, LONG) == 0
    for client in clients:
        await client.close()


async def test_the_server_gets_no_keys_and_shows_none(model: LocalChatCompletionClient) -> None:
    kept = child_environment({"PATH": "/bin", "OPENAI_API_KEY": "k", "HF_TOKEN": "t", "LC_ALL": "C"})
    assert kept == {"PATH": "/bin", "LC_ALL": "C"}
    await ask(model, "Hi.")
    command = Path(f"/proc/{model.pid}/cmdline").read_bytes().split(b"\0")
    assert [Path(part.decode()).name for part in command if part][1:] == ["-I", "main.py"]
