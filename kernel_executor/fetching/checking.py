"""Checks a parcel whole: every table, array and picture, and that its values come to an end. Runs in the helper.

What a value comes to at home is added up; only then is any of it read there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kernel_executor.fetching.arrays import read_npy
from kernel_executor.fetching.arrow_columns import check_table, open_table
from kernel_executor.fetching.parcel import Malformed, read_parcel
from kernel_executor.fetching.pictures import check_picture
from kernel_executor.fetching.values import Reader, TooMuch

CELLS = 10_000
"""Of a column of objects, at once."""


def check(data: memoryview, most: int) -> str:
    """Return why a parcel is not read; empty if it may be.

    Args:
        data: The parcel.
        most: Bytes that its values may take at home.
    """
    try:
        parcel = read_parcel(data)
        reader = Reader(parcel, Dry(), most)
        for length, part in parcel.tables.items():
            check_table(parcel.part(part), length, reader.spend)
        reader.read()
    except Malformed as error:
        return f"it is not as it should be: {error}"
    except TooMuch:
        return "it would take more memory than is wanted here"
    except (MemoryError, RecursionError):
        return "it is nested too deeply, or would take too much memory"
    except ImportError as error:
        return f"{error.name or error} is not installed here, and without it nobody can check what comes"
    except Exception as error:  # noqa: BLE001 - whatever a library says of what it cannot read, it is not read
        return f"it is not as it should be: {type(error).__name__}: {str(error)[:300]}"
    return ""


class Placeholder:
    """Stands for a value that needs a library, which is not made here."""


@dataclass(frozen=True, slots=True)
class Dry:
    """Looks at all that a value needs, and makes none that needs a library."""

    def value(self, tag: str, told: Mapping[str, Any], reader: Reader) -> Any:
        """Check a value; errors are those of `Reader.read`."""
        known = CHECKS.get(tag)
        if known:
            known(told, reader)
        else:
            for name, each in told.items():
                if name != "$":
                    self._walk(each, reader)
        return Placeholder()

    def _walk(self, told: Any, reader: Reader) -> None:
        if isinstance(told, dict) and "$" not in told:  # a column of Polars': no value by itself
            for each in told.values():
                reader.value(each)
        elif isinstance(told, list):
            for each in told:
                self._walk(each, reader)
        else:
            reader.value(told)


def _check_array(told: Mapping[str, Any], reader: Reader) -> None:
    reader.spend(read_npy(reader.part(told["part"])).nbytes)


def _check_cells(told: Mapping[str, Any], reader: Reader) -> None:
    part, _, number = reader.column(told["column"])
    file = open_table(reader.parcel.part(part))
    for batch in range(file.num_record_batches):
        column = file.get_batch(batch).column(number)
        for begin in range(0, len(column), CELLS):
            for cell in column.slice(begin, CELLS).to_pylist():
                reader.cell(cell)


def _check_picture(told: Mapping[str, Any], reader: Reader) -> None:
    data = reader.part(told["part"])
    reader.spend(len(data))
    check_picture(str(told["mime"]), data)


CHECKS: Mapping[str, Callable[[Mapping[str, Any], Reader], None]] = {
    "array": _check_array,
    "cells": _check_cells,
    "picture": _check_picture,
}
"""What is looked into; of all else the parts are."""
