"""Owns units: how they are written in six languages, and what converts into what. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from codeagent_nb.tracing.words import SCALES

PERCENT = "percent"
TIMES = "times"
MONEY = "money"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measurement.

    Args:
        name: How it is written in short.
        dimension: What it measures; only units of one dimension convert into one another.
        factor: How many of the dimension's base unit it is; None if it does not convert, such as a currency.
    """

    name: str
    dimension: str
    factor: Decimal | None = None


# dimension, factor ("-": does not convert), how it is written; the first is its name.
_TABLE = """
percent 1 % points punkte punkten puntos punti procent procentenheter
percent 1 % percent pct prozent pourcent porcentaje percento %-punkte prozentpunkte pp percentage
permille - ‰ promille
mass 0.000001 µg μg microgram micrograms mikrogramm
mass 0.001 mg milligram milligrams milligramm milligrammes miligramos milligrammi
mass 1 g gram grams gramm gramme grammes gramo gramos grammo grammi
mass 1000 kg kilogram kilograms kilogramm kilogramme kilogrammes kilogramos kilogrammi kilo kilos chilogrammi
mass 1000000 t tonne tonnes tonnen toneladas tonnellate
mass 453.59237 lb lbs pound pounds pfund
mass 28.349523 oz ounce ounces
length 0.000000001 nm nanometer nanometers nanometres
length 0.000001 µm μm micrometer micrometers
length 0.001 mm millimeter millimeters millimetre millimetres millimètres milímetros millimetri
length 0.01 cm centimeter centimeters centimetre centimetres zentimeter centimètres centímetros centimetri
length 1 m meter meters metre metres mètre mètres metro metros metri
length 1000 km kilometer kilometers kilometre kilometres kilometern kilomètres kilómetros chilometri
length 0.0254 inch inches
length 0.3048 ft feet
length 1609.344 mi mile miles meilen
area 0.000001 mm² mm2
area 0.0001 cm² cm2 quadratzentimeter
area 1 m² m2 sqm quadratmeter
area 10000 ha hectare hectares hektar
area 1000000 km² km2
volume 0.001 cm³ cm3
volume 0.001 ml mL milliliter milliliters millilitres
volume 1 l L liter liters litre litres litro litros litri
volume 1000 m³ m3
time 0.000001 µs μs
time 0.001 ms millisecond milliseconds millisekunden millisecondes milisegundos millisecondi
time 1 s sec secs second seconds sekunde sekunden seconde secondes segundo segundos secondo secondi
time 60 min mins minute minutes minuten minuto minutos minuti
time 3600 h hr hrs hour hours stunde stunden heure heures hora horas ora ore
time 86400 d day days tag tage tagen jour jours día días giorno giorni
time 604800 week weeks woche wochen semaine semaines semana semanas settimana settimane
time - month months monat monate monaten mois mes meses mese mesi
time - year years yr yrs jahr jahre jahren ans année années año años anno anni
temperature - °C
temperature - °F
temperature - K kelvin
money - $ usd dollar dollars dólares dollari us$
money - € eur euro euros
money - £ gbp
money - ¥ jpy yen
money - ₹ inr rs rupees
money - CHF chf franken
data 1 B byte bytes octets
data 1000 kB KB kilobyte kilobytes
data 1000000 MB megabyte megabytes
data 1000000000 GB gigabyte gigabytes
data 1000000000000 TB terabyte terabytes
speed 1 km/h kmh kph
speed 3.6 m/s
speed 1.609344 mph
power 1 W watt watts
power 1000 kW kilowatt
power 1000000 MW megawatt
power 1000000000 GW gigawatt
energy 1 Wh
energy 1000 kWh kilowattstunden
energy 1000000 MWh
energy 1000000000 GWh
energy 1000000000000 TWh
frequency 1 Hz hertz
frequency 1000 kHz
frequency 1000000 MHz
frequency 1000000000 GHz
pressure 1 Pa
pressure 100 hPa mbar
pressure 1000 kPa
times 1 × x times -mal -fold fold mal -fach fach fois veces volte
"""  # noqa: RUF001


