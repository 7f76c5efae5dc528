"""What a MIME bundle says in words: the only place that decides it, for models and for whoever reads a result as text.

A library that draws for people puts only the name of an object into `text/plain`. Pure; knows no output's kind.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from kernel_executor.outputs.html_text import html_text

VIEW = "application/vnd.jupyter.widget-view+json"

OBJECT_NAME = re.compile(
    r"<[^\n]*>|[\w.]+\(\.\.\.\)|<Vega(?:Lite)? \d+ object>\s+If you see this message, (?s:.{0,500})"
)
"""A `repr` that names an object and tells nothing of what is in it: one line, in angle brackets or left empty.

Below its name, a chart of Altair explains how to enable a renderer.
"""

INTERNALS = re.compile(r"<[\w.]+ object at 0x[0-9a-fA-F]+>")
"""In a `repr` that writes out how an object is made: 17 kB for a table of two rows (great_tables)."""

PLACEHOLDER = re.compile(
    r"loading\b[^\n]{0,100}?(?:\.\.\.|…).{0,200}"
    r"|.{0,80}(?:notebook trusted|trust (?:the |this )?notebook|enable javascript|javascript is (?:disabled|required)"
    r"|javascript library|browser does not support).{0,300}",
    re.IGNORECASE | re.DOTALL,
)
"""What a page says while, or in case that, its scripts have not drawn anything."""

SCRIPTS = re.compile(r"(?:application|text)/(?:(?:x-)?javascript|ecmascript)|application/vnd\.bokehjs_\w+\.v\d+\+json")

FIGURES = re.compile(r"application/vnd\.(?:plotly|vega|vegalite)\.v[\w.]+[+.]json")

PICTURES = ("image/", "audio/", "video/")

RICH = ("text/markdown", "text/latex", "application/json", "text/html")
"""What is put into words if the plain text tells nothing, the best first."""


def words(data: Mapping[str, Any]) -> str:
    """Return what a bundle says in words; empty if it only names an object."""
    plain = text_of(data.get("text/plain", ""))
    if plain and not is_name(plain):
        return plain
    given = [mime for mime in (*RICH, *(mime for mime in data if mime not in RICH)) if data.get(mime) not in (None, "")]
    return next((said for mime in given if (said := _said(mime, data))), "")


def wordless(data: Mapping[str, Any]) -> str:
    """Return the type of what a bundle shows and words do not tell; empty if they tell all of it."""
    mimes = [mime for mime in data if mime != "text/plain" and data[mime] not in (None, {}, [])]
    drawn = next((mime for mime in mimes if mime.startswith(PICTURES) or FIGURES.fullmatch(mime)), "")
    plain = text_of(data.get("text/plain", ""))
    if drawn or (plain and not is_name(plain)) or any(_said(mime, data) for mime in mimes):
        return drawn[:LONGEST_NAME]
    foremost = "text/html" if "text/html" in mimes else mimes[0] if mimes else ""
    return foremost[:LONGEST_NAME]


LONGEST_NAME = 100


def text_of(value: Any) -> str:
    """Return text as a bundle holds it: one, or a list of lines."""
    return "".join(map(str, value)) if isinstance(value, list) else str(value)


def is_placeholder(text: str) -> bool:
    """Return whether the text of a page only stands for what scripts would draw."""
    return not text.strip() or PLACEHOLDER.fullmatch(text.strip()) is not None


def is_name(plain: str) -> bool:
    """Return whether a plain text only names an object, and tells nothing of what is in it."""
    return OBJECT_NAME.fullmatch(plain.strip()) is not None or INTERNALS.search(plain) is not None


def _said(mime: str, data: Mapping[str, Any]) -> str:
    """Return in words what stands under a type that has words."""
    match mime:
        case "application/json":
            return _json(data[mime])
        case "text/html":
            drawn_by_others = any(FIGURES.fullmatch(other) or SCRIPTS.fullmatch(other) for other in data)
            text = "" if drawn_by_others else html_text(text_of(data[mime]))
            return "" if is_placeholder(text) else text
        case "text/plain":
            return ""
        case _ if mime.startswith("text/") and not SCRIPTS.fullmatch(mime):
            return text_of(data[mime]).strip("\n")
    return ""


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, TypeError, RecursionError):  # code can send what is nested too deeply
        return ""
