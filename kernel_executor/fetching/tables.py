"""Tables, columns and indexes of a parcel as pandas, Polars and pyarrow have them. Imports these where they are used.

Its values have been checked; what they are put together to is checked here, and by the libraries' own constructors.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kernel_executor.fetching import arrays
from kernel_executor.fetching.arrow_columns import open_table
from kernel_executor.fetching.parcel import Malformed
from kernel_executor.fetching.pictures import Picture, check_picture
from kernel_executor.fetching.values import NotHere, Reader, integers, text, zone_of

LONGEST_INDEX = 10**12
"""Rows of a table without columns: it takes no memory, and yet somebody may go through it."""


@dataclass(slots=True)
class Home:
    """Makes values that need a library, with the libraries of this process."""

    _tables: dict[int, Any] = field(default_factory=dict)

    def value(self, tag: str, told: Mapping[str, Any], reader: Reader) -> Any:
        """Return a value.

        Raises:
            Malformed: It is none.
            NotHere: It needs a library that is not installed.
        """
        if tag in SINGLE:
            return SINGLE[tag](told, reader)
        if tag in TABULAR:
            return TABULAR[tag](self, told, reader)
        raise Malformed(f"{tag[:40]!r} is no kind of value")

    def column(self, told: Mapping[str, Any], reader: Reader) -> Any:
        """Return a column of an Arrow table."""
        part, length, number = reader.column(told["column"])
        if part not in self._tables:
            self._tables[part] = open_table(reader.parcel.part(part)).read_all()
        table = self._tables[part]
        if len(table) != length or number >= table.num_columns:
            raise Malformed("a column is in no table")
        return table.column(number)

    def data(self, told: Any, reader: Reader) -> Any:
        """Return what a column of pandas' is made of."""
        if not isinstance(told, dict) or told.get("$") not in COLUMNS:
            raise Malformed("a column is none")
        return self.value(told["$"], told, reader)


