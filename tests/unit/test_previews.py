"""A file is told by what is in it, and by a call that reads it: the call is made here, and must give what was told."""

# ruff: noqa: RUF001 - letters of many alphabets are what is tested

import bz2
import gzip
import io
import json
import lzma
import re
import sqlite3
import sys
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codeagent_nb.describing import describe_file
from codeagent_nb.describing.describe_file import describe
from codeagent_nb.describing.sniff_encoding import encoding_of

pandas = pytest.importorskip("pandas")
BUDGET = 3_000
CALL = re.compile(r"`(pandas\.\w+\(.*\))` gives ([\d,]+) rows(.*) and (\d+) columns:")


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told_of(name: str, content: str | bytes) -> str:
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return describe(name, BUDGET)


def read_as_told(told: str) -> Any:
    """Make the call that was told; the table must have the shape that was told."""
    found = CALL.search(told)
    assert found, told
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pandas.errors.ParserWarning)  # of the rows that are cut, which was told
        table = eval(found.group(1), {"pandas": pandas})
    assert (f"{len(table):,}", str(table.shape[1])) == (found.group(2), found.group(4)), told
    return table


def kinds(table: Any) -> str:
    """Return a letter for each column: i(nteger), f(loat), b(ool), M (date), t(ext)."""
    return "".join(dtype.kind if dtype.kind in "ifbM" else "t" for dtype in table.dtypes)


GERMAN = "Stadt;Umsatz\nBerlin;1234,5\nGörlitz;17,25\n"

