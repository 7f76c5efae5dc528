"""Who may use which slot of the embedded model, and in what order."""

import os
import resource
import socket

import pytest
from hypothesis import given, strategies as st

from codeagent_nb.models.embedded.lease import Lease
from codeagent_nb.models.embedded.server.slots import Slots, Turn


def ask_and_leave(slots: Slots, client: str) -> Turn:
    number = slots.ask(client)
    turn = slots.turn(number)
    assert turn is not None
    slots.leave(number)
    return turn


def test_a_client_keeps_its_slot_and_what_is_in_it() -> None:
    slots = Slots(2)
    assert ask_and_leave(slots, "a") == Turn(0, keeps_cache=False)
    assert ask_and_leave(slots, "b") == Turn(1, keeps_cache=False)
    assert ask_and_leave(slots, "a") == Turn(0, keeps_cache=True)
    assert ask_and_leave(slots, "b") == Turn(1, keeps_cache=True)


def test_a_slot_that_changes_hands_is_read_into_from_nothing() -> None:
    slots = Slots(1)
    for client in "abab":
        assert ask_and_leave(slots, client) == Turn(0, keeps_cache=False)


def test_the_slot_unused_for_longest_goes_to_a_third_client() -> None:
    slots = Slots(2)
    for client in "aba":
        ask_and_leave(slots, client)
    assert ask_and_leave(slots, "c").slot == 1, "b's"


def test_a_client_that_is_gone_leaves_nothing_to_the_next_one_of_its_name() -> None:
    slots = Slots(1)
    ask_and_leave(slots, "a")
    slots.forget("a")
    assert ask_and_leave(slots, "a") == Turn(0, keeps_cache=False)


def test_one_who_asks_for_ten_at_once_holds_another_up_for_one_only() -> None:
    slots = Slots(1)
    many = [slots.ask("a") for _ in range(10)]
    late = slots.ask("b")
    assert slots.turn(many[0])
    assert slots.turn(late) is None
    slots.leave(many[0])
    assert slots.turn(many[1]) is None, "it is b's turn"
    assert slots.turn(late)


def test_a_client_runs_one_request_at_a_time() -> None:
    slots = Slots(2)
    first, second = slots.ask("a"), slots.ask("a")
    assert slots.turn(first)
    assert slots.turn(second) is None
    slots.leave(first)
    assert slots.turn(second) == Turn(0, keeps_cache=True)


def test_one_who_stops_waiting_holds_nobody_up() -> None:
    slots = Slots(1)
    first, second, third = (slots.ask(client) for client in "abc")
    assert slots.turn(first)
    slots.leave(second)
    slots.leave(first)
    assert slots.turn(third)


@given(
    st.integers(1, 3), st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["ask", "turn", "leave", "forget"])))
)
def test_nobody_ever_goes_on_from_what_another_left(count: int, steps: list[tuple[str, str]]) -> None:
    slots, numbers, inside = Slots(count), dict[int, str](), [""] * count
    running: dict[int, int] = {}
    for client, step in steps:
        mine = [number for number, whose in numbers.items() if whose == client]
        if step == "ask":
            numbers[slots.ask(client)] = client
        elif step == "turn":
            for number in mine:
                if number not in running and (turn := slots.turn(number)):
                    assert turn.slot not in running.values(), "two requests in one slot"
                    assert not turn.keeps_cache or inside[turn.slot] == client
                    inside[turn.slot], running[number] = client, turn.slot
        elif step == "leave" and mine:
            slots.leave(mine[0])
            numbers.pop(mine[0])
            running.pop(mine[0], None)
        elif step == "forget":
            slots.forget(client)
            inside = ["" if whose == client else whose for whose in inside]


@pytest.mark.skipif(
    0 <= resource.getrlimit(resource.RLIMIT_NOFILE)[0] <= 1100,
    reason="this many files cannot be open here",
)
def test_a_hold_is_looked_at_however_many_files_are_open() -> None:
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(1030)]
    ours, theirs = socket.socketpair()
    try:
        lease = Lease(ours, "token", 1)
        assert ours.fileno() >= 1024
        assert lease.alive
        theirs.close()
        assert not lease.alive
        lease.end()
        assert not lease.alive
    finally:
        ours.close()
        theirs.close()
        for each in opened:
            os.close(each)
