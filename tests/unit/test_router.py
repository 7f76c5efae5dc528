"""The router: every message to the request that caused it, whatever the order."""

from collections.abc import Callable
from typing import Any

import pytest

from kernel_executor.outputs.message import Channel, Message
from kernel_executor.sockets.router import KernelDeath, Router


class ScriptedTransport:
    """A transport whose incoming messages the test puts in; a second implementation of the protocol."""

    def __init__(self) -> None:
        self.sent: list[tuple[Channel, str, str, dict[str, Any]]] = []
        self.closed = False

    async def send(self, channel: Channel, msg_type: str, msg_id: str, content: dict[str, Any]) -> None:
        self.sent.append((channel, msg_type, msg_id, content))

    def listen(self, on_message: Callable[[Message], None], on_failure: Callable[[Exception], None]) -> None:
        self.hand_over, self.fail = on_message, on_failure

    def close(self) -> None:
        self.closed = True

    def put(self, channel: Channel, kind: str, parent_id: str, **content: Any) -> None:
        self.hand_over(Message(channel, kind, parent_id, content))


async def test_messages_of_interleaved_requests_go_to_their_own() -> None:
    """Two stock-client calls at once steal each other's messages (3 of 3 trials)."""
    transport, orphans = ScriptedTransport(), list[Message]()
    router = Router(transport, orphans.append)
    taken: tuple[list[Any], list[Any]] = ([], [])
    one, two = [await router.request("shell", "execute_request", {}, take.append) for take in taken]
    for number, parent in enumerate([one, two, two, one]):
        transport.put("iopub", "stream", parent, text=str(number))
    transport.put("shell", "execute_reply", two)
    got = [[message.content.get("text", message.type) for message in messages] for messages in taken]
    assert got == [["0", "3"], ["1", "2", "execute_reply"]]
    assert orphans == []
    assert [sent[:3] for sent in transport.sent] == [("shell", "execute_request", id_) for id_ in (one, two)]
    router.close()
    assert transport.closed


async def test_what_nobody_waits_for_is_an_orphan() -> None:
    transport, orphans, taken = ScriptedTransport(), list[Message](), list[Any]()
    router = Router(transport, orphans.append)
    msg_id = await router.request("shell", "execute_request", {}, taken.append)
    router.release(msg_id)
    router.release(msg_id)
    transport.put("iopub", "stream", msg_id, text="late")
    transport.put("iopub", "stream", "", text="nobody's")
    assert [orphan.content["text"] for orphan in orphans] == ["late", "nobody's"]
    assert taken == []


async def test_a_death_is_told_to_open_and_later_requests() -> None:
    router = Router(ScriptedTransport(), lambda _: None)
    before, after = list[Any](), list[Any]()
    await router.request("shell", "execute_request", {}, before.append)
    router.fail(KernelDeath(137))
    router.fail(KernelDeath(1, "too late"))
    await router.request("shell", "execute_request", {}, after.append)
    assert before == after == [KernelDeath(137)]


async def test_a_connection_that_fails_is_told_to_all_requests() -> None:
    """Else every request would hang, and nobody would know why."""
    transport, taken = ScriptedTransport(), list[Any]()
    router = Router(transport, lambda _: None)
    await router.request("shell", "execute_request", {}, taken.append)
    transport.fail(OSError("no more file descriptors"))
    [death] = taken
    assert "no more file descriptors" in str(death)
    assert router.death == death


async def test_closing_tells_whoever_still_waits() -> None:
    transport, taken = ScriptedTransport(), list[Any]()
    router = Router(transport, lambda _: None)
    await router.request("shell", "execute_request", {}, taken.append)
    router.close()
    assert [str(death) for death in taken] == ["it was ended"]
    assert transport.closed


DEATHS = {137: "SIGKILL, perhaps out of memory", 139: "SIGSEGV", 143: "SIGTERM", 3: "exit code 3", 255: "exit code 255"}


@pytest.mark.parametrize(("code", "words"), DEATHS.items())
def test_a_death_says_what_happened(code: int, words: str) -> None:
    assert str(KernelDeath(code)) == words
    assert str(KernelDeath(code, "it was ended")) == "it was ended"
