"""Contexts: how much of a conversation is sent, and what is never taken apart or left out."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from codeagent_nb import CodeExecutorAgent, ReplayChatCompletionClient
from codeagent_nb.events import AgentEvent, CodeExecutionEvent, ModelReplyEvent, RetryDecisionEvent, TextMessage
from codeagent_nb.log.event_log import EventLog
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.models.types import (
    CODE_RUNNER,
    AssistantMessage,
    Image,
    LLMMessage,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from codeagent_nb.prompt.contexts import (
    BufferedChatCompletionContext,
    ChatCompletionContext,
    HeadAndTailChatCompletionContext,
    TokenLimitedChatCompletionContext,
    UnboundedChatCompletionContext,
    estimate_tokens,
    units_of,
)
from codeagent_nb.prompt.model_context import ModelContext
from codeagent_nb.prompt.transcript import prompt
from kernel_executor import CodeResult
from kernel_executor.replay import ReplayCodeExecutor


def user(text: str, source: str = "user") -> UserMessage:
    return UserMessage(content=text, source=source)


def reply(text: str) -> AssistantMessage:
    return AssistantMessage(content=text)


def code(text: str) -> AssistantMessage:
    return AssistantMessage(content=f"```python\n{text}\n```")


def gave(text: str) -> UserMessage:
    return UserMessage(content=text, source=CODE_RUNNER)


def texts(messages: Sequence[LLMMessage]) -> list[str]:
    return [message.content.removeprefix("```python\n").removesuffix("\n```") for message in messages]


TWO_RUNS = [user("t1"), code("x"), gave("out1"), reply("r1"), user("t2"), code("y"), gave("out2")]
WORDS = [user("u1"), reply("a1"), user("u2"), reply("a2"), user("u3")]


def buffered(size: int) -> BufferedChatCompletionContext:
    return BufferedChatCompletionContext(buffer_size=size)


def head_and_tail(head: int, tail: int) -> HeadAndTailChatCompletionContext:
    return HeadAndTailChatCompletionContext(head_size=head, tail_size=tail)


def limited(tokens: int) -> TokenLimitedChatCompletionContext:
    return TokenLimitedChatCompletionContext(token_limit=tokens)


# What AutoGen 0.7.5 selects, too: its own was run on these conversations.


@pytest.mark.parametrize(
    ("context", "conversation", "selected"),
    [
        *((buffered(size), WORDS, texts(WORDS)[-size:]) for size in range(1, 7)),
        (buffered(3), TWO_RUNS, ["t2", "y", "out2"]),
        (buffered(4), TWO_RUNS, ["r1", "t2", "y", "out2"]),
        (buffered(7), TWO_RUNS, texts(TWO_RUNS)),
        (head_and_tail(1, 2), WORDS, ["u1", "Skipped 2 messages.", "a2", "u3"]),
        (head_and_tail(1, 4), WORDS, texts(WORDS)),
        (UnboundedChatCompletionContext(), TWO_RUNS, texts(TWO_RUNS)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_conversation_is_cut_as_autogen_cuts_it(
    context: ChatCompletionContext, conversation: list[LLMMessage], selected: list[str]
) -> None:
    assert texts(context.select(conversation)) == selected


# Where AutoGen takes a result from its code, or leaves out the task.


@pytest.mark.parametrize(
    ("context", "selected"),
    [
        (buffered(1), ["t2", "y", "out2"]),  # AutoGen: out2
        (buffered(2), ["t2", "y", "out2"]),  # AutoGen: y, out2
        (buffered(5), ["r1", "t2", "y", "out2"]),  # AutoGen: out1 without x
        (head_and_tail(1, 1), ["t1", "Skipped 3 messages.", "t2", "y", "out2"]),  # AutoGen: t1, note, out2
        (head_and_tail(2, 2), ["t1", "Skipped 3 messages.", "t2", "y", "out2"]),  # AutoGen: x without out1
        (head_and_tail(3, 1), ["t1", "x", "out1", "Skipped 1 messages.", "t2", "y", "out2"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_result_stays_with_its_code_and_the_task_stays(context: ChatCompletionContext, selected: list[str]) -> None:
    assert texts(context.select(TWO_RUNS)) == selected


def test_what_does_not_fit_leaves_from_the_middle() -> None:
    whole = estimate_tokens(TWO_RUNS)
    assert texts(limited(whole).select(TWO_RUNS)) == texts(TWO_RUNS)
    assert texts(limited(whole - 1).select(TWO_RUNS)) == ["t1", "r1", "t2", "y", "out2"]
    assert texts(limited(1).select(TWO_RUNS)) == ["t2", "y", "out2"]


def test_what_another_agent_says_of_code_stays_with_it() -> None:
    conversation = [user("t"), code("x"), user("it printed 1", "runner"), code("y"), user("no", "critic"), user("go")]
    assert [len(unit) for unit in units_of(conversation)] == [1, 2, 2, 1]


def test_all_that_was_said_since_the_last_reply_is_the_task() -> None:
    conversation = [reply("hello"), user("a"), user("b", "bob"), code("x"), gave("1"), code("y"), gave("2")]
    assert texts(buffered(1).select(conversation)) == ["a", "b", "y", "2"]


def test_a_task_that_answers_code_stays_too() -> None:
    conversation = [user("t"), code("x"), user("wrong", "critic"), code("y"), gave("1"), code("z"), gave("2")]
    assert texts(buffered(1).select(conversation)) == ["x", "wrong", "z", "2"]


words = st.sampled_from(["", "a", "some words", "ü" * 300])
turns = st.lists(
    st.one_of(
        st.builds(user, words, st.sampled_from(["user", "critic"])),
        st.builds(reply, words),
        st.builds(code, words),
        st.builds(gave, words),
        st.builds(lambda text: SystemMessage(content=text), words),
    ),
    max_size=14,
)


def numbered(messages: list[LLMMessage]) -> list[LLMMessage]:
    """Make every message one of its kind."""
    return [m.model_copy(update={"content": f"{number} {m.content}"}) for number, m in enumerate(messages)]


conversations = turns.map(numbered)
sizes = st.integers(1, 9)
contexts = st.one_of(
    st.builds(buffered, sizes), st.builds(head_and_tail, sizes, sizes), st.builds(limited, st.integers(1, 500))
)


@given(conversations, contexts)
def test_what_is_kept_stands_as_it_was_said(conversation: list[LLMMessage], context: ChatCompletionContext) -> None:
    kept = [message for message in context.select(conversation) if not message.content.startswith("Skipped")]
    assert kept == [message for message in conversation if message in kept]


@given(conversations, contexts)
def test_no_result_is_taken_from_its_code(conversation: list[LLMMessage], context: ChatCompletionContext) -> None:
    kept = context.select(conversation)
    for before, after in pairwise(conversation):
        if isinstance(after, UserMessage) and after.source == CODE_RUNNER:
            assert (before in kept) == (after in kept)


@given(conversations, contexts)
def test_system_messages_the_task_and_the_newest_are_kept(
    conversation: list[LLMMessage], context: ChatCompletionContext
) -> None:
    kept = context.select(conversation)
    assert all(message in kept for message in conversation if isinstance(message, SystemMessage))
    assert conversation[-1:] == list(kept[-1:])
    said = [m for m in conversation if isinstance(m, UserMessage) and m.source != CODE_RUNNER]
    assert all(message in kept for message in said[-1:])


@given(conversations, contexts)
def test_a_selection_depends_on_the_conversation_only(
    conversation: list[LLMMessage], context: ChatCompletionContext
) -> None:
    before = list(conversation)
    assert context.select(conversation) == context.select(conversation)
    assert conversation == before


@given(conversations, st.integers(1, 500))
def test_the_token_limit_is_kept_but_for_what_must_stay(conversation: list[LLMMessage], limit: int) -> None:
    kept = limited(limit).select(conversation)
    assert estimate_tokens(kept) <= limit or list(kept) == list(limited(1).select(conversation))


# Counting


class Counter:
    """Counts words, as AutoGen's replay client does."""

    def __init__(self, window: int = 0) -> None:
        self.window = window

    def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        return sum(len(message.content.split()) for message in messages)

    def remaining_tokens(self, messages: Sequence[LLMMessage]) -> int:
        return self.window - self.count_tokens(messages)


