"""A variable of the notebook comes into the managed kernel as it is, through a file, or is refused with a reason."""

import asyncio
import dataclasses
import datetime
import decimal
import os
import pickle
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from codeagent_nb.errors import VariableRefused
from codeagent_nb.log.event_log import EventLog
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.session.variable_files import PIECE, WrittenVariable, write_variable
from codeagent_nb.session.variables import LOAD_TIMEOUT, bring_variable
from kernel_executor import BlockResult, CodeBlock, CodeResult, Isolation


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the variables' files, in the folder where code works."""
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "study.data"
    data.mkdir()
    return data


def write(folder: Path, value: Any, name: str = "it", **more: Any) -> WrittenVariable:
    return write_variable(name, value, folder, folder.parent, Secrets(os.environ), **more)


def load(written: WrittenVariable) -> Any:
    scope: dict[str, Any] = {}
    exec(written.code, scope)
    assert scope.keys() - {"__builtins__"} == {written.name}, "names of ours would be in the way of the user's"
    return scope[written.name]


def there_and_back(folder: Path, value: Any) -> Any:
    return load(write(folder, value))


# Tables


def frames() -> Iterator[Any]:
    """Give DataFrames whose indexes and names are of every kind."""
    import pandas as pd

    two = {"a": [1, 2]}
    dates = pd.date_range("2020", periods=2)
    noted, odd = pd.DataFrame(two), pd.DataFrame(two)
    noted.attrs, odd.attrs = {"unit": "m", 1: (2,)}, {"unit": {1, 2}}
    yield "plain", pd.DataFrame({"a": [1, 2], "b": [1.5, None], "c": ["x", None], "d": [True, False]})
    yield "empty", pd.DataFrame()
    yield "without rows", pd.DataFrame({"a": pd.Series([], dtype="int64"), "b": pd.Series([], dtype=object)})
    yield "without columns", pd.DataFrame(index=["x", "y"])
    yield "index", pd.DataFrame(two, index=pd.Index(["x", "y"], name="k"))
    yield "range", pd.DataFrame(two, index=pd.RangeIndex(5, 9, 2, name="r"))
    yield "index of dates", pd.DataFrame(two, index=pd.DatetimeIndex(["2020", "2022"], name="d"))
    yield "index with frequency", pd.DataFrame(two, index=dates)
    yield "multi-index", pd.DataFrame(two, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["p", None]))
    yield "index of objects", pd.DataFrame(two, index=pd.Index([1, "1"], dtype=object))
    yield "index of number objects", pd.DataFrame(two, index=pd.Index([1, 2], dtype=object))
    yield "nullable index", pd.DataFrame(two, index=pd.Index([1, None], dtype="Int64"))
    yield "index named like a column", pd.DataFrame(two, index=pd.Index([5, 6], name="a"))
    yield "index named by a number", pd.DataFrame(two, index=pd.Index([5, 6], name=0))
    yield "index of periods", pd.DataFrame(two, index=pd.period_range("2020", periods=2, freq="M"))
    yield "same names", pd.DataFrame([[1, 2]], columns=["a", "a"])
    yield "numbers as names", pd.DataFrame([[1, 2]])
    yield "truth as names", pd.DataFrame([[1, 2]], columns=[True, False])
    yield "mixed names", pd.DataFrame([[1, 2]], columns=[0, "a"])
    yield "dates as names", pd.DataFrame([[1, 2]], columns=dates)
    yield "named names", pd.DataFrame([[1]], columns=pd.Index(["a"], name="n"))
    yield "names on levels", pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]))
    yield "names of pyarrow", pd.DataFrame({"__index_level_0__": [1], "index": [2]}, index=["q"])
    yield "notes", noted
    yield "odd notes", odd
    yield "flags", pd.DataFrame(two).set_flags(allows_duplicate_labels=False)


