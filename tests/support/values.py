"""Values of all kinds that come home as they are, and how to tell whether they have."""

import collections
import datetime
import decimal
import io
import math
import struct
import zoneinfo
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kernel_executor.fetching.checking import check
from kernel_executor.fetching.parcel import read_parcel
from kernel_executor.fetching.tables import Home
from kernel_executor.fetching.values import Reader
from kernel_executor.in_kernel.packing import Packing

MOST = 1 << 30


def parcel_of(value: Any, limit: int = MOST) -> bytes:
    """Return a parcel as the kernel writes it."""
    file = io.BytesIO()
    Packing(file, limit).write(value, "value")
    return file.getvalue()


def read(parcel: bytes) -> Any:
    """Return the value of a parcel as it is read at home."""
    return Reader(read_parcel(memoryview(parcel)), Home(), MOST).read()


def home(value: Any) -> Any:
    """Return what a value is at home, after all checks."""
    parcel = parcel_of(value)
    assert check(memoryview(parcel), MOST) == ""
    return read(parcel)


def same(one: Any, other: Any) -> bool:  # noqa: C901, PLR0912 - one line a kind of value
    """Return whether two values are the same, in their types and in every bit of their numbers."""
    if type(one) is not type(other):
        return False
    match one:
        case float():
            return struct.pack("d", one) == struct.pack("d", other) or (math.isnan(one) and math.isnan(other))
        case decimal.Decimal():
            return one.as_tuple() == other.as_tuple()
        case complex():
            return same(one.real, other.real) and same(one.imag, other.imag)
        case datetime.datetime() if not isinstance(one, pd.Timestamp):
            return repr(one) == repr(other) and one.fold == other.fold
        case dict():
            return same(list(one), list(other)) and all(same(one[key], other[key]) for key in one)
        case list() | tuple() | collections.deque():
            return len(one) == len(other) and all(map(same, one, other))
        case set() | frozenset():
            return sorted(map(repr, one)) == sorted(map(repr, other))
        case np.ndarray():
            return _same_array(one, other)
        case np.generic():
            return one.dtype == other.dtype and one.tobytes() == other.tobytes()
        case pd.DataFrame():
            return _same_frame(one, other)
        case pd.Series():
            return same(one.name, other.name) and same(one.index, other.index) and same(one.array, other.array)
        case pd.Index():
            return _same_index(one, other)
        case pd.api.extensions.ExtensionArray():
            return _same_column(one, other)
        case pl.DataFrame() | pl.Series():
            return bool(one.equals(other, null_equal=True)) and _polars_types(one) == _polars_types(other)
        case pa.Table() | pa.ChunkedArray():
            return bool(one.equals(other)) or str(one) == str(other)
    return bool(one is other or one == other or (pd.isna(one) and pd.isna(other)))


def _polars_types(value: Any) -> Any:
    return value.schema if isinstance(value, pl.DataFrame) else (value.name, value.dtype)


def _same_array(one: Any, other: Any) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape or type(one) is not type(other):
        return False
    return (
        same(one.ravel().tolist(), other.ravel().tolist()) if one.dtype == object else one.tobytes() == other.tobytes()
    )


def _same_column(one: Any, other: Any) -> bool:
    if one.dtype != other.dtype or len(one) != len(other) or str(one.dtype) != str(other.dtype):
        return False
    if isinstance(one, pd.Categorical):
        return same(one.categories, other.categories) and same(one.codes, other.codes) and one.ordered == other.ordered
    if isinstance(one.dtype, np.dtype) or type(one).__name__ == "NumpyExtensionArray":
        return _same_array(np.asarray(one), np.asarray(other))
    return same(one.astype(object).tolist(), other.astype(object).tolist())


def _same_frame(one: Any, other: Any) -> bool:
    columns = zip(
        (one.iloc[:, at] for at in range(one.shape[1])), (other.iloc[:, at] for at in range(one.shape[1])), strict=True
    )
    return (
        one.shape == other.shape
        and same(one.columns, other.columns)
        and same(one.index, other.index)
        and all(same(mine.array, yours.array) for mine, yours in columns)
    )