# Name, content, what the call must have, the kinds of the columns it gives, the names of the first row.
# Sources: tablegpt-agent#123, langflow#5185, CSV.jl#1186, CSV.jl#626, CSV.jl#957, dust-tt/dust#25510, zenodo#797,
# hledger#2189, JoshClose/CsvHelper#1186, dathere/qsv#260, dathere/qsv#1719, mholt/PapaParse#489, blaze#386,
# asreview#302, juspay/neurolink#1192, stevehansen/csv#26, civictechdc/cib-mango-tree#211, duckdb#9343, duckdb#14115,
# duckdb#10714, cpython#97611, polars#18797, tidyverse/readr#799, codeforbirmingham/Open-Disclosure#7,
# im-anishraj/arnio#135, oc-courses/perfectionnez_vous_en_python#6.
PREVIEWS: dict[str, tuple[str, str | bytes, tuple[str, ...], str, list[str]]] = {
    "plain": ("a.csv", "x,y\n1,a\n2,b\n", ("('a.csv')",), "it", ["x", "y"]),
    "decimal comma": ("a.csv", GERMAN, ("sep=';'", "decimal=','"), "tf", ["Stadt", "Umsatz"]),
    "latin-1": (
        "a.csv",
        GERMAN.encode("latin-1"),
        ("sep=';'", "decimal=','", "encoding='latin-1'"),
        "tf",
        ["Stadt", "Umsatz"],
    ),
    "cp1252": (
        "a.csv",
        "name,price\n“Café”,10 €\nnaïve,3 €\n".encode("cp1252"),
        ("encoding='cp1252'",),
        "tt",
        ["name", "price"],
    ),
    "cp1250": (
        "a.csv",
        "miasto,n\nŁódź,1\nKraków,2\nPoznań,3\n".encode("cp1250"),
        ("encoding='cp1250'",),
        "ti",
        ["miasto", "n"],
    ),
    "cp1251": ("a.csv", "город,n\nМосква,1\nКазань,2\n".encode("cp1251"), ("encoding='cp1251'",), "ti", ["город", "n"]),
    "Shift-JIS": (
        "a.csv",
        "名前,年齢\nたなか,3\nスズキ,4\n".encode("cp932"),
        ("encoding='cp932'",),
        "ti",
        ["名前", "年齢"],
    ),
    "GB18030": (
        "a.csv",
        "城市,人口\n北京,3\n上海,4\n".encode("gb18030"),
        ("encoding='gb18030'",),
        "ti",
        ["城市", "人口"],
    ),
    "EUC-KR": ("a.csv", "도시,인구\n서울,3\n부산,4\n".encode("euc_kr"), ("encoding='euc_kr'",), "ti", ["도시", "인구"]),
    "UTF-16 with a mark": (
        "a.csv",
        "x\ty\n1\tä\n".encode("utf-16"),
        ("sep='\\t'", "encoding='utf-16'"),
        "it",
        ["x", "y"],
    ),
    "UTF-16 without": ("a.csv", "x,y\n1,ä\n2,b\n".encode("utf-16-le"), ("encoding='utf-16-le'",), "it", ["x", "y"]),
    "UTF-16, big end first": (
        "a.csv",
        b"\xfe\xff" + "x,y\n1,ä\n".encode("utf-16-be"),
        ("encoding='utf-16'",),
        "it",
        ["x", "y"],
    ),
    "UTF-8 with a mark": ("a.csv", b"\xef\xbb\xbfx,y\n1,a\n", ("('a.csv')",), "it", ["x", "y"]),
    "tabs in a .csv": ("a.csv", "x\ty z\n1\ta, b\n2\tc, d\n", ("sep='\\t'",), "it", ["x", "y z"]),
    "commas in a .tsv": ("a.tsv", "x,y\n1,2\n3,4\n", ("read_table('a.tsv', sep=','",), "ii", ["x", "y"]),
    "pipes": (
        "a.csv",
        "date|carrier|city\n1988-01-01|AA|New York, NY\n1988-01-02|AA|Los Angeles, CA\n",
        ("sep='|'",),
        "ttt",
        ["date", "carrier", "city"],
    ),
    "pipes in a .psv": ("a.psv", "x|y\n1|2\n", ("read_csv('a.psv', sep='|'",), "ii", ["x", "y"]),
    "quoted semicolons": (
        "a.csv",
        '"age";"job"\n30;"blue-collar; day"\n33;"services"\n',
        ("sep=';'",),
        "it",
        ["age", "job"],
    ),
    "a tab in quotes": (
        "a.csv",
        'Surname;First Name;Year\n"\tDoe;Jane"\t;A;1971\n"\tRoe"\t;B;1972\n',
        ("sep=';'",),
        "tti",
        ["Surname", "First Name", "Year"],
    ),
    "degrees and quotes": (
        "a.csv",
        "Name;Lat;Temp\nX;3º53.633'S;29.00ºC\nY;4º53.633'S;28.00ºC\n",
        ("sep=';'",),
        "ttt",
        ["Name", "Lat", "Temp"],
    ),
    "thousands by a comma": ("a.csv", 'a,b\n1,"2,334.01"\n10,"13,000.5"\n', ("thousands=','",), "if", ["a", "b"]),
    "thousands, no decimals": ("a.csv", 'v\n"68,527"\n"1,234,567"\n', ("thousands=','",), "i", ["v"]),
    "thousands by a point": ("a.csv", "a;b\n1;1.299,99\n2;22,5\n", ("decimal=','", "thousands='.'"), "if", ["a", "b"]),
    "thousands by a space": (
        "a.csv",
        "a;b\nx;1 234,5\ny;12 000,25\n",
        ("decimal=','", "thousands=' '"),
        "tf",
        ["a", "b"],
    ),
    "thousands by an apostrophe": ("a.csv", "a;b\nx;1'234.50\ny;2'000.25\n", ('thousands="\'"',), "tf", ["a", "b"]),
    "dates beside thousands": (
        "a.csv",
        "d;v\n01.02.2024;1.299,99\n02.02.2024;1.000,50\n",
        ("dtype={'d': 'str'}",),
        "tf",
        ["d", "v"],
    ),
    "spaces around a name": (
        "a.csv",
        "a; d ;v\nx;01.02.2024;1.299,99\ny;02.02.2024;1.000,50\n",
        ("dtype={' d ': 'str'}",),
        "ttf",
        ["a", " d ", "v"],
    ),
    "spaces behind each separator": (
        "a.csv",
        "a; d; v\nx; 01.02.2024; 1.299,99\ny; 02.02.2024; 1.000,50\n",
        ("skipinitialspace=True", "dtype={'d': 'str'}"),
        "ttf",
        ["a", "d", "v"],
    ),
    "numbers by a tab": ("a.tsv", "a\tb\n1,5\t2,25\n3,5\t4\n", ("decimal=','",), "ff", ["a", "b"]),
    "comment lines": (
        "a.csv",
        "# made by us\n# 2024, May\nx,y,z\n1,2,3\n4,5,6\n",
        ("skiprows=2",),
        "iii",
        ["x", "y", "z"],
    ),
    "comments between rows": ("a.csv", "x,y\n1,2\n# here it broke\n3,4\n5,6\n", ("comment='#'",), "ii", ["x", "y"]),
    "names in a comment": ("a.tsv", "##v1\n##v2\n#CHROM\tPOS\n1\t7\n2\t8\n", ("skiprows=2",), "ii", ["#CHROM", "POS"]),
    "a title": (
        "a.csv",
        "Sales of 2024\n\nregion,q1,q2\nN,1,2\nS,3,4\n",
        ("skiprows=2",),
        "tii",
        ["region", "q1", "q2"],
    ),
    "nonsense first": (
        "a.csv",
        "nonsense1\nnonsense2\nh0,h1,h2\na,b,1\nc,d,2\n",
        ("skiprows=2",),
        "tti",
        ["h0", "h1", "h2"],
    ),
    "many lines first": (
        "a.csv",
        "".join(f"key{n}: a, b\n" for n in range(30)) + "x;y;z\n" + "1;2;3\n" * 40,
        ("sep=';'", "skiprows=30"),
        "iii",
        ["x", "y", "z"],
    ),
    "Excel's sep line": ("a.csv", "sep=;\nx;y\n1;2\n", ("sep=';'", "skiprows=1"), "ii", ["x", "y"]),
    "line ends in quotes": ("a.csv", 'x,y\n1,"two\nlines"\n2,"a ""word"""\n', ("('a.csv')",), "it", ["x", "y"]),
    "lone carriage returns": ("a.csv", "x,y\r1,2\r3,4\r", ("('a.csv')",), "ii", ["x", "y"]),
    "no header": ("a.csv", "1,2.5,a\n4,5.5,b\n7,8.5,c\n", ("header=None",), "ift", []),
    "no header, dates": ("a.csv", "2024-01-01,a\n2024-01-02,b\n", ("header=None",), "tt", []),
    "no header, words": ("a.csv", "red,x\nblue,y\nred,z\nblue,x\n", ("header=None",), "tt", []),
    "years as names": (
        "a.csv",
        "country,1990,1991,1992\nA,1.5,2,3\nB,4.5,5,6\n",
        ("('a.csv')",),
        "tfii",
        ["country", "1990", "1991", "1992"],
    ),
    "only years as names": (
        "a.csv",
        "1990,1991,1992\n1.5,2,3\n4.5,5,6\n",
        ("('a.csv')",),
        "fii",
        ["1990", "1991", "1992"],
    ),
    "only a header": ("a.csv", "creationDate, Id\n", ("read_csv('a.csv'",), "tt", ["creationDate"]),
    "words only": ("a.csv", "name\nPedro\nMark\n", ("('a.csv')",), "t", ["name"]),
    "ragged": (
        "a.csv",
        "one,two,three\n1,2,3,4\n1,2,3\n\n1,2,3\n1,2,3\n",
        ("index_col=False",),
        "iii",
        ["one", "two", "three"],
    ),
    "one row too long": ("a.csv", "x,y\n1,2\n1,2,3\n4,5\n6,7\n", ("on_bad_lines='skip'", "(line 3)"), "ii", ["x", "y"]),
    "a separator behind each row": ("a.csv", "x,y\n1,2,\n3,4,\n", ("index_col=False",), "ii", ["x", "y"]),
    "a separator behind all rows": ("a.csv", "x,y,\n1,2,\n3,4,\n", ("('a.csv')",), "iif", ["x", "y"]),
    "short rows": ("a.csv", "x,y,z\n1,2,3\n4\n5,6,7\n", ("('a.csv')",), "iff", ["x", "y", "z"]),
    "commas of sentences": (
        "a.csv",
        "review\nGood, cheap, fast\nBad\nWell, it is fine\nNo, no, no, no\n",
        ("sep=",),
        "t",
        ["review"],
    ),
    "quoted sentences": (
        "a.csv",
        'review,stars\n"Good, cheap",5\n"Bad",1\n',
        ("('a.csv')",),
        "ti",
        ["review", "stars"],
    ),
    "spaces behind commas": (
        "a.csv",
        "x, y, z\n1, 2, a\n3, 4, b\n",
        ("skipinitialspace=True",),
        "iit",
        ["x", "y", "z"],
    ),
    "spaces in columns": ("a.dat", "x     y\n1.0   2\n3.5   4\n5.5   6\n", (r"sep='\\s+'",), "fi", ["x", "y"]),
    "a stray quote": ("a.tsv", 'x\ty\n1\t5" disk\n2\t3.5" disk\n3\t"no\n', ("quoting=3",), "it", ["x", "y"]),
    "a quote that nothing closes": ("a.csv", 'x,y\n1,2\n3,"four\n5,6\n', ("quoting=3",), "it", ["x", "y"]),
    "row names of R": ("a.csv", "x,y\nr1,1,2\nr2,3,4\n", ("('a.csv')",), "ii", ["x", "y"]),
    "no value at all": ("a.csv", "x,y\n,\n,\n", ("('a.csv')",), "ff", ["x", "y"]),
    "a table in a .txt": ("a.txt", "x;y\n1;2,5\n3;4,5\n5;6,5\n", ("sep=';'", "decimal=','"), "if", ["x", "y"]),
    "text named .xls": ("a.xls", "x\ty\n1\t2\n3\t4\n", ("read_csv('a.xls', sep='\\t')",), "ii", ["x", "y"]),
    "gzip": (
        "a.csv.gz",
        gzip.compress(GERMAN.encode()),
        ("('a.csv.gz', sep=';', decimal=',')",),
        "tf",
        ["Stadt", "Umsatz"],
    ),
    "bz2": ("a.csv.bz2", bz2.compress(b"x,y\n1,2\n"), ("('a.csv.bz2')",), "ii", ["x", "y"]),
    "xz": ("a.tsv.xz", lzma.compress(b"x\ty\n1\t2\n"), ("('a.tsv.xz')",), "ii", ["x", "y"]),
    "gzip named .csv": ("a.csv", gzip.compress(b"x,y\n1,2\n"), ("compression='gzip'",), "ii", ["x", "y"]),
    "JSON lines": ("a.jsonl", '{"x": 1, "y": "a"}\n{"x": 2, "y": "b"}\n', ("lines=True",), "it", ["x", "y"]),
    "JSON lines in a .json": ("a.json", '{"x": 1}\n{"x": 2}\n', ("lines=True",), "i", ["x"]),
    "one JSON line": ("a.ndjson", '{"x": 1}\n', ("lines=True",), "i", ["x"]),
    "JSON records": (
        "a.json",
        '[{"x": 1.5, "y": null}, {"x": 2, "y": "b"}]',
        ("read_json('a.json')",),
        "ft",
        ["x", "y"],
    ),
    "packed JSON lines": ("a.jsonl.gz", gzip.compress(b'{"x": 1}\n{"x": 2}\n'), ("lines=True",), "i", ["x"]),
}


