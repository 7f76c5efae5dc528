"""Blanks what states no value in an answer: code, addresses, files, markup. Pure; all offsets stay as they are."""

import re

MOST_READ = 60_000
"""Characters of an answer that are read."""

_FENCE = re.compile(r"^ {0,3}(`{3,}+|~{3,}+)[^\n]*+\n.*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_NO_PROSE = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|!?\[(?P<link>[^\[\]\n]{0,200}+)\]\([^)\n]{0,2000}\)"
    r"|\b(?:https?|ftp|file)://\S+|\bwww\.\S+"
    r"|(?<![\w./])(?:[\w.-]{0,60}/){1,20}[\w.-]{1,100}\.[A-Za-z]\w{1,5}\b|\b[\w-]{1,80}\.(?:csv|tsv|xlsx?"
    r"|json|parquet|png|svg|pdf|txt|py|ipynb|html?|zip|gz)\b"
    r"|\b0[xX][0-9a-fA-F]+\b|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"
    r"|</?[a-zA-Z][^<>\n]{0,300}>",
    re.DOTALL,
)
_SPAN = re.compile(r"(?<!`)(`{1,3})(?!`)([^`\n]{1,300})\1(?!`)")
_FILE = re.compile(r"(?!0x)[\w./-]+\.\w{1,7}$")
_NAME = re.compile(r"[\w .%/:+-]+")
_QUOTED = re.compile(
    r"(?:[^\W\d][\w %-]{0,40}[:=])?\s*[~≈<>$€£₹]?\s?[-+−]?[\d.,'\s\u00a0\u202f]{1,40}"  # noqa: RUF001
    r"(?:[eE][-+]?\d{1,3})?\s?(?:%|[^\W\d_]{1,8})?\s*"
)
"""What of inline code is a value: `3700.66 g`, `mean = 3700.66`."""

_EMPHASIS = re.compile(r"[*_]{1,3}(?=[\d$€£¥₹~≈+\-−.])|(?<=[\d%€$)\w.])\*{1,3}|\\(?=[%$_#&~<>])")  # noqa: RUF001


def prose(text: str) -> str:
    """Return a text with all that states no value blanked, at the same length."""
    text = _FENCE.sub(_blank, text[:MOST_READ])
    text = _NO_PROSE.sub(_unlinked, text)
    text = _SPAN.sub(_code_span, text)
    return _EMPHASIS.sub(_blank, text)


def names_in(text: str) -> str:
    """Return a text in which names are looked for, at the same length: as `prose`, but with files and columns in it."""
    text = _FENCE.sub(_blank, text[:MOST_READ])
    text = _NO_PROSE.sub(lambda match: match[0] if _FILE.match(match[0]) else _unlinked(match), text)
    text = _SPAN.sub(lambda match: _bare(match) if _NAME.fullmatch(match[2]) else _blank(match), text)
    return _EMPHASIS.sub(_blank, text)


def _bare(match: re.Match[str]) -> str:
    edge = "\x00" * len(match[1])
    return f"{edge}{match[2]}{edge}"


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", "\x00", match[0])


def _unlinked(match: re.Match[str]) -> str:
    if match["link"] is None:
        return _blank(match)
    start, end = match.span("link")
    return "\x00" * (start - match.start()) + match["link"] + "\x00" * (match.end() - end)


def _code_span(match: re.Match[str]) -> str:
    if not _QUOTED.fullmatch(match[2]):
        return match[0] if re.fullmatch(r"[^\W\d_]+(?:[ _-][^\W\d_]+)*", match[2]) else _blank(match)
    return _bare(match)
