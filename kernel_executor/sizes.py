"""Numbers of bytes as people write and read them. Pure."""

import re

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


def size_text(size: int) -> str:
    """Return a size for people: 900 bytes, 1.2 kB, 3.4 MB."""
    if size < 1_000:
        return f"{size} {'byte' if size == 1 else 'bytes'}"
    for unit, bytes_ in (("kB", 1e3), ("MB", 1e6)):
        if size < bytes_ * 999.5:
            return f"{size / bytes_:.3g} {unit}"
    return f"{size / 1e9:,.1f} GB"


def read_size(text: str) -> int:
    """Return the bytes that a text such as `500 MB`, `2GB`, `1.5GiB` or `1000` means.

    Raises:
        ValueError: It is no size.
    """
    found = re.fullmatch(r"\s*([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([kmgt]?i?)b?\s*", text.lower())
    if not found or found[2] not in UNITS:
        raise ValueError(f"{text!r} is no size; write it as 500MB or 2GB")
    return int(float(found[1]) * UNITS[found[2]])
