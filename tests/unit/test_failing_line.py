"""What a kernel tells of the line that failed: read from a live traceback, in this process. Hostile objects too."""

import gc
import json
import linecache
import sys
import time
import types
import weakref
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from kernel_executor import FailedLine, SeenValue
from kernel_executor.in_kernel import failing_line, near_names
from kernel_executor.in_kernel.failing_line import ROOM, look
from kernel_executor.kernels.failing import read_failed_line
from kernel_executor.secret_names import SECRET_NAME
from tests.support.failed_cells import CELL, NUMBER, line_of, outcome, raised

TABLE = pd.DataFrame({" WINDSPEED": [1.5, None], "YEAR": [2010, 2011], "Name": ["a", "b"], "Fare Paid": ["5,350", "1"]})


def value_of(line: FailedLine, name: str) -> SeenValue:
    return next(value for value in line.values if value.name == name)


def near(line: FailedLine) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {missing.name: (missing.of, missing.near) for missing in line.missing}


def test_the_line_is_the_innermost_one_of_the_code_itself() -> None:
    code = "def total(table, factor):\n    return table['WINDSPEED'].sum() * factor\n\ntotal(df, 3)"
    line = line_of(code, df=TABLE)
    assert (line.error, line.message) == ("KeyError", "'WINDSPEED'")
    assert (line.cell, line.line, line.function) == (NUMBER, 2, "total")
    assert line.source == "return table['WINDSPEED'].sum() * factor"
    assert [value.name for value in line.values] == ["table", "factor"]


def test_a_table_is_told_by_its_columns_with_dtypes_and_an_example() -> None:
    table = value_of(line_of("df['x']", df=TABLE), "df")
    assert (table.type, table.shape, table.index) == ("DataFrame", (2, 4), None)
    assert [(column.label, column.dtype, column.example) for column in table.columns] == [
        ("' WINDSPEED'", "float64", "1.5"),
        ("'YEAR'", "int64", "2010"),
        ("'Name'", "str", "'a'"),
        ("'Fare Paid'", "str", "'5,350'"),
    ]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (7, {"type": "int", "examples": ("7",)}),
        ("text", {"type": "str", "length": 4, "examples": ("'text'",)}),
        ([1, "a", object()], {"type": "list", "length": 3, "examples": ("1", "'a'", "<object>")}),
        ({"a": 1, 2: 3}, {"type": "dict", "length": 2, "keys": ("'a'", "2")}),
        (np.zeros((3, 4)), {"type": "ndarray", "shape": (3, 4), "dtype": "float64", "examples": ("0.0", "0.0", "0.0")}),
        (np.float64(2.5), {"type": "float64", "examples": ("2.5",)}),
        (pd.Timestamp("2020", tz="UTC"), {"type": "Timestamp", "examples": ("2020-01-01 00:00:00+00:00",)}),
        (TABLE["Name"], {"type": "Series", "length": 2, "dtype": "str", "examples": ("'a'", "'b'")}),
        (TABLE.index, {"type": "RangeIndex", "length": 2, "dtype": "int64", "examples": ("0", "1")}),
        (pa.table({"a": [1]}), {"type": "Table", "shape": (1, 1)}),
        (pl.DataFrame({"a": [1]}), {"type": "DataFrame", "shape": (1, 1)}),
        (np, {"type": "module", "version": np.__version__}),
        (object(), {"type": "object"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_told_by_its_type_size_and_what_is_in_it(value: Any, told: dict[str, Any]) -> None:
    seen = value_of(line_of("x.no_such_thing, 1 / 0", x=value), "x")
    assert {name: getattr(seen, name) for name in told} == told


def test_columns_of_other_tables_and_of_groups_are_told() -> None:
    for table in (pa.table({"a": [1]}), pl.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]}).groupby("a")):
        seen = value_of(line_of("t['b'], 1 / 0", t=table), "t")
        assert [column.label for column in seen.columns] == ["'a'"]


