"""Asks a kernel to describe a file or a variable, by `describe_data.py`, which it is sent. Knows no session."""

import ast
from contextlib import suppress
from inspect import getsource

from codeagent_nb.session import describe_data
from kernel_executor import secret_names
from kernel_executor.text import encodable

IMPORT = "from kernel_executor.secret_names import names_secret\n"
"""Of a package that the kernel may lack; its source is sent, too."""


def description_of(function: str, *arguments: str) -> str:
    """Return the Python expression that makes a description in a kernel.

    Args:
        function: Of `describe_data.py`.
        arguments: Expressions.
    """
    sources = getsource(secret_names), getsource(describe_data).replace(IMPORT, "")
    run = ", ".join(f"exec({source!r}, scope)" for source in sources)
    return f"(lambda scope: ({run}, scope[{function!r}]({', '.join(arguments)}))[-1])({{}})"


def told(answer: str | None, limit: int) -> str:
    """Read what the kernel says, which is whatever the code that ran there has made of it; empty if it is no text.

    Args:
        answer: The `repr` of what the expression gave.
        limit: Characters.
    """
    with suppress(ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        if isinstance(text := ast.literal_eval(answer or ""), str):
            return str(encodable(text)).strip()[:limit]
    return ""
