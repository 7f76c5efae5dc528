"""The collector: when a request has ended, and what of its messages belongs where."""

import asyncio
from typing import Any

import pytest

from kernel_executor.kernels.collector import REPLY_GRACE, Collector, Ending
from kernel_executor.outputs.fold import OutputFolder, as_text
from kernel_executor.outputs.message import Message
from kernel_executor.outputs.output_changes import Append, OutputChange
from kernel_executor.outputs.widgets import Widgets
from kernel_executor.sockets.router import KernelDeath

IDLE = Message("iopub", "status", "", {"execution_state": "idle"})
REPLY = Message("shell", "execute_reply", "", {"status": "ok"})
INPUT = Message("iopub", "execute_input", "", {"execution_count": 7})


def text(words: str) -> Message:
    return Message("iopub", "stream", "", {"name": "stdout", "text": words})


def collector(folder: OutputFolder | None = None, on_change: Any = lambda _: None) -> Collector:
    return Collector(folder or OutputFolder(), on_change, give_up=lambda: None)


@pytest.mark.parametrize("messages", [(REPLY, IDLE), (IDLE, REPLY)])
async def test_reply_and_idle_end_a_request_in_either_order(messages: tuple[Message, Message]) -> None:
    some = collector()
    some.take(messages[0])
    assert not some.ended.done()
    some.take(messages[1])
    assert some.ended.result() == Ending(reply={"status": "ok"})


async def test_a_request_ends_though_a_last_change_cannot_be_told() -> None:
    def fails(change: OutputChange) -> None:
        raise RuntimeError("no room")

    some = collector(on_change=fails)
    for message in (INPUT, text("a"), REPLY):
        some.take(message)
    with pytest.raises(RuntimeError, match="no room"):
        some.take(IDLE)
    assert some.ended.result() == Ending(reply={"status": "ok"})


async def test_outputs_are_folded_and_told() -> None:
    folder, changes = OutputFolder(), list[OutputChange]()
    some = collector(folder, changes.append)
    for message in (INPUT, text("a"), REPLY, text("b\n"), IDLE):
        some.take(message)
    assert as_text(folder.outputs) == "ab"
    assert changes == [Append({"output_type": "stream", "name": "stdout", "text": "ab\n"})], "of one turn of the loop"
    assert (some.begun.done(), some.execution_count) == (True, 7)


async def test_what_comes_after_the_end_is_late() -> None:
    folder = OutputFolder()
    some = collector(folder)
    for message in (REPLY, IDLE, text("late"), KernelDeath(137)):
        some.take(message)
    assert some.late == [text("late")]
    assert folder.outputs == ()
    assert some.ended.result().death is None


async def test_a_death_ends_a_request() -> None:
    some = collector()
    some.take(KernelDeath(137))
    some.take(KernelDeath(1))
    assert some.ended.result() == Ending(death=KernelDeath(137))


async def test_a_request_without_a_reply_ends_when_it_has_been_waited_for() -> None:
    some = collector()
    some.take(IDLE)
    await asyncio.wait({some.ended}, timeout=5 * REPLY_GRACE)
    assert some.ended.result() == Ending()


async def test_nothing_is_waited_for_after_closing() -> None:
    given_up = list[str]()
    some = Collector(OutputFolder(), lambda _: None, give_up=lambda: given_up.append("now"))
    some.take(IDLE)
    some.close()
    await asyncio.sleep(1.2 * REPLY_GRACE)
    assert not some.ended.done()


async def test_an_end_that_comes_while_a_change_is_told_is_one_end() -> None:
    some = collector(on_change=lambda _: some.take(KernelDeath(137)))
    for message in (REPLY, text("a"), IDLE):
        some.take(message)
    assert some.ended.result() == Ending(death=KernelDeath(137))


async def test_code_may_say_twice_and_wrongly_that_it_begins() -> None:
    some = collector()
    some.take(INPUT)
    some.take(Message("iopub", "execute_input", "", {"execution_count": "many"}))
    assert (some.begun.done(), some.execution_count) == (True, None)


def comm(data: dict[str, Any], kind: str = "comm_msg") -> Message:
    return Message("iopub", kind, "block", {"comm_id": "out", "data": data}, 500)


async def test_what_an_output_widget_takes_in_is_not_the_blocks() -> None:
    """nbclient#24: its `clear_output` cleared the cell."""
    folder, widgets = OutputFolder(), Widgets()
    some = Collector(folder, lambda _: None, lambda: None, widgets)
    state = {"_model_name": "OutputModel", "outputs": [], "msg_id": ""}

    def printed(words: str) -> Message:
        return Message("iopub", "stream", "block", {"name": "stdout", "text": words}, 500)

    messages = [
        printed("total: 1234"),
        comm({"state": state}, "comm_open"),
        comm({"method": "update", "state": {"msg_id": "block"}}),
        printed("old"),
        Message("iopub", "clear_output", "block", {"wait": True}, 500),
        printed("new"),
        comm({"method": "update", "state": {"msg_id": ""}}),
        printed(" and more"),
    ]
    for message in messages:
        some.take(message)
    assert as_text(folder.outputs) == "total: 1234 and more"
    assert widgets.take_captured() == {"out": [{"output_type": "stream", "name": "stdout", "text": "new"}]}
    some.close()


async def test_what_a_reply_says_for_a_pager_is_an_output() -> None:
    folder, changes = OutputFolder(), list[OutputChange]()
    some = collector(folder, changes.append)
    payload = [{"source": "page", "data": {"text/plain": "help"}}, {"source": "ask_exit"}, "odd", {"source": "page"}]
    some.take(Message("shell", "execute_reply", "", {"status": "ok", "payload": payload}))
    some.take(IDLE)
    assert as_text(folder.outputs) == "help"
    assert changes == [Append({"output_type": "display_data", "data": {"text/plain": "help"}, "metadata": {}})]
