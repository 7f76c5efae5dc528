"""Parts an answer into passages, in which values are named: sentences, list items, cells of tables. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a text whose names and values belong together.

    Args:
        start: Where it begins.
        end: Where it ends.
        text: What names are looked for in.
        contexts: What else may name what it is about, the nearest first.
        is_item: Whether it is an item of a list.
        is_cell: Whether it is a cell of a table; its text then is that of its row's first cell and its column's header.
    """

    start: int
    end: int
    text: str
    contexts: tuple[str, ...] = ()
    is_cell: bool = False
    is_item: bool = False


_ITEM = re.compile(r"^([ \t]*)(?:[-*+•–]|\d{1,3}[.)])[ \t]+")  # noqa: RUF001
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]")
_RULE = re.compile(r"^[\s|:\-]+$")
_END = re.compile(r"[.!?…;][\"'”»)\x00*]*\s+(?=[\"'“«(*\x00]*[^\W\da-zß-öø-ÿ_])")
_ABBREVIATED = re.compile(
    r"(?:\b(?:vs|approx|ca|bzw|resp|etc|fig|no|nr|st|dr|mio|mrd|tsd|abb|inkl|max|min|usw|tkr|ggf|avg|mr|mrs"
    r"|[a-z]\.\s?[a-z]|z\. ?b|p\. ?ej|c\.-à-d))\.\s+$",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"\W*(?:that|das (?:ist|sind|war|waren|entspricht|macht|bedeutet|heißt)|cela|ça|eso|esto|ciò|they|their"
    r"|its?|this|these|those|he|she|his|her|sie|ihre?|es|er|sein[e]?|diese|dabei|deren"
    r"|ils?|elles?|leurs?|ses?|son|sa"
    r"|ellos|ellas|sus?|este|estos|estas|essi|esse|loro|suo|sua)\b",
    re.IGNORECASE,
)


def passages(text: str) -> Iterator[Passage]:
    """Yield the passages of a text whose code is blanked, in its order."""
    heading = lead = ""
    parents: list[tuple[int, str]] = []
    header: list[str] = []
    for start, block in _blocks(text):
        if _is_row(block):
            if not header:
                header = _cells(block)
            elif not _RULE.match(block):
                yield from _row(start, block, header, tuple(filter(None, (lead, heading))))
            continue
        header = []
        if _HEADING.match(block):
            heading, lead, parents = block, "", []
            yield Passage(start, start + len(block), block)
            continue
        item = _ITEM.match(block)
        if item:
            depth = len(item[1].expandtabs())
            parents = [parent for parent in parents if parent[0] < depth]
            contexts = (*(said for _, said in reversed(parents)), lead, heading)
            parents.append((depth, block))
        else:
            parents, contexts = [], (heading,)
        yield from _sentences(start, block, tuple(filter(None, contexts)), is_item=item is not None)
        if not item and block.strip():
            lead = _last_sentence(block)


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """Yield list items, rows, headings and paragraphs, whose lines belong together."""
    start, block = 0, ""
    place = 0
    for line in text.split("\n"):
        is_own = not line.strip("\x00 \t") or _ITEM.match(line) or _HEADING.match(line) or _is_row(line)
        if block and (is_own or _HEADING.match(block) or _is_row(block) or block.rstrip("*\x00 ").endswith(":")):
            yield start, block
            block = ""
        if line.strip("\x00 \t"):
            start, block = (start, f"{block}\n{line}") if block else (place, line)
        place += len(line) + 1
    if block:
        yield start, block


def _is_row(block: str) -> bool:
    return "\n" not in block and block.lstrip().startswith("|") and block.count("|") > 1


def _cells(row: str) -> list[str]:
    return row.strip().strip("|").split("|")


def _row(start: int, block: str, header: list[str], contexts: tuple[str, ...]) -> Iterator[Passage]:
    place = start + block.index("|") + 1
    cells = block[block.index("|") + 1 :].split("|")
    for number, cell in enumerate(cells):
        above = header[number] if number < len(header) else ""
        name = cells[0] if number else ""
        yield Passage(place, place + len(cell), f"{name} | {above}", contexts, is_cell=True)
        place += len(cell) + 1


def _sentences(start: int, block: str, contexts: tuple[str, ...], *, is_item: bool) -> Iterator[Passage]:
    begins, before = 0, ""
    for end in [*(found.end() for found in _END.finditer(block)), len(block)]:
        if end < len(block) and _ABBREVIATED.search(block, max(begins, end - 12), end):
            continue
        said = block[begins:end]
        nearer = (before,) if before and _PRONOUN.match(said) else ()
        yield Passage(start + begins, start + end, said, (*nearer, *contexts), is_item=is_item)
        begins, before = end, said


def _last_sentence(block: str) -> str:
    ends = [found.end() for found in _END.finditer(block)]
    return block[ends[-1] :] if ends else block
