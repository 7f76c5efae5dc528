"""Imports what lies in `tools/`, which is no package."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


def tool(name: str) -> ModuleType:
    """Return a module of `tools/`; skip where the repository is not here."""
    if not (TOOLS / f"{name}.py").exists():
        pytest.skip("the tools are not here")
    if str(TOOLS) not in sys.path:
        sys.path.append(str(TOOLS))
    return importlib.import_module(name)
