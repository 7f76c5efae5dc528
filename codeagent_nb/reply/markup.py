"""Reads what stands instead of fences: HTML, and comments in it. Knows nothing of the run policy."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from codeagent_nb.reply.marks import FENCE_LINE, Mark, regions
from codeagent_nb.reply.syntax import is_bare_program, looks_like_code
from kernel_executor.outputs.html_text import unescaped

_COMMENT_MARK = re.compile(r"<!--|(--)>")
_OTHER_LINE_ENDS = re.compile("[\x0b\x0c\x85\u2028\u2029]")
_CODE_ELEMENT = re.compile(r"<(pre|code)\b([^>]{0,300})>\s*+(?:<code\b([^>]{0,300})>)?", re.IGNORECASE)
_CODE_LANGUAGE = re.compile(r"(?:lang(?:uage)?[-=]|class=)[\"']?(?:language-|lang-)?([\w+#.-]+)")
_MARKUP = re.compile(r"</?(?:span|b|i|em|strong|mark|br|code)\b[^>]{0,300}>")
_OPEN_CODE = re.compile(
    r"^[ \t]*+<code\b([^>\n]{0,300})>[ \t]*+\n?+((?:(?!</?code\b).)+)\Z", re.DOTALL | re.MULTILINE | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class RawBlock:
    """A block as it was found, before any policy.

    Args:
        info: The info string of its fence, or what stands for it.
        code: Its text.
        closed: Whether something marked its end.
        flaw: Why it cannot be what the model meant, if so.
    """

    info: str
    code: str
    closed: bool = True
    flaw: str = ""


def clean(text: str) -> str:
    """Return a reply with one kind of line end, no BOM and no NUL; a CR hides every block from AutoGen's regex."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd").lstrip("\ufeff")
    return plain if "\n" in plain else _OTHER_LINE_ENDS.sub("\n", plain)


def split_comments(text: str) -> tuple[str, str]:
    """Cut out HTML comments: what is in them is hidden from people, so it must not run.

    Args:
        text: A cleaned reply without reasoning.

    Returns:
        The reply without them, and the comment which has no end, if there is one.
    """
    kept: list[str] = []
    position, unended = 0, ""
    marks = [Mark(m.start(), m.end(), "comment", is_end=bool(m[1])) for m in _COMMENT_MARK.finditer(text)]
    for region in regions(text, marks):
        if region.start >= 0:
            kept.append(text[position : region.start])
            position, unended = region.end, "" if region.ended else region.inner
    return "".join(kept) + text[position:], unended


def code_elements(text: str) -> Iterator[RawBlock]:
    """Find `<pre><code class="language-python">`, `<code>` elements of several lines, and those that are a paragraph.

    Args:
        text: HTML, or text with HTML in it.

    Yields:
        Their text, with entities and highlighting resolved. An element with a fence in it is left to who reads those.
    """
    position = 0
    while match := _CODE_ELEMENT.search(text, position):
        end = text.find(f"</{match[1]}>", match.end())
        if end < 0:
            return
        inner, position = text[match.end() : end], end + 1
        if any(FENCE_LINE.match(line) for line in inner.split("\n")):
            continue
        language = _CODE_LANGUAGE.search(f"{match[3] or ''} {match[2]}")
        code = unescaped(_MARKUP.sub("", inner)).strip("\n") + "\n"
        is_block = match[1].lower() == "pre" or "\n" in text[match.start() : end]
        if is_block or (_is_paragraph(text, match.start(), end + len(match[1]) + 3) and _is_code(code)):
            yield RawBlock(language[1] if language else "", code)


def open_code_element(text: str) -> list[RawBlock]:
    """Return the code of a `<code>` element at the end that nobody closed: its end tag is a stop sequence to some."""
    match = _OPEN_CODE.search(text)
    if match is None or not _is_code(match[2]):
        return []
    language = _CODE_LANGUAGE.search(match[1])
    return [RawBlock(language[1] if language else "python", match[2].strip("\n") + "\n", closed=False)]


def _is_paragraph(text: str, start: int, end: int) -> bool:
    before, after = text[:start].rpartition("\n")[2], text[end:].partition("\n")[0]
    return not before.strip() and not after.strip()


def _is_code(code: str) -> bool:
    return is_bare_program(code) or looks_like_code(code)
