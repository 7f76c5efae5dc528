"""Executes the example notebooks where they lie and keeps their outputs: `python tools/run_notebooks.py`.

The one of real cells needs a page that is open: `make_cells.py`.
"""

import tempfile
from pathlib import Path
from shutil import copytree

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


def main() -> None:
    """Execute all of them in a copy of the folder, for the sessions that they save are no examples."""
    with tempfile.TemporaryDirectory() as place:
        folder = copytree(NOTEBOOKS, Path(place) / "notebooks")
        for path in sorted(NOTEBOOKS.glob("*.ipynb")):
            notebook = nbformat.read(path, as_version=4)
            if any("codeagent" in cell.metadata for cell in notebook.cells):
                continue
            resources = {"metadata": {"path": str(folder)}}
            NotebookClient(
                notebook, timeout=120, resources=resources, store_widget_state=False, record_timing=False
            ).execute(env={"JPY_SESSION_NAME": path.name})
            nbformat.write(notebook, path)
            print(f"executed {path.name}")


if __name__ == "__main__":
    main()