LONG = [user("task " * 9), reply("answer " * 9), user("more " * 9), reply("answer " * 9), user("most " * 9)]


def test_a_client_that_can_count_is_asked() -> None:
    assert len(TokenLimitedChatCompletionContext(Counter(), token_limit=45).select(LONG)) == 5
    assert len(TokenLimitedChatCompletionContext(Counter(), token_limit=44).select(LONG)) == 4


def test_without_a_limit_the_client_is_asked_for_the_room_it_has() -> None:
    assert len(TokenLimitedChatCompletionContext(Counter(window=44)).select(LONG)) == 4


def test_a_picture_counts() -> None:
    seen = UserMessage(content="", images=(Image(mime="image/png", data="x"),))
    assert estimate_tokens([seen]) - estimate_tokens([user("")]) == 800


def test_half_a_character_can_be_counted() -> None:
    assert estimate_tokens([user("\ud800")]) > 0


# Settings


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: BufferedChatCompletionContext(0), "buffer_size must be greater than 0"),
        (lambda: HeadAndTailChatCompletionContext(0, 1), "head_size must be greater than 0"),
        (lambda: HeadAndTailChatCompletionContext(1, -1), "tail_size must be greater than 0"),
        (lambda: TokenLimitedChatCompletionContext(token_limit=0), "token_limit must be greater than 0"),
        (TokenLimitedChatCompletionContext, "token_limit must be given"),
    ],
)
def test_a_size_that_is_none_is_refused(make: Callable[[], object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make()


def test_settings_cannot_be_changed_by_whoever_gave_them() -> None:
    initial: list[LLMMessage] = [user("hello")]
    context = BufferedChatCompletionContext(5, initial)
    initial.append(user("more"))
    assert context.initial_messages == (user("hello"),)
    with pytest.raises(AttributeError):
        context.buffer_size = 3  # type: ignore[misc]


# In a prompt


def run(number: int) -> list[AgentEvent]:
    def replied(text: str, purpose: Any) -> ModelReplyEvent:
        return ModelReplyEvent(
            source="coder", purpose=purpose, content=text, finish_reason="stop", usage=RequestUsage(), duration=0
        )

    return [
        TextMessage(source="user", content=f"task {number}"),
        replied(f"```python\n{number}\n```", "generate"),
        CodeExecutionEvent(source="coder", retry_attempt=0, result=CodeResult(0, "")),
        replied(f"answer {number}", "reflect"),
    ]


def test_the_system_message_and_the_question_are_not_the_contexts_matter() -> None:
    sent = prompt([*run(1), *run(2)[:3]], "reflect", "coder", "Be brief.", context=buffered(1))
    assert sent[0] == SystemMessage(content="Be brief.")
    assert texts(sent)[1:3] == ["task 2", "2"]
    assert "answer every part" in sent[-1].content


def test_a_conversation_begins_with_the_initial_messages() -> None:
    context = UnboundedChatCompletionContext(initial_messages=[user("I am Ada."), reply("Hello, Ada.")])
    sent = prompt(run(1)[:1], "generate", "coder", None, context=context)
    assert texts(sent) == ["I am Ada.", "Hello, Ada.", "task 1"]


def test_a_result_and_what_follows_from_it_count_as_one() -> None:
    again = RetryDecisionEvent(source="coder", retry_attempt=0, reason="a typo", retry=True)
    sent = prompt([*run(1), *run(2)[:3], again], "generate", "coder", None, context=buffered(4))
    assert sent[0].content == "answer 1"
    assert len(sent) == 4


def test_a_prompt_of_everything_only_grows() -> None:
    log = [*run(1), *run(2)]
    whole = prompt(log, "generate", "coder", "s")
    for length in range(1, len(log)):
        earlier = prompt(log[:length], "generate", "coder", "s")
        assert whole[: len(earlier) - 1] == earlier[:-1]


# AutoGen's view of it


async def test_an_agents_context_shows_what_is_sent_and_takes_messages() -> None:
    log = EventLog(Secrets({}))
    for event in run(1):
        log.publish(event)
    context = ModelContext(log, "coder", buffered(3))
    assert texts(await context.get_messages()) == ["task 1", "answer 1"]
    await context.add_message(user("one more thing", "bob"))
    assert (await context.get_messages())[-1] == user("one more thing", "bob")
    assert log.events[-1].type == "MessageAddedEvent"


async def test_an_agent_sends_what_its_context_selects() -> None:
    model = ReplayChatCompletionClient(["one", "two", "three"])
    agent = CodeExecutorAgent(
        "coder", ReplayCodeExecutor([]), model_client=model, model_context=buffered(2), approval="never"
    )
    for task in ("first", "second", "third"):
        await agent.run(task=task)
    assert texts(model.create_calls[-1].messages[1:]) == ["two", "third"]
    assert texts(await agent.model_context.get_messages()) == ["third", "three"]


async def test_what_was_added_is_said_to_the_model() -> None:
    model = ReplayChatCompletionClient(["one"])
    agent = CodeExecutorAgent("coder", ReplayCodeExecutor([]), model_client=model, approval="never")
    await agent.model_context.add_message(user("I am Ada."))
    await agent.model_context.add_message(reply("Hello, Ada."))
    await agent.run(task="first")
    assert texts(model.create_calls[-1].messages[1:]) == ["I am Ada.", "Hello, Ada.", "first"]


async def test_a_reset_leaves_the_initial_messages_only() -> None:
    model = ReplayChatCompletionClient(["one", "two"])
    context = UnboundedChatCompletionContext(initial_messages=[user("I am Ada."), reply("Hello, Ada.")])
    agent = CodeExecutorAgent(
        "coder", ReplayCodeExecutor([]), model_client=model, model_context=context, approval="never"
    )
    await agent.run(task="first")
    await agent.model_context.add_message(user("more"))
    await agent.on_reset()
    assert texts(await agent.model_context.get_messages()) == ["I am Ada.", "Hello, Ada."]
    await agent.run(task="second")
    assert texts(model.create_calls[-1].messages[1:]) == ["I am Ada.", "Hello, Ada.", "second"]
