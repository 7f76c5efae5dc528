"""Parcels as code would write them that wants to harm whoever reads them. Each is named by what it tries."""

import io
import json
import pickle
import struct
import sys
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from kernel_executor.in_kernel.packing import FIRST, MAGIC, PLACES

RUNS = "__import__('pathlib').Path('{marker}').touch()"


class Runs:
    """An object whose pickle runs code."""

    def __init__(self, marker: str) -> None:
        self._code = RUNS.format(marker=marker)

    def __reduce__(self) -> Any:
        return eval, (self._code,)


def parcel(value: Any, *parts: bytes, **header: Any) -> bytes:
    """Return a parcel; what is not said of its header is as it should be."""
    places, content = [], b""
    for part in parts:
        places.append([FIRST + len(content), len(part)])
        content += part + bytes(-len(part) % FIRST)
    told = {"value": value, "tables": {}, "parts": places, "type": "thing", **header}
    text = (told if isinstance(told, str) else json.dumps(told)).encode()
    return MAGIC + PLACES.pack(FIRST + len(content), len(text)) + bytes(FIRST - 32) + content + text


def raw_header(text: str) -> bytes:
    """Return a parcel with a header of any text."""
    return MAGIC + PLACES.pack(FIRST, len(text)) + bytes(FIRST - 32) + text.encode()


