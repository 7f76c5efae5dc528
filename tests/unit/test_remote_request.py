"""What is passed on of a request over a connection that may be cut: in order, each once, and what was lost is told."""

import random
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import given, strategies as st

from kernel_executor.outputs.message import LOST_OUTPUT, LOST_REPLY, Message
from kernel_executor.remote import request as module
from kernel_executor.remote.request import Request
from kernel_executor.remote.wire import Received

IDS = count()


def request(**changes: Any) -> Request:
    return Request("shell", {"header": {"msg_id": "p"}}, is_handed_over=True, **changes)


def received(kind: str, number: int | None = None, channel: Any = "iopub", name: str = "", **content: Any) -> Received:
    return Received(Message(channel, kind, "p", content), name or str(next(IDS)), number)


def text(number: int | None, word: str = "", **settings: Any) -> Received:
    return received("stream", number, text=word or str(number), **settings)


def idle(number: int | None = None) -> Received:
    return received("status", number, execution_state="idle")


def reply(number: int | None = None, channel: Any = "shell") -> Received:
    return received("execute_reply", number, channel, status="ok")


def passed(some: Request, told: Sequence[Received]) -> list[str]:
    return [message.type for each in told for message in some.take(each)]


BLOCK = [text(0), text(1), text(2), reply(3), idle(4)]
WHOLE = ["stream", "stream", "stream", "execute_reply", "status"]


@given(st.permutations(BLOCK), st.lists(st.sampled_from(BLOCK), max_size=8))
def test_numbered_messages_come_in_order_and_once_however_they_arrive(
    order: list[Received], again: list[Received]
) -> None:
    some = request()
    told = [message for each in [*order, *again] for message in some.take(each)]
    assert [message.type for message in told] == WHOLE
    assert [message.content["text"] for message in told[:3]] == ["0", "1", "2"]
    assert some.has_ended


def test_reply_and_idle_are_passed_on_together() -> None:
    some = request()
    assert passed(some, [text(0), reply(1)]) == ["stream"]
    assert some.waits
    assert passed(some, [idle(2)]) == ["execute_reply", "status"]


def test_a_reply_that_is_sent_again_on_iopub_is_a_reply() -> None:
    some = request()
    [answer, _] = [message for each in (reply(0, "iopub"), idle(1)) for message in some.take(each)]
    assert answer.is_reply


def test_of_messages_without_numbers_each_id_is_passed_on_once() -> None:
    some = request()
    assert passed(some, [text(None, name="a"), text(None, name="b"), text(None, name="a")]) == ["stream", "stream"]


def test_what_comes_after_the_end_waits_for_nothing_and_comes_once() -> None:
    some = request()
    passed(some, BLOCK)
    assert passed(some, [text(7), text(6), text(7), text(5)]) == ["stream"] * 3


def test_a_gap_that_is_given_up_is_told_before_the_end() -> None:
    some = request()
    assert passed(some, [text(0), text(2), reply(3), idle(4)]) == ["stream"]
    told = some.give_up("cut")
    assert [message.type for message in told] == [LOST_OUTPUT, "stream", "execute_reply", "status"]
    assert told[0].content["reason"] == "1 messages: cut"
    assert told[0].is_loss


def test_a_reply_that_is_given_up_is_told_as_lost_with_the_output_that_came() -> None:
    some = request()
    assert passed(some, [text(0), text(2)]) == ["stream"]
    told = some.give_up("cut")
    assert [message.type for message in told] == ["stream", LOST_REPLY]
    assert told[-1].is_reply
    assert some.has_ended


def test_a_reply_without_its_idle_is_a_reply_with_incomplete_output() -> None:
    some = request()
    passed(some, [text(None), reply()])
    assert [message.type for message in some.give_up("cut")] == [LOST_OUTPUT, "execute_reply", "status"]


def test_where_nobody_counts_a_cut_makes_output_doubtful_even_if_the_reply_came() -> None:
    some = request(was_cut=True)
    assert passed(some, [text(None), reply(), idle()]) == ["stream", LOST_OUTPUT, "execute_reply", "status"]


def test_where_the_guard_counts_a_cut_costs_nothing() -> None:
    assert passed(request(was_cut=True), BLOCK) == WHOLE


def test_a_block_that_has_no_reply_ends_with_its_idle() -> None:
    assert passed(request(), [text(0), idle(1)]) == ["stream", "status"]
    some = request()
    assert passed(some, [text(None), idle()]) == ["stream"]
    assert [message.type for message in some.told_idle()] == ["status"]


def test_after_the_end_there_is_nothing_to_give_up() -> None:
    some = request()
    passed(some, BLOCK)
    assert some.give_up("cut") == []
    assert some.told_idle() == []


def test_what_waits_for_something_missing_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD_ROOM", 1_000)
    some = request()
    heavy = [Received(Message("iopub", "stream", "p", {"text": "x"}, weight=100), str(n), n) for n in range(1, 15)]
    assert passed(some, heavy) == [LOST_OUTPUT, *["stream"] * 14]
    assert some.sequence.weight == 0


@pytest.mark.parametrize("ended", [False, True])
def test_what_is_remembered_behind_a_gap_is_bounded_and_that_is_told(
    monkeypatch: pytest.MonkeyPatch, ended: bool
) -> None:
    monkeypatch.setattr(module, "HELD", 10)
    some = request()
    passed(some, BLOCK if ended else [])
    first = some.sequence.next + 1  # one is missing, and never comes
    kinds = passed(some, [text(number) for number in range(first, first + 100)])
    assert kinds.count("stream") == 100
    assert kinds.count(LOST_OUTPUT) == 1
    assert len(some.sequence.later) <= 10


@pytest.mark.parametrize("told", [text(0), text(None), reply(0), idle(0)])
def test_questions_in_vain_are_counted_from_what_came_last(told: Received) -> None:
    some = request(asked=2, found_busy=3)
    some.take(told)
    assert (some.asked, some.found_busy) == (0, 0)


def test_what_comes_behind_a_gap_or_again_is_no_answer() -> None:
    some = request()
    passed(some, [text(0), text(None, name="a")])
    some.asked = 2
    passed(some, [text(0), text(2), text(None, name="a")])
    assert some.asked == 2


@given(st.integers(0, 2**32), st.integers(1, 30))
def test_whatever_is_cut_out_and_comes_again_nothing_is_doubled_and_order_stays(seed: int, size: int) -> None:
    chance = random.Random(seed)
    block = [*(text(n) for n in range(size)), reply(size), idle(size + 1)]
    some, told = request(), list[Message]()
    for each in block:
        if chance.random() < 0.6:
            told += some.take(each)
    for each in block[some.sequence.next :]:  # what our guard sends again
        told += some.take(each)
    assert [message.content.get("text") for message in told if message.type == "stream"] == [
        str(n) for n in range(size)
    ]
    assert [message.type for message in told[-2:]] == ["execute_reply", "status"]
