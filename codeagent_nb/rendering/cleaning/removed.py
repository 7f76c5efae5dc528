"""Says what was taken out of an output, in one line. Pure; knows no renderer.

It counts what stands in the text; what is taken out is decided by the allow-lists of those who clean.
"""

import re
from collections import Counter
from collections.abc import Mapping

STYLE = "style that loads from elsewhere"
PLURALS: Mapping[str, str] = {
    "script": "scripts",
    "reference to a picture elsewhere": "references to pictures elsewhere",
    STYLE: "styles that load from elsewhere",
    "reference to another file or page": "references to other files or pages",
    "embedded page": "embedded pages",
    "video or sound": "videos or sounds",
    "part of a form": "parts of a form",
    "drawing": "drawings",
    "link that could run code": "links that could run code",
}

_VALUE = r"""\s*=\s*+["']?+\s*+"""
_WITHIN = r"[^<>]{0,2000}?[\s/\"']"
"""Bounded: 5,000 tags that never end would each be read to the end of the text."""
FOUND: Mapping[str, re.Pattern[str]] = {
    kind: re.compile(pattern, re.IGNORECASE)
    for kind, pattern in {
        "script": rf"<script\b|<[a-z]{_WITHIN}on[a-z]+\s*=",
        "reference to a picture elsewhere": (
            rf"<(?:img|source|image|input|feimage|use)\b{_WITHIN}(?:src|srcset|href|xlink:href){_VALUE}(?!data:image/|\#)"
            rf"|<[a-z]{_WITHIN}(?:background|poster){_VALUE}[^\s\"'<>]"
        ),
        STYLE: r"@import\b|\burl\s*\(\s*+[\"']?+\s*+(?!#|data:image/)|image-set\s*\(",
        "reference to another file or page": r"<(?:link|meta|base)\b",
        "embedded page": r"<(?:iframe|frame|object|embed|portal|fencedframe)\b",
        "video or sound": r"<(?:video|audio|track)\b",
        "part of a form": r"<(?:form|input|button|select|textarea)\b",
        "drawing": r"<(?:svg|math|canvas)\b",
        "link that could run code": rf"(?:href|action|formaction){_VALUE}(?:javascript|vbscript|data|blob|file)\s*:",
    }.items()
}
STYLES = re.compile(
    r"<style\b[^<>]*>(?P<sheet>.*?)(?:</style\b|\Z)"
    rf"|<[a-z]{_WITHIN}style\s*=\s*+(?:\"(?P<double>[^\"]*)|'(?P<single>[^']*)|(?P<bare>[^\s>\"']+))",
    re.IGNORECASE | re.DOTALL,
)
"""Where styles stand; in a cell `url(x)` is a word, which is kept."""


def removed_from_html(text: str) -> Counter[str]:
    """Return what is taken out of HTML that is cleaned, by kind; formatting that is lost does not count."""
    styles = "\n".join("".join(filter(None, found.groups())) for found in STYLES.finditer(text))
    counts = {kind: len(pattern.findall(styles if kind == STYLE else text)) for kind, pattern in FOUND.items()}
    return Counter({kind: count for kind, count in counts.items() if count})


def removed_line(removed: Mapping[str, int]) -> str:
    """Return the line that says what was taken out; empty if nothing was."""
    parts = [_counted(kind, count) for kind, count in removed.items() if count]
    return f"Removed from this output: {', '.join(parts)}." if parts else ""


def _counted(kind: str, count: int) -> str:
    plural = PLURALS.get(kind)
    return kind if plural is None else f"{count} {kind if count == 1 else plural}"
