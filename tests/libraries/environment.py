"""The environment with the libraries, in build/libraries; `python -m tests.libraries.environment` makes its kernelspec.

`make libraries` makes the environment itself. Knows nothing of executors.
"""

import subprocess
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "libraries"
PYTHON = FOLDER / "bin" / "python"
SPECS = FOLDER / "specs"
"""By itself: in the environment's own `share/jupyter` there is a `python3`, which would take the place of ours."""

JUPYTER_PATH = SPECS / "share" / "jupyter"
KERNEL = "codeagent-libraries"

LIBRARIES = (
    *("numpy", "scipy", "pandas", "matplotlib", "pyarrow", "polars", "duckdb", "sklearn", "joblib", "numba"),
    *("statsmodels", "tqdm", "ipywidgets", "IPython", "ipykernel"),
)
"""Whose versions are told; by their modules' names."""


def make_kernelspec() -> None:
    """Install the environment's kernelspec."""
    command = [PYTHON, "-m", "ipykernel", "install", "--prefix", SPECS, "--name", KERNEL]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)


def versions() -> str:
    """Return what is installed, for people."""
    code = f"""
import importlib, platform
names = {LIBRARIES!r}
found = [f"{{name}} {{importlib.import_module(name).__version__}}" for name in names]
print(", ".join(["Python " + platform.python_version(), *found]))
"""
    command = [PYTHON, "-W", "ignore", "-c", code]
    found = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    return textwrap.fill(found, 118)


if __name__ == "__main__":
    make_kernelspec()
