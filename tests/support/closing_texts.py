"""Closing texts, true ones and ones with a planted fault, with the outputs they are about.

Those of templates are made from a seed; the rest is written by hand: in `written_closings`, `later_closings` and, whole
runs of the agent, in the files of `closings`. Of those, a was written first; b to f were each measured with once
before anything was tuned to them, when 25 of 75, 9 of 38, 9 of 22, 2 of 18 and 1 of 10 true texts were marked. Today's rates
say more of these texts than of others. In a text [[ ]] marks a computed value, a bar in it the unit, and << >> a name
that may be swapped with another one.
"""

# ruff: noqa: E501, RUF001 - texts as people write them

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from codeagent_nb.tracing.sources import Source
from tests.support.closing_files import Fault, runs
from tests.support.later_closings import LATER
from tests.support.written_closings import WRITTEN


@dataclass(frozen=True, slots=True)
class Closing:
    """A closing text.

    Args:
        name: The template it is made from, or its number among those written by hand.
        marked: The text with its marks.
        outputs: What was printed or shown, and the task.
        is_held_out: Whether nothing was tuned to it until the first measurement.
    """

    name: str
    marked: str
    outputs: Sequence[str]
    is_held_out: bool

    @property
    def text(self) -> str:
        return plain(self.marked)

    @property
    def sources(self) -> list[Source]:
        return [
            Source.of_html(f"cell-{number}", output)
            if output.startswith("<table")
            else Source(f"cell-{number}", output)
            for number, output in enumerate(self.outputs)
        ]


@dataclass(frozen=True, slots=True)
class Planted:
    """A closing text with a fault.

    Args:
        closing: The true one.
        fault: What was planted.
        text: The false text.
        spans: Where values stand that are false now.
    """

    closing: Closing
    fault: Fault
    text: str
    spans: Sequence[tuple[int, int]]


MARK = re.compile(r"\[\[(?P<value>[^\]|]*)(?:\|(?P<unit>[^\]]*))?\]\]|<<(?P<name>[^>]*)>>")


def plain(marked: str) -> str:
    return MARK.sub(lambda mark: mark["name"] or f"{mark['value']}{mark['unit'] or ''}", marked)


# Numbers as people of a language write them.

GAPS = {
    "en": (",", "."),
    "de": (".", ","),
    "es": (".", ","),
    "it": (".", ","),
    "fr": ("\u202f", ","),
    "ch": ("’", "."),
    "plain": ("", "."),
}


def said(number: float, decimals: int, language: str) -> str:
    thousands, point = GAPS[language]
    return f"{number:,.{decimals}f}".replace(",", "\x00").replace(".", point).replace("\x00", thousands)


# Outputs as pandas prints them.


def series(index: str, names: Sequence[str], numbers: Sequence[float], name: str, decimals: int = 6) -> str:
    shown = [f"{number:.{decimals}f}" for number in numbers]
    width, right = max(map(len, names)), max(map(len, shown))
    rows = [f"{one:<{width}}    {number:>{right}}" for one, number in zip(names, shown, strict=True)]
    return "\n".join([index, *rows, f"Name: {name}, dtype: {'float64' if decimals else 'int64'}"])


def frame(header: Sequence[str], rows: Sequence[Sequence[str]], index: str = "") -> str:
    table = [["", *header], *([[index, *[""] * len(header)]] if index else []), *map(list, rows)]
    widths = [max(len(row[place]) for row in table) for place in range(len(table[0]))]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  "
        + "  ".join(f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in table
    )


