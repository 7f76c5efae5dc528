"""Messages put together from pieces of frames: what is signed and small enough, and nothing else is kept."""

import json
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st
from jupyter_client.session import Session

from kernel_executor.outputs.message import Channel, Message
from kernel_executor.sockets import zmtp
from kernel_executor.sockets.assembler import MAX_PARTS, Assembler, MessageLimits

SESSION = Session(key=b"a key")
EMPTY = b"{}"


def frames(kind: str, content: Any, metadata: bytes = EMPTY, parent: bytes = b'{"msg_id": "p"}') -> list[bytes]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    parts = [json.dumps({"msg_type": kind}).encode(), parent, metadata, body]
    return [b"topic", b"<IDS|MSG>", SESSION.sign(parts), *parts]


def assembled(stream: bytes, channel: Channel = "iopub", chunk: int = 65_536) -> list[Message]:
    decoder, assembler = zmtp.Decoder(), Assembler(channel, b"a key", MessageLimits())
    found = [
        assembler.take(*piece)
        for at in range(0, len(stream), chunk)
        for piece in decoder.pieces(stream[at : at + chunk])
    ]
    return [message for message in found if message]


def one(sent: Sequence[bytes], channel: Channel = "iopub") -> Message:
    [message] = assembled(zmtp.message(sent), channel)
    return message


@given(st.integers(1, 400), st.lists(st.text(max_size=60), max_size=4))
def test_messages_come_whole_however_the_stream_is_cut(chunk: int, texts: list[str]) -> None:
    stream = b"".join(zmtp.message(frames("stream", {"text": text})) for text in texts)
    assert [message.content["text"] for message in assembled(stream, chunk=chunk)] == texts


@pytest.mark.parametrize("command", [b"\x04PING\x00\x00", b""], ids=["ping", "empty"])
def test_a_command_in_mid_conversation_ends_the_connection(command: bytes) -> None:
    """A flood of empty ones gave nobody else a turn: none of them is a message."""
    sent = bytes([zmtp.COMMAND, len(command)]) + command
    with pytest.raises(zmtp.ProtocolError, match="a command in mid-conversation"):
        assembled(zmtp.message(frames("stream", {})) + sent)


def test_a_large_display_comes_whole() -> None:
    picture = "x" * 5_000_000
    message = one(frames("display_data", {"data": {"image/png": picture}}))
    assert 5_000_000 < message.weight < 5_001_000
    assert message.content["data"]["image/png"] == picture


def test_metadata_and_buffers_are_not_kept() -> None:
    nested = b"[" + b"[]," * 5_000_000 + b"[]]"
    message = one([*frames("stream", {"text": "x"}, metadata=nested), b"x" * 9_000_000, b""])
    assert message.content == {"text": "x"}


@pytest.mark.parametrize("kind", ["comm_msg", "comm_open", "no_such_type", "execute_reply", "x" * 60_000])
def test_what_nobody_reads_is_not_kept(kind: str) -> None:
    message = one(frames(kind, {"data": "x" * 9_000_000}))
    assert message.is_left_out
    assert message.content == {}
    assert sys.getsizeof(message.body) < 100


def test_a_content_that_is_too_heavy_is_told_without_it() -> None:
    message = one(frames("display_data", b'{"data": ' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}"))
    assert (message.is_left_out, message.parent_id) == (True, "p")
    assert message.weight == 2_000_010


def test_a_reply_that_is_too_heavy_answers_nothing() -> None:
    assert one(frames("execute_reply", {"status": "ok"}), "shell").is_reply
    assert not one(frames("execute_reply", {"status": "ok", "payload": "x" * 9_000_000}), "shell").is_reply


NO_MESSAGES = {
    "a huge type": frames("x" * 70_000, {}),
    "a huge parent": frames("stream", {}, parent=b'{"msg_id": "' + b"x" * 70_000 + b'"}'),
    "a header that is no JSON": [*frames("stream", {})[:3], b"{", EMPTY, EMPTY, EMPTY],
    "a huge signature": [b"t", b"<IDS|MSG>", b"0" * 1_000_000, *frames("stream", {})[3:]],
    "a wrong signature": [b"t", b"<IDS|MSG>", b"0" * 64, *frames("stream", {})[3:]],
    "no signature": [b"t", b"<IDS|MSG>"],
    "no content": frames("stream", {})[:-1],
    "no delimiter": [b"x"] * 9_000,
    "a huge topic": [b"x" * 1_000_000, *frames("stream", {})[1:]],
    "other metadata than are signed": [*frames("stream", {})[:5], b"[]", EMPTY],
}


@pytest.mark.parametrize("sent", NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_what_is_no_message_is_passed_over(sent: list[bytes]) -> None:
    stream = zmtp.message(sent) + zmtp.message(frames("stream", {"text": "next"}))
    assert [message.content for message in assembled(stream)] == [{"text": "next"}]


UNREADABLE = {
    "no JSON": b"{",
    "no UTF-8, long": b'{"text": "' + b"\xff" * 1_000_000 + b'"}',
    "a list": b"[]",
    "an endless number": b'{"a": ' + b"1" * 450 + b"e" + b"9" * 40 + b"x}",
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_a_content_that_cannot_be_read_is_empty(content: bytes) -> None:
    assert one(frames("stream", content)).content == {}


def test_a_big_integer_is_left_out() -> None:
    assert one(frames("display_data", b'{"data": {"a/b": 1' + b"0" * 100_000 + b"}}")).is_left_out


def test_lone_surrogates_and_bad_bytes_become_question_marks() -> None:
    assert one(frames("stream", b'{"text": "\\ud800", "\\uDFFF": 1}')).content == {"text": "?", "?": 1}
    assert one(frames("stream", b'{"text": "\xff"}')).content == {"text": "�"}


@pytest.mark.parametrize(
    "sent", [[b""] * (MAX_PARTS + 1), [*frames("stream", {}), *[b""] * MAX_PARTS], [b"x" * 150_000_000] * 2]
)
def test_a_message_without_end_ends_the_connection(sent: list[bytes]) -> None:
    with pytest.raises(zmtp.ProtocolError, match="more than 10,000 parts or 200,000,000 bytes"):
        assembled(zmtp.message(sent))


def test_a_frame_without_end_ends_the_connection() -> None:
    with pytest.raises(zmtp.ProtocolError, match="1,000,000,000"):
        assembled(bytes([zmtp.LONG]) + (10**9).to_bytes(8, "big"))


def test_buffers_of_a_widget_are_kept_with_it() -> None:
    message = one([*frames("comm_msg", {"comm_id": "a"}), b"first", b"", b"x" * 1_000_000])
    assert message.content == {"comm_id": "a"}
    assert message.buffers == (b"first", b"", b"x" * 1_000_000)
    assert message.weight > 1_000_000


def test_buffers_that_are_too_much_are_not_kept_and_none_of_the_others() -> None:
    message = one([*frames("comm_open", {"comm_id": "a"}), b"first", b"x" * 9_000_000, b"last"])
    assert (message.content, message.buffers) == ({"comm_id": "a"}, ())
