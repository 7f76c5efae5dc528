"""Sees to it that what we import comes from where it is installed, never from where executed code can put files.

A notebook's kernel looks for modules in its own folder first, and that is where code works: a planted `nh3.py` ran in
the user's own kernel as soon as an output was drawn. So does `python -m codeagent_nb`, with a planted `rich.py`.

`install` puts a finder in the place of Python's own for the module path. It changes nothing for other people's
imports. Where one of *ours* asks (our two packages, what they need, and the standard library on their behalf), it
looks in the safe parts of the path first; a name of `RESERVED_NAMES` that is not there is not found, as if nothing of
that name were anywhere: a planted `orjson.py` is no orjson. Entry points are looked up the same way.

Who asks is read from the stack, because a finder is told names only, and a user may well have an `orjson.py` of their
own. Measured: 0.3 to 3 µs for each top-level module that is looked for, which takes Python 35 µs itself.

What no package can help: a planted `codeagent_nb.py` is found instead of us, `python -m` imports parts of the standard
library from the current folder before us, and so does an empty part of `PYTHONPATH` a `sitecustomize.py`. Executed
code can deliver none of these (`reserved_names.is_reserved`).

Imports only what Python has loaded when it starts, for until it is done nothing is safe to import.
"""

import os
import sys
from _frozen_importlib_external import PathFinder

from kernel_executor.reserved_list import CLOSURE, OPTIONAL
from kernel_executor.search_paths import is_absolute, safe_module_path, where_code_works

TYPE_CHECKING = False  # not from `typing`, for the same reason
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from importlib.machinery import ModuleSpec
    from importlib.metadata import DistributionFinder, PathDistribution
    from types import FrameType, ModuleType

PACKAGES = frozenset({"codeagent_nb", "kernel_executor"})
HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The folder our two packages lie in: that of installed packages, or a checkout."""

RESERVED = CLOSURE | OPTIONAL | sys.stdlib_module_names
RUNNERS = frozenset({"importlib", "runpy", "pkgutil", "pickle", "unittest", "pydoc", "doctest", "multiprocessing"})
"""Parts of the standard library that import what their callers name."""

_ours = set(CLOSURE)
"""Top-level names of those whose imports are ours. Whatever one of them imports becomes one, newer needs too."""

_safe: "tuple[object, list[str]]" = (None, [])


def install() -> None:
    """Put our finder in the place of Python's; doing it twice changes nothing."""
    if OwnImports in sys.meta_path:
        return
    if sys.pycache_prefix and not is_absolute(sys.pycache_prefix):
        sys.pycache_prefix = None  # compiled modules are obeyed like others
    if PathFinder in sys.meta_path:
        sys.meta_path[sys.meta_path.index(PathFinder)] = OwnImports
    else:
        sys.meta_path.append(OwnImports)


class OwnImports(PathFinder):
    """Finds what we import in the safe parts of the module path, and for everybody else what Python would find."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Find a module.

        Args:
            fullname: Its name.
            path: Where to look, if it is part of a package; that was found by us.
            target: The module that is loaded again, if it is; it stays where it is from.
        """
        if fullname in PACKAGES and target is None:
            return PathFinder.find_spec(fullname, [HOME])  # they belong together
        if path is not None or target is not None or not _asked_by_us(fullname):
            return PathFinder.find_spec(fullname, path, target)
        spec = _find_installed(fullname)
        if spec is not None:
            _ours.add(fullname)
        elif fullname not in RESERVED:  # the user's, `%load_ext helper` say
            spec = PathFinder.find_spec(fullname)
        return spec

    @classmethod
    def find_distributions(cls, context: "DistributionFinder.Context | None" = None) -> "Iterable[PathDistribution]":
        """Find installed packages: pydantic, for one, runs what any of them names as its plugin."""
        from importlib.metadata import DistributionFinder, MetadataPathFinder

        context = context or DistributionFinder.Context()
        if _asked_by_us(""):
            known = vars(context)
            path = safe_module_path(known["path"]) if "path" in known else _safe_path()
            context = DistributionFinder.Context(**{**known, "path": path})
        return MetadataPathFinder.find_distributions(context)


def _asked_by_us(name: str) -> bool:
    """Return whether the innermost caller that is no part of Python's own machinery is one of ours."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - what else tells who asks
    while frame is not None:
        names = frame.f_globals
        asker = (names.get("__package__") or names.get("__name__") or "").partition(".")[0]
        if asker in _ours:
            return True
        if asker not in sys.stdlib_module_names:
            return False
        if asker not in RUNNERS and name in sys.stdlib_module_names:
            return True  # the standard library needs itself, whoever has asked for the rest
        frame = frame.f_back
    return False


def _find_installed(name: str) -> "ModuleSpec | None":
    spec = PathFinder.find_spec(name, _safe_path())
    if spec and spec.loader is None and spec.submodule_search_locations is not None:
        # A package of several folders looks for more of them on the whole path, whenever that changes.
        spec.submodule_search_locations = list(spec.submodule_search_locations)
    return spec


def _safe_path() -> list[str]:
    """Return the safe parts of the module path; found once for each path and current folder, it takes 0.1 ms."""
    global _safe  # noqa: PLW0603 - a cache of one
    key = (tuple(sys.path), tuple(where_code_works()))
    if _safe[0] != key:
        path = safe_module_path(sys.path)
        # `pip install --target .` puts all that we need beside us, and us where code works.
        _safe = key, [*path, HOME] if HOME in sys.path and HOME not in path and _is_installed_at_home() else path
    return _safe[1]


def _is_installed_at_home() -> bool:
    ours = ("codeagent_nb-", "codeagent_kernel_executor-")
    return any(name.startswith(ours) and name.endswith(".dist-info") for name in os.listdir(HOME))


install()
