"""Packs tables, columns and indexes of pandas, Polars and pyarrow, column by column. Imports none of them.

Only exact types: a subclass has more to it. No metadata goes along (`attrs`, flags, a schema's).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .packing_arrays import arrow, numbers, objects

if TYPE_CHECKING:
    from .packing import Packing

NESTED = ("is_list", "is_large_list", "is_fixed_size_list", "is_struct", "is_dictionary")
SIMPLE = (
    *("is_boolean", "is_integer", "is_floating", "is_string", "is_large_string", "is_binary", "is_large_binary"),
    *("is_fixed_size_binary", "is_date", "is_time", "is_timestamp", "is_duration", "is_decimal", "is_null"),
)


def packed(packing: Packing, value: Any, where: str, depth: int) -> Any:
    """Return a table, a column or a scalar as JSON has it; None for all else."""
    kind = type(value)
    for library, known in (("pandas", PANDAS), ("polars", POLARS), ("pyarrow", ARROW)):
        module = sys.modules.get(library)
        if module is None:
            continue
        for name, pack in known.items():
            if kind is getattr(module, name, None):
                return pack(packing, value, where, depth)
    pandas = sys.modules.get("pandas")
    if pandas is not None:
        if isinstance(value, pandas.Index) and kind.__module__.partition(".")[0] == "pandas":
            return {"$": "index_value", "index": index(packing, value, where, depth)}
        if isinstance(value, pandas.api.extensions.ExtensionArray) and kind.__module__.partition(".")[0] == "pandas":
            return {"$": "column_value", "data": column(packing, value, where, depth)}
        if value is pandas.NaT or value is pandas.NA:
            return {"$": "missing", "which": "NaT" if value is pandas.NaT else "NA"}
    return None


def _frame(packing: Packing, value: Any, where: str, depth: int) -> Any:
    labels = list(value.columns)
    return {
        "$": "frame",
        "rows": len(value),
        "columns": index(packing, value.columns, "the columns of " + where, depth),
        "index": index(packing, value.index, "the index of " + where, depth),
        "data": [
            column(packing, value.iloc[:, place].array, f"{where}[{labels[place]!r}]", depth)
            for place in range(len(labels))
        ],
    }


def _series(packing: Packing, value: Any, where: str, depth: int) -> Any:
    return {
        "$": "series",
        "data": column(packing, value.array, where, depth),
        "index": index(packing, value.index, "the index of " + where, depth),
        "name": packing.value(value.name, "the name of " + where, depth),
    }


def index(packing: Packing, value: Any, where: str, depth: int) -> Any:
    """Return an index of pandas'."""
    import pandas

    if type(value) is pandas.RangeIndex:
        name = packing.value(value.name, where, depth)
        return {"$": "range_index", "parts": [value.start, value.stop, value.step], "name": name}
    if type(value) is pandas.MultiIndex:
        return {
            "$": "multi_index",
            "levels": [index(packing, level, where, depth) for level in value.levels],
            "codes": [numbers(packing, codes, where, depth) for codes in value.codes],
            "names": [packing.value(name, where, depth) for name in value.names],
        }
    return {
        "$": "index",
        "data": column(packing, value.array, where, depth),
        "name": packing.value(value.name, where, depth),
        "freq": getattr(value, "freqstr", None)
        if type(value).__name__ in {"DatetimeIndex", "TimedeltaIndex"}
        else None,
    }


def column(packing: Packing, value: Any, where: str, depth: int) -> Any:
    """Return an array of pandas'."""
    import pandas

    from .packing import Refused

    dtype = value.dtype
    for name, pack in EXTENSIONS.items():
        if type(dtype) is getattr(pandas, name, None):
            return pack(packing, value, where, depth)
    name = type(value).__name__
    if name in {"IntegerArray", "FloatingArray", "BooleanArray"}:
        plain = arrow().array(value)
        return {"$": "nullable", "dtype": str(dtype), "column": packing.column(plain)}
    import numpy

    if isinstance(dtype, numpy.dtype) or name in {"NumpyExtensionArray", "PandasArray"}:
        data = numpy.asarray(value)
        return objects(packing, data, where, depth) if data.dtype == object else numbers(packing, data, where, depth)
    raise Refused(f"`{where[:200]}` is a column of type {str(dtype)[:100]}, which is more than data")


def _categories(packing: Packing, value: Any, where: str, depth: int) -> Any:
    return {
        "$": "categories",
        "codes": numbers(packing, value.codes, where, depth),
        "categories": index(packing, value.categories, where, depth),
        "ordered": bool(value.ordered),
    }


def _zoned(packing: Packing, value: Any, where: str, depth: int) -> Any:
    import numpy

    from .packing import refuse, zone_of

    zone = zone_of(value.dtype.tz)
    if zone is None:
        raise refuse(value.dtype.tz, where, "a time zone without a name")
    plain = numpy.asarray(value.tz_convert("UTC").tz_localize(None))
    return {"$": "zoned", "data": numbers(packing, plain, where, depth), "zone": zone}


