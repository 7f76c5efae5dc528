"""Owns how numbers are written in digits: grouped or not, with points or commas, with exponents. Pure.

What is ambiguous has more than one reading: `1.234` is 1234 in German and Spanish.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

MINUS = "-−–"  # noqa: RUF001
THIN_SPACES = "\u00a0\u202f\u2009"


@dataclass(frozen=True, slots=True)
class Reading:
    """A number that digits may mean.

    Args:
        number: The number.
        step: What one more in its last digit adds.
    """

    number: Decimal
    step: Decimal

    def scaled(self, by: Decimal) -> "Reading":
        """Return it multiplied, as a unit or a word such as "million" asks for."""
        return Reading(self.number * by, self.step * abs(by))


def _pattern(spaces: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?<![\w^])(?<!\d[.,])"
        rf"(?P<sign>(?<![\w.,)\]%])[{MINUS}+])?"
        rf"(?:(?P<grouped>\d{{1,3}}(?P<gap>[,.'’{spaces}])\d{{3}}(?:(?P=gap)\d{{3}}){{0,6}}(?!\d)(?P<rest>(?!"  # noqa: RUF001
        rf"(?P=gap))[.,]\d{{1,40}}+)?)"
        rf"|(?P<indian>\d{{1,2}}(?:,\d{{2}}){{1,6}},\d{{3}}(?P<paise>\.\d{{1,40}}+)?)"
        rf"|(?P<plain>\d{{1,40}}+(?:[.,]\d{{1,40}}+)?|(?<!\.)\.\d{{1,40}}+))"
        rf"(?P<power>[eE][-+−]?\d{{1,4}}+|[  ]?[×x·*][  ]?10(?:\^[({{]?[-−]?\d{{1,3}}+[)}}]?"  # noqa: RUF001
        rf"|[⁻⁺]?[⁰¹²³⁴-⁹]{{1,3}}))?"
        rf"(?![.,]?\d)"
    )


IN_PROSE = _pattern(f"{THIN_SPACES} ")
"""A number in a sentence, where thousands may stand apart."""

IN_OUTPUT = _pattern(THIN_SPACES)
"""A number in output, where a space parts two of them."""

MACHINE = re.compile(r"(?<![\w.^])[-+]?(?:\d{1,40}+(?:\.\d{1,40}+)?|\.\d{1,40}+)(?:[eE][-+]?\d{1,4}+)?(?![\w.])")
"""A number as a program writes it: a comma always parts."""

_SUPERSCRIPTS = str.maketrans("⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹−", "-+0123456789-")  # noqa: RUF001
_EXPONENT = re.compile(r"[-+]?\d+$")


def readings(match: re.Match[str]) -> tuple[Reading, ...]:
    """Return what a match of `IN_PROSE` or `IN_OUTPUT` may mean; the likelier first."""
    sign = -1 if match["sign"] and match["sign"][0] in MINUS else 1
    power = _power(match["power"] or "")
    return tuple(_reading(sign, digits, power) for digits in _plain(match))


def _plain(match: re.Match[str]) -> Iterator[str]:
    if plain := match["plain"]:
        yield plain.replace(",", ".")
    elif indian := match["indian"]:
        yield indian.replace(",", "")
    else:
        grouped, gap, rest = match["grouped"], match["gap"], match["rest"] or ""
        whole = grouped[: len(grouped) - len(rest)]
        is_decimal = gap in ",." and not rest and whole.count(gap) == 1
        if is_decimal and gap == ".":
            yield whole
        if not (is_decimal and whole.startswith("0")):
            yield whole.replace(gap, "") + rest.replace(",", ".")
        if is_decimal and gap == ",":
            yield whole.replace(",", ".")


def _power(text: str) -> int:
    if not text:
        return 0
    text = text.translate(_SUPERSCRIPTS).rstrip(")}")
    if "10^" not in text and text.strip()[:1] in "×x·*":  # noqa: RUF001
        text = text[text.index("10") + 2 :]
    found = _EXPONENT.search(text)
    return int(found[0]) if found else 0


def _reading(sign: int, digits: str, power: int) -> Reading:
    number = Decimal(digits).scaleb(power)
    decimals = len(digits) - digits.index(".") - 1 if "." in digits else 0
    return Reading(sign * number, Decimal(1).scaleb(power - decimals))


def trailing_zeros(number: Decimal) -> int:
    """Return how many zeros a whole number ends with."""
    whole = abs(int(number)) if number == number.to_integral_value() and abs(number) < Decimal("1e30") else 1
    zeros = 0
    while whole and whole % 10 == 0:
        whole //= 10
        zeros += 1
    return zeros
