"""What comes after a block's end: attributed to it, and bounded until the next block begins."""

from kernel_executor.events import ExecutionEvent, LateOutput
from kernel_executor.lifecycle.listeners import LATE_ROOM, LateOutputs
from kernel_executor.outputs.message import Message
from kernel_executor.outputs.output_changes import Append


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
