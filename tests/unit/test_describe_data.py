"""What the model is told of a file or a variable: exact names, types, gaps, a few rows, all within a budget."""

import subprocess
import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from codeagent_nb.describing import describe_data
from codeagent_nb.describing.asking import SENT, description_of
from codeagent_nb.describing.describe_data import describe_variable
from codeagent_nb.describing.describe_file import describe
from kernel_executor.secret_names import names_secret

BUDGET = 2_000
CSV = "species,Body Mass (g),note\nAdelie,3700,\nGentoo,5076,big\nGentoo,,\n"


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, content: str | bytes = CSV) -> str:
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def test_a_table_is_told_by_names_types_gaps_values_and_rows() -> None:
    pytest.importorskip("pandas")
    told = describe(write("penguins.csv"), BUDGET)
    assert told.splitlines() == [
        f"File 'penguins.csv' ({len(CSV)} bytes) is in the working folder.",
        "`pandas.read_csv('penguins.csv')` gives 3 rows and 3 columns:",
        "- 'species': str, 0 missing, values 'Adelie', 'Gentoo'",
        "- 'Body Mass (g)': float64, 1 missing, unit g, values 3700.0, 5076.0",
        "- 'note': str, 2 missing, values 'big'",
        "First rows:",
        "species,Body Mass (g),note",
        "Adelie,3700.0,",
        "Gentoo,5076.0,big",
        "Gentoo,,",
    ]


def test_many_values_are_told_by_their_range() -> None:
    pytest.importorskip("pandas")
    told = describe(write("n.csv", "n\n" + "\n".join(map(str, range(100)))), BUDGET)
    assert "- 'n': int64, 0 missing, from 0 to 99" in told


@pytest.mark.parametrize(
    ("name", "content", "call"),
    [
        ("t.tsv", "a\tb\n1\t2\n", "read_table('t.tsv')"),
        ("t.json", '[{"a": 1, "b": 2}]', "read_json('t.json')"),
        ("t.jsonl", '{"a": 1, "b": 2}\n', "read_json('t.jsonl', lines=True)"),
        ("T.CSV", "a,b\n1,2\n", "read_csv('T.CSV')"),
    ],
)
def test_other_tables_come_with_the_call_that_reads_them(name: str, content: str, call: str) -> None:
    pytest.importorskip("pandas")
    told = describe(write(name, content), BUDGET)
    assert f"`pandas.{call}` gives 1 rows and 2 columns" in told
    assert "- 'b': int64" in told


@pytest.mark.parametrize(("columns", "budget"), [(500, 400), (500, 4_000), (2_000, 2_000)])
def test_many_columns_keep_to_the_budget_and_the_rest_is_counted(columns: int, budget: int) -> None:
    pytest.importorskip("pandas")
    header = ",".join(f"column number {number}" for number in range(columns))
    told = describe(write("wide.csv", f"{header}\n{',' * (columns - 1)}\n"), budget)
    assert len(told) <= budget + 200
    assert "more columns" in told
    assert "- 'column number 0'" in told


def test_very_long_names_and_values_keep_to_the_budget() -> None:
    pytest.importorskip("pandas")
    told = describe(write("long.csv", f"{'x' * 50_000},b\n{'y' * 50_000},2\n"), 1_000)
    assert len(told) <= 1_200


def test_lists_in_cells_are_no_obstacle() -> None:
    pytest.importorskip("pandas")
    assert "- 'a': object" in describe(write("l.json", '[{"a": [1]}, {"a": [2]}]'), BUDGET)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broken.csv", 'a,b\n1,2\n1,2,3,4\n"open'),
        ("broken.json", "{"),
        ("broken.xlsx", b"PK\x03\x04 and no more"),
        ("broken.parquet", b"PAR1 and no more"),
        ("broken.db", b"SQLite format 3\0 and no more"),
        ("broken.csv.gz", b"\x1f\x8b and no more"),
    ],
)
def test_a_table_that_cannot_be_read_is_told_with_the_reason(name: str, content: str | bytes) -> None:
    pytest.importorskip("pandas")
    told = describe(write(name, content), BUDGET)
    assert told.startswith(f"File {name!r} (")
    assert "It could not be read for a preview: " in told


def test_text_is_told_by_its_beginning() -> None:
    told = describe(write("notes.txt", "first line\n" * 1_000), BUDGET)
    assert told.count("first line") == 10


