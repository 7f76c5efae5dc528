"""Reads values of the code's by their real types, and so without running any of the code.

`isinstance` would ask `__class__`, `len` would ask `__len__`, a look into a dict compares with keys that may be the
code's own, and a metaclass may answer for a class. So nothing here does any of that.
"""

from __future__ import annotations

import collections
import types
from collections.abc import Iterable
from itertools import islice
from typing import Any

from .inspecting import MODULES, NAMES, is_of_pandas, is_type_of

LONGEST = 60
"""Characters of a type's name that are told."""

MOST_LOOKED_AT = 2_000
"""Labels, keys and names that are looked through."""

MOST_ENTRIES = 100_000
"""Entries of a dict that are looked through for one: 3 ms."""

MAPPINGS = (dict, collections.OrderedDict, collections.Counter, collections.defaultdict)
GROUPS = ("DataFrameGroupBy", "SeriesGroupBy")

MRO: Any = type.__dict__["__mro__"]
CLASS_DICT: Any = type.__dict__["__dict__"]
MODULE_DICT: Any = vars(types.ModuleType)["__dict__"]


def one_of(kind: type, known: Iterable[type]) -> bool:
    """Return whether a type is one of some; `in` may call what a metaclass of the code's has."""
    return any(kind is each for each in known)


def type_name(kind: type) -> str:
    """Return a type's name, and run nothing of its metaclass."""
    name = NAMES.__get__(kind)
    return name[:LONGEST] if type(name) is str else ""


def inner_of(value: Any) -> Any:
    """Return the table or column that an object of pandas' own is about: of `df.groupby(...)`, `df.loc`."""
    kind = type(value)
    module = MODULES.__get__(kind)
    if type(module) is str and module.startswith("pandas.") and is_type_of(kind, module, NAMES.__get__(kind)):
        return lookup(instance_dict(value), "obj")
    return None


def is_table(kind: type) -> bool:
    """Return whether it is pandas' own type of tables."""
    return is_type_of(kind, "pandas", "DataFrame")


def is_series(kind: type) -> bool:
    """Return whether it is pandas' own type of columns."""
    return is_type_of(kind, "pandas", "Series")


def is_index(kind: type) -> bool:
    """Return whether it is one of pandas' own types of labels."""
    names = ("Index", "DatetimeIndex", "RangeIndex", "CategoricalIndex", "MultiIndex", "PeriodIndex", "TimedeltaIndex")
    return any(is_type_of(kind, "pandas", name) for name in names)


def is_grouped(kind: type) -> bool:
    """Return whether it is one of pandas' own types of groups."""
    return any(is_type_of(kind, "pandas.core.groupby.generic", name) for name in GROUPS)


def holds_known_arrays(value: Any) -> bool:
    """Return whether a table or column holds nothing but arrays of NumPy's and pandas' own."""
    return all(is_of_pandas(type(block.values)) for block in value._mgr.blocks)  # noqa: SLF001


def has_known_labels(index: Any) -> bool:
    """Return whether the labels of an index lie in arrays of NumPy's and pandas' own."""
    kind = type(index)
    if is_type_of(kind, "pandas", "MultiIndex"):
        return all(map(has_known_labels, index.levels))
    return is_index(kind) and (is_type_of(kind, "pandas", "RangeIndex") or is_of_pandas(type(index._data)))  # noqa: SLF001


def labels_of(value: Any) -> list[str]:
    """Return the labels that are texts: a table's columns, a column's index, a dict's keys."""
    kind = type(value)
    if one_of(kind, MAPPINGS):
        return texts(value)
    if is_table(kind):
        return labels_of(value.columns)
    if is_index(kind):
        is_of_texts = has_known_labels(value) and value.dtype.kind not in "biufcmM"
        return texts(value[:MOST_LOOKED_AT]) if is_of_texts else []
    if is_series(kind):
        return labels_of(value.index)
    if is_type_of(kind, "polars", "DataFrame"):
        return texts(value.columns)
    inner = inner_of(value)
    return [] if inner is None else labels_of(inner)


def texts(values: Iterable[Any]) -> list[str]:
    """Return those of the first values that are texts."""
    return [value for value in islice(values, MOST_LOOKED_AT) if type(value) is str]


def lookup(entries: Any, key: Any) -> Any:
    """Return what a dict has under a text or number, or None; compares with no other keys."""
    pairs: Any = ()
    if type(entries) is types.MappingProxyType:
        pairs = entries.items()
    elif issubclass(type(entries), dict):
        pairs = dict.items(entries)
    return next((v for k, v in islice(pairs, MOST_ENTRIES) if type(k) is type(key) and k == key), None)


def instance_dict(value: Any) -> Any:
    """Return an object's own attributes, as a dict; empty if it has none, or a way of its own to tell them."""
    for kind in MRO.__get__(type(value)):
        slot = lookup(CLASS_DICT.__get__(kind), "__dict__")
        if type(slot) is types.GetSetDescriptorType:
            own = slot.__get__(value)
            return own if type(own) is dict else {}
        if slot is not None:
            return {}
    return {}


def class_attribute(kind: type, name: str) -> Any:
    """Return what a class or one of its bases has under a name, as it stands there; None if nothing."""
    for each in MRO.__get__(kind):
        found = lookup(CLASS_DICT.__get__(each), name)
        if found is not None:
            return found
    return None


def attributes_of(value: Any) -> list[str]:
    """Return the names of what an object has."""
    kind = type(value)
    if issubclass(kind, types.ModuleType):
        return [name for name in texts(MODULE_DICT.__get__(value)) if not name.startswith("_")]
    classes = MRO.__get__(value if issubclass(kind, type) else kind)
    names = texts(instance_dict(value)) if not issubclass(kind, type) else []
    for each in classes:
        names += texts(CLASS_DICT.__get__(each))
    return [name for name in dict.fromkeys(names) if not name.startswith("_")]
