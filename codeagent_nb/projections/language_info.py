"""What a saved notebook says of its language: what the kernel says, as far as it is harmless. Pure.

nbconvert takes `nbconvert_exporter` from there: without it, `--to script` writes cells as they are, `%%bash` and all,
and no word of Markdown (nbconvert#1529). Given a dotted name it imports that: so what a kernel says is looked at.
"""

import ast
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

QUESTION = "get_ipython().kernel.language_info"
"""The expression that a Python kernel answers with what it would tell in a `kernel_info_reply`."""

OF_IPYTHON: Mapping[str, Any] = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
"""What every IPython kernel says, but for the version."""

HARMLESS: Mapping[str, str] = {
    "file_extension": r"\.\w{1,10}",
    "mimetype": r"\w[\w.+-]{0,40}/\w[\w.+-]{0,40}",
    "name": r"\w{1,40}",
    "nbconvert_exporter": r"\w{1,40}",
    "pygments_lexer": r"[\w+#-]{1,40}",
    "version": r"[\w.+-]{1,40}",
}


def read_language_info(answer: str | None) -> Mapping[str, Any]:
    """Return what a kernel has answered to `QUESTION`; what is missing or strange is IPython's."""
    told: Any = None
    with suppress(ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        told = ast.literal_eval(answer or "")
    if not isinstance(told, dict):
        return OF_IPYTHON
    kept = {
        key: told[key]
        for key, shape in HARMLESS.items()
        if isinstance(told.get(key), str) and re.fullmatch(shape, told[key], re.ASCII)
    }
    return {**OF_IPYTHON, **kept}