def test_an_index_with_names_is_told_and_a_column_that_went_there_is_found() -> None:
    line = line_of("g = df.groupby('Name').sum(numeric_only=True)\ng['Name']", df=TABLE)
    assert value_of(line, "g").index == ("'Name'",)
    assert line.missing[0].of == "the columns of g; it is in the index"


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ("df['WINDSPEED']", {"WINDSPEED": ("df", (" WINDSPEED",))}),
        ("df.loc[:, 'year']", {"year": ("df", ("YEAR",))}),
        ("df[['name', 'fare_paid']]", {"name": ("df", ("Name",)), "fare_paid": ("df", ("Fare Paid",))}),
        ("df.sort_values('yr')", {"yr": ("df", ("YEAR",))}),
        ("df.drop(columns=['farepaid'])", {"farepaid": ("df", ("Fare Paid",))}),
        ("df.groupby('name')", {"name": ("df", ("Name",))}),
        ("df.groupby('Name')['fare']", {"fare": ("df", ("Fare Paid",))}),
        ("df.groupby('Name').agg({'year': 'sum'})", {"year": ("df", ("YEAR",))}),
        ("df.set_index('year')", {"year": ("df", ("YEAR",))}),
        ("df.merge(df, on='year')", {"year": ("df", ("YEAR",))}),
        ("df.query('year > 1')", {"year": ("df", ("YEAR",))}),
        ("df.apply(lambda row: row['year'], axis=1)", {"year": ("row", ("YEAR",))}),
        ("df.windspeed", {"windspeed": ("df", (" WINDSPEED",))}),
        ("df.plott()", {"plott": ("df", ("plot",))}),
        ("(df\n .assign(z=1)\n .sort_values('year'))", {"year": ("the table made in this line", ("YEAR",))}),
        ("d = {'Alpha': 1}\nd['alpha']", {"alpha": ("d", ("Alpha",))}),
        ("x = dff", {"dff": ("the variables", ("df",))}),
        ("x = prnt(1)", {"prnt": ("the variables", ("print",))}),
        ("import numpyy", {"numpyy": ("the installed modules", ("numpy",))}),
        ("from json import loadss", {"loadss": ("json", ("loads", "load"))}),
        ("np.product", {"product": ("np", ("prod",))}),
        (
            "class A:\n    def __init__(self): self.total = 1\nA().totals",
            {"totals": ("the A in this line", ("total",))},
        ),
        ("pd.read_csv('x.csv', sepp=',')", {"sepp": ("the arguments of pd.read_csv", ("sep",))}),
        ("def f(factor): pass\nf(faktor=1)", {"faktor": ("the arguments of f", ("factor",))}),
        ("None.total", {"total": ("None", ())}),
        ("print().total", {"total": ("the NoneType in this line", ())}),
        ("raise KeyError('anything')", {"anything": ("", ())}),
    ],
)
def test_a_missing_name_is_told_with_what_it_is_not_in_and_names_like_it(code: str, missing: dict[str, Any]) -> None:
    assert near(line_of(code, df=TABLE, pd=pd, np=np)) == missing


def test_a_file_that_is_not_there_is_told_with_files_like_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Penguins.csv", "other.csv", "notes.txt", ".hidden.csv"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert near(line_of("open('penguin.csv')")) == {
        "penguin.csv": ("the working folder", ("Penguins.csv", "other.csv"))
    }
    path = f"{tmp_path}/nots.txt"
    assert near(line_of(f"open({path!r})"))[path][1] == (f"{tmp_path}/notes.txt",)


def test_the_arguments_that_a_function_takes_are_told() -> None:
    assert line_of("df.fillna(method='ffill')", df=TABLE).missing[0].known == ("value", "axis", "inplace", "limit")


def test_what_a_line_reaches_by_attributes_and_brackets_is_told_without_running_any() -> None:
    code = "class A: pass\na = A()\na.tables = {'first': df}\na.tables['first']['x'] + rows[0]['y']"
    line = line_of(code, df=TABLE, rows=[{"y": 5}])
    told = ["a.tables['first']", "a.tables", "a", "rows[0]['y']", "rows[0]", "rows"]
    assert [value.name for value in line.values] == told


def test_where_a_text_is_no_python_is_told() -> None:
    line = line_of("x = 1\ny = (2,\n")
    assert (line.error, line.line, line.source, line.values) == ("SyntaxError", 2, "y = (2,", ())


def test_code_without_a_text_is_told_by_the_names_it_has() -> None:
    names = {"df": TABLE, "other": 1}
    error = raised("df['x']", names)
    del linecache.cache[CELL]
    told = look(error, names, {})
    assert (told["source"], [value["name"] for value in told["values"]]) == ("", ["df"])


