"""The example notebooks: executed again, each shows what it shows in the repository."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
EXAMPLES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))

pytestmark = pytest.mark.integration

EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=100, store_widget_state=False).execute()
nbformat.write(notebook, sys.argv[1])
"""

CHANGING = (
    (r"[\d.]+ s\b", "N s"),
    (r"-\d{8}-\d{6}-\d{3}", "-NOW"),
    (r"at 0x[0-9a-f]+", "at X"),
    (r"<details><summary>sandboxed by [^<]*</summary>[^<]*</details>|<div>NOT sandboxed[^<]*</div>", "ISOLATION"),
)


def shown(notebook: Any) -> list[list[dict[str, Any]]]:
    """What each code cell shows, without times, names of the day, and the pixels of plots.

    Where no page is open, an agent that writes cells tells its story under its own instead. A display that was emptied
    shows nothing; whether it was drawn before depends on how long taking an attempt back took.
    """
    wrote = {cell.metadata.get("codeagent", {}).get("cell") for cell in notebook.cells}
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.id not in wrote]
    return [[one for output in cell.outputs if (one := steady(output))] for cell in cells]


def steady(output: Any) -> dict[str, Any]:
    if output.output_type == "stream":
        return {"text": replaced(output.text)}
    if output.output_type == "error":
        return {"error": f"{output.ename}: {output.evalue}"}
    kept = {mime: replaced(text) for mime, text in output.data.items() if mime.startswith("text/")}
    return kept | {mime: "there" for mime in output.data if mime.startswith("image/")}


def replaced(text: str) -> str:
    for pattern, instead in CHANGING:
        text = re.sub(pattern, instead, text)
    return text


def test_there_are_examples() -> None:
    assert EXAMPLES == ["01-first-task.ipynb", "02-your-own-data.ipynb", "03-the-panel.ipynb", "04-real-cells.ipynb"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_shows_what_it_shows_here(name: str, tmp_path: Path) -> None:
    """If this fails after a change of what is shown: `make notebooks`, and look at them."""
    folder = shutil.copytree(NOTEBOOKS, tmp_path / "notebooks")
    command = [sys.executable, "-c", EXECUTE, name]
    environment = {**os.environ, "JPY_SESSION_NAME": name}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=110
    )
    assert done.returncode == 0, done.stderr
    executed, committed = (nbformat.read(place / name, as_version=4) for place in (folder, NOTEBOOKS))
    nbformat.validate(committed)
    assert shown(executed) == shown(committed)
