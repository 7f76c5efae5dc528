"""Every number of an answer is traced to what was printed, shown or asked: what is false is found, and only that."""

import time
from decimal import Decimal

import pytest
from hypothesis import given, settings, strategies as st

from codeagent_nb.tracing.sources import Source
from codeagent_nb.tracing.trace import Tracing, trace
from codeagent_nb.tracing.values import read_values
from tests.support.closing_texts import GAPS, frame, said

MEANS = "Adelie: 3700\nGentoo: 5076\nChinstrap: 3733"


def traced(text: str, *outputs: str) -> Tracing:
    return trace(text, [Source(f"cell-{number}", output) for number, output in enumerate(outputs)])


def marked(text: str, *outputs: str) -> list[str]:
    return [value.text for value in traced(text, *outputs).untraced]


# What traces a value.


def test_a_value_names_the_source_that_states_it_and_where_it_stands() -> None:
    (value,) = traced("The mean is 3.5 kg.", "nothing", "mean: 3.5 kg").values
    assert (value.start, value.end, value.text, value.source, value.reason) == (12, 18, "3.5 kg", "cell-1", "")


def test_an_answer_read_off_a_plot_is_marked() -> None:
    assert marked("Adelie is the highest at 3700 g.", "<Figure size 640x480 with 1 Axes>") == ["3700 g"]


def test_without_sources_every_value_is_marked() -> None:
    assert [value.reason for value in trace("It is 42.5.", []).values] == ["not in any output"]


@pytest.mark.parametrize("text", ["3700.66", "3700.7", "3701", "3.701", "3,701", "3’700.66", "3 700,66", "3700,7"])  # noqa: RUF001
def test_a_value_may_be_rounded_and_written_in_any_language(text: str) -> None:
    assert marked(f"The mean is {text}.", "mean 3700.662252") == []


@pytest.mark.parametrize("text", ["3700.6", "3700", "3702", "3700.67", "3710"])
def test_a_value_that_its_source_does_not_round_to_is_marked(text: str) -> None:
    assert marked(f"The mean is {text}.", "mean 3700.662252") == [text]


@pytest.mark.parametrize("text", ["about 3700", "rund 3.700", "environ 3 700", "unos 3700", "circa 3700", "~3,700"])
def test_a_rough_value_may_be_rounded_to_hundreds(text: str) -> None:
    assert marked(f"It is {text}.", "mean 3681.2") == []


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("12.34 % are late", "share 0.1234"),
        ("12% are late", "share 0.1234"),
        ("12 Prozent sind spät", "share 0.1234"),
        ("12,3 pour cent", "share 12.34"),
        ("a share of 0.12", "share 12.34 %"),
        ("It weighs 3.7 kg.", "mass 3700 g"),
        ("It weighs 3700 g.", "mass_kg 3.7"),
        ("It took 2 minutes.", "elapsed: 120.3 s"),
        ("3.7 million people", "population 3677472"),
        ("3,7 Mio. Einwohner", "population 3677472"),
        ("12,34,567 people", "population 1234567"),
        ("€1.2k", "revenue 1234 EUR"),
        ("1.2 thousand", "revenue (thousands) 1.2"),
        ("p = 4.4e-05", "p 4.3707e-05"),
        ("p = 4,4 × 10⁻⁵", "p 4.3707e-05"),  # noqa: RUF001
        ("It fell by 3.5.", "change -3.5"),
        ("on 15 January 2023", "2023-01-15 00:00:00"),
        ("am 15.01.2023", "2023-01-15"),
        ("le 15 janvier 2023", "2023-01-15"),
        ("in January 2023", "2023-01-15"),
        ("since 2023", "from 2023-01-15 on"),
        ("at 9:15", "start 09:15:00"),
    ],
)
def test_percent_units_thousands_and_dates_are_understood(text: str, output: str) -> None:
    assert traced(text, output).values
    assert marked(text, output) == []


@pytest.mark.parametrize(
    ("text", "output", "reason"),
    [
        ("It weighs 3700 kg.", "mean mass 3700 g", "in another unit: mean mass 3700 g"),
        ("It is 217 g.", "flipper_length_mm: 217", "in another unit: flipper_length_mm 217"),
        ("It costs 12.5 $.", "price: 12.5 €", "in another unit: price 12.5 €"),
        ("The share is 0.42 %.", "share: 0.42", "in another unit: share 0.42"),
    ],
)
def test_a_value_in_another_unit_is_marked(text: str, output: str, reason: str) -> None:
    assert [value.reason for value in traced(text, output).untraced] == [reason]


