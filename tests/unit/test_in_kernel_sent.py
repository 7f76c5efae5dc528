"""What a kernel keeps of what it sent, and how fast it sends."""

from typing import Any

import pytest

from kernel_executor.in_kernel.pace import CHARACTERS, MESSAGES, WINDOW, Pace
from kernel_executor.in_kernel.sent import BEGUN, NUMBER, RECALL, REQUESTS, Sent


def message(parent: str, text: str = "x") -> dict[str, Any]:
    return {"parent_header": {"msg_id": parent}, "metadata": {}, "content": {"text": text}}


def sent(keeper: Sent, parent: str, *texts: str) -> list[dict[str, Any]]:
    told = [message(parent, text) for text in texts]
    for each in told:
        keeper.take(each)
    return told


def test_a_request_begins_once() -> None:
    keeper = Sent()
    assert keeper.begin("a")
    assert not keeper.begin("a")
    assert keeper.has_begun("a")
    assert not keeper.has_begun("b")


def test_messages_are_numbered_by_request() -> None:
    keeper = Sent()
    keeper.begin("a")
    keeper.begin("b")
    told = [*sent(keeper, "a", "1", "2"), *sent(keeper, "b", "3"), *sent(keeper, "a", "4")]
    assert [each["metadata"][NUMBER] for each in told] == [0, 1, 0, 2]


def test_a_message_that_is_handed_over_twice_has_one_number() -> None:
    keeper = Sent()
    keeper.begin("a")
    [first] = sent(keeper, "a", "1")
    keeper.take(first)
    assert first["metadata"][NUMBER] == 0
    assert sent(keeper, "a", "2")[0]["metadata"][NUMBER] == 1


def test_what_was_not_begun_and_what_asks_for_more_has_no_number() -> None:
    keeper = Sent()
    keeper.begin(RECALL + "1")
    assert [each["metadata"] for each in (*sent(keeper, "b", "1"), *sent(keeper, RECALL + "1", "2"))] == [{}, {}]


def test_what_is_missing_is_had_again() -> None:
    keeper = Sent()
    keeper.begin("a")
    told = sent(keeper, "a", *"01234")
    assert keeper.again("a", 1, [3]) == [told[1], told[2], told[4]]
    assert keeper.again("b", 0, []) == []


def test_of_older_requests_nothing_is_kept_and_their_numbers_go_on() -> None:
    keeper = Sent()
    for name in map(str, range(REQUESTS + 2)):
        keeper.begin(name)
        sent(keeper, name, "x")
    assert keeper.again("0", 0, []) == []
    assert sent(keeper, "0", "late")[0]["metadata"][NUMBER] == 1
    assert keeper.again("0", 0, []) == [], "what comes late is not kept in the place of a newer request's"
    assert len(keeper.again(str(REQUESTS + 1), 0, [])) == 1


@pytest.mark.parametrize("later", range(1, REQUESTS + 4))
def test_what_comes_late_of_a_request_is_numbered_however_many_have_begun_since(later: int) -> None:
    keeper = Sent()
    keeper.begin("a")
    sent(keeper, "a", "x")
    for number in range(later):
        keeper.begin(str(number))
    told = sent(keeper, "a", "late", "later")
    assert [each["metadata"][NUMBER] for each in told] == [1, 2]
    assert (keeper.again("a", 1, []) == told) == (later < REQUESTS)


def test_no_more_is_kept_than_there_is_room_for_and_the_newest_stays() -> None:
    keeper = Sent(room=10_000)
    keeper.begin("a")
    sent(keeper, "a", "x" * 9_000)
    keeper.begin("b")
    told = sent(keeper, "b", *("y" * 4_000 for _ in range(4)))
    assert keeper.again("a", 0, []) == []
    assert keeper.again("b", 0, []) == told[-2:]


@pytest.mark.parametrize("content", [None, 3, "text", [1, ["x"]], {"data": {"text/plain": "x" * 100, "n": [1, 2]}}])
def test_any_content_has_a_size(content: Any) -> None:
    keeper = Sent()
    keeper.begin("a")
    told = {**message("a"), "content": content}
    keeper.take(told)
    assert keeper.again("a", 0, []) == [told]


@pytest.mark.parametrize("broken", [{}, {"parent_header": None}, {"parent_header": {"msg_id": "a"}, "metadata": None}])
def test_a_message_without_its_parts_is_left_alone(broken: dict[str, Any]) -> None:
    keeper = Sent()
    keeper.begin("a")
    before = dict(broken)
    keeper.take(broken)
    assert broken == before


def test_the_ids_that_are_remembered_are_bounded() -> None:
    keeper = Sent()
    for number in range(BEGUN + 10):
        keeper.begin(str(number))
    assert keeper.begin("0"), "the oldest was forgotten"
    assert not keeper.begin(str(BEGUN))


class Clock:
    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


def pass_all(pace: Pace, clock: Clock, sizes: list[int]) -> list[float]:
    """Send messages of these sizes as fast as it lets us; return when each went."""
    times = []
    for size in sizes:
        while rest := pace.rest(size):
            clock.time += rest
        times.append(clock.time)
    return times


def test_no_window_has_more_messages_or_characters_than_a_server_lets_through() -> None:
    for sizes in ([0] * 10_000, [100_000] * 60, [10, 50_000] * 100):
        clock = Clock()
        times = pass_all(Pace(clock), clock, sizes)
        for at in range(0, len(times), 37):
            window = [size for time, size in zip(times[at:], sizes[at:], strict=True) if time < times[at] + 3.0]
            assert len(window) <= MESSAGES
            assert sum(window) <= CHARACTERS


def test_what_is_longer_than_a_window_passes_alone() -> None:
    clock = Clock()
    assert pass_all(Pace(clock), clock, [CHARACTERS * 3, 1]) == [1_000.0, 1_000.0 + WINDOW]


def test_when_a_request_has_ended_it_counts_from_zero() -> None:
    clock = Clock()
    pace = Pace(clock)
    pass_all(pace, clock, [CHARACTERS])
    assert pace.rest(10) > 0
    pace.reset()
    assert pace.rest(10) == 0
