"""Code that must not run again, quoted as Markdown: folded, and harmless whatever stands in it (design D19). Pure.

It reads well where notebooks are read: a code-hosting page, JupyterLab, nbconvert's HTML. The blank lines around a
fence make it one there: without them all of it would be HTML.
"""

import re
from collections.abc import Sequence

from codeagent_nb.text import fenced, one_line
from kernel_executor.text import plain, shorten

OUTPUT_QUOTED = 2_000  # characters of one block's output
SUMMARY_LIMIT = 300  # characters

UNHARMED = re.compile(r"[^\w .,:;()'/=+-]|(?<![^\W_])_|_(?![^\W_])")
"""What may mean something to HTML, Markdown, mathematics or the direction of text."""


def folded(summary: str, parts: Sequence[str]) -> str:
    """Return Markdown that shows a line, and more when that is clicked.

    Args:
        summary: Plain text.
        parts: Markdown, each a block of its own, in which fences are closed.
    """
    return "\n\n".join([f"<details><summary>{inert(shorten(summary, SUMMARY_LIMIT))}</summary>", *parts, "</details>"])


def inert(text: str) -> str:
    """Return text as one line that is nothing but text, in HTML and in Markdown."""
    return UNHARMED.sub(lambda found: f"&#{ord(found[0])};", one_line(plain(text)))


def quoted(code: str, language: str) -> str:
    """Return code as a fenced block."""
    is_drawn = language.strip().lower().startswith("mermaid")  # by JupyterLab, and a drawing may load pictures
    return fenced(code, "text" if is_drawn else language)


def quoted_output(text: str) -> Sequence[str]:
    """Return what code printed as a fenced block, its beginning and end if it is long; nothing if it is empty."""
    text = shorten(plain(text), OUTPUT_QUOTED).strip("\n")
    return [fenced(text, "text")] if text else []
