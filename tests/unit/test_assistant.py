"""`AssistantAgent`: what the model is told, what comes back, and what is remembered."""

import asyncio
import json
from typing import Any

import pytest

from codeagent_nb import (
    AgentError,
    AssistantAgent,
    BufferedChatCompletionContext,
    ChatAgent,
    CreateResult,
    ModelClientStreamingChunkEvent,
    ReplayChatCompletionClient,
    RequestUsage,
    Response,
    TaskResult,
    TextMessage,
    ThoughtEvent,
)
from codeagent_nb.errors import ModelUnavailable
from codeagent_nb.models.types import AssistantMessage, SystemMessage, UserMessage
from kernel_executor import CancellationToken

USAGE = RequestUsage(prompt_tokens=7, completion_tokens=2)


def model(*replies: Any, delay: float = 0) -> ReplayChatCompletionClient:
    return ReplayChatCompletionClient(replies, chunk_delay=delay)


def said(result: TaskResult) -> list[tuple[str, str, str]]:
    return [(message.type, message.source, message.content) for message in result.messages]


def user(text: str) -> TextMessage:
    return TextMessage(source="user", content=text)


async def test_a_task_and_its_answer() -> None:
    result = await AssistantAgent("helper", model(CreateResult(content="Paris.", usage=USAGE))).run(task="capital?")
    assert said(result) == [("TextMessage", "user", "capital?"), ("TextMessage", "helper", "Paris.")]
    assert result.messages[-1].models_usage == USAGE
    assert result.stop_reason is None


async def test_a_context_selects_what_the_model_is_sent_and_nothing_is_forgotten() -> None:
    client = model("one", "two", "three")
    agent = AssistantAgent("helper", client, model_context=BufferedChatCompletionContext(2))
    for task in ("first", "second", "third"):
        await agent.run(task=task)
    assert [message.content for message in client.create_calls[-1].messages[1:]] == ["two", "third"]
    assert len((await agent.save_state())["llm_context"]["messages"]) == 6


async def test_the_model_sees_who_said_what_and_what_it_said_itself() -> None:
    client = model("one", "two")
    agent = AssistantAgent("helper", client, system_message="Be brief.")
    await agent.run(task="first")
    await agent.run(task=[user("second"), TextMessage(source="bob", content="third")])
    assert client.create_calls[-1].messages == (
        SystemMessage(content="Be brief."),
        UserMessage(content="first", source="user"),
        AssistantMessage(content="one", source="helper"),
        UserMessage(content="second", source="user"),
        UserMessage(content="third", source="bob"),
    )


async def test_without_a_system_message_the_model_is_told_none() -> None:
    client = model("one")
    await AssistantAgent("helper", client, system_message=None).run(task="first")
    assert client.create_calls[0].messages == (UserMessage(content="first"),)


async def test_by_default_the_model_is_told_how_a_team_ends() -> None:
    client = model("one")
    await AssistantAgent("helper", model_client=client).run(task="first")
    system = client.create_calls[0].messages[0]
    assert isinstance(system, SystemMessage)
    assert "TERMINATE" in system.content


async def test_no_task_means_go_on() -> None:
    client = model("one", "two")
    agent = AssistantAgent("helper", client, system_message=None)
    await agent.run(task="first")
    result = await agent.run()
    assert said(result) == [("TextMessage", "helper", "two")]
    assert client.create_calls[-1].messages[-1] == AssistantMessage(content="one", source="helper")


@pytest.mark.parametrize(
    ("task", "complaint"), [("", "the task is empty"), ([], "the task is empty"), ([1], "a task is a text")]
)
async def test_a_task_that_says_nothing_is_refused(task: Any, complaint: str) -> None:
    client = model("one")
    with pytest.raises(ValueError, match=complaint):
        await AssistantAgent("helper", client).run(task=task)
    assert not client.create_calls


# Reasoning, pieces, replies that are cut off


@pytest.mark.parametrize(
    "reply",
    [CreateResult(content="Paris.", thought="Easy."), CreateResult(content="<think>Easy.</think>\n\nParis.")],
    ids=["apart", "between tags"],
)
async def test_reasoning_is_told_apart_from_the_answer(reply: CreateResult) -> None:
    client = model(reply, "x")
    agent = AssistantAgent("helper", client)
    response = await agent.on_messages([user("capital?")])
    assert response.chat_message.content == "Paris."
    assert [(event.type, event.content) for event in response.inner_messages] == [("ThoughtEvent", "Easy.")]
    await agent.run(task="sure?")
    assert AssistantMessage(content="Paris.", thought="Easy.", source="helper") in client.create_calls[1].messages


