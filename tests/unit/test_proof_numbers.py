"""When two texts say the same: noise is none, a changed digit is one, and the clock is set aside."""

from datetime import UTC, datetime, timedelta

import pytest

from codeagent_nb.proof.numbers import Window, compare_texts
from codeagent_nb.volatile import settled

BEGAN = datetime(2026, 3, 4, 12, 30, 5, tzinfo=UTC)
WINDOW = Window(BEGAN, BEGAN + timedelta(seconds=20))


@pytest.mark.parametrize(
    ("saved", "now"),
    [
        ("0.30000000000000004", "0.3"),
        ("-1.1102230246251565e-16", "2.220446049250313e-16"),
        ("mean  3.1400000000000001\n", "mean 3.14\n"),
        ("[0.1 0.2]", "[0.1  0.2]"),
        ("1e-3", "0.001"),
        ("same", "same\n\n"),
    ],
)
def test_noise_and_alignment_are_no_difference(saved: str, now: str) -> None:
    assert compare_texts(saved, now, WINDOW).difference is None


@pytest.mark.parametrize(
    ("saved", "now"),
    [
        ("4207.1", "4207.2"),
        ("12345678901234567", "12345678901234568"),
        ("-5", "5"),
        ("p = 0.049", "p = 0.051"),
        ("1.000001", "1.000002"),
        ("1", "1.0"),
        ("2024-02-28", "2024-02-29"),
        ("2024-02-28 10:00:00", "2024-02-28 10:00:01"),
        ("12:00:01", "12:00:02"),
        ("1,234", "1,235"),
        ("a b", "a\nb"),
        ("two", "tow"),
        ("nan", "0.0"),
        ("3", "3\n4"),
        ("hash 0xdeadbeef", "hash 0xdeadbeee"),
        ("1 of 1796031555", "1 of 1796031556"),
    ],
)
def test_a_changed_digit_is_a_difference_however_small(saved: str, now: str) -> None:
    assert compare_texts(settled(saved), settled(now), WINDOW).difference is not None


@pytest.mark.parametrize(
    ("saved", "now"),
    [
        ("2026-03-01 09:00:00", "2026-03-04 12:30:10"),
        ("2026-03-01T09:00:00.123456", "2026-03-04T12:30:10.654321"),
        ("today 2026-03-01", "today 2026-03-04"),
        (f"at {BEGAN.timestamp() - 1e6}", f"at {BEGAN.timestamp() + 3}"),
        (f"ms {int(BEGAN.timestamp() * 1000) - 10**9}", f"ms {int(BEGAN.timestamp() * 1000) + 5}"),
        ("[09:00:00] ready", "[12:30:10] ready"),
    ],
)
def test_a_reading_of_the_clock_is_set_aside_and_counted(saved: str, now: str) -> None:
    done = compare_texts(saved, now, WINDOW)
    assert (done.difference, done.clock) == (None, 1)


def test_a_date_that_was_computed_is_compared_though_it_was_now_when_it_was_saved() -> None:
    assert compare_texts("2026-03-04 12:30:10", "2025-03-04 12:30:10", WINDOW).difference is not None


def test_the_difference_is_shown_with_its_line_only() -> None:
    found = compare_texts("a 1\nsum 42 EUR\nb", "a 1\nsum 43 EUR\nb", WINDOW).difference
    assert found
    assert (found.saved, found.now, found.is_number) == ("sum 42 EUR", "sum 43 EUR", True)
