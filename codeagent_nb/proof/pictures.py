"""Owns when two pictures are the same: by their pixels, not by the bytes they are packed in. Imports Pillow when asked.

A picture in a notebook may be anybody's: only the formats that notebooks show are read, and none that is too large.
"""

import base64
import binascii
import io
import warnings
from collections.abc import Iterator, Sequence
from itertools import count, zip_longest
from typing import Any

MOST_PIXELS = 50_000_000

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")

LEVELS = 8
"""Of 255: a pixel that differs by no more is the same, as compressed pictures need."""


class UnreadablePicture(Exception):  # noqa: N818 - named after the state
    """A picture cannot be looked at; the text says why."""


def compare_pictures(saved: str, now: str) -> str:
    """Return how a saved picture, in base64, differs from what a replay has shown; nothing if they are the same.

    Raises:
        UnreadablePicture: They are not the same bytes, and their pixels cannot be looked at.
    """
    one, other = _bytes(saved), _bytes(now)
    if one == other:
        return ""
    for number, (first, second) in enumerate(zip_longest(_frames(one), _frames(other)), start=1):
        if first is None or second is None:
            return f"{'the replay' if first is None else 'the notebook'} has more than {number - 1} frames"
        if first.size != second.size:
            return f"the size is {_size(first.size)}, and was {_size(second.size)} in the replay"
        if differing := _differing(first, second):
            where = f" in frame {number}" if number > 1 else ""
            return f"{differing:,} of {first.size[0] * first.size[1]:,} pixels differ{where}"
    return ""


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnreadablePicture("a picture is not valid base64") from error


def _frames(content: bytes) -> Iterator[Any]:
    """Yield the pixels of each frame: a picture may move."""
    picture = _opened(content)
    size = picture.size[0] * picture.size[1]
    for number in count():
        if number and (number + 1) * size > MOST_PIXELS:
            raise UnreadablePicture(f"the frames of a picture have more than {MOST_PIXELS:,} pixels")
        if (frame := _frame(picture, number)) is None:
            return
        yield frame


def _frame(picture: Any, number: int) -> Any:
    """Return the pixels of a frame; None after the last."""
    try:
        if number:
            picture.seek(number)
        return picture.convert("RGBA")
    except EOFError:
        return None
    except Exception as error:  # as below
        raise UnreadablePicture(f"a picture cannot be read ({type(error).__name__})") from error


def _opened(content: bytes) -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise UnreadablePicture("pixels are compared with Pillow, which is not installed") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(content), formats=FORMATS)
            if picture.size[0] * picture.size[1] <= MOST_PIXELS:
                return picture
    # Whatever a decoder makes of bytes that are anybody's: it has raised SyntaxError, struct.error, and more.
    except Exception as error:
        raise UnreadablePicture(f"a picture cannot be read ({type(error).__name__})") from error
    raise UnreadablePicture(f"a picture has more than {MOST_PIXELS:,} pixels")


def _differing(first: Any, second: Any) -> int:
    from PIL import ImageChops

    bands = ImageChops.difference(first, second).split()
    most = bands[0]
    for band in bands[1:]:
        most = ImageChops.lighter(most, band)
    return int(sum(most.histogram()[LEVELS + 1 :]))


def _size(size: Sequence[int]) -> str:
    return f"{size[0]} by {size[1]}"
