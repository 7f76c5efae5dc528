"""A description has what trips models, taken from the values: each note here is true of the table beside it."""

import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from codeagent_nb.describing.asking import description_of
from codeagent_nb.describing.describe_data import describe_variable
from codeagent_nb.describing.describe_file import describe
from codeagent_nb.describing.text_notes import notes_on_texts

pandas = pytest.importorskip("pandas")
BUDGET = 3_000
CALL = re.compile(r"`(pandas\.\w+\(.*\))` gives ([\d,]+) rows")


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told_of(content: str, budget: int = BUDGET, name: str = "a.csv") -> str:
    Path(name).write_text(content, encoding="utf-8")
    return describe(name, budget)


def read_as_told(told: str) -> Any:
    found = CALL.search(told)
    assert found, told
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pandas.errors.ParserWarning)
        table = eval(found[1], {"pandas": pandas})
    assert f"{len(table):,}" == found[2], told
    return table


def line_of(told: str, name: str) -> str:
    [line] = [line for line in told.splitlines() if line.startswith(f"- {name!r}: ")]
    return line


def column(*values: str, name: str = "x") -> str:
    """A table of a column of such values, each in quotation marks, and one of numbers."""
    rows = [f'"{value}",{number + 0.5}' for number, value in enumerate(values)]
    return "\n".join([f'"{name}",n', *rows]) + "\n"


