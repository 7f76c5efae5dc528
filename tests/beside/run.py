"""Runs the cells of `cells.toml` in stock ipykernel under nbclient and in our executor: `python -m tests.beside.run`.

Writes docs/beside-stock.md. A difference that has no `why` in the file, or a `why` without a difference, is a failure.
Names of groups as arguments run these only, and write nothing.
"""

import asyncio
import difflib
import json
import os
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from kernel_executor import CodeBlock, KernelCodeExecutor
from tests.beside.comparable import Output, comparable, in_short

ROOT = Path(__file__).parents[2]
CELLS = Path(__file__).with_name("cells.toml")
PAGE = ROOT / "docs" / "beside-stock.md"
FOLDER = ROOT / "build" / "beside"
KERNEL = "beside-stock"
LIBRARIES = (
    *("ipykernel", "ipywidgets", "tqdm", "pandas", "jinja2", "sympy"),
    *("matplotlib", "seaborn", "plotly", "altair", "bokeh", "folium"),
)

HEAD = """\
# Beside stock ipykernel

`make beside` runs {count} cells of everyday notebooks (`tests/beside/cells.toml`) twice: in stock ipykernel under
nbclient, and through `KernelCodeExecutor` in the sandbox `auto`, with one environment of libraries for both. What
differs from run to run (addresses, times, ids, how a stream is cut) is masked; of pictures and long texts only the
types are compared.
It wrote this page on {date}, with {versions}.

{equal} cells have equal outputs. These do not:

| Cell | Stock | Ours | Why |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell, and why its outputs differ from stock's; empty if they must be equal."""

    group: str
    name: str
    code: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """What a cell gave in both."""

    cell: Cell
    stock: list[Output]
    ours: list[Output]

    @property
    def wrong(self) -> str:
        """What is wrong with it; empty if the outputs are equal, or differ as it is declared."""
        if (self.stock != self.ours) == bool(self.cell.why):
            return ""
        if self.cell.why:
            return "the outputs are equal: take `why` out"
        lines = [json.dumps(outputs, indent=1, ensure_ascii=False).splitlines() for outputs in (self.stock, self.ours)]
        return "\n".join(difflib.unified_diff(*lines, "stock", "ours", lineterm="", n=2))

    @property
    def row(self) -> str:
        """Its line of the page."""
        name = f"{self.cell.group}: {self.cell.name}"
        return f"| {name} | {in_short(self.stock)} | {in_short(self.ours)} | {self.cell.why or '**not declared**'} |"


def cells() -> list[Cell]:
    """Return the cells of the file."""
    return [Cell(**cell) for cell in tomllib.loads(CELLS.read_text("utf-8"))["cell"]]


def make_environment() -> str:
    """Make the environment of libraries, unless it is there; return the versions in it that matter."""
    python = FOLDER / "bin" / "python"
    if not (FOLDER / "made").exists():
        venv.create(FOLDER, with_pip=True)
        _run([python, "-m", "pip", "--disable-pip-version-check", "-q", "install", *LIBRARIES])
        _run([python, "-m", "ipykernel", "install", "--prefix", FOLDER, "--name", KERNEL])
        (FOLDER / "made").touch()
    os.environ["JUPYTER_PATH"] = str(FOLDER / "share" / "jupyter")
    listed = json.loads(_run([python, "-m", "pip", "--disable-pip-version-check", "list", "--format", "json"]))
    versions = {package["name"].lower(): package["version"] for package in listed}
    return ", ".join(f"{name} {versions[name]}" for name in ("ipykernel", "ipython", *LIBRARIES[1:]))


def _run(command: Sequence[str | Path]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def in_stock(group: Sequence[Cell], folder: str) -> list[list[Output]]:
    """Run cells in a stock kernel under nbclient."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.code) for cell in group])
    resources = {"metadata": {"path": folder}}
    NotebookClient(notebook, timeout=120, kernel_name=KERNEL, allow_errors=True, resources=resources).execute()
    return [comparable(cell.outputs, folder) for cell in notebook.cells]


async def in_ours(group: Sequence[Cell], folder: str) -> list[list[Output]]:
    """Run cells in our executor."""
    async with KernelCodeExecutor(kernel_name=KERNEL, work_dir=folder, timeout=120) as executor:
        results = [(await executor.execute_code_blocks([CodeBlock(cell.code)])).blocks[0] for cell in group]
        return [comparable(result.outputs, str(executor.work_dir)) for result in results]


def run_group(group: Sequence[Cell]) -> list[Pair]:
    """Run cells in both."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        stock, ours = in_stock(group, one), asyncio.run(in_ours(group, other))
    return [Pair(*pair) for pair in zip(group, stock, ours, strict=True)]


def main(names: list[str]) -> int:
    """Run the cells; write the page, if all were asked for."""
    versions = make_environment()
    pairs: list[Pair] = []
    for name, group in groupby(cells(), key=lambda cell: cell.group):
        if not names or name in names:
            pairs += run_group(list(group))
    wrong = [pair for pair in pairs if pair.wrong]
    for pair in wrong:
        print(f"--- {pair.cell.group}: {pair.cell.name}\n{pair.cell.code}\n{pair.wrong}\n", flush=True)
    rows = [pair.row for pair in pairs if pair.stock != pair.ours]
    print(f"{len(pairs)} cells, {len(rows)} with other outputs, {len(wrong)} of them undeclared or no longer so")
    if not names:
        date, equal = datetime.now(UTC).date(), len(pairs) - len(rows)
        head = HEAD.format(count=len(pairs), date=date, versions=versions, equal=equal)
        PAGE.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