@pytest.mark.parametrize("preview", PREVIEWS.values(), ids=PREVIEWS)
def test_the_call_that_is_told_reads_the_file(
    preview: tuple[str, str | bytes, tuple[str, ...], str, list[str]],
) -> None:
    name, content, options, expected, names = preview
    told = told_of(name, content)
    table = read_as_told(told)
    assert all(option in told for option in options), told
    assert kinds(table) == expected, (told, table.dtypes)
    assert [*map(str, table.columns)][: len(names)] == names
    assert all(f"- {column!r}: " in told for column in table.columns), told


def workbook(**sheets: list[list[Any]]) -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(buffer)
    return buffer.getvalue()


ROWS = [["city", "n"], ["Rome", 1], ["Oslo", 2]]

# Sources: MikeStall/DataTable#50, ckan/datapusher#71, netease-youdao/QAnything#200, yakew7/Fair-Code#182, WeKnora#1007.
WORKBOOKS: dict[str, tuple[dict[str, list[list[Any]]], str, tuple[str, ...]]] = {
    "one sheet": ({"Data": ROWS}, "read_excel('a.xlsx')", ()),
    "more sheets": (
        {"Data": ROWS, "Lookup": [["code", "text"], [1, "x"]]},
        "read_excel('a.xlsx')",
        ("2 sheets", "'Lookup' (columns 'code', 'text')"),
    ),
    "an empty one first": ({"Notes": [], "Data": ROWS}, "sheet_name='Data'", ("'Notes' (empty)",)),
    "two empty ones": ({"A": [], "B": [], "C": ROWS}, "sheet_name='C'", ("3 sheets", "'A' (empty); 'B' (empty)")),
    "a title above": ({"Data": [["Cities of 2024"], [], *ROWS]}, "skiprows=2", ()),
    "strange names": ({"it's": ROWS, "Größe & <x>": ROWS}, "read_excel", ('"it\'s"', "'Größe & <x>'")),
    "many sheets": ({f"S{n}": ROWS for n in range(40)}, "read_excel('a.xlsx')", ("40 sheets", "'S39'")),
}


