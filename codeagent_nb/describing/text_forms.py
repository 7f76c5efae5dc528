"""Tells how a text is written: a number with signs in and around it, a date, a time, a list, a word for nothing. Pure.

Runs *in the kernel*, see `describe_file.py`. What a number looks like does not depend on its digits, so a form is
found once for all texts of one shape.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

LONGEST_FORM = 60  # characters of a number or a date


class Form(NamedTuple):
    """How one text is written."""

    what: str = ""
    """`number`, `date`, `time`, `list`; empty for words."""
    style: str = ""
    """Of a number, which signs part its digits; of a date, what comes first."""
    mark: str = ""
    """What stands around a number: `%`, `$`, `kg`; of a date, whether a time is behind it."""
    sign: str = ""
    """What parts the numbers of a date."""


WORDS = Form()
ZEROS = str.maketrans("123456789", "000000000")


def form_of(text: str) -> Form:
    """Return how a text is written."""
    text = text.strip()
    if len(text) > LONGEST_FORM:
        return _form_of_list(text)
    form = _form_of_shape(text.translate(ZEROS))
    if form.what not in ("date", "time"):
        return form
    return _with_order(form, list(map(int, re.findall(r"\d+", text)[:3])))


@lru_cache(maxsize=20_000)
def _form_of_shape(shape: str) -> Form:
    if shape[:1] in "[{" or not any(map(str.isdigit, shape)):
        return _form_of_list(shape)
    for form, pattern in DATES.items():
        if found := pattern.fullmatch(shape):
            parts = found.groupdict()
            mark = _kind_of_rest(parts.get("time") or "", parts["rest"] or "")
            return form._replace(mark=mark, sign=parts.get("sign") or "")
    return _form_of_number(shape)


def _form_of_list(text: str) -> Form:
    ends = text[:1] + text[-1:]
    return Form("list", ends) if ends in ("[]", "{}") else WORDS


# Dates

MONTH = (
    r"(?:jan|f[e\u00e9]v|feb|m[a\u00e4]r|mrt|a[pbv]r|mai|may|mei|maj|mag|jun|jul|jui|giu|lug|aug|ago|ao[u\u00fb]|sep|set"
    r"|o[ckt]t|out|nov|de[cz]|d[e\u00e9]c|di[cz]|ene|gen|\u044f\u043d\u0432|\u0444\u0435\u0432|\u043c\u0430[\u0440\u0439\u044f]"
    r"|\u0430\u043f\u0440|\u0438\u044e[\u043d\u043b]|\u0430\u0432\u0433|\u0441\u0435\u043d|\u043e\u043a\u0442|\u043d\u043e\u044f|\u0434\u0435\u043a)[^\W\d_]{0,7}\.?"
)
"""The names of months in European languages, by how they begin."""
DAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}\.?,?\s+)?"
REST = (
    r"(?P<rest>(?:[T ,_]\s*|\s+at\s+)(?P<time>\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?\s*(?:[ap]\.?m\.?)?)"
    r"[ _]?(?:Z|(?:GMT|UTC)[+-]\d{1,2}(?::\d{2})?|[A-Z]{2,5}|[+-]\d{2}:?\d{2})?)?"
)


def _date(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern + REST, re.IGNORECASE)


DATES = {
    Form("date", "year first"): _date(r"\d{4}(?P<sign>[-/._])\d{1,2}(?P=sign)\d{1,2}"),
    Form("date", "year first", "signs"): _date(r"\d{4}\u5e74\d{1,2}\u6708\d{1,2}\u65e5"),
    Form("date", "?"): _date(r"\d{1,2}(?P<sign>[-/.])\d{1,2}(?P=sign)(?:\d{4}|\d{2})"),
    Form("date", "month by name"): _date(
        rf"{DAY}(?:\d{{1,2}}(?:st|nd|rd|th)?\.?[-\s/]*{MONTH},?[-\s/]*(?:\d{{4}}|\d{{2}})"
        rf"|{MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}|\d{{4}}[-\s/]?{MONTH}[-\s/]?\d{{1,2}})"
    ),
    Form("date", "months"): re.compile(
        rf"(?:\d{{4}}[-/]\d{{1,2}}|\d{{1,2}}/\d{{4}}|{MONTH}[-\s,/]*(?:\d{{4}}|\d{{2}}))(?P<rest>)", re.IGNORECASE
    ),
    Form("date", "quarters"): re.compile(
        r"(?:\d{4}\s?[-/]?\s?Q\d|Q\d\s?[-/]?\s?(?:\d{4}|\d{2}))(?P<rest>)", re.IGNORECASE
    ),
    Form("time"): re.compile(
        r"(?:\d{1,3}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?\s*(?:[ap]\.?m\.?)?"
        r"|(?:\d{1,3}\s?(?:days?|hours?|hrs?|minutes?|mins?|seconds?|secs?|[dhms]),?\s*){2,4})(?P<rest>)",
        re.IGNORECASE,
    ),
}


def _kind_of_rest(time: str, rest: str) -> str:
    if not time:
        return ""
    return "time, zone" if re.search(r"Z$|[+-]\d{2}:?\d{2}$", rest) else "time"


def _with_order(form: Form, numbers: list[int]) -> Form:
    """Return what a date has first by its numbers, and no date where they are none."""
    if form.what == "time":
        return form if all(number < 60 for number in numbers[1:2]) else WORDS
    if form.style == "year first":
        return form if 0 < numbers[1] <= 12 and 0 < numbers[2] <= 31 else WORDS
    if form.style != "?":
        return form
    first, second = numbers[:2]
    if not (0 < min(first, second) <= 12 and max(first, second) <= 31):
        return WORDS
    return _of_style(form, "day first") if first > 12 else _of_style(form, "month first") if second > 12 else form


@lru_cache(maxsize=100)
def _of_style(form: Form, style: str) -> Form:
    return form._replace(style=style)


# Numbers

PARTS = re.compile(
    r"(\D{0,8}?)([.,]?\d(?:[\d.,'\u2019_ \u00a0\u202f]*\d)?(?:[eE][+-]?\d{1,3})?\.?)(\D{0,15}[23\u00b2\u00b3]?)"
)
STYLES = {
    "": re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?\.?"),
    "thousands commas": re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?"),
    "decimal commas": re.compile(r"\d*,\d+"),
    "thousands points": re.compile(r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}"),
    "thousands spaces": re.compile(r"\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:[.,]\d+)?"),
    "thousands apostrophes": re.compile(r"\d{1,3}(?:['\u2019]\d{3})+(?:[.,]\d+)?"),
    "thousands underscores": re.compile(r"\d{1,3}(?:_\d{3})+(?:\.\d+)?"),
}
WRITTEN_CURRENCIES = (
    "usd eur gbp jpy inr chf cny rmb rub brl cad aud nzd sek nok dkk pln czk huf zar mxn krw try sgd hkd thb "
    "rs rs. kr kr. z\u0142 k\u010d ft r$ us$ a$ c$ hk$ dollars euro euros"
)
CURRENCIES = frozenset(WRITTEN_CURRENCIES.split())
WRITTEN_COMPARED = "< > <= >= \u2264 \u2265 ~ \u2248 ="
COMPARED = frozenset(WRITTEN_COMPARED.split())


BOTH = "\u2026"
"""Between what stands before a number and what stands behind it."""


def is_currency(mark: str) -> bool:
    """Return whether a mark is a sign or a code of money."""
    mark = mark.partition(BOTH)[0]
    return mark.lower() in CURRENCIES or (len(mark) <= 4 and any(unicodedata.category(sign) == "Sc" for sign in mark))


def _form_of_number(shape: str) -> Form:
    found = PARTS.fullmatch(shape)
    if not found:
        return WORDS
    before = found[1].strip(" \u00a0(+-\u2212\u2013'\t")
    after = found[3].strip(" \u00a0)\t")
    style = next((name for name, pattern in STYLES.items() if pattern.fullmatch(found[2])), None)
    if style is None or (before and not is_currency(before) and before not in COMPARED):
        return WORDS
    if after and not re.match(r"-\Z|[^\W\d_]|[%\u2030\u00b0\"'*+\u2020]", after) and not is_currency(after):
        return WORDS
    return Form("number", style, f"{before}{BOTH}{after}" if before and after else before or after)


# Words for nothing

WRITTEN_NO_VALUE = "? ?? ??? - -- --- \u2013 \u2014 . .. ... * ** n.a. n.a n/a na #n/a <na> nan null none"
NO_VALUE = frozenset(WRITTEN_NO_VALUE.split())
"""Signs that stand for a missing value among numbers; those of letters are written in small ones."""
NO_VALUE_WORDS = NO_VALUE - {"none", "*", "**"} | {
    *("", "missing", "unknown", "not available", "not reported", "no data", "undefined", "tbd", "(null)", "\\n"),
    *("#value!", "#ref!", "#div/0!", "#name?", "#num!"),
}
"""Those that may stand for one among words, where `None` may be an answer."""


def stands_for_nothing(text: str, among_numbers: bool) -> bool:
    """Return whether a text is known to be written where there is no value."""
    return text.strip().lower() in (NO_VALUE | NO_VALUE_WORDS if among_numbers else NO_VALUE_WORDS)
