"""Finds what an answer lacks of the form that its task prescribes: cheap checks, general ones. Pure."""

import json
import re
from collections.abc import Iterator

from codeagent_nb.prompt.prescribed import prescribed
from codeagent_nb.tracing.units import unit_of

NAMED_PLACE = re.compile(
    r"(?<![\w.])(?P<name>[@#$\w][\w.\-]{0,60}?)(?P<opens>\[|(?:[:=] ?| )?<|[:=] ?\{)"
    r"(?P<place>[^\W\d][^\[\]<>{}\n]{0,60})[\]>}]"
)
"""A name with a place for its value: `total[number]`, `name <text>`, `count: {n}`."""

DECIMALS = re.compile(
    r"\b(?P<number>\d{1,2}|no|one|two|three|four|five|six|ein(?:e[rn]?)?|zwei|drei|vier|une?|deux|trois|quatre|dos|tres|cuatro"
    r"|due|tre|quattro)\s+(?:decimals?|decimal (?:places?|digits?|points?)|digits? after the (?:decimal )?point"
    r"|Nachkommastellen?|Dezimalstellen?|décimales?|decimales?|decimali)\b",
    re.IGNORECASE,
)
_COUNTED = """\
no
one ein eine einer un une
two zwei deux dos due
three drei trois tres tre
four vier quatre cuatro quattro
five
six"""
NUMBER_WORDS = {word: number for number, words in enumerate(_COUNTED.splitlines()) for word in words.split()}
FRACTION = re.compile(r"(?<![\w.,])[-+−]?\d+[.](\d+)(?![\w]|[.,]\d)")  # noqa: RUF001
WANTS_JSON = re.compile(r"\b(?:as|in|als|en|come|in formato)\s+(?:(?:valid|an?|una?|eine?)\s+)?JSON\b", re.IGNORECASE)
JSON_BEGINS = re.compile(r"[\[{]")
YES_OR_NO = (
    (re.compile(r"\byes or no\b", re.IGNORECASE), re.compile(r"\b(?:yes|no)\b", re.IGNORECASE), "yes or no"),
    (re.compile(r"\bja oder nein\b", re.IGNORECASE), re.compile(r"\b(?:ja|nein)\b", re.IGNORECASE), "ja oder nein"),
    (re.compile(r"\boui ou non\b", re.IGNORECASE), re.compile(r"\b(?:oui|non)\b", re.IGNORECASE), "oui ou non"),
    (re.compile(r"\bs[ií] o no\b", re.IGNORECASE), re.compile(r"\b(?:s[ií]|no)\b", re.IGNORECASE), "sí o no"),
)
IN_UNIT = re.compile(r"\b(?:in|en|em)\s+(?P<unit>[^\W\d_]{2,20}|%|[€$£])(?![\w])", re.IGNORECASE)
UNIT_WORDS = re.compile(r"[^\W\d_]{1,20}|%|[€$£]")
_NO_UNITS = "an mes ora ore mal second times min mi year years month months day days week weeks jahr mese tag"
NO_UNITS = frozenset(_NO_UNITS.split())
"""Words that name units, and something else behind `in`: in an hour, in second place, in year 3."""

FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)


def lacking(task: str, answer: str) -> tuple[str, ...]:
    """Return what an answer lacks of the form that its task prescribes, each in a few words.

    A template's names, a number of decimals, JSON, yes or no, a unit: whether it is there, not whether it is right.

    Args:
        task: The task's text.
        answer: The answer's text.
    """
    form = FENCED.sub("", prescribed(task))
    return tuple(dict.fromkeys([*_lacking(form, answer), *_lacking_units(FENCED.sub("", task), answer)]))


def _lacking(form: str, answer: str) -> Iterator[str]:
    for found in NAMED_PLACE.finditer(form):
        line = form[form.rfind("\n", 0, found.start()) + 1 : (form.find("\n", found.end()) + 1 or len(form) + 1) - 1]
        if line.rstrip().endswith("?") and found["name"][0] not in "@#$":
            continue  # it asks about `df[price]`, and prescribes nothing
        opening = found["name"] + found["opens"].strip()[:1].replace("<", "").replace("{", "")
        if opening not in answer:
            yield f"`{found[0]}`"
    if most := [_number(found["number"]) for found in DECIMALS.finditer(form)]:
        longer = [found[0] for found in FRACTION.finditer(answer) if len(found[1]) > max(most)]
        if longer:
            yield f"{max(most)} decimals at most (it has {', '.join(longer[:3])})"
    if WANTS_JSON.search(form) and not _has_json(answer):
        yield "JSON"
    for asks, says, words in YES_OR_NO:
        if asks.search(form) and not says.search(answer):
            yield words


def _lacking_units(task: str, answer: str) -> Iterator[str]:
    words = {found["unit"]: unit_of(found["unit"]) for found in IN_UNIT.finditer(task)}
    for word, unit in words.items():
        if (
            unit
            and word.casefold() not in NO_UNITS
            and all(unit_of(each) != unit for each in UNIT_WORDS.findall(answer))
        ):
            yield f"the unit, {word}"


def _number(word: str) -> int:
    return int(word) if word.isdigit() else NUMBER_WORDS.get(word.casefold(), 6)


def _has_json(answer: str) -> bool:
    """Return whether an object or a list of JSON stands in an answer."""
    decoder = json.JSONDecoder()
    for found in list(JSON_BEGINS.finditer(answer))[:20]:
        try:
            decoder.raw_decode(answer, found.start())
        except (ValueError, RecursionError):
            continue
        return True
    return False