def _same_index(one: Any, other: Any) -> bool:
    if not same(list(one.names), list(other.names)) or getattr(one, "freq", None) != getattr(other, "freq", None):
        return False
    if isinstance(one, pd.MultiIndex):
        return all(map(same, one.levels, other.levels)) and all(map(_same_array, one.codes, other.codes))
    if isinstance(one, pd.RangeIndex):
        return bool((one.start, one.stop, one.step) == (other.start, other.stop, other.step))
    return same(one.array, other.array)


ZONES = st.sampled_from(
    [None, datetime.UTC, datetime.timezone(datetime.timedelta(hours=-3)), zoneinfo.ZoneInfo("Asia/Kolkata")]
)
TEXTS = st.text(max_size=20) | st.text(st.characters(), max_size=5) | st.just("long ").map(lambda word: 2_000 * word)

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(60, 20_000).map(lambda bits: -(1 << bits)),
    st.floats(),
    st.complex_numbers(),
    TEXTS,
    st.binary(max_size=20),
    st.just(10_000).map(bytes),
    st.binary(max_size=20).map(bytearray),
    st.dates(),
    st.times(timezones=ZONES),
    st.datetimes(timezones=ZONES),
    st.timedeltas(),
    st.decimals(),
    st.uuids(),
    st.just(range(3, 10, 2)),
    hnp.array_dtypes()
    .filter(lambda dtype: dtype.itemsize > 0 and str(dtype).isascii())
    .flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_side=0))),
    hnp.arrays(hnp.scalar_dtypes().filter(lambda dtype: dtype.itemsize > 0), hnp.array_shapes(min_side=0)),
    hnp.arrays(hnp.floating_dtypes(), 1).map(lambda array: array[0]),
    hnp.arrays(hnp.datetime64_dtypes(), 1).map(lambda array: array[0]),
    st.sampled_from(
        [
            pd.NaT,
            pd.NA,
            pd.Timestamp("2024-05-05 10:00", tz="Europe/Berlin"),
            pd.Timedelta("3h"),
            pd.Period("2024", "M"),
        ]
    ),
)
"""Values that hold no others."""

KEYS = st.one_of(st.booleans(), st.integers(), TEXTS, st.dates(), st.tuples(st.integers(), st.text(max_size=3)))


def _hold(inner: Any) -> Any:
    some = st.lists(inner, max_size=4)
    return st.one_of(
        some,
        some.map(tuple),
        some.map(collections.deque),
        st.lists(KEYS, max_size=4).map(set),
        st.lists(KEYS, max_size=4).map(frozenset),
        st.dictionaries(KEYS, inner, max_size=4),
        st.dictionaries(st.sampled_from(["$", "a", "b"]), inner),
        st.dictionaries(KEYS, inner, max_size=4).map(collections.OrderedDict),
        st.dictionaries(KEYS, st.integers(), max_size=4).map(collections.Counter),
    )


VALUES = st.recursive(SCALARS, _hold, max_leaves=12)
"""Values of all kinds, in one another."""

ROWS = 4


def _rows(values: Any, make: Any) -> Any:
    return st.lists(values, min_size=ROWS, max_size=ROWS).map(make)


def _moments(unit: str, zone: str | None) -> Any:
    seconds = st.integers(-(10**9), 10**9) | st.none()
    return _rows(
        seconds,
        lambda rows: pd.Series(pd.array(pd.to_datetime(rows, unit="s", utc=True).as_unit(unit))).dt.tz_convert(zone),
    )


def _objects(rows: list[Any]) -> Any:
    made = np.empty(len(rows), dtype=object)
    for place, row in enumerate(rows):
        made[place] = row
    return pd.Series(made, dtype=object)


