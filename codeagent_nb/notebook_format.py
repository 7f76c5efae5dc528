"""Takes a notebook from what is in its file, or says why it is not read. Obeys nothing in it; opens no file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codeagent_nb.errors import SessionError
from kernel_executor.text import cleaned

PYTHON = frozenset({"python", "ipython", "python3"})

UNREADABLE = (ValueError, RecursionError, MemoryError, KeyError, TypeError, AttributeError)
"""What is raised where a file, or a cell of it, is not what it should be."""


def notebook_in(path: Path, content: bytes) -> dict[str, Any]:
    """Return the notebook that a file holds.

    Args:
        path: The file, to be named.
        content: What is in it.

    Raises:
        SessionError: It is none, or not of format 4, or not in Python.
    """
    try:
        node: dict[str, Any] = json.loads(content)
        why_not = _why_not_read(node)
    except UNREADABLE as error:
        raise no_notebook(path, error) from error
    if why_not:
        raise SessionError(f"{str(path)!r} {why_not}")
    return node


def no_notebook(path: Path, error: Exception) -> SessionError:
    """Return what is to be raised of a file that is no notebook, from the error of reading it."""
    flaw = f"it lacks {error}" if isinstance(error, KeyError) else cleaned(str(error))[:200]
    return SessionError(f"{str(path)!r} is not a notebook: {flaw}")


def _why_not_read(node: Mapping[str, Any]) -> str:
    if node.get("nbformat") != 4:
        return f"is of notebook format {node.get('nbformat')!r}; open it in Jupyter and save it as format 4"
    language = _language_of(node)
    return "" if language in PYTHON else f"is in {cleaned(language)}; only notebooks in Python are run"


def _language_of(node: Mapping[str, Any]) -> str:
    metadata = _dict(node.get("metadata"))
    said = (_dict(metadata.get("language_info")).get("name"), _dict(metadata.get("kernelspec")).get("language"))
    return next((name.lower() for name in said if isinstance(name, str) and name), "python")


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
