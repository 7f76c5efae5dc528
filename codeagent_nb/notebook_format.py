"""What a notebook's file says of its format and its language: whether it is one that we read. Pure."""

from collections.abc import Mapping
from typing import Any

from kernel_executor.text import cleaned

PYTHON = frozenset({"python", "ipython", "python3"})


def why_not_read(node: Mapping[str, Any]) -> str:
    """Return why a notebook is not read, to be said after its name; empty if it is one of format 4 in Python."""
    if node.get("nbformat") != 4:
        return f"is of notebook format {node.get('nbformat')!r}; open it in Jupyter and save it as format 4"
    language = _language_of(node)
    return "" if language in PYTHON else f"is in {cleaned(language)}; only notebooks in Python are run"


def flaw(error: Exception) -> str:
    """Return what is wrong with a file that is no notebook, from the error of reading it."""
    return f"it lacks {error}" if isinstance(error, KeyError) else cleaned(str(error))[:200]


def _language_of(node: Mapping[str, Any]) -> str:
    metadata = _dict(node.get("metadata"))
    said = (_dict(metadata.get("language_info")).get("name"), _dict(metadata.get("kernelspec")).get("language"))
    return next((name.lower() for name in said if isinstance(name, str) and name), "python")


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
