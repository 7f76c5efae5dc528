"""Finds the blocks of a reply by CommonMark, and by what models do instead. Knows nothing of what may run.

Measured on 116 replies: a regex (AutoGen 0.7.5) would run wrong text in 34 of them, CommonMark alone in 13.
CommonMark is the base; a block is looked at again only if it is not closed, ends within a string, or has another
opener in it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from codeagent_nb.reply.info_strings import read_info
from codeagent_nb.reply.marks import FENCE_LINE
from codeagent_nb.reply.markup import RawBlock, code_elements
from codeagent_nb.reply.reasoning import names_reasoning
from codeagent_nb.reply.repair import is_closer, is_opener, repair
from codeagent_nb.reply.syntax import is_complete, is_open_ended

FORGOTTEN = "a fence with a language opens inside this block: the fence that closes it was forgotten"
UNREADABLE = "there are too many broken fences to read the rest"
INDENTED = "the code is indented and not in a fence"

_READ_LIMIT = 2_000_000
"""A repaired block makes us read the rest of a reply again: so many characters in all, or hostile input (20,000
broken list items) would take 40 seconds. A reply of 20 kB can hold a hundred broken fences."""
_MAX_CANDIDATES = 8
"""So many lines are tried as the true end of a block."""
_DOCUMENTS = frozenset({"", "markdown", "md", "mdx", "text", "txt", "rst", "plaintext"})


_MAY_HOLD_BLOCK = re.compile(r"`{3}|~{3}|<|\t| {4}")
"""Without a fence, an element or an indentation there is no block: most closing words need no parser."""


@dataclass(frozen=True, slots=True)
class _Fence:
    """A fence token with the lines around it."""

    lines: list[str]
    start: int
    end: int
    info: str
    ticks: str
    code: str
    closed: bool
    in_container: bool

    @property
    def language(self) -> str:
        return read_info(self.info).language

    def until(self, closer: int) -> str:
        """Return the code if that line closed the block, without the container's indentation."""
        opener = self.lines[self.start]
        lead = opener[: opener.find(self.ticks)]
        quotes = lead.count(">")
        width = len(lead.rpartition(">")[2]) - (1 if quotes and lead.endswith(" ") else 0)
        inner = self.lines[self.start + 1 : closer]
        return "".join(f"{_undent(line, quotes, width)}\n" for line in inner)

    def inner_opener(self) -> int | None:
        """Return the line of the first fence with a language inside the block."""
        last = self.end - 1 if self.closed else self.end
        return next((n for n in range(self.start + 1, last) if is_opener(self.lines[n])), None)


@dataclass(frozen=True, slots=True)
class _Found:
    """A block (None for a fence written twice) and the line after it, unless CommonMark goes on there anyway."""

    block: RawBlock | None
    next_line: int | None = None


def read_blocks(text: str) -> tuple[RawBlock, ...]:
    """Find every block of a reply, in order.

    Args:
        text: A cleaned reply without reasoning and comments.

    Returns:
        Fenced blocks, fences in indented text, HTML code elements, and indented code (with a flaw).
    """
    repaired = repair(text)
    return tuple(_read(repaired.rstrip("\n").split("\n"), depth=0)) if _MAY_HOLD_BLOCK.search(repaired) else ()


def _read(lines: list[str], depth: int) -> Iterator[RawBlock]:
    start, budget = 0, _READ_LIMIT
    while budget > 0:
        rest = lines[start:]
        budget -= sum(map(len, rest)) + len(rest)
        for token in _parser().parse("\n".join(rest) + "\n"):
            found = list(_blocks_of(token, rest, depth))
            yield from (one.block for one in found if one.block)
            if found and (resume := found[-1].next_line) is not None:
                start += resume
                break
        else:
            return
    yield RawBlock("", "\n".join(lines[start:]), flaw=UNREADABLE)


@cache  # making one took 0.5 ms, four times in each run; a parse leaves no trace in it
def _parser() -> MarkdownIt:
    # Only blocks matter: inline parsing would be most of the time, and references nothing but risk.
    return MarkdownIt("commonmark").disable(["inline", "reference", "text_join"])


def _blocks_of(token: Token, lines: list[str], depth: int) -> Iterator[_Found]:
    if token.type == "fence" and token.map:
        yield _judge(_fence(token, lines))
    elif token.type == "code_block":
        yield from (_Found(block) for block in _in_indented(token.content, depth))
    elif token.type == "html_block":
        yield from (_Found(block) for block in _in_html(token.content, depth))


def _fence(token: Token, lines: list[str]) -> _Fence:
    start, end = token.map or (0, 0)
    closed = end - start - 2 == token.content.count("\n")
    return _Fence(lines, start, end, token.info.strip(), token.markup, token.content, closed, token.level > 0)


def _in_indented(content: str, depth: int) -> Iterator[RawBlock]:
    """Models indent a whole answer, fences and all; CommonMark calls that an indented code block."""
    lines = content.rstrip("\n").split("\n")
    if depth < 3 and any(FENCE_LINE.match(line) for line in lines):
        yield from _read(lines, depth + 1)
    else:
        yield RawBlock("", content, flaw=INDENTED)