@pytest.mark.parametrize(("sheets", "call", "said"), WORKBOOKS.values(), ids=WORKBOOKS)
def test_a_workbook_is_told_with_all_its_sheets(
    sheets: dict[str, list[list[Any]]], call: str, said: tuple[str, ...]
) -> None:
    told = told_of("a.xlsx", workbook(**sheets))
    table = read_as_told(told)
    assert call in told
    assert all(part in told for part in said), told
    assert ([*table.columns], kinds(table)) == (["city", "n"], "ti")


def test_a_workbook_of_another_ending_is_one() -> None:
    told = told_of("a.csv", workbook(Data=ROWS))
    assert "read_excel('a.csv')" in told
    read_as_told(told)


def test_without_a_reader_the_sheets_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    content = workbook(**{"Notes": [], "Größe & x": ROWS})
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    told = told_of("a.xlsx", content)
    assert "It has 2 sheets: 'Notes', 'Größe & x'. pandas cannot read it here: " in told
    assert "openpyxl" in told


def test_an_empty_workbook_is_no_obstacle() -> None:
    assert "It is an empty workbook." in told_of("a.xlsx", workbook(A=[]))


def parquet(**columns: list[Any]) -> bytes:
    buffer = io.BytesIO()
    pandas.DataFrame(columns).to_parquet(buffer)
    return buffer.getvalue()


