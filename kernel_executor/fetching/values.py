"""Makes values of what a parcel's header says, strictly: what is not as ours write it is refused. Imports no library.

Used twice: in the sandboxed process, to see that it comes to an end and how large it gets, and at home.
"""

import collections
import datetime
import decimal
import json
import math
import uuid
import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from kernel_executor.fetching.parcel import Malformed, Parcel
from kernel_executor.in_kernel.packing import DEEPEST

COST = 64
"""Bytes that a value takes in Python, roughly: a small integer has 28, an empty list 56, a float 24 and its place 8."""

INNER = 8
"""Values in values that a table adds: its index, the index's levels, their columns."""


class TooMuch(Exception):  # noqa: N818 - named after the state
    """The value would take more memory than is wanted."""


class NotHere(Exception):  # noqa: N818
    """A value needs a library that is not installed here; the text names it."""


class Library(Protocol):
    """Makes the values that need a library: arrays, tables, pictures."""

    def value(self, tag: str, told: Mapping[str, Any], reader: "Reader") -> Any:
        """Return the value; `reader` gives what is in it.

        Raises:
            Malformed: It is none.
        """
        ...


@dataclass(slots=True)
class Reader:
    """Reads one parcel, each of its parts and columns once: a header could name one a million times.

    Args:
        parcel: The parcel.
        library: Makes what needs a library.
        most: Bytes that the values may take.
        notes: What came otherwise than it was, for people.
    """

    parcel: Parcel
    library: Library
    most: int
    notes: list[str] = field(default_factory=list)
    _taken: set[object] = field(default_factory=set)
    _depth: int = 0

    def read(self) -> Any:
        """Return the value.

        Raises:
            Malformed: Something is not as ours write it.
            TooMuch: It would take too much memory.
        """
        try:
            return self.value(self.parcel.value)
        except (Malformed, TooMuch, NotHere):
            raise
        except Exception as error:  # whatever a library says of what it cannot take: each has errors of its own
            raise Malformed(f"{type(error).__name__}: {str(error)[:300]}") from error

    def spend(self, size: int) -> None:
        """Count memory that a value takes."""
        self.most -= size
        if self.most < 0:
            raise TooMuch

    def part(self, number: Any) -> memoryview:
        """Return a part, once."""
        data = self.parcel.part(number)
        self._take(("part", number))
        return data

    def _take(self, what: object) -> None:
        if what in self._taken:
            raise Malformed("a part is used twice")
        self._taken.add(what)

    def column(self, told: Any) -> tuple[int, int, int]:
        """Return where a column of an Arrow table is, once: the part, its length and its number there."""
        match told:
            case [int(length), int(number)] if length in self.parcel.tables and number >= 0:
                self._take((length, number))
                return self.parcel.tables[length], length, number
        raise Malformed("a column is in no table")

    def value(self, told: Any) -> Any:
        """Return a value as JSON has it, as Python has it."""
        self.spend(COST)
        match told:
            case dict():
                return self._deeper(self._object, told)
            case list():
                return self._deeper(self.values, told)
            case str():
                self.spend(len(told))
        return told

    def values(self, told: Any) -> list[Any]:
        """Return values one after another."""
        return list(map(self.value, _as(told, list)))

    def _deeper(self, read: Callable[[Any], Any], told: Any) -> Any:
        if self._depth > DEEPEST + INNER:
            raise Malformed("it is nested too deeply")
        self._depth += 1
        try:
            return read(told)
        finally:
            self._depth -= 1

    def _object(self, told: dict[str, Any]) -> Any:
        if "$" not in told:
            return {key: self.value(each) for key, each in told.items()}
        tag = _as(told["$"], str)
        read = READS.get(tag)
        return read(self, told) if read else self.library.value(tag, told, self)

    def cell(self, text: str) -> Any:
        """Return one value of a column of objects, which is JSON in itself."""
        return self.value(json.loads(text))


def _as(told: Any, kind: type) -> Any:
    if type(told) is not kind:
        raise Malformed(f"there is {type(told).__name__} for {kind.__name__}")
    return told


