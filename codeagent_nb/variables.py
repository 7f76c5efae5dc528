"""Copies variables of a notebook into the managed kernel, as files that the saved notebook loads again.

Tables go as Arrow, all else as pickle. The code that loads a variable runs in the kernel as any other block and is a
cell of the session. Knows no IPython.
"""

import ast
import io
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

from codeagent_nb import describe_data
from codeagent_nb.errors import VariableRefused
from codeagent_nb.events import VariableEvent
from codeagent_nb.session import Session
from kernel_executor import CodeBlock
from kernel_executor.environment import names_secret

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
        raise _refused(name, value, f"the managed kernel could not load it ({block.ename}: {block.evalue})")
    session.log.publish(
        VariableEvent(
            source="notebook",
            name=name,
            code=written.code,
            description=await _describe(session, written),
            execution_count=block.execution_count,
        )
    )


async def _describe(session: Session, written: WrittenVariable) -> str:
    source = Path(describe_data.__file__).read_text()
    arguments = f"{written.name!r}, {written.name}, {DESCRIPTION_BUDGET}"
    call = f"(lambda scope: (exec({source!r}, scope), scope['describe_variable']({arguments}))[1])({{}})"
    told = await session.executor.evaluate(call)
    text = str(ast.literal_eval(told)) if told else f"The variable `{written.name}` is there."
    return f"{text}\nIt is loaded; use it as it is."


def write_variable(name: str, value: Any, folder: Path, work_dir: Path, limit: int = SIZE_LIMIT) -> WrittenVariable:
    """Write a variable to a file in `folder`.

    Raises:
        VariableRefused: It is named like a key, too large, or nothing that can be copied.
    """
    if names_secret(name):
        raise _refused(name, value, "it is named like a key, and executed code must not see those")
    for writer in (_write_table, _write_pickle):
        try:
            written = writer(name, value, folder, work_dir, limit)
        except _TooLarge as error:
            raise _refused(name, value, f"it is larger than the limit of {limit / 1e6:,.0f} MB") from error
        except OSError as error:
            raise _refused(name, value, f"its file cannot be written ({error.strerror})") from error
        if written:
            return written
    raise AssertionError("pickling either works or raises")


class _TooLarge(Exception):  # noqa: N818 - caught where it is raised from
    pass


def _refused(name: str, value: Any, why: str) -> VariableRefused:
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return VariableRefused(
        f"`{name}` ({kind}) was not copied: {why}. Copy the part that is needed under a name of its own, as a table, "
        "a list or a dict, or save it as a file beside the notebook."
    )


def _write_table(name: str, value: Any, folder: Path, work_dir: Path, limit: int) -> WrittenVariable | None:
    """Write a table as an Arrow file; None for what is no table, or has columns that Arrow does not know."""
    as_arrow = _arrow_table(value)
    if as_arrow is None:
        return None
    table, load = as_arrow
    if table.nbytes > limit:
        raise _TooLarge
    from pyarrow import feather

    path = folder / f"{name}.arrow"
    # Not compressed: it is read once, at once, by a kernel on this machine.
    feather.write_feather(table, str(path), compression="uncompressed")
    return _written(name, path, work_dir, load)


def _arrow_table(value: Any) -> tuple[Any, str] | None:
    """Return a table as pyarrow has it, and the code that gets it back; only exact types: a subclass has more to it."""
    pandas, pyarrow, polars = (_if_imported(module) for module in ("pandas", "pyarrow", "polars"))
    if pandas and type(value) is pandas.DataFrame:
        return _of_pandas(value)
    if pyarrow and type(value) is pyarrow.Table:
        return value, "from pyarrow import feather\n{name} = feather.read_table({path})"
    if polars and type(value) is polars.DataFrame:
        return value.to_arrow(), "import polars\n{name} = polars.read_ipc({path})"
    return None


def _of_pandas(value: Any) -> tuple[Any, str] | None:
    """Only what comes back as it was: in a column of objects, lists would come back as arrays, numbers as others."""
    if any(dtype.hasobject for dtype in value.dtypes if hasattr(dtype, "hasobject")):
        return None
    try:
        import pyarrow
    except ImportError:
        return None
    try:
        table = pyarrow.Table.from_pandas(value)
    except (pyarrow.ArrowException, TypeError, ValueError, OverflowError):  # mixed columns, names given twice
        return None
    return table, "from pyarrow import feather\n{name} = feather.read_feather({path})"


def _if_imported(module: str) -> Any:
    """Return a module if somebody has imported it: whoever has a table of a library has imported that library."""
    return sys.modules.get(module)


def _write_pickle(name: str, value: Any, folder: Path, work_dir: Path, limit: int) -> WrittenVariable:
    path = folder / f"{name}.pickle"
    try:
        with path.open("wb") as file:
            _NotebookPickler(_Limited(file.write, limit), protocol=5).dump(value)
    except _TooLarge:
        path.unlink()
        raise
    except Exception as error:  # whatever the object's own code raises
        path.unlink(missing_ok=True)
        raise _refused(name, value, f"it cannot be pickled ({error})") from error
    return _written(
        name, path, work_dir, "import pickle\nwith open({path}, 'rb') as file:\n    {name} = pickle.load(file)"
    )


def _written(name: str, path: Path, work_dir: Path, load: str) -> WrittenVariable:
    relative = path.relative_to(work_dir).as_posix()
    return WrittenVariable(name, relative, load.format(name=name, path=repr(relative)))


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
