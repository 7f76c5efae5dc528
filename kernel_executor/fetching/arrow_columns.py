"""Columns of the Arrow files in a parcel: checked whole, and read. Knows pyarrow, imported where it is used."""

from collections.abc import Callable
from typing import Any

from kernel_executor.fetching.parcel import Malformed

KNOWN = (
    *("is_boolean", "is_integer", "is_floating", "is_string", "is_large_string", "is_binary", "is_large_binary"),
    *("is_fixed_size_binary", "is_date", "is_time", "is_timestamp", "is_duration", "is_decimal", "is_null"),
)
"""Types, as pyarrow tells them, in which a row takes what it takes: in a view a byte could be in a million rows."""

LISTS = ("is_list", "is_large_list", "is_fixed_size_list")

EXTRA = (("is_null", 8), ("is_boolean", 1), ("is_decimal", 120), ("is_string", 64), ("is_large_string", 64))
"""Bytes that a value may take at home, besides its own."""


def open_table(data: memoryview) -> Any:
    """Return a reader of an Arrow file; what it reads lies in `data`."""
    import pyarrow
    from pyarrow import ipc

    return ipc.open_file(pyarrow.py_buffer(data))


def check_table(data: memoryview, length: int, spend: Callable[[int], None]) -> None:
    """Check an Arrow file: all of it, before any of it is used.

    Args:
        data: The file.
        length: Rows that it is to have.
        spend: Counts the memory that its columns take at home.

    Raises:
        Malformed: It is not as ours write it.
        pyarrow.ArrowException: It is no Arrow file, or its values are none.
    """
    import pyarrow

    reader = open_table(data)
    schema = reader.schema
    if schema.metadata or any(field.metadata for field in schema):
        raise Malformed("a table has metadata")
    if schema.names != [str(number) for number in range(len(schema))]:
        raise Malformed("a table's columns are not in order")
    for field in schema:
        _check_type(field.type)
    begin = pyarrow.py_buffer(data).address
    within = range(begin, begin + len(data) + 1)
    rows = 0
    for number in range(reader.num_record_batches):
        batch = reader.get_batch(number)
        batch.validate(full=True)
        rows += batch.num_rows
        for column in batch.columns:
            _check_column(column, within, spend, is_first=number == 0)
    if rows != length:
        raise Malformed(f"a table has {rows} rows, and not {length}")


def _check_type(kind: Any) -> None:
    from pyarrow import types

    if any(getattr(types, name)(kind) for name in KNOWN):
        return
    if any(getattr(types, name)(kind) for name in LISTS) or types.is_struct(kind):
        for place in range(kind.num_fields):
            if kind.field(place).metadata:
                raise Malformed("a table has metadata")
            _check_type(kind.field(place).type)
    elif (
        types.is_dictionary(kind) and not types.is_nested(kind.value_type) and not types.is_dictionary(kind.value_type)
    ):
        _check_type(kind.value_type)
    else:
        raise Malformed(f"a table has a column of type {str(kind)[:100]}")


def _check_column(column: Any, within: range, spend: Callable[[int], None], *, is_first: bool) -> None:
    """Look where the bytes of a column are, and count what it takes.

    What does not lie in the file was compressed: a few bytes could become any number. And how much of a file a column
    claims says nothing: a million columns may claim the same bytes.
    """
    from pyarrow import types

    for buffer in column.buffers():
        if (
            buffer is not None
            and buffer.size
            and not (buffer.address in within and buffer.address + buffer.size in within)
        ):
            raise Malformed("a table is compressed")
    kind = column.type
    if types.is_dictionary(kind):
        if is_first:
            _check_column(column.dictionary, within, spend, is_first=True)
        column = column.indices
    spend(column.nbytes + len(column) * sum(extra for name, extra in EXTRA if getattr(types, name)(kind)))
    inner: list[Any] = []
    if any(getattr(types, name)(kind) for name in LISTS):
        inner = [column.values]
    elif types.is_struct(kind):
        inner = [column.field(place) for place in range(kind.num_fields)]
    for each in inner:
        spend(64 * len(each))
        _check_column(each, within, spend, is_first=is_first)