COLUMNS = st.one_of(
    hnp.arrays(
        hnp.integer_dtypes() | hnp.unsigned_integer_dtypes() | hnp.floating_dtypes() | hnp.boolean_dtypes(), ROWS
    ),
    hnp.arrays(hnp.complex_number_dtypes(sizes=(64, 128)), ROWS),
    _rows(TEXTS.filter(lambda text: text.isprintable()) | st.none(), pd.Series),
    _rows(SCALARS | st.lists(st.integers()), _objects),
    _rows(st.integers(0, 100) | st.none(), lambda rows: pd.Series(rows, dtype="Int8")),
    _rows(st.floats() | st.none(), lambda rows: pd.Series(rows, dtype="Float64")),
    _rows(st.booleans() | st.none(), lambda rows: pd.Series(rows, dtype="boolean")),
    _rows(
        st.text(st.characters(codec="utf-8"), max_size=4) | st.none(),
        lambda rows: pd.Series(rows, dtype="string[pyarrow]"),
    ),
    _rows(
        st.text(st.characters(codec="utf-8"), max_size=4) | st.none(),
        lambda rows: pd.Series(rows, dtype="string[python]"),
    ),
    _rows(
        st.sampled_from(["a", "b", None]), lambda rows: pd.Series(pd.Categorical(rows, ["b", "c", "a"], ordered=True))
    ),
    _rows(st.integers(1, 3), lambda rows: pd.Series(pd.Categorical(rows))),
    *(_moments(unit, zone) for unit in ("s", "ms", "us", "ns") for zone in (None, "UTC", "America/New_York")),
    _rows(st.integers(-(10**6), 10**6) | st.none(), lambda rows: pd.Series(pd.to_timedelta(rows, unit="s"))),
    _rows(
        st.integers(-500, 500), lambda rows: pd.Series(pd.arrays.PeriodArray(np.array(rows), dtype=pd.PeriodDtype("Q")))
    ),
    _rows(st.integers(0, 9), lambda rows: pd.Series(pd.cut(np.array(rows), [-1, 3, 6, 9]))),
    _rows(
        st.integers(0, 9),
        lambda rows: pd.Series(pd.arrays.IntervalArray.from_breaks([0, *np.cumsum(np.array(rows) + 1)])),
    ),
    _rows(st.integers(0, 9) | st.none(), lambda rows: pd.Series(rows, dtype=pd.ArrowDtype(pa.int16()))),
    _rows(st.dates(datetime.date(1900, 1, 1)), lambda rows: pd.Series(rows, dtype=pd.ArrowDtype(pa.date32()))),
)
"""Columns of a table."""


INDEXES = st.one_of(
    st.just(pd.RangeIndex(5, 5 + 2 * ROWS, 2, name="n")),
    st.just(pd.date_range("2024-01-31", periods=ROWS, freq="ME", name="month")),
    st.just(pd.date_range("2024-03-30", periods=ROWS, freq="D", tz="Europe/Berlin")),
    st.just(pd.timedelta_range("1h", periods=ROWS, freq="h")),
    st.just(pd.period_range("2024", periods=ROWS, freq="W")),
    st.just(pd.MultiIndex.from_product([["a", "b"], [1, None]], names=["x", None])),
    st.just(pd.CategoricalIndex(list("abba"))),
    st.just(pd.interval_range(0, periods=ROWS)),
    _rows(st.floats(), lambda rows: pd.Index(rows, name=("a", 1))),
    _rows(st.text(max_size=3).filter(str.isprintable), pd.Index),
    _rows(KEYS, lambda rows: pd.Index(rows, dtype=object, tupleize_cols=False)),
)
LABELS = st.lists(
    st.one_of(st.integers(), st.text(max_size=3), st.just("twice"), st.just(("a", 1)), st.dates()),
    min_size=5,
    max_size=5,
)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Tables with every kind of column, name and index."""
    index = draw(INDEXES)
    series = [pd.Series(draw(COLUMNS)) for _ in range(draw(st.integers(0, 5)))]
    made = pd.DataFrame({at: each.set_axis(index) for at, each in enumerate(series)}, index=index)
    labels = draw(LABELS)[: len(series)]
    made.columns = (
        pd.Index(labels, dtype=object, tupleize_cols=False) if draw(st.booleans()) else pd.RangeIndex(len(series))
    )
    return made