def _here(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        raise NotHere(name) from None


def _numbers(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    return arrays.numbers_of(home.column(told, reader), arrays.dtype_of(told["dtype"]))


def _list_of(column: Any) -> Any:
    made = arrays.numpy_here().empty(len(column), dtype=object)
    made[:] = column.to_pylist()
    return made


def _cells(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    cells = home.column(told, reader).to_pylist()
    made = arrays.numpy_here().empty(len(cells), dtype=object)
    for place, cell in enumerate(cells):
        made[place] = reader.cell(cell)
    return made


def _nullable(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    pandas, numpy = _here("pandas"), arrays.numpy_here()
    dtype: Any = pandas.api.types.pandas_dtype(text(told["dtype"], 20))
    column = home.column(told, reader)
    if type(dtype) not in _nullable_types(pandas):
        raise Malformed(f"{dtype} is no type with missing values")
    mask = numpy.asarray(column.is_null())
    plain = numpy.asarray(column.fill_null(False if dtype.kind == "b" else 0), dtype.numpy_dtype)
    return dtype.construct_array_type()(plain.copy(), mask.copy())


def _nullable_types(pandas: Any) -> tuple[Any, ...]:
    """Return the types whose arrays are a NumPy array and a mask."""
    bits = (8, 16, 32, 64)
    names = [
        *(f"{sign}Int{size}Dtype" for sign in ("", "U") for size in bits),
        "Float32Dtype",
        "Float64Dtype",
        "BooleanDtype",
    ]
    return tuple(getattr(pandas, name) for name in names)


def _categories(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    pandas = _here("pandas")
    codes, categories = home.data(told["codes"], reader), _index(home, told["categories"], reader)
    return pandas.Categorical.from_codes(codes, categories=categories, ordered=told["ordered"] is True)


def _zoned(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    plain = _here("pandas").DatetimeIndex(home.data(told["data"], reader))
    return plain.tz_localize("UTC").tz_convert(zone_of(told["zone"])).array


def _strings(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    pandas = _here("pandas")
    storage, missing = text(told["storage"], 10), text(told["missing"], 3)
    if storage not in {"python", "pyarrow"} or missing not in {"NaN", "NA"}:
        raise Malformed("a column of text is of no type")
    try:
        dtype = pandas.StringDtype(storage, na_value=float("nan") if missing == "NaN" else pandas.NA)
    except TypeError:  # before pandas 2.3
        dtype = pandas.StringDtype(storage)
    return dtype.__from_arrow__(home.column(told, reader))


def _periods(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    pandas = _here("pandas")
    dtype = pandas.PeriodDtype(text(told["freq"], 40))
    return pandas.arrays.PeriodArray(home.data(told["data"], reader), dtype=dtype)


def _intervals(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    left, right = (_index(home, side, reader) for side in told["sides"])
    return _here("pandas").arrays.IntervalArray.from_arrays(left, right, closed=text(told["closed"], 10))


def _arrow_column(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    return _here("pandas").arrays.ArrowExtensionArray(home.column(told, reader))


def _index(home: Home, told: Any, reader: Reader) -> Any:
    if not isinstance(told, dict) or told.get("$") not in INDEXES:
        raise Malformed("an index is none")
    return INDEXES[told["$"]](home, told, reader)


def _range_index(_: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    rows = range(*integers(told["parts"], 3))
    if len(rows) > LONGEST_INDEX:
        raise Malformed(f"an index has {len(rows):,} rows")
    return _here("pandas").RangeIndex(rows, name=reader.value(told["name"]))


def _multi_index(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    levels = [_index(home, level, reader) for level in told["levels"]]
    codes = [home.data(each, reader) for each in told["codes"]]
    return _here("pandas").MultiIndex(levels=levels, codes=codes, names=reader.values(told["names"]))


def _plain_index(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    pandas = _here("pandas")
    data = home.data(told["data"], reader)
    made = pandas.Index(data, dtype=data.dtype, name=reader.value(told["name"]), copy=False, tupleize_cols=False)
    if told["freq"] is not None:
        made.freq = text(told["freq"], 40)
    return made


def _frame(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    pandas = _here("pandas")
    index, columns = _index(home, told["index"], reader), _index(home, told["columns"], reader)
    data = [home.data(each, reader) for each in told["data"]]
    if len(data) != len(columns) or told["rows"] != len(index) or any(len(each) != len(index) for each in data):
        raise Malformed("a table has columns of other lengths")
    # As columns of their types: from an array of objects pandas 3 makes one of texts.
    series = {place: pandas.Series(each, index=index, dtype=each.dtype, copy=False) for place, each in enumerate(data)}
    made = pandas.DataFrame(series, index=index, columns=pandas.RangeIndex(len(data)), copy=False)
    made.columns = columns
    return made


def _series(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    data, index = home.data(told["data"], reader), _index(home, told["index"], reader)
    if len(data) != len(index):
        raise Malformed("a column has an index of another length")
    return _here("pandas").Series(data, index=index, dtype=data.dtype, name=reader.value(told["name"]), copy=False)


def _moment(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    (value,) = _here("pandas").Series(home.data(told["data"], reader))
    return value


def _missing(told: Mapping[str, Any], _: Reader) -> Any:
    pandas = _here("pandas")
    return {"NaT": pandas.NaT, "NA": pandas.NA}[text(told["which"])]


def _names(told: Mapping[str, Any], reader: Reader, count: int) -> list[str]:
    names = reader.values(told["names"])
    if len(names) != count or any(type(name) is not str for name in names):
        raise Malformed("a table has no names")
    return names


def _arrow_table(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    pyarrow = _here("pyarrow")
    data = [home.column({"column": each}, reader) for each in told["data"]]
    return pyarrow.Table.from_arrays(data, names=_names(told, reader, len(data)))


def _polars_frame(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    columns = [_polars_column(home, each, reader) for each in told["data"]]
    if polars := _polars(reader):
        return polars.DataFrame([_as_polars(polars, *each) for each in columns])
    pyarrow = _here("pyarrow")
    table = pyarrow.Table.from_arrays([data for _, _, data in columns], names=[name for name, _, _ in columns])
    try:
        _here("pandas")
    except NotHere:
        return table
    return table.to_pandas()


def _polars_series(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    column = _polars_column(home, told["data"], reader)
    if polars := _polars(reader):
        return _as_polars(polars, *column)
    name, _, data = column
    return _here("pandas").Series(data.to_pandas(), name=name)


def _polars(reader: Reader) -> Any:
    try:
        return _here("polars")
    except NotHere:
        reader.notes.append("it came as a table of pandas or Arrow, for Polars is not installed here")
        return None


def _polars_column(home: Home, told: Mapping[str, Any], reader: Reader) -> tuple[str, Any, Any]:
    name, enum = reader.value(told["name"]), reader.value(told["enum"])
    if type(name) is not str or not (enum is None or isinstance(enum, list)):
        raise Malformed("a column has no name")
    return name, enum, home.column(told, reader)


def _as_polars(polars: Any, name: str, enum: Any, data: Any) -> Any:
    made = polars.from_arrow(data).alias(name)
    return made if enum is None else made.cast(polars.String).cast(polars.Enum(enum))


def picture(told: Mapping[str, Any], reader: Reader) -> Picture:
    """Return a picture."""
    data, mime = reader.part(told["part"]), text(told["mime"], 40)
    reader.spend(len(data))
    return Picture(mime, bytes(data), *check_picture(mime, data))


def _index_value(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    return _index(home, told["index"], reader)


def _column_value(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    data = home.data(told["data"], reader)
    return _here("pandas").Series(data, dtype=data.dtype, copy=False).array


def _texts(home: Home, told: Mapping[str, Any], reader: Reader) -> Any:
    return _list_of(home.column(told, reader))


Read = Callable[[Home, Mapping[str, Any], Reader], Any]

SINGLE: Mapping[str, Callable[[Mapping[str, Any], Reader], Any]] = {
    "array": arrays.array,
    "objects": arrays.objects,
    "scalar": arrays.scalar,
    "masked_array": arrays.masked,
    "missing": _missing,
    "picture": picture,
    "pixels": arrays.pixels,
}
"""Values by themselves."""

INDEXES: Mapping[str, Read] = {"range_index": _range_index, "multi_index": _multi_index, "index": _plain_index}

COLUMNS: frozenset[str] = frozenset(
    "array cells texts numbers nullable categories zoned strings periods intervals arrow_column".split()  # noqa: SIM905
)
"""What a column of pandas' can be made of."""

TABULAR: Mapping[str, Read] = {
    "numbers": _numbers,
    "texts": _texts,
    "cells": _cells,
    "nullable": _nullable,
    "categories": _categories,
    "zoned": _zoned,
    "strings": _strings,
    "periods": _periods,
    "intervals": _intervals,
    "arrow_column": _arrow_column,
    "column_value": _column_value,
    "index_value": _index_value,
    "frame": _frame,
    "series": _series,
    "moment": _moment,
    "arrow_table": _arrow_table,
    "arrow_array": lambda home, told, reader: home.column(told, reader),
    "polars_frame": _polars_frame,
    "polars_series": _polars_series,
}
"""Values with columns."""