# Values, what is said of them.
TEXTS: dict[str, tuple[list[str], str]] = {
    # numbers
    "thousands commas beside a word": (
        ["5,350,380", "737,438", "about 5", "1,200"],
        "numbers as text, with thousands commas: '5,350,380', not numbers: 'about 5' (1 time)",
    ),
    "lakhs": (["12,34,567", "1,00,000", "3,45,678", "few"], "with thousands commas: '12,34,567', not numbers: 'few'"),
    "decimal commas beside a word": (["1,5", "2,25", "3,75", "viel"], "with decimal commas: '2,25', not numbers"),
    "three decimals with commas": (["1,250", "2,5", "0,75", "viel"], "numbers as text, with decimal commas"),
    "points and commas": (["1.234,5", "17,25", "2.000,00", "viel"], "numbers as text, with thousands points"),
    "apostrophes": (["1'234", "12'000", "900", "none yet"], "with thousands apostrophes: '12\\'000'|\"12'000\""),
    "plain numbers and a word": (["1", "2.5", "3", "4", "zero"], "numbers as text, not numbers: 'zero' (1 time)"),
    "scientific": (["1e5", "2.5E-3", "3", "x"], "numbers as text, not numbers: 'x' (1 time)"),
    "percent": (["12.5%", "3%", "100 %"], "percent as text: '"),
    "percent and gaps in words": (["12%", "unknown", "13%"], "percent as text: '12%', not numbers: 'unknown' (1 time)"),
    "dollars": (["$1,200.50", "$3", "$4.99"], "money as text with '$', with thousands commas: '$1,200.50'"),
    "euros behind": (["12 €", "13,50 €", "7 €"], "money as text with '€', with decimal commas: '13,50 €'"),
    "pounds and euros": (["£5", "€6", "£7"], "money as text with '£', '€'"),
    "codes of money": (["USD 5", "USD 16", "USD 7"], "money as text with 'USD'"),
    "rupees": (["Rs. 500", "Rs. 1,250", "Rs. 90"], "money as text with 'Rs.', with thousands commas"),
    "negative dollars": (["-$5.00", "$3.10", "($2.00)"], "negative ones in parentheses"),
    "parentheses": (["(1,200)", "3,500", "(12)"], "with thousands commas, negative ones in parentheses: '(1,200)'"),
    "kilograms": (["80 kg", "75.5 kg", "66 kg"], "numbers as text with 'kg': '75.5 kg'"),
    "units mixed": (["80 kg", "165 lbs", "66 kg"], "numbers as text with 'kg', 'lbs'"),
    "a unit nobody knows": (["5 zorks", "6 zorks", "70 zorks"], "numbers as text with 'zorks': '70 zorks'"),
    "degrees": (["21°C", "19.5°C", "-3°C"], "numbers as text with '°C'"),
    "per hour": (["21 km/h", "9 km/h", "30 km/h"], "numbers as text with 'km/h'"),
    "magnitudes": (["1.2M", "45K", "3.4M", "500K"], "numbers as text with 'M', 'K'"),
    "money in short": (["$1.2M", "$45K", "$3.4M"], "money as text with '$…M', '$…K'"),
    "compared": (["<0.5", "1.2", "3.4", ">100"], "numbers as text, some with '<', '>'"),
    "open end": (["0", "1", "2", "3+"], "numbers as text, some with '+': '3+'"),
    "some with stars": (["12", "13*", "14"], "numbers as text, some with '*': '13*'"),
    # dates
    "day first, points": (["31.12.2024", "01.02.2024", "03.04.2024"], "dates as text, day first: '31.12.2024'"),
    "day first, strokes": (["05/06/2024", "13/06/2024", "14/07/2024"], "dates as text, day first: '"),
    "day first, two digits": (["25-12-99", "01-02-98"], "dates as text, day first: '25-12-99'"),
    "month first": (["12/31/2024", "01/02/2024"], "dates as text, month first: '12/31/2024'"),
    "month first, with times": (["12/31/2024 23:59", "1/2/2024 0:00"], "dates with times as text, month first: '"),
    "nobody knows": (["05/06/2024", "07/08/2024"], "dates as text, day or month first cannot be told: '05/06/2024'"),
    "year first": (["2024-01-31", "2024-02-01"], "dates as text"),
    "year first, strokes": (["2024/01/31", "2024/02/01"], "dates as text: '2024/01/31'"),
    "with times": (["2024-01-31T10:00:00Z", "2024-02-01T11:30:00Z"], "dates with times as text"),
    "with zones": (["2024-01-31 10:00:00+01:00", "2024-02-01 11:30:00+01:00"], "dates with times as text"),
    "with zones by name": (
        ["2024/01/05 3:45:12 PM GMT+1", "2024/01/05 4:00:00 PM GMT+1"],
        "dates with times as text: '",
    ),
    "names of months": (["15-May-2017", "16-May-2017"], "dates as text: '15-May-2017'"),
    "American": (["Jan 5, 2017", "December 16, 2018"], "dates as text: 'Jan 5, 2017'"),
    "with a weekday": (["Mon, 5 Jan 2017", "Tue, 6 Jan 2017"], "dates as text: 'Mon, 5 Jan 2017'"),
    "German": (["3. März 2017", "4. Dezember 2017"], "dates as text: '3. März 2017'"),
    "months": (["1996-04", "1996-05"], "months as text: '1996-04'"),
    "months by name": (["Jan 2020", "Feb 2020"], "months as text: 'Jan 2020'"),
    "quarters": (["2020Q1", "2020Q2"], "quarters as text: '2020Q1'"),
    "two orders": (
        ["31/01/2024", "01/31/2024", "05/05/2024"],
        "dates as text, some day first, some month first: '31/01/2024', '01/31/2024'",
    ),
    "formats": (
        ["2024-01-31", "31/01/2024", "Jan 31, 2024"],
        "dates as text, mixed formats: '2024-01-31', '31/01/2024', 'Jan 31, 2024'",
    ),
    "dates with and without times": (["2024-01-31", "2024-02-01 10:00"], "dates as text, mixed formats"),
    "dates and words": (
        ["2024-01-31", "2024-02-01", "2024-02-03", "2024-02-05", "later", "2024-02-06"],
        "dates as text, not dates: 'later' (1 time)",
    ),
    "times": (["00:03:12", "00:04:10"], "times as text: '00:03:12'"),
    "times of the day": (["7:13 PM", "11:05 AM"], "times as text: '11:05 AM'"),
    "French months": (["5 février 2024", "16 août 2023"], "dates as text: '5 février 2024'"),
    "Russian months": (["5 января 2024", "16 марта 2023"], "dates as text: '5 января 2024'"),
    "Chinese": (["2024年1月31日", "2024年12月1日"], "dates as text: '2024年12月1日'|dates as text: '2024年1月31日'"),
    "eight digits": (["20240131", "20240201", "later"], "dates as text, YYYYMMDD, not numbers: 'later' (1 time)"),
    "hours and minutes": (["1h 20m", "2h 5m", "10h 45m"], "times as text: '10h 45m'"),
    "minus behind": (["12-", "13", "14-"], "numbers as text, some with '-': '12-'"),
    "points and decimal commas": (
        ["1.5", "2,5", "3.5", "4,25"],
        "numbers as text, some with decimal commas, some with points",
    ),
    # others
    "lists": (["['a', 'b']", "[]", "['c']"], "lists as text"),
    "dicts": (["{'a': 1}", "{'b': 2}", "{}"], "dicts as text"),
    "unknown": (["red", "unknown", "blue", "unknown"], "maybe missing: 'unknown' (2 times)"),
    "question marks": (["red", "?", "blue", "green"], "maybe missing: '?' (1 time)"),
    "dashes": (["red", "-", "blue", "--"], "maybe missing: '-' (1 time), '--' (1 time)"),
    "dots": (["red", ".", "blue", "green"], "maybe missing: '.' (1 time)"),
    "n.a.": (["red", "n.a.", "blue", "N.A."], "maybe missing: 'n.a.' (1 time), 'N.A.' (1 time)"),
    "white space": (["red", " ", "blue", "green"], "maybe missing: ' ' (1 time)"),
    "faults of a workbook": (["red", "#REF!", "blue", "green"], "maybe missing: '#REF!' (1 time)"),
    "capitals": (["Yes", "yes", "No", "Yes", "No"], "differ only in case or spaces: 'Yes', 'yes'"),
    "spaces behind": (["Yes", "Yes ", "No", "No"], "differ only in case or spaces: 'Yes', 'Yes '"),
    "spaces within": (["New York", "New  York", "Rome"], "differ only in case or spaces: 'New York', 'New  York'"),
    "spaces in front": ([" Private", " State", " Private"], "spaces around all: ' Private'"),
    "some spaces": (["Private", " State", "Self"], "spaces around some: ' State'"),
}


