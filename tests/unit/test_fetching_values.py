"""Values come home as they were: their types, and every bit of them. Packed, checked and read, without a kernel."""

import collections
import enum
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from PIL import Image

from kernel_executor.fetching.pictures import Picture
from kernel_executor.in_kernel.packing import Refused, TooLarge
from tests.support.values import COLUMNS, INDEXES, VALUES, frames, home, parcel_of, same


@given(VALUES)
def test_values_come_home_as_they_were(value: Any) -> None:
    assert same(value, home(value))


@given(frames())
def test_tables_come_home_as_they_were(table: pd.DataFrame) -> None:
    assert same(table, home(table))


@given(COLUMNS, INDEXES)
def test_columns_and_indexes_come_home_as_they_were(column: Any, index: pd.Index) -> None:
    series = pd.Series(column).set_axis(index).rename("name")
    assert same(series, home(series))
    assert same(index, home(index))
    assert same(series.array, home(series.array))


def test_a_table_is_the_users_own_and_can_be_changed() -> None:
    table = home(pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [True, False]}))
    table.loc[0, "a"] = 5
    table["c"] &= False
    table["d"] = table["a"] * 2
    assert table.iloc[0].tolist() == [5, "x", False, 10]
    array = home(np.zeros(3))
    array[0] = 1
    assert array.tolist() == [1, 0, 0]


POLARS = {
    "numbers": [1, None, 3],
    "texts": ["a", None, "ä"],
    "lists": [[1], [], None],
    "records": [{"a": 1, "b": "x"}, {"a": None, "b": "y"}, None],
    "days": [date(2024, 1, 1), None, date(1800, 1, 1)],
    "times": [time(1, 2, 3), None, time(0)],
    "spans": [timedelta(1), None, timedelta(0)],
    "money": [Decimal("1.10"), None, Decimal("2.00")],
    "bytes": [b"a", None, b""],
    "nothing": [None, None, None],
    "flags": [True, None, False],
}


def test_tables_of_polars_and_arrow_come_home_as_they_were() -> None:
    table = pl.DataFrame(POLARS).with_columns(
        pl.Series("kinds", ["x", "y", None], dtype=pl.Categorical),
        pl.Series("sizes", ["S", "L", None], dtype=pl.Enum(["S", "L", "unused"])),
        pl.Series("moments", [1, None, 3], dtype=pl.Datetime("us", "Europe/Berlin")),
        pl.Series("pairs", [[1, 2], None, [3, 4]], dtype=pl.Array(pl.Int8, 2)),
    )
    assert same(table, home(table))
    assert all(same(column, home(column)) for column in table.get_columns())
    arrow = pa.table({"a": [1, 2], "b": pa.array(["x", "y"]).dictionary_encode(), "c": [[1], None]})
    assert same(arrow, home(arrow))
    assert same(arrow["c"], home(arrow["c"]))


def test_a_tables_metadata_stays_behind() -> None:
    table = pd.DataFrame({"a": [1]})
    table.attrs["note"] = "attrs"
    assert home(table).attrs == {}
    arrow = pa.table({"a": [1]}).replace_schema_metadata({"note": "schema"})
    assert home(arrow).schema.metadata is None


def test_a_dict_of_tables_comes_whole() -> None:
    value = {"train": pd.DataFrame({"a": [1.5]}), "test": [pl.DataFrame({"b": [2]}), (np.arange(3), None)]}
    assert same(value, home(value))


def test_an_image_comes_by_its_pixels_and_a_figure_as_a_picture() -> None:
    image = Image.effect_noise((7, 5), 50).convert("RGBA")
    assert home(image).tobytes() == image.tobytes()
    assert home(Image.new("1", (9, 2), 1)).getpixel((8, 1)) == 255

    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([1, 2])
    picture = home(figure)
    assert isinstance(picture, Picture)
    assert picture.data.startswith(b"\x89PNG")
    assert picture._repr_mimebundle_()["image/png"]
    assert 0 < picture.height < picture.width


def test_what_makes_missing_values_of_a_dict_is_code_and_stays() -> None:
    came = home(collections.defaultdict(list, {"a": [1]}))
    assert type(came) is dict
    assert came == {"a": [1]}


class Model:
    """What a library could have fitted."""


class Colour(enum.IntEnum):
    RED = 1


class Point(NamedTuple):
    x: int


class Table(pd.DataFrame):
    """More than a table."""


def cycle() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Model(), r"`value` is a tests.*Model, which is more than data"),
        ({"best": [1, Model()]}, r"`value\['best'\]\[1\]` is a tests.*Model"),
        (pd.DataFrame({"ok": [1, 2], "fitted": [Model(), 1]}), r"`value\['fitted'\]\[0\]` is a tests.*Model"),
        (pd.Series([1, Model()], name="s"), r"`value\[1\]` is a"),
        ((each for each in ()), "`value` is a generator.*make a list"),
        (Table({"a": [1]}), "Table, which is more than data"),
        (Colour.RED, "Colour"),
        (Point(1), "Point"),
        (len, "builtin_function_or_method"),
        (Model, "type, which is code"),
        (pl.LazyFrame({"a": [1]}), r"bring `\.collect\(\)`"),
        (pl.DataFrame({"o": pl.Series([Model()], dtype=pl.Object)}), r"value\['o'\]"),
        (pa.table({"v": pa.array(["a"], pa.string_view())}), r"value\['v'\].*string_view"),
        (np.array([Model()], dtype=object), r"`value\[0\]` is a"),
        (cycle(), "values deep"),
        (pd.arrays.SparseArray([0, 1]), "Sparse"),
    ],
)
def test_what_is_more_than_data_stays_and_is_named(value: Any, said: str) -> None:
    with pytest.raises(Refused, match=said):
        parcel_of(value)


@pytest.mark.parametrize(
    "value", [np.zeros(10**6), "a" * 10**6, bytes(10**6), pd.DataFrame({"a": range(10**6)}), [0.5] * 10**6]
)
def test_what_is_larger_than_the_limit_is_not_written(value: Any) -> None:
    with pytest.raises(TooLarge):
        parcel_of(value, limit=100_000)
