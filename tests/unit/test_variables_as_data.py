"""Series and arrays go into the managed kernel as data, exactly, and never as code; what cannot is told apart."""

from typing import Any

import pytest

from codeagent_nb.session.variable_files import is_data
from tests.unit.test_variables import folder, load, write

__all__ = ["folder"]

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

DAYS = pd.DatetimeIndex(["2024-01-01", "2024-01-05"])
SERIES = {
    "of numbers": pd.Series([1.5, None], name="mass"),
    "of texts": pd.Series(["a", None], index=["x", "y"]),
    "of days": pd.Series([1, 2], index=DAYS, name="values"),
    "of categories": pd.Series(["a", "b"], dtype="category", name="{values}'"),
}
ARRAYS = {
    "of integers": np.arange(6).reshape(2, 3),
    "complex": np.array([1 + 2j]),
    "of texts": np.array(["ä", "b"]),
    "of days": np.array(["2024-01-01"], "M8[D]"),
    "empty": np.zeros((0, 2)),
}


@pytest.mark.parametrize("kind", SERIES)
def test_a_series_comes_back_exactly(folder: Any, kind: str) -> None:
    written = write(folder, SERIES[kind])
    assert written.path.endswith(".arrow")
    pd.testing.assert_series_equal(load(written), SERIES[kind], check_freq=True)


@pytest.mark.parametrize("kind", ARRAYS)
def test_an_array_comes_back_exactly(folder: Any, kind: str) -> None:
    array, written = ARRAYS[kind], write(folder, ARRAYS[kind])
    loaded = load(written)
    assert written.path.endswith(".npy")
    assert "allow_pickle=False" in written.code
    assert (loaded.dtype, loaded.shape) == (array.dtype, array.shape)
    assert (loaded == array).all()


@pytest.mark.parametrize(
    "value",
    [
        np.array([object()]),
        np.zeros(2, dtype=[("a", int)]),
        np.array(1),
        np.ma.array([1]),
        pd.Series([object()]),
        pd.Series([1], name=("a", "b")),
        pd.Series([1], index=pd.period_range("2024", periods=1)),
    ],
    ids=["objects", "records", "a number", "masked", "a series of objects", "a name of two parts", "periods"],
)
def test_what_would_come_back_otherwise_goes_as_before(folder: Any, value: Any) -> None:
    assert not is_data(value)
    assert write(folder, value).path.endswith(".pickle")