def columns() -> Iterator[Any]:
    """Give DataFrames whose columns are of every kind."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    dates = pd.date_range("2020", periods=2)
    zone = datetime.timezone(datetime.timedelta(hours=2))
    objects = pd.Series(["x", None, 1, [2], {"k": (3,)}], dtype=object)
    yield "category", pd.DataFrame({"a": pd.Categorical(["u", "v", None], categories=["v", "u", "w"], ordered=True)})
    yield "category of numbers", pd.DataFrame({"a": pd.Categorical([3, 1, 3])})
    yield "category of intervals", pd.DataFrame({"a": pd.cut([1, 2, 3], 2)})
    yield "category of objects", pd.DataFrame({"a": pd.Categorical(pd.Series([1, "a"], dtype=object))})
    yield "dates", pd.DataFrame({"a": dates, "b": dates.tz_localize("Europe/Berlin"), "c": dates.tz_localize("UTC")})
    yield "dates at an offset", pd.DataFrame({"a": dates.tz_localize(zone)})
    yield "dates of dateutil", pd.DataFrame({"a": dates.tz_localize("dateutil/Europe/Berlin")})
    yield "durations", pd.DataFrame({"a": pd.to_timedelta([1, None], unit="h"), "b": np.array([1, 2], dtype="m8[s]")})
    yield "old dates", pd.DataFrame({"a": np.array(["0001-01-01"], dtype="M8[s]")})
    yield "periods and intervals", pd.DataFrame({"a": dates.to_period("M"), "b": pd.interval_range(0, 2)})
    not_a_number = pd.arrays.FloatingArray(np.array([np.nan, 1.0]), np.array([False, True]))
    yield "nullable floats", pd.DataFrame({"a": pd.array([1.5, None], dtype="Float64"), "b": not_a_number})
    yield "strings", pd.DataFrame({"a": pd.array(["x", None], dtype="string")})
    yield "strings of Python", pd.DataFrame({"a": pd.array(["x", None], dtype="string[python]")})
    yield "types of Arrow", pd.DataFrame({"a": pd.array([[1], None], dtype=pd.ArrowDtype(pa.list_(pa.int64())))})
    yield "sparse", pd.DataFrame({"a": pd.arrays.SparseArray([0, 0, 1])})
    yield "objects", pd.DataFrame({"a": objects})
    yield "decimals", pd.DataFrame({"a": [decimal.Decimal("1.10")], "b": [datetime.date(2020, 1, 1)], "c": [b"x"]})
    numbers = {"a": [np.inf], "b": [-0.0], "c": [1j], "d": np.array([1], ">i4"), "e": np.array([1], "f2")}
    yield "numbers", pd.DataFrame(numbers)
    yield "nullable", pd.DataFrame({"a": pd.array([1, None], "Int64"), "b": pd.array([True, None], "boolean")})
    yield "strange texts", pd.DataFrame({"ä\n'\"\\": ["\x00", "\U0001f600"]})


HAS_PANDAS = all(find_spec(name) for name in ("pandas", "pyarrow"))
FRAMES = dict([*frames(), *columns()]) if HAS_PANDAS else {}
needs_pandas = pytest.mark.skipif(not HAS_PANDAS, reason="pandas or pyarrow is not installed")


@pytest.mark.parametrize("kind", FRAMES)
def test_a_dataframe_comes_back_exactly(folder: Path, kind: str) -> None:
    import pandas as pd

    before, after = FRAMES[kind], there_and_back(folder, FRAMES[kind])
    pd.testing.assert_frame_equal(after, before, check_exact=True, check_freq=True, check_flags=True)
    assert (type(after.index), after.index.names, after.attrs) == (type(before.index), before.index.names, before.attrs)
    assert [*map(repr, after.dtypes)] == [*map(repr, before.dtypes)]
    for column in range(before.shape[1]):
        if before.dtypes.iloc[column].kind == "O":
            assert [*map(type, after.iloc[:, column])] == [*map(type, before.iloc[:, column])]


@needs_pandas
def test_a_common_table_goes_as_an_arrow_file(folder: Path) -> None:
    for kind in ("plain", "index", "range", "index of dates", "category", "dates", "nullable"):
        assert write(folder, FRAMES[kind], kind.replace(" ", "_")).path.endswith(".arrow"), kind


def test_a_table_of_a_subclass_keeps_its_class(folder: Path) -> None:
    pandas = pytest.importorskip("pandas")  # and so does a Series
    series = pandas.Series([1, 2], name="s", index=["x", "y"])
    pandas.testing.assert_series_equal(there_and_back(folder, series), series)
    subclass = type("Sub", (pandas.DataFrame,), {"__module__": "decimal"})
    decimal.Sub = subclass  # type: ignore[attr-defined]
    try:
        assert type(there_and_back(folder, subclass({"a": [1]}))) is subclass
    finally:
        del decimal.Sub  # type: ignore[attr-defined]


def test_an_arrow_table_comes_back_with_its_schema(folder: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    schema = pa.schema([pa.field("a", pa.int32(), nullable=False), ("l", pa.list_(pa.string()))], {"note": "x"})
    table = pa.table([[1, 2], [["x"], None]], schema=schema)
    back = there_and_back(folder, table)
    assert back.equals(table, check_metadata=True)
    doubled = pa.table([[1], [2]], names=["a", "a"])
    assert there_and_back(folder, doubled).equals(doubled)


def test_an_arrow_table_of_rare_types_comes_back_too(folder: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    number, text = pa.array([1]), pa.array(["x"])
    columns = {
        "encoded": pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), number),
        "union": pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [number, text]),
        "dictionary": text.dictionary_encode(),
        "map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
        "nothing": pa.nulls(1),
    }
    assert there_and_back(folder, pa.table(columns)).equals(pa.table(columns))


def test_a_polars_table_comes_back(folder: Path) -> None:
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({"a": [1, None], "s": ["x", "y"], "l": [[1], []]})
    assert there_and_back(folder, table).equals(table)


def polars_tables() -> Iterator[Any]:
    """Yield tables of the types that polars keeps in ways of its own."""
    import polars as pl

    day = datetime.date(2024, 2, 29)
    noon = datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC)
    yield "nothing", pl.DataFrame()
    yield "no rows", pl.DataFrame(schema={"a": pl.Int8, "b": pl.String})
    yield "dates", pl.DataFrame({"a": [day, None], "b": [noon, None], "c": [datetime.time(1), None]})
    yield "durations", pl.DataFrame({"a": [datetime.timedelta(hours=1)]})
    yield "a zone", pl.DataFrame({"a": [noon]}, schema={"a": pl.Datetime("ms", "Europe/Berlin")})
    yield "categories", pl.DataFrame({"a": ["u", "v", None]}, schema={"a": pl.Categorical})
    yield "an enum", pl.DataFrame({"a": ["u", "v"]}, schema={"a": pl.Enum(["v", "u", "w"])})  # polars#13260
    yield "structs", pl.DataFrame({"a": [{"x": 1, "y": ["z"]}, {"x": None, "y": []}]})
    yield "arrays", pl.DataFrame({"a": [[1, 2], [3, 4]]}, schema={"a": pl.Array(pl.Int16, 2)})
    yield "decimals", pl.DataFrame({"a": [decimal.Decimal("1.10")]})
    yield "bytes", pl.DataFrame({"a": [b"\0", None]})
    yield "only nulls", pl.DataFrame({"a": [None, None]})
    yield "long texts", pl.DataFrame({"a": ["x" * 20_000, "y", "\U0001f600"]})
    yield "pieces", pl.concat([pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [2]})], rechunk=False)
    yield "many rows", pl.DataFrame({"a": range(200_000)})


POLARS = dict(polars_tables()) if find_spec("polars") else {}


@pytest.mark.parametrize("kind", POLARS)
def test_a_polars_table_comes_back_exactly(folder: Path, kind: str) -> None:
    written = write(folder, POLARS[kind])
    assert written.path.endswith(".arrow")
    back = load(written)
    (folder.parent / written.path).write_bytes(b"")  # it is a copy, not the file's
    assert back.schema == POLARS[kind].schema
    assert back.equals(POLARS[kind])


@needs_pandas
def test_a_loaded_table_is_no_longer_the_file_s(folder: Path) -> None:
    for kind in ("plain", "dates"):
        written = write(folder, FRAMES[kind], kind)
        back = load(written)
        (folder.parent / written.path).write_bytes(b"")
        assert back.equals(FRAMES[kind])


# Everything else

json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=10,
)


@given(value=json_like)
def test_plain_values_come_back(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    folder = tmp_path_factory.mktemp("x", numbered=True)
    written = write_variable("it", value, folder, folder, Secrets({}))
    assert pickle.loads((folder / written.path).read_bytes()) == value


@pytest.mark.parametrize(
    "value",
    [
        *(
            Fraction(1, 3),
            {1, 2},
            frozenset({"a"}),
            range(3),
            slice(1, 2),
            b"\0",
            ...,
            datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
        ),
        *(
            Path("x"),
            os.path.join,
            decimal.Decimal,
            CodeBlock("print(1)"),
            Isolation(reason="x"),
            float("inf"),
            10**4_000,
        ),
    ],
)
def test_objects_of_modules_come_back(folder: Path, value: Any) -> None:
    assert there_and_back(folder, value) == value


def test_arrays_come_back(folder: Path) -> None:
    numpy = pytest.importorskip("numpy")
    for array in (numpy.arange(6).reshape(2, 3), numpy.array([{"a": 1}, None]), numpy.float32(1.5)):
        back = there_and_back(folder, array)
        assert (back == array).all()
        assert (back.dtype, back.shape) == (array.dtype, array.shape)


def test_objects_within_objects_are_shared_as_before(folder: Path) -> None:
    inner: list[Any] = [1]
    inner.append(inner)
    back = there_and_back(folder, {"a": inner, "b": inner})
    assert back["a"] is back["b"] is back["a"][1]


@pytest.mark.parametrize("name", ["größe", "x" * 100, "_", "self", "print", "file", "pickle", "feather", "open"])
def test_any_name_of_a_variable_will_do(folder: Path, name: str) -> None:
    assert load(write(folder, [1], name)) == [1]


def test_the_code_works_wherever_the_folder_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strange = folder.parent / 'it\'s {name} \\ "a"\n%s'
    strange.mkdir()
    written = write_variable("it", [1], strange, folder.parent, Secrets({}))
    assert load(written) == [1]


# The same name again


def test_a_changed_variable_does_not_change_what_an_earlier_cell_loads(folder: Path) -> None:
    first, second = write(folder, [1]), write(folder, [2])
    assert (load(first), load(second)) == ([1], [2])
    assert (first.path, second.path) == ("study.data/it.pickle", "study.data/it-2.pickle")


def test_an_unchanged_variable_is_kept_once(folder: Path) -> None:
    assert write(folder, [1]) == write(folder, [1])
    assert len(list(folder.iterdir())) == 1


@needs_pandas
def test_an_unchanged_table_is_kept_once(folder: Path) -> None:
    frame = FRAMES["plain"]
    assert write(folder, frame) == write(folder, frame.copy())
    assert write(folder, frame) != write(folder, frame.assign(a=[3, 4]))


def test_a_refused_copy_leaves_the_earlier_one(folder: Path) -> None:
    first = write(folder, [1])
    with pytest.raises(VariableRefused):
        write(folder, [lambda: 1])
    assert load(first) == [1]
    assert len(list(folder.iterdir())) == 1


# Refusals


class Unpicklable:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __reduce__(self) -> Any:
        raise self.error


def generator() -> Iterator[int]:
    yield 1


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a lambda": (lambda: [lambda: 1], "it cannot be pickled"),
    "a module": (lambda: {"os": os}, "cannot pickle 'module' object"),
    "a generator": (generator, "cannot pickle 'generator' object"),
    "an open file": (lambda: sys.__stdout__, "cannot pickle"),
    "a frame": (sys._getframe, "cannot pickle 'frame' object"),
    "deep nesting": (lambda: deep(100_000), "RecursionError"),
    "an object that raises": (lambda: Unpicklable(ValueError("not <me>")), "ValueError: not <me>"),
    "an object that raises nothing said": (lambda: Unpicklable(KeyError()), "KeyError"),
    "an object with much to say": (lambda: Unpicklable(ValueError("x" * 100_000)), "characters left out"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_copied_is_refused_with_a_reason_and_a_way_out(folder: Path, kind: str) -> None:
    make, why = REFUSED[kind]
    with pytest.raises(VariableRefused) as caught:
        write(folder, make(), "thing")
    said = str(caught.value)
    assert said.startswith("`thing` (")
    assert why in said
    assert "Copy the part that is needed under a name of its own" in said
    assert len(said) < 1_000
    assert list(folder.iterdir()) == []


IN_A_NOTEBOOK = """
import dataclasses, enum, sys
from pathlib import Path
from codeagent_nb.errors import VariableRefused
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.session.variable_files import write_variable
class Own: pass
@dataclasses.dataclass
class Data: x: int = 1
class Colour(enum.Enum): RED = 1
class Table(dict): pass
def function(): pass
import pandas
values = [Own, Own(), Data(), Colour.RED, Table(a=1), function, Own().__init__, {"a": [Own()]},
          pandas.DataFrame({"a": [Own()]}), pandas.DataFrame({"a": [1]}).assign(a=[function])]
