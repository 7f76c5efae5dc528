"""What Jupyter's server and VS Code tell a kernel of the notebook that is open. Knows no agent."""

from collections.abc import Mapping
from pathlib import Path


def notebook_name(environment: Mapping[str, str]) -> str:
    """Return what saved sessions are named after: the open notebook, as Jupyter's server tells its kernels."""
    return Path(environment.get("JPY_SESSION_NAME") or "notebook").stem


def notebook_path(environment: Mapping[str, str], namespace: Mapping[str, object]) -> str:
    """Return the path of the open notebook, as far as Jupyter's server or VS Code tells its kernels."""
    return str(namespace.get("__vsc_ipynb_file__") or environment.get("JPY_SESSION_NAME") or "")
