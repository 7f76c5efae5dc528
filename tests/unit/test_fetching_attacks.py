"""Parcels that want to harm whoever reads them are refused, each with a reason; nothing in them runs."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from kernel_executor.fetching.checking import check
from kernel_executor.fetching.parcel import Malformed
from kernel_executor.fetching.values import NotHere, TooMuch
from tests.support.hostile_parcels import HOSTILE
from tests.support.values import frames, parcel_of, read

MOST = 100_000_000


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_it_is_refused(make: Callable[[str], bytes], tmp_path: Path) -> None:
    marker = tmp_path / "it-ran"
    parcel = make(str(marker))
    refused = check(memoryview(parcel), MOST)
    if not refused:  # what only the library at home can tell
        with pytest.raises((Malformed, TooMuch, NotHere)) as said:
            read(parcel)
        refused = str(said.value)
    assert refused
    assert not marker.exists()


@given(frames(), st.data())
def test_a_parcel_with_changed_bytes_is_refused_or_read_and_never_more(table: object, data: st.DataObject) -> None:
    parcel = bytearray(parcel_of(table))
    for _ in range(data.draw(st.integers(1, 20))):
        parcel[data.draw(st.integers(0, len(parcel) - 1))] = data.draw(st.integers(0, 255))
    if not check(memoryview(parcel), MOST):
        with suppress(Malformed, TooMuch, NotHere):
            read(bytes(parcel))