for value in values:
    try:
        write_variable("v", value, Path(sys.argv[1]), Path(sys.argv[1]), Secrets({}))
    except VariableRefused as error:
        print(error)
"""


def test_what_the_notebook_itself_defines_is_refused(tmp_path: Path) -> None:
    """Pickle would write it, and no other process could read it."""
    pytest.importorskip("pandas")
    command = [sys.executable, "-c", IN_A_NOTEBOOK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    said = done.stdout.splitlines()
    assert len(said) == 10
    assert all("is defined in this notebook, and only known here" in line for line in said)
    assert "`Own` is defined" in said[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["api_key", "OPENAI_API_KEY", "token", "db_password"])
def test_a_variable_named_like_a_key_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(VariableRefused, match=f"`{name}` .str. was not copied: it is named like a key") as caught:
        write(folder, "s3cr3t", name)
    assert "s3cr3t" not in str(caught.value)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("value", ["x" * 10_000, [b"x" * 600] * 2 + [b"y" * 600], list(range(1_000))])
def test_what_is_larger_than_the_limit_is_refused(folder: Path, value: Any) -> None:
    with pytest.raises(VariableRefused, match="larger than the limit of 0 MB"):
        write(folder, value, limit=1_000)
    assert list(folder.iterdir()) == []


@needs_pandas
def test_a_table_that_is_larger_than_the_limit_is_refused(folder: Path) -> None:
    with pytest.raises(VariableRefused, match="larger than the limit of 0 MB"):
        write(folder, FRAMES["plain"].loc[[0] * 1_000], limit=1_000)
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_gone_is_named(folder: Path) -> None:
    folder.rmdir()
    for value in ([1], FRAMES.get("plain")):
        with pytest.raises(VariableRefused, match=r"its file cannot be written .*No such file"):
            write(folder, value)


ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from codeagent_nb.errors import VariableRefused
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.session.variable_files import write_variable
import pandas, pyarrow.feather, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
for value in ["x" * 1_000_000, pandas.DataFrame({"a": range(100_000)})]:
    try:
        write_variable("v", value, Path(sys.argv[1]), Path(sys.argv[1]), Secrets({}))
    except VariableRefused as error:
        print(error)
"""


