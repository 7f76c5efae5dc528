"""Reads the outside of a parcel: where its header and its parts are. Believes nothing; knows no value, no library."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kernel_executor.in_kernel.packing import FIRST, MAGIC, PLACES

MOST_PARTS = 100_000


class Malformed(Exception):  # noqa: N818 - named after the state
    """A parcel is not as ours are: executed code has written it, or made ours write it so."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel.

    Args:
        data: All of it, read-only.
        value: What the header says of the value.
        tables: The part that holds the columns of each length.
        parts: Where each part begins, and how long it is.
        kind: The name of the value's type, as the code tells it.
    """

    data: memoryview
    value: Any
    tables: Mapping[int, int]
    parts: tuple[tuple[int, int], ...]
    kind: str

    def part(self, number: Any) -> memoryview:
        """Return a part.

        Raises:
            Malformed: There is none of that number.
        """
        if type(number) is not int or not 0 <= number < len(self.parts):
            raise Malformed(f"there is no part {number!r}")
        begin, size = self.parts[number]
        return self.data[begin : begin + size]


def read_parcel(data: memoryview) -> Parcel:
    """Read a parcel's header.

    Args:
        data: All of it.

    Raises:
        Malformed: It is none.
        RecursionError: It is nested too deeply.
        MemoryError: It is too large.
    """
    data = data.toreadonly()
    if len(data) < FIRST or data[: len(MAGIC)] != MAGIC:
        raise Malformed("it does not begin as a parcel does")
    begin, size = PLACES.unpack_from(data, len(MAGIC))
    if begin < FIRST or begin + size > len(data):
        raise Malformed("its header is not in it")
    try:
        header = json.loads(str(data[begin : begin + size], "ascii"), parse_constant=_no_constant)
    except ValueError as error:
        raise Malformed(f"its header cannot be read ({error})") from error
    if not isinstance(header, dict) or not {"value", "tables", "parts"} <= header.keys():
        raise Malformed("its header lacks something")
    kind = header.get("type")
    return Parcel(
        data=data,
        value=header["value"],
        tables=_tables(header["tables"]),
        parts=_parts(header["parts"], begin),
        kind=kind[:200] if isinstance(kind, str) else "",
    )


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _parts(told: Any, end: int) -> tuple[tuple[int, int], ...]:
    """Return the parts: one after another before the header, so that none is another one's, too."""
    if not isinstance(told, list) or len(told) > MOST_PARTS:
        raise Malformed("its parts cannot be read")
    parts: list[tuple[int, int]] = []
    free = FIRST
    for each in told:
        match each:
            case [int(begin), int(size)] if free <= begin and size >= 0 and begin + size <= end and begin % FIRST == 0:
                parts.append((begin, size))
                free = begin + size
            case _:
                raise Malformed("its parts are not one after another")
    return tuple(parts)


def _tables(told: Any) -> dict[int, int]:
    if not isinstance(told, dict) or not all(length.isdecimal() and len(length) < 16 for length in told):
        raise Malformed("its tables cannot be read")
    return {int(length): number for length, number in told.items() if type(number) is int}