@pytest.mark.parametrize(("values", "said"), TEXTS.values(), ids=TEXTS)
def test_how_texts_are_written_is_told_of_a_file_and_of_a_variable(values: list[str], said: str) -> None:
    told = told_of(column(*values))
    table = read_as_told(told)
    assert list(table["x"]) == values
    of_variable = describe_variable("it", table, BUDGET)
    for line in (line_of(told, "x"), line_of(of_variable, "x")):
        assert any(part in line for part in said.split("|")), line


@pytest.mark.parametrize(("values", "said"), TEXTS.values(), ids=TEXTS)
def test_objects_of_polars_are_told_by_the_same_notes(values: list[str], said: str) -> None:
    polars = pytest.importorskip("polars")
    line = line_of(describe_variable("it", polars.DataFrame({"x": values}), BUDGET), "x")
    assert any(part in line for part in said.split("|")), line


# Content, the column, what is said of it.
COLUMNS: dict[str, tuple[str, str, str]] = {
    # names
    "space in front": ("t, WINDSPEED,DIR\n1,2,3\n2,3,4\n", " WINDSPEED", "the name starts with a space"),
    "space behind": ("t,avg wait ,DIR\n1,2,3\n2,3,4\n", "avg wait ", "the name ends with a space"),
    "spaces at both ends": ("t, a ,DIR\n1,2,3\n2,3,4\n", " a ", "the name starts and ends with a space"),
    "a tab": ("t,a\t,DIR\n1,2,3\n2,3,4\n", "a\t", "the name ends with a white space"),
    "two spaces": ("t,a  b\n1,2\n2,3\n", "a  b", "the name has two spaces together"),
    "a hard space": ("t,a\u00a0b\n1,2\n2,3\n", "a\u00a0b", "the name has '\\xa0', no-break space"),
    "a space of no width": ("t,a\u200bb\n1,2\n2,3\n", "a\u200bb", "the name has '\\u200b', zero width space"),
    "a dash": ("t,2019\u201320\n1,2\n2,3\n", "2019\u201320", "the name has '\\u2013', en dash"),
    "a curly quote": ("t,men\u2019s\n1,2\n2,3\n", "men\u2019s", "the name has '\\u2019', right single quotation mark"),
    "a line end": ('t,"a\nb"\n1,2\n2,3\n', "a\nb", "the name has a line end"),
    "Cyrillic": ("t,\u0410ge\n1,2\n2,3\n", "\u0410ge", "the name has letters of two alphabets"),
    "white space only": ('t," "\n1,2\n2,3\n', " ", "the name is white space"),
    "capitals": ("Name,name\n1,x\n2,y\n", "name", "differs from 'Name' only in case or spaces"),
    "no name": (",a\n0,5\n1,6\n", "Unnamed: 0", "the file has no name for it"),
    # the same twice
    "a name twice": ("a,b,a\n1,2,3\n4,5,6\n", "a.1", "'a' in the file, the same name as column 1"),
    "a name three times": ("a,a,a\n1,2,3\n4,5,6\n", "a.2", "'a' in the file, the same name as column 1"),
    "a name with a number": ("b,a.1,a,a\n1,2,3,4\n", "a.2", "'a' in the file, the same name as column 3"),
    "values twice": ("a,b,c\n1,2,1\n4,5,4\n7,8,7\n", "c", "the same values as 'a'"),
    "texts twice": ("a,b,c\nx,2,x\ny,5,y\nz,8,z\n", "c", "the same values as 'a'"),
    "values and gaps twice": ("a,c\n1,1\n,\n3,3\n4,4\n", "c", "the same values as 'a'"),
    # nothing in it
    "constant text": ("a,b\nx,1\nx,2\nx,3\n", "a", "constant: 'x'"),
    "constant number": ("a,b\n7,1\n7,2\n", "a", "constant: 7"),
    "constant truth": ("a,b\nTrue,1\nTrue,2\n", "a", "constant: True"),
    "constant date": ("a,b\n2024-01-31,1\n2024-01-31,2\n", "a", "constant: '2024-01-31'"),
    "constant code": ("a,b\n007,1\n007,2\n", "a", "constant: '007'"),
    "empty": ("a,b\n,1\n,2\n,3\n", "a", "empty"),
    "empty of words": ("a,b\nNA,1\nn/a,2\n,3\n", "a", "empty"),
    "empty behind": ("a,b,\n1,2,\n2,3,\n", "Unnamed: 2", "empty"),
    "empty of dashes": ("a,b\n-,1\n-,2\n", "a", "constant: '-'"),
    # units
    "unit in parentheses": ("mass (g),b\n1.5,1\n2.5,2\n", "mass (g)", "unit g"),
    "unit in brackets": ("v [km/h],b\n1.5,1\n2.5,2\n", "v [km/h]", "unit km/h"),
    "unit behind": ("height_cm,b\n150,1\n170,2\n", "height_cm", "unit cm"),
    "unit in capitals": ("DBH_CM,b\n2.5,1\n7.5,2\n", "DBH_CM", "unit CM"),
    "unit in a camel": ("heightCm,b\n150,1\n170,2\n", "heightCm", "unit Cm"),
    "money": ("damage_USD,b\n150,1\n170,2\n", "damage_USD", "unit USD"),
    "sign of money": ("price (€),b\n150,1\n170,2\n", "price (€)", "unit €"),
    "per cent": ("share (%),b\n15,1\n70,2\n", "share (%)", "unit %"),
    "parts of one": ("share_pct,b\n0.15,1\n0.7,2\n", "share_pct", "unit pct, as parts of 1"),
    "Fahrenheit": ("TMAX_F,b\n15,1\n70,2\n", "TMAX_F", "unit F"),
    # numbers that are something else
    "dates as numbers": ("d,b\n20240131,1\n20240201,2\n20240315,3\n", "d", "dates as numbers, YYYYMMDD"),
    "-999": ("t,b\n12.5,1\n-999,2\n13,3\n-999,4\n15,5\n11,6\n", "t", "maybe missing: -999.0 (2 times)"),
    "-99": ("t,b\n1,1\n-99,2\n3,3\n-99,4\n5,5\n7,6\n", "t", "maybe missing: -99 (2 times)"),
    "9999": ("t,b\n1,1\n9999,2\n3,3\n9999,4\n5,5\n7,6\n", "t", "maybe missing: 9999 (2 times)"),
    "-999.25": ("t,b\n1.5,1\n-999.25,2\n3,3\n-999.25,4\n5,5\n7,6\n", "t", "maybe missing: -999.25 (2 times)"),
    "two of them": ("t,b\n1,1\n-999,2\n3,3\n-999,4\n5,5\n999,6\n999,7\n", "t", "-999 (2 times), 999 (2 times)"),
    # categories
    "categories": ("c,n\n" + "".join(f"k{n % 9},{n}.5\n" for n in range(90)), "c", "9 values 'k0', 'k1', 'k2'"),
    "categories of words": (
        "c,n\n" + "".join(f"{('N', 'NO', 'O', 'SO', 'S', 'SW', 'W', 'NW')[n % 8]},{n}.5\n" for n in range(40)),
        "c",
        "8 values 'N', 'NO', 'O', 'SO', 'S', 'SW', 'W', 'NW'",
    ),
    "categories late": (
        "c,n\n" + "".join(f"{'ab'[n % 2]},{n}.5\n" for n in range(2_000)) + "z,1\n",
        "c",
        "values 'a', 'b', 'z'",
    ),
}


