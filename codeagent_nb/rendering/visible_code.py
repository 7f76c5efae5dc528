"""Owns how code looks to whoever is asked whether it may run: nothing in it hides, moves or passes for something else.

Pure, and the only such function: every surface shows its rows. Knows no surface, no model and no executor.

What would not be seen stands in white brackets, `⟨U+202E⟩`; the brackets themselves are spelled out too, so that one
code only can be read back from what is shown, but for one newline at its end. Nothing is left out: a long run of spaces
or of empty lines is counted, so that it cannot push code out of sight.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from codeagent_nb.rendering.lookalikes import lookalikes
from kernel_executor import CodeBlock
from kernel_executor.languages import normalize

LONGEST_GAP = 40
"""Spaces within a line that are shown as they are."""
LONGEST_TRAIL = 8
"""Spaces at a line's end of which each is shown."""
EMPTY_LINES = 8
"""Empty lines in a row that are shown as they are."""
LONGEST_LINE = 400
"""Characters of a line above which its length is said."""
NAMED = 6
"""Spelled-out characters that are named above the code; all are marked in it."""

TRAILING = "\u00b7"
"""Shown for a space at the end of a line."""

_BLANK_LETTERS = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufffc\U0001d159")
"""Letters and symbols without a shape."""
_OWN = frozenset("⟨⟩\u00b7\u0387\u2027\u2219\u22c5\ua78f\u2329\u232a\u3008\u3009\u276c\u276d")
"""The marks that are ours, and what looks like them; U+0387 is U+00B7 for Unicode."""
_TURNING = frozenset({"R", "AL", "AN"})
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
_CONTROLS = {"\0": "null", "\a": "bell", "\b": "backspace", "\r": "carriage return", "\x1b": "escape", "\x7f": "delete"}
_GAP = re.compile(f" {{{LONGEST_GAP + 1},}}")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a line.

    Args:
        text: What is shown.
        spelled: True if it stands for something that would not be seen as it is.
    """

    text: str
    spelled: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line of code as it is shown.

    Args:
        number: Of the line in its block, from 1.
        parts: What is shown of it, in order.
    """

    number: int
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """All of it as one text."""
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True, slots=True)
class ShownBlock:
    """A block as it is shown before it runs.

    Args:
        title: Its language, its place among the blocks, its number of lines.
        notes: What is unusual about it; empty for most code.
        lines: All of it.
        count: Its number of lines.
    """

    title: str
    notes: tuple[str, ...]
    lines: tuple[Line, ...]
    count: int


def shown_blocks(code_blocks: Sequence[CodeBlock]) -> tuple[ShownBlock, ...]:
    """Return code blocks as a person is to see them."""
    return tuple(_shown(block, at, len(code_blocks)) for at, block in enumerate(code_blocks, 1))


def question(code_blocks: Sequence[CodeBlock], isolation: str) -> str:
    """Return the question in one line: what holds the code, and how much of it there is."""
    lines = _count(sum(len(_lines(block.code)) for block in code_blocks), "line")
    much = f"{len(code_blocks)} blocks, {lines}" if len(code_blocks) != 1 else lines
    return f"{spelled(isolation) or 'Approval'}. Run this code ({much})?"


def visible(code: str, language: str = "python") -> tuple[Line, ...]:
    """Return code line by line with everything spelled out that would not be seen, or be seen as something else.

    Args:
        code: The code.
        language: Its language; in Python every character beyond ASCII that stands in a name is spelled out. What of
            the rest passes for something else says `lookalikes.py`, and what it does not find.
    """
    lines = _lines(code)
    marked = lookalikes(lines, normalize(language or "python"))
    return tuple(_shown_lines(lines, marked))


def has_unseen(code_blocks: Sequence[CodeBlock]) -> bool:
    """Return whether there is something in code that is spelled out where it is shown."""
    lines = (line for block in code_blocks for line in visible(block.code, block.language))
    return any(part.spelled for line in lines for part in line.parts)


def spelled(text: str) -> str:
    """Return a text of one line, a title say, with everything spelled out that would not be seen."""
    return "".join(_token(char) if char == "\n" or _is_unseen(text, at) else char for at, char in enumerate(text))


def rows(line: Line, width: int) -> tuple[tuple[int, int], ...]:
    """Return where a line's text is cut so that no row is wider than `width` columns; tokens stay whole if they can.

    Args:
        line: The line.
        width: Columns of a row.
    """
    cuts, column, at = [0], 0, 0
    for part in line.parts:
        unit = part.text if part.spelled and _width(part.text) <= width else ""
        for piece in [unit] if unit else part.text:
            wide = _width(piece)
            if column and column + wide > width:
                cuts.append(at)
                column = 0
            column += wide
            at += len(piece)
    return tuple(zip(cuts, [*cuts[1:], at], strict=True))


def as_text(code_blocks: Sequence[CodeBlock], width: int = 100) -> str:
    """Return code blocks as plain text with line numbers, for where there is neither colour nor HTML.

    Args:
        code_blocks: The blocks.
        width: Columns of code in a row; longer lines go on in the next row, which has no number.
    """
    return "\n".join(row for block in shown_blocks(code_blocks) for row in _text_rows(block, width))


