"""Packs one variable of the code's into a file that another process reads as data: a parcel. Never as a pickle.

A parcel is MAGIC, then where its header begins and how long that is (two little-endian u64), then its parts, each at a
multiple of 64, then the header: JSON in ASCII. The header holds the value, in which what JSON does not have is an
object with the key `$`; tables and arrays in it name columns of Arrow tables and `.npy` files among the parts. What
cannot be packed is refused by where it is in the value. `kernel_executor.fetching` reads it and believes nothing of it.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import io
import json
import math
import struct
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from . import packing_arrays, packing_tables

MAGIC = b"CODEAGENT-PARCEL"
PLACES = struct.Struct("<QQ")
FIRST = 64
"""Where the first part begins, and what each begins at a multiple of."""

DEEPEST = 64
"""Values in values."""

LARGEST = 1 << 63
"""Larger integers are written in hexadecimal: Python reads no decimal one of more than 4,300 digits."""

LONG = 4_096
"""Bytes of text that get a part of their own."""


class Refused(Exception):  # noqa: N818 - what it says goes home
    """A value cannot be packed; the text says which, and why."""


class TooLarge(Exception):  # noqa: N818
    """A parcel would be larger than is wanted; the number is its size as far as that is known."""


def pack(name: str, path: str, limit: int) -> str:
    """Write a variable into a new file; return, as JSON, what came of it.

    Args:
        name: The variable.
        path: The file, which is there and empty.
        limit: Bytes that it may have.
    """
    from IPython import get_ipython

    names: Any = get_ipython().user_ns
    if name not in names:
        return json.dumps({"missing": name})
    try:
        with open(path, "r+b") as file:  # noqa: PTH123
            Packing(file, limit).write(names[name], name)
    except Refused as error:
        return json.dumps({"refused": str(error)})
    except TooLarge as error:
        return json.dumps({"large": error.args[0]})
    except RecursionError:
        return json.dumps({"refused": "it holds values in values without end"})
    except MemoryError:
        return json.dumps({"refused": "there is not enough memory to pack it"})
    except OSError as error:
        return json.dumps({"refused": f"its file cannot be written ({error.strerror or error})"})
    except Exception as error:  # noqa: BLE001 - whatever an object's own code raises
        return json.dumps({"refused": f"{type(error).__name__}: {str(error)[:300]}"})
    return json.dumps({"done": True})


def refuse(value: Any, where: str, why: str = "") -> Refused:
    """Return the error that says what a value is, where it is, and why it stays."""
    kind = type(value)
    named = f"{kind.__module__}.{kind.__qualname__}"
    if named.startswith("builtins."):
        named = kind.__qualname__
    return Refused("`{}` is {} {}{}".format(where[:200], _article(named), named[:200], ", " + why if why else ""))


def _article(word: str) -> str:
    return "an" if word[:1].lower() in "aeiou" else "a"


class Packing:
    """One parcel in the making.

    Args:
        file: Where it is written.
        limit: Bytes that it may have.
    """

    def __init__(self, file: Any, limit: int) -> None:
        self._file = file
        self._limit = limit
        self._at = FIRST
        self.parts: list[list[int]] = []
        self._columns: dict[int, list[Any]] = {}

    def write(self, value: Any, name: str) -> None:
        """Write a value, whole."""
        packed = self.value(value, name)
        tables = {str(length): self._table(columns) for length, columns in self._columns.items()}
        text = json.dumps(
            {"value": packed, "tables": tables, "parts": self.parts, "type": type(value).__name__[:200]},
            allow_nan=False,
            separators=(",", ":"),
        ).encode("ascii")
        header = self.part([text])
        self._file.seek(0)
        self._file.write(MAGIC + PLACES.pack(*self.parts[header]))

    def _table(self, columns: list[Any]) -> int:
        return self.part(lambda sink: packing_arrays.write_arrow(columns, sink))

    def part(self, content: Iterable[Any] | Callable[[Any], None]) -> int:
        """Write a part; return its number.

        Args:
            content: Its pieces, or what writes it into a file.
        """
        sink = _Sink(self._file, self._at, self._limit)
        if callable(content):
            content(sink)
        else:
            for piece in content:
                sink.write(piece)
        self.parts.append([self._at, sink.size])
        self._at += -(-sink.size // FIRST) * FIRST
        return len(self.parts) - 1

    def check_size(self, size: int) -> None:
        """Refuse what is known to be too large before it is written."""
        if self._at + size > self._limit:
            raise TooLarge(self._at + size)

    def column(self, array: Any) -> list[int]:
        """Take in an Arrow array; return where it will be: the length of its table, and its number in that."""
        self.check_size(array.nbytes)
        columns = self._columns.setdefault(len(array), [])
        columns.append(array)
        return [len(array), len(columns) - 1]

    def value(self, value: Any, where: str, depth: int = 0) -> Any:
        """Return a value as JSON has it."""
        kind = type(value)
        if value is None or kind is bool:
            return value
        if depth > DEEPEST:
            raise Refused(f"`{where[:200]}` is more than {DEEPEST} values deep")
        simple = SIMPLE.get(kind)
        if simple is not None:
            return simple(self, value)
        collection = COLLECTIONS.get(kind)
        if collection is not None:
            return collection(self, value, where, depth + 1)
        for library in (packing_arrays, packing_tables):
            packed = library.packed(self, value, where, depth + 1)
            if packed is not None:
                return packed
        raise refuse(value, where, WHY_NOT.get(kind.__name__, "which is more than data"))

    def values(self, values: Iterable[Any], where: str, depth: int) -> list[Any]:
        """Return values one after another."""
        return [self.value(each, f"{where}[{place}]", depth) for place, each in enumerate(values)]


WHY_NOT = {
    "generator": "which can be run once, and only there: make a list of it",
    "Axes": "which is a part of a figure: bring `.figure`",
    "LazyFrame": "which was not computed: bring `.collect()`",
    "function": "which is code",
    "type": "which is code",
    "module": "which is code: import it",
}
"""What to do about values of some types."""


class _Sink(io.RawIOBase):
    """What a part is written into."""

    def __init__(self, file: Any, at: int, limit: int) -> None:
        self._file = file
        self._room = limit - at
        self.size = 0
        file.seek(at)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        if self.size + len(view) > self._room:
            raise TooLarge(0)
        left = view
        while len(left):
            left = left[self._file.write(left) :]
        self.size += len(view)
        return len(view)


def _integer(_: Packing, value: int) -> Any:
    return value if -LARGEST < value < LARGEST else {"$": "int", "hex": hex(value)}


def _float(_: Packing, value: float) -> Any:
    return value if math.isfinite(value) else {"$": "float", "text": repr(value)}


def _text(packing: Packing, value: str) -> Any:
    if len(value) < LONG and _is_plain(value):
        return value
    packing.check_size(len(value))
    return {"$": "text", "part": packing.part([value.encode("utf-8", "surrogatepass")])}


def _is_plain(value: str) -> bool:
    """Return whether JSON gives a text back as it is: of two halves of a character it would make one."""
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def _bytes(packing: Packing, value: Any) -> Any:
    kind = type(value).__name__
    if len(value) < LONG:
        return {"$": kind, "hex": value.hex()}
    packing.check_size(len(value))
    return {"$": kind, "part": packing.part([value])}


def _said(tag: str, say: Callable[[Any], Any]) -> Callable[[Packing, Any], Any]:
    return lambda _, value: {"$": tag, "text": say(value)}


def zone_of(zone: Any) -> Any:
    """Return a time zone as data; None for those of which there is no name."""
    if zone is None:
        return ""
    if type(zone) is datetime.timezone:
        offset = zone.utcoffset(None)
        return offset.days * 86_400 + offset.seconds if not offset.microseconds else None
    key = getattr(zone, "key", None) or getattr(zone, "zone", None)  # of zoneinfo, and of pytz
    return key if type(key) is str else None


def _moment(tag: str) -> Callable[[Packing, Any], Any]:
    def packed(_: Packing, value: Any) -> Any:
        zone = zone_of(value.tzinfo)
        if zone is None:
            raise refuse(value.tzinfo, "its time zone", "which has no name")
        return {"$": tag, "text": value.replace(tzinfo=None).isoformat(), "zone": zone, "fold": value.fold}

    return packed


SIMPLE: dict[type, Callable[[Packing, Any], Any]] = {
    int: _integer,
    float: _float,
    str: _text,
    bytes: _bytes,
    bytearray: _bytes,
    complex: lambda packing, value: {
        "$": "complex",
        "parts": [_float(packing, value.real), _float(packing, value.imag)],
    },
    datetime.date: _said("date", lambda value: value.isoformat()),
    datetime.datetime: _moment("datetime"),
    datetime.time: _moment("time"),
    datetime.timedelta: lambda _, value: {"$": "timedelta", "parts": [value.days, value.seconds, value.microseconds]},
    decimal.Decimal: _said("decimal", str),
    uuid.UUID: _said("uuid", lambda value: value.hex),
    range: lambda packing, value: {
        "$": "range",
        "parts": [_integer(packing, part) for part in (value.start, value.stop, value.step)],
    },
    type(...): lambda _, __: {"$": "ellipsis"},
}
"""Values that hold no others."""


def _list(packing: Packing, value: list[Any], where: str, depth: int) -> Any:
    return list(value) if _is_json(value) else packing.values(value, where, depth)


def _is_json(values: list[Any]) -> bool:
    """Return whether JSON has all values as they are; a million of them are looked at in 0.05 s."""
    kinds = set(map(type, values))
    if kinds <= {bool, type(None)}:
        return True
    if kinds == {int}:
        return all(-LARGEST < value < LARGEST for value in (min(values), max(values)))
    if kinds == {float}:
        return all(map(math.isfinite, values))
    return kinds == {str} and max(map(len, values)) < LONG and _is_plain("".join(values))


def _some(tag: str) -> Callable[[Packing, Any, str, int], Any]:
    def packed(packing: Packing, value: Any, where: str, depth: int) -> Any:
        return {"$": tag, "items": _list(packing, list(value), where, depth)}

    return packed


def _dict(packing: Packing, value: dict[Any, Any], where: str, depth: int) -> Any:
    if all(type(key) is str and len(key) < LONG and _is_plain(key) for key in value) and "$" not in value:
        return {key: packing.value(each, f"{where}[{key!r}]", depth) for key, each in value.items()}
    return _pairs("dict")(packing, value, where, depth)


def _pairs(tag: str) -> Callable[[Packing, Any, str, int], Any]:
    def packed(packing: Packing, value: Any, where: str, depth: int) -> Any:
        keys = [packing.value(key, f"a key of {where}", depth) for key in value]
        items = [packing.value(each, f"{where}[{key!r}]", depth) for key, each in value.items()]
        return {"$": tag, "keys": keys, "items": items}

    return packed


COLLECTIONS: dict[type, Callable[[Packing, Any, str, int], Any]] = {
    list: _list,
    tuple: _some("tuple"),
    set: _some("set"),
    frozenset: _some("frozenset"),
    collections.deque: _some("deque"),
    dict: _dict,
    collections.OrderedDict: _pairs("ordered_dict"),
    collections.Counter: _pairs("counter"),
    collections.defaultdict: _pairs("dict"),
}
"""Values that hold others. What makes the missing values of a `defaultdict` is code: it comes as a dict."""
