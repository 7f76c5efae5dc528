"""Which places programs and modules are looked for in: absolute ones that executed code cannot write to.

An empty part of a search path means the current folder, and that is where code leaves its files: a planted `./bwrap`,
`libcap.so.2` or `pip.py` ran outside the sandbox that way. Imports only what Python has loaded when it starts.
"""

import os
import sys

TYPE_CHECKING = False  # not from `typing`, for the same reason
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, MutableMapping

SEARCH_PATHS = frozenset(
    {
        *("PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT", "GCONV_PATH"),
        *("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONPYCACHEPREFIX"),
    }
)
"""Variables whose parts are places, or files, that code is loaded from."""

_distrusted: dict[str, int] = {}


def distrust(folder: "os.PathLike[str]") -> None:
    """Look for nothing of ours in a folder from now on: executed code works there. Undone by `trust_again`."""
    path = os.path.realpath(folder)
    _distrusted[path] = _distrusted.get(path, 0) + 1


def trust_again(folder: "os.PathLike[str]") -> None:
    """Undo one call of `distrust`."""
    path = os.path.realpath(folder)
    _distrusted[path] = _distrusted.get(path, 1) - 1
    if not _distrusted[path]:
        del _distrusted[path]


def where_code_works() -> list[str]:
    """Return the folders that executed code may write to: the current one and those that `distrust` names."""
    try:
        return [os.getcwd(), *_distrusted]
    except FileNotFoundError:  # the current folder was deleted
        return [*_distrusted]


def is_absolute(part: str) -> bool:
    """Return whether part of a search path is absolute: every other one depends on the current folder."""
    return part.startswith("/")


def is_safe(part: str) -> bool:
    """Return whether executed code cannot write into a part of a search path.

    The current folder is where it probably works, and what `distrust` names is where it does. There it may write into
    folders, too, but not into an installation: a `.venv` is in its project, and is read-only in the sandbox.
    """
    if not is_absolute(part):
        return False
    real = os.path.realpath(part)
    if real in where_code_works():
        return False
    inside = any(_lies_in(real, folder) for folder in _distrusted)
    return not inside or any(_lies_in(real, place) for place in _installations())


def absolute_parts(value: str) -> str:
    """Return a search path without its empty and relative parts."""
    return os.pathsep.join(filter(is_absolute, value.split(os.pathsep)))


def safe_parts(value: str) -> str:
    """Return a search path without the parts that executed code may be able to write to."""
    return os.pathsep.join(filter(is_safe, value.split(os.pathsep)))


def with_absolute_parts(environment: "Mapping[str, str]") -> dict[str, str]:
    """Return variables whose search paths have no empty and no relative part; one that has no other is left out."""
    return _reduced(environment, absolute_parts)


def drop_relative_parts(environment: "MutableMapping[str, str]") -> None:
    """Make search paths absolute where they stand, for a program that is all ours."""
    absolute = with_absolute_parts(environment)
    for name in SEARCH_PATHS.intersection(environment):
        if name in absolute:
            environment[name] = absolute[name]
        else:
            del environment[name]


def for_helpers(environment: "Mapping[str, str]") -> dict[str, str]:
    """Return variables for a process of ours outside the sandbox: nothing is loaded from where code can write."""
    return _reduced(environment, safe_parts)


def safe_module_path(path: "Iterable[str]") -> list[str]:
    """Return the parts of a module path, `sys.path` say, that executed code cannot write to."""
    return list(filter(is_safe, path))


def _reduced(environment: "Mapping[str, str]", reduce: "Callable[[str], str]") -> dict[str, str]:
    reduced = {name: reduce(value) if name in SEARCH_PATHS else value for name, value in environment.items()}
    return {name: value for name, value in reduced.items() if value or name not in SEARCH_PATHS}


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _installations() -> set[str]:
    places = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    site = sys.modules.get("site")  # Python without it has no folder of the user's
    user = getattr(site, "USER_SITE", None) if site and getattr(site, "ENABLE_USER_SITE", False) else None
    return {os.path.realpath(place) for place in (*places, *([user] if user else []))}