# Labels.


@pytest.mark.parametrize(
    "text",
    [
        "Gentoo is the lightest with 3700.",
        "Gentoo: 3700",
        "3700 for Gentoo and 5076 for Adelie",
        "Gentoo (3700), Adelie (5076) and Chinstrap (3733)",
        "The means of Gentoo, Adelie and Chinstrap are 3700, 5076 and 3733.",
        "- **Gentoo**: 3700\n- **Adelie**: 5076",
        "**Gentoo**:\n\n- mean 3700",
        "## Gentoo\n\nThe mean is 3700.",
        "| species | mass |\n|---|---|\n| Gentoo | 3700 |",
        "Gentoo penguins are special. They weigh 3700.",
        "Bei Gentoo sind es 3700, bei Adelie 5076.",
    ],
)
@pytest.mark.parametrize(
    "output",
    [
        MEANS,
        "{'Adelie': 3700, 'Gentoo': 5076, 'Chinstrap': 3733}",
        "species\nAdelie       3700\nGentoo       5076\nChinstrap    3733\nName: mass, dtype: int64",
        "           mass\nspecies        \nAdelie     3700\nGentoo     5076\nChinstrap  3733",
        "species\tmass\nAdelie\t3700\nGentoo\t5076\nChinstrap\t3733",
        "| species | mass |\n|---|---|\n| Adelie | 3700 |\n| Gentoo | 5076 |\n| Chinstrap | 3733 |",
        "species,mass\nAdelie,3700\nGentoo,5076\nChinstrap,3733",
    ],
)
def test_a_value_under_another_name_is_marked(text: str, output: str) -> None:
    reasons = {value.reason for value in traced(text, output).untraced}
    assert any(reason.startswith("stands there under another label: ") for reason in reasons)


@pytest.mark.parametrize(
    "text",
    [
        "Adelie is the lightest with 3700.",
        "Gentoo has 5076, the lightest species 3700.",
        "Gentoo (5076) is heavier than Adelie (3700).",
        "Adelie is lighter than Gentoo, with 3700 against 5076.",
        "3700 (Adelie), 5076 (Gentoo)",
        "I get 3700 for Adelie, while Gentoo has 5076.",
    ],
)
def test_a_value_under_its_name_is_traced(text: str) -> None:
    assert marked(text, MEANS) == []


def test_a_row_and_a_column_are_both_names() -> None:
    table = frame(["mean", "max"], [["Adelie", "3700.5", "4775.0"], ["Gentoo", "5076.2", "6300.0"]], "species")
    assert marked("Adelie has a mean of 3700.5 and a max of 4775.", table) == []
    assert marked("Adelie has a mean of 4775 and a max of 3700.5.", table)
    assert marked("The max of Adelie is 6300.", table) == ["6300"]


# Values that were computed from others.


@pytest.mark.parametrize(
    "text",
    [
        "Gentoo is 1376 heavier than Adelie.",
        "The difference between Gentoo and Adelie is 1376.",
        "Der Unterschied zwischen Gentoo und Adelie beträgt 1376.",
        "La différence entre Gentoo et Adelie est de 1376.",
        "La diferencia entre Gentoo y Adelie es de 1376.",
        "La differenza tra Gentoo e Adelie è 1376.",
        "Together, Adelie and Gentoo make 8776.",
        "In total that is 12509.",
        "Gentoo is 1.37 times as heavy as Adelie.",
        "Gentoo is 37.2 % heavier than Adelie.",
        "Adelie makes up 29.6 % of the total.",
        "The average of the three is 4169.67.",
    ],
)
def test_what_a_sentence_says_was_computed_is_computed_again(text: str) -> None:
    assert marked(text, MEANS) == []


@pytest.mark.parametrize("text", ["Gentoo has 1376.", "Adelie und Gentoo: 8776", "Gentoo is 1377 heavier than Adelie."])
def test_what_no_sentence_says_was_computed_is_marked(text: str) -> None:
    assert len(marked(text, MEANS)) == 1


# What is no value, or needs no source.


@pytest.mark.parametrize(
    "text",
    [
        "Step 1 is done.",
        "The top 5 are shown in Figure 2.",
        "1. First\n2. Second",
        "Here are the first 10 rows.",
        "```python\nprint(12345)\n```",
        "Use `df.head(77)` or `x1 = f(99)`.",
        "The column x1 and COVID-19, H2O, Q3.",
        "Python 3.11.2 and pandas 2.2",
        "See https://example.org/12345 and data_2021.csv.",
        "at the 95% confidence level, p < 0.05, R^2",
        "the 25th percentile, the 3rd place",
        "Values lie between 0 and 1.",
        "There are three groups.",
        "in the 1990s",
    ],
)
def test_what_orders_names_or_quotes_states_no_value(text: str) -> None:
    assert marked(text, "nothing") == []


