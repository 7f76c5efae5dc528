"""Writes a variable of a notebook to a file that a cell of the saved notebook loads again.

Tables and series go as Arrow, arrays as NumPy's files, all else as pickle. Knows no session and no kernel.
"""

import filecmp
import io
import os
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timezone
from functools import partial
from importlib.util import find_spec
from itertools import count, takewhile
from pathlib import Path
from threading import Event
from types import FunctionType
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from codeagent_nb.errors import VariableRefused
from codeagent_nb.log.redaction import Redactor, Secrets
from kernel_executor.folders.left_behind import NEW
from kernel_executor.folders.safe_files import PRIVATE
from kernel_executor.secret_names import names_secret
from kernel_executor.text import shorten

SIZE_LIMIT = 1_000_000_000  # bytes of one variable on disk
LOAD_PICKLE = '__import__("pickle").loads(__import__("pathlib").Path({path}).read_bytes())'
LOAD_ARROW = '__import__("pyarrow.ipc").ipc.open_file({path}).read_all()'
LOAD_ARRAY = '__import__("numpy").load({path}, allow_pickle=False)'
LOAD_POLARS = '__import__("polars").read_ipc(__import__("pathlib").Path({path}).read_bytes())'
"""From bytes: `memory_map=False` is gone in polars 2, and without it a table would be the file's, not a copy."""
PIECE = 1_000_000  # bytes that are looked at in one go
ROWS = 65_536  # of a table, in one go


@dataclass(frozen=True, slots=True)
class WrittenVariable:
    """A variable on disk: its name, its path from the working folder, the code that loads it there."""

    name: str
    path: str
    code: str


def write_variable(
    name: str,
    value: Any,
    folder: Path,
    work_dir: Path,
    secrets: Secrets,
    *,
    limit: int = SIZE_LIMIT,
    stop: Event | None = None,
) -> WrittenVariable:
    """Write a variable to a file in `folder`; it ends soon once `stop` is set.

    Raises:
        VariableRefused: It is named like a key, holds one, is too large, or nothing that can be copied.
    """
    try:
        return _written(name, value, folder, work_dir, _Limits(limit, stop or Event(), secrets.look()))
    except VariableRefused as error:
        secrets.take_out_of(error)  # an object's error may say anything
        raise


@dataclass(frozen=True, slots=True)
class _Limits:
    """What ends the writing of a file: its size, a word from us, a secret in it."""

    size: int
    stop: Event
    secrets: Redactor


def _written(name: str, value: Any, folder: Path, work_dir: Path, limits: _Limits) -> WrittenVariable:
    if names_secret(name):
        raise refused(name, value, "it is named like a key, and executed code must not see them")
    try:
        ending, fill, load = _as_data(value) or (".pickle", partial(_write_pickle, name, value), LOAD_PICKLE)
        path = folder / f"{name}{ending}"
        relative = _store(path, fill, limits).relative_to(work_dir).as_posix()
    except _Ended as error:
        raise refused(name, value, str(error)) from error
    except OSError as error:
        raise refused(name, value, f"its file cannot be written ({error.strerror or error})") from error
    except VariableRefused:
        raise
    except Exception as error:  # Arrow has kinds of tables that its own files do not keep
        why = shorten(f"{type(error).__name__}: {error}", 400)
        raise refused(name, value, f"it cannot be written as an Arrow file ({why})") from error
    return WrittenVariable(name, relative, f"{name} = {load.format(path=repr(relative))}")


class _Ended(Exception):  # noqa: N818 - caught where it is raised from
    """Writing must not go on; it says why."""


