r"""Owns what a reader sees of a text: its letters, without what is invisible. Pure; must not know what a secret is.

A key with an ANSI code, a NUL or a backspace inside looks like the key on every screen, and `str.replace` does not find
it (measured: prompt, panel and terminal showed it). So a text is read in several ways, each without white space:

* plain: without control characters;
* as coloured: without terminal codes, which may hold text themselves; and without what notebooks take for codes;
* on a screen: with `\r` and `\b` carried out;
* as a page: without what a browser takes for markup, with entities decoded;
* as a page is written, for what only looks like markup: without tags, with entities decoded;
* as Markdown: as both, without what makes text bold or code, and without backslashes that keep it from that;
* as a literal: with the escapes of JSON and Python decoded.
"""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kernel_executor.outputs.carriage_return import overwrite, places_after
from kernel_executor.outputs.fold import ANSI

ASCII_UNSEEN = dict.fromkeys((*range(33), 127))
ASCII_UNSEEN_BYTES = bytes(ASCII_UNSEEN)
UNSEEN = re.compile(
    "[\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000"
    "\ufe00-\ufe0f\ufeff]"
)
"""White space, control characters, and what Unicode calls invisible: soft hyphens, joiners, direction marks."""

NO_WIDTH = re.compile("[\x00-\x07\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u200b-\u200f\u2060-\u206f\ufeff]")
"""Of these, what takes no column of a screen; `\\b`, `\\t`, `\\n`, `\\r` do something there."""

CODES = re.compile(rf"{ANSI.pattern}|\x1b[ -/]+[0-~]")
NOTEBOOK_CODES = re.compile(r"\x1b\[[^@-~\n]*[@-~]")
"""What nbconvert and JupyterLab take for a colour, which is more than a terminal does."""

SEPARATOR = "|"
"""Put between texts that are searched together: it is seen, and ASCII."""

TAG = re.compile(r"<!\[CDATA\[|\]\]>|<[^<>]*>")
"""What looks like a tag. SVG shows what is in a CDATA section."""

ATTRIBUTES = (
    r"(?:[\t\n\f\r /]++|[^\t\n\f\r />][^\t\n\f\r />=]*+"
    r"(?:[\t\n\f\r ]*+=[\t\n\f\r ]*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\t\n\f\r >]*+))?+)*+(?:>|\Z)"
)


def _markup(emptied: str) -> re.Pattern[str]:
    """Return what a browser takes for markup, and elements that go with what is in them.

    What never ends reaches to the end there too, so this takes linear time.
    """
    return re.compile(
        r"<!--(?:-?>|.*?(?:--!?>|\Z))"
        rf"|<({emptied})(?=[\t\n\f\r />]){ATTRIBUTES}.*?(?=</\1[\t\n\f\r />]|\Z)"
        rf"|</?[a-z][^\t\n\f\r />]*+{ATTRIBUTES}"
        r"|<[!?/][^>]*(?:>|\Z)",
        re.IGNORECASE | re.DOTALL,
    )


CLEANED = _markup("script|style")
"""A cleaner leaves what is in other elements."""

HIDDEN = _markup("script|style|title|noscript|template|textarea")
"""A browser shows nothing, or a field, for these."""

EMPHASIS = re.compile(r"[*`~]+|\\(?=[!-/:-@\[-`{-~])")
"""What makes text bold or code, and what keeps a character from doing so."""

ENTITY = re.compile(r"&(?:#0*+\d{1,7}|#[xX]0*+[0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});?")
ZEROS = re.compile("(?<=[#xX])0+(?=[0-9a-fA-F])")
ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-3]?[0-7]{1,2}|[nrtbfav\"'/\\\n])")
SIMPLE = {**dict(zip("nrtbfav", "\n\r\t\b\f\a\v", strict=True)), "\n": ""}


