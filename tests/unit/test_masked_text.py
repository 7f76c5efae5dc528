"""What is left of outputs at statistics: numbers with labels, known words; no other words, no rows."""

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from codeagent_nb.prompt.masked_text import TEXT, masked_output, masked_words, words_of

FRAME = pd.DataFrame(
    {
        "name": ["Kx7Qz", "Pq8Vw"],
        "phone": ["482910", "771234"],
        "mass": [3700.5, 4200.25],
        "day": pd.to_datetime(["2024-01-05", "2024-02-05"]),
    }
)
KNOWN = set(
    words_of("Which is heaviest? df has the columns name, phone, mass, day. print('Mean mass:', df.mass.mean())")
)
VALUES = ("Kx7Qz", "Pq8Vw", "482910", "771234", "3700", "4200", "2024")


@pytest.mark.parametrize(
    "printed",
    [
        *(str(FRAME), str(FRAME.head(1)), FRAME.to_string(index=False), FRAME.to_csv(), str(FRAME.iloc[0])),
        *(str(FRAME.set_index("name")), str(FRAME.name), str(FRAME.mass), str(FRAME.groupby("name").mass.mean())),
        *(str(FRAME.name.tolist()), str(FRAME.phone.tolist()), "| name | mass |\n|---|---|\n| Kx7Qz | 3700.5 |"),
        *("Kx7Qz\nPq8Vw\nKx7Qz", "3700.5\n4200.25\n3700.5", str([3700.5] * 20), "2024-01-05", "call 0482910"),
        *("\n".join(f"{at}\t3700.{at}" for at in range(9)), "12345678901234567"),
    ],
)
def test_rows_and_texts_are_left_out(printed: str) -> None:
    told = masked_output(printed, KNOWN)
    assert not [value for value in VALUES if value in told]
    assert "1234567890" not in told


@pytest.mark.parametrize(
    "printed",
    [
        *(
            "Mean mass: 3950.375",
            "(344, 8)",
            "344 rows and 8 columns",
            "[344 rows x 8 columns]",
            "mass = 1,204.5 (12%)",
        ),
        *("mean = 1e-05", "['name', 'phone', 'mass', 'day']", str(FRAME.isna().sum()), str(FRAME.dtypes)),
        *("could not convert string to float", "The mean is 3.2", "df['mass'].mean()", ""),
    ],
)
def test_labelled_numbers_and_known_words_are_told(printed: str) -> None:
    assert masked_output(printed, KNOWN) == printed


def test_statistics_of_numbers_are_told() -> None:
    told = masked_output(str(FRAME[["mass"]].describe()), KNOWN)
    assert "mean   3950.375000" in told
    assert "25%    3825.437500" in told


def test_a_text_in_a_line_has_a_mark_in_its_place() -> None:
    assert masked_output("Mean mass: of Kx7Qz and Pq8Vw 3.5", KNOWN) == f"Mean mass: of {TEXT} and {TEXT} 3.5"
    assert masked_words("could not convert string to float: 'Kx7Qz'", KNOWN).endswith(f"'{TEXT}'")


def test_the_number_of_rows_is_told() -> None:
    assert "[2 rows: not sent]" in masked_output(str(FRAME), KNOWN)


@given(
    st.text(st.characters(categories=["L"]), min_size=3, max_size=12),
    st.sampled_from(["{}", "x={}", "({})", "'{}'", "a {} b", "{}:", "-{}-"]),
)
def test_no_word_that_was_not_sent_is_told(word: str, form: str) -> None:
    told = masked_output(form.format(f"{word}Kx7"), KNOWN)
    assert f"{word}Kx7" not in told


@pytest.mark.parametrize("sign", ["!", "a!", " ", "1", "(", "a", "|", "-", "1,"])
def test_long_lines_take_no_long_time(sign: str) -> None:
    assert len(masked_output(sign * 20_000, KNOWN)) <= 40_000
