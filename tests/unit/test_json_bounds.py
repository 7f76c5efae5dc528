"""What a JSON text would become when it is read, told before."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, strategies as st

from kernel_executor.sockets.json_bounds import BASE, DEEPEST, TooHeavy, Weigher, guess

LIMIT = 25_000_000


def weigh(text: bytes, piece: int = 65_536, limit: int = LIMIT) -> int:
    weigher = Weigher(limit)
    for at in range(0, len(text), piece):
        weigher.take(text[at : at + piece])
    weigher.check_depth()
    return weigher.weight


HONEST: dict[str, Any] = {
    "a picture of 5 MB": {"image/png": "iVBORw0KGgo" * 460_000},
    "a page of HTML": {"text/html": '<td class="x">1,2 [a] {b}\n</td>' * 200_000},
    "Chinese": {"text/plain": "统计" * 1_000_000},
    "coloured text": {"text/plain": "\x1b[31mred\x1b[0m" * 100_000},
    "a figure": {"application/vnd.plotly.v1+json": {"x": [index / 7 for index in range(200_000)]}},
    "a table as JSON": {"application/vnd.dataresource+json": [{f"c{c}": 1 for c in range(10)}] * 9_000},
    "300 levels": {"application/json": json.loads("[" * 300 + "]" * 300)},
    "indented": json.loads(json.dumps([{"a": [1, 2]}] * 2_000)),
}


@pytest.mark.parametrize("value", HONEST.values(), ids=HONEST)
def test_what_honest_code_displays_is_not_too_heavy(value: Any) -> None:
    for text in (json.dumps(value, ensure_ascii=False), json.dumps(value), json.dumps(value, indent=4)):
        assert weigh(text.encode()) < LIMIT


TOO_HEAVY = {
    "empty lists": b"[" + b"[]," * 1_000_000 + b"[]]",
    "empty objects": b"[" + b"{}," * 1_000_000 + b"{}]",
    "deep lists": b"[" * 1_000_000 + b"]" * 1_000_000,
    "one level too many": b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
    "deep objects": b'{"a":' * 1_000 + b"1" + b"}" * 1_000,
    "not closed": b"[" * 500,
    "chains": b"[" + b",".join([b"[" * 500 + b"]" * 500] * 200) + b"]",
    "keys": b"{" + b",".join(b'"%d":0' % number for number in range(200_000)) + b"}",
    "the same key": b"{" + b'"a":0,' * 300_000 + b'"a":0}',
    "numbers": b"[" + b"0," * 1_000_000 + b"0]",
    "a number of many digits": b"1" * 100_000,
    "a fraction of many digits": b"0." + b"1" * 100_000,
    "escapes": b'"' + b"\\n" * 3_000_000 + b'"',
    "one emoji makes all letters wide": '"\U0001f600'.encode() + b"x" * 8_000_000 + b'"',
    "an escaped emoji does, too": b'"\\ud83d\\ude00' + b"x" * 8_000_000 + b'"',
    "and a letter of two bytes": b'"\\u4e00' + b"x" * 14_000_000 + b'"',
    "lists behind what looks like a string": b'["a\\\\",' + b"[]," * 1_000_000 + b"[]]",
    "brackets after a string with an escaped quote": b'["a\\"",' + b"[]," * 1_000_000 + b"[]]",
}


@pytest.mark.parametrize("text", TOO_HEAVY.values(), ids=TOO_HEAVY)
def test_what_grows_when_it_is_read_is_too_heavy(text: bytes) -> None:
    assert guess(text) == 0
    with pytest.raises(TooHeavy):
        weigh(text)


@pytest.mark.parametrize("escape", [b"\\ud83d\\ude00", b"\\u4e00", "\U0001f600".encode(), "统".encode()])
@pytest.mark.parametrize("piece", [1, 2, 3, 5, 7])
def test_a_wide_letter_is_seen_wherever_the_text_is_cut(escape: bytes, piece: int) -> None:
    text = b'"' + b"x" * 100 + escape + b'x"'
    assert weigh(text, piece) >= BASE + 2 * 100


JSON = st.recursive(
    st.none() | st.integers() | st.text('a"\\[]{},é\U0001f600\n', max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('"\\[,', max_size=5), inner, max_size=3),
    max_leaves=20,
)


@given(JSON, st.booleans(), st.integers(1, 9))
def test_only_what_is_not_in_a_string_counts(value: Any, plain: bool, piece: int) -> None:
    text = json.dumps(value, ensure_ascii=plain).encode()
    weigher = Weigher(LIMIT)
    outside = [weigher._outside_strings(text[at : at + piece]) for at in range(0, len(text), piece)]
    assert b"".join(outside) == re.sub(rb'"(?:[^"\\]|\\.)*"', b"", text, flags=re.DOTALL)


@given(JSON)
def test_a_guess_is_never_less_than_what_is_weighed(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False).encode()
    guessed = guess(text)
    assert not guessed or guessed >= weigh(text)


def test_a_number_that_comes_in_pieces_is_as_long_as_it_is() -> None:
    weigher = Weigher(25_000_000)
    for _ in range(5):
        weigher.take(b"7" * 100)
    with pytest.raises(TooHeavy):
        weigher.take(b"7")


def test_half_a_million_numbers_are_too_much_to_be_read_at_once() -> None:
    """389,000 of them, in 9 MB, held the loop for a second."""
    weigher = Weigher(100_000_000)
    with pytest.raises(TooHeavy):
        weigher.take(b"[" + b"1.7976931348623157e-300," * 389_000)