def npy(array: Any, **options: Any) -> bytes:
    """Return an array as a file."""
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def npy_that_says(header: str, content: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    """Return an array's file with a header of any text."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + content


def arrow(*columns: Any, metadata: Any = None, **options: Any) -> bytes:
    """Return columns as an Arrow file."""
    sink = io.BytesIO()
    table = pa.table(list(columns), names=[str(number) for number in range(len(columns))])
    table = table.replace_schema_metadata(metadata)
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue()


def array_parcel(file: bytes) -> bytes:
    """Return a parcel of an array."""
    return parcel({"$": "array", "part": 0}, file)


def table_parcel(file: bytes, rows: int, columns: int = 1) -> bytes:
    """Return a parcel of an Arrow table."""
    names = [str(number) for number in range(columns)]
    data = [[rows, number] for number in range(columns)]
    value = {"$": "arrow_table", "rows": rows, "names": names, "data": data}
    return parcel(value, file, tables={str(rows): 0})


def png(width: int, height: int) -> bytes:
    """Return a picture that says how large it is."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def picture_parcel(data: bytes, mime: str = "image/png") -> bytes:
    """Return a parcel of a picture."""
    return parcel({"$": "picture", "mime": mime, "part": 0}, data)


def _texts(*changes: tuple[bytes, bytes]) -> bytes:
    """Return a table of two texts whose bytes are changed afterwards: pyarrow would not write them so."""
    file = arrow(pa.array(["a" * LONG, ""], pa.large_string()))
    for before, after in changes:
        assert file.count(before) == 1
        file = file.replace(before, after)
    return table_parcel(file, 2)


LONG = 4_321
PLACES_OF_TEXTS = struct.pack("<3q", 0, LONG, LONG)


def _nothing(rows: int) -> bytes:
    """Return a table of nothing that says it has so many rows: nothing takes no bytes."""
    return arrow(pa.nulls(12_345)).replace(struct.pack("<q", 12_345), struct.pack("<q", rows))


def _nested(kind: str, depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"$": kind, "items": [value]}
    return value


class Extension(pa.ExtensionType):
    """A type that is made by code of whoever knows its name."""

    def __init__(self) -> None:
        super().__init__(pa.int64(), "arrow.py_extension_type")

    def __arrow_ext_serialize__(self) -> bytes:
        return pickle.dumps(Runs("extension"))

    @classmethod
    def __arrow_ext_deserialize__(cls, *_: Any) -> "Extension":
        return cls()


def _frame(**changed: Any) -> bytes:
    column = {"$": "numbers", "dtype": "<f8", "column": [2, 0]}
    rows = {"$": "range_index", "parts": [0, 2, 1], "name": None}
    names = {"$": "range_index", "parts": [0, 1, 1], "name": None}
    value = {"$": "frame", "rows": 2, "columns": names, "index": rows, "data": [column], **changed}
    return parcel(value, arrow(pa.array([1.0, 2.0])), tables={"2": 0})


def _collide() -> Any:
    step = sys.hash_info.modulus
    return {"$": "set", "items": [number * step for number in range(1, 120_000) if number * step < 1 << 1_000]}


def _cells(*cells: str) -> bytes:
    return parcel(
        {"$": "cells", "column": [len(cells), 0]},
        arrow(pa.array(cells, pa.large_string())),
        tables={str(len(cells)): 0},
    )


ENDLESS = parcel(_collide())
"""A set whose integers have all one hash: to make it takes the square of their number."""

HOSTILE: dict[str, Callable[[str], bytes]] = {
    "nothing": lambda _: b"",
    "a pickle": lambda marker: pickle.dumps(Runs(marker)),
    "a pickle behind a parcel's first bytes": lambda marker: MAGIC + pickle.dumps(Runs(marker)) + bytes(100),
    "a header beyond the end": lambda _: MAGIC + PLACES.pack(1 << 62, 1 << 62) + bytes(100),
    "a header that is everything": lambda _: MAGIC + PLACES.pack(0, 200) + bytes(200),
    "a header that is no JSON": lambda marker: raw_header(RUNS.format(marker=marker)),
    "a header of Python": lambda marker: raw_header(f"{{'value': {RUNS.format(marker=marker)}}}"),
    "a header that is a list": lambda _: raw_header("[]"),
    "JSON without an end": lambda _: raw_header("[" * 1_000_000),
    "values without an end": lambda _: parcel(_nested("tuple", 300)),
    "a number that JSON has not": lambda _: raw_header('{"value": NaN, "tables": {}, "parts": []}'),
    "parts within parts": lambda _: parcel(1, bytes(200), parts=[[64, 128], [64, 128]]),
    "parts that end before they begin": lambda _: parcel(1, bytes(200), parts=[[64, -64]]),
    "a million parts": lambda _: parcel(1, parts=[[64, 0]] * 1_000_000),
    "one part a thousand times": lambda _: parcel([{"$": "bytes", "part": 0}] * 1_000, bytes(1_000_000)),
    "a part that is not there": lambda _: parcel({"$": "bytes", "part": 7}),
    "a kind named pickle": lambda marker: parcel({"$": "pickle", "part": 0}, pickle.dumps(Runs(marker))),
    "a kind named __class__": lambda _: parcel({"$": "__class__"}),
    "a kind that is a list": lambda _: parcel({"$": ["array"]}),
    "an integer of a million digits": lambda _: raw_header(
        '{"tables": {}, "parts": [], "value": ' + "9" * 1_000_000 + "}"
    ),
    "a time zone that is a file": lambda _: parcel(
        {"$": "datetime", "text": "2024-01-01", "zone": "../../../etc/passwd", "fold": 0}
    ),
    "a set of lists": lambda _: parcel({"$": "set", "items": [[1]]}),
    "a pickled array": lambda marker: array_parcel(npy(np.array([Runs(marker)], dtype=object), allow_pickle=True)),
    "an array larger than its file": lambda _: array_parcel(
        npy_that_says("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}")
    ),
    "an array of negative size": lambda _: array_parcel(
        npy_that_says("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1)}", bytes(8))
    ),
    "an array of nothing, without end": lambda _: array_parcel(
        npy_that_says("{'descr': 'V0', 'fortran_order': False, 'shape': (1000000000000000,)}")
    ),
    "an array whose header runs code": lambda marker: array_parcel(
        npy_that_says(f"{{'descr': {RUNS.format(marker=marker)}, 'fortran_order': False, 'shape': ()}}")
    ),
    "an array of another version": lambda _: array_parcel(npy_that_says("{}", version=b"\x09\x00")),
    "an array with a long header": lambda _: array_parcel(
        npy_that_says("{'descr': '<f8', 'fortran_order': False, 'shape': ()}" + " " * 60_000)
    ),
    "a number of type object": lambda _: parcel({"$": "scalar", "dtype": "|O", "hex": "00" * 8}),
    "an array of objects of another shape": lambda _: parcel({"$": "objects", "shape": [1 << 40], "items": []}),
    "a compressed table": lambda _: table_parcel(arrow(pa.array(np.zeros(10_000_000)), compression="zstd"), 10_000_000),
    "a table of an extension type": lambda _: table_parcel(
        arrow(pa.ExtensionArray.from_storage(Extension(), pa.array([1, 2]))), 2
    ),
    "a table with metadata": lambda _: table_parcel(arrow(pa.array([1]), metadata={"pandas": "{}"}), 1),
    "a table of nothing, without end": lambda _: table_parcel(_nothing(1 << 40), 1 << 40),
    "a table of more rows than it has": lambda _: table_parcel(arrow(pa.array([1])), 1 << 40),
    "texts outside of their bytes": lambda _: _texts((PLACES_OF_TEXTS, struct.pack("<3q", 0, LONG, 1 << 40))),
    "texts that go backwards": lambda _: _texts((PLACES_OF_TEXTS, struct.pack("<3q", LONG, 0, LONG))),
    "texts that are no UTF-8": lambda _: _texts((b"a" * LONG, b"\xff" * LONG)),
    "a category that is not there": lambda _: table_parcel(
        arrow(pa.DictionaryArray.from_arrays(pa.array([0, 100], pa.int8()), pa.array(["a"]), safe=False)), 2
    ),
    "a million texts of the same bytes": lambda _: table_parcel(
        arrow(pa.array(["a" * 1_000] * 1_000, pa.string_view())), 1_000
    ),
    "a union": lambda _: table_parcel(arrow(pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])), 1),
    "a table cut off": lambda _: table_parcel(arrow(pa.array(range(1_000)))[:-600], 1_000),
    "a table that is no table": lambda _: table_parcel(b"ARROW1\0\0" + bytes(500) + b"ARROW1", 1),
    "one column twice": lambda _: parcel(
        [{"$": "arrow_array", "column": [1, 0]}] * 2, arrow(pa.array([1])), tables={"1": 0}
    ),
    "numbers that are texts": lambda _: parcel(
        {"$": "numbers", "dtype": "<i8", "column": [1, 0]}, arrow(pa.array(["a"])), tables={"1": 0}
    ),
    "codes of no category": lambda _: _frame(
        data=[
            {
                "$": "categories",
                "codes": {"$": "numbers", "dtype": "<f8", "column": [2, 0]},
                "categories": {"$": "range_index", "parts": [0, 1, 1], "name": None},
                "ordered": False,
            }
        ]
    ),
    "a table with an index of another length": lambda _: _frame(
        index={"$": "range_index", "parts": [0, 1 << 30, 1], "name": None}
    ),
    "an index without end": lambda _: _frame(
        data=[], rows=10**18, index={"$": "range_index", "parts": [0, 10**18, 1], "name": None}
    ),
    "a column that is a table": lambda _: _frame(data=[{"$": "frame"}]),
    "cells without an end": lambda _: _cells("[" * 100_000),
    "cells that are no JSON": lambda marker: _cells(RUNS.format(marker=marker)),
    "a picture of 10,000 million pixels": lambda _: picture_parcel(png(60_000, 60_000)),
    "a picture that is damaged": lambda _: picture_parcel(png(10, 10)[:-20] + bytes(20)),
    "a picture that is a page": lambda _: picture_parcel(b"<script>alert(1)</script>", "text/html"),
    "a PNG that is a page": lambda _: picture_parcel(b"<script>alert(1)</script>"),
    "an SVG with entities": lambda _: picture_parcel(b'<!DOCTYPE s [<!ENTITY a "b">]><svg>&a;</svg>', "image/svg+xml"),
    "an image of other pixels": lambda _: parcel(
        {"$": "pixels", "mode": "RGB", "size": [1 << 20, 1 << 20], "part": 0}, bytes(3)
    ),
}
"""What a parcel tries, and how it is made; a marker's path is touched if any of its code runs."""
