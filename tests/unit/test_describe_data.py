"""What the model is told of a data file: exact names, types, gaps, a few rows, all within a budget."""

import subprocess
import sys
from pathlib import Path

import pytest

from codeagent_nb import describe_data
from codeagent_nb.describe_data import describe

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
        "- 'Body Mass (g)': float64, 1 missing, values 3700.0, 5076.0",
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
        ("empty.csv", ""),
        ("broken.csv", 'a,b\n1,2\n1,2,3,4\n"open'),
        ("broken.json", "{"),
        ("not.xlsx", "no table"),
        ("latin.csv", b"name\ncaf\xe9\n"),
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


WITHOUT_PANDAS = """
import runpy, sys
sys.modules["pandas"] = None
describe = runpy.run_path(sys.argv[1])["describe"]
print(describe(sys.argv[2], int(sys.argv[3])))
"""


def describe_without_pandas(name: str, budget: int = BUDGET) -> str:
    """Run the file alone, as a kernel does that has nothing but the standard library."""
    command = [sys.executable, "-I", "-S", "-c", WITHOUT_PANDAS, describe_data.__file__, name, str(budget)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


def test_a_table_is_told_without_pandas_too() -> None:
    assert describe_without_pandas(write("penguins.csv")).splitlines() == [
        f"File 'penguins.csv' ({len(CSV)} bytes) is in the working folder.",
        "It is a table of 3 rows and 3 columns (pandas is not installed; use the csv module):",
        "- 'species': text, 0 missing",
        "- 'Body Mass (g)': number, 1 missing",
        "- 'note': text, 2 missing",
        "First rows:",
        "species,Body Mass (g),note",
        "Adelie,3700,",
        "Gentoo,5076,big",
        "Gentoo,,",
    ]


def test_without_pandas_the_budget_holds_too() -> None:
    header = ",".join(f"column number {number}" for number in range(500))
    assert len(describe_without_pandas(write("wide.csv", f"{header}\n"), 1_000)) <= 1_200


def test_without_pandas_rows_of_the_wrong_length_are_no_obstacle() -> None:
    told = describe_without_pandas(write("ragged.csv", "a,b\n1\n1,2,3\n\n1,2\n"))
    assert "table of 3 rows and 2 columns" in told
    assert "- 'b': number, 1 missing" in told
    assert told.endswith("a,b\n1\n1,2,3\n1,2\n")


def test_without_pandas_other_tables_are_named_only() -> None:
    assert "It is a table; pandas is not installed." in describe_without_pandas(write("t.parquet", b"PAR1"))
