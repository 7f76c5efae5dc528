"""Makes a model's Markdown fit for a cell of a notebook, where HTML in it is obeyed and pictures are loaded. Pure.

Jupyter cleans what a Markdown cell becomes, but it does load pictures: `![](https://host/?what-the-code-printed)` would
send away what it says, without a click. So HTML is shown as text, and a picture becomes a link to it.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from markdown_it import MarkdownIt

from codeagent_nb.rendering.bundle import LATEX_COMMANDS_REFUSED

TEXT_LIMIT = 50_000
"""Characters of one cell: the whole stands in the saved session. JupyterLab renders a cell's text at one go."""

PIECE = re.compile(r"\\[\\`$]|(?P<ticks>`+)|(?P<math>\$[^$\n]+\$)|\\?<(?=[A-Za-z/!?])|\\?!(?=\[)")
SHOWN = {"<": "&lt;", "!": "&#33;"}
"""Also for what is escaped: an address before it may end with the backslash."""
IN_MATH = re.compile(r"<(?=[A-Za-z/!?])|!(?=\[)")
"""TeX reads `a< b` as it reads `a<b`."""
IN_CODE = re.compile(r"<(?=[A-Za-z][^<>]*=)|!(?=\[)")
"""Code stays as it is, but for this: another parser may not agree on where code begins and ends."""

PARAGRAPH_END = re.compile(r"(?<=\n)(?=[ \t]*\n)")
MATH_LIMIT = re.compile(r"\$|\\(?:begin|end)|\\\\[()\[\]]")
"""JupyterLab looks for mathematics before it looks for code: with one of these in code, a fence may be part of it."""
DIAGRAM = re.compile(r"^([ \t>*+.)\d-]*(?:`{3,}|~{3,})[ \t]*)mermaid", re.IGNORECASE | re.MULTILINE)
"""JupyterLab draws it, and a node of mermaid can be a picture, which is loaded."""

TEX_REFUSED = re.compile(rf"\\(?=(?:{'|'.join(name[1:] for name in LATEX_COMMANDS_REFUSED)})(?![A-Za-z]))")
"""Commands that lead elsewhere or paint over the page; with a space after the backslash they are words."""

BLOCKS = MarkdownIt("commonmark", {"html": False}).disable(["inline", "text_join"])
READER = MarkdownIt("commonmark", {"html": True, "maxNesting": 100}).enable("table").disable(["link", "emphasis"])
"""Finds HTML and pictures; looking for links, too, took 3 s for 6,000 brackets."""
ALIVE = {"html_block", "html_inline", "image"}


def harmless_markdown(text: str) -> str:
    """Return Markdown that reads the same, holds no HTML and loads nothing.

    Args:
        text: What the model wrote; of more than `TEXT_LIMIT` characters the beginning is left.
    """
    if len(text) > TEXT_LIMIT:
        text = f"{text[:TEXT_LIMIT]}\n\n*… {len(text) - TEXT_LIMIT:,} more characters are left out here.*"
    if MATH_LIMIT.search(text):
        text = TEX_REFUSED.sub(lambda _: "\\ ", text)
    text = DIAGRAM.sub(r"\1text", text.replace("\r\n", "\n").replace("\r", "\n"))
    if "<" not in text and "![" not in text:
        return text
    harmless = "".join(_harmless_parts(text))
    return text.replace("<", "&lt;").replace("![", "&#33;[") if _is_alive(harmless) else harmless


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
    is_clear = not any(map(MATH_LIMIT.search, code)) and not any("]:" in part for part in words)
    yield _harmless_words(words[0])
    for (_, _, is_plain_fence), block, part in zip(ranges, code, words[1:], strict=True):
        yield block if is_plain_fence and is_clear else _spaced(IN_CODE, block)
        yield _harmless_words(part)


def _code_ranges(text: str) -> Iterator[tuple[int, int, bool]]:
    """Give the lines of each block of code, and whether it is one that every parser finds."""
    end = 0
    for token in BLOCKS.parse(text):
        if token.type in {"fence", "code_block"} and token.map and token.map[0] >= end:
            end = token.map[1]
            yield token.map[0], end, token.type == "fence" and token.level == 0


def _harmless_words(text: str) -> str:
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
            yield _spaced(IN_CODE, text[found.start() : position])
        elif found["math"]:
            yield _spaced(IN_MATH, piece)
        else:
            yield SHOWN.get(piece.removeprefix("\\"), piece)
    yield text[position:]


def _end_of_code(text: str, opening: re.Match[str]) -> int:
    runs = re.compile("`+").finditer(text, opening.end())
    return next((run.end() for run in runs if len(run[0]) == len(opening[0])), opening.end())


def _spaced(pattern: re.Pattern[str], code: str) -> str:
    return pattern.sub(lambda found: f"{found[0]} ", code)