def html(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{cell}</th>" for cell in ["", *header])
    body = "".join(f"<tr><th>{row[0]}</th>{''.join(f'<td>{cell}</td>' for cell in row[1:])}</tr>" for row in rows)
    return f'<table border="1" class="dataframe"><thead><tr style="text-align: right;">{head}</tr></thead><tbody>{body}</tbody></table>'


NAMES = [
    ["Adelie", "Chinstrap", "Gentoo"],
    ["North", "South", "East", "West"],
    ["Bern", "Basel", "Zürich", "Lugano"],
    ["Marketing", "Sales", "Engineering", "Support"],
    ["Monday", "Tuesday", "Friday"],
    ["setosa", "versicolor", "virginica"],
    ["Electronics", "Books", "Toys", "Garden"],
    ["Madrid", "Sevilla", "Valencia"],
]
MEASURES = [
    ("body_mass", "g", "kg"),
    ("distance", "km", "m"),
    ("duration", "min", "h"),
    ("price", "€", "$"),
    ("height", "cm", "mm"),
    ("energy", "kWh", "MWh"),
]

Made = tuple[str, list[str]]


def some(rng: random.Random) -> tuple[list[str], list[float]]:
    names = list(rng.choice(NAMES))
    rng.shuffle(names)
    size = rng.choice([50, 900, 7_000, 90_000])
    numbers: list[float] = []
    while len(numbers) < len(names):
        number = round(rng.uniform(size / 5, size), 4)
        if all(abs(number - other) > size / 40 for other in numbers):
            numbers.append(number)
    return names, numbers


def extremes(names: Sequence[str], numbers: Sequence[float]) -> tuple[tuple[str, float], tuple[str, float]]:
    pairs = sorted(zip(names, numbers, strict=True), key=lambda pair: pair[1])
    return pairs[-1], pairs[0]


def sentence_of_extremes(rng: random.Random) -> Made:
    names, numbers = some(rng)
    (most, high), (least, low) = extremes(names, numbers)
    measure, unit, _ = rng.choice(MEASURES)
    language = rng.choice(["en", "de", "fr", "es", "it"])
    hi, lo = (f"[[{said(number, 2, language)}| {unit}]]" for number in (high, low))
    text = {
        "en": f"On average, <<{most}>> is highest with {hi}, and <<{least}>> is lowest with {lo}.",
        "de": f"Den höchsten Mittelwert hat <<{most}>> mit {hi}, den niedrigsten <<{least}>> mit {lo}.",
        "fr": f"La moyenne la plus élevée est celle de <<{most}>> avec {hi} ; la plus basse est celle de <<{least}>> avec {lo}.",
        "es": f"La media más alta corresponde a <<{most}>> con {hi} y la más baja a <<{least}>> con {lo}.",
        "it": f"La media più alta è quella di <<{most}>> con {hi}, la più bassa quella di <<{least}>> con {lo}.",
    }[language]
    return text, [series("group", names, numbers, f"{measure}_{unit}")]


def bullet_list(rng: random.Random) -> Made:
    names, numbers = some(rng)
    _, unit, _ = rng.choice(MEASURES)
    language = rng.choice(["en", "de", "fr", "es", "ch"])
    lead = {
        "en": "The means are:",
        "de": "Die Mittelwerte:",
        "fr": "Voici les moyennes :",
        "es": "Las medias son:",
        "ch": "Die Mittelwerte:",
    }[language]
    items = [
        f"- **<<{name}>>**: [[{said(number, 1, language)}| {unit}]]"
        for name, number in zip(names, numbers, strict=True)
    ]
    return "\n".join([lead, "", *items]), [
        "\n".join(f"{name}: {number:.2f} {unit}" for name, number in zip(names, numbers, strict=True))
    ]


def counts_and_shares(rng: random.Random) -> Made:
    names = list(rng.choice(NAMES))
    counts = rng.sample(range(31, 900), len(names))
    total = sum(counts)
    language = rng.choice(["en", "de", "es", "it"])
    word = {"en": "rows in all", "de": "Zeilen insgesamt", "es": "filas en total", "it": "righe in totale"}[language]
    parts = [
        f"<<{name}>> [[{said(count, 0, language)}]] ([[{said(count / total * 100, 1, language)}| %]])"
        for name, count in zip(names, counts, strict=True)
    ]
    return f"[[{said(total, 0, language)}]] {word}: {', '.join(parts)}.", [series("kind", names, counts, "count", 0)]


def markdown_table(rng: random.Random) -> Made:
    names, means = some(rng)
    maxima = [round(mean * rng.uniform(1.2, 2), 1) for mean in means]
    rows = [
        f"| <<{name}>> | [[{mean:.2f}]] | [[{high:.1f}]] |"
        for name, mean, high in zip(names, means, maxima, strict=True)
    ]
    source = frame(
        ["mean", "max"],
        [[name, f"{mean:.4f}", f"{high:.1f}"] for name, mean, high in zip(names, means, maxima, strict=True)],
        "group",
    )
    return "\n".join(["Results by group:", "", "| group | mean | max |", "|---|---|---|", *rows]), [source]


def described(rng: random.Random) -> Made:
    measure, unit, _ = rng.choice(MEASURES)
    count, mean = rng.randrange(120, 5000), rng.uniform(30, 9000)
    low, high, median, spread = mean * 0.31, mean * 1.93, mean * 0.94, mean * 0.217
    rows = [
        ["count", f"{count:.6f}"],
        ["mean", f"{mean:.6f}"],
        ["std", f"{spread:.6f}"],
        ["min", f"{low:.6f}"],
        ["50%", f"{median:.6f}"],
        ["max", f"{high:.6f}"],
    ]
    language = rng.choice(["en", "de", "fr", "es", "it"])
    m, d, lo, hi, s = (f"[[{said(number, 2, language)}| {unit}]]" for number in (mean, median, low, high, spread))
    n = f"[[{said(count, 0, language)}]]"
    text = {
        "en": f"Over {n} values the <<mean>> is {m} and the <<median>> {d}; they range from {lo} to {hi} (standard deviation {s}).",
        "de": f"Bei {n} Werten liegt der <<Mittelwert>> bei {m}, das <<Minimum>> bei {lo} und das <<Maximum>> bei {hi}; die Standardabweichung ist {s}.",
        "fr": f"Sur {n} valeurs, la <<moyenne>> est de {m}, le <<minimum>> de {lo} et le <<maximum>> de {hi} (écart type {s}).",
        "es": f"Con {n} valores, la <<media>> es {m}, el <<mínimo>> {lo} y el <<máximo>> {hi}.",
        "it": f"Su {n} valori la <<media>> è {m}, il <<minimo>> {lo} e il <<massimo>> {hi}.",
    }[language]
    return text, [frame([f"{measure}_{unit}"], rows)]


def printed_scalars(rng: random.Random) -> Made:
    rows, mean, share = rng.randrange(1000, 90000), rng.uniform(10, 90), rng.uniform(0.05, 0.95)
    output = f"Number of rows: {rows}\nMean age: {mean:.4f} years\nShare of members: {share:.4f}"
    language = rng.choice(["en", "de", "fr"])
    n, m, p = said(rows, 0, language), said(mean, 1, language), said(share * 100, 1, language)
    text = {
        "en": f"The table has [[{n}]] rows. The mean age is [[{m}| years]], and [[{p}|%]] are members.",
        "de": f"Die Tabelle hat [[{n}]] Zeilen. Das mittlere Alter ist [[{m}| Jahre]], und [[{p}| %]] sind Mitglieder.",
        "fr": f"La table compte [[{n}]] lignes. L'âge moyen est de [[{m}| ans]] et [[{p}| %]] sont membres.",
    }[language]
    return text, [output]


def difference_said(rng: random.Random) -> Made:
    names, numbers = some(rng)
    (most, high), (least, low) = extremes(names, numbers)
    _, unit, _ = rng.choice(MEASURES)
    language = rng.choice(["en", "de", "fr", "es"])
    gap, hi, lo = (f"[[{said(number, 2, language)}| {unit}]]" for number in (round(high, 4) - round(low, 4), high, low))
    text = {
        "en": f"<<{most}>> ({hi}) is {gap} above <<{least}>> ({lo}).",
        "de": f"<<{most}>> liegt mit {hi} um {gap} über <<{least}>> mit {lo}; das ist der größte Unterschied.",
        "fr": f"L'écart entre <<{most}>> ({hi}) et <<{least}>> ({lo}) est de {gap}.",
        "es": f"La diferencia entre <<{most}>> ({hi}) y <<{least}>> ({lo}) es de {gap}.",
    }[language]
    return text, [
        "{" + ", ".join(f"'{name}': {number}" for name, number in zip(names, numbers, strict=True)) + "}",
        f"task: compare the means in {unit}",
    ]


def yearly_change(rng: random.Random) -> Made:
    first, last = rng.randrange(10_000, 90_000), rng.randrange(10_000, 90_000)
    year = rng.randrange(2008, 2022)
    language = rng.choice(["en", "de", "it"])
    change = f"[[{said(abs(last - first) / first * 100, 1, language)}|{'%' if language == 'en' else ' %'}]]"
    a, b = f"[[{said(first, 0, language)}]]", f"[[{said(last, 0, language)}]]"
    text = {
        "en": f"Sales {'rose' if last > first else 'fell'} from {a} in <<{year}>> to {b} in <<{year + 1}>>, a change of {change}.",
        "de": f"Der Absatz {'stieg' if last > first else 'fiel'} von {a} im Jahr <<{year}>> auf {b} im Jahr <<{year + 1}>>, eine Änderung um {change}.",
        "it": f"Le vendite sono {'aumentate' if last > first else 'diminuite'} da {a} nel <<{year}>> a {b} nel <<{year + 1}>> ({change}).",
    }[language]
    return text, [f"year\n{year}    {first}\n{year + 1}    {last}\nName: units, dtype: int64"]


def head_of_frame(rng: random.Random) -> Made:
    names, numbers = some(rng)
    ages = rng.sample(range(20, 80), len(names))
    rows = [
        [str(number), name, f"{value:.2f}", str(age)]
        for number, (name, value, age) in enumerate(zip(names, numbers, ages, strict=True))
    ]
    most, _ = extremes(names, numbers)
    place = names.index(most[0])
    text = f"The first {len(names)} rows are shown above. <<{most[0]}>> has the highest score, [[{most[1]:,.2f}]], at an age of [[{ages[place]}| years]]."
    make = rng.choice(
        [lambda: html(["name", "score", "age_years"], rows), lambda: frame(["name", "score", "age_years"], rows)]
    )
    return text, [make()]


def rounded_millions(rng: random.Random) -> Made:
    names = list(rng.choice(NAMES[1:4]))
    numbers = rng.sample(range(1_100_000, 9_900_000), len(names))
    language = rng.choice(["en", "de", "fr", "es"])
    word = {"en": "million", "de": "Mio.", "fr": "millions", "es": "millones"}[language]
    parts = [
        f"<<{name}>> [[{said(number / 1e6, 2, language)} {word}]]" for name, number in zip(names, numbers, strict=True)
    ]
    lead = {
        "en": "Turnover by region",
        "de": "Umsatz nach Region",
        "fr": "Chiffre d'affaires par région",
        "es": "Ventas por región",
    }[language]
    return f"{lead}: {'; '.join(parts)}.", [
        "\n".join(f"{name:<12}{number:>12,}" for name, number in zip(names, numbers, strict=True))
    ]


def values_before_names(rng: random.Random) -> Made:
    names, numbers = some(rng)
    language = rng.choice(["en", "de"])
    one, two = (f"[[{said(number, 1, language)}]]" for number in numbers[:2])
    text = {
        "en": f"I get {one} for <<{names[0]}>> and {two} for <<{names[1]}>>.",
        "de": f"Es ergeben sich {one} für <<{names[0]}>> und {two} für <<{names[1]}>>.",
    }[language]
    return text, [html(["value"], [[name, f"{number:.3f}"] for name, number in zip(names, numbers, strict=True)])]


def model_scores(rng: random.Random) -> Made:
    names = ["Ridge", "Lasso", "Forest", "Boosting"]
    scores = rng.sample(range(5000, 9900), 4)
    errors = rng.sample(range(1000, 5000), 4)
    best = scores.index(max(scores))
    output = "\n".join(
        f"{name}: R2 = {score / 1e4:.4f}, RMSE = {error / 100:.2f}"
        for name, score, error in zip(names, scores, errors, strict=True)
    )
    other = (best + 1) % 4
    text = f"The best of the 4 models is <<{names[best]}>> with R² = [[{scores[best] / 1e4:.3f}]] and an RMSE of [[{errors[best] / 100:.1f}]]. <<{names[other]}>> reaches only [[{scores[other] / 1e4:.3f}]]."
    return text, [output]


# Held out until the first measurement.


def correlations(rng: random.Random) -> Made:
    one, two = rng.uniform(0.3, 0.95), -rng.uniform(0.3, 0.95)
    language = rng.choice(["en", "de", "fr", "es", "it"])
    a, b = said(one, 2, language), said(two, 2, language)
    text = {
        "en": f"Income correlates positively with <<age>> (r = [[{a}]]) and negatively with <<debt>> (r = [[{b}]]).",
        "de": f"Das Einkommen hängt positiv mit <<age>> (r = [[{a}]]) und negativ mit <<debt>> (r = [[{b}]]) zusammen.",
        "fr": f"Le revenu est corrélé positivement à <<age>> (r = [[{a}]]) et négativement à <<debt>> (r = [[{b}]]).",
        "es": f"El ingreso se correlaciona con <<age>> (r = [[{a}]]) y, en sentido contrario, con <<debt>> (r = [[{b}]]).",
        "it": f"Il reddito è correlato con <<age>> (r = [[{a}]]) e inversamente con <<debt>> (r = [[{b}]]).",
    }[language]
    return text, [f"income    1.000000\nage       {one:.6f}\ndebt     {two:.6f}\nName: income, dtype: float64"]


def pivot(rng: random.Random) -> Made:
    names = list(rng.choice(NAMES))
    years = [2019, 2020, 2021]
    table = {name: rng.sample(range(100, 9999), 3) for name in names}
    name, other = rng.sample(names, 2)
    text = f"In 2020, <<{name}>> sold [[{table[name][1]:,}]] units, <<{other}>> [[{table[other][1]:,}]]. In 2021 <<{name}>> sold [[{table[name][2]:,}]]."
    rows = [[one, *map(str, numbers)] for one, numbers in table.items()]
    return text, [
        frame(list(map(str, years)), rows, "region") if rng.random() < 0.5 else html(list(map(str, years)), rows)
    ]


def kilo(rng: random.Random) -> Made:
    names, numbers = some(rng)
    numbers = [number + 1000 for number in numbers]
    language = rng.choice(["en", "de", "fr", "it"])
    verb = {"en": "weighs", "de": "wiegt", "fr": "pèse", "it": "pesa"}[language]
    parts = [
        f"<<{name}>> {verb} [[{said(number / 1000, 2, language)}| kg]]"
        for name, number in zip(names, numbers, strict=True)
    ]
    return f"{', '.join(parts)}.", [f"mean mass (g)\n\n{series('kind', names, numbers, 'mass_g', 1)}"]


def numbered_findings(rng: random.Random) -> Made:
    names, numbers = some(rng)
    (most, high), (least, low) = extremes(names, numbers)
    total = sum(round(number, 2) for number in numbers)
    text = f"1. The largest value is [[{high:,.2f}]] (<<{most}>>).\n2. The smallest value is [[{low:,.2f}]] (<<{least}>>).\n3. The total over all {len(names)} groups is [[{total:,.2f}]]."
    return text, ["\n".join(f"{name:<14} {number:>12,.2f}" for name, number in zip(names, numbers, strict=True))]


def parallel_lists(rng: random.Random) -> Made:
    names, numbers = some(rng)
    language = rng.choice(["en", "de", "es"])
    shown = [f"[[{said(number, 1, language)}]]" for number in numbers[:3]]
    marked = [f"<<{name}>>" for name in names[:3]]
    text = {
        "en": f"The means of {marked[0]}, {marked[1]} and {marked[2]} are {shown[0]}, {shown[1]} and {shown[2]}, respectively.",
        "de": f"Die Mittelwerte von {marked[0]}, {marked[1]} und {marked[2]} sind {shown[0]}, {shown[1]} und {shown[2]}.",
        "es": f"Las medias de {marked[0]}, {marked[1]} y {marked[2]} son {shown[0]}, {shown[1]} y {shown[2]}, respectivamente.",
    }[language]
    return text, [series("kind", names, numbers, "value", 3)]


def prices(rng: random.Random) -> Made:
    names, numbers = some(rng)
    (most, high), (least, low) = extremes(names, numbers)
    sign = rng.choice("$€£")
    text = f"The most expensive is <<{most}>> at [[{high:,.2f}| {sign}]]; <<{least}>> costs [[{low:,.2f}| {sign}]], which is [[{high / low:.1f}]] times less."
    return text, ["\n".join(f"{name}: {sign}{number:,.4f}" for name, number in zip(names, numbers, strict=True))]


DEVELOPED: list[Callable[[random.Random], Made]] = [
    sentence_of_extremes, bullet_list, counts_and_shares, markdown_table, described, printed_scalars,
    difference_said, yearly_change, head_of_frame, rounded_millions, values_before_names, model_scores,
]  # fmt: skip
HELD_OUT: list[Callable[[random.Random], Made]] = [correlations, pivot, kilo, numbered_findings, parallel_lists, prices]


FILES = ("a.txt", "b.txt", "c.txt", "d.txt", "e.txt", "f.txt")


def filed_closings() -> list[Closing]:
    """Return the true closing texts of the files of runs."""
    return [
        Closing(f"{file} {run.name} {number}", text, run.outputs, is_held_out=file != "a.txt")
        for file in FILES
        for run in runs(file)
        for number, text in enumerate(run.says)
    ]


def lies() -> Iterator[Planted]:
    """Yield the false closing texts of the files of runs: what is false stands in [[ ]]."""
    for file in FILES:
        for run in runs(file):
            for number, (fault, marked) in enumerate(run.lies):
                closing = Closing(f"{file} {run.name} lie {number}", marked, run.outputs, is_held_out=False)
                yield Planted(closing, fault, closing.text, _spans(marked))


def _spans(marked: str) -> list[tuple[int, int]]:
    """Return where the marked values stand in the text without its marks."""
    spans: list[tuple[int, int]] = []
    for mark in MARK.finditer(marked):
        if not mark["name"]:
            start = len(plain(marked[: mark.start()]))
            spans.append((start, start + len(plain(mark[0]))))
    return spans


def true_closings(seed: int = 7, count: int = 450) -> list[Closing]:
    """Return true closing texts: all that are written by hand, the rest from templates in turn."""
    rng = random.Random(seed)
    written = [
        Closing(f"written {number}", text, outputs, number % 3 == 2) for number, (text, outputs) in enumerate(WRITTEN)
    ]
    later = [Closing(f"later {number}", *made, is_held_out=False) for number, made in enumerate(LATER)]
    written += [*later, *filed_closings()]
    templates = [*DEVELOPED, *HELD_OUT]
    made = []
    for number in range(max(0, count - len(written))):
        template = templates[number % len(templates)]
        made.append(Closing(template.__name__, *template(rng), template in HELD_OUT))
    return [*written, *made]


FAULTS: tuple[Fault, ...] = ("digit", "invented", "name", "unit")

OTHER_UNITS = {
    "g": ["kg", "mg"], "kg": ["g", "t"], "km": ["m", "miles"], "mm": ["cm", "m"], "cm": ["m", "mm"], "min": ["h", "s"], "h": ["s"], "€": ["$", "£"], "EUR": ["USD"],
    "$": ["€"], "£": ["€"], "kWh": ["MWh", "Wh"], "%": ["g", "kg"], "°C": ["°F"], "years": ["months"], "Jahre": ["Monate"], "ans": ["mois"], "s": ["ms", "min"], "ms": ["s"],
    "MB": ["GB", "kB"], "GB": ["MB"], "hours": ["minutes"],
}  # fmt: skip


def planted(seed: int = 11, each: int = 150) -> Iterator[Planted]:
    """Yield false closing texts, as many of each fault, from true ones that can have it."""
    rng = random.Random(seed)
    closings = true_closings(seed + 1, 900)
    for fault in FAULTS:
        found = 0
        rng.shuffle(closings)
        for closing in closings:
            false = PLANT[fault](closing, rng)
            if false and found < each:
                found += 1
                yield false


def _said_anywhere(digits: str, closing: Closing) -> bool:
    """Return whether a number is true by chance: an output, or the answer, has it."""
    bare = re.sub(r"\D", "", digits)
    everywhere = " ".join((closing.text, *closing.outputs))
    numbers = [re.sub(r"\D", "", number) for number in re.findall(r"\d[\d.,’'\u202f]*", everywhere)]
    return (
        any(number.lstrip("0").startswith(bare.lstrip("0")[: max(2, len(bare) - 1)]) for number in numbers)
        if len(bare) > 1
        else True
    )


def _replaced(closing: Closing, place: int, fault: Fault, new: str) -> Planted:
    """Return the text with another value in the place of one of its values."""
    before, after = closing.marked, ""
    start = 0
    text = ""
    for number, mark in enumerate(MARK.finditer(closing.marked)):
        text += before[start : mark.start()]
        shown = new if number == place else plain(mark[0])
        if number == place:
            span = (len(text), len(text) + len(shown))
        text += shown
        start = mark.end()
    return Planted(closing, fault, text + before[start:] + after, [span])


def _values(closing: Closing) -> list[tuple[int, re.Match[str]]]:
    return [
        (number, mark)
        for number, mark in enumerate(MARK.finditer(closing.marked))
        if mark["value"] and not re.search(r"[A-Za-z]{3}.*\d{4}|:", mark["value"])
    ]


def plant_digit(closing: Closing, rng: random.Random) -> Planted | None:
    for _ in range(20):
        number, mark = rng.choice(_values(closing) or [(0, None)])
        if mark is None:
            return None
        digits = [
            place for place, letter in enumerate(mark["value"]) if letter.isdigit() and "10^" not in mark["value"]
        ]
        if len(digits) < 2:
            continue
        place = rng.choice(digits)
        other = rng.choice([digit for digit in "123456789" if digit != mark["value"][place]])
        new = f"{mark['value'][:place]}{other}{mark['value'][place + 1 :]}"
        if not _exactly_anywhere(new, closing):
            return _replaced(closing, number, "digit", f"{new}{mark['unit'] or ''}")
    return None


def _exactly_anywhere(new: str, closing: Closing) -> bool:
    bare = re.sub(r"\D", "", new)
    everywhere = " ".join((closing.text, *closing.outputs))
    return bare in {re.sub(r"\D", "", number) for number in re.findall(r"\d[\d.,’'\u202f]*", everywhere)}


def plant_invented(closing: Closing, rng: random.Random) -> Planted | None:
    for _ in range(20):
        number, mark = rng.choice(_values(closing) or [(0, None)])
        if mark is None:
            return None
        new = re.sub(r"\d", lambda _digit: rng.choice("123456789"), mark["value"]) if "10^" not in mark["value"] else ""
        if new and not _said_anywhere(new, closing):
            return _replaced(closing, number, "invented", f"{new}{mark['unit'] or ''}")
    return None


def plant_name(closing: Closing, rng: random.Random) -> Planted | None:
    """Swap two names of a text."""
    names = [mark["name"] for mark in MARK.finditer(closing.marked) if mark["name"]]
    distinct = sorted(set(names))
    if len(distinct) < 2:
        return None
    one, two = rng.sample(distinct, 2)
    swap = {one: two, two: one}
    text, start = "", 0
    spans = []
    for mark in MARK.finditer(closing.marked):
        text += closing.marked[start : mark.start()]
        shown = swap.get(mark["name"], mark["name"]) if mark["name"] else plain(mark[0])
        if not mark["name"]:
            spans.append((len(text), len(text) + len(shown)))
        text += shown
        start = mark.end()
    return Planted(closing, "name", text + closing.marked[start:], spans)


def plant_unit(closing: Closing, rng: random.Random) -> Planted | None:
    units = [(number, mark) for number, mark in _values(closing) if (mark["unit"] or "").strip() in OTHER_UNITS]
    if not units:
        return None
    number, mark = rng.choice(units)
    other = rng.choice(OTHER_UNITS[mark["unit"].strip()])
    return _replaced(closing, number, "unit", f"{mark['value']} {other}")


PLANT: dict[Fault, Callable[[Closing, random.Random], Planted | None]] = {
    "digit": plant_digit,
    "invented": plant_invented,
    "name": plant_name,
    "unit": plant_unit,
}
