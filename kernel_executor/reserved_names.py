"""Names of modules that no file of ours or of executed code may take."""

import sys


def is_reserved(name: str) -> bool:
    """Say whether a top-level module of that name exists elsewhere."""
    return name.lower() in {known.lower() for known in sys.stdlib_module_names}