def test_columns_of_arrow_are_told() -> None:
    pytest.importorskip("pyarrow")
    for name, content in (("a.parquet", parquet(x=[1, 2], y=["a", "b"])), ("a.dat", parquet(x=[1, 2], y=["a", "b"]))):
        told = told_of(name, content)
        assert f"`pandas.read_parquet({name!r})` gives 2 rows and 2 columns:" in told
        assert kinds(read_as_told(told)) == "it"
    pandas.DataFrame({"x": [1.5], "t": pandas.to_datetime(["2024-01-01"])}).to_feather("a.feather")
    assert kinds(read_as_told(describe("a.feather", BUDGET))) == "fM"


def test_of_many_rows_of_arrow_a_part_is_read_and_all_are_counted() -> None:
    pytest.importorskip("pyarrow")
    told = told_of("a.parquet", parquet(x=list(range(300_000))))
    assert "gives 300,000 rows (of them 200,000 were looked at) and 1 columns" in told


def test_a_database_is_told_by_its_tables() -> None:
    with sqlite3.connect("a.db") as database:
        database.executescript(
            """CREATE TABLE people (name TEXT, age INTEGER, api_key TEXT); CREATE TABLE "odd ""one" (x REAL);
            INSERT INTO people VALUES ('ann', 3, 'hunter2-1'), (NULL, 4, 'hunter2-2');
            CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT * FROM n;"""
        )
    database.close()
    for name in ("a.db", "a.csv"):
        Path("a.db").rename(name)
        told = describe(name, BUDGET)
        Path(name).rename("a.db")
        assert "It is an SQLite database of 2 tables" in told
        assert "- 'people': 'name' TEXT, 'age' INTEGER, 'api_key' TEXT" in told
        assert "'ann', 3, <not shown>" in told
        assert "'odd \"one': 'x' REAL" in told
        assert "hunter2" not in told
        assert "endless" not in told
    query = re.search(r"read_sql_query\('(.*)', sqlite3", told)
    assert query
    with sqlite3.connect("a.db") as database:
        assert pandas.read_sql_query(query.group(1), database).shape == (2, 3)
    database.close()


def archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name.replace("_", "."), content)
    return buffer.getvalue()


