"""Pictures of executed code: which ones a model that sees is shown, and that everything else stays as it was."""

import struct
import zlib
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from codeagent_nb import CodeExecutorAgent, ReplayChatCompletionClient
from codeagent_nb.events import (
    AgentEvent,
    CodeExecutionEvent,
    MessageAddedEvent,
    ModelReplyEvent,
    RetryDecisionEvent,
    TextMessage,
)
from codeagent_nb.models.openai.wire import to_wire
from codeagent_nb.models.types import Image, LLMMessage, ModelInfo, RequestUsage, UserMessage
from codeagent_nb.prompt.images import MAX_IMAGE_CHARACTERS, MAX_IMAGES, images_of, shown
from codeagent_nb.prompt.transcript import prompt
from kernel_executor import BlockResult, CodeBlock, CodeResult
from kernel_executor.replay import ReplayCodeExecutor

SEES: ModelInfo = {"vision": True, "json_output": True, "structured_output": True}


def png(shade: int = 0, padding: int = 0) -> str:
    """A picture of one pixel, with a comment of any length in it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes([0, shade])))
    comment = chunk(b"tEXt", b"Comment\0" + b"x" * padding)
    return b64encode(b"\x89PNG\r\n\x1a\n" + header + comment + pixels + chunk(b"IEND", b"")).decode()


JPEG = b64encode(b"\xff\xd8\xff\xe0 anything \xff\xd9").decode()


def plot(data: object, mime: str = "image/png") -> dict[str, Any]:
    return {"output_type": "display_data", "data": {mime: data, "text/plain": "<Figure>"}, "metadata": {}}


def result(*outputs: dict[str, Any]) -> CodeResult:
    return CodeResult(0, "", (BlockResult(block=CodeBlock("x"), status="ok", exit_code=0, outputs=outputs),))


def executed(*outputs: dict[str, Any]) -> CodeExecutionEvent:
    return CodeExecutionEvent(source="coder", retry_attempt=0, result=result(*outputs))


def pictures(messages: Sequence[LLMMessage]) -> list[str]:
    return [image.data for message in messages if isinstance(message, UserMessage) for image in message.images]


# Which


def test_pictures_are_taken_in_their_order() -> None:
    text = {"output_type": "stream", "name": "stdout", "text": "1"}
    found = images_of(result(plot(png(1)), text, plot(JPEG, "image/jpeg"), plot(png(2))))
    assert [image.mime for image in found] == ["image/png", "image/jpeg", "image/png"]
    assert [image.data for image in found] == [png(1), JPEG, png(2)]


def test_a_picture_of_two_kinds_is_one() -> None:
    both = plot(png())
    both["data"]["image/jpeg"] = JPEG
    assert [image.mime for image in images_of(result(both))] == ["image/png"]


@pytest.mark.parametrize("data", [png() + "\n", [png()[:40] + "\n", png()[40:]]], ids=["line end", "lines"])
def test_lines_of_base64_are_one_picture(data: object) -> None:
    assert [image.data for image in images_of(result(plot(data)))] == [png()]


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        ("iVBOR" * 10, "image/png"),
        (png()[:-12], "image/png"),
        (JPEG, "image/png"),
        (png(), "image/jpeg"),
        ("päng", "image/png"),
        ("", "image/png"),
        (None, "image/png"),
        ({"not": "text"}, "image/png"),
        ("<svg/>", "image/svg+xml"),
        (b64encode(b"GIF89a").decode(), "image/gif"),
    ],
)
def test_what_no_model_can_read_is_left_out(data: object, mime: str) -> None:
    assert images_of(result(plot(data, mime))) == ()


def test_a_picture_that_is_too_big_is_left_out() -> None:
    assert images_of(result(plot(png(padding=MAX_IMAGE_CHARACTERS)))) == ()


# Which of them are sent


def seen(*pictures: str) -> UserMessage:
    return UserMessage(content="x", images=tuple(Image(mime="image/png", data=data) for data in pictures))


def test_one_who_cannot_see_is_sent_none() -> None:
    assert shown([seen("a"), seen("b", "c")], vision=False) == [seen(), seen()]


def test_within_the_limits_nothing_changes() -> None:
    messages = [seen("a"), seen(*"b" * (MAX_IMAGES - 1))]
    assert shown(messages, vision=True) == messages


def test_beyond_the_number_the_newest_are_sent() -> None:
    messages = [seen("a", "b"), seen(*"c" * (MAX_IMAGES - 1))]
    assert shown(messages, vision=True) == [seen("b"), messages[1]]


def test_beyond_the_size_the_newest_are_sent() -> None:
    half = "x" * (MAX_IMAGE_CHARACTERS // 2)
    assert shown([seen("a"), seen("b", half), seen(half)], vision=True) == [seen(), seen(half), seen(half)]


# In a prompt


def replied(text: str) -> ModelReplyEvent:
    return ModelReplyEvent(
        source="coder", purpose="generate", content=text, finish_reason="stop", usage=RequestUsage(), duration=0
    )


LOG: list[AgentEvent] = [
    TextMessage(source="user", content="Plot it."),
    replied("```python\nplot()\n```"),
    executed(plot(png(7))),
]


def test_text_is_the_same_for_all() -> None:
    blind, seeing = (prompt(LOG, "reflect", "coder", "s", vision=vision) for vision in (False, True))
    assert [message.content for message in blind] == [message.content for message in seeing]
    assert "[image/png was shown to the user]" in blind[-1].content
    assert (pictures(blind), pictures(seeing)) == ([], [png(7)])


def test_messages_that_become_one_keep_their_pictures() -> None:
    again = RetryDecisionEvent(source="coder", retry_attempt=0, reason="bigger", retry=True)
    log = [*LOG, again, TextMessage(source="user", content="And now?")]
    last = prompt(log, "generate", "coder", None, vision=True)[-1]
    assert last.content.endswith("And now?")
    assert pictures([last]) == [png(7)]


def test_pictures_of_messages_that_become_one_stand_in_their_order() -> None:
    more = MessageAddedEvent(source="coder", message=seen("next"))
    last = prompt([*LOG, more], "generate", "coder", None, vision=True)[-1]
    assert pictures([last]) == [png(7), "next"]


async def ask_one_who(info: ModelInfo | None) -> ReplayChatCompletionClient:
    model = ReplayChatCompletionClient(["```python\nplot()\n```", "It rises."], model_info=info)
    executor = ReplayCodeExecutor(
        [BlockResult(block=CodeBlock("x"), status="ok", exit_code=0, outputs=(plot(png(7)),))]
    )
    await CodeExecutorAgent("coder", executor, model_client=model, approval="never").run(task="Plot it.")
    return model


@pytest.mark.parametrize(("info", "sent"), [(SEES, [png(7)]), (None, []), ({"vision": False}, [])])
async def test_a_model_is_shown_plots_if_it_can_see(info: ModelInfo | None, sent: list[str]) -> None:
    model = await ask_one_who(info)
    assert [pictures(call.messages) for call in model.create_calls] == [[], sent]


def test_pictures_are_sent_as_data_beside_the_text() -> None:
    [message] = to_wire([UserMessage(content="look", images=(Image(mime="image/jpeg", data=JPEG),))])
    assert message == {
        "role": "user",
        "content": [
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{JPEG}"}},
        ],
    }


async def test_a_plot_that_is_none_does_not_spoil_the_prompt(stage: Callable[..., Any]) -> None:
    broken = BlockResult(block=CodeBlock("x"), status="ok", exit_code=0, outputs=(plot("no base64"),))
    scene = stage(["```python\nplot()\n```", "Done."], [broken])
    await scene.agent.run(task="Plot it.")
    assert "[image/png was shown to the user]" in scene.model.create_calls[-1].messages[-1].content