def _in_html(content: str, depth: int) -> Iterator[RawBlock]:
    """A fence right below `<details>` is HTML by the rules; code elements are code by intent."""
    if content.lstrip().startswith(("<!", "<?", "<script", "<style", "<textarea")):
        return
    lines = content.rstrip("\n").split("\n")
    elements = list(code_elements(content))
    yield from elements
    if not elements and depth < 3 and any(FENCE_LINE.match(line) for line in lines[1:]):
        yield from _read(lines[1:], depth + 1)


def _judge(fence: _Fence) -> _Found:
    as_read = _Found(RawBlock(fence.info, fence.code, fence.closed))
    inner = fence.inner_opener()
    if is_open_ended(fence.code, fence.language) and (end := _end_of_string(fence)):
        return _cut(fence, end)
    if inner is None and fence.closed:
        return _without_glued_closer(fence) or as_read
    is_document = fence.language in _DOCUMENTS or names_reasoning(fence.language)
    if is_document and inner is not None and (end := _paired_closer(fence)):
        return _cut(fence, end)
    if is_complete(fence.code, fence.language) and (fence.closed or not fence.in_container):
        return as_read
    if not fence.closed and fence.in_container and (end := _closer_outside(fence)):
        return _cut(fence, end)
    return _soft_end(fence, inner) or (_forgotten(fence, inner) if inner is not None else as_read)


def _cut(fence: _Fence, closer: int) -> _Found:
    return _Found(RawBlock(fence.info, fence.until(closer)), closer + 1)


def _end_of_string(fence: _Fence) -> int | None:
    """Find the closer after which a string or here-document with fences in it is whole."""
    closers = (n for n in range(fence.end, len(fence.lines)) if is_closer(fence.lines[n], fence.ticks))
    for _, closer in zip(range(_MAX_CANDIDATES), closers, strict=False):
        code = fence.until(closer)
        is_whole = is_complete(code, "python") if fence.language == "python" else not is_open_ended(code, "bash")
        if is_whole:
            return closer
    return None


def _paired_closer(fence: _Fence) -> int | None:
    """Find the end of a quoted document by counting: models nest equal fences, which the rules cannot."""
    depth = 1
    for number in range(fence.start + 1, len(fence.lines)):
        line = fence.lines[number]
        is_inner = is_opener(line) and fence.ticks[0] * 3 in line  # a fence of the other kind has closers of its own
        depth += is_inner - is_closer(line, fence.ticks[0] * 3)
        if not depth:
            return number
    return None


def _closer_outside(fence: _Fence) -> int | None:
    """Find the closer of a block in a list item of which models indent the fences only."""
    for number in range(fence.end, len(fence.lines)):
        if is_closer(fence.lines[number], fence.ticks):
            return number if is_complete(fence.until(number), fence.language) else None
        if is_opener(fence.lines[number]):
            return None
    return None


def _without_glued_closer(fence: _Fence) -> _Found | None:
    """Drop a closer glued to the last line if the model wrote a second one below."""
    code = fence.code.rstrip()
    if not code.endswith(fence.ticks) or is_complete(fence.code, fence.language):
        return None
    repaired = code.rstrip(fence.ticks[0]) + "\n"
    return _Found(RawBlock(fence.info, repaired)) if is_complete(repaired, fence.language) else None


def _soft_end(fence: _Fence, limit: int | None) -> _Found | None:
    """Find a closer that is glued to code, has text after it or the wrong length, with whole code above it."""
    numbers = range(fence.start + 1, fence.end if limit is None else limit)
    glued = fence.ticks[0] * 3
    soft = (n for n in numbers if glued in fence.lines[n] or _is_bare(fence.lines[n]))
    for _, number in zip(range(_MAX_CANDIDATES), soft, strict=False):
        if (code := _code_before(fence, number)) is not None:
            return _Found(RawBlock(fence.info, code), number + 1)
    return None


def _code_before(fence: _Fence, number: int) -> str | None:
    line = fence.lines[number].rstrip()
    if _is_bare(line) or line.lstrip().startswith(fence.ticks[0] * 3):
        code = fence.until(number)
    elif line.endswith(fence.ticks):
        code = fence.until(number + 1).rstrip().rstrip(fence.ticks[0]) + "\n"
    else:
        return None
    return code if code.strip() and is_complete(code, fence.language) else None


def _is_bare(line: str) -> bool:
    return is_closer(line, "```") or is_closer(line, "~~~")


def _forgotten(fence: _Fence, inner: int) -> _Found:
    code = fence.until(inner)
    is_twice = not (code.strip() or names_reasoning(fence.language))  # in a block of thoughts it is a draft
    return _Found(None if is_twice else RawBlock(fence.info, code, closed=False, flaw=FORGOTTEN), inner)


def _undent(line: str, quotes: int, width: int) -> str:
    for _ in range(quotes):
        line = re.sub(r"^[ \t]{0,3}> ?", "", line)
    indent = len(line) - len(line.lstrip(" \t"))
    return line[min(indent, width) :]
