"""Says in words what an error of a cell has to do with how the kernel is set. Knows IPython's results of cells."""

from __future__ import annotations

import sys
from typing import Any

OUTSIDE = ("'await' outside", "'async with' outside", "'async for' outside", "asynchronous comprehension outside")
"""How Python's compiler names what only a coroutine may do, at the level of a cell."""

AUTOAWAIT = (
    "Python in this kernel has `await` outside of functions switched off (`%autoawait off`, or a setting of IPython). "
    "Run `%autoawait on`, then this code."
)


def explain(result: Any = None, *_: object) -> None:
    """Write a line below an error that a setting of the kernel has caused. To be called after a cell."""
    error = getattr(result, "error_before_exec", None) or getattr(result, "error_in_exec", None)
    if not isinstance(error, SyntaxError) or not str(error.msg).startswith(OUTSIDE):
        return
    from IPython import get_ipython

    shell = get_ipython()
    if shell is not None and not shell.autoawait:
        print(AUTOAWAIT, file=sys.stderr)  # noqa: T201
