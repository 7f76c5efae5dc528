"""A table, series or array whose name stands in the task comes along; nothing else does."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from codeagent_nb.events import VariableEvent
from codeagent_nb.notebook import attaching
from codeagent_nb.notebook.attaching import named_in
from codeagent_nb.text import brought_note

TABLE = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
NOTEBOOK: dict[str, Any] = {
    "df": TABLE,
    "sales_2024": pl.DataFrame({"a": [1]}),
    "größen": pa.table({"a": [1]}),
    "_df": TABLE,
    "We": TABLE,
    "re": TABLE,
    "don": TABLE,
    "page": TABLE,
    "example": TABLE,
    "x": TABLE,
    "_": TABLE,
    "_1": TABLE,
    "wide": pl.DataFrame({str(number): [1] for number in range(1_001)}),
    "addresses": pl.DataFrame({"a": [object()]}),
    "objects": pd.DataFrame({"a": [object()]}),
    "array": np.zeros(3),
    "flags": np.array([object()]),
    "masses": pd.Series([1.5, 2.5], name="mass"),
    "pd": pd,
    "mean": np.mean,
    "text": "df",
}


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("clean df please", ["df"]),
        ("Clean df.", ["df"]),
        ("Is df, or sales_2024, larger?", ["df", "sales_2024"]),
        ("Plot the `df`!", ["df"]),
        ("Wie sind die größen verteilt? (df)", ["größen", "df"]),
        ("df: how many rows? And df again.", ["df"]),
        ("What is the mean of the array, with pd?", ["array"]),
        ("Plot masses and flags", ["masses"]),
        ("x is a table, and so is _ or _1", []),
        ("Read df.csv, src/df and df/part", []),
        ("df.head() and df.columns, please", ["df"]),
        ("Show df's rows; the df-Tabelle; **df**; _df", ["df", "_df"]),
        ("请分析df的数据", ["df"]),
        ("df を掃除して", ["df"]),
        ("Write to df@example.com, see https://example.com/page?df=1#df", []),
        ("We're done; don't look", []),
        ("Read df*.csv", []),
        ("dfs, my_df and df2 are other names", []),
        ("Use objects, addresses, wide and text", []),
        ("Copy @{df}", []),
        ("Explain:\n```python\ndf.head()\n```", []),
        ("", []),
    ],
)
def test_tables_that_are_named_as_whole_words_are_found(task: str, names: list[str]) -> None:
    assert list(named_in(task, NOTEBOOK)) == names


def test_of_a_value_that_only_looks_like_a_table_no_code_is_run() -> None:
    class DataFrame:
        @property
        def __class__(self) -> type:  # type: ignore[override]
            raise ZeroDivisionError

        def __getattr__(self, name: str) -> Any:
            raise ZeroDivisionError

    DataFrame.__module__ = "polars.dataframe.frame"
    assert named_in("Plot df, or df.width", {"df": DataFrame()}) == {}


def test_what_comes_anyway_is_not_found_again() -> None:
    assert named_in("Join df and sales_2024", NOTEBOOK, ["df"]).keys() == {"sales_2024"}


@pytest.mark.parametrize("name", ["df", "sales_2024", "größen", "array", "masses"])
def test_a_large_table_waits_until_it_is_asked_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attaching, "MOST", 1)
    assert named_in(f"Plot {name}", NOTEBOOK) == {}


@pytest.mark.parametrize(
    ("attached", "said"),
    [
        (True, "Using your `df`: a pandas.DataFrame with 2 rows"),
        (False, "The variable `df` is a pandas.DataFrame with 2 rows"),
    ],
)
def test_it_is_said_that_it_came_along(attached: bool, said: str) -> None:
    told = "The variable `df` is a pandas.DataFrame with 2 rows:\n- 'a'"
    event = VariableEvent(source="notebook", name="df", code="df = 1", description=told, attached=attached)
    assert brought_note(event) == said
