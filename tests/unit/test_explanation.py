"""What is said of a failed line: to the model in about 150 tokens and without its code, to people in full."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from pydantic import TypeAdapter

from codeagent_nb.explaining.explanation import MODEL_BUDGET, for_model, for_person
from kernel_executor import BlockResult, CodeBlock, FailedLine, MissingName, SeenColumn, SeenValue
from tests.support.failed_cells import failed

TABLE = pd.DataFrame({" WINDSPEED": [1.5, 2], "YEAR": [2010, 2011], "population": ["5,350,380", "1"]})


COLUMNS = (
    "df: DataFrame of 2 rows and 3 columns: ' WINDSPEED' (float64, 1.5), 'YEAR' (int64, 2010), "
    "'population' (str, '5,350,380')"
)


def test_a_model_reads_the_error_what_is_missing_the_remedy_and_the_values() -> None:
    assert for_model(*failed("df['WINDSPEED'].mean()", df=TABLE)).splitlines() == [
        "KeyError: 'WINDSPEED'",
        "'WINDSPEED' is not in df; similar there: ' WINDSPEED'.",
        "The name has blanks in it: write ' WINDSPEED', or run `df.columns = df.columns.str.strip()` first.",
        COLUMNS,
    ]


def test_the_column_that_is_meant_comes_before_its_table() -> None:
    text = for_model(*failed("df['population'].astype(float)", df=TABLE)).splitlines()
    assert text[2] == "df['population']: Series of length 2, dtype str, values '5,350,380', '1'"
    assert text[3].startswith("df: DataFrame of 2 rows and 3 columns: 'population' (str, '5,350,380'), ")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "x: int, 5"),
        ("ab", "x: str of length 2, values 'ab'"),
        ([1, 2], "x: list of length 2, values 1, 2"),
        ({"a": 1}, "x: dict of length 1, keys 'a'"),
        (np.zeros((2, 3)), "x: ndarray of shape (2, 3), dtype float64, values 0.0, 0.0, 0.0"),
        (np, f"x: module {np.__version__}"),
        (object(), "x: object"),
        (pd.DataFrame({"a": [1]}, index=pd.Index(["u"], name="who")),
         "x: DataFrame of 1 row and 1 column, index 'who': 'a' (int64, 1)"),
        (pd.DataFrame({"a": [1]}).groupby("a"), "x: DataFrameGroupBy: 'a' (int64, 1)"),
    ],
)  # fmt: skip
def test_a_value_is_said_in_one_line(value: Any, text: str) -> None:
    assert for_model(*failed("x, 1 / 0", x=value)).splitlines()[-1] == text


def test_a_model_never_reads_its_own_line_and_a_person_does() -> None:
    code = "def share(table):\n    return table['windspeed'] / 100\nshare(df)"
    assert "/ 100" not in for_model(*failed(code, df=TABLE))
    assert "Line 2 of cell 7, in share: return table['windspeed'] / 100" in for_person(*failed(code, df=TABLE))


def test_what_does_not_fit_is_left_out_and_counted() -> None:
    wide = pd.DataFrame({f"A column with the number {number}": [number] for number in range(200)})
    names = {f"v{number}": "x" * 100 for number in range(20)}
    text = for_model(*failed(f"wide['A column with no number'], {', '.join(names)}", wide=wide, **names))
    assert len(text) <= MODEL_BUDGET
    assert "and 19" in text.splitlines()[2]
    person = for_person(*failed("wide['A column with no number']", wide=wide))
    assert 1_500 < len(person) < 4_000
    assert person.endswith("and 160 more")


def test_without_facts_the_error_and_its_remedy_are_said() -> None:
    block = BlockResult(
        block=CodeBlock("x"), status="error", exit_code=1, ename="AttributeError",
        evalue="'DataFrame' object has no attribute 'append'",
    )  # fmt: skip
    assert for_model(block, None).startswith(
        "AttributeError: 'DataFrame' object has no attribute 'append'\nIt was removed"
    )
    assert for_person(block, None) == for_model(block, None)


def test_without_an_error_nothing_is_said() -> None:
    block = BlockResult(block=CodeBlock("x"), status="timeout", exit_code=124)
    assert (for_model(block, None), for_person(block, None)) == ("", "")


def test_a_long_message_is_one_short_line() -> None:
    first = for_model(*failed("raise ValueError('a\\n' * 5_000)")).splitlines()[0]
    assert first.startswith("ValueError: a a a")
    assert len(first) <= 200


def test_what_was_seen_can_be_kept_in_a_journal() -> None:
    _, seen = failed("df['WINDSPEED']", df=TABLE)
    kept = TypeAdapter(FailedLine)
    assert kept.validate_json(kept.dump_json(seen)) == seen


TEXTS = st.text(max_size=200)
VALUES = st.builds(
    SeenValue,
    name=TEXTS,
    type=TEXTS,
    length=st.none() | st.integers(0),
    shape=st.none() | st.lists(st.integers(0), max_size=4).map(tuple),
    dtype=TEXTS,
    columns=st.lists(st.builds(SeenColumn, TEXTS, TEXTS, TEXTS), max_size=5).map(tuple),
    index=st.none() | st.lists(TEXTS, max_size=3).map(tuple),
    keys=st.lists(TEXTS, max_size=5).map(tuple),
    examples=st.lists(TEXTS, max_size=5).map(tuple),
)
MISSING = st.builds(MissingName, name=TEXTS, of=TEXTS, near=st.lists(TEXTS, max_size=5).map(tuple))
LINES = st.builds(
    FailedLine,
    error=TEXTS | st.sampled_from(["KeyError", "ValueError", "TypeError", "FileNotFoundError", "AttributeError"]),
    message=TEXTS,
    source=TEXTS,
    values=st.lists(VALUES, max_size=5).map(tuple),
    missing=st.lists(MISSING, max_size=3).map(tuple),
)


@given(LINES)
def test_whatever_code_has_made_up_is_said_within_bounds(line: FailedLine) -> None:
    block = BlockResult(block=CodeBlock("x"), status="error", exit_code=1, ename=line.error, evalue=line.message)
    assert len(for_model(block, line)) < 6 * MODEL_BUDGET + len(line.missing) * 8_000
    assert for_person(block, line)
