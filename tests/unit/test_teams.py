"""`RoundRobinGroupChat`: whose turn it is, who hears what, when it ends, and how it is stopped and gone on with."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import pytest

from codeagent_nb import (
    AgentError,
    AgentEvent,
    AssistantAgent,
    MaxMessageTermination,
    ModelClientStreamingChunkEvent,
    ReplayChatCompletionClient,
    Response,
    RoundRobinGroupChat,
    TaskResult,
    TerminationCondition,
    TextMentionTermination,
    TextMessage,
    TextMessageTermination,
    ThoughtEvent,
    extract_code_blocks,
)
from codeagent_nb.errors import ModelUnavailable
from codeagent_nb.events import ContextEvent
from kernel_executor import CancellationToken, CodeBlock, CodeExecutor
from kernel_executor.replay import ReplayCodeExecutor


class Speaker:
    """A small participant: thinks, then says its name and how many turns it has had."""

    description = "speaks"
    produced_message_types = (TextMessage,)

    def __init__(self, name: str, *, works: float = 0, fails_at: int = 0) -> None:
        self.name = name
        self.heard: list[list[str]] = []
        self.tokens: list[CancellationToken] = []
        self.ends: list[str] = []
        self._works = works
        self._fails_at = fails_at

    async def on_messages(self, messages: Sequence[TextMessage], cancellation_token: CancellationToken) -> Response:
        raise NotImplementedError("a team streams")

    async def on_messages_stream(
        self, messages: Sequence[TextMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[AgentEvent | Response, None]:
        self.heard.append([message.content for message in messages])
        self.tokens.append(cancellation_token)
        if len(self.heard) == self._fails_at:
            raise ModelUnavailable("gone")
        thought = ThoughtEvent(source=self.name, content="say END?")
        ours = ContextEvent(source=self.name, content="AutoGen has no such event")
        yield thought
        yield ours
        try:
            await asyncio.sleep(self._works)
        except asyncio.CancelledError:
            self.ends.append("cancelled")
            raise
        self._works = 0
        said = TextMessage(source=self.name, content=f"{self.name}{len(self.heard)}")
        yield Response(chat_message=said, inner_messages=(thought, ours))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        self.heard = []
        self.tokens.append(cancellation_token)


class Runner:
    """A small participant with an executor: runs the code it is told, as a code executor agent does."""

    description = "runs code"
    produced_message_types = (TextMessage,)

    def __init__(self, name: str, executor: CodeExecutor) -> None:
        self.name = name
        self._executor = executor

    async def on_messages(self, messages: Sequence[TextMessage], cancellation_token: CancellationToken) -> Response:
        blocks = [block for message in messages for block in extract_code_blocks(message.content)]
        result = await self._executor.execute_code_blocks(blocks, cancellation_token)
        return Response(chat_message=TextMessage(source=self.name, content=result.output))

    async def on_messages_stream(
        self, messages: Sequence[TextMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[AgentEvent | Response, None]:
        yield await self.on_messages(messages, cancellation_token)

    async def on_reset(self, *_: CancellationToken) -> None:
        await self._executor.restart()


def coder(*replies: Any, delay: float = 0, **settings: Any) -> AssistantAgent:
    return AssistantAgent("coder", ReplayChatCompletionClient(replies, chunk_delay=delay), **settings)


def words(result: TaskResult) -> list[str]:
    return [message.content for message in result.messages if isinstance(message, TextMessage)]


def team(*speakers: Speaker, **settings: Any) -> RoundRobinGroupChat:
    return RoundRobinGroupChat(list(speakers), **settings)


# AutoGen's example


async def test_a_coder_and_an_executor_solve_a_task_together() -> None:
    executor = ReplayCodeExecutor(["1\n"])
    coder_agent = coder("```python\nprint(1)\n```", "It printed 1. TERMINATE")
    groupchat = RoundRobinGroupChat(
        participants=[coder_agent, Runner("code_executor_agent", executor)],
        termination_condition=MaxMessageTermination(10) | TextMentionTermination("TERMINATE"),
    )
    result = await groupchat.run(task="print one")
    assert [(message.source, message.content) for message in result.messages] == [
        ("user", "print one"),
        ("coder", "```python\nprint(1)\n```"),
        ("code_executor_agent", "1"),
        ("coder", "It printed 1. TERMINATE"),
    ]
    assert result.stop_reason == "Text 'TERMINATE' mentioned"
    assert executor.executed == [CodeBlock("print(1)\n", "python")]


# Who speaks, who hears what


async def test_each_hears_once_what_the_others_said_since_its_last_turn() -> None:
    a, b, c = Speaker("a"), Speaker("b"), Speaker("c")
    result = await team(a, b, c, max_turns=5).run(task="go")
    assert words(result) == ["go", "a1", "b1", "c1", "a2", "b2"]
    assert a.heard == [["go"], ["b1", "c1"]]
    assert b.heard == [["go", "a1"], ["c1", "a2"]]
    assert c.heard == [["go", "a1", "b1"]]


async def test_the_next_run_goes_on_with_the_next_speaker() -> None:
    a, b = Speaker("a"), Speaker("b")
    chat = team(a, b, termination_condition=MaxMessageTermination(4))
    assert words(await chat.run(task="go")) == ["go", "a1", "b1", "a2"]
    assert words(await chat.run()) == ["b2", "a3", "b3", "a4"]
    assert words(await chat.run(task="more")) == ["more", "b4", "a5", "b5"]
    assert b.heard[3] == ["a4", "more"]
    assert a.heard[-1] == ["more", "b4"]


async def test_a_stream_tells_the_task_everything_that_happens_and_the_result_last() -> None:
    tasks = [TextMessage(source="user", content="x"), TextMessage(source="bob", content="y")]
    *events, result = [item async for item in team(Speaker("a"), max_turns=1).run_stream(task=tasks)]
    assert isinstance(result, TaskResult)
    assert [event.type for event in events] == [
        *("TextMessage", "TextMessage", "ThoughtEvent", "ContextEvent"),
        "TextMessage",
    ]
    assert events[:2] == tasks
    assert result.messages == tuple(events)


async def test_pieces_of_replies_are_streamed_and_not_kept() -> None:
    chat = RoundRobinGroupChat([coder("one two", model_client_stream=True)], max_turns=1)
    *events, result = [item async for item in chat.run_stream(task="go")]
    pieces = [event.content for event in events if isinstance(event, ModelClientStreamingChunkEvent)]
    assert pieces == ["one ", "two"]
    assert isinstance(result, TaskResult)
    assert [message.type for message in result.messages] == ["TextMessage", "TextMessage"]


async def test_one_alone_talks_to_itself() -> None:
    a = Speaker("a")
    assert words(await team(a, max_turns=2).run(task="go")) == ["go", "a1", "a2"]
    assert a.heard == [["go"], []]


# When it ends


@pytest.mark.parametrize(
    ("condition", "said", "reason"),
    [
        (
            MaxMessageTermination(3),
            ["go", "a1", "b1"],
            "Maximum number of messages 3 reached, current message count: 3",
        ),
        (
            MaxMessageTermination(4, include_agent_event=True),  # the thoughts count, what only we tell does not
            ["go", "a1", "b1"],
            "Maximum number of messages 4 reached, current message count: 5",
        ),
        (TextMentionTermination("END") | TextMentionTermination("a2"), ["go", "a1", "b1", "a2"], "Text 'a2' mentioned"),
        (TextMentionTermination("go"), ["go"], "Text 'go' mentioned"),
        (TextMessageTermination("b"), ["go", "a1", "b1"], "Text message received from 'b'"),
        (TextMessageTermination(), ["go"], "Text message received from 'user'"),
        (MaxMessageTermination(9), ["go", "a1", "b1", "a2", "b2", "a3"], "Maximum number of turns 5 reached."),
    ],
)
async def test_it_ends_for_a_reason(condition: TerminationCondition, said: list[str], reason: str) -> None:
    chat = team(Speaker("a"), Speaker("b"), termination_condition=condition, max_turns=5)
    result = await chat.run(task="go")
    assert words(result) == said
    assert result.stop_reason == reason


async def test_every_run_has_all_its_turns_and_messages() -> None:
    chat = team(Speaker("a"), termination_condition=MaxMessageTermination(3), max_turns=2)
    assert (await chat.run(task="go")).stop_reason == "Maximum number of messages 3 reached, current message count: 3"
    for _ in range(2):
        result = await chat.run()
        assert (len(words(result)), result.stop_reason) == (2, "Maximum number of turns 2 reached.")


async def test_a_condition_that_was_met_elsewhere_starts_anew() -> None:
    condition = MaxMessageTermination(2)
    await condition([TextMessage(source="x", content="1"), TextMessage(source="x", content="2")])
    assert words(await team(Speaker("a"), termination_condition=condition).run(task="go")) == ["go", "a1"]


# How it is stopped


async def begin(chat: RoundRobinGroupChat, token: CancellationToken | None = None) -> "asyncio.Task[TaskResult]":
    run = asyncio.create_task(chat.run(task="go", cancellation_token=token))
    await asyncio.sleep(0.01)
    return run


@pytest.mark.parametrize("way", ["token", "task"])
async def test_cancelling_stops_whoever_speaks_and_leaves_nothing_running(way: str) -> None:
    slow, token = Speaker("a", works=60), CancellationToken()
    run = await begin(team(slow, Speaker("b"), max_turns=2), token)
    (token if way == "token" else run).cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(run, 1)
    assert slow.ends == ["cancelled"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_closing_the_stream_stops_whoever_speaks() -> None:
    slow = Speaker("a", works=60)
    stream = team(slow, max_turns=1).run_stream(task="go")
    while not isinstance(await anext(stream), ThoughtEvent):
        pass
    await stream.aclose()
    assert slow.ends == ["cancelled"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_cancelling_stops_the_code_that_runs() -> None:
    executor, token = ReplayCodeExecutor(["1\n"], delay=60), CancellationToken()
    chat = RoundRobinGroupChat([coder("```python\nprint(1)\n```"), Runner("runner", executor)], max_turns=2)
    run = await begin(chat, token)
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(run, 1)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not executor.executed


async def test_a_token_that_is_cancelled_already_lets_nobody_speak() -> None:
    a, token = Speaker("a"), CancellationToken()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await team(a, max_turns=1).run(task="go", cancellation_token=token)
    assert not a.heard


async def test_participants_are_given_the_token_or_one_of_their_own() -> None:
    a, token = Speaker("a"), CancellationToken()
    chat = team(a, max_turns=1)
    await chat.run(task="go", cancellation_token=token)
    await chat.run()
    await chat.reset()
    assert a.tokens[0] is token
    assert all(isinstance(given, CancellationToken) and given is not token for given in a.tokens[1:])


async def test_participants_that_wait_for_nothing_can_be_stopped() -> None:
    run = await begin(team(Speaker("a"), Speaker("b")))
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(run, 1)


async def test_whoever_was_interrupted_has_its_turn_in_the_next_run() -> None:
    a, slow = Speaker("a"), Speaker("b", works=60)
    chat = team(a, slow, termination_condition=MaxMessageTermination(4), max_turns=2)
    run = await begin(chat)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    slow._works = 0
    result = await chat.run()
    assert words(result) == ["b2", "a2"]
    assert result.stop_reason == "Maximum number of turns 2 reached."
    assert slow.heard == [["go", "a1"], ["go", "a1"]]
    assert a.heard == [["go"], ["b2"]]


async def test_a_failure_of_a_participant_is_the_teams_as_it_is() -> None:
    a, b = Speaker("a"), Speaker("b", fails_at=1)
    chat = team(a, b, max_turns=2)
    with pytest.raises(ModelUnavailable, match="gone"):
        await chat.run(task="go")
    assert words(await chat.run()) == ["b2", "a2"]


async def test_a_participant_without_a_response_is_named() -> None:
    class Silent(Speaker):
        async def on_messages_stream(self, *_: Any) -> AsyncGenerator[AgentEvent | Response, None]:
            yield ThoughtEvent(source=self.name, content="...")

    with pytest.raises(AgentError, match="agent 'shy' gave no Response"):
        await team(Silent("shy")).run(task="go")


async def test_two_runs_at_once_are_refused_and_the_first_goes_on() -> None:
    chat = team(Speaker("a", works=0.05), max_turns=1, name="crew")
    run = await begin(chat)
    with pytest.raises(AgentError, match="team 'crew' is already working on a task"):
        await chat.run(task="second")
    with pytest.raises(AgentError, match="is already working"):
        await chat.reset()
    with pytest.raises(AgentError, match="is already working"):
        await chat.save_state()
    assert words(await run) == ["go", "a1"]


# What is remembered


async def test_a_reset_makes_it_new() -> None:
    a, b = Speaker("a"), Speaker("b")
    chat = team(a, b, max_turns=1)
    await chat.run(task="go")
    await chat.reset()
    assert words(await chat.run(task="again")) == ["again", "a1"]
    assert words(await chat.run()) == ["b1"]
    assert b.heard == [["again", "a1"]]


async def test_a_saved_team_is_gone_on_with_by_another() -> None:
    def two(*replies: str) -> tuple[ReplayChatCompletionClient, RoundRobinGroupChat, Speaker]:
        client, b = ReplayChatCompletionClient(replies), Speaker("b")
        agent = AssistantAgent("coder", client, system_message=None)
        return client, RoundRobinGroupChat([agent, b], max_turns=1), b

    _, first, _ = two("one")
    await first.run(task="go")
    client, second, b = two("two")
    await second.load_state(json.loads(json.dumps(await first.save_state())))
    assert words(await second.run()) == ["b1"]
    assert b.heard == [["go", "one"]]
    assert words(await second.run()) == ["two"]
    assert [message.content for message in client.create_calls[0].messages] == ["go", "one", "b1"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"agent_states": {"a": {}, "x": {}}}, r"a team of \['a', 'x'\], this is one of \['a', 'b'\]"),
        ({"next_speaker_index": 2}, "the state is of a team"),
        ({"version": "2.0.0"}, "version"),
        ({"agent_states": {"a": {"agent_state": {"secret": 1}}, "b": {}}}, "agent 'a' has no load_state"),
    ],
)
async def test_a_state_that_does_not_fit_is_refused(change: Mapping[str, Any], complaint: str) -> None:
    chat = team(Speaker("a"), Speaker("b"), max_turns=1)
    await chat.run(task="go")
    state = await chat.save_state()
    with pytest.raises(ValueError, match=complaint):
        await chat.load_state({**state, **change})
    assert await chat.save_state() == state


@pytest.mark.parametrize(
    ("speakers", "settings", "complaint"),
    [
        ([], {}, "At least one participant is required."),
        ([Speaker("a"), Speaker("a")], {}, "The participant names must be unique."),
        ([Speaker("a")], {"max_turns": 0}, "The maximum number of turns must be greater than 0."),
    ],
)
def test_impossible_teams_are_refused(speakers: list[Speaker], settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        team(*speakers, **settings)


def test_a_team_has_a_name_and_a_description() -> None:
    assert team(Speaker("a")).name == "RoundRobinGroupChat"
    assert team(Speaker("a"), name="crew", description="works").description == "works"