def _text_rows(block: ShownBlock, width: int) -> Iterator[str]:
    yield f"── {block.title} ──"
    yield from (f"▲ {note}" for note in block.notes)
    digits = len(str(block.count))
    for line in block.lines:
        text = line.text  # joined once: for every row it took longer than anybody waits
        for at, (start, end) in enumerate(rows(line, width)):
            label = "" if at else str(line.number)
            yield f"{label:>{digits}} │ {text[start:end]}"


def _shown(block: CodeBlock, at: int, of: int) -> ShownBlock:
    lines, count = visible(block.code, block.language), len(_lines(block.code))
    where = f"block {at} of {of}" if of > 1 else ""
    title = " · ".join(filter(None, [_language(block.language), where, _count(count, "line")]))
    return ShownBlock(title, tuple(_notes(block.code, lines)), lines, count)


def _language(tag: str) -> str:
    name = normalize(tag or "python")
    return spelled(name if tag in {"", name} else f"{name} (tagged {tag})")


def _notes(code: str, lines: Iterable[Line]) -> Iterator[str]:
    tokens = dict.fromkeys(part.text for line in lines for part in line.parts if part.spelled)
    found = [(token, char) for token in tokens if (char := _char_of(token))]
    if found:
        named = ", ".join(f"{token} {_name(char)}" for token, char in found[:NAMED])
        yield f"Spelled out: {named}{f', and {len(found) - NAMED} others' if len(found) > NAMED else ''}"
    if longest := max((len(line) for line in _lines(code) if len(line) > LONGEST_LINE), default=0):
        yield f"Has a line of {longest:,} characters"


def _char_of(token: str) -> str:
    match = re.search(r"U\+([0-9A-F]{4,6})⟩$", token)
    return chr(int(match[1], 16)) if match else ""


def _name(char: str) -> str:
    kinds = {"Cc": "control character", "Cs": "lone surrogate", "Co": "private use", "Cn": "unassigned"}
    fallback = kinds.get(unicodedata.category(char), "")
    return unicodedata.name(char, _CONTROLS.get(char, fallback)).lower()


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _lines(code: str) -> list[str]:
    return code.removesuffix("\n").split("\n")


def _shown_lines(lines: Sequence[str], marked: Sequence[frozenset[int]]) -> Iterator[Line]:
    at = 0
    while at < len(lines):
        end = at
        while end < len(lines) and not lines[end]:
            end += 1
        if end - at > EMPTY_LINES:
            yield Line(at + 1, (Part(f"⟨lines {at + 1} to {end} are empty⟩", spelled=True),))
            at = end
        else:
            yield Line(at + 1, tuple(_joined(_parts(lines[at], marked[at]))))
            at += 1


def _parts(line: str, marked: frozenset[int]) -> Iterator[Part]:
    gaps = {match.start(): match.end() for match in _GAP.finditer(line)}
    trail = len(line.rstrip(" "))  # a pattern for the end was tried at each of 40,000 spaces within: 9 s
    at = 0
    while at < len(line):
        char, end = line[at], gaps.get(at, at + 1)
        if at == trail and len(line) - trail > LONGEST_TRAIL:
            end = len(line)
        if end > at + 1:
            yield Part(f"⟨{end - at} spaces⟩", spelled=True)
        elif at >= trail:
            yield Part(TRAILING, spelled=True)
        elif _is_unseen(line, at):
            yield Part(_token(char), spelled=True)
        elif at in marked:
            yield Part(f"⟨{char} {_code_point(char)}⟩", spelled=True)
        else:
            yield Part(char)
        at = end


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    """Join neighbouring characters that are shown as they are; each token stays a part of its own."""
    plain: list[str] = []
    for part in parts:
        if part.spelled:
            if plain:
                yield Part("".join(plain))
                plain = []
            yield part
        else:
            plain.append(part.text)
    if plain:
        yield Part("".join(plain))


def _token(char: str) -> str:
    return "⟨tab⟩" if char == "\t" else f"⟨{_code_point(char)}⟩"


def _code_point(char: str) -> str:
    return f"U+{ord(char):04X}"


def _is_unseen(line: str, at: int) -> bool:
    char = line[at]
    if char in _OWN or _is_unseen_anywhere(char):
        return True
    return unicodedata.category(char) in {"Mn", "Me"} and not _carries_marks(line, at)


@cache
def _is_unseen_anywhere(char: str) -> bool:
    if char == " ":
        return False
    return (
        unicodedata.category(char) in _UNSEEN
        or unicodedata.bidirectional(char) in _TURNING  # letters, too: they turn round what stands beside them
        or char in _BLANK_LETTERS
        or _is_selector(char)
    )


def _is_selector(char: str) -> bool:
    """Return whether a character changes the one before it and has no shape: variation selectors, joiners."""
    code = ord(char)
    return 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF or 0x180B <= code <= 0x180F or code == 0x34F


def _carries_marks(line: str, at: int) -> bool:
    """Return whether a combining mark stands where it belongs: after a letter beyond Latin, and not in a heap."""
    before = line[at - 1] if at else " "
    if unicodedata.category(before)[0] == "M":
        return at >= 2 and line[at - 2] > "\u02ff" and unicodedata.category(line[at - 2])[0] == "L"
    composed = unicodedata.normalize("NFC", before + line[at])
    return before > "\u02ff" and unicodedata.category(before)[0] == "L" and len(composed) > 1


def _width(text: str) -> int:
    return len(text) if text.isascii() else sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in text)
