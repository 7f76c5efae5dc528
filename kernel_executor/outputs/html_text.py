"""What a reader of an HTML page sees of it as text. Pure; knows no output and renders nothing.

Not `html.parser`: it reads again from each mark that never ends, and 200 kB of `<a` would hold the event loop.
"""

import html
import re

MOST_READ = 100_000
"""Characters of a page that are read: 20 to 40 ms at worst, and who reads the text is given a few thousand."""

_ATTRIBUTES = r"(?:[\s/]++|[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\s>]*+))?+)*+(?:>|\Z)"
_UNSEEN = "script|style|head|title|template|noscript|svg|math|iframe|object|audio|video|textarea|select"
TOKEN = re.compile(
    rf"<!--.*?(?:-->|\Z)"
    rf"|<(?P<unseen>{_UNSEEN})(?=[\s/>])(?P<unseen_with>{_ATTRIBUTES}).*?(?:</(?P=unseen)[^>]*+(?:>|\Z)|\Z)"
    rf"|<(?P<closes>/?)(?P<name>[a-z][a-z0-9:-]*+)(?P<attributes>{_ATTRIBUTES})"
    rf"|<[!?][^>]*+(?:>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
"""What is not text: in linear time, for what never ends reaches to the end."""

_VALUE = re.compile(r"""\s(alt|title|src|href)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"']++))""", re.IGNORECASE)

LINES = re.compile(
    r"h[1-6r]|p|pre|br|div|table|t(?:r|body|head|foot)|caption|[uod]l|li|d[dt]|blockquote|center|details|summary|dialog"
    r"|address|article|aside|fieldset|fig(?:caption|ure)|footer|form|header|legend|main|nav|section"
)
"""What begins a line of its own."""

CELLS = frozenset({"td", "th"})
CELL, GAP = "\x1f", "\x1e"
"""Stand for the gap between two cells, and for white space that is as good as none at the edge of a line."""

_TOO_LARGE = re.compile(r"&#(?:0*+[0-9]{8,}|[xX]0*+[0-9a-fA-F]{7,});?")
_ZEROS = re.compile(r"(?<=&#)0+(?=[0-9])")


def unescaped(text: str) -> str:
    """Return a text without entities; a number beyond all characters is no character.

    Python reads no number of more than 4,300 digits: `html.unescape` raises on it.
    """
    return html.unescape(_ZEROS.sub("", _TOO_LARGE.sub("\ufffd", text)))


def html_text(page: str) -> str:
    """Return the text of an HTML page, a line for each row of a table; empty if it has none."""
    parts: list[str] = []
    end = 0
    kept = page[:MOST_READ]
    preformatted = 0
    for token in TOKEN.finditer(kept):
        parts.append(_text(kept[end : token.start()], verbatim=preformatted > 0))
        end = token.end()
        parts.append(_spoken(token))
        if (token["name"] or "").lower() == "pre":
            preformatted = max(0, preformatted + (-1 if token["closes"] else 1))
    parts.append(_text(kept[end:], verbatim=preformatted > 0))
    lines = (_line(line) for line in "".join(parts).split("\n"))
    text = "\n".join(line for line in lines if line)
    return f"{text}\n[... {len(page) - MOST_READ:,} characters of HTML left out ...]" if len(page) > MOST_READ else text


def _text(part: str, *, verbatim: bool) -> str:
    said = unescaped(part).replace(CELL, " ").replace(GAP, " ")
    return said if verbatim else re.sub(r"\s+", GAP, said)


def _spoken(token: re.Match[str]) -> str:
    """Return what is read in the place of a tag."""
    name = (token["name"] or "").lower()
    if LINES.fullmatch(name):
        return "\n"
    if name in CELLS:
        return "" if token["closes"] else CELL
    if name == "img":
        return _named(token["attributes"])
    return ""


def _named(attributes: str) -> str:
    values = {found[1].lower(): found[2] or found[3] or found[4] or "" for found in _VALUE.finditer(attributes)}
    name = unescaped(values.get("alt") or values.get("title") or "").strip()
    return f"[picture: {name}]" if name else ""


def _line(line: str) -> str:
    """Return a line, its cells apart; a row of empty cells is none."""
    before, *cells = [cell.strip(GAP).replace(GAP, " ") for cell in line.split(CELL)]
    joined = "\t".join(cells).rstrip()
    said = f"{before} {joined}" if before.strip() and joined else before + joined
    return said.rstrip() if said.strip() else ""
