"""Pictures that come home: their bytes, and what they say of their size. Decodes none."""

import base64
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from kernel_executor.fetching.parcel import Malformed

MOST_PIXELS = 100_000_000
"""A page that shows more than that takes 400 MB."""

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"
SIZES_OF_JPEG = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
LONGEST_SIDE = 65_500


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that executed code has drawn; a notebook shows it.

    Args:
        mime: `image/png`, `image/jpeg` or `image/svg+xml`.
        data: The file.
        width: In pixels; 0 if that is not known.
        height: In pixels; 0 if that is not known.
    """

    mime: str
    data: bytes
    width: int = 0
    height: int = 0

    def __repr__(self) -> str:
        size = f" {self.width} × {self.height}" if self.width else ""  # noqa: RUF001
        return f"<Picture {self.mime.partition('/')[2]}{size}>"

    def save(self, path: str | Path) -> None:
        """Write it to a file."""
        Path(path).write_bytes(self.data)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        encoded = base64.b64encode(self.data).decode()
        if self.mime == "image/svg+xml":  # as a picture, so that nothing in it runs or is loaded
            return {"text/html": f'<img alt="" src="data:image/svg+xml;base64,{encoded}">', "text/plain": repr(self)}
        return {self.mime: encoded, "text/plain": repr(self)}


def check_picture(mime: str, data: memoryview) -> tuple[int, int]:
    """Look whether a file is a picture; return its width and height, 0 if it has none in pixels.

    Raises:
        Malformed: It is none, or has more pixels than a page can show.
    """
    match mime:
        case "image/png":
            width, height = _check_png(data)
        case "image/jpeg":
            width, height = _check_jpeg(data)
        case "image/svg+xml":
            width, height = _check_svg(data)
        case _:
            raise Malformed(f"{mime!r} is no kind of picture that is copied")
    if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
        raise Malformed(f"it is a picture of {width:,} × {height:,} pixels")  # noqa: RUF001
    return width, height


def _check_png(data: memoryview) -> tuple[int, int]:
    if bytes(data[:8]) != PNG:
        raise Malformed("it is no PNG")
    at, kinds, size = 8, list[bytes](), (0, 0)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, content = bytes(data[at + 4 : at + 8]), data[at + 8 : at + 8 + length]
        end = at + 12 + length
        if end > len(data) or zlib.crc32(content, zlib.crc32(kind)) != struct.unpack_from(">I", data, end - 4)[0]:
            raise Malformed("it is a PNG that is damaged")
        if kind == b"IHDR" and length == 13:
            size = struct.unpack_from(">II", content)
        kinds.append(kind)
        at = end
    if (
        kinds[:1] != [b"IHDR"]
        or kinds[-1:] != [b"IEND"]
        or at != len(data)
        or kinds.count(b"IHDR") != 1
        or not all(size)
    ):
        raise Malformed("it is a PNG that is damaged")
    return size


def _check_jpeg(data: memoryview) -> tuple[int, int]:
    at = 2
    if bytes(data[:2]) != JPEG:
        raise Malformed("it is no JPEG")
    while at + 9 <= len(data) and data[at] == 0xFF:
        kind, (length,) = data[at + 1], struct.unpack_from(">H", data, at + 2)
        if kind in SIZES_OF_JPEG:
            height, width = struct.unpack_from(">HH", data, at + 5)
            if width and height:
                return width, height
            break
        at += 2 + max(length, 2)
    raise Malformed("it is a JPEG that is damaged")


def _check_svg(data: memoryview) -> tuple[int, int]:
    try:
        text = str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("it is an SVG that is no text") from error
    if "<svg" not in text or "<!ENTITY" in text.upper():
        raise Malformed("it is no SVG, or one with entities")
    return 0, 0
