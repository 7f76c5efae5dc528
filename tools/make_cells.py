"""Executes the example of real cells in a real browser, keeps it, and takes the README's GIF of it. Needs chromium."""

import shutil
import tempfile
import time
from io import BytesIO
from pathlib import Path

import nbformat
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import QUIET
from tests.browser.jupyter import Notebook, Server

DOCS = Path(__file__).parents[1] / "docs"
NOTEBOOKS = DOCS.parent / "notebooks"
NAME = "04-real-cells.ipynb"
FRAMES_A_SECOND = 5


def run(server: Server, browser: Browser) -> list[Image.Image]:
    """Run all cells, the agent's with pictures; the second time what it wrote runs, too."""
    notebook = Notebook(server, browser)
    notebook.path = NAME
    notebook.visit()
    notebook.do("app.shell.collapseLeft()")
    notebook.page.set_viewport_size({"width": 900, "height": 1080})
    notebook.run_cell(1)
    notebook.cell(1).evaluate("(cell) => cell.scrollIntoView()")
    notebook.run_cell(2, wait=False)
    frames = []
    ending = None
    while ending is None or time.monotonic() < ending:
        frames.append(_frame(notebook.page.locator(".jp-NotebookPanel-notebook").screenshot()))
        notebook.page.wait_for_timeout(1000 / FRAMES_A_SECOND)
        if ending is None and notebook.cells()[2]["execution_count"]:
            ending = time.monotonic() + 3
    _run_all(notebook)
    notebook.save()
    notebook.close()
    return frames


def _run_all(notebook: Notebook) -> None:
    notebook.restart()
    notebook.do("app.commands.execute('notebook:run-all-cells')")
    while not notebook.cells()[-1]["outputs"]:
        notebook.page.wait_for_timeout(100)
    notebook.wait_idle()


def keep(written: Path) -> None:
    """Keep the notebook without what the front end noted in it."""
    notebook = nbformat.read(written, as_version=4)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    nbformat.write(notebook, NOTEBOOKS / NAME)


def without_what_was_made() -> None:
    """Take the agent's cells out of the example."""
    notebook = nbformat.read(NOTEBOOKS / NAME, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if "codeagent" not in cell.metadata]
    nbformat.write(notebook, NOTEBOOKS / NAME)


def _frame(png: bytes) -> Image.Image:
    picture = Image.open(BytesIO(png)).convert("RGB")
    small = picture.resize((picture.width * 4 // 5, picture.height * 4 // 5), Image.Resampling.LANCZOS)
    return small.quantize(128, dither=Image.Dither.NONE)


def main() -> None:
    """Do both."""
    without_what_was_made()
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), headless=True, args=QUIET)
        server = Server("lab", Path(place) / "jupyter")
        try:
            shutil.copytree(NOTEBOOKS, server.root, dirs_exist_ok=True)
            first, *others = run(server, browser)
            keep(server.root / NAME)
        finally:
            browser.close()
            server.close()
    first.save(DOCS / "cells.gif", save_all=True, append_images=others, duration=1000 // FRAMES_A_SECOND, loop=0)


if __name__ == "__main__":
    main()