@pytest.mark.parametrize(("content", "name", "said"), COLUMNS.values(), ids=COLUMNS)
def test_what_is_odd_about_a_column_is_told(content: str, name: str, said: str) -> None:
    told = told_of(content)
    assert name in read_as_told(told).columns
    assert said in line_of(told, name)


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [case for case in COLUMNS.values() if "in the file, the same name" not in case[2]],
    ids=[key for key, case in COLUMNS.items() if "in the file, the same name" not in case[2]],
)
def test_what_is_odd_about_a_column_is_told_of_a_variable(content: str, name: str, said: str) -> None:
    table = read_as_told(told_of(content))
    assert said in line_of(describe_variable("it", table, BUDGET), name)


def test_columns_of_one_name_are_told_apart_in_a_variable() -> None:
    table = pandas.DataFrame([[1, 2, 3]] * 2, columns=["a", "b", "a"])
    told = describe_variable("it", table, BUDGET).splitlines()
    assert told[3].startswith("- 'a': ")
    assert told[3].endswith(", the same name as column 1")


# Content, what the call has, the names that it gives, the kinds.
CALLS: dict[str, tuple[str, list[str], list[str], str]] = {
    "title and empty cells": (
        "My report,,,\nname,age,city,score\nann,3,Rome,4.5\nbob,4,Oslo,5.5\n",
        ["skiprows=1", "The names of the columns are in line 2."],
        ["name", "age", "city", "score"],
        "titf",
    ),
    "two titles": (
        "My report,,\nof 2024,,\nname,age,city\nann,3,Rome\nbob,4,Oslo\n",
        ["skiprows=2", "in line 3."],
        ["name", "age", "city"],
        "tit",
    ),
    "empty cells above": (
        ",,,\nname,a,b,c\nann,3,1,4.5\nbob,4,2,5.5\n",
        ["skiprows=1"],
        ["name", "a", "b", "c"],
        "tiif",
    ),
    "title and an empty line": (
        "Sales\n\nregion,q1,q2\nN,1,2\nS,3,4\n",
        ["skiprows=2", "in line 3."],
        ["region", "q1", "q2"],
        "tii",
    ),
    "comments": ("# by us\nx,y,z\n1,2,3\n4,5,6\n", ["skiprows=1", "in line 2."], ["x", "y", "z"], "iii"),
    "no header": ("1,2.5,a\n4,5.5,b\n7,8.5,c\n", ["header=None", "It has no line with names of columns."], [], "ift"),
    "units below": (
        "name,mass,height\n,kg,cm\nann,60,170\nbob,80,180\ncat,70,175\n",
        ["skiprows=[1]", "The line below the names has units: '', 'kg', 'cm'."],
        ["name", "mass", "height"],
        "tii",
    ),
    "units below, in brackets": (
        "t;v\n[s];[m/s]\n0,5;1,5\n1,0;2,5\n1,5;3,5\n",
        ["skiprows=[1]", "'[s]', '[m/s]'", "decimal=','"],
        ["t", "v"],
        "ff",
    ),
    "units below a title": (
        "Report,,\nname,mass,height\n,kg,cm\nann,60,170\nbob,80,180\ncat,70,175\n",
        ["skiprows=[0, 2]", "in line 2."],
        ["name", "mass", "height"],
        "tii",
    ),
    "question marks": ("hp,n\n130,1\n?,2\n150,3\n", ["na_values=['?']", "'?' is read as missing"], ["hp"], "fi"),
    "dashes": ("hp,n\n130,1\n--,2\n150,3\n", ["na_values=['--']", "'--' is read as missing"], ["hp"], "fi"),
    "two dots": ("hp,n\n130,1\n..,2\n150,3\n", ["na_values=['..']"], ["hp"], "fi"),
    "words": ("hp,n\n130,1\nMissing,2\n150,3\n", ["na_values=['Missing']"], ["hp"], "fi"),
    "signs of two kinds": ("hp,n\n130,1\n?,2\n150,3\n-,4\n", ["na_values=['-', '?']"], ["hp"], "fi"),
    "a sign that words have, too": (
        "hp,c\n130,a\n-,b\n150,-\n160,d\n",
        ["na_values={'hp': ['-']}", "maybe missing: '-' (1 time)"],
        ["hp", "c"],
        "ft",
    ),
    "thousands and a sign": (
        'pop,n\n"5,350,380",1\n"737,438",2\nn.a.,3\n',
        ["thousands=','", "na_values=['n.a.']"],
        ["pop"],
        "fi",
    ),
    "decimal commas and a sign": (
        "a;b\n1;1.234,5\n2;?\n3;12,5\n",
        ["decimal=','", "na_values=['?']"],
        ["a", "b"],
        "if",
    ),
    "codes and a sign": (
        "zip,hp\n01234,1\n10115,?\n",
        ["na_values=['?']", "dtype={'zip': 'str'}"],
        ["zip", "hp"],
        "tf",
    ),
    "years as names below a title": (
        "Table 1,,\n(thousands),,\n,,\ncountry,2019,2020\nA,1,2\nB,2,3\nC,3,4\n",
        ["skiprows=3", "in line 4."],
        ["country", "2019", "2020"],
        "tii",
    ),
    "a second line of names": (
        "region,2019,,2020,\n,q1,q2,q1,q2\nN,1,2,3,4\nS,5,6,7,8\nE,9,1,2,3\n",
        ["The first row has words where all others have numbers: 'q1', 'q2', 'q1', 'q2'."],
        ["region", "2019"],
        "ttttt",
    ),
    "codes of countries": (
        "c,n\nDE,1\nFR,2\nNA,3\nZA,4\n",
        ["'NA' is read as missing (not with keep_default_na=False)"],
        ["c", "n"],
        "ti",
    ),
    "statements above": (
        (
            '"Source","Indicators",\n\n"Updated","2024-01-01",\n\n"Country","Code","2019 [Y]","2020 [Y]"\n'
            "Aruba,ABW,..,1.5\nAfrica,AFE,2.5,..\nAngola,AGO,3.5,4.5\n"
        ),
        ["skiprows=4", "na_values=['..']", "in line 5."],
        ["Country", "Code"],
        "ttff",
    ),
    "thousands beside gaps": (
        'a,b\n"5,350,380",512\n"3,109,630",491\n"2,395,471",N/A\n',
        ["('a.csv', thousands=',')"],
        ["a", "b"],
        "if",
    ),
    "tildes": ("a~b~c\n1~2~x\n4~5~y\n", ["sep='~'"], ["a", "b", "c"], "iit"),
    "carets": ("a^b^c\n1^2,5^x\n4^5,5^y\n", ["sep='^'", "decimal=','"], ["a", "b", "c"], "ift"),
    "fields of commas in quotes": (
        'key,n\n"1,200 zz",0.5\n"3,400 zz",1.5\n"5,600 zz",2.5\n',
        ["('a.csv')"],
        ["key", "n"],
        "tf",
    ),
    "colours": ("c,n\n#ff0000,1\n#00ff00,2\n#0000ff,3\n", ["('a.csv')"], ["c", "n"], "ti"),
}


