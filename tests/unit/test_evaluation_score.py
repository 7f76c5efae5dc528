"""The strict score, the causes, and what can be said of few questions."""

import pytest

from tests.evaluation.causes import Ended, cause_of
from tests.evaluation.proportions import mcnemar, wilson
from tests.evaluation.scoring import is_right, is_same, tags


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@mean[34.65]", {"mean": "34.65"}),
        ("The @mean[1] and\n@std_dev[ 2 ].", {"mean": "1", "std_dev": " 2 "}),
        ("@a[1] ... @a[2]", {"a": "2"}),
        ("```text\n@a[1]\n```", {"a": "1"}),
        ("@a[]", {"a": ""}),
        ("@a[[1, 2]]", {"a": "[1, 2"}),
        ("@a[1\n2]", {}),
        ("@a [1] a[1] @[1] @a(1)", {}),
        ("@größe[1]", {"größe": "1"}),
        ("", {}),
    ],
)
def test_tags(text: str, found: dict[str, str]) -> None:
    assert tags(text) == found


@pytest.mark.parametrize(
    ("given", "wanted", "right"),
    [
        ("1", "1", True),
        ("1.0", "1", True),
        (" 1 ", "1", True),
        ("0.50", ".5", True),
        ("1e3", "1000", True),
        ("1.0000001", "1", True),
        ("1.001", "1", False),
        ("nan", "nan", True),
        ("nan", "1", False),
        ("inf", "inf", True),
        ("yes", "yes", True),
        ("Yes", "yes", False),
        ("1,000", "1000", False),
        ("5%", "5", False),
        ("", "", True),
        (None, "", False),
    ],
)
def test_a_value_is_the_same_text_or_number(given: str | None, wanted: str, right: bool) -> None:
    assert is_same(given, wanted) is right


def test_all_values_must_be_there_and_more_do_no_harm() -> None:
    wanted = {"a": "1", "b": "x"}
    assert is_right({"a": "1.0", "b": "x", "c": "?"}, wanted)
    assert not is_right({"a": "1"}, wanted)
    assert not is_right({"A": "1", "b": "x"}, wanted)


@pytest.mark.parametrize(
    ("wanted", "ended", "cause"),
    [
        ({"a": "1"}, Ended(words="@a[1]"), "right"),
        ({"a": "1"}, Ended(words="@a[1]", ran=False), "right"),
        ({"a": "1"}, Ended(words="@a[1]", failed=True), "right"),
        ({"a": "1"}, Ended(words="@a[1]", fault="no answer within 240 s"), "fault"),
        ({"a": "1"}, Ended(words="It is 1.", ran=False), "no code"),
        ({"a": "1"}, Ended(words="It failed.", printed="NameError", failed=True), "error"),
        ({"a": "34.65"}, Ended(words="The mean is 34.6543."), "form"),
        ({"a": "34.65"}, Ended(words="Done.", printed="mean 34.65"), "form"),
        ({"a": "34.65"}, Ended(words="@a[34.65 USD]"), "form"),
        ({"a": "34.65"}, Ended(words="@a[34.7]", printed="34.65"), "wrong value"),
        ({"a": "34.65"}, Ended(words="@a[mean_fare], that is 34.65"), "form"),
        ({"a": "34.65"}, Ended(words="@b[34.65]"), "form"),
        ({"a": "1234.5"}, Ended(words="It is 1,234.5"), "form"),
        ({"a": "yes"}, Ended(words='@a["Yes"]'), "form"),
        ({"a": "no"}, Ended(words="@a[yes]", printed="no"), "wrong value"),
        ({"a": "no"}, Ended(words="Nothing is known."), "no answer"),
        ({"a": "Saudi Arabia"}, Ended(words="It is saudi\narabia."), "form"),
        ({"a": "7"}, Ended(words="There are 17 of 7.5"), "no answer"),
        ({"a": "1", "b": "2"}, Ended(words="@a[1]", printed="1 and 3"), "wrong value"),
        ({"a": "1", "b": "2"}, Ended(words="@a[1]", printed="1 and 2"), "form"),
        ({"a": "-0.5"}, Ended(words="It is 0.5"), "no answer"),
        ({"a": "1"}, Ended(), "no answer"),
    ],
)
def test_causes(wanted: dict[str, str], ended: Ended, cause: str) -> None:
    assert cause_of(wanted, ended) == cause


def test_the_interval_of_a_share() -> None:
    assert wilson(27, 60) == pytest.approx((0.3309, 0.5751), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_difference_of_two_runs() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(5, 5) == 1
    assert mcnemar(0, 5) == mcnemar(5, 0) == 0.0625
    assert mcnemar(1, 15) == pytest.approx(34 / 65536)
    assert mcnemar(500, 900) < 1e-20
