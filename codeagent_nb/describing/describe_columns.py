"""Describes the columns of a DataFrame: names, types, gaps, values, and what is odd about them. Runs *in the kernel*.

See `describe_data.py`. What a note says is true of the values looked at, and those are all unless it says otherwise.
Most failures of small models on tables were told by nothing but the values (measured): a space in front of a name,
numbers with commas in them as text.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any

from codeagent_nb.describing.fitting import Column
from codeagent_nb.describing.leading_zeros import WITH_ZEROS, are_codes
from codeagent_nb.describing.name_notes import notes_on_names
from codeagent_nb.describing.shown_values import HIDDEN, is_plain, is_secret, short, shown_value, type_name
from codeagent_nb.describing.text_forms import NO_VALUE_WORDS, form_of, stands_for_nothing
from codeagent_nb.describing.text_notes import PLAIN_NUMBERS, notes_on_nothing, notes_on_texts, spellings
from codeagent_nb.describing.units import unit_in

FEW = 6  # different values that are always told
CATEGORIES = 20  # those of texts that are told where they come again and again
CATEGORIES_LENGTH = 160  # characters of them
SCREENED = 200  # texts that say whether a column is worth a closer look
LOOKED_AT_TEXTS = 2_000  # different ones
SPELLED = 5_000  # different texts that are compared
NO_VALUES = sorted(
    {form for word in (*NO_VALUE_WORDS, " ", "  ") for form in (word, word.upper(), word.capitalize(), word.title())}
)


WIDE = 1_000  # columns
SAME_LOOKED_AT = 5  # values that say whether two columns may be the same


def told_columns(
    table: Any, written: Sequence[str] = (), notes: Mapping[int, str] = MappingProxyType({})
) -> list[Column]:
    """Return what is told of each column of a DataFrame, up to `WIDE`: more fit into no prompt, and each takes a while.

    Args:
        table: The DataFrame.
        written: The names as its file has them, if they are known.
        notes: What else is known, by the places of columns.
    """
    names = list(table.columns[:WIDE])
    on_names = notes_on_names(names, written)
    same = _same_columns(table, names)
    return [
        told_column(table.iloc[:, at], name, more=", ".join(filter(None, [same.get(at), notes.get(at), on_names[at]])))
        for at, name in enumerate(names)
    ]


def _same_columns(table: Any, names: list[Any]) -> dict[int, str]:
    """Return which columns have the same values as an earlier one; three different ones at least, or it is chance."""
    found: dict[int, str] = {}
    firsts: dict[Any, list[int]] = {}
    if len(table) < 3:
        return found
    for at, name in enumerate(names):
        values = table.iloc[:, at]
        if values.dtype == object or is_secret(name):
            continue
        alike = firsts.setdefault((str(values.dtype), *map(str, values.iloc[-SAME_LOOKED_AT:])), [])
        first = next((other for other in alike[:SAME_LOOKED_AT] if table.iloc[:, other].equals(values)), None)
        if first is None:
            alike.append(at)
        elif values.head(1_000).nunique() > 2:
            found[at] = f"the same values as {short(names[first])}"
    return found


def told_column(values: Any, name: Any, hidden: bool = False, more: str = "") -> Column:
    """Return what is told of a column: its name, type, gaps, oddities, values.

    Args:
        values: A Series.
        name: Its name, which may be nobody's to hash.
        hidden: Whether its values are not told.
        more: A note that its values do not tell.
    """
    missing = int(values.isna().sum())
    told = [f"{missing:,} missing"]
    if missing == len(values) and missing > 1:
        told = ["empty"]
    elif hidden or is_secret(name):
        told.append(f"values {HIDDEN}")
    else:
        told.extend(_told_values(values, values.dropna() if missing else values, name))
    return Column(shown_value(name), str(values.dtype), ", ".join(told), more)


def _told_values(values: Any, known: Any, name: Any) -> list[str]:
    if values.dtype == object and (odd := _types_of_objects(known)):
        return [f"holds {odd}"]
    kind = values.dtype.kind
    few = _few_values(known, kind)
    notes, listed = _notes_on_values(values, known, name, few)
    if len(few) == 1 and len(known) == len(values) > 1:
        return [*notes, f"constant: {short(few[0])}"]
    if few and listed:
        count = f"{len(few)} " if len(few) > FEW else ""
        return [*notes, f"{count}values {', '.join(short(value) for value in few)}"]
    return [*notes, f"from {short(known.min())} to {short(known.max())}"] if kind in "iuf" and len(known) else notes


def _notes_on_values(values: Any, known: Any, name: Any, few: list[Any]) -> tuple[list[str], bool]:
    """Return notes on values, and whether few different ones are told beside them."""
    kind = values.dtype.kind
    notes = _notes_on_objects(known) if values.dtype == object else []
    if kind in "iuf" and len(known):
        return [*notes, *_notes_on_numbers(known, name, kind)], True
    if kind in "biufcmM" or notes:
        return notes, True
    if are_codes(known):
        return [WITH_ZEROS], True
    if values.dtype != object and not str(values.dtype).startswith("str"):
        return [], True
    if not len(known) or type(known.iloc[0]) is not str:
        return [], True
    if on_forms := _notes_on_forms(known, few):  # numbers and dates are listed where they come again
        return on_forms, len(few) <= FEW and len(few) * 3 <= len(known)
    return [*_notes_on_nothing(known, few), *_notes_on_spelling(known, few)], True


def _types_of_objects(known: Any) -> str:
    """Return the types in a column of objects, unless all are plain: to compare objects runs code of theirs."""
    kinds = {type(value): value for value in known}
    if all(kind is not tuple and is_plain(value) for kind, value in kinds.items()):
        return ""
    return ", ".join(sorted(type_name(value).replace("builtins.", "") for value in kinds.values())[:5])


def _notes_on_objects(known: Any) -> list[str]:
    """Return the types of plain objects where there are more, or others than texts and truth values."""
    kinds = Counter(map(type, known))
    if len(kinds) < 2 and not kinds.keys() - {str, bool}:
        return []
    told = [f"{count:,} {kind.__name__}" for kind, count in kinds.most_common(4)]
    return [f"mixed types: {', '.join(told)}" if len(kinds) > 1 else f"holds {next(iter(kinds)).__name__}"]


def _few_values(known: Any, kind: str) -> list[Any]:
    most = FEW if kind in "biufcmM" else CATEGORIES
    if len(known) > 1_000 and len(known.head(1_000).unique()) > most:  # to look at all would make the user wait
        return []
    found = list(known.unique())
    if len(found) <= FEW:
        return found
    if len(found) > most:
        return []
    again = len(found) * 3 <= len(known) and sum(len(short(value)) + 2 for value in found) <= CATEGORIES_LENGTH
    return found if again else []


# Texts


def _notes_on_forms(known: Any, few: list[Any]) -> list[str]:
    """Return notes on texts that are numbers, dates or lists; empty if they are words."""
    screened = few or list(known.iloc[:: max(1, len(known) // SCREENED)])
    if sum(bool(form_of(text).what) for text in screened) * 4 < len(screened):
        return []
    again = few or len(known.head(SPELLED).unique()) * 2 < len(known.head(SPELLED))
    part = known if again else known.iloc[:: -(-len(known) // LOOKED_AT_TEXTS)]
    counts = dict(islice(part.value_counts().to_dict().items(), LOOKED_AT_TEXTS))
    count = sum(counts.values())
    notes = notes_on_texts(counts)
    if count < len(known) and notes == [PLAIN_NUMBERS]:  # then some other text makes it a column of texts
        words = known[sys.modules["pandas"].to_numeric(known, errors="coerce").isna()]
        notes = notes_on_texts({**counts, **words.head(LOOKED_AT_TEXTS).value_counts().to_dict()})
        count = len(known) if len(words) <= LOOKED_AT_TEXTS else count
    looked = f" ({count:,} of {len(known):,} looked at)" if count < len(known) else ""
    return [f"{note}{looked}" for note in notes if "maybe" not in note]


def _notes_on_nothing(known: Any, few: list[Any]) -> list[str]:
    if few and not any(stands_for_nothing(text, among_numbers=False) for text in few):
        return []
    there = known.isin(NO_VALUES)
    return notes_on_nothing(known[there].value_counts().to_dict()) if there.any() else []


def _notes_on_spelling(known: Any, few: list[Any]) -> list[str]:
    """Return notes where values that come again and again are written in more than one way."""
    first = known.head(1_000)
    if few or len(first.unique()) * 2 <= len(first):
        return spellings(few or list(known.unique())[:SPELLED])
    spaced = [text for text in known.iloc[:: max(1, len(known) // SCREENED)] if text != text.strip() and text.strip()]
    return [f"spaces around some: {short(spaced[0])}"] if spaced else []


# Numbers

SENTINELS = (
    -9999,
    -999,
    -99,
    99,
    999,
    9999,
    99999,
    999999,
    -99999,
    -999.25,
    -9999.25,
    -99.99,
    -999.9,
    1e20,
    1e36,
    -1e34,
)
"""Numbers that are written where there is none, in surveys, weather and wells."""


def _notes_on_numbers(known: Any, name: Any, kind: str) -> list[str]:
    notes = []
    low, high = known.min(), known.max()
    if kind in "iu" and _are_dates(known, int(low), int(high)):
        notes.append("dates as numbers, YYYYMMDD")
    if nothing := _sentinels(known, float(low), float(high)):
        notes.append(f"maybe missing: {nothing}")
    if unit := unit_in(name):
        share = unit in ("%", "pct", "percent") and kind == "f" and low >= 0 and high <= 1
        notes.append(f"unit {unit}{', as parts of 1' if share else ''}")
    return notes


def _are_dates(known: Any, low: int, high: int) -> bool:
    if not 18000101 <= low <= high <= 21001231 or len(known.head(1_000).unique()) < 3:
        return False
    return bool((known // 100 % 100).between(1, 12).all() and (known % 100).between(1, 31).all())


def _sentinels(known: Any, low: float, high: float) -> str:
    """Return numbers that stand apart from all others, come more than once, and are known to stand for none."""
    found = []
    for end in (low, high):
        if end not in SENTINELS:
            continue
        both = set(SENTINELS) >= {low, high}
        others = known[~known.isin([low, high] if both else [end])]
        count = int((known == end).sum())
        far = len(others) and max(abs(float(others.min())), abs(float(others.max()))) * 3 < abs(end)
        if (count > 1 or end <= -99) and far and others.nunique() > 2:
            found.append(f"{short(known[known == end].iloc[0])} ({count:,} time{'s' * (count != 1)})")
    return ", ".join(found)
