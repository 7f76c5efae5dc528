"""Termination conditions: what they count, what they say, and how they combine."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, strategies as st

from codeagent_nb import (
    MaxMessageTermination,
    StopMessage,
    TerminatedException,
    TerminationCondition,
    TextMentionTermination,
    TextMessage,
    TextMessageTermination,
    ThoughtEvent,
)
from codeagent_nb.events import AgentEvent


def said(text: str, source: str = "user") -> TextMessage:
    return TextMessage(source=source, content=text)


def thought(text: str) -> ThoughtEvent:
    return ThoughtEvent(source="a", content=text)


async def reason(condition: TerminationCondition, *messages: AgentEvent) -> str | None:
    stop = await condition(messages)
    return stop.content if stop else None


# Each by itself; the wording is AutoGen's


async def test_messages_are_counted_over_calls_and_events_are_not() -> None:
    condition = MaxMessageTermination(3)
    assert await reason(condition, said("1"), thought("no message")) is None
    assert await reason(condition, said("2")) is None
    stop = await condition([thought("no message"), said("3"), said("4")])
    assert stop == StopMessage(
        content="Maximum number of messages 3 reached, current message count: 4", source="MaxMessageTermination"
    )


async def test_events_are_counted_on_request() -> None:
    condition = MaxMessageTermination(2, include_agent_event=True)
    assert await reason(condition, said("1"), thought("2")) == (
        "Maximum number of messages 2 reached, current message count: 2"
    )


@pytest.mark.parametrize("number", [0, -1])
def test_a_maximum_that_nothing_can_reach_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match=f"max_messages must be 1 or more, not {number}"):
        MaxMessageTermination(number)


async def test_a_text_is_found_anywhere_in_a_message() -> None:
    condition = TextMentionTermination("TERMINATE")
    assert await reason(condition, said("terminate")) is None
    stop = await condition([said("hello"), said("Done. TERMINATE.")])
    assert stop == StopMessage(content="Text 'TERMINATE' mentioned", source="TextMentionTermination")


async def test_a_text_that_is_only_thought_of_was_not_mentioned() -> None:
    condition = TextMentionTermination("TERMINATE")
    assert await reason(condition, thought("shall I say TERMINATE?"), said("not yet")) is None


async def test_only_the_given_sources_can_mention_it() -> None:
    condition = TextMentionTermination("END", sources=["a"])
    assert await reason(condition, said("END", "b")) is None
    assert await reason(condition, said("END", "a")) == "Text 'END' mentioned"


async def test_a_message_of_anybody_or_of_somebody() -> None:
    assert await reason(TextMessageTermination(), thought("x"), said("go")) == "Text message received from 'user'"
    condition = TextMessageTermination("b")
    assert await reason(condition, said("x", "a")) is None
    stop = await condition([said("x", "b")])
    assert stop == StopMessage(content="Text message received from 'b'", source="TextMessageTermination")


# Asked again


CONDITIONS: dict[str, Callable[[], TerminationCondition]] = {
    "max": lambda: MaxMessageTermination(1),
    "mention": lambda: TextMentionTermination("x"),
    "message": TextMessageTermination,
    "or": lambda: MaxMessageTermination(1) | TextMentionTermination("nowhere"),
    "and": lambda: MaxMessageTermination(1) & TextMentionTermination("x"),
}


@pytest.mark.parametrize("kind", CONDITIONS)
async def test_a_condition_that_was_met_refuses_until_it_is_reset(kind: str) -> None:
    condition = CONDITIONS[kind]()
    assert not condition.terminated
    first = await condition([said("x")])
    assert first
    assert condition.terminated
    with pytest.raises(TerminatedException, match="has already been reached"):
        await condition([said("x")])
    await condition.reset()
    assert not condition.terminated
    assert await condition([said("x")]) == first


# Combined


async def test_both_reasons_are_given_if_both_are_met_at_once() -> None:
    condition = TextMentionTermination("x") | MaxMessageTermination(1)
    stop = await condition([said("x")])
    assert stop == StopMessage(
        content="Text 'x' mentioned, Maximum number of messages 1 reached, current message count: 1",
        source="TextMentionTermination, MaxMessageTermination",
    )


async def test_and_remembers_what_was_met_and_gives_the_reasons_in_that_order() -> None:
    condition = MaxMessageTermination(2) & TextMentionTermination("x")
    assert await reason(condition, said("x")) is None
    assert await reason(condition, said("y")) == (
        "Text 'x' mentioned, Maximum number of messages 2 reached, current message count: 2"
    )


async def test_a_reset_and_forgets_the_half_that_was_met() -> None:
    condition = MaxMessageTermination(2) & TextMentionTermination("x")
    await condition([said("x")])
    await condition.reset()
    assert await reason(condition, said("y"), said("z")) is None


class Loud(TerminationCondition):
    """A condition as a user writes one."""

    def __init__(self) -> None:
        self._heard = False

    @property
    def terminated(self) -> bool:
        return self._heard

    async def __call__(self, messages: Sequence[AgentEvent]) -> StopMessage | None:
        self._heard = any("!" in message.content for message in messages if isinstance(message, TextMessage))
        return StopMessage(content="too loud", source="Loud") if self._heard else None

    async def reset(self) -> None:
        self._heard = False


async def test_conditions_of_users_combine_with_ours() -> None:
    assert await reason(Loud() | MaxMessageTermination(9), said("hey!")) == "too loud"
    assert await reason(MaxMessageTermination(1) & Loud(), said("hey!")) == (
        "Maximum number of messages 1 reached, current message count: 1, too loud"
    )


# The algebra, against a plain model of it: a leaf is met at a position of the conversation, or never


LEAVES: dict[str, Callable[[], TerminationCondition]] = {
    "a": lambda: TextMentionTermination("a"),
    "b": lambda: TextMentionTermination("b"),
    "2": lambda: MaxMessageTermination(2),
    "4": lambda: MaxMessageTermination(4),
    "m": lambda: TextMessageTermination("bob"),
}
Tree = str | tuple[str, "Tree", "Tree"]
trees = st.recursive(st.sampled_from(sorted(LEAVES)), lambda tree: st.tuples(st.sampled_from("|&"), tree, tree))
talks = st.lists(st.builds(said, st.text("abc", max_size=2), st.sampled_from(["bob", "eve"])), min_size=1, max_size=8)


def build(tree: Tree) -> TerminationCondition:
    if isinstance(tree, str):
        return LEAVES[tree]()
    left, right = build(tree[1]), build(tree[2])
    return left | right if tree[0] == "|" else left & right


def met_at(tree: Tree, talk: Sequence[TextMessage]) -> float:
    """Return the position of the message that meets a condition."""
    if not isinstance(tree, str):
        pick = min if tree[0] == "|" else max
        return pick(met_at(tree[1], talk), met_at(tree[2], talk))
    if tree in "24":
        return int(tree) - 1 if int(tree) <= len(talk) else float("inf")
    hits = (message.source == "bob" if tree == "m" else tree in message.content for message in talk)
    return next((position for position, hit in enumerate(hits) if hit), float("inf"))


@given(trees, talks)
async def test_combined_conditions_are_met_when_logic_says_so(tree: Tree, talk: list[TextMessage]) -> None:
    condition = build(tree)
    for position, message in enumerate(talk):
        stop = await condition([message])
        assert bool(stop) == condition.terminated == (position >= met_at(tree, talk))
        if stop:
            break


@given(trees, talks)
async def test_a_reset_makes_any_condition_new(tree: Tree, talk: list[TextMessage]) -> None:
    used, new = build(tree), build(tree)
    await used(talk)
    await used.reset()
    assert await used(talk) == await new(talk)