def test_a_binary_file_is_called_one() -> None:
    assert describe(write("model.bin", b"\x00\x01" * 1_000), BUDGET).endswith("It is a binary file.")


def test_an_empty_file_is_no_obstacle() -> None:
    assert describe(write("empty.txt", ""), BUDGET).startswith("File 'empty.txt' (0 bytes)")


@pytest.mark.parametrize("name", ["a b.csv", "größe.csv", "it's.csv"])
def test_names_are_told_as_code_writes_them(name: str) -> None:
    assert repr(name) in describe(write(name), BUDGET)


def test_what_is_sent_together_has_no_name_twice() -> None:
    defined = [
        name
        for module in SENT
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ or name.isupper()
    ]
    here = [name for name in defined if sum(name in vars(module) for module in SENT) > 1]
    values = {name: {id(vars(module)[name]) for module in SENT if name in vars(module)} for name in here}
    assert [name for name, found in values.items() if len(found) > 1] == []


def evaluate_alone(expression: str) -> str:
    """Evaluate an expression as a kernel does that has nothing but the standard library."""
    code = f"import sys; sys.modules['pandas'] = None; print({expression})"
    command = [sys.executable, "-I", "-S", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


def describe_without_pandas(name: str, budget: int = BUDGET) -> str:
    return evaluate_alone(description_of("describe", repr(name), str(budget)))


def test_a_table_is_told_without_pandas_too() -> None:
    assert describe_without_pandas(write("penguins.csv")).splitlines() == [
        f"File 'penguins.csv' ({len(CSV)} bytes) is in the working folder.",
        "It is a table of 3 rows and 3 columns (pandas is not installed; use the csv module):",
        "- 'species': text, 0 missing",
        "- 'Body Mass (g)': number, 1 missing, unit g",
        "- 'note': text, 2 missing",
        "First rows:",
        "species,Body Mass (g),note",
        "Adelie,3700,",
        "Gentoo,5076,big",
        "Gentoo,,",
    ]


def test_without_pandas_codes_with_leading_zeros_are_text() -> None:
    told = describe_without_pandas(write("a.csv", "zip,n\n01234,1\n10115,2\n"))
    assert "- 'zip': text, 0 missing, digits with leading zeros" in told
    assert "- 'n': number, 0 missing" in told


def test_without_pandas_the_budget_holds_too() -> None:
    header = ",".join(f"column number {number}" for number in range(500))
    assert len(describe_without_pandas(write("wide.csv", f"{header}\n"), 1_000)) <= 1_200


def test_without_pandas_rows_of_the_wrong_length_are_no_obstacle() -> None:
    told = describe_without_pandas(write("ragged.csv", "a,b\n1\n1,2,3\n\n1,2\n"))
    assert "table of 3 rows and 2 columns" in told
    assert "- 'b': number, 1 missing" in told
    assert told.endswith("a,b\n1\n1,2,3\n1,2\n")


def test_without_pandas_other_tables_are_named_only() -> None:
    told = describe_without_pandas(write("t.parquet", b"PAR1"))
    assert "It is a Parquet table; to read it, pandas and pyarrow are needed" in told
    assert "It is a table; pandas is not installed." in describe_without_pandas(write("t.json", '[{"a": 1}]'))


# Variables


def told_of(value: object, budget: int = BUDGET) -> str:
    return describe_variable("it", value, budget)


def test_a_dataframe_is_told_by_names_types_gaps_values_and_rows() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"species": ["Adelie", None], "Body Mass (g)": [3700, 5076], 3: [True, None]})
    assert told_of(table).splitlines() == [
        "The variable `it` is a pandas.DataFrame with 2 rows and 3 columns:",
        "- 'species': str, 1 missing, values 'Adelie'",
        "- 'Body Mass (g)': int64, 0 missing, unit g, values 3700, 5076",
        "- 3: object, 1 missing, values True",
        "First rows:",
        "species,Body Mass (g),3",
        "Adelie,3700,True",
        ",5076,",
    ]


def test_an_index_is_told_by_its_names() -> None:
    pandas = pytest.importorskip("pandas")
    named = pandas.DataFrame({"a": [1]}, index=pandas.Index(["x"], name="key"))
    assert "1 columns and the index 'key' (str):" in told_of(named)
    levels = pandas.MultiIndex.from_tuples([("x", 1)], names=["place", None])
    assert "and the index levels 'place' (str), None (int64):" in told_of(pandas.DataFrame({"a": [1]}, index=levels))