@pytest.mark.parametrize(("content", "said", "names", "kinds"), CALLS.values(), ids=CALLS)
def test_the_call_reads_the_table_rightly(content: str, said: list[str], names: list[str], kinds: str) -> None:
    told = told_of(content)
    table = read_as_told(told)
    assert all(part in told for part in said), told
    assert list(table.columns)[: len(names)] == names
    assert "".join(dtype.kind if dtype.kind in "if" else "t" for dtype in table.dtypes) == kinds


def rows(form: str, count: int = 30) -> str:
    return "".join(form.format(n=n, m=n % 5, s="SMLXQ"[n % 5], half=n * 1.5) + "\n" for n in range(count))


EVERYDAY = {
    "people": "name,age,city\n" + rows("Person {n},{n},City{m}"),
    "sizes": "sku,size,stock\n" + rows("A{n:03},{s},{half}"),
    "blood": "p,blood\np1,A+\np2,O-\np3,B+\np4,AB-\n",
    "grades": "s,grade\ns1,A\ns2,A-\ns3,B+\ns4,C\n",
    "ages": "group,n\n18-24,1\n25-34,2\n35-44,3\n45-54,4\n",
    "addresses of hosts": "ip,hits\n" + rows("10.0.{n}.{m},{half}"),
    "versions": "version,n\n" + rows("{m}.{n}.{m},{half}"),
    "phones": "phone,n\n" + rows("+49 30 1{n:03}5{m},{half}"),
    "American phones": "phone,n\n" + rows("(555) 1{n:02}-2{n:03},{half}"),
    "addresses": "address,n\n" + rows("{n} Main Street,{half}"),
    "seats": "seat,n\n1A,1\n2B,2\n3C,3\n4D,4\n5E,5\n",
    "books": "isbn,n\n" + rows("978-3-16-14{n:03}-{m},{half}"),
    "links": "url,n\n" + rows("https://example.org/{n},{half}"),
    "mail": "email,n\n" + rows("a{n}@example.org,{half}"),
    "years": "year,month,day\n" + "".join(f"{2000 + n},{n % 12 + 1},{n % 28 + 1}\n" for n in range(30)),
    "numbers of eight digits": "id,n\n" + "".join(f"{20001300 + n * 7},{n}.5\n" for n in range(30)),
    "prices": "item,price,qty\n" + rows("i{n},{n}.99,{half}"),
    "temperatures": "station,temp\n" + rows("st{n},-{half}"),
    "flags": "id,active\n" + "".join(f"{n},{bool(n % 2)}\n" for n in range(30)),
    "sentences": "id,text\n" + rows('{half},"{n} apples, and more"'),
    "chess": "id,result\n1,1-0\n2,0-1\n3,1/2-1/2\n4,1-0\n",
    "gaps": "a,b\n" + "".join(f"{n if n % 3 else ''},x{n}\n" for n in range(30)),
    "letters of Greece": "\u03b1,\u03b2\n1,0.5\n2,1.5\n",
    "umlauts": "Größe,Straße\n1,Weg 1\n2,Weg 2\n",
    "born": "birth_year,temp_min,temp_max,second\n" + "".join(f"{1950 + n},{n},{n + 9},{n * 2}\n" for n in range(30)),
    "classes": "cls,n\n1st,1\n2nd,2\n3rd,3\n1st,4\n",
    "old people": "age,n\n" + "".join(f"{60 + n},{n}.5\n" for n in range(40)),
    "one row": "a,b\n1,x\n",
    "formulas": "formula,n\nH2O,1\nCO2,2\nNaCl,3\nCH4,4\n",
    "screens": "resolution,n\n" + "".join(f"{1000 + n}x{700 + n},{n}.5\n" for n in range(30)),
}
NOTHING_ODD = re.compile(r"- .*: \w+, \d+ missing(, from \S+ to \S+|, (\d+ )?values .*)?")


