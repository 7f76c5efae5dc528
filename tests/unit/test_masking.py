"""A secret is found where it looks like itself: on a screen, a page, in a literal; and in whatever pieces it comes."""

import base64
import codecs
import html
import json
import time
import tracemalloc
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given, settings, strategies as st

from codeagent_nb.masking.finding import Finder, between
from codeagent_nb.masking.folding import READINGS, letters
from codeagent_nb.masking.strand import LET_THROUGH, MOST_HELD, Strand

KEY = "sk-test-0123456789"
FINDER = Finder([("MY_TOKEN", KEY)])

DISGUISES: dict[str, Callable[[str], str]] = {
    "nothing": str,
    "a colour inside": lambda key: f"{key[:5]}\x1b[31m{key[5:]}\x1b[0m",
    "a colour for each letter": lambda key: "".join(f"\x1b[38;5;{index}m{char}" for index, char in enumerate(key)),
    "a window title inside": lambda key: f"{key[:5]}\x1b]0;title\x07{key[5:]}",
    "a window title around": lambda key: f"\x1b]0;{key}\x07",
    "a window title that never ends": lambda key: f"\x1b]0;{key}",
    "a colour that only notebooks take for one": lambda key: f"{key[:5]}\x1b[\u00e9m{key[5:]}",
    "a character set inside": lambda key: f"{key[:5]}\x1b(B{key[5:]}",
    "NUL": "\0".join,
    "bells and deletes": lambda key: f"{key[:3]}\x07{key[3:9]}\x7f{key[9:]}",
    "C1 controls": lambda key: f"{key[:3]}\x85{key[3:]}",
    "backspaces": lambda key: "".join(f"x\b{char}" for char in key),
    "a backspace over a wrong end": lambda key: f"{key[:-2]}xy\b\b{key[-2:]}",
    "a carriage return": lambda key: f"{'x' * 6}{key[6:]}\r{key[:6]}",
    "carriage returns and colours": lambda key: f"{'x' * 6}\x1b[1m{key[6:]}\r\0{key[:6]}",
    "line breaks": lambda key: f"{key[:9]}\n{key[9:]}",
    "Windows line breaks": lambda key: f"{key[:9]}\r\n{key[9:]}",
    "spaces": " ".join,
    "tabs": lambda key: f"{key[:9]}\t{key[9:]}",
    "soft hyphens": "\u00ad".join,
    "zero-width spaces": "\u200b".join,
    "no-break spaces and a mark of direction": lambda key: f"{key[:4]}\u00a0{key[4:8]}\u202e{key[8:]}",
    "tags": lambda key: f"<b>{key[:4]}</b><i class='x'>{key[4:]}</i>",
    "a tag's attribute": lambda key: f"<img alt='{key}'>",
    "bold halves": lambda key: f"**{key[:4]}**`{key[4:9]}`{key[9:]}",
    "Markdown's backslashes": lambda key: key.replace("-", "\\-"),
    "decimal entities": lambda key: "".join(f"&#{ord(char)};" for char in key),
    "hexadecimal entities and tags": lambda key: f"{key[:2]}&#x{ord(key[2]):x};<br>{key[3:]}",
    "SVG text": lambda key: f"<text x='1'><tspan>{key[:6]}</tspan><tspan dy='0'>{key[6:]}</tspan></text>",
    "a comment inside": lambda key: f"{key[:5]}<!-- > -->{key[5:]}",
    "an empty comment and a bogus one": lambda key: f"{key[:5]}<!-->{key[5:9]}<?x<y?>{key[9:]}",
    "a comment and a field": lambda key: f"{key[:5]}<!-- > --><textarea>{key[5:]}</textarea>",
    "a script inside": lambda key: f"{key[:5]}<script src=x>if (a > b) x</script>{key[5:]}",
    "a style inside": lambda key: f"{key[:5]}<STYLE>p {{}}</style >{key[5:]}",
    "a template inside": lambda key: f"{key[:5]}<template>x</template>{key[5:]}",
    "a tag with a quoted bracket": lambda key: f'{key[:5]}<img src=x alt=">">{key[5:]}',
    "a tag with a bracket in other quotes": lambda key: f"{key[:5]}<b title = '<>'>{key[5:]}</b>",
    "a tag with a stray quote": lambda key: f"{key[:5]}<b =\"it's><!-- > -->{key[5:]}</b>",
    "entities with zeros": lambda key: "".join(f"&#{ord(char):011};" for char in key),
    "hexadecimal entities with very many zeros": lambda key: f"{key[:5]}&#x{ord(key[5]):05000x};{key[6:]}",
    "a comment in bold": lambda key: f"{key[:4]}<!-- > -->**{key[4:]}**",
    "a section of SVG": lambda key: f"<text>{key[:5]}<![CDATA[{key[5:]}]]></text>",
    "JSON escapes": lambda key: "".join(f"\\u{ord(char):04x}" for char in key),
    "Python escapes": lambda key: "".join(f"\\x{ord(char):02x}" for char in key),
    "octal escapes": lambda key: "".join(f"\\{ord(char):03o}" for char in key),
    "long escapes": lambda key: f"\\U{ord(key[0]):08x}{key[1:]}",
    "a colour in a repr": lambda key: repr(f"{key[:5]}\x1b[31m{key[5:]}"),
    "a continued literal": lambda key: f"{key[:5]}\\\n{key[5:]}",
    "the repr of bytes": lambda key: repr(key.encode()),
}

