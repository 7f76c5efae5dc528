"""Owns what in a text changes from run to run and says nothing: addresses, temporary names. Pure; knows no notebook."""

import re

ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")

TEMPORARY = "<temporary>"

PATTERNS = (
    # Only as Python writes them: `hex(1 << 40)` is a result.
    (re.compile(r"(?<=\bat )0x[0-9a-fA-F]{5,16}\b"), "0x…"),
    (re.compile(r"(?:/private)?/var/folders/\w+/\w+/T/[\w.+-]+"), TEMPORARY),
    (re.compile(r"(?<![\w.])(?:/var)?/tmp/[\w.+-]+"), TEMPORARY),
    (re.compile(rf"{TEMPORARY}/\d+\.py\b"), f"{TEMPORARY}.py"),  # a cell, as ipykernel names it in warnings
    # Begun only where a path begins: begun at each character, a text without spaces took quadratic time.
    (re.compile(r"(?<![^\s'\"<>])[^\s'\"<>]*/(?:site|dist)-packages/"), "site-packages/"),
)


def settled(text: str) -> str:
    """Return a text without what changes from run to run whatever was computed."""
    text = ANSI.sub("", text)
    for pattern, stands_for in PATTERNS:
        text = pattern.sub(stands_for, text)
    return text