def test_columns_of_the_same_name_are_both_told() -> None:
    pandas = pytest.importorskip("pandas")
    assert told_of(pandas.DataFrame([[1, "x"]], columns=["a", "a"])).count("- 'a': ") == 2


def test_an_empty_frame_is_no_obstacle() -> None:
    pandas = pytest.importorskip("pandas")
    assert told_of(pandas.DataFrame()).startswith("The variable `it` is a pandas.DataFrame with 0 rows and 0 columns")


def test_other_tables_and_arrays_are_told_by_their_schema() -> None:
    pandas, numpy = pytest.importorskip("pandas"), pytest.importorskip("numpy")
    pyarrow = pytest.importorskip("pyarrow")
    assert told_of(pyarrow.table({"a": [1]})).endswith("a pyarrow.Table with 1 rows and 1 columns:\n- 'a': int64")
    assert told_of(numpy.zeros((2, 3))).endswith("is a numpy.ndarray of shape (2, 3) and dtype float64.")
    series = told_of(pandas.Series([1.5, None], name="mass"))
    assert "a pandas.Series of 2 values:\n- 'mass': float64, 1 missing, values 1.5\nFirst values: 1.5, nan" in series


def test_a_polars_table_is_told_by_its_schema() -> None:
    polars = pytest.importorskip("polars")
    assert "- 'a': Int64" in told_of(polars.DataFrame({"a": [1]}))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (3, "a int: 3"),
        ("it's", 'a str: "it\'s"'),
        (None, "a NoneType: None"),
        ([], "a list of 0 items: []"),
        ([1, "a", None], "a list of 3 items: [1, 'a', None]"),
        ((1,), "a tuple of 1 items: (1,)"),
        ({"k": [{"n": (1, 2)}]}, "a dict of 1 items: {'k': [{'n': (1, 2)}]}"),
        (frozenset({1}), "a frozenset of 1 items: frozenset({1})"),
        (set(), "a set of 0 items: set()"),
        (date(2020, 1, 2), "a datetime.date: datetime.date(2020, 1, 2)"),
        (Decimal("1.10"), "a decimal.Decimal: Decimal('1.10')"),
    ],
)
def test_plain_values_are_told_as_python_writes_them(value: object, told: str) -> None:
    assert told_of(value) == f"The variable `it` is {told}"


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(plain_values)
def test_any_plain_value_is_told_within_the_budget(value: object) -> None:
    told = told_of(value, 500)
    assert len(told) <= 700
    if len(repr(value)) < 100 and "..." not in told:
        assert told.endswith(repr(value))


def itself() -> list[object]:
    value: list[object] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    "value",
    [
        10**5_000,
        "x" * 10**6,
        b"x" * 10**6,
        [["x" * 1_000] * 1_000] * 1_000,
        itself(),
        {str(n): [n] for n in range(10**5)},
    ],
    ids=["a number", "a text", "bytes", "lists", "a list of itself", "a dict"],
)
def test_large_values_are_told_in_short(value: object) -> None:
    assert len(told_of(value, 1_000)) <= 1_200


@pytest.mark.parametrize(("rows", "columns", "budget"), [(3, 500, 1_000), (2_000, 3, 300), (3, 2_000, 3_000)])
def test_large_frames_keep_to_the_budget(rows: int, columns: int, budget: int) -> None:
    pandas = pytest.importorskip("pandas")
    told = told_of(pandas.DataFrame({f"c{n}": range(rows) for n in range(columns)}), budget)
    assert len(told) <= budget + 200
    assert "- 'c0': int64, 0 missing" in told


def test_the_range_of_many_values_is_that_of_all() -> None:
    pandas = pytest.importorskip("pandas")
    assert "0 missing, from 0 to 4999" in told_of(pandas.DataFrame({"n": range(5_000)}))
    late = told_of(pandas.DataFrame({"n": [1] * 2_000 + list(range(10))}))
    assert "values" not in late.partition("First rows")[0]


# Nothing of an object's own is run

armed: list[str] = []


class Trap:
    """Anything that is done with it is noted, once `armed` says so."""

    def __init__(self) -> None:
        self.name = "x"

    def sprung(self, *_: object) -> Any:
        armed.append("sprung")
        return 1

    def __getattribute__(self, name: str) -> Any:
        armed.append(name)
        return object.__getattribute__(self, name)

    __repr__ = __str__ = __format__ = __len__ = __bool__ = __iter__ = __eq__ = __hash__ = __lt__ = sprung
    __array__ = __int__ = __float__ = __index__ = __getitem__ = __contains__ = __reduce__ = __dir__ = sprung
    item = property(sprung)


