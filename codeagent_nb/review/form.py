"""Finds what an answer lacks of the form that its task prescribes: cheap checks, general ones. Pure."""

import json
import re
from collections.abc import Iterator

from codeagent_nb.prompt.prescribed import prescribed
from codeagent_nb.text import without_fenced_code
from codeagent_nb.tracing.units import conversion, unit_of

NAMED_PLACE = re.compile(
    r"(?<![\w.])(?P<name>[@#$\w][\w.\-]{0,60}?)(?P<opens>\[|(?:[:=] ?| )?<|[:=] ?\{)"
    r"(?P<place>[^\W\d][^\[\]<>{}\n]{0,60})[\]>}]"
)
"""A name with a place for its value: `total[number]`, `name <text>`, `count: {n}`."""

PRESCRIBES = re.compile(
    r"\b(?:format(?:ted)?|in the form|template|answer|reply|respond|exactly|Antwort\w*|réponds?|réponse"
    r"|responde|respuesta|rispond[ia]|risposta|formato)\b|\b(?:as|als|comme|como|come)[: ]+[`\"']",
    re.IGNORECASE,
)
"""Where a name with a place, or yes and no, are not just spoken of: `df[price]`, columns of yes or no."""

DECIMALS = re.compile(
    r"\b(?P<number>\d{1,2}|(?<=with )no|(?<=to )no|one|two|three|four|five|six|ein(?:e[rn]?)?|zwei|drei|vier"
    r"|une?|deux|trois|quatre|dos|tres|cuatro|due|tre|quattro)"
    r"\s+(?:decimals?|decimal (?:places?|digits?|points?)|digits? after the (?:decimal )?point"
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
OF_A_FILE = re.compile(
    r"\b(?:save|store|write|export|load|read|dump|speicher|schreib|lies|lade|enregistr|écri|guard|salv|files?)\w*|\w\.json\b",
    re.IGNORECASE,
)
JSON_BEGINS = re.compile(r"[\[{]")
YES_OR_NO = (
    (re.compile(r"\byes or no\b", re.IGNORECASE), re.compile(r"\b(?:yes|no)\b", re.IGNORECASE), "yes or no"),
    (re.compile(r"\bja oder nein\b", re.IGNORECASE), re.compile(r"\b(?:ja|nein)\b", re.IGNORECASE), "ja oder nein"),
    (re.compile(r"\boui ou non\b", re.IGNORECASE), re.compile(r"\b(?:oui|non)\b", re.IGNORECASE), "oui ou non"),
    (re.compile(r"\bs[ií] o no\b", re.IGNORECASE), re.compile(r"\b(?:s[ií]|no)\b", re.IGNORECASE), "sí o no"),
)
IN_UNIT = re.compile(r"\b(?:in|en|em)\s+(?P<unit>[^\W\d_]{2,20})(?![\w])", re.IGNORECASE)
UNIT_OF_A_NUMBER = re.compile(r"\d[ \u00a0\u202f]?(?P<unit>[^\W\d_]{1,20})(?![\w])")
QUOTED = re.compile(r"`[^`\n]*`|\"[^\"\n]*\"|(?<!\w)'[^'\n]*'(?!\w)")
_NO_UNITS = "an mes ora ore mal second times min mi year years month months day days week weeks jahr mese tag"
NO_UNITS = frozenset(_NO_UNITS.split())
"""Words that name units, and something else behind `in`: in an hour, in second place, in year 3."""


def lacking(task: str, answer: str) -> tuple[str, ...]:
    """Return what an answer lacks of the form that its task prescribes, each in a few words.

    A template's names, a number of decimals, JSON, yes or no, a unit: whether it is there, not whether it is right. In
    doubt nothing is lacking: to ask once more costs a call.

    Args:
        task: The task's text.
        answer: The answer's text.
    """
    form = without_fenced_code(prescribed(task))
    units = _lacking_units(without_fenced_code(task), answer)
    found = (_lacking_places(form, answer), _lacking_kinds(form, answer), units)
    return tuple(dict.fromkeys(what for each in found for what in each))


def _lacking_places(form: str, answer: str) -> Iterator[str]:
    said = _bare(answer)
    for line in form.splitlines():
        prescribes = bool(PRESCRIBES.search(line))
        for found in NAMED_PLACE.finditer(line):
            if not prescribes and found["name"][0] not in "@#$":
                continue
            opening = found["name"] + ("[" if found["opens"] == "[" else "")
            if _bare(opening) not in said:
                yield f"`{found[0]}`"


def _bare(text: str) -> str:
    """Return text without what marks it in Markdown, in one case."""
    return re.sub(r"[*`]", "", text).casefold()


def _lacking_kinds(form: str, answer: str) -> Iterator[str]:
    if most := [_number(found["number"]) for found in DECIMALS.finditer(form)]:
        fractions = [(found[0], len(found[1])) for found in FRACTION.finditer(answer)]
        if fractions and all(digits > max(most) for _, digits in fractions):
            yield f"{max(most)} decimals at most (it has {', '.join(text for text, _ in fractions[:3])})"
    lines = form.splitlines()
    if any(WANTS_JSON.search(line) and not OF_A_FILE.search(line) for line in lines) and not _has_json(answer):
        yield "JSON"
    for asks, says, words in YES_OR_NO:
        if any(asks.search(line) and PRESCRIBES.search(line) for line in lines) and not says.search(answer):
            yield words


def _lacking_units(task: str, answer: str) -> Iterator[str]:
    """Yield the unit that is asked for where the answer has numbers, and all of them in others of its kind."""
    asked = {word: unit for word in _units_asked_for(task) if (unit := unit_of(word))}
    units = [unit for found in UNIT_OF_A_NUMBER.finditer(answer) if (unit := unit_of(found["unit"]))]
    for word, unit in asked.items():
        alike = [other for other in units if conversion(other, unit) is not None]
        wanted = [other for other in asked.values() if other.dimension == unit.dimension]
        if alike and not any(other in wanted for other in alike):
            yield f"the unit, {word}"


def _units_asked_for(task: str) -> Iterator[str]:
    for found in IN_UNIT.finditer(QUOTED.sub("", task)):
        if found["unit"].casefold() not in NO_UNITS:
            yield found["unit"]


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
