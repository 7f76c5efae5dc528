"""Notes on a column of texts that are more than words: numbers, dates, lists, missing values in words. Pure.

Runs *in the kernel*, see `describe_file.py`. Knows no pandas: a column is how often each of its texts stands there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from codeagent_nb.describing.shown_values import short
from codeagent_nb.describing.text_forms import COMPARED, Form, form_of, is_currency, stands_for_nothing
from codeagent_nb.describing.units import is_unit

MOST_EXAMPLES = 3
PLAIN_NUMBERS = "numbers as text"


def notes_on_texts(counts: Mapping[str, int]) -> list[str]:
    """Return what is to be known of texts beyond their being texts.

    Args:
        counts: How often each one stands in the column.
    """
    forms = {text: form_of(text) for text in counts}
    nothing = {
        text: counts[text]
        for text, form in forms.items()
        if not form.what and stands_for_nothing(text, among_numbers=False)
    }
    known = sum(counts.values()) - sum(nothing.values())
    numbers = _numbers(counts, forms)
    share = sum(counts[text] for text in numbers)
    others = {text: count for text, count in counts.items() if text not in numbers}
    no_values = sum(count for text, count in others.items() if stands_for_nothing(text, among_numbers=True))
    if share and share * 2 >= sum(counts.values()) - no_values:
        return [_on_numbers(numbers), *_on_others(others, "numbers")]
    for what, told in (("date", _on_dates), ("time", _on_times), ("list", _on_lists)):
        of_it = {text: form for text, form in forms.items() if form.what == what}
        if of_it and sum(counts[text] for text in of_it) >= 0.8 * known:
            rest = {text: count for text, count in counts.items() if text not in of_it}
            return [told(of_it), *_on_others(rest, f"{what}s")]
    return notes_on_nothing(counts)


def notes_on_nothing(counts: Mapping[str, int]) -> list[str]:
    """Return a note on words that may stand for a missing value."""
    nothing = {text: count for text, count in counts.items() if stands_for_nothing(text, among_numbers=False)}
    return [f"maybe missing: {_counted(nothing)}"] if nothing else []


def _counted(counts: Mapping[str, int]) -> str:
    """Return what stands how often; of many the most frequent one."""
    most = sorted(counts.items(), key=lambda item: -item[1])[: MOST_EXAMPLES if len(counts) <= MOST_EXAMPLES else 1]
    told = ", ".join(f"{short(text)} ({count:,} time{'s' * (count != 1)})" for text, count in most)
    return told + (f" and {len(counts) - len(most):,} others" if len(counts) > len(most) else "")


def _on_others(counts: Mapping[str, int], what: str) -> list[str]:
    return [f"not {what}: {_counted(counts)}"] if counts else []


# Numbers


def _numbers(counts: Mapping[str, int], forms: Mapping[str, Form]) -> dict[str, Form]:
    """Return the numbers; `12a` is one only where all have the same behind them, or what is known for a unit."""
    found = {text: form for text, form in forms.items() if form.what == "number"}
    marks: Counter[str] = Counter()
    for text, form in found.items():
        if form.mark and not _is_common(form.mark):
            marks[form.mark] += counts[text]
    if not marks:
        return found
    [(most, weight)] = marks.most_common(1)
    texts = sum(form.mark == most for form in found.values())
    alone = " " not in most and weight * 10 >= 9 * sum(counts[text] for text in found) and texts > 2
    kept = {mark for mark in marks if is_unit(mark) or (alone and mark == most)}
    return {text: form for text, form in found.items() if form.mark in kept or form.mark not in marks}


def _is_common(mark: str) -> bool:
    return mark in COMPARED or mark in ("%", "*", "+", "-") or is_currency(mark)


def _on_numbers(numbers: Mapping[str, Form]) -> str:
    marks = Counter(form.mark for form in numbers.values() if form.mark)
    marked = marks.most_common(1)[0][0] if sum(marks.values()) * 2 >= len(numbers) else ""
    kind = "percent" if marked == "%" else "money" if is_currency(marked) else "numbers"
    shown = [] if kind == "percent" and len(marks) == 1 else [short(mark, 12) for mark, _ in marks.most_common(4)]
    some = ", some" if sum(bool(form.mark) for form in numbers.values()) < len(numbers) else ""
    unit = f"{some} with {', '.join(shown)}" if shown else ""
    style = _style({form.style for form in numbers.values()} - {""}, numbers)
    signs = ["negative ones in parentheses"] if any(text.strip()[:1] == "(" for text in numbers) else []
    if all(map(_is_date_of_digits, numbers)):
        return "dates as text, YYYYMMDD"
    plain = not unit and not style and not signs and kind == "numbers"
    example = "" if plain else f": {short(max(numbers, key=lambda text: (numbers[text].style != '', len(text))))}"
    return f"{kind} as text{unit}{', '.join(['', *style, *signs])}{example}"


def _is_date_of_digits(text: str) -> bool:
    return bool(re.fullmatch(r"(1[89]|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", text.strip()))


def _style(styles: set[str], numbers: Mapping[str, Form]) -> list[str]:
    """Return the signs in numbers; `1,234` has a decimal comma where `12,5` stands beside it, and nothing else."""
    whole = (text for text, form in numbers.items() if form.style == "thousands commas")
    if "decimal commas" in styles and all(text.count(",") == 1 and "." not in text for text in whole):
        styles = styles - {"thousands commas"}
    if "thousands points" in styles:
        styles = styles - {"decimal commas", "thousands commas"}
    if styles == {"decimal commas"} and any(form.style == "" and "." in text for text, form in numbers.items()):
        return ["some with decimal commas, some with points"]
    return [f"with {name}" for name in sorted(styles)] if len(styles) < 2 else [f"with {' or '.join(sorted(styles))}"]


# Dates


def _on_dates(dates: Mapping[str, Form]) -> str:
    ways: dict[Any, str] = {}
    for text, form in dates.items():
        ways.setdefault((form.style, form.mark, form.sign), text)
    orders = {style for style, _, _ in ways}
    if {"day first", "month first"} <= orders:
        both = [next(text for way, text in ways.items() if way[0] == order) for order in ("day first", "month first")]
        return f"dates as text, some day first, some month first: {', '.join(map(short, both))}"
    if sure := orders & {"day first", "month first"}:  # of the others, "05/06/2024", it is the same
        [order] = sure
        known = {(order if style == "?" else style, mark, sign): text for (style, mark, sign), text in ways.items()}
        ways = {**known, **{way: text for way, text in ways.items() if way[0] == order}}
    if len(ways) > 1:
        return f"dates as text, mixed formats: {', '.join(map(short, list(ways.values())[:MOST_EXAMPLES]))}"
    [((style, mark, _), text)] = ways.items()
    return _on_one_way(style, mark, text)


def _on_one_way(style: str, mark: str, text: str) -> str:
    if style in ("months", "quarters"):
        return f"{style} as text: {short(text)}"
    what = "dates with times as text" if mark else "dates as text"
    if style == "year first":
        return what if text.strip()[4] == "-" else f"{what}: {short(text)}"
    told = {"?": "day or month first cannot be told", "month by name": ""}.get(style, style)
    return f"{what}{f', {told}' if told else ''}: {short(text)}"


def _on_times(times: Mapping[str, Form]) -> str:
    return f"times as text: {short(max(times, key=len))}"


def _on_lists(lists: Mapping[str, Form]) -> str:
    kinds = {form.style for form in lists.values()}
    return "lists as text" if kinds == {"[]"} else "dicts as text" if kinds == {"{}"} else "lists or dicts as text"


# Spelling


def spellings(texts: list[str]) -> list[str]:
    """Return notes where texts differ in nothing but case or spaces, or have spaces around them."""
    notes = []
    alike: dict[str, list[str]] = {}
    for text in texts:
        alike.setdefault(" ".join(text.casefold().split()), []).append(text)
    if same := [group for key, group in alike.items() if key and len(group) > 1]:
        more = f" and {len(same) - 1} more" if len(same) > 1 else ""
        notes.append(f"differ only in case or spaces: {', '.join(map(short, same[0][:MOST_EXAMPLES]))}{more}")
    if spaced := [text for text in texts if text != text.strip() and text.strip()]:
        notes.append(f"spaces around {'all' if len(spaced) == len(texts) else 'some'}: {short(spaced[0])}")
    return notes
