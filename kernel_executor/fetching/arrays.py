"""NumPy's arrays of a parcel: checked, and copied out of it. Imports NumPy where it is used."""

import io
import math
import re
from collections.abc import Mapping
from typing import Any

from kernel_executor.fetching.parcel import Malformed
from kernel_executor.fetching.values import NotHere, Reader, integers, text
from kernel_executor.in_kernel.packing_arrays import PLAIN

DTYPE = re.compile(r"[<>|=]?(?:[biufcSUV]\d{1,9}|[mM]8(?:\[\d{0,9}[a-zA-Zμ]{1,7}\])?)")
"""Types of scalars and columns as NumPy writes them: no objects, no fields."""

LONGEST_HEADER = 10_000
MOST_DIMENSIONS = 64


def numpy_here() -> Any:
    """Return NumPy.

    Raises:
        NotHere: It is not installed.
    """
    try:
        import numpy
    except ImportError:
        raise NotHere("numpy") from None
    return numpy


def dtype_of(told: Any) -> Any:
    """Return a type of numbers.

    Raises:
        Malformed: It is none.
    """
    if not DTYPE.fullmatch(text(told, 60)):
        raise Malformed(f"{told!r} is no type of numbers")
    return numpy_here().dtype(told)


def read_npy(data: memoryview) -> Any:
    """Return the array of an `.npy` file as a view of it; a file that says it holds more, or less, is refused.

    Raises:
        Malformed: It is no such file, or holds objects.
        ValueError: The same.
    """
    numpy = numpy_here()
    file = io.BytesIO(data[: LONGEST_HEADER + 64])
    version = numpy.lib.format.read_magic(file)
    read = {
        (1, 0): numpy.lib.format.read_array_header_1_0,
        (2, 0): numpy.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise Malformed(f"an array is of version {version}")
    shape, is_fortran, dtype = read(file, max_header_size=LONGEST_HEADER)
    if dtype.hasobject or dtype.itemsize == 0 or dtype.kind == "T":
        raise Malformed(f"an array is of type {str(dtype)[:100]}")
    if len(shape) > MOST_DIMENSIONS or any(type(size) is not int or size < 0 for size in shape):
        raise Malformed("an array has no shape")
    content = data[file.tell() :]
    if math.prod(shape) * dtype.itemsize != len(content):
        raise Malformed(f"an array of shape {shape} has {len(content)} bytes")
    if not len(content):
        return numpy.empty(shape, dtype)
    flat = numpy.frombuffer(content, dtype)
    return flat.reshape(shape, order="F" if is_fortran else "C")


def array(told: Mapping[str, Any], reader: Reader) -> Any:
    """Return an array that is a copy."""
    found = read_npy(reader.part(told["part"]))
    reader.spend(found.nbytes)
    return found.copy(order="K")


def objects(told: Mapping[str, Any], reader: Reader) -> Any:
    """Return an array of objects."""
    numpy = numpy_here()
    shape, items = integers(told["shape"]), reader.values(told["items"])
    if len(shape) > MOST_DIMENSIONS or min(shape, default=0) < 0 or math.prod(shape) != len(items):
        raise Malformed("an array of objects has another shape")
    made = numpy.empty(len(items), dtype=object)
    for place, item in enumerate(items):
        made[place] = item
    return made.reshape(shape)


def scalar(told: Mapping[str, Any], reader: Reader) -> Any:
    """Return a number of NumPy's."""
    data, dtype = bytes.fromhex(text(told["hex"], 100_000)), dtype_of(told["dtype"])
    reader.spend(len(data))
    if len(data) != dtype.itemsize:
        raise Malformed("a number has other bytes")
    if not data:
        return dtype.type()
    return numpy_here().frombuffer(data, dtype)[0]


def masked(told: Mapping[str, Any], reader: Reader) -> Any:
    """Return an array in which values are missing."""
    numpy = numpy_here()
    data, mask = reader.values(told["parts"])
    if type(data) is not numpy.ndarray or type(mask) is not numpy.ndarray or mask.dtype != bool:
        raise Malformed("an array with a mask has none")
    return numpy.ma.MaskedArray(data, mask)


def numbers_of(column: Any, dtype: Any) -> Any:
    """Copy a column of an Arrow table into an array of the same bytes.

    Args:
        column: Of pyarrow's, in chunks.
        dtype: Type of the array.

    Raises:
        Malformed: Its bytes are others.
    """
    numpy = numpy_here()
    plain = numpy.dtype(PLAIN.get(dtype.str[1:3]) or "O")
    if not dtype.isnative or plain.hasobject or str(column.type) != _arrow_name(plain) or column.null_count:
        raise Malformed(f"a column of type {column.type} is no {dtype}")
    made, at = numpy.empty(len(column), plain), 0
    for chunk in column.chunks:
        if len(chunk):
            data = numpy.frombuffer(chunk.buffers()[1], plain)
            made[at : at + len(chunk)] = data[chunk.offset : chunk.offset + len(chunk)]
            at += len(chunk)
    return made != 0 if dtype.kind == "b" else made.view(dtype)


def _arrow_name(plain: Any) -> str:
    return {"float16": "halffloat", "float32": "float", "float64": "double"}.get(plain.name, str(plain.name))


def pixels(told: Mapping[str, Any], reader: Reader) -> Any:
    """Return an image of Pillow's; where that is not installed, an array of its pixels."""
    mode, (width, height) = text(told["mode"], 10), integers(told["size"], 2)
    data = reader.part(told["part"])
    reader.spend(len(data))
    if mode not in BYTES or min(width, height) < 0 or _size(mode, width, height) != len(data):
        raise Malformed("an image has other pixels")
    try:
        from PIL import Image
    except ImportError:
        reader.notes.append("the image came as an array, for Pillow is not installed here")
        return numpy_here().frombuffer(bytes(data), "u1").copy()
    return Image.frombytes(mode, (width, height), bytes(data))


BYTES = {
    "1": 0,
    "L": 1,
    "LA": 2,
    "La": 2,
    "PA": 2,
    "RGB": 3,
    "YCbCr": 3,
    "LAB": 3,
    "HSV": 3,
    "RGBA": 4,
    "RGBa": 4,
    "CMYK": 4,
    "I": 4,
    "F": 4,
    "I;16": 2,
}
"""Bytes of a pixel, by the mode of an image; one of mode 1 has a bit."""


def _size(mode: str, width: int, height: int) -> int:
    return (width + 7) // 8 * height if mode == "1" else BYTES[mode] * width * height
