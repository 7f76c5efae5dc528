"""Sees which files a kernel opens while it replays, by an audit hook. Owns its code and reads its answer.

Only what Python itself opens is seen; what native code or other programs open is not, and that is said.
"""

import ast
from collections.abc import Mapping, Sequence
from typing import Literal

Opened = Literal["r", "w"]

NAME = "codeagent_opened_files"
MOST = 2_000

_CODE = f"""
import os, sys, types
here, seen = os.path.abspath(os.curdir), {{}}
def look(event, arguments):
    if event != "open" or len(seen) >= {MOST} or not isinstance(arguments[0], (str, bytes)):
        return
    path = os.path.join(here, os.fsdecode(arguments[0]))
    mode, flags = arguments[1], arguments[2]
    if path.startswith(here + os.sep):
        writes = set(mode) & set("wax+") if isinstance(mode, str) else flags & (os.O_WRONLY | os.O_RDWR)
        seen.setdefault(os.path.normpath(path)[len(here) + 1:], "w" if writes else "r")
module = types.ModuleType({NAME!r})
module.seen = seen
sys.modules[module.__name__] = module
sys.addaudithook(look)
"""

BEGIN = f"exec({_CODE!r}, {{}})"
"""Leaves no name among the variables."""

ASK = f"__import__('sys').modules[{NAME!r}].seen"

NOT_SEEN = "files that programs or native code open (DuckDB, pyarrow, a shell) are seen only if the code names them"


def read_opened(answer: str | None) -> Mapping[str, Opened]:
    """Return the files that were opened, and how first; executed code may have made up the answer."""
    known = _literal(answer)
    if not isinstance(known, dict):
        return {}
    return {name: how for name, how in list(known.items())[:MOST] if isinstance(name, str) and how in {"r", "w"}}


def versions_of(modules: Sequence[str]) -> str:
    """Return an expression that gives the versions of modules, and of Python, in a kernel."""
    return (
        "(lambda sys: {name: str(getattr(sys.modules.get(name), '__version__', ''))[:40] "
        f"for name in {sorted(modules)!r}}} | {{'Python': sys.version.split()[0]}})(__import__('sys'))"
    )


def read_versions(answer: str | None) -> Mapping[str, str]:
    """Return the versions that are known."""
    known = _literal(answer)
    if not isinstance(known, dict):
        return {}
    return {
        name: version
        for name, version in known.items()
        if isinstance(name, str) and isinstance(version, str) and version
    }


def _literal(answer: str | None) -> object:
    try:
        return ast.literal_eval(answer or "")
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
