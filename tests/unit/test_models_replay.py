"""The replay client: exact texts, recorded calls, and a script that must fit the calls."""

import asyncio
import time

import pytest
from pydantic import BaseModel

from codeagent_nb.errors import ModelUnavailable, ReplayScriptError
from codeagent_nb.models.replay import ReplayChatCompletionClient
from codeagent_nb.models.types import ChatCompletionClient, CreateResult, RequestUsage, UserMessage

ASK = [UserMessage(content="print one please")]


async def ask(client: ReplayChatCompletionClient) -> list[str | CreateResult]:
    return [item async for item in client.create_stream(ASK)]


@pytest.mark.parametrize("text", ["one two", "  a\n\n\tb  ", "```python\nprint(1)\n```", "", " ", "é\r\nü"])
async def test_chunks_join_to_the_exact_text(text: str) -> None:
    *chunks, result = await ask(ReplayChatCompletionClient([text]))
    assert "".join(str(chunk) for chunk in chunks) == text
    assert isinstance(result, CreateResult)
    assert result.content == text


async def test_chunks_are_words_and_usage_counts_them() -> None:
    *chunks, result = await ask(ReplayChatCompletionClient(["It printed 1."]))
    assert chunks == ["It ", "printed ", "1."]
    assert isinstance(result, CreateResult)
    assert result.usage == RequestUsage(prompt_tokens=3, completion_tokens=3)


async def test_a_result_is_given_as_it_is() -> None:
    scripted = CreateResult(content="cut o", finish_reason="length", thought="hm")
    assert await ask(ReplayChatCompletionClient([scripted])) == ["cut ", "o", scripted]


async def test_an_exception_is_raised_at_its_call_and_the_script_goes_on() -> None:
    client = ReplayChatCompletionClient([ModelUnavailable("gone"), "back"])
    with pytest.raises(ModelUnavailable, match="gone"):
        await ask(client)
    assert (await ask(client))[0] == "back"
    client.assert_exhausted()


async def test_every_call_is_recorded() -> None:
    class Shape(BaseModel):
        x: int

    client = ReplayChatCompletionClient(['{"x": 1}'])
    async for _ in client.create_stream(ASK, json_output=Shape, extra_create_args={"seed": 1}):
        pass
    (call,) = client.create_calls
    assert (call.messages, call.json_output, call.extra_create_args) == (tuple(ASK), Shape, {"seed": 1})


async def test_a_call_too_many_names_its_number_and_the_last_message() -> None:
    client = ReplayChatCompletionClient(["only one"])
    await ask(client)
    with pytest.raises(ReplayScriptError, match=r"Call 2 .* has 1\. Last message: 'print one please'"):
        await ask(client)


async def test_replies_left_over_are_named() -> None:
    client = ReplayChatCompletionClient(["a", "b", "c"])
    await ask(client)
    with pytest.raises(ReplayScriptError, match=r"2 of 3 .* 'b'"):
        client.assert_exhausted()


async def test_chunks_can_be_slow_and_cancelled() -> None:
    client = ReplayChatCompletionClient(["a b c d"], chunk_delay=0.02)
    begin = time.monotonic()
    await ask(client)
    assert time.monotonic() - begin >= 0.08
    slow = asyncio.create_task(ask(ReplayChatCompletionClient(["a"], chunk_delay=60)))
    await asyncio.sleep(0)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow


async def test_it_is_a_chat_completion_client_that_can_be_closed_twice() -> None:
    client = ReplayChatCompletionClient([])
    assert isinstance(client, ChatCompletionClient)
    assert client.model_info["structured_output"]
    assert client.model_info["json_output"]
    await client.close()
    await client.close()
