"""Asks a kernel to describe a file or a variable, by the modules in `SENT`. Knows no session."""

import ast
from contextlib import suppress
from functools import cache
from inspect import getsource
from types import ModuleType

from codeagent_nb.describing import (
    describe_binary,
    describe_columns,
    describe_data,
    describe_file,
    describe_less,
    describe_polars,
    describe_without_pandas,
    fitting,
    leading_zeros,
    name_notes,
    no_values,
    shown_values,
    sniff_encoding,
    sniff_table,
    text_forms,
    text_notes,
    units,
)
from kernel_executor import secret_names
from kernel_executor.text import encodable

OF_VALUES = (secret_names, shown_values, leading_zeros, text_forms, units, text_notes, name_notes, fitting)
OF_VARIABLES = (*OF_VALUES, describe_columns, describe_polars, describe_data)
OF_FILES = (sniff_encoding, sniff_table, no_values, describe_without_pandas, describe_binary, describe_file)
SENT = (*OF_VARIABLES, *OF_FILES)
"""Whose sources are sent, in this order: the kernel may have none of our packages."""
SENT_FOR = {"describe_variable": OF_VARIABLES, "describe_less": (*SENT, describe_less)}


def description_of(function: str, *arguments: str) -> str:
    """Return the Python expression that makes a description in a kernel.

    Args:
        function: `describe` or `describe_less` of a file, or `describe_variable`.
        arguments: Expressions.
    """
    sources = map(_without_imports_of_ours, SENT_FOR.get(function, SENT))
    run = ", ".join(f"exec({source!r}, scope)" for source in sources)
    return f"(lambda scope: ({run}, scope[{function!r}]({', '.join(arguments)}))[-1])({{}})"


@cache
def _without_imports_of_ours(module: ModuleType) -> str:
    """Return a module's source without what the scope has already."""
    source = getsource(module)
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("codeagent_nb.", "kernel_executor.")):
            lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or node.lineno) - node.lineno + 1)
    return "\n".join(lines) + "\n"


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
