"""What comes after a block's end: attributed to it, and bounded until the next block begins."""

from kernel_executor.events import ExecutionEvent, LateOutput
from kernel_executor.lifecycle.listeners import LATE_ROOM, LateOutputs
from kernel_executor.outputs.message import LOST_OUTPUT, Message
from kernel_executor.outputs.output_changes import Append, Update
from kernel_executor.text import as_text


def text(words: str, block_id: str = "a", weight: int = 1_000) -> Message:
    return Message("iopub", "stream", block_id, {"name": "stdout", "text": words}, weight)


def told(events: list[ExecutionEvent]) -> list[str]:
    return [
        event.change.output["text"]
        for event in events
        if isinstance(event, LateOutput) and isinstance(event.change, Append)
    ]


async def test_late_output_is_bounded_and_told_until_the_next_block() -> None:
    late, events = LateOutputs(), list[ExecutionEvent]()
    late.add(events.append)
    late.expect("a")
    for _ in range(LATE_ROOM // 1_000 + 500):
        late.take(text("x"))
    *whole, note = told(events)
    assert whole == ["x"] * (LATE_ROOM // 1_000)
    assert note == "\n[late output left out: the limit is 10,000,000 bytes until the next block]\n"
    late.expect("b")
    late.take(text("y", "b"))
    assert told(events)[-2:] == ["\n[... 500,000 bytes of late output left out ...]\n", "y"]


async def test_late_output_that_is_lost_on_the_way_is_told_for_blocks_that_are_known() -> None:
    late, events = LateOutputs(), list[ExecutionEvent]()
    late.add(events.append)
    late.expect("a")
    for block_id in ("a", "another"):
        late.take(Message("iopub", LOST_OUTPUT, block_id, {"reason": "cut"}))
    assert told(events) == ["\n[late output is missing: cut]\n"]


async def test_one_budget_is_for_all_ended_blocks() -> None:
    late, events = LateOutputs(), list[ExecutionEvent]()
    late.add(events.append)
    names = [str(number) for number in range(10)]
    for name in names:
        late.expect(name)
    for name in names:
        late.take(text("x", name, LATE_ROOM // 5))
    assert told(events).count("x") == 5


async def test_what_is_not_told_is_not_read() -> None:
    late, events = LateOutputs(), list[ExecutionEvent]()
    late.add(events.append)
    late.expect("a")
    whole = bytearray(b'{"name": "stdout", "text": "x"}')
    late.take(Message("iopub", "stream", "a", body := bytearray(whole), LATE_ROOM + 1))
    late.take(Message("iopub", "stream", "another", other := bytearray(whole), 1))
    late.take(Message("iopub", "stream", "a", mine := bytearray(whole), 1))
    assert (body, other, mine) == (whole, whole, bytearray())
    assert [len(words) > 1 for words in told(events)] == [True, False]


def shown(text: str, display_id: str = "d") -> Append:
    return Append({"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}, display_id)


async def test_a_change_of_a_display_is_told_to_all_blocks_that_show_it_but_the_one_that_makes_it() -> None:
    """euporie#165: it was lost unless the block that shows it was still running."""
    late, events = LateOutputs(), list[ExecutionEvent]()
    late.add(events.append)
    for block in ("a", "b", "c"):
        late.expect(block)
    late.follow("a", shown("first"))
    late.follow("b", shown("first"))
    late.follow("b", Update("d", {"text/plain": "SECOND"}, {}))
    late.follow("c", Update("d", {"text/plain": "THIRD"}, {}))
    late.follow("c", Update("unknown", {"text/plain": "?"}, {}))
    assert [(event.block_id, event.change.data["text/plain"]) for event in events] == [  # type: ignore[union-attr]
        ("a", "SECOND"),
        ("a", "THIRD"),
        ("b", "THIRD"),
    ]
    assert as_text(late.take_news()) == "THIRD"
    assert late.take_news() == ()


async def test_what_comes_of_ended_blocks_is_news_once_and_bounded() -> None:
    late = LateOutputs()
    late.expect("a")
    late.take(Message("iopub", "clear_output", "a", {"wait": False}, 100))
    for number in range(2_000):
        late.take(text(f"{number} {'x' * 100}\n"))
    late.take(Message("iopub", "clear_output", "a", {"wait": False}, 100))
    news = as_text(late.take_news())
    assert news.startswith("0 x")
    assert "characters left out" in news
    assert f"\n1999 {'x' * 100}" in news
    assert len(news) < 50_000
    assert late.take_news() == ()
