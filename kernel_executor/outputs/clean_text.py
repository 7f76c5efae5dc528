"""Owns which characters of foreign text a terminal is given. Pure; knows no stream, no kernel and no colours."""

import re

from kernel_executor.outputs.fold import ANSI

STEERING = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but for tab and line feed: C0, DEL, and C1, which some terminals obey
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # the direction of writing
    "\u2028\u2029\u206a-\u206f\ufff9-\ufffb"  # line separators, obsolete shaping and annotation
    "\U000e0000-\U000e007f"  # tags: letters that nobody sees
    "]"
)
"""What moves the cursor, names the window, fills the clipboard, turns the text round, or cannot be seen."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def cleaned(text: str) -> str:
    """Return text that a terminal only shows: control sequences and everything else that steers it are left out.

    A lone surrogate, as in a file name that is not UTF-8, becomes U+FFFD: a stream cannot encode it.
    """
    return _SURROGATE.sub("\ufffd", STEERING.sub("", ANSI.sub("", text)))