def integers(told: Any, count: int | None = None) -> list[int]:
    """Return integers.

    Raises:
        Malformed: They are none, or not as many.
    """
    if type(told) is not list or any(type(each) is not int for each in told) or (count or len(told)) != len(told):
        raise Malformed("there are no integers")
    return told


def text(told: Any, most: int = 200) -> str:
    """Return a short text.

    Raises:
        Malformed: It is none, or long.
    """
    if type(told) is not str or len(told) > most:
        raise Malformed("there is no short text")
    return told


def zone_of(told: Any) -> datetime.tzinfo | None:
    """Return a time zone: by its name, or by its seconds from UTC."""
    if type(told) is int:
        return datetime.timezone(datetime.timedelta(seconds=told))
    return zoneinfo.ZoneInfo(name) if (name := text(told, 100)) else None


def _bytes(reader: Reader, told: Mapping[str, Any]) -> bytes:
    data = reader.part(told["part"]) if "part" in told else bytes.fromhex(_as(told["hex"], str))
    reader.spend(len(data))
    return bytes(data)


def _items(reader: Reader, told: Mapping[str, Any]) -> list[Any]:
    return reader.values(told["items"])


def _pairs(reader: Reader, told: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    return zip(reader.values(told["keys"]), _items(reader, told), strict=True)


def _float(_: Reader, told: Mapping[str, Any]) -> float:
    value = float(text(told["text"], 8))
    if math.isfinite(value):
        raise Malformed("it is a number that JSON has")
    return value


def _complex(reader: Reader, told: Mapping[str, Any]) -> complex:
    real, imaginary = reader.values(told["parts"])
    return complex(_as(real, float), _as(imaginary, float))


def _date_and_time(_: Reader, told: Mapping[str, Any]) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(text(told["text"], 40))
    return moment.replace(tzinfo=zone_of(told["zone"]), fold=_as(told["fold"], int))


def _time(_: Reader, told: Mapping[str, Any]) -> datetime.time:
    moment = datetime.time.fromisoformat(text(told["text"], 40))
    return moment.replace(tzinfo=zone_of(told["zone"]), fold=_as(told["fold"], int))


def _integer(reader: Reader, told: Mapping[str, Any]) -> int:
    digits = _as(told["hex"], str)
    reader.spend(len(digits))
    return int(digits, 16)


def _text(reader: Reader, told: Mapping[str, Any]) -> str:
    data = reader.part(told["part"])
    reader.spend(4 * len(data))
    return str(data, "utf-8", "surrogatepass")


def _decimal(reader: Reader, told: Mapping[str, Any]) -> decimal.Decimal:
    digits = _as(told["text"], str)
    reader.spend(len(digits))
    return decimal.Decimal(digits)


READS: Mapping[str, Callable[[Reader, Mapping[str, Any]], Any]] = {
    "int": _integer,
    "float": _float,
    "text": _text,
    "bytes": _bytes,
    "bytearray": lambda reader, told: bytearray(_bytes(reader, told)),
    "complex": _complex,
    "date": lambda _, told: datetime.date.fromisoformat(text(told["text"], 40)),
    "datetime": _date_and_time,
    "time": _time,
    "timedelta": lambda _, told: datetime.timedelta(*integers(told["parts"], 3)),
    "decimal": _decimal,
    "uuid": lambda _, told: uuid.UUID(text(told["text"], 40)),
    "range": lambda reader, told: range(*integers(reader.values(told["parts"]), 3)),
    "ellipsis": lambda _, __: ...,
    "tuple": lambda reader, told: tuple(_items(reader, told)),
    "set": lambda reader, told: set(_items(reader, told)),
    "frozenset": lambda reader, told: frozenset(_items(reader, told)),
    "deque": lambda reader, told: collections.deque(_items(reader, told)),
    "dict": lambda reader, told: dict(_pairs(reader, told)),
    "ordered_dict": lambda reader, told: collections.OrderedDict(_pairs(reader, told)),
    "counter": lambda reader, told: collections.Counter(dict(_pairs(reader, told))),
}
"""How each kind is read that needs no library."""