# Name, content, what is said.
OTHERS: dict[str, tuple[str, str | bytes, tuple[str, ...]]] = {
    "empty": ("a.csv", "", ("It is empty.",)),
    "white space": ("a.csv", " \n\n", ("nothing but white space",)),
    "binary named .csv": ("a.csv", bytes(range(256)) * 20, ("It is a binary file.",)),
    "picture named .csv": ("a.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(100), ("It is a binary file.",)),
    "random bytes": ("a.csv", bytes((n * n * 7 + n // 3) % 251 + 1 for n in range(5_000)), ("It is a binary file.",)),
    "packed binary": ("a.bin.gz", gzip.compress(bytes(500)), ("It is a binary file, packed by gzip.",)),
    "archive of one table": (
        "a.zip",
        archive(t_csv=b"x,y\n1,2\n"),
        ("'t.csv', 8 bytes", "read_csv('a.zip', compression='zip')"),
    ),
    "archive of more": ("a.zip", archive(t_csv=b"x", u_txt=b"y"), ("zip archive of 2 files", "'u.txt'")),
    "HTML named .xls": (
        "a.xls",
        "<html><table><tr><td>1</td></tr></table>",
        ("HTML or XML, not what its ending says", "<td>1"),
    ),
    "prose": ("a.txt", "Dear all,\nwe met, and agreed.\nYours, A.\n", ("It begins:\nDear all,",)),
    "prose of latin-1": ("a.txt", "Größe\n".encode("latin-1"), ("It begins (encoding='latin-1'):\nGröße",)),
    "a log": ("a.log", "12:00 start, ok\n12:01 stop; bad\n12:02 | x\n", ("It begins:\n12:00 start, ok",)),
    "nested JSON": (
        "a.json",
        json.dumps({"meta": 1, "items": [{"x": 1}, {"x": 2}]}),
        ("a dict of 2", "json_normalize(json.load(open('a.json'))['items'])"),
    ),
    "JSON of keys": ("a.json", json.dumps({"api_key": "hunter2-1", "n": 3}), ("'api_key': <not shown>", "'n': 3")),
    "JSON number": ("a.json", "42", ("It is JSON, a int", "42")),
    "broken JSON": (
        "a.json",
        '{"a": 1,\n"b": ',
        ("could not be read for a preview: JSONDecodeError", 'It begins:\n{"a": 1,'),
    ),
    "keys of what cannot be read": (
        "a.json",
        '{"user": "ann",\n"api_key": "hunter2-1"',
        ("<not shown> from here on",),
    ),
    "a gzip that breaks off": (
        "a.csv.gz",
        gzip.compress(b"x,y\n1,2\n" * 1_000)[:30],
        ("could not be read for a preview: EOFError",),
    ),
}


@pytest.mark.parametrize(("name", "content", "said"), OTHERS.values(), ids=OTHERS)
def test_what_is_no_table_is_told_as_what_it_is(name: str, content: str | bytes, said: tuple[str, ...]) -> None:
    told = told_of(name, content)
    assert all(part in told for part in said), told
    assert "hunter2" not in told


@pytest.mark.parametrize("where", ["fine.csv", "a;b.csv", "it's.csv", "größe.csv"])
def test_the_call_names_the_file_as_code_does(where: str) -> None:
    assert len(read_as_told(told_of(where, GERMAN))) == 2


# What a stranger's file costs


def of_size(part: bytes, times: int) -> Callable[[], bytes]:
    return lambda: part * times


HEAVY: dict[str, tuple[str, Callable[[], bytes]]] = {
    "one endless line": ("a.csv", of_size(b"x", 60_000_000)),
    "one endless field": ("a.csv", lambda: b'x,y\n1,"' + b"z" * 60_000_000 + b'"\n'),
    "many rows": ("a.csv", of_size(b"1,2,3\n", 10_000_000)),
    "many columns": ("a.csv", lambda: b",".join(b"c%d" % n for n in range(100_000)) + b"\n"),
    "a gzip bomb": ("a.csv.gz", lambda: gzip.compress(b"0" * 300_000_000, 1)),
    "a gzip bomb of rows": ("a.csv.gz", lambda: gzip.compress(b"0,0\n" * 50_000_000, 1)),
    "a workbook bomb": ("a.xlsx", lambda: archive(**{"xl/workbook_xml": b'<sheet name="A" />' + b" " * 250_000_000})),
    "deep JSON": ("a.json", lambda: b"[" * 1_000_000),
    "a large number": ("a.json", lambda: b"9" * 5_000_000),
    "quotes": ("a.csv", of_size(b'"', 5_000_000)),
    "separators": ("a.csv", of_size(b";,|\t", 3_000_000)),
    "comments": ("a.csv", of_size(b"#\n", 5_000_000)),
}


@pytest.mark.attacks
@pytest.mark.parametrize(("name", "content"), HEAVY.values(), ids=HEAVY)
def test_no_file_costs_more_than_a_part_of_it(name: str, content: Callable[[], bytes]) -> None:
    Path(name).write_bytes(content())
    tracemalloc.start()
    told = describe(name, BUDGET)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(told) <= BUDGET + 200
    assert peak < 30 * describe_file.BYTES


def test_of_a_wide_table_the_first_columns_are_read_and_all_are_counted() -> None:
    names = ",".join(f"column {n}" for n in range(30_000))
    told = told_of("a.csv", f"{names}\n{','.join(['1'] * 30_000)}\n")
    assert "gives 1 rows and 30000 columns" in told
    assert "- 'column 0': int64" in told
    assert "more columns" in told


def sheet_of(cells: dict[tuple[int, int], Any]) -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    for (row, column), value in cells.items():
        book.active.cell(row, column, value)
    book.save(buffer)
    return buffer.getvalue()


COSTLY: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "each record of another key": ("a.json", lambda: json.dumps([{f"k{n}": 0} for n in range(1_500)]).encode(), "1000"),
    "each line of another key": ("a.jsonl", lambda: b"".join(b'{"k%d": 0}\n' % n for n in range(1_500)), "1000"),
    "a cell far to the right": ("a.xlsx", lambda: sheet_of({(1, 1): "a", (1, 16_384): "b", (100, 1): 1}), "16384"),
    "one further down": ("a.xlsx", lambda: sheet_of({(1, 1): "a", (900, 1): 1, (60, 16_384): "b"}), "1"),
}


@pytest.mark.parametrize(("name", "content", "columns"), COSTLY.values(), ids=COSTLY)
def test_of_a_table_of_empty_cells_a_part_is_looked_at(name: str, content: Callable[[], bytes], columns: str) -> None:
    told = told_of(name, content())
    assert f"rows at least (only these were looked at) and {columns} columns" in told


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_of_records_of_many_keys_the_first_are_read_and_all_are_counted(name: str) -> None:
    record = json.dumps({f"k{n}": n for n in range(2_000)})
    told = told_of(name, f"[{record}, {record}]" if name == "a.json" else f"{record}\n{record}\n")
    assert "gives 2 rows and 2000 columns" in told
    assert "- 'k0': int64" in told
    assert "more columns" in told


def test_of_long_texts_of_parquet_a_part_is_read() -> None:
    pytest.importorskip("pyarrow")
    told = told_of("a.parquet", parquet(x=["y" * 2_000] * 30_000))
    [looked_at] = re.findall(r"gives 30,000 rows \(of them ([\d,]+) were looked at\)", told)
    assert 1_000 < int(looked_at.replace(",", "")) < 12_000


def test_what_a_database_would_compute_is_not_computed() -> None:
    with sqlite3.connect("a.db") as database:
        database.executescript(
            """CREATE TABLE plain (x INTEGER); INSERT INTO plain VALUES (7);
            CREATE TABLE bomb (x INTEGER, y AS (length(hex(zeroblob(x * 5000000)))));
            INSERT INTO bomb (x) VALUES (4);
            CREATE TABLE large (x BLOB); INSERT INTO large VALUES (zeroblob(2000000));"""
        )
    database.close()
    told = describe("a.db", BUDGET)
    assert "- 'bomb': 'x' INTEGER, 'y'" in told
    assert "40000000" not in told
    assert "  4" in told.splitlines()
    assert "  7" in told.splitlines()
    assert "  its rows are not shown: string or blob too big" in told.splitlines()


def test_rows_beyond_the_part_that_is_read_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(describe_file, "BYTES", 1_000)
    told = told_of("a.csv", 'x;y\n1,5;"two\nlines"\n' + '2,5;"a"\n' * 500)
    assert "sep=';', decimal=','" in told
    assert "rows at least (only these were looked at) and 2 columns" in told
    assert "- 'x': float64" in told


ENCODED = {
    "latin-1": ["Müller, Zürich, Straße", "déjà vu à Orléans", "niño, año, ¿qué?", "smørrebrød på øl"],
    "cp1252": ["it’s “quoted” – done…", "10 € – 20 €", "œuvre, cœur"],
    "cp1250": ["Příliš žluťoučký kůň", "Zażółć gęślą jaźń"],
    "cp1251": ["Съешь ещё этих мягких булок", "Київ, Одеса, Львів"],
    "cp1253": ["Ξεσκεπάζω την ψυχοφθόρα βδελυγμία"],
    "cp850": ["Größe, Länge, Höhe", "Müller und Söhne"],
    "mac_roman": ["Größe, Länge, Höhe", "été à la plage"],
    "cp932": ["日本語のテキスト", "東京、大阪、京都"],
    "euc_kr": ["안녕하세요 세계", "서울특별시 강남구"],
    "gb18030": ["中文文本数据", "北京市海淀区"],
    "utf-8": ["Größe 中文 \U0001f600"],
}


@pytest.mark.parametrize(("encoding", "text"), [(name, text) for name, texts in ENCODED.items() for text in texts])
def test_an_encoding_is_told_by_the_words_it_makes(encoding: str, text: str) -> None:
    data = f"id,text\n1,{text}\n2,{text}\n".encode(encoding)
    assert data.decode(encoding_of(data, whole=True)) == data.decode(encoding)


def test_a_letter_that_is_cut_in_two_is_utf_8_still() -> None:
    assert encoding_of("aäöü".encode()[:-1], whole=False) == "utf-8"
    assert encoding_of("aäöü".encode()[:-1], whole=True) != "utf-8"


SETTINGS = {
    "a.json": json.dumps({"env": ["API_KEY=hunter2-1", "MODE=fast"]}),
    "b.json": json.dumps({"inner": json.dumps({"api_key": "hunter2-1"})}),
    "c.json": json.dumps({"url": "postgres://user:hunter2-1@host/db"}),
    "d.jsonl": f"{json.dumps({'m': 'password: hunter2-1'})}\n{json.dumps({'m': 'x'})}\n",
    "e.csv": "m,n\nhttps://host/?token=hunter2-1,1\nx,2\n",
    "f.txt": "connect to postgres://user:hunter2-1@host/db\n",
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_in_a_text_is_not_shown_where_its_name_promises_a_key(name: str) -> None:
    told = told_of(name, SETTINGS[name])
    assert "hunter2-1" not in told
    assert "<not shown>" in told


def test_what_only_looks_like_a_setting_is_shown() -> None:
    told = told_of("a.csv", "m,n\nkey facts,1\nhttp://host:8080/a@b?page=2,2\nmonkey: 3,3\n")
    assert "<not shown>" not in told
    assert "http://host:8080/a@b?page=2" in told


PADDED: dict[str, tuple[str, str | bytes]] = {
    "csv": ("a.csv", "zip,agent,n\n01234,007,1\n10115,012,2\n"),
    "gaps": ("a.csv", "zip,agent,n\n01234,,1\n,012,2\n"),
    "late": ("a.csv", "zip,agent,n\n" + "99999,100,1\n" * 5_000 + "01234,007,1\n"),
    "quoted": ("a.csv", 'zip;agent;n\n"01234";"007";1,5\n"10115";"012";2,5\n'),
    "utf-16": ("a.csv", "zip,agent,n\n01234,007,1\n10115,012,2\n".encode("utf-16")),
    "tabs": ("a.tsv", "zip\tagent\tn\n01234\t007\t1\n"),
    "json": ("a.json", json.dumps([{"zip": "01234", "agent": "007", "n": 1}, {"zip": "10115", "agent": "1", "n": 2}])),
    "lines": ("a.jsonl", '{"zip": "01234", "agent": "007", "n": 1}\n{"zip": "10115", "agent": "012", "n": 2}\n'),
}


@pytest.mark.parametrize("case", PADDED)
def test_codes_with_leading_zeros_are_text_and_it_is_said(case: str) -> None:
    """Read as numbers they were told as 1234 and 7, which the file does not hold."""
    told = told_of(*PADDED[case])
    table = read_as_told(told)
    assert kinds(table)[:2] == "tt"
    assert {"01234"} <= set(table["zip"])
    assert kinds(table)[2] in "if"
    for name in ("zip", "agent"):
        assert re.search(rf"- '{name}': \w+, \d missing, digits with leading zeros", told), told


def test_codes_in_a_workbook_are_text() -> None:
    pytest.importorskip("openpyxl")
    pandas.DataFrame({"zip": ["01234", "10115"], "n": [1, 2]}).to_excel("a.xlsx", index=False)
    told = describe("a.xlsx", BUDGET)
    assert list(read_as_told(told)["zip"]) == ["01234", "10115"]
    assert "digits with leading zeros" in told


@pytest.mark.parametrize("content", ["x,y\n0,0.5\n10,00.5\n", "x,y\n0,2024-01-02\n1,05:30\n", "x,y\n0,-01\n1,7\n"])
def test_numbers_that_only_have_zeros_stay_numbers(content: str) -> None:
    told = told_of("a.csv", content)
    assert "leading zeros" not in told
    assert read_as_told(told)["x"].dtype.kind == "i"
