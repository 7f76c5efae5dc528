"""A decision on a retry is found however a model writes it; what is none is named."""

import json

import pytest
from hypothesis import given, strategies as st

from codeagent_nb.loop.decisions import NoDecision, read_decision

PLAIN = '{"reason": "a typo", "retry": true}'


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        f"```json\n{PLAIN}\n```",
        f"```\n{PLAIN}\n```\nThat is it.",
        f"<think>Perhaps {{}} or {{'retry': 1}}?</think>\n{PLAIN}",
        f'First I thought {{"reason": "none", "retry": false}}, but no.\n\n{PLAIN}',
        '{"reason": "a typo", "retry": "true", "confidence": 0.9}',
        '{"retry": "Yes", "reason": "a typo"}',
        f"{{ {{ broken {PLAIN}",
        "{'retry': True, 'reason': 'a typo'}",
        "{'retry': true, 'reason': 'a typo'}",
        '{"retry": true, "reason": "a typo",}',
        '{"retry": True, "reason": "a typo",\n}',
        "```python\n{'reason': 'a typo', 'retry': True}\n```",
        "I decide: {'reason': 'a typo', 'retry': 'yes'}.",
        f"{{'retry': False, 'reason': 'none'}} is wrong: {PLAIN}",
    ],
)
def test_it_is_found_however_it_is_written(text: str) -> None:
    decision = read_decision(text)
    assert (decision.reason, decision.retry) == ("a typo", True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"retry": true, "reason": "a\ntypo"}', "a\ntypo"),
        ('{"retry": true, "reason": "a\ttypo"}', "a\ttypo"),
        ('{"retry": true, "reason": "a\n\ntypo",}', "a\n\ntypo"),
        ('{"retry": true, "reason": null}', ""),
        ("{'retry': True, 'reason': None}", ""),
        ("{'retry': true, 'reason': \"it's a typo\",}", "it's a typo"),
    ],
)
def test_a_reason_is_read_as_it_was_written(text: str, reason: str) -> None:
    decision = read_decision(text)
    assert (decision.reason, decision.retry) == (reason, True)


def test_without_a_reason_it_is_a_decision_still() -> None:
    assert read_decision('{"retry": false}').retry is False


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the reply: Invalid JSON"),
        ("Yes, try again.", "the reply: Invalid JSON"),
        ('{"reason": "x"}', "retry: Field required"),
        ('{"reason": "x", "retry": "perhaps"}', "retry: Input should be a valid boolean"),
        ('{"reason": 3, "retry": true}', "reason: Input should be a valid string"),
        ("{" * 100_000, "the reply: Invalid JSON"),
    ],
)
def test_what_is_no_decision_is_named(text: str, problem: str) -> None:
    with pytest.raises(NoDecision, match=problem):
        read_decision(text)


@given(st.text(), st.booleans(), st.text())
def test_words_around_it_change_nothing(before: str, retry: bool, reason: str) -> None:
    text = f"{before.replace('{', '')}\n{json.dumps({'reason': reason, 'retry': retry})}\nSo be it."
    decision = read_decision(text)
    assert (decision.reason, decision.retry) == (reason, retry)
