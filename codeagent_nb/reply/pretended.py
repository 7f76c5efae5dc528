"""Cuts what a reply pretends its own code has printed: nobody has run it yet. Pure."""

import re

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^`\n]*$", re.MULTILINE)

SAYS_OUTPUT = re.compile(
    r"^[\W_]*(?:(?:the|this|sample|example|expected|actual|resulting|its|die|der|das|la|le|el|il|[aà])\s+){0,2}"
    r"(?:code\s+(?:will\s+)?(?:outputs?|prints?|returns?|gives?)|outputs?|results?|prints?|stdout|ausgaben?|ergebnis(?:se)?"
    r"|sorties?|résultats?|salidas?|resultados?|risultat[oi])\b(?:[^.\n]{0,60}:)?[\W_]*$",
    re.IGNORECASE | re.MULTILINE,
)
"""A line that has nothing to say but that output follows."""


def without_pretended_output(reply: str) -> str:
    """Return a reply without what stands behind its last block of code, from where it pretends to be output.

    Args:
        reply: The whole reply, with code in it or without.
    """
    end = _end_of_code(reply)
    if not end:
        return reply
    said = SAYS_OUTPUT.search(reply, end)
    fence = FENCE.search(reply, end)
    begins = [found.start() for found in (said, fence) if found]
    return reply[: min(begins)].rstrip() if begins else reply


def _end_of_code(reply: str) -> int:
    """Return where the last block with a language of code ends; 0 if there is none."""
    end, opened, is_code = 0, "", False
    for fence in FENCE.finditer(reply):
        mark, info = fence[1], fence[0].strip().lstrip("`~").strip().lower()
        if not opened:
            opened, is_code = mark, info.split(" ")[0].strip("{}.") in CODE
        elif mark[0] == opened[0] and len(mark) >= len(opened) and not info:
            opened = ""
            end = fence.end() if is_code else end
    return end


CODE = frozenset({"python", "py", "python3", "ipython", "ipython3", "bash", "sh", "shell", "zsh"})