@pytest.mark.parametrize(
    "text", ["The 3 species differ.", "Die 3 Arten:\n- Adelie\n- Gentoo\n- Chinstrap", "All 3 groups are heavy."]
)
def test_a_small_number_that_counts_what_is_listed_is_traced(text: str) -> None:
    assert marked(text, MEANS) == []


def test_a_number_of_the_task_is_traced() -> None:
    assert [
        value.source
        for value in trace(
            "Above 4000 g there are 2.", [Source("task", "How many are above 4000 g?"), Source("c", "2")]
        ).values
    ] == ["task", "c"]


def test_a_row_number_of_a_table_is_no_value_of_it() -> None:
    table = "  name  age\n0  Ann   31\n1  Ben   47"
    assert marked("There are 17.", table.replace("1  Ben", "17 Ben")) == ["17"]
    assert marked("Row 17 has Ben.", table.replace("1  Ben", "17 Ben")) == []


# Properties.


@given(st.text(max_size=400), st.text(max_size=400))
def test_any_text_can_be_traced(text: str, output: str) -> None:
    for value in traced(text, output).values:
        assert text[value.start : value.end]
        assert (value.source is None) == bool(value.reason)


ODD = st.text(alphabet="0123456789.,-+%eE |:\t\n'\"()[]{}*`#<>/abgkmMo€×^_", max_size=120)  # noqa: RUF001


@settings(max_examples=300)
@given(ODD, ODD)
def test_odd_texts_can_be_traced(text: str, output: str) -> None:
    traced(text, output)


@given(st.decimals(min_value=0, max_value=10**9, places=2), st.sampled_from(sorted(GAPS)))
def test_a_number_is_found_as_it_is_said_in_every_language(number: Decimal, language: str) -> None:
    text = f"Der Wert beträgt {said(float(number), 2, language)}."
    assert marked(text, f"value: {number}") == []


@given(st.integers(10**4, 10**8), st.integers(0, 7), st.sampled_from("123456789"), st.sampled_from(sorted(GAPS)))
def test_a_wrong_digit_is_always_found(number: int, place: int, digit: str, language: str) -> None:
    digits = str(number)
    wrong = digits[: place % len(digits)] + digit + digits[place % len(digits) + 1 :]
    assert marked(f"It is {said(int(wrong), 0, language)} in all.", f"a: {number}") == (
        [] if wrong == digits else [said(int(wrong), 0, language)]
    )


@given(st.text(max_size=300))
def test_values_stand_where_they_say(text: str) -> None:
    ends = [0]
    for value in read_values(text):
        assert ends[-1] <= value.start < value.end <= len(text)
        ends.append(value.end)


# Hostile input.

HOSTILE = [
    "1",
    "1,",
    "11,",
    "111 ",
    "-",
    "a ",
    "a: 1, ",
    "(",
    "1\t",
    "|1",
    "{'a': 1, ",
    "<a ",
    "a 1\n",
    "`",
    "[",
    "2020-01-01 ",
    "1 to ",
    "from 1 to 2 million, ",
    "(1, 'a', 2), ",
    "{'a': 'b', 'c': 1}, ",
    "0 days 12:00:00 ",
    "1 h 2 min 3 s ",
    "1_000_000 ",
    "5 % of the values lie ",
    "per 1 000 ",
    "a  b\n",
    "vs. 1 ",
    "and ",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_million_characters_take_no_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    began = time.process_time()
    traced("The mean of a is 1 and 3.5 mm, 111.", text)
    traced(text, "a: 1\nb: 2")
    assert time.process_time() - began < 6


@pytest.mark.timing
def test_a_long_output_is_read_in_a_fraction_of_a_second() -> None:
    rows = "\n".join(
        f"{row:<6}" + "".join(f"{row * column * 1.37:>14.4f}" for column in range(1, 9)) for row in range(1_700)
    )
    header = "      " + "".join(f"{f'c{column}_mm':>14}" for column in range(1, 9))
    text = " ".join(f"The mean of c{column} is {column * 1.37:.2f} mm." for column in range(1, 9))
    began = time.process_time()
    assert traced(text, f"{header}\n{rows}").values
    assert time.process_time() - began < 0.4
