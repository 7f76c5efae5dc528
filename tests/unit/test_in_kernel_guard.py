"""What the kernel lets out: head and tail of text, displays by size and sum, errors by size."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from kernel_executor.in_kernel.guard import DISPLAY_OVERHEAD, ERROR_TEXT, FREE_COMMS, OutputGuard, shrink_error
from kernel_executor.in_kernel.text import HeadTail, encodable, shorten


@given(st.text("ab\n", max_size=200), st.lists(st.integers(0, 200)), st.integers(0, 50), st.integers(0, 50))
def test_head_and_tail_are_kept_exactly_however_text_is_cut(text: str, cuts: list[int], head: int, tail: int) -> None:
    edges = [0, *sorted(cuts), len(text)]
    budget = HeadTail(head, tail)
    passed = "".join(budget.take(text[start:end]) for start, end in pairwise(edges))
    omitted = max(0, len(text) - head - tail)
    assert passed == text[:head]
    assert budget.omitted == omitted
    rest = text[len(passed) + omitted :]
    assert budget.release() == (f"\n[... {omitted:,} characters left out ...]\n{rest}" if omitted else rest)
    assert budget.release() == ""


def test_a_long_text_is_not_copied() -> None:
    """A print of 100 MB must not cost another 100 MB."""
    import tracemalloc

    text, budget = "x" * 10_000_000, HeadTail(1_000, 1_000)
    tracemalloc.start()
    budget.take(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


def test_many_threads_may_print_at_once() -> None:
    """Without a lock the tail's size drifts, and taking from an empty tail raises in the user's print."""
    budget = HeadTail(100, 50)
    threads = [threading.Thread(target=lambda: [budget.take("abc") for _ in range(5_000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert budget.omitted == 4 * 5_000 * 3 - 100 - 50


def test_forgetting_drops_the_tail_without_a_word() -> None:
    budget = HeadTail(2, 2)
    budget.take("abcdefgh")
    budget.forget()
    assert (budget.release(), budget.omitted) == ("", 0)


@given(st.text(max_size=300), st.integers(2, 100))
def test_shortened_text_keeps_its_ends_and_says_what_is_missing(text: str, limit: int) -> None:
    short = shorten(text, limit)
    if len(text) <= limit:
        assert short == text
    else:
        half = limit // 2
        assert short.startswith(text[:half])
        assert short.endswith(text[-half:])
        assert f"{len(text) - 2 * half:,} characters left out" in short


def guard(**limits: int) -> OutputGuard:
    return OutputGuard(**{"head": 10, "tail": 5, "display": 10_000, "displays": 50_000, **limits})


def sent(kind: str, parent: str = "cell", **content: Any) -> dict[str, Any]:
    return {"msg_type": kind, "parent_header": {"msg_id": parent}, "content": content}


def test_each_cell_has_its_own_budget() -> None:
    """A thread that prints after its cell must not eat the next cell's budget."""
    guarded = guard()
    assert guarded.budget("one", "stdout").take("x" * 100) == "x" * 10
    assert guarded.budget("two", "stdout").take("y" * 100) == "y" * 10
    assert guarded.budget("one", "stderr").take("z" * 100) == "z" * 10


def test_after_its_end_a_cell_gets_one_more_head_and_no_tail() -> None:
    guarded = guard()
    guarded.budget("one", "stdout").take("x" * 100)
    assert guarded.close("one", "stdout") == ("\n[... 85 characters left out ...]\nxxxxx", 85)
    assert guarded.budget("one", "stdout").take("late" * 10) == "latelatela"
    assert guarded.close("one", "stdout")[0] == "\n[... 30 characters left out ...]\n"


def test_budgets_of_long_gone_cells_are_let_go() -> None:
    guarded = guard()
    for number in range(10_000):
        guarded.budget(str(number), "stdout").take("x")
        guarded.guard(sent("display_data", str(number), data={"text/plain": "x" * 20_000}))
    sizes = [len(guarded._budgets), len(guarded._displayed), len(guarded._omitted)]
    assert max(sizes) <= 2 * OutputGuard.REMEMBERED_CELLS


@pytest.mark.parametrize("wait", [False, True])
def test_what_was_held_back_before_a_clear_is_forgotten(wait: bool) -> None:
    guarded = guard()
    guarded.budget("cell", "stdout").take("old" * 10)
    guarded.guard(sent("clear_output", wait=wait))
    guarded.budget("cell", "stdout").take("new")
    assert guarded.close("cell", "stdout") == ("new", 0)


def test_a_clear_that_waits_for_nothing_forgets_nothing() -> None:
    guarded = guard()
    guarded.budget("cell", "stdout").take("x" * 15)
    guarded.guard(sent("clear_output", wait=True))
    assert guarded.close("cell", "stdout") == ("x" * 5, 0)


def test_a_representation_that_is_too_large_is_replaced_by_a_note() -> None:
    message = sent("display_data", data={"image/png": "x" * 20_000, "text/plain": "<Figure>"}, metadata={})
    assert guard().guard(message)
    assert message["content"]["data"] == {
        "text/plain": "<Figure>\n[image/png of 20,000 bytes left out: the limit is 10,000]"
    }