def _units() -> Iterator[tuple[str, Unit]]:
    for line in _TABLE.strip().splitlines():
        dimension, factor, *words = line.split()
        unit = Unit(words[0], dimension, None if factor == "-" else Decimal(factor))
        yield from ((word, unit) for word in words)


UNITS = dict(_units())

WORD = re.compile(
    r"(?:[  \u202f\u2009])?(?:d['’]|d[ei][  ])?(%-Punkte|%|‰|°[CF]|[$€£¥₹×]|-fold\b|-fach\b|-mal\b|US\$|km/h"  # noqa: RUF001
    r"|m/s"
    r"|[^\W\d_]{1,20}+[²³23]?(?![\w²³'’]))"  # noqa: RUF001
)
PERCENT_WORDS = re.compile(r"[  ]?(?:pour cent|por ciento|per cent[oi]?|puntos porcentuales)\b", re.IGNORECASE)
CURRENCY_BEFORE = re.compile(r"(US\$|[$€£¥₹]|\b(?:USD|EUR|GBP|CHF|INR|JPY|Rs\.?|Fr\.))[  \u202f]?$")

_NOT_IN_LABELS = frozenset({"min", "mins", "x", "×", "mal", "an", "mes", "ora", "ore", "pound", "second", "times"})  # noqa: RUF001
_IN_LABEL = re.compile(r"[(\[]\s*+([^()\[\]]{1,20})[)\]]|(?:_|\b(?:in|en)[\s_])([^\W_]{1,20}|[%$€£¥₹°][CF]?)(?![^\W_])")
_PERCENT_LABEL = re.compile(r"%|(?<![^\W_])(?:pct|perc|percent|percentage|prozent|pourcent|porcentaje|percentuale)")
_QUANTILE = re.compile(r"\d{1,2}(?:\.\d{1,3})?%")
_DURATION = re.compile(
    r"(?:duration|time|dauer|zeit|elapsed|runtime|wait\w*|delay|durée|duración|durata)(?:_in)?_min(?![^\W_])"
)
_TEMPERATURE = re.compile(r"temp\w{0,20}?[_ (\[]([cf])(?![^\W_])")


def unit_of(word: str) -> Unit | None:
    """Return the unit that a word names; short ones count as they are written, longer ones in any case."""
    return UNITS.get(word) or (UNITS.get(word.casefold()) if len(word) > 2 else None)


def unit_after(text: str, end: int) -> tuple[Unit | None, int]:
    """Return the unit that stands behind a number, and where it ends."""
    if found := PERCENT_WORDS.match(text, end):
        return UNITS["%"], found.end()
    if (found := WORD.match(text, end)) and (unit := unit_of(found[1])):
        return unit, found.end()
    return None, end


def unit_before(text: str, start: int) -> tuple[Unit | None, int]:
    """Return the currency that stands before a number, and where it begins."""
    before = text[max(0, start - 6) : start]
    if found := CURRENCY_BEFORE.search(before):
        word = {"Rs.": "₹", "Rs": "₹", "Fr.": "CHF", "US$": "$"}.get(found[1], found[1])
        return unit_of(word), start - len(before) + found.start()
    return None, start


def label_unit(label: str) -> Unit | None:
    """Return the unit that a label names: `body_mass_g`, `Mass (kg)`, `price in EUR`, `share_pct`."""
    if _PERCENT_LABEL.search(label.casefold()) and not _QUANTILE.fullmatch(label.strip()):
        return UNITS["%"]
    if _DURATION.search(label.casefold()):
        return UNITS["min"]
    if found := _TEMPERATURE.search(label.casefold()):
        return UNITS[f"°{found[1].upper()}"]
    if len(label) > 1 and label not in _NOT_IN_LABELS and (unit := UNITS.get(label)):
        return unit
    units = [
        unit
        for found in _IN_LABEL.finditer(label[:200])
        if (word := (found[1] or found[2]).strip()) not in _NOT_IN_LABELS and (unit := unit_of(word))
    ]
    return units[-1] if units else None


