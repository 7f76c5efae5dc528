"""Writes the verdict of a proof into its notebook: metadata and a badge; all else stays as it is."""

import json
from typing import Any

from codeagent_nb.errors import SessionError
from codeagent_nb.old_notebooks.finding import read
from codeagent_nb.projections.notebook_cell import PROOF, is_badge
from codeagent_nb.proof.reading import MOST_BYTES, ReadNotebook
from codeagent_nb.proof.telling import badge, metadata
from codeagent_nb.proof.verdict import Verdict
from kernel_executor.folders.safe_files import folder_of


def record_verdict(notebook: ReadNotebook, verdict: Verdict) -> None:
    """Write a verdict into the notebook it is about.

    Raises:
        SessionError: The notebook was changed meanwhile, or cannot be written.
    """
    content = with_verdict(notebook, verdict)
    try:
        if read(notebook.path, MOST_BYTES) != notebook.content:
            raise SessionError(
                f"{str(notebook.path)!r} was changed while it was replayed, and the verdict is about what it was: "
                "verify it again"
            )
        with folder_of(notebook.path) as folder:
            folder.replace(notebook.path.name, content)
    except OSError as error:
        raise SessionError(f"cannot write {str(notebook.path)!r}: {error.strerror or error}") from error


def with_verdict(notebook: ReadNotebook, verdict: Verdict) -> bytes:
    """Return the content of a notebook with a verdict in the place of an earlier one."""
    node = json.loads(notebook.content)
    said = node.get("metadata")
    kept = said if isinstance(said, dict) else {}
    about = kept.get("codeagent")
    ours = about if isinstance(about, dict) else {}
    node["metadata"] = {**kept, "codeagent": {**ours, "proof": metadata(verdict)}}
    node["cells"] = [*(cell for cell in node["cells"] if not is_badge(cell)), _badge_cell(node, verdict)]
    return written_notebook(node)


def written_notebook(node: dict[str, Any]) -> bytes:
    """Return a notebook as the content of a file, spelled as nbformat does."""
    text = json.dumps(node, ensure_ascii=False, indent=1, separators=(",", ": "))
    try:
        return f"{text}\n".encode()
    except UnicodeEncodeError:  # a lone surrogate
        return f"{json.dumps(node, indent=1, separators=(',', ': '))}\n".encode()


def _badge_cell(node: dict[str, Any], verdict: Verdict) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "cell_type": "markdown",
        "metadata": {"codeagent": {"kind": PROOF}},
        "source": badge(verdict).splitlines(keepends=True),
    }
    minor = node.get("nbformat_minor")
    has_ids = isinstance(minor, int) and minor >= 5
    return {"cell_type": "markdown", "id": "codeagent-proof", **cell} if has_ids else cell