OTHER_LETTERS: dict[str, Callable[[str], str]] = {
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "hexadecimal": lambda key: key.encode().hex(),
    "reversed": lambda key: key[::-1],
    "rot13": lambda key: codecs.encode(key, "rot13"),
    "upper case": str.upper,
    "a letter of another alphabet": lambda key: key.replace("e", "\u0435"),
    "something visible inside": ".".join,
    "a sum of literals": lambda key: f"'{key[:5]}' + '{key[5:]}'",
    "an escape of an escape": lambda key: "".join(f"\\\\u{ord(char):04x}" for char in key),
    "a cursor that is moved": lambda key: f"{key[:-2]}xy\x1b[2D{key[-2:]}",
    "half of it": lambda key: key[: len(key) // 2],
}
"""What is not found: these are other letters than the secret's. Whoever knows the trick reads it, no search does."""


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_disguise_for_the_eye_is_seen_through(disguise: str) -> None:
    text = f"before\n{DISGUISES[disguise](KEY)}\nafter"
    assert FINDER.name_in(text) == "MY_TOKEN"
    masked = FINDER.masked(text)
    assert "[redacted MY_TOKEN]" in masked
    assert not FINDER.is_in(masked)
    assert masked.startswith("before\n")
    assert masked.endswith("\nafter")


@pytest.mark.parametrize("disguise", DISGUISES)
def test_the_same_disguise_of_something_else_is_left_alone(disguise: str) -> None:
    text = f"before\n{DISGUISES[disguise]('sk-tent-0123456789')}\nafter"
    assert FINDER.masked(text) == text


@pytest.mark.parametrize("text", ["<!--", "<script>", "<b x='", "<b =", "<", "&#0", "&", "<!", "</", "<b "])
def test_a_page_that_never_ends_takes_no_longer_than_it_is_long(text: str) -> None:
    started = time.process_time()
    assert not FINDER.is_in(text * (400_000 // len(text)))
    assert time.process_time() - started < 2


@pytest.mark.parametrize("inside", ["", "\x1b[1m", "<!-- > -->", "x\b"])
def test_a_key_in_a_megabyte_is_found_in_its_place_with_little_memory(inside: str) -> None:
    before, after = "some words, 12.3\n" * 30_000, "other words\n" * 40_000
    tracemalloc.start()
    masked = FINDER.masked(f"{before}{KEY[:5]}{inside}{KEY[5:]}\n{after}")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert masked == f"{before}[redacted MY_TOKEN]\n{after}"
    assert peak < 25_000_000


@pytest.mark.parametrize("inside", ["\0" * 50_000, f"<!-- {'>' * 50_000} -->"])
def test_halves_of_a_key_far_from_each_other_are_a_key(inside: str) -> None:
    before, after = "some words, 12.3\n" * 2_000, "other words\n" * 3_000
    masked = FINDER.masked(f"{before}{KEY[:5]}{inside}{KEY[5:]}\n{after}")
    assert masked == f"{before}[redacted MY_TOKEN]\n{after}"


def test_a_comment_that_never_ends_hides_no_other_text() -> None:
    assert FINDER.is_in_one_of(("<!-- ", f"{KEY[:5]}<!-- > -->{KEY[5:]}"))


@pytest.mark.parametrize("disguise", OTHER_LETTERS)
def test_other_letters_are_what_they_are(disguise: str) -> None:
    assert not FINDER.is_in(OTHER_LETTERS[disguise](KEY))


@pytest.mark.parametrize(
    "key", ["quo'te\"and\\slash", "schlüssel-ключ-1", "tab\tand\nline-key", "pass word with spaces", "a&b<c>d;e"]
)
def test_a_key_of_strange_letters_is_found_as_python_json_pages_and_addresses_write_it(key: str) -> None:
    finder = Finder([("K", key)])
    ways = [key, repr(key), json.dumps(key), repr(key.encode()), html.escape(key), quote(key), quote(key, safe="")]
    assert [way for way in ways if finder.name_in(f"x {way} y") != "K"] == []


TEXTS = st.lists(
    st.sampled_from(
        [
            *KEY,
            "&",
            "#",
            ";",
            "<",
            ">",
            "b",
            "\\",
            "u",
            "00",
            "73",
            "x",
            "\x1b[",
            "31m",
            "\x1b]",
            "\x07",
            "\r",
            "\b",
            "\n",
            "\0",
            "ü",
            "\u00ad",
            " ",
        ]
    ),
    max_size=40,
).map("".join)


@given(TEXTS)
def test_a_reading_knows_where_each_of_its_letters_comes_from(text: str) -> None:
    for reading in READINGS:
        if reading.applies(text):
            seen = reading.seen(text)
            assert seen.text == reading.letters(text)
            assert len(seen.spans) == len(seen.text)
            assert all(0 <= start < end <= len(text) for start, end in seen.spans)


@given(TEXTS, TEXTS)
def test_what_is_around_a_hit_stays_as_it_is(before: str, after: str) -> None:
    text = before + KEY + after
    hits = FINDER.hits(text)
    assert hits
    masked = between(text, hits, 0, len(text))
    assert KEY not in masked
    assert masked.startswith(text[: hits[0].start])
    assert masked.endswith(text[hits[-1].end :])


INSIDE = st.sampled_from(["", "", "", "\x1b[31m", "\0", "\n", " ", "x\b", "\u00ad", "\x1b]0;t\x07", "<b>"])


@st.composite
def disguised(draw: st.DrawFn) -> str:
    return "".join(char + draw(INSIDE) for char in KEY)


def in_pieces(text: str, sizes: list[int], streams: list[str]) -> list[tuple[str, str]]:
    strand, out, place = Strand(), list[tuple[str, str]](), 0
    for number, size in enumerate([*sizes, len(text)]):
        out += strand.take(FINDER, text[place : place + size], streams[number % len(streams)])
        place += size
    return [*out, *strand.let_go(FINDER)]


PIECES = st.lists(st.integers(1, 9), max_size=30)
STREAMS = st.lists(st.sampled_from(["stdout", "stderr"]), min_size=1, max_size=4)


@settings(deadline=None)
@given(
    st.lists(st.one_of(disguised(), st.text("sk-te\n \r01a<&\\", max_size=12)), max_size=3).map("".join),
    PIECES,
    STREAMS,
)
def test_in_whatever_pieces_a_secret_comes_it_is_not_given_out(text: str, sizes: list[int], streams: list[str]) -> None:
    given_out = "".join(part for _, part in in_pieces(text, sizes, streams))
    assert not FINDER.is_in(given_out)
    if not any(FINDER.is_in(text[:end]) for end in range(len(text) + 1)):
        assert given_out == text  # the control: nothing is lost, nothing is changed


@given(st.integers(1, len(KEY) - 1), st.integers(1, len(KEY) - 1))
def test_a_few_letters_of_it_are_seen_at_most(first: int, second: int) -> None:
    strand, seen = Strand(), ""
    for piece in ("key: ", KEY[:first], KEY[first : first + second], KEY[first + second :]):
        seen += "".join(text for _, text in strand.take(FINDER, piece))
    seen = seen.removeprefix("key: ")
    assert seen.endswith("[redacted MY_TOKEN]")
    assert len(seen.removesuffix("[redacted MY_TOKEN]")) <= LET_THROUGH


@pytest.mark.parametrize("line", ["50 items\n", "loss: 0.5", "this is s", "x < y and k", "AT&T", "if a < b: s"])
def test_ordinary_text_is_not_delayed(line: str) -> None:
    assert Strand().take(FINDER, line) == [("", line)]


def test_an_end_that_may_be_a_secret_waits_only_for_the_next_piece() -> None:
    strand = Strand()
    assert strand.take(FINDER, "see sk-test-", "stdout") == [("stdout", "see ")]
    assert strand.take(FINDER, "ing", "stderr") == [("stdout", "sk-test-"), ("stderr", "ing")]


def test_what_was_let_go_is_still_read_together_with_what_follows() -> None:
    strand = Strand()
    assert strand.take(FINDER, "sk-test-") == []
    assert strand.let_go(FINDER) == [("", "sk-test-")]
    assert strand.take(FINDER, "0123456789 more") == [("", "[redacted MY_TOKEN] more")]


def test_no_number_of_invisible_characters_pushes_a_secret_out() -> None:
    strand = Strand()
    out = strand.take(FINDER, KEY[:9])
    for _ in range(10):
        out += strand.take(FINDER, "\0" * (MOST_HELD // 2))
    out += [*strand.take(FINDER, KEY[9:]), *strand.let_go(FINDER)]
    assert not FINDER.is_in("".join(text for _, text in out))


def test_letters_are_what_is_left_without_what_nobody_sees() -> None:
    assert letters("a\0 b\n\tc\u00add\u200be") == "abcde"


def test_where_a_long_secret_begins_is_seen_at_once_and_from_its_first_letters_to_the_last() -> None:
    key = "".join(f"{number:x}-" for number in range(400))
    finder = Finder([("LONG_KEY", key)])
    text = "some words of text\n" * 300
    started = time.process_time()
    for end in (1, 3, 4, 50, 300, len(key) - 1):
        beginning = finder.beginning(text + key[:end])
        assert beginning
        assert (beginning.start, beginning.letters) == (len(text), end)
    for _ in range(50):
        assert finder.beginning(text) is None
    assert time.process_time() - started < 0.1