def refused(name: str, value: Any, why: str) -> VariableRefused:
    """Return the error that names a variable, why it is not copied, and what to do."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    said = (
        f"`{name}` ({kind}) was not copied: {why}. Copy the part that is needed under a name of its own, as a table, "
        "a list or a dict, or save it as a file beside the notebook."
    )
    return VariableRefused(said)


def _store(path: Path, fill: "Callable[[_Watched], None]", limits: _Limits) -> Path:
    """Make a file; nothing is left if that fails."""
    part = path.with_name(f".{uuid4().hex}.part")  # of this name, one that was stopped may not be at its end yet
    try:
        with os.fdopen(os.open(part, NEW, PRIVATE), "wb") as file:
            fill(_Watched(limits, file.write))
        _Watched(limits, len).write(b"")  # or it is stopped
        return _named(part, path)
    finally:
        with suppress(OSError):  # where nothing can be written, there is nothing to take back
            part.unlink()


def _named(part: Path, path: Path) -> Path:
    """Return a file its name, unless the last one is the same. An earlier one stays what a cell has loaded."""
    names = (path.with_stem(f"{path.stem}-{number}") if number > 1 else path for number in count(1))
    earlier = list(takewhile(Path.exists, names))
    if earlier and filecmp.cmp(earlier[-1], part, shallow=False):
        return earlier[-1]
    return part.rename(path.with_stem(f"{path.stem}-{len(earlier) + 1}") if earlier else path)


def _write_table(table: Any, file: "_Watched") -> None:
    """Write a table as an Arrow file; not compressed: it is read once, at once, by a kernel on this machine."""
    from pyarrow import types

    # Numbers hold no key, and to look through them would take longer than to write them: only names and texts.
    texts = [place for place, field in enumerate(table.schema) if not types.is_primitive(field.type)]
    for part in (table.slice(0, 0), table.select(texts)):
        _write_arrow(part, _Watched(replace(file.limits, size=file.room), len))
    file.limits = replace(file.limits, secrets=Redactor(()))
    _write_arrow(table, file)


def _write_arrow(table: Any, file: "_Watched") -> None:
    """Write by `pyarrow.ipc`: `pyarrow.feather` is another name for the same format, and is being given up."""
    from pyarrow import ipc

    with ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=ROWS)


def _write_array(array: Any, file: "_Watched") -> None:
    """Write a NumPy array as its own kind of file, which holds no code."""
    from numpy.lib import format as npy

    if array.dtype.kind not in "SU":  # numbers hold no key
        file.limits = replace(file.limits, secrets=Redactor(()))
    npy.write_array(file, array, allow_pickle=False)


def is_data(value: Any, columns: int = sys.maxsize) -> bool:
    """Return whether a value is written as data: a table, a series or an array that comes back as it is, without code.

    Args:
        value: Any value; none of its own code is run.
        columns: How many it may have: to look at each takes 10 microseconds.
    """
    # Imported by who has one.
    numpy, pandas, pyarrow, polars = map(sys.modules.get, ("numpy", "pandas", "pyarrow", "polars"))
    if numpy and type(value) is numpy.ndarray:
        return value.dtype.kind in "biufcmMSU" and value.ndim > 0
    if pandas and type(value) is pandas.Series:
        is_named = value.name is None or type(value.name) is str
        return is_named and find_spec("pyarrow") is not None and _comes_back_as_it_is(_framed(value))
    if pandas and type(value) is pandas.DataFrame:
        return value.shape[1] <= columns and find_spec("pyarrow") is not None and _comes_back_as_it_is(value)
    if pyarrow and type(value) is pyarrow.Table:
        return bool(value.num_columns <= columns and len(set(value.column_names)) == value.num_columns)
    if polars and type(value) is polars.DataFrame:
        return bool(value.width <= columns and polars.Object not in value.dtypes)
    return False


def _as_data(value: Any) -> "tuple[str, Callable[[_Watched], None], str] | None":
    """Return how a file of data ends, what fills it, and the code that reads it; only of exact types."""
    if not is_data(value):
        return None
    kind = type(value).__name__
    match type(value).__module__.partition(".")[0]:
        case "numpy":
            return ".npy", partial(_write_array, value), LOAD_ARRAY
        case "pyarrow":
            return ".arrow", partial(_write_table, value.unify_dictionaries()), LOAD_ARROW
        case "polars":
            return ".arrow", partial(_write_table, value.to_arrow()), LOAD_POLARS
    with suppress(ImportError):
        import pyarrow

        table = pyarrow.Table.from_pandas(_framed(value) if kind == "Series" else value)
        named = f'["{ONLY}"].rename({value.name!r})'.replace("{", "{{").replace("}", "}}") if kind == "Series" else ""
        return ".arrow", partial(_write_table, table), f"{LOAD_ARROW}.to_pandas(){named}"
    return None


ONLY = "values"
"""The column of a series that is written as a table: its own name may be none, or that of its index."""


def _framed(series: Any) -> Any:
    return series.to_frame(ONLY)


def _comes_back_as_it_is(table: Any) -> bool:
    """Return whether Arrow keeps a DataFrame; pickle keeps every one, but only for a pandas that is much like this one.

    Of 90 kinds of DataFrames 30 came back as another one (measured, pandas 3.1): with other types of names, without
    the frequency of an index; columns named True and False were both True.
    """
    import pandas

    columns, index = table.columns, table.index
    return (
        type(columns) is pandas.Index
        and columns.dtype == pandas.Index(["a"]).dtype
        and all(type(name) is str for name in columns)
        and columns.is_unique
        and all(name is None or type(name) is str for name in (columns.name, *index.names))
        and _is_kept_index(index)
        and index.name not in columns
        and all(map(_is_kept, table.dtypes))
        and not table.attrs
        and bool(table.flags.allows_duplicate_labels)
    )


def _is_kept_index(index: Any) -> bool:
    import pandas

    if type(index) is pandas.RangeIndex:
        return True
    simple = type(index) is pandas.Index or (type(index) is pandas.DatetimeIndex and index.freq is None)
    return simple and str(index.dtype) not in NULLABLE and _is_kept(index.dtype)


def _is_kept(dtype: Any) -> bool:
    """Return whether Arrow keeps a column: of objects, lists would come back as arrays, and numbers as others."""
    import numpy
    import pandas

    if isinstance(dtype, numpy.dtype):
        return dtype.kind in "biufmM" and bool(dtype.isnative)
    if isinstance(dtype, pandas.CategoricalDtype):
        return dtype.categories is not None and _is_kept(dtype.categories.dtype)
    if isinstance(dtype, pandas.DatetimeTZDtype):
        return type(dtype.tz) in {ZoneInfo, timezone}
    if isinstance(dtype, pandas.StringDtype):
        return bool(dtype == pandas.Index(["a"]).dtype)
    return str(dtype) in NULLABLE


NULLABLE = frozenset({"boolean", *(f"{sign}nt{bits}" for sign in ("I", "UI") for bits in (8, 16, 32, 64))})
"""The nullable numbers that Arrow keeps: in Float64, "missing" and "not a number" would become one."""


def _write_pickle(name: str, value: Any, file: "_Watched") -> None:
    try:
        NotebookPickler(file).dump(value)
    except (_Ended, OSError):
        raise
    except Exception as error:  # whatever the object's own code raises
        why = shorten(f"{type(error).__name__}: {error}", 400)
        raise refused(name, value, f"it cannot be pickled ({why})") from error


class NotebookPickler(pickle.Pickler):
    """Refuses what only the notebook knows: it would be written, and could not be read elsewhere."""

    def __init__(self, file: Any) -> None:
        super().__init__(file, protocol=5)
        self._go_on = partial(file.write, b"")  # or raise: small objects are written many at a time

    def reducer_override(self, obj: Any) -> Any:
        """Look at an object before it is written; `pickle` calls this."""
        self._go_on()
        if isinstance(obj, type | FunctionType) and obj.__module__ == "__main__":
            raise pickle.PicklingError(f"`{obj.__qualname__}` is defined in this notebook, and only known here")
        return NotImplemented


class _Watched(io.RawIOBase):
    """A file that ends at a limit, before the disk is full, at a secret, and when nobody waits for it any more."""

    def __init__(self, limits: _Limits, write: Callable[[memoryview], int]) -> None:
        self.limits, self.room = limits, limits.size
        self._write, self._end = write, b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view, secrets = memoryview(data).cast("B"), self.limits.secrets
        self.room -= len(view)
        if self.room < 0:
            raise _Ended(f"it is larger than the limit of {self.limits.size / 1e6:,.0f} MB")
        if self.limits.stop.is_set():
            raise _Ended("it was stopped")
        for start in range(0, len(view) if secrets.longest else 0, PIECE):
            piece = self._end + view[start : start + PIECE]
            if name := secrets.secret_in(piece):
                raise _Ended(f"it holds the value of the environment variable {name}, which is named like a key")
            self._end = piece[-secrets.longest :]
        return self._write(view)
