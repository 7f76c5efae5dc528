"""Messages as a server's websocket carries them, and what is refused of them."""

import json
import struct
from typing import Any

import pytest
from hypothesis import given, strategies as st
from jupyter_server.services.kernels.connection.base import (
    deserialize_binary_message,
    deserialize_msg_from_ws_v1,
    serialize_binary_message,
    serialize_msg_to_ws_v1,
)

from kernel_executor.in_kernel.sent import NUMBER
from kernel_executor.outputs.message import LOST_OUTPUT, LOST_REPLY
from kernel_executor.remote.wire import pack, unpack
from kernel_executor.sockets.assembler import MessageLimits

LIMITS = MessageLimits()


def message(kind: str = "stream", content: Any = None, **changes: Any) -> dict[str, Any]:
    return {
        "header": {"msg_id": "m", "msg_type": kind},
        "parent_header": {"msg_id": "p"},
        "metadata": {},
        "content": {"name": "stdout", "text": "hé\n"} if content is None else content,
        **changes,
    }


def as_v1(told: dict[str, Any], channel: str = "iopub", buffers: tuple[bytes, ...] = ()) -> bytes:
    """As jupyter_server itself writes it."""
    names = ("header", "parent_header", "metadata", "content")
    parts = [json.dumps(told[name]).encode() for name in names]
    return bytes(serialize_msg_to_ws_v1([*parts, *buffers], channel))


def as_legacy(told: dict[str, Any], channel: str = "iopub", buffers: tuple[bytes, ...] = ()) -> str | bytes:
    whole = {**told, "channel": channel, "buffers": list(buffers)}
    return bytes(serialize_binary_message(whole)) if buffers else json.dumps(whole)


FORMS = {
    "v1": (as_v1, True, ()),
    "v1 with buffers": (as_v1, True, (b"\0" * 9, b"")),
    "legacy": (as_legacy, False, ()),
    "legacy with buffers": (as_legacy, False, (b"\0" * 9, b"xy")),
    "legacy where v1 was asked for": (as_legacy, False, ()),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_message_is_read_in_every_form_that_servers_write(form: str) -> None:
    write, v1, buffers = FORMS[form]
    received = unpack(write(message(metadata={NUMBER: 3}), "iopub", buffers), LIMITS, v1=v1)  # type: ignore[operator]
    assert received
    assert (received.id, received.number) == ("m", 3)
    read = received.message
    assert (read.channel, read.type, read.parent_id) == ("iopub", "stream", "p")
    assert read.content == {"name": "stdout", "text": "hé\n"}


def test_a_request_is_written_as_the_server_reads_it() -> None:
    request = message("execute_request", {"code": "é"})
    channel, [*parts] = deserialize_msg_from_ws_v1(pack("shell", request, v1=True))
    assert channel == "shell"
    parts, buffers = parts[:4], parts[4:]
    assert set(buffers) == {b""}
    assert [json.loads(part) for part in parts] == [
        request[name] for name in ("header", "parent_header", "metadata", "content")
    ]
    assert json.loads(pack("control", request, v1=False)) == {**request, "channel": "control", "buffers": []}


def test_the_servers_own_reader_agrees_about_buffers() -> None:
    binary = as_legacy(message(), "iopub", (b"abc",))
    assert deserialize_binary_message(binary)["buffers"] == [b"abc"]


def test_a_request_that_a_server_reads_in_the_wrong_protocol_is_an_error_and_no_gigabytes() -> None:
    with pytest.raises(IndexError):
        deserialize_binary_message(pack("shell", message("execute_request", {"code": "1"}), v1=True))


BAD: dict[str, str | bytes] = {
    "nothing": b"",
    "a few bytes": b"\1\2\3",
    "more parts than bytes": struct.pack("<Q", 7),
    "as many parts as can be said": struct.pack("<Q", 2**64 - 1) + b"x" * 80,
    "one part": struct.pack("<QQ", 1, 16) + b"shell",
    "offsets outside": struct.pack("<7Q", 6, 10**9, 10**9, 10**9, 10**9, 10**9, 10**9),
    "offsets that go back": struct.pack("<7Q", 6, 70, 60, 50, 40, 30, 20) + b"{}" * 40,
    "no JSON": as_v1(message()).replace(b'"msg_type"', b'"msg_type'),
    "a header that is a list": as_v1(message(header=[])),
    "a header without a type": as_v1(message(header={"msg_id": "m"})),
    "a channel that nobody has": as_v1(message(), "stdin"),
    "a header longer than any": as_v1(message(header={"msg_type": "stream", "msg_id": "x" * 100_000})),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_message_is_passed_over(name: str) -> None:
    assert unpack(BAD[name], LIMITS, v1=True) is None


BAD_LEGACY: dict[str, str | bytes] = {
    "nothing": "",
    "a number": "1",
    "a list": "[]",
    "no header": json.dumps({"channel": "iopub", "content": {}}),
    "a header that is null": json.dumps({"channel": "iopub", "header": None}),
    "no channel": json.dumps(message()),
    "deeper than can be read": "[" * 100_000,
    "binary that ends": struct.pack("!I", 2),
    "binary with offsets outside": struct.pack("!III", 2, 10**9, 2 * 10**9),
    "binary of no part": struct.pack("!II", 0, 0),
}


@pytest.mark.parametrize("name", BAD_LEGACY)
def test_what_is_no_message_of_the_older_protocol_is_passed_over(name: str) -> None:
    assert unpack(BAD_LEGACY[name], LIMITS, v1=False) is None


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_are_a_fault(data: bytes, v1: bool) -> None:
    unpack(data, LIMITS, v1=v1)


@given(st.text(max_size=200))
def test_no_text_is_a_fault(text: str) -> None:
    unpack(text, LIMITS, v1=False)
    unpack(text, LIMITS, v1=True)


@pytest.mark.parametrize("v1", [True, False])
@pytest.mark.parametrize("kind", [LOST_REPLY, LOST_OUTPUT])
@pytest.mark.parametrize("channel", ["shell", "iopub"])
def test_a_kernel_cannot_say_that_its_reply_was_lost(kind: str, channel: str, v1: bool) -> None:
    told = message(kind, {"reason": "made up"})
    assert unpack((as_v1 if v1 else as_legacy)(told, channel), LIMITS, v1=v1) is None


@pytest.mark.parametrize("form", ["v1", "legacy"])
def test_a_content_that_is_too_much_is_left_out_and_its_message_stays(form: str) -> None:
    write, v1, _ = FORMS[form]
    limits = MessageLimits(display=200_000, text=1_000)
    long = message(content={"name": "stdout", "text": "x" * 5_000})
    received = unpack(write(long), limits, v1=v1)  # type: ignore[operator]
    assert received
    assert received.message.is_left_out
    assert received.message.weight > 1_000


def test_numbers_that_are_none_do_not_count() -> None:
    for number in (True, -1, "3", None, 1.5, [], {}):
        received = unpack(as_v1(message(metadata={NUMBER: number})), LIMITS, v1=True)
        assert received
        assert received.number is None