def test_displays_end_with_a_note_when_their_sum_is_reached() -> None:
    guarded = guard()
    messages = [sent("display_data", data={"text/html": "x" * 9_000}, metadata={}) for _ in range(9)]
    passed = [guarded.guard(message) for message in messages]
    assert passed == [True] * 6 + [False] * 3
    assert "further displays left out" in messages[5]["content"]["data"]["text/plain"]
    assert guarded.close_displays("cell") == 4 * 9_000
    assert guarded.guard(sent("display_data", "next cell", data={"text/html": "x"}, metadata={}))


def test_tiny_displays_are_counted_too() -> None:
    guarded = guard()
    passed = [guarded.guard(sent("display_data", data={}, metadata={})) for _ in range(100)]
    assert passed.count(True) == 50_000 // DISPLAY_OVERHEAD + 1


def test_errors_are_cut_and_their_number_is_bounded() -> None:
    guarded = guard()
    message = sent("error", ename="E", evalue="v" * 10**6, traceback=["t" * 10**6] * 3)
    guarded.guard(message)
    assert len(str(message)) < 5 * ERROR_TEXT
    assert not all(guarded.guard(sent("error", traceback=["t" * 9_000])) for _ in range(10))


def test_a_traceback_of_too_many_parts_keeps_its_ends() -> None:
    content = {"traceback": [str(number) for number in range(1_000)]}
    shrink_error(content)
    assert len(content["traceback"]) == 101
    assert (content["traceback"][0], content["traceback"][-1]) == ("0", "999")
    assert "900 parts left out" in content["traceback"][50]


def test_replies_are_sent_whatever_they_hold() -> None:
    message = sent("execute_reply", status="error", evalue="v" * 10**6, user_expressions={})
    assert guard().guard(message)
    assert len(message["content"]["evalue"]) < ERROR_TEXT + 100
    value = sent("execute_reply", user_expressions={"value": {"data": {"text/plain": "x" * 10**6}}})
    assert guard().guard(value)
    assert len(str(value)) < 1_000


@pytest.mark.parametrize(
    "message", [sent("stream"), sent("display_data"), sent("display_data", data=[1]), sent("error")]
)
def test_odd_messages_pass_unharmed(message: dict[str, Any]) -> None:
    assert guard().guard(message)


def test_lone_surrogates_are_replaced_wherever_they_stand() -> None:
    content = {"data": {"text/\ud800": "a\ud800b", "list": ["\udfff", ("ü", 1)]}, "count": 3, "none": None}
    assert encodable(content) == {"data": {"text/?": "a?b", "list": ["?", ["ü", 1]]}, "count": 3, "none": None}


def test_what_a_pager_shows_passes_cut_and_nothing_else_for_front_ends() -> None:
    pages = [
        {"source": "page", "data": {"text/plain": "x" * 300_000}},
        {"source": "page", "data": {"text/plain": "end"}},
    ]
    content: dict[str, Any] = {"payload": [{"source": "set_next_input", "text": "y" * 5_000_000}, *pages, 7, None]}
    assert OutputGuard(10, 10, 1_000, 1_000).guard({"msg_type": "execute_reply", "content": content})
    [page] = content["payload"]
    assert len(page["data"]["text/plain"]) < 201_000
    assert page["data"]["text/plain"].endswith("end")
    content = {"payload": "no list"}
    OutputGuard(10, 10, 1_000, 1_000).guard({"msg_type": "execute_reply", "content": content})
    assert content["payload"] == []


def test_what_clears_a_widget_does_not_forget_what_was_held_back_of_the_cell() -> None:
    guard = OutputGuard(5, 5, 1_000, 1_000)
    guard.budget("cell", "stdout").take("0123456789")

    def send(kind: str, **content: Any) -> None:
        guard.guard({"msg_type": kind, "content": content, "parent_header": {"msg_id": "cell"}})

    send("comm_msg", comm_id="out", data={"method": "update", "state": {"msg_id": "cell"}})
    send("clear_output", wait=False)
    assert guard.close("cell", "stdout") == ("56789", 0)
    guard.budget("cell", "stderr").take("0123456789")
    send("comm_msg", comm_id="out", data={"method": "update", "state": {"msg_id": ""}})
    send("clear_output", wait=False)
    assert guard.close("cell", "stderr") == ("", 0)


def test_a_flood_of_messages_of_widgets_waits_and_nothing_else_does() -> None:
    guard = OutputGuard(5, 5, 1_000, 1_000)

    def sent(kind: str, parent: str = "cell") -> bool:
        return guard.is_flood({"msg_type": kind, "content": {}, "parent_header": {"msg_id": parent}})

    assert not any(sent("comm_msg") for _ in range(FREE_COMMS))
    assert sent("comm_msg")
    assert not sent("stream")
    assert not sent("comm_msg", "the next cell")


def test_threads_that_print_at_once_break_no_budget() -> None:
    """`print` raised RuntimeError: the dictionary of budgets had changed, in 1 of 3,000 new cells."""
    guard = OutputGuard(5, 5, 1_000, 1_000)

    def print_in_each(stream: str) -> None:
        for number in range(40_000):
            guard.budget(str(number), stream).take("x")

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(print_in_each, ["stdout", "stderr"]))
    finally:
        sys.setswitchinterval(before)
