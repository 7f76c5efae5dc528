"""What a browser may take for an address. Pure."""

import re

ADDRESS = re.compile(r"\.{0,2}/|(?:https?|ftp|wss?|file|blob|filesystem|data(?!:image/)):", re.IGNORECASE)
WITHIN = re.compile(
    r"(?<!\w)(?:https?|ftp|wss?|file|blob|filesystem|javascript|vbscript|data(?!:image/)):\S", re.IGNORECASE
)
NO_PART_OF_AN_ADDRESS = re.compile(r"[\x00-\x20]")
"""Browsers leave these out of an address, or of its beginning."""

LINK = re.compile(r"https?:|mailto:|(?![a-z][a-z0-9+.-]*:)", re.IGNORECASE)
"""Where a link may lead: a list of what is forbidden would miss the schemes that start programs."""


def is_data(address: str) -> bool:
    """Return True if an address holds what it is the address of."""
    return NO_PART_OF_AN_ADDRESS.sub("", address).lower().startswith("data:")


def is_address(text: str) -> bool:
    """Return True if a text may lead elsewhere; an embedded picture does not."""
    flat = NO_PART_OF_AN_ADDRESS.sub("", text).replace("\\", "/")
    return bool(ADDRESS.match(flat)) or ("//" in flat and not flat.lower().startswith("data:image/"))


def holds_address(text: str) -> bool:
    """Return True if a text that is meant to lead elsewhere does, anywhere in it, and without slashes too."""
    return is_address(text) or bool(WITHIN.search(text))
