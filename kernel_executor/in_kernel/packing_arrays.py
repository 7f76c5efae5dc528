"""Packs arrays, NumPy's scalars and pictures, and writes Arrow files. Imports no library that the code has not."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .packing import Packing

ROWS = 65_536
"""Of a table, in one go."""

PLAIN = {
    "b1": "uint8",
    **{f"{kind}{size}": "{}int{}".format("u" * (kind == "u"), 8 * size) for kind in "iu" for size in (1, 2, 4, 8)},
    "f2": "float16",
    "f4": "float32",
    "f8": "float64",
    "M8": "int64",
    "m8": "int64",
}
"""Types of numbers, and the Arrow type of the same bytes."""

PICTURES = (("_repr_png_", "image/png"), ("_repr_jpeg_", "image/jpeg"), ("_repr_svg_", "image/svg+xml"))


def write_arrow(columns: list[Any], sink: Any) -> None:
    """Write columns of one length as an Arrow file: not compressed, for it is read once, and whole, on this machine.

    No threads: a kernel that has some cannot be forked, and its state not be kept.
    """
    import pyarrow

    table = pyarrow.table(columns, names=[str(number) for number in range(len(columns))])
    options = pyarrow.ipc.IpcWriteOptions(use_threads=False, unify_dictionaries=True)
    with pyarrow.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=max(ROWS, len(table)) if _has_one_chunk(table) else None)


def _has_one_chunk(table: Any) -> bool:
    return all(column.num_chunks <= 1 for column in table.columns)


def arrow() -> Any:
    """Return pyarrow, imported if it is installed.

    Raises:
        Refused: It is not.
    """
    from .packing import Refused

    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError:
        raise Refused("tables need pyarrow, and its kernel has none: install it there") from None
    return pyarrow


def packed(packing: Packing, value: Any, where: str, depth: int) -> Any:
    """Return an array, a scalar or a picture as JSON has it; None for all else."""
    numpy = sys.modules.get("numpy")
    kind = type(value)
    if numpy is not None:
        if kind is numpy.ndarray:
            return array(packing, value, where, depth)
        if kind is numpy.ma.MaskedArray and type(value.data) is numpy.ndarray:
            parts = [array(packing, each, where, depth) for each in (value.data, numpy.ma.getmaskarray(value))]
            return {"$": "masked_array", "parts": parts}
        is_number = isinstance(value, numpy.generic) and kind.__module__ == "numpy"
        if is_number and not value.dtype.hasobject and value.dtype.names is None:
            return {"$": "scalar", "dtype": value.dtype.str, "hex": value.tobytes().hex()}
    return picture(packing, value)


def array(packing: Packing, value: Any, where: str, depth: int) -> Any:
    """Return a NumPy array as JSON has it; of objects, each by itself."""
    import numpy

    from .packing import refuse

    if value.dtype == object:
        return {
            "$": "objects",
            "shape": list(value.shape),
            "items": packing.value(value.ravel().tolist(), where, depth),
        }
    if value.dtype.hasobject or value.dtype.kind == "T" or value.dtype.metadata:
        raise refuse(value, where, f"whose type {str(value.dtype)[:100]} is more than data")
    if not str(value.dtype).isascii():  # a format of its own, which is not read
        raise refuse(value, where, "whose fields have names that are not ASCII: rename them")
    packing.check_size(value.nbytes)
    return {
        "$": "array",
        "part": packing.part(
            lambda sink: numpy.lib.format.write_array(sink, numpy.asanyarray(value), allow_pickle=False)
        ),
    }


def numbers(packing: Packing, value: Any, where: str, depth: int) -> Any:
    """Return a column of a NumPy array: with Arrow's bytes where those are the same."""
    import numpy

    plain = PLAIN.get(value.dtype.str[1:3]) if value.dtype.isnative else None
    if plain is None or value.ndim != 1:
        return array(packing, value, where, depth)
    pyarrow = arrow()
    data = numpy.ascontiguousarray(value).view(numpy.dtype(plain if plain != "float16" else "f2"))
    kind = pyarrow.from_numpy_dtype(data.dtype)
    column = pyarrow.Array.from_buffers(kind, len(data), [None, pyarrow.py_buffer(data)])
    return {"$": "numbers", "dtype": value.dtype.str, "column": packing.column(column)}


def objects(packing: Packing, value: Any, where: str, depth: int) -> Any:
    """Return a column of objects: texts as Arrow has them, all else each by itself, so that none becomes another."""
    pyarrow = arrow()
    items = value.tolist()
    if set(map(type, items)) <= {str, type(None)}:
        try:
            column = pyarrow.array(items, pyarrow.large_string())
        except (ValueError, pyarrow.ArrowException):  # halves of characters
            pass
        else:
            return {"$": "texts", "column": packing.column(column)}
    cells = [json.dumps(each, allow_nan=False) for each in packing.values(items, where, depth)]
    return {"$": "cells", "column": packing.column(pyarrow.array(cells, pyarrow.large_string()))}


def picture(packing: Packing, value: Any) -> Any:
    """Return a picture as JSON has it; None if it is none."""
    image = sys.modules.get("PIL.Image")
    if image is not None and isinstance(value, image.Image):
        return pixels(packing, value)
    figure = sys.modules.get("matplotlib.figure")
    if figure is not None and isinstance(value, figure.Figure):
        drawn = io.BytesIO()
        value.savefig(drawn, format="png", bbox_inches="tight")
        return {"$": "picture", "mime": "image/png", "part": packing.part([drawn.getvalue()])}
    for method, mime in PICTURES:
        if getattr(type(value), method, None) is None:
            continue
        data = getattr(value, method)()
        data = data[0] if type(data) is tuple and data else data
        data = data.encode("utf-8", "replace") if type(data) is str else data
        if type(data) is bytes:
            return {"$": "picture", "mime": mime, "part": packing.part([data])}
    return None


def pixels(packing: Packing, value: Any) -> Any:
    """Return an image of Pillow's by its pixels, so that nobody has to decode a file of the code's."""
    if value.mode == "P":
        value = value.convert("RGBA" if "transparency" in value.info else "RGB")
    data = value.tobytes()
    return {"$": "pixels", "mode": value.mode, "size": list(value.size), "part": packing.part([data])}
