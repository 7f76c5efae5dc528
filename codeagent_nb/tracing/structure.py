"""Tells numbers that state no finding: what numbers, orders, sets up, or belongs to a convention. Pure."""

import re
from dataclasses import dataclass
from decimal import Decimal

from codeagent_nb.tracing import words
from codeagent_nb.tracing.digits import Reading
from codeagent_nb.tracing.units import unit_after

_MARKER = re.compile(r"(?:^|\n)[ \t>]*(?:#{1,6}[ \t]+|[-*][ \t]+)?\(?$")
_AFTER_MARKER = re.compile(r"[.)](?=\s)")
_ENDS = re.compile(r"[^\W\d_]-$|#$")

_CONFIDENCE = (
    r"ci\b|kis?\b|ic\b|confidence|credible|konfidenz|vertrauens|konfidens|prediction|prognose|hdi\b"
    r"|interval|intervall|de confian|di confiden|niveau|level\b|nivel|livello|signifi"
)
_CONFIDENCE_AFTER = re.compile(rf"\s?%?[- –]?(?:%[- –])?(?:{_CONFIDENCE})", re.IGNORECASE)  # noqa: RUF001
_CONFIDENCE_BEFORE = re.compile(
    rf"(?:\b(?:{_CONFIDENCE})\w*)(?:[ -]\w+)?[ (]*(?:\b(?:à|al?|au|del?|du|of|at|is|von|zu|på|om|[=:]))?[ (]*$",
    re.IGNORECASE,
)
_LEVELS = frozenset(map(Decimal, ("1", "5", "10", "68", "80", "90", "95", "98", "99", "99.9", "0.9", "0.95", "0.99")))

_LIMITS = frozenset(map(Decimal, ("0.1", "0.05", "0.01", "0.005", "0.001", "0.0001", "0.5")))
_LIMIT_BEFORE = re.compile(
    r"(?:[<>≤≥]=?|\b(?:below|under|above|over|than|to|at|of|threshold|cutoff|alpha|level|unter|über|als|von|bei"
    r"|Niveau"
    r"|à|de|que|a|seuil|umbral|soglia|di|del|än|under|över|på)|[α=])\s?$",  # noqa: RUF001
    re.IGNORECASE,
)
_OF_A_TEST = re.compile(
    r"\bp\b|p-|signifi|hypothes|hypothè|hipótesis|ipotesi|alpha|α|threshold|schwelle|seuil|umbral|soglia|tröskel",  # noqa: RUF001
    re.IGNORECASE,
)

_SPREAD_AFTER = re.compile(
    r"\s?(?:%|percent|prozent|pour cent|por ciento|per cento|procent)\s(?:of|der|des|de|dei|delle|degli|del|av)\s"
    r"(?:(?:the|all|los|las|les|le|i|gli|de|alla)\s)?(?:\w+\s)?(?:values?|data|observations?|points|cases"
    r"|werte?n?|daten|fälle|beobachtungen"
    r"|valeurs?|données|valores|datos|valori|dati|värden)\b[^.;]{0,60}?"
    r"(?:between|within|below|above|less|under|range|zwischen|unter|über|liegen|entre|inférieur|tra\b|fra\b|mellan)",
    re.IGNORECASE,
)
_QUANTILE_AFTER = re.compile(
    r"\s?(?:%|percent|prozent|pour cent|por ciento|per cento|procent)\s[^.;\n]{0,60}?\b(?:between|within"
    r"|less than|more than|below|above"
    r"|at (?:most|least)|up to|zwischen|unter|über|weniger als|mehr als|höchstens|mindestens|entre|moins de|plus de"
    r"|menos de|más de|meno di|più di|tra|fra|mellan|under|över|mindre än|mer än)\s(?:[$€£]|\d)",
    re.IGNORECASE,
)
"""What makes a share a quantile: "10 % earn less than 40,387 €"."""

_SUPERLATIVE_AFTER = re.compile(
    r"\s(?:most|least|best|worst|\w{3,}est|\w{3,}sten|plus|meilleure?s|pires|más|mejores|peores|più|migliori"
    r"|peggiori|\w{3,}aste|största|minsta)\b"
)
"""What makes a number that of a list of extremes: "the 5 most expensive"."""

_CALENDAR = frozenset({"365 d", "366 d", "24 h", "12 month", "52 week", "60 min", "60 s"})
_CALENDAR_AFTER = re.compile(r"\s\w+\s(?:in|of) (?:a|the) |\s\w+\s(?:a|per) (?:day|week|year)", re.IGNORECASE)
_CALENDAR_BEFORE = re.compile(r"\b(?:of|all|von|aller|alle|sur|des|de|los|di|tutti i|av)\s$", re.IGNORECASE)
_SHARES = frozenset(map(Decimal, ("5", "10", "25", "50", "68", "75", "80", "90", "95", "98", "99", "99.7")))

_CROSS = r"cross[- ]?valid|kreuzvalid|validation croisée|validación cruzada|incrociata|korsvalid|\bcv\b"
r"|folds?\b|\bplis\b|particiones|pliegues"
_CROSS_NEAR = re.compile(_CROSS, re.IGNORECASE)
_NEAR = 40

