"""Copies variables of a notebook into the managed kernel, as files that the saved notebook loads again.

Tables go as Arrow, all else as pickle. The code that loads a variable runs in the kernel as any other block and is a
cell of the session. Knows no IPython.
"""

import ast
import filecmp
import io
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timezone
from itertools import count
from pathlib import Path
from types import FunctionType
from typing import Any
from zoneinfo import ZoneInfo

from codeagent_nb import describe_data
from codeagent_nb.errors import VariableRefused
from codeagent_nb.events import VariableEvent
from codeagent_nb.session import Session
from kernel_executor import CodeBlock
from kernel_executor.environment import names_secret
from kernel_executor.in_kernel.guard import shorten

SIZE_LIMIT = 1_000_000_000  # bytes of one variable on disk
DESCRIPTION_BUDGET = 3_000  # characters of one variable, about 750 tokens


@dataclass(frozen=True, slots=True)
class WrittenVariable:
    """A variable on disk.

    Args:
        name: Its name.
        path: Where it is, relative to the working folder.
        code: What loads it there.
    """

    name: str
    path: str
    code: str


async def bring_variable(session: Session, name: str, value: Any, folder: Path) -> None:
    """Copy a variable into the session's kernel and tell the model what it is.

    Args:
        session: Where to.
        name: Its name, there as here.
        value: Its value; pickled unless it is a table.
        folder: Where its file is kept, in the session's folder.

    Raises:
        VariableRefused: It cannot be copied; it says why and what to do.
    """
    written = write_variable(name, value, folder, session.executor.work_dir)
    result = await session.executor.execute_code_blocks([CodeBlock(written.code)])
    block = result.blocks[-1]
    if block.status != "ok":
        if not any(isinstance(event, VariableEvent) and event.code == written.code for event in session.log.events):
            (session.executor.work_dir / written.path).unlink(missing_ok=True)
        raise _refused(name, value, f"the managed kernel could not load it ({block.ename}: {block.evalue})")
    description = await _describe(session, written)
    session.log.publish(
        VariableEvent(
            source="notebook",
            name=name,
            code=written.code,
            description=description,
            execution_count=block.execution_count,
        )
    )


async def _describe(session: Session, written: WrittenVariable) -> str:
    source = Path(describe_data.__file__).read_text()
    arguments = f"{written.name!r}, {written.name}, {DESCRIPTION_BUDGET}"
    call = f"(lambda scope: (exec({source!r}, scope), scope['describe_variable']({arguments}))[1])({{}})"
    told = await session.executor.evaluate(call)
    return str(ast.literal_eval(told)) if told else f"The variable `{written.name}` is there."


def write_variable(name: str, value: Any, folder: Path, work_dir: Path, limit: int = SIZE_LIMIT) -> WrittenVariable:
    """Write a variable to a file in `folder`.

    Raises:
        VariableRefused: It is named like a key, too large, or nothing that can be copied.
    """
    if names_secret(name):
        raise _refused(name, value, "it is named like a key, and executed code must not see those")
    for writer in (_write_table, _write_pickle):
        try:
            path_and_load = writer(name, value, folder, limit)
        except _TooLarge as error:
            raise _refused(name, value, f"it is larger than the limit of {limit / 1e6:,.0f} MB") from error
        except OSError as error:
            why = f"its file cannot be written ({error.strerror or error})"
            raise _refused(name, value, why) from error
        if path_and_load:
            path, load = path_and_load
            relative = path.relative_to(work_dir).as_posix()
            return WrittenVariable(name, relative, load.format(name=name, path=repr(relative)))
    raise AssertionError("pickling either works or raises")


class _TooLarge(Exception):  # noqa: N818 - caught where it is raised from
    pass


def _refused(name: str, value: Any, why: str) -> VariableRefused:
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return VariableRefused(
        f"`{name}` ({kind}) was not copied: {why}. Copy the part that is needed under a name of its own, as a table, "
        "a list or a dict, or save it as a file beside the notebook."
    )


