"""Writes values for a prompt: in short, nothing that is named like a key, and no object's own code is run.

Runs *in the kernel*, see `describe_data.py`.
"""

from __future__ import annotations

import re
import sys
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from kernel_executor.secret_names import names_secret

HIDDEN = "<not shown>"


def is_of(value: Any, library: str, kind: str) -> bool:
    """Return whether a value is a library's own; a class may be named as one likes, and a subclass may do anything."""
    return library in sys.modules and type(value) is getattr(sys.modules[library], kind, None)


LOOKED_THROUGH = 1_000  # characters; of a row fewer are shown
NAMED = re.compile(r"""(?<![\w.-])([\w.-]+)["']?\s*[:=]\s*\S""")
PASSWORD = re.compile(r"://[^\s/?#@:]*:[^\s/?#@]+@")


def tells_key(text: str) -> bool:
    """Return whether a text may hold a key: behind a name that promises one, or the password in an address.

    A setting may stand in a text of its own: `"env": ["API_KEY=..."]`, and JSON in JSON.
    """
    text = text[:LOOKED_THROUGH]
    return bool(PASSWORD.search(text)) or any(is_secret(found.group(1)) for found in NAMED.finditer(text))


def is_secret(name: Any = None) -> bool:
    """Return whether a name of a value promises a key; `X-Api-Key` and `auth.token` do, too."""
    if type(name) is tuple:
        return any(map(is_secret, name))
    text = name.decode("latin-1") if type(name) is bytes else name
    return type(text) is str and names_secret(re.sub(r"\W", "_", text))


def type_name(value: Any) -> str:
    """Return a type's name with its module, and run nothing of the type's own."""
    module, name = (type.__getattribute__(type(value), part) for part in ("__module__", "__qualname__"))
    return f"{module}.{name}" if type(module) is str else str(name)


def is_told_as_it_is(value: Any) -> bool:
    """Return whether a value can be written as it is: no key, no object."""
    return not tells_key(value) if type(value) is str else is_plain(value)


def shown_cell(value: Any) -> Any:
    """Return what is written of a value in a row."""
    return value if type(value) is str and not tells_key(value) else shown_value(value)


PLAIN = (type(None), bool, int, float, complex, str, bytes, date, timedelta, Decimal)
CONTAINERS = (list, tuple, dict, set, frozenset)
OF_PANDAS = ("Timestamp", "Timedelta", "Period", "Interval")
DEPTH_SHOWN = 5
ITEMS_SHOWN = 50
TEXT_SHOWN = 300


def is_plain(value: Any) -> bool:
    """Return whether to hash, compare or print a value runs nothing but Python's and the libraries' own code."""
    kind = type(value)
    if kind is tuple:
        return all(map(is_plain, value))
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy and numpy.generic in type.__dict__["__mro__"].__get__(kind):
        return is_of(value, "numpy", kind.__name__) and kind is not numpy.void
    if pandas and (value is pandas.NaT or value is pandas.NA):
        return True
    return kind in PLAIN or any(is_of(value, "pandas", name) for name in OF_PANDAS)


def shown_value(value: Any, depth: int = 0) -> str:
    """Return what `repr` would, in short, and of objects only the type: a large value's text takes gigabytes."""
    kind = type(value)
    if kind is int and value.bit_length() > 1_000:
        return f"<int of {value.bit_length():,} bits>"
    if kind is str and tells_key(value):
        return HIDDEN
    if kind in (str, bytes):
        return repr(value) if len(value) <= TEXT_SHOWN else f"{value[:TEXT_SHOWN]!r}..."
    if kind in CONTAINERS:
        return _container(value, depth)
    return repr(value) if is_plain(value) else f"<{type_name(value)}>"


def _container(value: Any, depth: int) -> str:
    if not value:
        return repr(value)
    few = list(islice(value.items() if type(value) is dict else value, ITEMS_SHOWN if depth < DEPTH_SHOWN else 0))
    if type(value) is dict:
        parts = [
            f"{shown_value(key, depth + 1)}: {HIDDEN if is_secret(key) else shown_value(item, depth + 1)}"
            for key, item in few
        ]
    else:
        parts = [shown_value(item, depth + 1) for item in few]
    text = ", ".join([*parts, *(["..."] if len(few) < len(value) else [])])
    if type(value) is tuple:
        return f"({text},)" if len(value) == 1 else f"({text})"
    inner = f"[{text}]" if type(value) is list else f"{{{text}}}"
    return f"frozenset({inner})" if type(value) is frozenset else inner


def short(value: Any, length: int = 40) -> str:
    """Return a value in a few characters; a cut is marked, for there a key may have begun."""
    text = shown_value(value.item() if is_plain(value) and hasattr(type(value), "item") else value)
    return text if len(text) <= length else text[: length - 3] + "..."