def test_what_is_named_like_a_key_is_hidden() -> None:
    secret = "hunter2-hunter2"
    table = pd.DataFrame({"api_key": [secret], "note": [f"password={secret}"], "url": [f"https://me:{secret}@x.org"]})
    row = pd.Series({"name": "x", "token": secret})
    names = {"df": table, "row": row, "config": {"api_key": secret}, "api_token": secret, "text": f"token: {secret}"}
    code = "df['api_key'], df['note'], row['token'], config['api_key'], api_token, text, row, 1 / 0"
    error = raised(code, names)
    told = json.dumps(look(error, names, {CELL: NUMBER}, SECRET_NAME.pattern))
    assert secret[:6] not in told
    assert told.count("<not shown>") >= 8
    assert secret in json.dumps(look(error, names, {CELL: NUMBER}))


def test_nothing_is_held_afterwards() -> None:
    class Held:
        pass

    held = Held()
    gone = weakref.ref(held)
    names = {"held": held, "df": TABLE}
    error = outcome("def f(x):\n    y = x\n    return y['a']\nf(held)", names)
    gc.disable()
    try:
        assert look(error, names, {CELL: NUMBER})["error"] == "TypeError"
        del held, error
        names.clear()
        assert gone() is None
    finally:
        gc.enable()


def test_much_is_told_in_short_and_fast() -> None:
    wide = pd.DataFrame(np.zeros((2, 3_000)), columns=[f"column {'x' * 100} {number}" for number in range(3_000)])
    long = pd.DataFrame({f"c{number}": np.arange(300_000) for number in range(20)})
    large = {f"key {number}": "v" * 10_000 for number in range(200_000)}
    names = {"wide": wide, "long": long, "large": large, "text": "x" * 10_000_000, **{f"v{n}": wide for n in range(30)}}
    error = raised(f"(wide['q'], long, large, text, {', '.join(f'v{n}' for n in range(30))})", names)
    began = time.process_time()
    told = look(error, names, {CELL: NUMBER})
    assert time.process_time() - began < 2
    assert len(told["values"]) <= failing_line.MOST_VALUES
    assert len(json.dumps(told)) < 5 * ROOM
    deep = raised("def f(n): return f(n + 1)\nf(0)", names := {})
    assert look(deep, names, {CELL: NUMBER})["error"] == "RecursionError"


def test_a_cell_of_any_size_is_told() -> None:
    code = "x = 1\n" * 50_000 + "1 / 0"
    line = line_of(code)
    assert (line.line, line.source) == (50_001, "1 / 0")


def hostile(touched: list[str]) -> list[Any]:
    """Return objects whose own code notes that it was called."""

    def touch(name: str) -> Any:
        def called(*_: Any, **__: Any) -> Any:
            touched.append(name)
            raise RuntimeError(name)

        return called

    special = [
        *("__len__", "__repr__", "__str__", "__hash__", "__eq__", "__getattr__", "__getattribute__", "__iter__"),
        *("__getitem__", "__bool__", "__contains__", "__format__", "__dir__", "__call__", "__index__", "__float__"),
        *("__instancecheck__", "__subclasscheck__", "__array__", "__dataframe__"),
    ]
    methods = {name: touch(name) for name in special}
    read = ["__class__", "__dict__", "shape", "columns", "dtype", "name", "index", "obj", "__name__", "__module__"]
    properties = {name: property(touch(name)) for name in read}
    own = {**methods, **properties}
    meta = type("Meta", (type,), {**own, "mro": type.mro})
    kinds: list[Any] = [
        meta("Evil", (), own),
        type("DataFrame", (pd.DataFrame,), {**properties, "__module__": "pandas"}),
        type("Series", (pd.Series,), {**properties, "__module__": "pandas"}),
        type("Dict", (dict,), methods),
        type("List", (list,), methods),
        type("Text", (str,), methods),
        type("Number", (int,), methods),
        type("Module", (types.ModuleType,), own),
        type("Tuple", (tuple,), methods),
    ]
    made = [object.__new__(kinds[0]), *kinds]
    made += [kind.__new__(kind) for kind in (*kinds[1:7], kinds[8])]
    made.append(types.ModuleType.__new__(kinds[7], "m"))
    touched.clear()
    return made


