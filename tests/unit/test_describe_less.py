"""Descriptions below rows: names, types, sizes; at statistics counts and ranges. No text of the data is in any."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from codeagent_nb.describing.asking import description_of, told
from codeagent_nb.describing.describe_less import describe_less, describe_variable_less
from tests.support.canaries import KINDS, Canaries, found_in

LEVELS = ("statistics", "schema")


@pytest.fixture
def canaries() -> Canaries:
    return Canaries(11)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("number", range(len(KINDS)), ids=KINDS)
def test_no_value_of_a_file_is_in_it(
    level: str, number: int, canaries: Canaries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = canaries.file(tmp_path, number)
    monkeypatch.chdir(tmp_path)
    text = describe_less(file.name, 2_000, level)
    assert found_in([text], canaries.texts | canaries.others) == set()
    assert all(f"'{name}': " in text for name in ("name", "group", "amount", "share", "day", "code"))
    assert ("missing" in text) == (level == "statistics")


@pytest.mark.parametrize("level", LEVELS)
def test_no_value_of_a_database_is_in_it(
    level: str, canaries: Canaries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canaries.database(tmp_path, "all", 3)
    monkeypatch.chdir(tmp_path)
    text = describe_less("all.db", 2_000, level)
    assert found_in([text], canaries.texts | canaries.others) == set()
    assert "'table2': 'name' TEXT" in text


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("keys.json", json.dumps({"Kx7Qz91aa": 1, "Pq8VwTr": ["Kx7Qz91aa"]})),
        ("words.txt", "Kx7Qz91aa is here\n"),
        ("broken.parquet", "PAR1Kx7Qz91aa"),
        ("broken.json", '{"Kx7Qz91aa'),
        ("list.json", '["Kx7Qz91aa"]'),
        ("bytes.bin", "\x00\x01Kx7Qz91aa"),
        ("empty.csv", ""),
    ],
)
def test_of_what_is_no_table_no_content_is_told(
    level: str, name: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    text = describe_less(name, 2_000, level)
    assert "Kx7Qz" not in text
    assert "Pq8Vw" not in text
    assert text.startswith(f"File '{name}' ({len(content)} bytes) is in the working folder.\n")


def test_ranges_are_rounded_and_of_few_values_none_is_told() -> None:
    many = pd.DataFrame({"amount": [123_456_789 + at for at in range(10)]})
    assert "from 1.235e+08 to 1.235e+08" in describe_variable_less("v", many, 1_000, "statistics")
    assert "1.235" not in describe_variable_less("v", many.head(2), 1_000, "statistics")
    assert "from" not in describe_variable_less("v", many, 1_000, "schema")


@pytest.mark.parametrize("level", LEVELS)
def test_no_value_of_a_variable_is_in_it(level: str, canaries: Canaries) -> None:
    table = canaries.table()
    by_name = table.set_index("name")
    values: list[Any] = [
        *(table, table["name"], by_name, by_name["group"], table.to_numpy(), table.to_dict("list"), str(table)),
        *(table.astype({"group": "category"}), list(table["name"]), {*table["name"]}, table.to_csv().encode(), None),
    ]
    texts = [describe_variable_less("v", value, 2_000, level) for value in values]
    assert found_in(texts, canaries.texts | canaries.others) == set()
    assert texts[0].startswith("The variable `v` is a pandas.DataFrame with 6 rows and 6 columns:\n- 'name': str")


@pytest.mark.parametrize("value", [3, 2.5, True])
def test_a_number_is_told_at_statistics_only(value: object) -> None:
    assert repr(value) in describe_variable_less("v", value, 1_000, "statistics")
    assert repr(value) not in describe_variable_less("v", value, 1_000, "schema")


def test_nothing_of_an_objects_own_is_run() -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise AssertionError("it was asked")

        @property
        def shape(self) -> str:
            raise AssertionError("it was asked")

    assert describe_variable_less("v", Hostile(), 1_000, "statistics") == "The variable `v` is an object."


def test_it_runs_where_none_of_our_packages_is(
    canaries: Canaries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = canaries.file(tmp_path, 0)
    monkeypatch.chdir(tmp_path)
    expression = description_of("describe_less", repr(file.name), "2000", "'schema'")
    assert not re.search(r"from codeagent_nb|import codeagent_nb", expression)
    said = told(repr(eval(expression)), 2_000)
    assert said == describe_less(file.name, 2_000, "schema")