def _texts(packing: Packing, value: Any, _: str, __: int) -> Any:
    import pandas

    dtype = value.dtype
    missing = "NA" if dtype.na_value is pandas.NA else "NaN"
    column = arrow().array(value, type=arrow().large_string())
    return {"$": "strings", "storage": dtype.storage, "missing": missing, "column": packing.column(column)}


def _period(packing: Packing, value: Any, where: str, depth: int) -> Any:
    data = numbers(packing, value.asi8, where, depth)
    return {"$": "periods", "freq": value.dtype.name[len("period[") : -1], "data": data}


def _interval(packing: Packing, value: Any, where: str, depth: int) -> Any:
    sides = [index(packing, side, where, depth) for side in (value.left, value.right)]
    return {"$": "intervals", "closed": value.closed, "sides": sides}


def _of_arrow(packing: Packing, value: Any, where: str, _: int) -> Any:
    return {
        "$": "arrow_column",
        "column": packing.column(_checked(arrow().chunked_array(value.__arrow_array__()), where)),
    }


EXTENSIONS: dict[str, Callable[[Packing, Any, str, int], Any]] = {
    "CategoricalDtype": _categories,
    "DatetimeTZDtype": _zoned,
    "StringDtype": _texts,
    "PeriodDtype": _period,
    "IntervalDtype": _interval,
    "ArrowDtype": _of_arrow,
}
"""By the type of a column's type."""


def _checked(data: Any, where: str) -> Any:
    """Return an Arrow array whose type is known at home."""
    from .packing import Refused

    if not _is_known(data.type):
        raise Refused(f"`{where[:200]}` is a column of type {str(data.type)[:100]}, which is not copied")
    return data


def _is_known(kind: Any) -> bool:
    types = arrow().types
    if any(getattr(types, name)(kind) for name in SIMPLE):
        return True
    if not any(getattr(types, name)(kind) for name in NESTED):
        return False
    if types.is_dictionary(kind):
        return not types.is_nested(kind.value_type) and _is_known(kind.value_type)
    return all(_is_known(kind.field(place).type) for place in range(kind.num_fields))


def _arrow_table(packing: Packing, value: Any, where: str, depth: int) -> Any:
    names = value.column_names
    data = [_checked(each, f"{where}[{name!r}]") for name, each in zip(names, value.columns)]  # noqa: B905 - since 3.10
    return {
        "$": "arrow_table",
        "rows": value.num_rows,
        "names": [packing.value(name, where, depth) for name in names],
        "data": [packing.column(each) for each in data],
    }


def _arrow_batch(packing: Packing, value: Any, where: str, depth: int) -> Any:
    return _arrow_table(packing, arrow().Table.from_batches([value]), where, depth)


def _arrow_array(packing: Packing, value: Any, where: str, _: int) -> Any:
    return {"$": "arrow_array", "column": packing.column(_checked(value, where))}


def _polars_column(packing: Packing, value: Any, where: str, depth: int) -> Any:
    import polars

    from .packing import Refused

    if value.dtype == polars.Object:  # Polars would give their addresses
        raise Refused(f"`{where[:200]}` is a column of Python objects: give it a type")
    try:
        try:
            data = value.to_arrow(compat_level=polars.CompatLevel.oldest())
        except (AttributeError, TypeError):  # before 1.1
            data = value.to_arrow()
    except Exception as error:  # noqa: BLE001 - Polars has errors of its own
        raise Refused(f"`{where[:200]}` is a column of type {value.dtype}: {str(error)[:200]}") from None
    enum = getattr(polars, "Enum", None)
    texts = None
    if enum is not None and isinstance(value.dtype, enum):
        texts = packing.value(value.dtype.categories.to_list(), where, depth)
    return {
        "name": packing.value(value.name, where, depth),
        "enum": texts,
        "column": packing.column(_checked(data, where)),
    }


def _polars_frame(packing: Packing, value: Any, where: str, depth: int) -> Any:
    named = [(each, f"{where}[{each.name!r}]") for each in value.get_columns()]
    return {"$": "polars_frame", "data": [_polars_column(packing, each, place, depth) for each, place in named]}


def _polars_series(packing: Packing, value: Any, where: str, depth: int) -> Any:
    return {"$": "polars_series", "data": _polars_column(packing, value, where, depth)}


def _moment(packing: Packing, value: Any, where: str, depth: int) -> Any:
    import pandas

    return {"$": "moment", "data": column(packing, pandas.Series([value]).array, where, depth)}


PANDAS: dict[str, Callable[[Packing, Any, str, int], Any]] = {
    "DataFrame": _frame,
    "Series": _series,
    "Timestamp": _moment,
    "Timedelta": _moment,
    "Period": _moment,
    "Interval": _moment,
}
POLARS: dict[str, Callable[[Packing, Any, str, int], Any]] = {"DataFrame": _polars_frame, "Series": _polars_series}
ARROW: dict[str, Callable[[Packing, Any, str, int], Any]] = {
    "Table": _arrow_table,
    "RecordBatch": _arrow_batch,
    "ChunkedArray": _arrow_array,
}
