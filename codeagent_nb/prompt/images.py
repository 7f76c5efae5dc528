"""Which pictures of executed code a model is shown. Pure; knows outputs and messages, no model and no event."""

import binascii
from base64 import b64decode
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_args

from codeagent_nb.models.types import Image, ImageType, LLMMessage, UserMessage
from kernel_executor import CodeResult

MAX_IMAGES = 8
"""Shown with one prompt. Vendors count each as about a page of text."""

MAX_IMAGE_CHARACTERS = 8_000_000
"""Base64 shown with one prompt, all pictures together; vendors refuse requests of 20 MB and more."""

_ENDS: dict[ImageType, tuple[bytes, bytes]] = {
    "image/png": (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
    "image/jpeg": (b"\xff\xd8\xff", b"\xff\xd9"),
}


def images_of(result: CodeResult) -> tuple[Image, ...]:
    """Return the pictures that executed code showed, in order; one of two kinds is taken where both are there.

    What only says that it is a picture is left out: a server that cannot read it refuses the whole prompt, and every
    later one of the conversation.
    """
    bundles = (output.get("data", {}) for block in result.blocks for output in (*block.outputs, *block.late))
    return tuple(image for bundle in bundles for image in _image_in(bundle))


def _image_in(bundle: dict[str, Any]) -> Iterator[Image]:
    for mime in get_args(ImageType):
        data = _base64(bundle.get(mime, ""))
        if len(data) <= MAX_IMAGE_CHARACTERS and _is_whole(data, mime):
            yield Image(mime=mime, data=data)
            return


def _base64(value: object) -> str:
    """A notebook may hold a long text as a list of lines."""
    text = "".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(text.split())


def _is_whole(data: str, mime: ImageType) -> bool:
    try:
        content = b64decode(data, validate=True)
    except (binascii.Error, ValueError):  # not base64; not even ASCII
        return False
    start, end = _ENDS[mime]
    return content.startswith(start) and content.rstrip(b"\0").endswith(end)


def shown(messages: Sequence[LLMMessage], *, vision: bool) -> list[LLMMessage]:
    """Return messages with the pictures the model is to see: none if it cannot see, else the newest within the limits.

    Their texts stay: what one who cannot see is told of a picture is true for all. As long as the limits are not
    reached nothing that was sent is changed, so that the server's prefix cache holds (design D15); beyond them each
    new picture costs the cache from the message on that loses its oldest.
    """
    kept = set(_newest(messages)) if vision else set()
    return [_with_images(message, index, kept) for index, message in enumerate(messages)]


def _newest(messages: Sequence[LLMMessage]) -> Iterable[tuple[int, int]]:
    """Yield where the pictures to be shown stand."""
    room = MAX_IMAGE_CHARACTERS
    places = [(index, place) for index, message in enumerate(messages) for place in range(len(_images(message)))]
    for index, place in reversed(places[-MAX_IMAGES:]):
        room -= len(_images(messages[index])[place].data)
        if room < 0:
            return
        yield index, place


def _images(message: LLMMessage) -> tuple[Image, ...]:
    return message.images if isinstance(message, UserMessage) else ()


def _with_images(message: LLMMessage, index: int, kept: set[tuple[int, int]]) -> LLMMessage:
    images = tuple(image for place, image in enumerate(_images(message)) if (index, place) in kept)
    return message if images == _images(message) else message.model_copy(update={"images": images})
