"""Owns the names a block's language may have. Knows nothing of kernels, Markdown or models."""

import re

PYTHON_ALIASES = frozenset({"python", "py", "py3", "python3", "ipython", "ipython3", "jupyter"})
"""Names that mean Python 3. `python2` is not one: its code would fail in ways that puzzle a model."""

SHELL_ALIASES = frozenset({"bash", "sh", "shell", "zsh"})
"""Names that mean a shell script. `console` and `shell-session` are transcripts, with prompts and output."""

_PYTHON_VERSION = re.compile(r"i?python-?3(?:\.\d+){0,2}")


def normalize(language: str) -> str:
    """Return a language the one name by which this package knows it.

    Args:
        language: A name or an alias, in any case.

    Returns:
        `python`, `bash`, or the lower-cased name if it is an alias of neither.
    """
    name = language.strip().lower()
    if name in PYTHON_ALIASES or _PYTHON_VERSION.fullmatch(name):
        return "python"
    return "bash" if name in SHELL_ALIASES else name