_NAMED = re.compile(
    r"(?:[\d  ]|_|[(\[]|\b(?:in|en|em)\s)(%|‰|°[CF]|[$€£¥₹]|km/h|m/s|[^\W\d_]{1,20}+[²³23]?)(?![\w²³])", re.IGNORECASE
)
_CURRENCY_NAMED = re.compile(r"([$€£¥₹])\s?-?\d")
_ALONE = re.compile(r"^[A-Za-z/]{2,5}$", re.MULTILINE)
_CLOSE = re.compile(r"[\n\t]")
_LONE = re.compile(r"(?:\d|[(\[_]|\b(?:in|en|em)\s)\s?$")


def named_units(text: str) -> frozenset[Unit]:
    """Return the units that a text names anywhere; one of a letter or two only behind a number or in a label."""
    found = {UNITS[match[1]] for match in _CURRENCY_NAMED.finditer(text)}
    found |= {unit for match in _ALONE.finditer(text) if (unit := UNITS.get(match[0]))}
    for match in _NAMED.finditer(text):
        word = match[1]
        before = _CLOSE.split(text[max(0, match.start(1) - 4) : match.start(1)])[-1].rstrip()
        is_beside = before[-1:].isdigit() or before.endswith((" in", " en"))
        unit = unit_of(word) if is_beside or word not in _NOT_IN_LABELS else None
        if unit and (len(word) > 3 or _LONE.search(text, max(0, match.start(1) - 4), match.start(1))):
            found.add(unit)
    return frozenset(found)


def conversion(given: Unit, wanted: Unit) -> Decimal | None:
    """Return what a number in one unit is multiplied with to be in another one; None if it does not convert."""
    if given == wanted:
        return Decimal(1)
    if given.dimension != wanted.dimension or given.factor is None or wanted.factor is None:
        return None
    return given.factor / wanted.factor


_SCALE = re.compile(r"[  \u202f]?(mil millones|[^\W\d_]{1,10}+)\b\.?", re.IGNORECASE)
_OF_MONEY = re.compile(r"[  \u202f]?(k|K|M|Mio|Md|Mrd|bn)(?=[  ]?[€$£])")
_ENDS_WITH_A_POINT = frozenset({"mio", "mrd", "tsd"})


def scale_after(text: str, end: int) -> tuple[Decimal, int]:
    """Return what a word such as "million" behind a number multiplies it with, and where the number ends."""
    if found := _OF_MONEY.match(text, end):
        return SCALES[found[1] if found[1] == "M" else found[1].casefold()], found.end()
    found = _SCALE.match(text, end)
    if not found:
        return Decimal(1), end
    word = found[1]
    if len(word) == 1:  # 5k, 1.2M, but 5 M is no million, and 5 m are metres
        is_scale = found.start(1) == end and word in "kKMB"
        return (SCALES["k" if word == "K" else word], found.end(1)) if is_scale else (Decimal(1), end)
    factor = SCALES.get(word) or SCALES.get(word.casefold()) or (SCALES["bn"] if " " in word else None)
    stop = found.end() if word.casefold() in _ENDS_WITH_A_POINT else found.end(1)
    return (factor, stop) if factor else (Decimal(1), end)


_IN_SCALE = re.compile(
    r"[(\[]\s?(?:in\s)?(?:[€$£]\s?)?([^\W\d_]{1,10})\.?\s?(?:[€$£]|EUR|USD|CHF)?\s?[)\]]|\bin\s([^\W\d_]{3,10})\b"
)


def scale_in(label: str) -> Decimal:
    """Return what the numbers under a label are to be multiplied with: `Stimmen (Mio.)`, `Revenue ($M)`."""
    for found in _IN_SCALE.finditer(label[:400]):
        word = found[1] or found[2]
        factor = SCALES.get(word) or SCALES.get(word.casefold())
        if factor and word not in {"m", "b"}:
            return factor
    return Decimal(1)
