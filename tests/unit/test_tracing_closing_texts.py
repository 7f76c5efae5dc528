"""Of closing texts as people and models write them, what is false is found, and what is true is hardly ever marked."""

from collections import Counter
from collections.abc import Iterable

import pytest

from codeagent_nb.tracing.trace import trace
from tests.support.closing_files import Fault
from tests.support.closing_texts import FAULTS, Planted, lies, planted, true_closings

WANTED: dict[Fault, float] = {"digit": 0.99, "invented": 0.95, "name": 0.80, "unit": 0.80}
MARKED = 0.02


def test_at_most_two_of_a_hundred_true_texts_are_marked() -> None:
    closings = true_closings()
    marked = {
        closing.name: (closing.text, [(value.text, value.reason) for value in untraced])
        for closing in closings
        if (untraced := trace(closing.text, closing.sources).untraced)
    }
    assert len(closings) == 450
    assert len(marked) <= MARKED * len(closings), marked


def is_found(false: Planted) -> bool:
    untraced = trace(false.text, false.closing.sources).untraced
    return any(value.start < end and start < value.end for value in untraced for start, end in false.spans)


def missed(texts: Iterable[Planted], fault: Fault) -> tuple[float, list[tuple[str, str]]]:
    """Return the share of texts with a fault that are found, and those that are not."""
    own = [false for false in texts if false.fault == fault]
    left = [(false.closing.name, false.text) for false in own if not is_found(false)]
    return 1 - len(left) / len(own), left


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_found(fault: Fault) -> None:
    texts = list(planted())
    assert Counter(false.fault for false in texts) == dict.fromkeys(FAULTS, 150)
    found, left = missed(texts, fault)
    assert found >= WANTED[fault], left


@pytest.mark.parametrize("fault", FAULTS)
def test_lies_as_models_tell_them_are_found(fault: Fault) -> None:
    found, left = missed(lies(), fault)
    assert found >= WANTED[fault], left