@contextmanager
def _new_file(folder: Path, name: str, ending: str) -> Iterator[list[Path]]:
    """Give a file to write; it is gone if that fails. An earlier one stays what a cell of the session has loaded."""
    earlier: Path | None = None
    path = folder / f"{name}{ending}"
    for number in count(2):
        if not path.exists():
            break
        earlier, path = path, folder / f"{name}-{number}{ending}"
    kept = [path]
    try:
        yield kept
    except BaseException:
        with suppress(OSError):  # where nothing can be written, there is nothing to take back
            path.unlink()
        raise
    if earlier and filecmp.cmp(earlier, path, shallow=False):
        path.unlink()
        kept[0] = earlier


def _write_table(name: str, value: Any, folder: Path, limit: int) -> tuple[Path, str] | None:
    """Write a table as an Arrow file; None for what is no table, or would not come back as it is."""
    as_arrow = _arrow_table(value)
    if as_arrow is None:
        return None
    table, load = as_arrow
    if table.nbytes > limit:
        raise _TooLarge
    from pyarrow import feather

    with _new_file(folder, name, ".arrow") as kept:
        # Not compressed: it is read once, at once, by a kernel on this machine.
        feather.write_feather(table, str(kept[0]), compression="uncompressed")
    return kept[0], load


def _arrow_table(value: Any) -> tuple[Any, str] | None:
    """Return a table as pyarrow has it, and the code that gets it back; only exact types: a subclass has more to it."""
    pandas, pyarrow, polars = (_if_imported(module) for module in ("pandas", "pyarrow", "polars"))
    if pandas and type(value) is pandas.DataFrame:
        return _of_pandas(value)
    if pyarrow and type(value) is pyarrow.Table and len(set(value.column_names)) == value.num_columns:
        return value, "from pyarrow import feather\n{name} = feather.read_table({path})"
    if polars and type(value) is polars.DataFrame:
        return value.to_arrow(), "import polars\n{name} = polars.read_ipc({path}, memory_map=False)"
    return None


def _of_pandas(value: Any) -> tuple[Any, str] | None:
    if not _comes_back_as_it_is(value):
        return None
    try:
        import pyarrow
    except ImportError:
        return None
    return pyarrow.Table.from_pandas(value), "from pyarrow import feather\n{name} = feather.read_feather({path})"


def _comes_back_as_it_is(table: Any) -> bool:
    """Say whether Arrow keeps a DataFrame; pickle keeps every one, but only for a pandas that is much like this one.

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
    """Say whether Arrow keeps a column: of objects, lists would come back as arrays, and numbers as others."""
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


def _if_imported(module: str) -> Any:
    """Return a module if somebody has imported it: whoever has a table of a library has imported that library."""
    return sys.modules.get(module)


def _write_pickle(name: str, value: Any, folder: Path, limit: int) -> tuple[Path, str]:
    with _new_file(folder, name, ".pickle") as kept:
        try:
            with kept[0].open("wb") as file:
                _NotebookPickler(_Limited(file.write, limit), protocol=5).dump(value)
        except (_TooLarge, OSError):
            raise
        except Exception as error:  # whatever the object's own code raises
            why = shorten(f"{type(error).__name__}: {error}", 400)
            raise _refused(name, value, f"it cannot be pickled ({why})") from error
    return kept[0], "import pickle\nwith open({path}, 'rb') as file:\n    {name} = pickle.load(file)"


class _NotebookPickler(pickle.Pickler):
    """Refuses what only the notebook knows: it would be written, and could not be read elsewhere."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, type | FunctionType) and obj.__module__ == "__main__":
            raise pickle.PicklingError(f"`{obj.__qualname__}` is defined in this notebook, and only known here")
        return NotImplemented


class _Limited(io.RawIOBase):
    """A file that ends at a limit, before the disk is full."""

    def __init__(self, write: Callable[[Any], int], limit: int) -> None:
        self._write = write
        self._room = limit

    def write(self, data: Any) -> int:
        self._room -= memoryview(data).nbytes
        if self._room < 0:
            raise _TooLarge
        return self._write(data)