_SETTING_BEFORE = re.compile(
    r"(?:\bseed|random[_ ]?state|zufallsstartwert|graine|semilla|max[_ ]?depth|tiefe|n_\w{1,30}"
    r"|learning[_ ]rate|lernrate"
    r"|batch[_ ]size|epochs?|test[_ ]?size|train[_ ]?size|window|fenster|fenêtre|ventana|finestra|bins|degree"
    r"|random_seed)"
    r"\s?(?:=|:|of|is|was|to|set to|von|auf|de|di|del)?\s?$",
    re.IGNORECASE,
)
_SETTING_AFTER = re.compile(
    r"[- ](?:days?|tage?|tägig\w*|weeks?|wochen|months?|monats?|points?|hours?|stunden)[- ](?:rolling|moving"
    r"|average|window|mittel|durchschnitt|gleitend\w*)"
    r"|[- ]?(?:bins|epochs?|epochen|iterations?|iterationen|estimators|trees|neighbou?rs|nachbarn|voisins"
    r"|vecinos|vicini|layers|neurons|bäumen?|arbres|árboles|alberi)\b"
    r"|\s?(?:[/:]\s?\d{1,2})\s?[- ]?(?:split|train|test|ratio|aufteilung|verhältnis)",
    re.IGNORECASE,
)

_EACH = (
    r"(?:\b(?:per|every|each|additional|extra|further|pro|je|für je|zusätzliche[rn]?|weitere[rn]?|pour|par"
    r"|chaque|por cada|cada|por|ogni|per|su|varje|out of)"
    r"(?: additional| extra)?|\b(?:a|an) \w+ of)\s(?:US)?[$€£]?\s?"
)
_BASE_BEFORE = re.compile(rf"{_EACH}$", re.IGNORECASE)
BASE = re.compile(rf"{_EACH}(1[0., \u00a0\u202f]*0)\b", re.IGNORECASE)
"""What something is said for each of: `per 1,000`."""

_BASE_AFTER = re.compile(r"\s?\w{0,12}\s?(?:invested|investiert|investis|invertidos|investiti)", re.IGNORECASE)

_NAMED_AFTER = re.compile(
    r"-(?!(?:point|percent|prozent|fold|fach|day|hour|minute|second|week|month|year|jähr|tägig|stünd|minüt"
    r"|mal)\w*)[^\W\d_]{3,30}"
)
"""What makes a number part of a name: `5-star`, `8-cylinder`, `3-class`."""