@pytest.mark.parametrize("content", EVERYDAY.values(), ids=EVERYDAY)
def test_nothing_is_said_of_everyday_tables(content: str) -> None:
    told = told_of(content)
    lines = told.partition("\nFirst rows:")[0].splitlines()
    assert lines[1].startswith("`pandas.read_csv('a.csv')` gives")
    assert [line for line in lines[2:] if not NOTHING_ODD.fullmatch(line)] == []


# Within the budget


def test_what_many_columns_have_in_common_is_told_once() -> None:
    told = told_of(f"t,{','.join(f' c{n}' for n in range(9))}\n{','.join('1' * 10)}\n{','.join('2' * 10)}\n")
    assert told.count("the name starts with a space") == 1
    assert "In 9 columns, the name starts with a space." in told


def test_numbered_columns_of_a_wide_table_are_told_by_the_first() -> None:
    names = ",".join(["id", *(f"week {n}" for n in range(300)), "total"])
    told = told_of(f"{names}\n" + "".join(f"{','.join(str(n + row) for n in range(302))}\n" for row in range(9)), 2_000)
    assert "- 'week 0': int64, 0 missing, from 0" not in told
    assert "- and 299 more columns named and typed like it, the last 'week 299'" in told
    assert "- 'total': int64" in told
    assert "more columns\n" not in told