@dataclass(frozen=True, slots=True)
class Seen:
    """A text as it is read, and for each of its characters from where to where it stands in the original."""

    text: str
    spans: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Substitution:
    """A step of reading: each match of a pattern is read as something else."""

    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], str] | None = None
    """None reads it as nothing."""

    def of_text(self, text: str) -> str:
        """Read a text."""
        return self.pattern.sub(self.read or "", text)

    def of_seen(self, seen: Seen) -> Seen:
        """Read a text of which is known where it comes from."""
        parts: list[str] = []
        spans: list[tuple[int, int]] = []
        end = 0
        for match in self.pattern.finditer(seen.text):
            said = self.read(match) if self.read else ""
            whole = (seen.spans[match.start()][0], seen.spans[match.end() - 1][1])
            parts += [seen.text[end : match.start()], said]
            spans += [*seen.spans[end : match.start()], *[whole] * len(said)]
            end = match.end()
        return Seen("".join([*parts, seen.text[end:]]), [*spans, *seen.spans[end:]])


@dataclass(frozen=True, slots=True)
class Screen:
    r"""A step of reading: `\r` and `\b` move the cursor, and what comes next overwrites."""

    def of_text(self, text: str) -> str:
        """Read a text."""
        return overwrite(text)

    def of_seen(self, seen: Seen) -> Seen:
        """Read a text of which is known where it comes from."""
        places = places_after(seen.text)
        return Seen("".join(map(seen.text.__getitem__, places)), [seen.spans[place] for place in places])


def _entity(match: re.Match[str]) -> str:
    return html.unescape(ZEROS.sub("", match[0]))  # Python reads no number of more than 4,300 digits


def _escape(match: re.Match[str]) -> str:
    said = match[0][1:]
    if said[0] in "uUx" or said.isdigit():
        code = int(said[1:], 16) if said[0] in "uUx" else int(said, 8)
        return chr(code) if code < 0x110000 else ""
    return SIMPLE.get(said, said)


Step = Substitution | Screen


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a text.

    Args:
        marks: Of each of these a text has one at least, or another reading does as well.
        steps: What is done before the plain reading.
    """

    marks: tuple[tuple[str, ...], ...]
    steps: tuple[Step, ...]

    def applies(self, text: str) -> bool:
        """Return whether this way makes a difference."""
        return all(any(mark in text for mark in marks) for marks in self.marks)

    def letters(self, text: str) -> str:
        """Return the letters that are seen."""
        for step in self.steps:
            text = step.of_text(text)
        return letters(text)

    def seen(self, text: str) -> Seen:
        """Return the same letters, with where they come from."""
        seen = Seen(text, [(index, index + 1) for index in range(len(text))])
        for step in (*self.steps, Substitution(UNSEEN)):
            seen = step.of_seen(seen)
        return seen


WITHOUT_CODES = Substitution(CODES)
ENTITIES = (Substitution(ENTITY, _entity), WITHOUT_CODES)
MARKS = ("*", "`", "~", "\\")
PLAIN = Reading((), ())
COLOURED = Reading((("\x1b",),), (WITHOUT_CODES,))
NOTEBOOK = Reading((("\x1b[",),), (Substitution(NOTEBOOK_CODES), WITHOUT_CODES))
TAGGED = Reading((("<", "&"),), (Substitution(TAG), *ENTITIES))
PAGES = [Reading((("<",),), (Substitution(pattern), *ENTITIES)) for pattern in (CLEANED, HIDDEN)]
MARKDOWN = [
    Reading((MARKS,), (Substitution(EMPHASIS), *TAGGED.steps)),
    *(Reading((*page.marks, MARKS), (Substitution(EMPHASIS), *page.steps)) for page in PAGES),
]
LITERAL = Reading((("\\",),), (Substitution(ESCAPE, _escape), WITHOUT_CODES))
ON_SCREEN = Reading((("\r", "\b"),), (WITHOUT_CODES, Substitution(NO_WIDTH), Screen()))
IN_PIECES = (PLAIN, COLOURED, NOTEBOOK, TAGGED, *PAGES, *MARKDOWN, LITERAL)
"""The readings by which it shows that a secret may have begun; a screen can make one of whatever is in a line."""
READINGS = (*IN_PIECES, ON_SCREEN)


def letters(text: str) -> str:
    """Return the letters of a text: nothing invisible, no white space."""
    if text.isascii():  # 600 kB take 1 ms by `translate`, 20 ms by a pattern
        return text.translate(ASCII_UNSEEN)
    shorter = text.encode("utf-8", "surrogatepass").translate(None, ASCII_UNSEEN_BYTES)
    return UNSEEN.sub("", shorter.decode("utf-8", "surrogatepass"))