_WHOLE_AFTER = re.compile(r"\s?(?:%|percent|prozent|pour cent|por ciento|per cento|procent)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text.

    Args:
        text: The text.
        start: Where the number's digits begin.
        end: Where they end.
        reading: What it likely means.
        is_bare: Whether neither a unit nor a word such as "million" stands beside it.
        has_sign: Whether a plus or a minus stands before it.
    """

    text: str
    start: int
    end: int
    reading: Reading
    is_bare: bool
    has_sign: bool

    @property
    def before(self) -> str:
        """What stands before it."""
        return self.text[max(0, self.start - 45) : self.start]

    @property
    def is_count(self) -> bool:
        """Whether it may be a count of things."""
        return self.is_bare and self.reading.step == 1 and self.reading.number >= 0

    @property
    def is_small(self) -> bool:
        """Whether it may number something."""
        return self.reading.step == 1 and 0 <= self.reading.number <= 100 and not self.has_sign


_ORDINAL_BEFORE = re.compile(r"\d\w{0,3}[-. ]{0,2}\w+\s?$")
_SCALE_BEFORE = re.compile(r"\b[01]\b[^.;\d]{0,20}(?:\b(?:to|bis|à|al?|until|till)|[–-])\s?$")  # noqa: RUF001
_SCALE_ENDS = frozenset(map(Decimal, (3, 4, 5, 6, 7, 10)))
_SPLIT_BEFORE = re.compile(r"(?<!\d)\d{1,2}[/:]$")
_SPLIT_AFTER = re.compile(r"\s?[- ]?(?:split|train|test|ratio|aufteilung|verhältnis)", re.IGNORECASE)
_FIGURE = re.compile(
    r"\s?(?:dpi|px|pixels?)\b|\s?[x×]\s?\d{1,5}\s?(?:inch|in\b|cm|px|pixel|zoll|pouces)"  # noqa: RUF001
    r"|\s?inch(?:es)?\b(?<=inches)(?= at)",
    re.IGNORECASE,
)
_FIGURE_BEFORE = re.compile(r"\d\s?[x×]\s?$")  # noqa: RUF001
_CONDITION_BEFORE = re.compile(r"(?<!\bp)(?<!\bp-value)\s?(?:[<>≥≤]=?|&[lg]t;)\s?$")
_ONE_IN = re.compile(r"(?:/|\s(?:in|out of|von|sur|de cada|de|su|av)\s)\d{1,3}\b(?!\s?[%.,]?\d)")
_IN_ONE_BEFORE = re.compile(r"(?<![\d.,])1(?:/|\s(?:in|out of|von|sur|de cada|de|su|av)\s)$")
_SUGGESTS = re.compile(
    r"\b(?:could|would you|might|you can|can also|let me know|if you (?:like|want|wish)|feel free|consider"
    r"|recommend|suggest|rule of thumb"
    r"|könnte|sollten? (?:sie|man|wir)|möchten|empfehle|faustregel|pourrai|devrai|souhaite|podría|debería|recomiendo"
    r"|potre|dovre|consiglio|skulle|rekommenderar)",
    re.IGNORECASE,
)
_SENTENCE_ENDS = re.compile(r"[.!?;]\s|\n")


def is_structure(number: Number) -> bool:
    """Return whether a number of a text states no finding."""
    size = number.reading.number
    if _is_of_scale(number) or _is_suggested(number):
        return True
    if (
        number.is_small
        and _MARKER.search(number.text, max(0, number.start - 20), number.start)
        and _AFTER_MARKER.match(number.text, number.end)
    ):
        return True
    if words.STRUCTURE_AFTER.match(number.text, number.end) and size <= 100:
        return True
    is_whole = number.is_bare and number.reading.step == 1 and size <= 100
    if is_whole and words.PERCENTILE_BEFORE.search(number.before) and not _ORDINAL_BEFORE.search(number.before):
        return True
    if size in {0, 1, 100} and number.is_count and words.RANGE_BEFORE.search(number.before):
        return True
    if number.is_small and 2 <= size <= 20 and _SUPERLATIVE_AFTER.match(number.text, number.end):
        return True
    unit, _ = unit_after(number.text, number.end)
    is_calendar = _CALENDAR_BEFORE.search(number.before) or _CALENDAR_AFTER.match(number.text, number.end)
    if unit and is_calendar and f"{size} {unit.name}" in _CALENDAR:
        return True
    return _is_convention(number) or _is_numbering(number) or _is_setting(number)


def _is_of_scale(number: Number) -> bool:
    """Return whether a number ends a scale, is a condition, a part of a split, or the size of a figure."""
    size, text, end, before = number.reading.number, number.text, number.end, number.before
    if size in _SCALE_ENDS and number.is_small and _SCALE_BEFORE.search(before):
        return True
    if _SPLIT_BEFORE.search(before) and _SPLIT_AFTER.match(text, end):
        return True
    if _FIGURE.match(text, end) or (_FIGURE_BEFORE.search(before) and unit_after(text, end)[0]):
        return True
    if number.is_bare and _CONDITION_BEFORE.search(before) and text[end : end + 1] != ">":
        return True
    is_one_in = size == 1 and _ONE_IN.match(text, end)
    return bool(number.is_small and (is_one_in or _IN_ONE_BEFORE.search(before)))


def _is_suggested(number: Number) -> bool:
    """Return whether a small number only stands in a proposal: "you could try k = 3"."""
    if not number.is_small:
        return False
    start = max(
        (found.end() for found in _SENTENCE_ENDS.finditer(number.text, max(0, number.start - 200), number.start)),
        default=max(0, number.start - 200),
    )
    return _SUGGESTS.search(number.text, start, number.end + 40) is not None


def _is_convention(number: Number) -> bool:
    size, text, end = number.reading.number, number.text, number.end
    if words.CONVENTION_BEFORE.search(number.before) and size in words.CONVENTIONAL:
        return True
    if size in _LEVELS and (_CONFIDENCE_AFTER.match(text, end) or _CONFIDENCE_BEFORE.search(number.before)):
        return True
    if size in _SHARES and (_SPREAD_AFTER.match(text, end) or _QUANTILE_AFTER.match(text, end)):
        return True
    around = text[max(0, number.start - 160) : end + 60]
    if (size in _LIMITS or size in {1, 5, 10}) and _LIMIT_BEFORE.search(number.before) and _OF_A_TEST.search(around):
        return True
    return size == 100 and _WHOLE_AFTER.match(text, end) is not None


def _is_setting(number: Number) -> bool:
    """Return whether a number says how something was set up, or is the base of a rate."""
    size, text, end = number.reading.number, number.text, number.end
    if _SETTING_BEFORE.search(number.before) or _SETTING_AFTER.match(text, end):
        return True
    if number.is_small and 2 <= size <= 20 and _CROSS_NEAR.search(text[max(0, number.start - _NEAR) : end + _NEAR]):
        return True
    if number.is_count and size <= 100 and _NAMED_AFTER.match(text, end):
        return True
    return is_round(size) and bool(_BASE_BEFORE.search(number.before) or _BASE_AFTER.match(text, end))


def is_round(number: Decimal) -> bool:
    """Return whether a number is ten, a hundred, a thousand and so on, as the base of a rate is."""
    return number >= 10 and number == Decimal(1).scaleb(number.adjusted())


def _is_numbering(number: Number) -> bool:
    if _ENDS.search(number.before) and not words.ROUGH.search(number.before):
        return True  # COVID-19, top-5, #1
    is_ordinal = number.is_bare and (number.is_small or number.reading.step < 1)
    return bool(is_ordinal and words.STRUCTURE_BEFORE.search(number.before))