def test_names_of_a_wide_table_matter_more_than_ranges() -> None:
    names = [f"{letter}{other}" for letter in "abcdefghij" for other in "klmnopqrst"]
    told = told_of(f"{','.join(names)}\n" + "".join(f"{','.join([str(row)] * 100)}\n" for row in range(1, 9)), 3_500)
    assert all(f"- {name!r}: int64" in told for name in names)


def test_of_many_texts_it_is_told_how_many_were_looked_at() -> None:
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({"x": [f"{n:,}" for n in range(1_000_000, 1_005_000)]})
    assert "with thousands commas: '1,000,000' (1,667 of 5,000 looked at)" in describe_variable("it", table, BUDGET)


def test_a_word_far_down_is_found_among_numbers() -> None:
    told = told_of("x,n\n" + "".join(f"{n},{n}\n" for n in range(20_000)) + "many,1\n" + "5,5\n" * 10)
    assert "numbers as text, not numbers: 'many' (1 time)" in line_of(told, "x")


def test_a_sign_far_down_is_part_of_the_call() -> None:
    told = told_of("x,n\n" + "".join(f"{n},{n}\n" for n in range(20_000)) + "?,1\n" + "5,5\n" * 10)
    assert "na_values=['?']" in told
    assert read_as_told(told)["x"].isna().sum() == 1


