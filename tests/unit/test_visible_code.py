"""What a person sees of code before it runs: nothing invisible is left, and two codes never look the same."""

import re
import unicodedata

import pytest
from hypothesis import given, settings, strategies as st

from codeagent_nb.rendering.visible_code import as_text, question, rows, shown_blocks, spelled, visible
from kernel_executor import CodeBlock
from tests.support.disguised_code import read_back

RANGES = (
    (0x00, 0x20), (0x7F, 0xA1), (0x2000, 0x2010), (0x2028, 0x2030), (0x205F, 0x2070), (0xFE00, 0xFE10),
    (0xFFF9, 0xFFFD), (0xE0000, 0xE0080), (0xE0100, 0xE01F0),
)  # fmt: skip
ALONE = (
    0xAD, 0x34F, 0x378, 0x5D0, 0x61C, 0x627, 0x115F, 0x1160, 0x1680, 0x17B4, 0x180E, 0x2800, 0x3000, 0x3164, 0xD800,
    0xDFFF, 0xE000, 0xF8FF, 0xFEFF, 0xFFA0, 0x1D173, 0x10FFFD,
)  # fmt: skip
HIDDEN = [*ALONE, *(code for start, end in RANGES for code in range(start, end))]
WORDS = [
    "x",
    " ",
    "    ",
    "\n",
    "\t",
    "⟨",
    "⟩",
    "U+202E",
    "tab",
    "·",
    "3 spaces",
    "é",
    "Δ",
    "я",
    "日",
    "🐧",
    "'",
    "#",
    "=",
]
CODES = st.lists(st.sampled_from(WORDS) | st.sampled_from(HIDDEN).map(chr) | st.characters(), max_size=40).map("".join)
LONG = st.tuples(CODES, st.sampled_from([" ", "\n", "a"]), st.integers(0, 500), CODES).map(
    lambda t: t[0] + t[1] * t[2] + t[3]
)


def look(code: str, language: str = "python") -> str:
    return "\n".join(line.text for line in visible(code, language))


@given(CODES | LONG, st.sampled_from(["python", "bash", ""]))
@settings(deadline=None)
def test_what_is_shown_can_be_read_back_so_two_codes_never_look_the_same(code: str, language: str) -> None:
    assert read_back(look(code, language)) == code.removesuffix("\n")


@given(CODES | LONG)
@settings(deadline=None)
def test_nothing_is_shown_that_cannot_be_seen(code: str) -> None:
    for line in visible(code):
        for char in line.text:
            assert char == " " or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}
            assert unicodedata.bidirectional(char) not in {"R", "AL", "AN", "RLE", "RLO", "LRO", "LRE", "PDF", "RLI"}
        assert not re.search(" $| {41}", line.text), "a gap that nobody would measure"


def test_each_hidden_character_is_spelled_out() -> None:
    others = {0x09: "a⟨tab⟩b", 0x0A: "a\nb", 0x20: "a b"}
    for code in HIDDEN:
        assert look(f"a{chr(code)}b") == others.get(code, f"a⟨U+{code:04X}⟩b")


@given(CODES | LONG, st.integers(1, 120))
@settings(deadline=None)
def test_no_row_is_wider_than_the_place_for_it_and_none_is_lost(code: str, width: int) -> None:
    for line in visible(code):
        pieces = [line.text[start:end] for start, end in rows(line, width)]
        assert "".join(pieces) == line.text
        assert all(len(piece) <= width for piece in pieces)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("x = 1" + " " * 400 + "import os", "x = 1⟨400 spaces⟩import os"),
        ("x" + "\n" * 300 + "y", "x\n⟨lines 2 to 300 are empty⟩\ny"),
        ("x = 1  ", "x = 1··"),
        ("p\u0430ypal = 1", "p⟨\u0430 U+0430⟩ypal = 1"),
        ("\uff45\uff56\uff41\uff4c('1')", "⟨\uff45 U+FF45⟩⟨\uff56 U+FF56⟩⟨\uff41 U+FF41⟩⟨\uff4c U+FF4C⟩('1')"),
        ("x = '\u0430\u0431\u0432'", "x = '\u0430\u0431\u0432'"),
        ("x = 'micro\u043eft.example'", "x = 'micro⟨\u043e U+043E⟩ft.example'"),
        ("print('Größe: 5 µm ½')", "print('Größe: 5 µm ½')"),
        ("print('日本語 🐧')", "print('日本語 🐧')"),
        ("größe = 1", "gr⟨ö U+00F6⟩⟨ß U+00DF⟩e = 1"),
        ("x = '⟨U+202E⟩'", "x = '⟨U+27E8⟩U+202E⟨U+27E9⟩'"),
        ("e\u0301 = 1", "e⟨U+0301⟩ = 1"),
        ("rm \u2212rf", "rm ⟨\u2212 U+2212⟩rf"),
        ("a\r\nb", "a⟨U+000D⟩\nb"),
        ("x = 1 # \u05e9\u05dc", "x = 1 # ⟨U+05E9⟩⟨U+05DC⟩"),
        ("", ""),
    ],
)
def test_what_would_pass_for_something_else_is_marked(code: str, shown: str) -> None:
    assert look(code) == shown