async def test_pieces_of_the_reply_are_streamed_on_request_and_not_kept() -> None:
    quiet = [item async for item in AssistantAgent("helper", model("one two")).run_stream(task="go")]
    streaming = AssistantAgent("helper", model("one two"), model_client_stream=True)
    items = [item async for item in streaming.run_stream(task="go")]
    pieces = [item for item in items if isinstance(item, ModelClientStreamingChunkEvent)]
    assert [piece.content for piece in pieces] == ["one ", "two"]
    assert [type(item) for item in items if item not in pieces] == [TextMessage, TextMessage, TaskResult]
    assert [type(item) for item in quiet] == [TextMessage, TextMessage, TaskResult]
    assert isinstance(items[-1], TaskResult)
    assert said(items[-1]) == [("TextMessage", "user", "go"), ("TextMessage", "helper", "one two")]


async def test_a_stream_of_an_answer_ends_with_the_response() -> None:
    agent = AssistantAgent("helper", model(CreateResult(content="yes", thought="hm")))
    items = [item async for item in agent.on_messages_stream([user("go")])]
    assert [type(item) for item in items] == [ThoughtEvent, Response]
    assert isinstance(items[-1], Response)
    assert items[-1].inner_messages == (items[0],)


async def test_a_reply_that_was_cut_off_says_so() -> None:
    replies = [CreateResult(content="```python\nrm", finish_reason="length"), CreateResult(content="whole")]
    agent = AssistantAgent("helper", model(*replies))
    assert (await agent.on_messages([user("go")])).chat_message.metadata == {"finish_reason": "length"}
    assert (await agent.on_messages([user("go")])).chat_message.metadata == {}


# What is remembered


async def test_a_failed_call_leaves_no_trace() -> None:
    client = model(ModelUnavailable("gone"), "one")
    agent = AssistantAgent("helper", client, system_message=None)
    with pytest.raises(ModelUnavailable, match="gone"):
        await agent.run(task="first")
    await agent.run(task="first")
    assert client.create_calls[-1].messages == (UserMessage(content="first"),)


async def test_a_reset_forgets_everything() -> None:
    client = model("one", "two")
    agent = AssistantAgent("helper", client, system_message=None)
    await agent.run(task="first")
    await agent.on_reset(CancellationToken())
    await agent.run(task="second")
    assert client.create_calls[-1].messages == (UserMessage(content="second"),)


async def test_a_saved_conversation_is_gone_on_with_by_another() -> None:
    first = AssistantAgent("helper", model(CreateResult(content="one", thought="hm")))
    await first.run(task="first")
    client = model("two")
    second = AssistantAgent("other", client, system_message=None)
    await second.load_state(json.loads(json.dumps(await first.save_state())))
    await second.run(task="second")
    assert client.create_calls[0].messages == (
        UserMessage(content="first"),
        AssistantMessage(content="one", thought="hm", source="helper"),
        UserMessage(content="second"),
    )


async def test_a_conversation_that_autogen_saved_is_gone_on_with() -> None:
    told = {"content": "go", "source": "user", "type": "UserMessage"}
    answered = {"content": "one", "thought": "hm", "source": "a", "type": "AssistantMessage"}
    saved = {"type": "AssistantAgentState", "version": "1.0.0", "llm_context": {"messages": [told, answered]}}
    agent = AssistantAgent("a", model())
    await agent.load_state(saved)
    assert await agent.save_state() == saved


async def test_a_state_of_something_else_is_refused_and_nothing_changes() -> None:
    agent = AssistantAgent("helper", model("one"))
    await agent.run(task="first")
    before = await agent.save_state()
    with pytest.raises(ValueError, match="llm_context"):
        await agent.load_state({"type": "AssistantAgentState", "version": "1.0.0"})
    assert await agent.save_state() == before


# Being stopped


async def start(agent: AssistantAgent, token: CancellationToken | None = None) -> "asyncio.Task[TaskResult]":
    run = asyncio.create_task(agent.run(task="go", cancellation_token=token))
    await asyncio.sleep(0.01)
    return run


async def test_the_token_stops_a_reply() -> None:
    token = CancellationToken()
    agent = AssistantAgent("helper", model("one two three", delay=60))
    run = await start(agent, token)
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(run, 1)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert (await agent.save_state())["llm_context"] == {"messages": []}


async def test_a_stream_that_is_closed_stops_the_reply() -> None:
    agent = AssistantAgent("helper", model("one two three", "four", delay=0.005), model_client_stream=True)
    stream = agent.on_messages_stream([user("go")])
    await anext(stream)
    await stream.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert (await agent.run(task="go")).messages[-1].content == "four"


async def test_two_tasks_at_once_are_refused() -> None:
    agent = AssistantAgent("helper", model("one", "two", delay=0.05))
    run = await start(agent)
    with pytest.raises(AgentError, match="agent 'helper' is already working on a task"):
        await agent.run(task="second")
    with pytest.raises(AgentError, match="is already working"):
        await agent.on_reset()
    assert (await run).messages[-1].content == "one"


def test_a_name_that_is_no_identifier_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a valid Python identifier"):
        AssistantAgent("my helper", model())


def test_it_can_take_part_in_a_team() -> None:
    agent = AssistantAgent("helper", model(), description="Helps.")
    assert isinstance(agent, ChatAgent)
    assert (agent.description, agent.produced_message_types) == ("Helps.", (TextMessage,))