def test_examples_are_no_keys() -> None:
    told = told_of(column("token=12, 13", "token=14, 15", "token=16, 17"))
    assert "12, 13" not in told
    secret = told_of(column("1,200 zz", "3,400 zz", "5,600 zz", name="api_key"))
    assert "200" not in secret.partition("\n")[2]
    assert line_of(secret, "api_key").endswith("values <not shown>")


def test_types_that_are_mixed_are_counted() -> None:
    table = pandas.DataFrame({"a": pandas.Series([1, "x", 2.5, "y"], dtype=object)})
    assert "mixed types: 2 str, 1 int, 1 float" in describe_variable("it", table, BUDGET)


def test_a_name_of_a_series_is_told_as_that_of_a_column() -> None:
    assert "the name ends with a space" in describe_variable("it", pandas.Series([1, 2], name="a "), BUDGET)


def test_the_notes_are_the_same_without_pandas() -> None:
    Path("a.csv").write_text('" t",pop,d,c\n1,"about 5",31.12.2024,x\n2,"5,350,380",01.02.2024,x\n3,"1,200",,x\n')
    call = description_of("describe", "'a.csv'", str(BUDGET))
    code = f"import sys; sys.modules['pandas'] = None; print({call})"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert line_of(done.stdout, " t").endswith("the name starts with a space")
    assert "numbers as text, with thousands commas: '5,350,380', not numbers: 'about 5'" in line_of(done.stdout, "pop")
    assert "dates as text, day first: '31.12.2024'" in line_of(done.stdout, "d")
    assert "constant: 'x'" in line_of(done.stdout, "c")


# Any text

texts = st.text(max_size=20) | st.from_regex(
    r"[(+\-]?[$€]?\d{0,3}([.,' ]\d{3}){0,2}([.,]\d+)?[%a-z]{0,3}\)?", fullmatch=True
)


@settings(max_examples=200)
@given(st.dictionaries(texts, st.integers(1, 9), max_size=8))
def test_of_any_texts_the_notes_are_short(counts: dict[str, int]) -> None:
    notes = notes_on_texts(counts)
    assert sum(map(len, notes)) < 500


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=9))
def test_integers_with_commas_are_numbers_with_commas(numbers: list[int]) -> None:
    [note] = notes_on_texts({f"{number:,}": 1 for number in numbers})
    assert ("with thousands commas" in note) == any(abs(number) >= 1_000 for number in numbers)


@given(st.lists(st.dates(), min_size=1, max_size=9))
def test_dates_are_dates_however_they_are_written(dates: list[Any]) -> None:
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d %B %Y"):
        written = [f"{date:{form}}".replace(f"{date.year}", f"{date.year:04}") for date in dates if date.year > 999]
        if written:
            [note] = notes_on_texts(dict.fromkeys(written, 1))
            assert note.startswith("dates as text")
            first = {"%d.%m.%Y": "month first", "%m/%d/%Y": "day first"}.get(form, "first:")
            assert f", {first}" not in note