class Disguised:
    """Its attributes and its class are properties."""

    __dict__ = property(lambda _: armed.append("dict"))  # type: ignore[assignment]
    __class__ = property(lambda _: armed.append("class"))  # type: ignore[assignment]


class Meta(type):
    def __getattribute__(cls, name: str) -> Any:
        armed.append(f"class {name}")
        return type.__getattribute__(cls, name)


class OfMeta(metaclass=Meta):
    pass


class Slotted:
    __slots__ = ("mass", "price")


class Loud(list[int]):
    __repr__ = __iter__ = __len__ = Trap.sprung  # type: ignore[assignment]


class LoudText(str):
    __repr__ = __str__ = __len__ = __hash__ = Trap.sprung  # type: ignore[assignment]
    __slots__ = ()


class DataFrame(Trap):
    """Named like a table of a library."""


DataFrame.__module__ = "pandas"

TRAPS = [Trap(), Disguised(), OfMeta(), Slotted(), Loud([1]), LoudText("x"), DataFrame(), Trap, OfMeta]


@pytest.mark.parametrize("trap", TRAPS, ids=[str(number) for number in range(len(TRAPS))])
@pytest.mark.parametrize("within", [lambda x: x, lambda x: [x], lambda x: (1, x), lambda x: {"k": {"n": x}}])
def test_nothing_of_an_object_is_run(trap: object, within: Callable[[object], object]) -> None:
    value = within(trap)
    armed.clear()
    told = told_of(value)
    assert armed == []
    assert told.startswith("The variable `it` is ")


def test_an_object_is_told_by_its_type_and_the_names_of_its_attributes() -> None:
    assert told_of(Trap()).endswith("Trap with the attributes name.")
    assert told_of(Slotted()).endswith("Slotted with the attributes mass, price.")
    assert told_of(OfMeta()).endswith(".OfMeta.")
    assert told_of(len).endswith("an object of the type builtins.builtin_function_or_method.")
    assert told_of([Slotted()]).endswith("Slotted>]")


@pytest.mark.parametrize(
    "trap", [trap for trap in TRAPS if not isinstance(trap, type)], ids=lambda trap: type(trap).__name__
)
def test_nothing_of_the_objects_in_a_table_is_run(trap: object) -> None:
    pandas, numpy = pytest.importorskip("pandas"), pytest.importorskip("numpy")
    objects = numpy.empty(2, dtype=object)
    objects[0] = objects[1] = trap
    pairs = numpy.empty(2, dtype=object)
    pairs[:] = [(trap,), (trap,)]
    tables = [
        pandas.DataFrame({"a": pandas.Series(objects), "t": pandas.Series(pairs), "n": [1, 2]}),
        pandas.Series(objects, name="a"),
        pandas.DataFrame({"n": [1, 2]}, index=pandas.Index(objects, dtype=object)),
        pandas.DataFrame([[1, 2]], columns=pandas.Index(objects, dtype=object)),
    ]
    for table in tables:
        armed.clear()
        told = told_of(table)
        assert armed == []
        assert any(kind in told for kind in ("int64", "object", "str"))


def test_a_table_of_a_subclass_is_an_object_as_any_other() -> None:
    pandas = pytest.importorskip("pandas")
    loud = type(
        "Loud", (pandas.DataFrame,), {"head": Trap.sprung, "__len__": Trap.sprung, "index": property(Trap.sprung)}
    )
    table = loud({"a": [1]})
    armed.clear()
    assert "an object of the type " in told_of(table)
    assert armed == []


def test_variables_are_told_where_nothing_is_installed() -> None:
    told = evaluate_alone(description_of("describe_variable", "'it'", "{'a': [1]}", "500"))
    assert told == "The variable `it` is a dict of 1 items: {'a': [1]}\n"


# Keys are not told

