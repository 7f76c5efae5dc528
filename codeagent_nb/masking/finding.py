"""Owns where secrets stand in a text, however it is read. Must not know events, nor where secrets come from."""

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from codeagent_nb.masking.folding import IN_PIECES, READINGS, SEPARATOR, Reading, Seen, letters

ENCODINGS = ("utf-8", "utf-32-le")  # NumPy keeps text as UTF-32
FEWEST_LETTERS = 4  # a value with fewer is looked for as it is written
WINDOW = 4_096  # characters at the end of a text, where a secret may begin
CHUNK = 32_768  # characters that are looked through at once where one of them must be found
NEAR = 256  # characters at the end of a text, in which mostly stands what has begun
UNFINISHED = re.compile(
    r"\x1b[ -/]*$|\x1b\[[^@-~\n]*$|\x1b\][^\x07\x1b]*$|\\(?:[uUx][0-9a-fA-F]{0,7}|\d{0,2})$"
    r"|&(?:#[xX]?0*\w{0,8}|\w{0,32})$|<[^<>]{0,200}$"
)
"""What the next piece of a text may make into something that is not seen, or is seen as a letter."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A place of a secret in a text."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class Beginning:
    """A place where a secret may have begun, and how many of its letters are there."""

    start: int
    letters: int


class Finder:
    """Finds secrets.

    Args:
        secrets: Names and values; a name may have several.
    """

    def __init__(self, secrets: Iterable[tuple[str, str]]) -> None:
        spelled = {way: name for name, value in secrets for way in _spellings(value)}
        folded = {letters(way): name for way, name in spelled.items()}
        self._names = {value: name for value, name in folded.items() if len(value) >= FEWEST_LETTERS}
        self._pattern = _any_of(self._names)
        self._odd = {way: name for way, name in spelled.items() if way and len(letters(way)) < FEWEST_LETTERS}
        self._odd_pattern = _any_of(self._odd)
        self._sorted = sorted(self._names)
        self._heads = {value[:FEWEST_LETTERS] for value in self._names}
        self._longest = max(map(len, self._names), default=0)
        # A value of the environment may hold bytes that are no UTF-8.
        pairs = ((value.encode(way, "surrogatepass"), name) for value, name in spelled.items() for way in ENCODINGS)
        self._in_bytes = dict(pairs)
        self.longest_bytes = max(map(len, self._in_bytes), default=0)

    @property
    def knows_none(self) -> bool:
        """Whether there are no secrets."""
        return self._pattern is None and self._odd_pattern is None

    def is_in(self, text: str) -> bool:
        """Return whether a secret can be read in a text."""
        return self.is_in_one_of((text,))

    def is_in_one_of(self, texts: Sequence[str]) -> bool:
        """Return whether a secret can be read in one of these; in one go: each search has its price, however short."""
        if self._odd_pattern and any(map(self._odd_pattern.search, texts)):
            return True
        if self._pattern is None:
            return False
        whole = SEPARATOR.join(texts)  # what makes no difference to all of them makes none to one
        return any(
            self._is_read(reading, read)
            for reading in READINGS
            if reading.applies(whole) and (read := [text for text in texts if reading.applies(text)])
        )

    def _is_read(self, reading: Reading, texts: Sequence[str]) -> bool:
        # A comment that never ends hides the rest of its own text, not other texts: those are read apart.
        read = map(reading.letters, texts) if reading.steps else [letters(SEPARATOR.join(texts))]
        return bool(self._pattern and self._pattern.search(SEPARATOR.join(read)))

    def name_in(self, text: str) -> str:
        """Return the name of a secret that can be read in a text, or ""."""
        return next((hit.name for hit in self.hits(text)), "")

    def name_in_bytes(self, data: bytes) -> str:
        """Return the name of a secret in `data`, or ""; none is longer than `longest_bytes`."""
        return next((name for value, name in self._in_bytes.items() if value in data), "")

    def hits(self, text: str) -> Sequence[Hit]:
        """Return where secrets stand, in order; those that overlap are one."""
        if not self.is_in(text):
            return ()
        chunk = CHUNK
        while chunk < len(text):
            near = [hit for start in range(0, len(text), chunk) for hit in self._hits_near(text, start, chunk)]
            hits = _merged(near)
            # What is read alike only from far away, as in a comment of many pages, is still there then.
            if not self.is_in(between(text, hits, 0, len(text))):
                return hits
            chunk *= 8
        return _merged(self._hits_near(text, 0, chunk))

    def _hits_near(self, text: str, start: int, size: int) -> list[Hit]:
        """Return where secrets stand in a part; only where one is read are places looked up: 2 MB of them take 300."""
        near = text[start : start + size + size // 8]
        found = [Hit(match.start(), match.end(), self._odd[match[0]]) for match in _matches(self._odd_pattern, near)]
        for reading in READINGS:
            if reading.applies(near) and self._is_read(reading, (near,)):
                found += self._hits_of(reading.seen(near))
        return [Hit(start + hit.start, start + hit.end, hit.name) for hit in found]

    def _hits_of(self, seen: Seen) -> list[Hit]:
        hits = []
        for match in _matches(self._pattern, seen.text):
            spans = seen.spans[match.start() : match.end()]
            start, end = min(start for start, _ in spans), max(end for _, end in spans)
            hits.append(Hit(start, end, self._names[match[0]]))
        return hits

    def masked(self, text: str) -> str:
        """Return a text with the names of secrets in their places."""
        hits = self.hits(text)
        return between(text, hits, 0, len(text)) if hits else text

    def beginning(self, text: str) -> Beginning | None:
        """Return where a secret may have begun whose end is not there yet."""
        if not self._names:
            return None
        window = text[-WINDOW:]
        if len(text) > WINDOW and len(letters(window)) < self._longest:
            window = text  # thousands of invisible characters
        whole = UNFINISHED.sub("", window)
        begun = [found for reading in IN_PIECES if reading.applies(whole) and (found := self._begun(reading, whole))]
        if window[len(whole) :].startswith(("\\", "&#")):  # its first letter may be written so
            begun.append(Beginning(len(whole), len(window) - len(whole) + FEWEST_LETTERS))
        if not begun:
            return None
        first = min(begun, key=lambda found: found.start)
        return Beginning(len(text) - len(window) + first.start, max(found.letters for found in begun))

    def _begun(self, reading: Reading, text: str) -> Beginning | None:
        read = reading.letters(text)
        last = read[-(self._longest - 1) :] if self._longest > 1 else ""
        count = next((len(last) - at for at in self._heads_in(last) if self._is_beginning(last[at:])), 0)
        if not count:
            return None
        end = text[-NEAR:]
        near = reading.letters(end)
        # Places are looked up at the end only, if the text reads alike when it is cut there.
        if len(near) < count or reading.letters(text[:-NEAR]) + near != read:
            end = text
        return Beginning(len(text) - len(end) + reading.seen(end).spans[-count][0], count)

    def _heads_in(self, text: str) -> list[int]:
        """Return where a secret may begin; to compare at each place of a long text takes ten times as long."""
        found = {*range(max(0, len(text) - FEWEST_LETTERS + 1), len(text))}
        for head in self._heads:
            at = text.find(head)
            while at >= 0:
                found.add(at)
                at = text.find(head, at + 1)
        return sorted(found)

    def _is_beginning(self, part: str) -> bool:
        """Return whether a secret begins with this, and goes on."""
        index = bisect_left(self._sorted, part)
        return any(value.startswith(part) and value != part for value in self._sorted[index : index + 2])


def between(text: str, hits: Sequence[Hit], start: int, end: int, first: int = 0) -> str:
    """Return a part of a text with names in the places of secrets.

    Args:
        text: All of it.
        hits: Where secrets stand.
        start: Of the part.
        end: Of the part.
        first: Where what is given out begins; a secret that begins earlier is named there.
    """
    parts = []
    for hit in hits:
        if hit.end <= start or hit.start >= end:
            continue
        parts.append(text[start : max(start, hit.start)])
        parts.append(f"[redacted {hit.name}]" if start <= max(hit.start, first) < end else "")
        start = min(end, hit.end)
    return "".join([*parts, text[start:end]])


def _spellings(value: str) -> set[str]:
    """A value as it is, and as Python, JSON and addresses write it; escapes of single letters are read, not listed."""
    utf8 = value.encode("utf-8", "surrogateescape")
    return {
        value,
        repr(value)[1:-1],
        json.dumps(value)[1:-1],
        quote(utf8),
        quote(utf8, safe=""),
        utf8.decode("latin-1"),  # as the literal of bytes reads
    }


def _any_of(values: Iterable[str]) -> re.Pattern[str] | None:
    # Longest first, so that a secret that contains another is replaced whole.
    longest_first = sorted(values, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def _matches(pattern: re.Pattern[str] | None, text: str) -> Iterable[re.Match[str]]:
    return pattern.finditer(text) if pattern else ()


def _merged(hits: Iterable[Hit]) -> list[Hit]:
    merged: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        if merged and hit.start < merged[-1].end:
            merged[-1] = Hit(merged[-1].start, max(merged[-1].end, hit.end), merged[-1].name)
        else:
            merged.append(hit)
    return merged