CODES = [
    "x['a']", "x.a", "x.columns['a']", "x + 1", "x()", "{'a': 1}[x]", "d['b']", "t['zz']", "x[0].b", "x.a.b['c']",
    "t[x]", "t.zz", "len(x)", "f'{x}'", "import x", "x = y", "raise E(x)", "s['zz']", "g['zz']", "f(q=x)", "x.a(q=1)",
]  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(CODES), st.integers(0, 17), st.integers(0, 17))
def test_nothing_of_a_hostile_objects_own_runs(code: str, which: int, other: int) -> None:
    touched: list[str] = []
    evil = hostile(touched)
    x, key = evil[which % len(evil)], evil[other % len(evil)]
    table = pd.DataFrame({"a": [1], "o": pd.Series([None], dtype=object)})
    next(block for block in table._mgr.blocks if block.dtype == object).values[0, 0] = x

    class EvilError(Exception):
        args = property(lambda _: touched.append("args"))  # type: ignore[assignment]
        name = obj = property(lambda _: touched.append("name"))

    class Key:
        def __hash__(self) -> int:
            return hash("b")

        def __eq__(self, other: object) -> bool:
            touched.append("Key.__eq__")
            return False

    names = {
        "x": x,
        "d": {Key(): 1, "a": key},
        "t": table,
        "s": pd.Series({"a": 1}),
        "g": table.groupby("a"),
        "E": EvilError,
        "f": lambda **k: k["nothing"],
    }
    if (error := outcome(code, names)) is None:
        return
    touched.clear()
    began = time.process_time()
    told = look(error, names, {CELL: NUMBER}, SECRET_NAME.pattern)
    assert touched == []
    json.dumps(told)
    assert time.process_time() - began < 2


def test_a_table_with_hostile_labels_or_values_is_told_without_asking_them() -> None:
    touched: list[str] = []

    class Label:
        def __hash__(self) -> int:
            touched.append("hash")
            return 1

        def __repr__(self) -> str:
            touched.append("repr")
            return "label"

    labels = np.empty(2, dtype=object)
    labels[:] = [Label(), "b"]
    table = pd.DataFrame([[1, Label()]])
    table.columns = pd.Index(labels, dtype=object)
    error = raised("t['zz']", names := {"t": table})
    touched.clear()
    told = look(error, names, {CELL: NUMBER})
    assert touched == []
    assert told["values"][0]["columns"] == [["<Label>", "", ""], ["'b'", "", ""]]


class OwnArray(pd.api.extensions.ExtensionArray):
    """An array of the code's own in a table."""

    touched: ClassVar[list[str]] = []

    @property
    def dtype(self) -> Any:
        self.touched.append("dtype")
        return pd.CategoricalDtype()

    def __len__(self) -> int:
        self.touched.append("len")
        return 1


def test_an_array_of_the_codes_own_is_not_asked() -> None:
    table = pd.DataFrame({"a": [1]})
    table._mgr.blocks[0].values  # noqa: B018
    table._mgr.blocks[0].__class__.values.__set__(table._mgr.blocks[0], OwnArray())
    error = raised("t['zz'], t['a']", names := {"t": table})
    OwnArray.touched.clear()
    told = look(error, names, {CELL: NUMBER})
    assert OwnArray.touched == []
    assert told["values"][0]["columns"] == [["'a'", "", ""]]


def test_code_with_a_file_and_a_name_of_its_own_making_is_told() -> None:
    touched: list[str] = []

    class Text(str):
        __slots__ = ()

        def __hash__(self) -> int:
            touched.append("hash")
            return 1

        def __getitem__(self, key: Any) -> str:
            touched.append("item")
            return ""

    def f(value: Any) -> Any:
        return value["x"]

    names: dict[str, Any] = {"value": {}}
    try:
        code = f.__code__.replace(co_filename=Text("file"), co_name=Text("name"))
    except (TypeError, SystemError):
        pytest.skip("this Python takes no such texts")
    names["g"] = types.FunctionType(code, names)
    error = raised("g({})", names)
    touched.clear()
    assert look(error, names, {CELL: NUMBER})["function"] == ""
    assert touched == []


@pytest.mark.parametrize("broken", [None, 3, "error", Exception, object(), KeyError("x")])
def test_what_is_no_error_of_the_code_is_told_by_its_name_at_most(broken: Any) -> None:
    assert look(broken, {}, {}) in ({}, {"error": "KeyError"})


