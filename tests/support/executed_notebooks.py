"""Notebooks as they are after they ran: made by a real kernel, to be verified, trimmed, and lied in."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from codeagent_nb.proof.reading import read_notebook
from codeagent_nb.proof.recording import record_verdict
from codeagent_nb.proof.replaying import ReplaySettings
from codeagent_nb.proof.verdict import Verdict
from codeagent_nb.proof.verifying import verify
from kernel_executor import CodeBlock, KernelCodeExecutor

Node = dict[str, Any]
Cell = str | tuple[str, str]
"""Code, or a kind of Markdown cell and its text."""


async def executed(path: Path, cells: Sequence[Cell]) -> Path:
    """Run cells in a kernel in the notebook's folder, and save them with what they show."""
    nodes: list[Node] = []
    path.touch()  # as a session does: its name is seen by code that lists the folder
    async with KernelCodeExecutor(work_dir=path.parent, hidden=[path]) as executor:
        for number, cell in enumerate(cells, start=1):
            if isinstance(cell, tuple):
                kind, text = cell
                about = {"codeagent": {"kind": kind}}
                nodes.append({"cell_type": "markdown", "id": f"cell-{number}", "metadata": about, "source": text})
                continue
            result = (await executor.execute_code_blocks([CodeBlock(cell)])).blocks[-1]
            nodes.append(
                {
                    "cell_type": "code",
                    "id": f"cell-{number}",
                    "metadata": {},
                    "source": cell.splitlines(keepends=True),
                    "execution_count": result.execution_count,
                    "outputs": list(result.outputs),
                }
            )
    node = {"cells": nodes, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(node))
    return path


def changed(path: Path, change: Callable[[Node], None]) -> None:
    """Change a saved notebook."""
    node = json.loads(path.read_text())
    change(node)
    path.write_text(json.dumps(node))


def code_cells(node: Node) -> list[Node]:
    """Return the cells of code of a notebook."""
    return [cell for cell in node["cells"] if cell["cell_type"] == "code"]


async def verified(path: Path, *, record: bool = True, settings: ReplaySettings | None = None) -> Verdict:
    """Verify a notebook as the command does."""
    notebook = read_notebook(path)
    verdict = await verify(notebook, settings or ReplaySettings())
    if record:
        record_verdict(notebook, verdict)
    return verdict