@pytest.mark.parametrize("language", ["python", "bash"])
def test_what_unicode_calls_a_form_of_ascii_is_marked_wherever_it_stands(language: str) -> None:
    forms = [
        char
        for char in map(chr, range(0x80, 0x110000))
        if any(unicodedata.normalize(form, char).isascii() for form in ("NFKC", "NFD"))
    ]
    assert {"\u217d", "\u217f", "\u212a", "\u1fef", "\U0001d7cf"} <= set(forms)
    for char in forms:
        assert f"U+{ord(char):04X}⟩" in look(f"# {char}t x", language)


@pytest.mark.parametrize(
    "char", "\ua4f8\u2217\u2216\u223c\u02ba\u02c8\u201a\u2013\u2018\u2019\u201c\u201d\u0387\u2329\u3008"
)
def test_a_sign_that_looks_like_one_of_ascii_or_of_ours_is_marked(char: str) -> None:
    assert f"U+{ord(char):04X}⟩" in look(f"echo {char}", "bash")


@pytest.mark.parametrize(
    ("code", "marked"),
    [
        ('f"{\u0430\u0441\u0435}"', "\u0430\u0441\u0435"),
        ('rF"""ä{x}\n\u3042 {{ö}} {é:{ü}}"""', "éü"),
        ("f\"{d['\u043a\u043b\u044e\u0447']} größer\"", "\u043a\u043b\u044e\u0447"),
        ("f\"ä{'}' + \u0430\u0441\u0435}\"", "\u0430\u0441\u0435"),
        ("f'''{\"'\" '}' + \u0430\u0441\u0435}'''", "\u0430\u0441\u0435"),
        ("f\"{x:'} {'}' + \u0430\u0441\u0435}\"", "\u0430\u0441\u0435"),
        ("'{\u0436}'", ""),
        (
            "# \u0430\u0441\u0435, \u0422\u043e\u0440! \u0438 \u0441\u043b\u043e\u0432\u043e",
            "\u0430\u0441\u0435\u0422\u043e\u0440",
        ),
        ("x = '\u03c1_1 \u03b3 \u03bd\u03bf\u03c5\u03c2 \u0441\u043b\u043e\u0432\u043e'", "\u03c1"),
        ("x = 'é\u0430'", "\u0430"),
    ],
)
def test_names_in_texts_and_words_of_twins_are_marked(code: str, marked: str) -> None:
    assert "".join(re.findall(r"⟨(.) U", look(code))) == marked


def test_code_that_python_cannot_read_is_marked_all_the_more() -> None:
    assert "⟨\u0430 U+0430⟩" in look("'''\n\u0430 = (")


def test_ordinary_code_is_shown_as_it_is() -> None:
    code = "import pandas as pd\n\n\ndef mean(x: list[float]) -> float:\n    return sum(x) / len(x)  # a comment\n"
    assert look(code) == code.removesuffix("\n")
    assert not any(part.spelled for line in visible(code) for part in line.parts)
    assert shown_blocks([CodeBlock(code)])[0].notes == ()


def test_lines_are_counted_and_blocks_named_by_what_runs_them() -> None:
    blocks = [CodeBlock("x\n" * 213), CodeBlock("ls", "sh"), CodeBlock("x", "")]
    assert [block.title for block in shown_blocks(blocks)] == [
        "python · block 1 of 3 · 213 lines",
        "bash (tagged sh) · block 2 of 3 · 1 line",
        "python · block 3 of 3 · 1 line",
    ]
    assert question(blocks, "NOT sandboxed\x1b") == "NOT sandboxed⟨U+001B⟩. Run this code (3 blocks, 215 lines)?"


def test_spelled_out_characters_are_named_above_the_code() -> None:
    [block] = shown_blocks([CodeBlock("a\u202e\x1b" + "b" * 500)])
    assert block.notes == (
        "Spelled out: ⟨U+202E⟩ right-to-left override, ⟨U+001B⟩ escape",
        "Has a line of 503 characters",
    )


def test_as_text_every_row_has_its_number_or_goes_on() -> None:
    text = as_text([CodeBlock("a" * 25 + "\nb")], width=10)
    assert text.splitlines()[1:] == ["1 │ " + "a" * 10, "  │ " + "a" * 10, "  │ " + "a" * 5, "2 │ b"]


@pytest.mark.timing
@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "code",
    ["x" + " " * 1_000_000 + "x", " " * 1_000_000, "\0" * 100_000, "f'{" + "é" * 100_000 + "}'", "a" * 1_000_000],
)
def test_a_very_long_line_is_shown_in_time(code: str) -> None:
    assert read_back(look(code)) == code
    assert as_text([CodeBlock(code)]).count("\n") >= 1


def test_a_title_hides_nothing() -> None:
    assert spelled("a\u202eb\nc") == "a⟨U+202E⟩b⟨U+000A⟩c"