def test_variables_of_a_class_body_that_are_a_mapping_of_the_codes_own_are_not_asked() -> None:
    code = (
        "asked = []\n"
        "class Space(dict):\n"
        "    def __getitem__(self, name):\n"
        "        asked.append(name)\n"
        "        return dict.__getitem__(self, name)\n"
        "    def keys(self): asked.append('keys')\n"
        "class Meta(type):\n"
        "    @classmethod\n"
        "    def __prepare__(cls, name, bases): return Space()\n"
        "class A(metaclass=Meta):\n"
        "    y = {}\n"
        "    y['a']\n"
    )
    error = raised(code, names := {"__name__": "m"})
    names["asked"].clear()
    assert look(error, names, {CELL: NUMBER})["line"] == 12
    assert names["asked"] == []


def test_what_ipython_has_kept_is_told_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"df": TABLE}
    shell = types.SimpleNamespace(user_ns=names, compile=types.SimpleNamespace(_filename_map={CELL: NUMBER}))
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    monkeypatch.setattr(sys, "last_value", raised("df['WINDSPEED']", names), raising=False)
    told = json.loads(failing_line.tell(SECRET_NAME.pattern))
    assert (told["cell"], told["missing"][0]["near"]) == (NUMBER, [" WINDSPEED"])
    wide = {f"v{n}": pd.DataFrame({f"c{m}": ["y" * 90] for m in range(100)}) for n in range(20)}
    names.update(wide)
    monkeypatch.setattr(sys, "last_value", raised(f"({', '.join(wide)}, 1 / 0)", names), raising=False)
    assert len(failing_line.tell("")) <= ROOM
    monkeypatch.delattr(sys, "last_value")
    assert failing_line.tell("") == "{}"


@pytest.mark.parametrize(
    ("name", "names", "found"),
    [
        ("fare", ["Fare", "farewell", "x"], ["Fare", "farewell"]),
        ("body_mass", ["Body Mass (g)", "mass", "body"], ["Body Mass (g)", "body", "mass"]),
        ("colour", ["color", "col"], ["col", "color"]),
        ("yr", ["year", "y", "yesterday's very rare rain"], ["year"]),
        ("uppr", ["isupper", "upper", "lower"], ["upper", "isupper"]),
        ("x", ["y", "X", ""], ["X"]),
        ("", ["a"], []),
        ("same", ["same"], []),
    ],
)
def test_near_names_are_the_same_but_for_spelling_then_parts_then_similar(
    name: str, names: list[str], found: list[str]
) -> None:
    assert near_names.near(name, names) == found


@given(st.text(max_size=300), st.lists(st.text(max_size=300), max_size=30))
def test_near_names_are_some_of_the_names(name: str, names: list[str]) -> None:
    found = near_names.near(name, names)
    assert len(found) <= near_names.MOST_NEAR
    assert set(found) <= set(names) - {name}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=20,
)
FIELDS = ["error", "cell", "line", "function", "source", "values", "missing", "name", "type", "columns", "near"]


@settings(deadline=None)
@given(JSON | st.dictionaries(st.sampled_from(FIELDS), JSON | st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON))))
def test_whatever_a_kernel_says_is_read_as_values_or_as_nothing(told: Any) -> None:
    if isinstance(told, dict):
        told["error"] = "KeyError"
    line = read_failed_line(told, "KeyError", "'x'")
    assert line is None or (line.error == "KeyError" and hash(line))


def test_what_a_kernel_says_is_bounded_and_cannot_steer_a_terminal() -> None:
    told = {
        "error": "E",
        "line": 2**80,
        "cell": -1,
        "source": "a\x1b[31m\nb" + "x" * 10_000,
        "function": 3,
        "values": [{"name": "n\x07", "type": "T", "shape": [1] * 99, "columns": [["c" * 999, 1], [], 3] * 99}] * 99,
        "missing": [{"name": " a\x1b]0;t\x07 ", "near": ["y" * 999] * 99}] * 99,
    }
    line = read_failed_line(told, "E", "m\x1b[1m" + "x" * 100_000)
    assert line is not None
    assert (line.line, line.cell, line.function) == (0, 0, "")
    assert line.source.startswith("a b")
    assert len(repr(line)) < 200_000
    assert "\\x1b" not in repr(line)
    assert line.missing[0].name.startswith(" a")
    assert read_failed_line({"error": "Other"}, "E", "") is None, "it tells of an error before"
    assert read_failed_line({"error": ""}, "", "") is None
