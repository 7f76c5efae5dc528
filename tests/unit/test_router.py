"""The router: every message to the request that caused it, whatever the order."""

import asyncio
from typing import Any

import pytest

from kernel_executor.router import CONNECTION_LOST, KernelDeath, Router
from kernel_executor.wire import Channel, Message


class ScriptedTransport:
    """A transport whose incoming messages the test puts in; a second implementation of the protocol."""

    def __init__(self) -> None:
        self.sent: list[tuple[Channel, str, str, dict[str, Any]]] = []
        self.closed = False
        self._incoming: dict[Channel, asyncio.Queue[Message | Exception]] = {
            channel: asyncio.Queue() for channel in ("shell", "control", "iopub")
        }

    async def send(self, channel: Channel, msg_type: str, msg_id: str, content: dict[str, Any]) -> None:
        self.sent.append((channel, msg_type, msg_id, content))

    async def receive(self, channel: Channel) -> Message:
        message = await self._incoming[channel].get()
        if isinstance(message, Exception):
            raise message
        return message

    def close(self) -> None:
        self.closed = True

    def put(self, channel: Channel, kind: str, parent_id: str, **content: Any) -> None:
        self._incoming[channel].put_nowait(Message(channel, kind, parent_id, content))

    def fail(self, channel: Channel, error: Exception) -> None:
        self._incoming[channel].put_nowait(error)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_messages_of_interleaved_requests_go_to_their_own() -> None:
    """Two stock-client calls at once steal each other's messages (3 of 3 trials)."""
    transport, orphans = ScriptedTransport(), []
    router = Router(transport, orphans.append)
    one, inbox_one = await router.request("shell", "execute_request", {})
    two, inbox_two = await router.request("shell", "execute_request", {})
    for number, parent in enumerate([one, two, two, one]):
        transport.put("iopub", "stream", parent, text=str(number))
    transport.put("shell", "execute_reply", two)
    await settle()
    got = [[message.content.get("text", message.type) for message in drain(inbox)] for inbox in (inbox_one, inbox_two)]
    assert [sorted(texts) for texts in got] == [["0", "3"], ["1", "2", "execute_reply"]]
    assert orphans == []
    assert [sent[:3] for sent in transport.sent] == [("shell", "execute_request", id_) for id_ in (one, two)]
    await router.aclose()
    assert transport.closed


def drain(inbox: "asyncio.Queue[Any]") -> list[Any]:
    return [inbox.get_nowait() for _ in range(inbox.qsize())]


async def test_reply_and_idle_come_in_either_order() -> None:
    transport = ScriptedTransport()
    router = Router(transport, lambda _: None)
    msg_id, inbox = await router.request("shell", "execute_request", {})
    transport.put("iopub", "status", msg_id, execution_state="idle")
    await settle()
    transport.put("shell", "execute_reply", msg_id, status="ok")
    await settle()
    idle, reply = drain(inbox)
    assert (idle.is_idle, idle.is_reply, reply.is_idle, reply.is_reply) == (True, False, False, True)
    await router.aclose()


async def test_what_nobody_waits_for_is_an_orphan() -> None:
    transport, orphans = ScriptedTransport(), []
    router = Router(transport, orphans.append)
    msg_id, inbox = await router.request("shell", "execute_request", {})
    router.release(msg_id)
    router.release(msg_id)
    transport.put("iopub", "stream", msg_id, text="late")
    transport.put("iopub", "stream", "", text="nobody's")
    await settle()
    assert [orphan.content["text"] for orphan in orphans] == ["late", "nobody's"]
    assert inbox.empty()
    await router.aclose()


async def test_a_death_is_told_to_open_and_later_requests() -> None:
    router = Router(ScriptedTransport(), lambda _: None)
    _, before = await router.request("shell", "execute_request", {})
    router.fail(KernelDeath(137))
    router.fail(KernelDeath(1, "too late"))
    _, after = await router.request("shell", "execute_request", {})
    assert drain(before) == drain(after) == [KernelDeath(137)]
    await router.aclose()


@pytest.mark.parametrize("channel", ["shell", "control", "iopub"])
async def test_a_reader_that_fails_is_told_to_all_requests(channel: Channel) -> None:
    """Else every request would hang, and nobody would know why."""
    transport = ScriptedTransport()
    router = Router(transport, lambda _: None)
    _, inbox = await router.request("shell", "execute_request", {})
    transport.fail(channel, OSError("no more file descriptors"))
    await settle()
    [death] = drain(inbox)
    assert "no more file descriptors" in str(death)
    assert router.death == death
    await router.aclose()


async def test_an_orphans_taker_that_raises_is_told_too() -> None:
    def raise_it(_: Message) -> None:
        raise ValueError("broken")

    transport = ScriptedTransport()
    router = Router(transport, raise_it)
    _, inbox = await router.request("shell", "execute_request", {})
    transport.put("iopub", "stream", "other")
    await settle()
    assert "broken" in str(drain(inbox)[0])
    await router.aclose()


async def test_closing_tells_whoever_still_waits() -> None:
    router = Router(ScriptedTransport(), lambda _: None)
    _, inbox = await router.request("shell", "execute_request", {})
    await router.aclose()
    assert [str(death) for death in drain(inbox)] == ["it was ended"]
    assert CONNECTION_LOST not in str(router.death)


DEATHS = {137: "SIGKILL, perhaps out of memory", 139: "SIGSEGV", 143: "SIGTERM", 3: "exit code 3", 255: "exit code 255"}


@pytest.mark.parametrize(("code", "words"), DEATHS.items())
def test_a_death_says_what_happened(code: int, words: str) -> None:
    assert str(KernelDeath(code)) == words
    assert str(KernelDeath(code, "it was ended")) == "it was ended"
