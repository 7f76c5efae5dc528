"""Text that steers no terminal. Knows no surface."""

import re

from kernel_executor.outputs import plain

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What moves a terminal's cursor or turns the direction of its text: output could hide what it does with these."""


def harmless(text: str) -> str:
    """Return text without anything that steers the terminal."""
    return CONTROLS.sub("", plain(text))