def test_a_full_disk_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    command = [sys.executable, "-c", ON_A_FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    said = done.stdout.splitlines()
    assert len(said) == 2
    assert all("its file cannot be written (" in line and "File too large" in line for line in said)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_while_it_is_written_leaves_no_half_file(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write(folder, ["x" * 100_000, Unpicklable(KeyboardInterrupt())])
    assert list(folder.iterdir()) == []


def test_a_class_without_a_module_is_no_obstacle(folder: Path) -> None:
    nameless = types.new_class("Nameless")
    nameless.__module__ = None  # type: ignore[assignment]
    with pytest.raises(VariableRefused, match="Nameless"):
        write(folder, nameless())


def test_a_written_variable_is_a_value() -> None:
    assert dataclasses.astuple(WrittenVariable("a", "b", "c")) == ("a", "b", "c")


# Keys


SECRET = "sk-test-0123456789"
HOLDERS: dict[str, Callable[[], Any]] = {
    "a text": lambda: SECRET,
    "bytes": SECRET.encode,
    "the environment": lambda: dict(os.environ),
    "deep within": lambda: [{"a": (1, f"Bearer {SECRET}")}],
    "over the border of a piece": lambda: "x" * (PIECE - 10) + SECRET + "x" * PIECE,
    "an array": lambda: pytest.importorskip("numpy").array(["x", SECRET]),
    "a column": lambda: pytest.importorskip("pandas").DataFrame({"n": [1, 2], "a": ["x", SECRET]}),
    "a category": lambda: pytest.importorskip("pandas").DataFrame({"a": ["x", SECRET]}, dtype="category"),
    "an index": lambda: pytest.importorskip("pandas").DataFrame({"n": [1]}, index=[SECRET]),
    "a name": lambda: pytest.importorskip("pandas").DataFrame({SECRET: [1]}),
    "objects": lambda: pytest.importorskip("pandas").DataFrame({"a": [{"x": SECRET}]}),
    "an Arrow table": lambda: pytest.importorskip("pyarrow").table({"a": [[{"x": SECRET}]], "n": [1]}),
    "an Arrow name": lambda: pytest.importorskip("pyarrow").table({SECRET: [1]}),
}


@pytest.mark.parametrize("kind", HOLDERS)
def test_what_holds_the_value_of_a_secret_variable_is_refused(
    folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", SECRET)
    with pytest.raises(VariableRefused, match="it holds the value of the environment variable MY_TOKEN") as caught:
        write(folder, HOLDERS[kind](), "thing")
    assert str(caught.value).startswith("`thing` (")
    assert SECRET not in str(caught.value)
    assert list(folder.iterdir()) == []


def test_no_refusal_tells_a_secret(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", SECRET)
    with pytest.raises(VariableRefused, match=r"ValueError: \[redacted MY_TOKEN\]") as caught:
        write(folder, Unpicklable(ValueError(SECRET)))
    assert SECRET not in str(caught.value)


# Into the session


@dataclasses.dataclass
class Executor:
    """Runs what loads a variable here, and tells of it what it is told to tell."""

    work_dir: Path
    told: str | None = None
    result: dict[str, Any] = dataclasses.field(default_factory=dict)
    timeouts: list[float] = dataclasses.field(default_factory=list)

    async def execute_code_blocks(self, blocks: list[CodeBlock], *, timeout: float) -> CodeResult:
        self.timeouts.append(timeout)
        return CodeResult(0, "", (BlockResult(block=blocks[0], **{"status": "ok", "exit_code": 0, **self.result}),))

    async def evaluate(self, _: str) -> str | None:
        return self.told


def session_of(folder: Path, **more: Any) -> Any:
    return types.SimpleNamespace(
        data=folder, executor=Executor(folder.parent, **more), log=EventLog(Secrets(os.environ))
    )


@pytest.mark.parametrize(
    "told",
    [
        *(None, "''", "' \\n '", "not python (", "3", "None", "[]", "b'x'", "(" * 10_000, "'\\x00", "1 + 'x'", "\0"),
        "{[]: 1}",
    ],
)
async def test_whatever_a_hostile_kernel_tells_there_is_a_description(folder: Path, told: str | None) -> None:
    session = session_of(folder, told=told)
    await bring_variable(session, "it", [1])
    assert session.log.events[-1].description == "The variable `it` is there."


async def test_what_a_hostile_kernel_tells_is_cut_and_can_be_written(folder: Path) -> None:
    session = session_of(folder, told=repr("\n\n \u2028a\ud800" + "x" * 100_000))
    await bring_variable(session, "it", [1])
    description = session.log.events[-1].description
    assert description.startswith("a?xx")
    assert len(description) <= 3_200


async def test_a_variable_has_its_own_time_to_load(folder: Path) -> None:
    session = session_of(folder)
    await bring_variable(session, "it", [1])
    assert session.executor.timeouts == [LOAD_TIMEOUT]


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ({"status": "timeout", "exit_code": 124, "ename": "KeyboardInterrupt"}, "had not loaded it after 120 s"),
        (
            {"status": "error", "exit_code": 1, "ename": "E", "evalue": "x" * 10_000},
            r"could not load it \(E: x+\n.*left out",
        ),
    ],
)
async def test_what_the_kernel_did_not_load_is_refused_and_not_kept(
    folder: Path, result: dict[str, Any], why: str
) -> None:
    with pytest.raises(VariableRefused, match=why) as caught:
        await bring_variable(session_of(folder, result=result), "it", [1])
    assert "KeyboardInterrupt" not in str(caught.value)
    assert list(folder.iterdir()) == []


class Slow:
    """Its pickling takes a while: many small steps, or one that nothing can end."""

    def __init__(self, steps: int, seconds: float) -> None:
        self.steps, self.seconds = steps, seconds

    def __reduce__(self) -> Any:
        time.sleep(self.seconds)
        return (
            (list, ("x" * 100_000,))
            if self.steps == 0
            else (list, ([Slow(self.steps - 1, self.seconds), b"x" * 70_000],))
        )


@pytest.mark.timing
@pytest.mark.parametrize("slow", [Slow(100, 0.05), Slow(0, 1.0)], ids=["in steps", "in one"])
async def test_while_it_is_written_the_loop_lives_and_a_stop_is_heard_at_once(folder: Path, slow: Slow) -> None:
    session = session_of(folder)
    bringing = asyncio.create_task(bring_variable(session, "it", slow))
    await asyncio.sleep(0.2)
    assert len(list(folder.iterdir())) == 1, "it is being written"
    bringing.cancel()
    started = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await bringing
    assert time.monotonic() - started < 0.5
    for _ in range(300):
        if not list(folder.iterdir()):
            break
        await asyncio.sleep(0.01)
    assert list(folder.iterdir()) == []
    assert not session.log.events


async def test_a_copy_that_is_done_when_it_is_stopped_is_not_kept(folder: Path) -> None:
    session = session_of(folder)
    bringing = asyncio.create_task(bring_variable(session, "it", [1]))
    await asyncio.sleep(0)
    time.sleep(0.2)  # noqa: ASYNC251 - the loop is busy while the thread comes to its end
    bringing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await bringing
    await asyncio.sleep(0.05)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
async def test_an_object_that_exits_is_refused(folder: Path, error: BaseException) -> None:
    with pytest.raises(VariableRefused, match=f"cannot be pickled .{type(error).__name__}"):
        await bring_variable(session_of(folder), "it", Unpicklable(error))
    assert list(folder.iterdir()) == []


async def test_deep_nesting_is_refused_in_a_thread_too(folder: Path) -> None:
    with pytest.raises(VariableRefused, match="RecursionError"):
        await bring_variable(session_of(folder), "it", deep(100_000))
