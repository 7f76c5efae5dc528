"""Which names a module in a user's folder must not have: somebody's import would find it in the place of the real one.

Python looks in the current folder first. The list of what we and our needs import is made by
`tools/make_reserved_names.py`; the rest is what is installed here.
"""

import importlib.machinery
import os
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from kernel_executor.reserved_list import CLOSURE, OPTIONAL
from kernel_executor.search_paths import safe_module_path

STARTED_BY_PYTHON = frozenset({"sitecustomize", "usercustomize", "__main__", "__init__"})
"""Run without being asked for, the first two wherever `PYTHONPATH` has an empty part."""

RESERVED_NAMES: frozenset[str] = CLOSURE | OPTIONAL | STARTED_BY_PYTHON | sys.stdlib_module_names
"""The standard library, what we need with all extras, and what that imports if it is there."""


MODULE_ENDINGS = tuple(sorted(importlib.machinery.all_suffixes(), key=len, reverse=True))


def is_reserved(name: str) -> bool:
    """Return whether a file or folder of this name could be imported in the place of another module.

    The standard library, every installed package, and what we or our needs import if it is there. The first call
    looks through what is installed here, which takes up to 0.3 s: make it in a thread.

    Args:
        name: Without the folders above it: `random.py`, `numpy`, `nh3.cpython-311-x86_64-linux-gnu.so`.
    """
    return _module_name(name.casefold()) in _reserved_here()


def _module_name(name: str) -> str:
    """Return what a file or folder is imported as, or its whole name if it cannot be: `random.csv`."""
    return next((name.removesuffix(ending) for ending in MODULE_ENDINGS if name.endswith(ending)), name)


@cache
def _reserved_here() -> frozenset[str]:
    names = RESERVED_NAMES.union(packages_distributions(), *map(_modules_in, safe_module_path(sys.path)))
    return frozenset(name.casefold() for name in names)  # a file system may not tell them apart


def _modules_in(folder: str) -> frozenset[str]:
    """Return the modules in a folder; metadata may be silent about lone extension modules."""
    if not Path(folder).is_dir():
        return frozenset()
    with os.scandir(folder) as entries:
        found = [entry.name for entry in entries if entry.name.endswith(MODULE_ENDINGS) or _is_package(entry)]
    return frozenset(_module_name(name) for name in found)


def _is_package(entry: "os.DirEntry[str]") -> bool:
    return entry.is_dir() and Path(entry.path, "__init__.py").exists()