NAMES = [
    *("api_key", "OPENAI_API_KEY", "apiKey", "token", "TOKENS2", "db_password", "PASSWD", "pass", "PWD_OLD", "dsn"),
    *("credentials", "SSH_PASSPHRASE", "GITHUB_PAT", "client_secret", "monkey", "TURKEYS", "whiskey_key", "PWD"),
    *("OLDPWD", "pwd", "keyboard", "tokenizer", "compass", "path", "mass", "species", "secretary", "x", ""),
    *("SSHPASS", "DBPASS", "DATABASE_URL", "jwt", "cookie", "MYAUTH", "X_AUTH", "lowpass", "bypass", "author", "auths"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_promises_a_key_here_as_it_does_for_the_environment(name: str) -> None:
    assert describe_data.is_secret(name) == names_secret(name)


@pytest.mark.parametrize("name", ["X-Api-Key", "auth.token", "my password", b"api_key", ("auth", "api_key")])
def test_names_that_no_variable_can_have_promise_a_key_too(name: object) -> None:
    assert describe_data.is_secret(name)


@pytest.mark.parametrize(
    "value",
    [
        {"api_key": "hunter2-1", "a": 1},
        {"deep": [{"auth": ({"db_password": ["hunter2-1"]},)}]},
        {b"token": b"hunter2-1"},
        {("auth", "X-Api-Key"): "hunter2-1"},
    ],
)
def test_what_a_dict_has_under_a_name_of_a_key_is_not_told(value: object) -> None:
    assert "hunter2" not in told_of(value)
    assert "<not shown>" in told_of(value)
    assert "hunter2" not in told_of([value])


def test_what_a_table_has_under_a_name_of_a_key_is_not_told() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"user": ["ann", "bob"], "api_key": ["hunter2-1", "hunter2-2"], "pin_token": [4711, 4712]})
    told = told_of(table)
    assert "- 'api_key': str, 0 missing, values <not shown>" in told
    assert "ann,<not shown>,<not shown>" in told
    assert "471" not in told
    pairs = table.set_axis(pandas.MultiIndex.from_tuples([("a", "user"), ("a", "token"), ("b", "key")]), axis=1)
    others = [table.set_index("api_key"), table.set_index(["user", "api_key"]), table["api_key"], pairs]
    others += [pandas.Series({"api_key": "hunter2-1", "a": "x"}), pandas.DataFrame({"a": [{"token": "hunter2-1"}]})]
    for value in (table, *others):
        assert "hunter2" not in told_of(value)


def test_what_a_file_has_under_a_name_of_a_key_is_not_told() -> None:
    name = write("users.csv", "user,api_key\nann,hunter2-1\nbob,hunter2-2,more\n")
    assert "hunter2" not in describe_without_pandas(name)
    assert "ann,<not shown>" in describe_without_pandas(name)
    pytest.importorskip("pandas")
    told = describe(write("users.csv", "user,api_key\nann,hunter2-1\n"), BUDGET)
    assert "ann,<not shown>" in told
    assert "hunter2" not in told


QUOTED = {
    ".env": "HOME=/root\nOPENAI_API_KEY=hunter2-1\n",
    "a.env": "export GITHUB_TOKEN='hunter2-1'\n",
    "a.yaml": "model: x\napi_key:\n  hunter2-1\n",
    "a.txt": "user: ann\npassword: hunter2-1\n",
    ".netrc": "machine example.org login ann password hunter2-1\n",
    ".pgpass.toml": "[db]\nDB_PASSWORD = 'hunter2-1'\n",
    "a.ini": "[s3]\naws_secret_access_key = hunter2-1\n",
    "a.xml": "<a>\n<password>hunter2-1</password></a>\n",
    "id": "-----BEGIN RSA PRIVATE KEY-----\nhunter2-1\n-----END RSA PRIVATE KEY-----\n",
    "a.py": "import openai\nopenai.api_key = 'hunter2-1'\n",
    "a.md": "# Notes\n- password: hunter2-1\n",
    "a.xlsx": "apiKey: hunter2-1\n",
    "long.csv": "password=hunter2-1" + "x" * 1_000_001,
    "cut.json": '{"api_key": "hunter2-1", "a": [' + "1, " * 9_000_000,
    "broken.json": '{"api_key": "hunter2-1", ',
}


@pytest.mark.parametrize(("name", "content"), QUOTED.items(), ids=QUOTED)
def test_lines_after_a_name_of_a_key_are_not_quoted(name: str, content: str) -> None:
    told = describe(write(name, content), BUDGET)
    assert "hunter2" not in told
    assert "<not shown>" in told


def test_lines_before_a_name_of_a_key_are_quoted() -> None:
    told = describe(write("a.yaml", "model: x\napi_key: hunter2-1\n"), BUDGET)
    assert told.endswith("It begins:\nmodel: x\n<not shown> from here on: a name promises a key.")
