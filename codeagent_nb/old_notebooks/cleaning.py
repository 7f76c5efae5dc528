"""Cleans notebooks of version 0.1: quotes code that failed (design D19) and cleans the outputs of the agent's cells.

Reads JSON as it stands and changes these cells only: the rest of a file stays as it is, byte for byte.
"""

import json
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeagent_nb.errors import SessionError
from codeagent_nb.old_notebooks.finding import FAILED_TAG, is_failed, read
from codeagent_nb.projections.notebook_cell import Ran, attempt_cell, digest
from codeagent_nb.projections.notebook_text import in_lines
from codeagent_nb.rendering.cell_outputs import harmless_output
from codeagent_nb.rendering.nbformat_outputs import valid_output
from kernel_executor import CodeBlock
from kernel_executor.text import encodable

TAGS = {FAILED_TAG, "raises-exception"}
"""What 0.1 put on failed cells."""

SPACE = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What became of a notebook.

    Args:
        quoted: Failed cells that are quoted now.
        left: Failed cells that were left alone, because somebody has changed them since.
        outputs: Cells in whose outputs something was left out, or replaced, because it loads or runs.
    """

    quoted: int
    left: int
    outputs: int = 0


def clean(path: Path) -> Cleaned:
    """Quote the failed code of a notebook and clean the outputs of ours; written whole or not at all, if need be.

    Raises:
        SessionError: It is no notebook, or cannot be read or written.
    """
    try:
        path = path.resolve(strict=True)
        text = read(path, limit=None).decode("utf-8")
    except OSError as error:
        raise SessionError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SessionError(f"{str(path)!r} is not a notebook: it is not UTF-8") from error
    try:
        spans = _cell_spans(text)
        failed = [span for span in spans if is_failed(span[2])]
        changed = [span for span in failed if _is_changed(span[2])]
        quoted = {span[0]: _quoted(span[2]) for span in failed if span not in changed}
        of_0_1 = [span for span in spans if span[0] not in quoted] if _is_session_of_0_1(text) else []
        cleaned = {start: cell for start, _, old in of_0_1 if (cell := _cleaned(old))}
        written = _with_cells(text, spans, {**quoted, **cleaned})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SessionError(f"{str(path)!r} is not a notebook of Jupyter's format 4") from error
    if written != text:
        _replace(path, written)
    return Cleaned(len(quoted), len(changed), len(cleaned))


def _with_cells(text: str, spans: Sequence[tuple[int, int, Any]], cells: Mapping[int, Any]) -> str:
    """Return a notebook's text with other cells in the places where they begin."""
    parts, end = [], 0
    for start, stop, _ in spans:
        if start in cells:
            parts += [text[end:start], _written(cells[start], _indentation(text, start))]
            end = stop
    return "".join([*parts, text[end:]])


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if not mode & 0o222 or not os.access(path, os.W_OK):
            raise SessionError(f"cannot write {str(path)!r}: it is read-only")
        with temporary.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
        temporary.chmod(mode)
        temporary.replace(path)
    except OSError as error:
        raise SessionError(f"cannot write {str(path)!r}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _cell_spans(text: str) -> Sequence[tuple[int, int, Any]]:
    """Return where each cell begins and ends in a notebook's text, and the cell.

    Raises:
        ValueError: It is not JSON, or not a notebook.
    """
    notebook = json.loads(text)
    decoder = json.JSONDecoder()
    spans: list[tuple[int, int, Any]] = []
    at = _after(text, "{", 0)
    while text[at] == '"':
        key, at = decoder.raw_decode(text, at)
        at = _after(text, ":", at)
        if key == "cells":
            spans = [*_items(text, at, decoder)]
        _, at = decoder.raw_decode(text, at)
        at = _after_space(text, at)
        at = _after(text, text[at], at) if text[at] == "," else at
    if notebook["nbformat"] != 4 or notebook["cells"] != [cell for _, _, cell in spans]:
        raise ValueError("not a notebook")
    return spans


def _items(text: str, at: int, decoder: json.JSONDecoder) -> Iterator[tuple[int, int, Any]]:
    at = _after(text, "[", at)
    while text[at] != "]":
        item, end = decoder.raw_decode(text, at)
        yield at, end, item
        at = _after_space(text, end)
        at = _after(text, ",", at) if text[at] == "," else at


def _after(text: str, mark: str, at: int) -> int:
    """Return the place after a mark and the space around it."""
    at = _after_space(text, at)
    if text[at] != mark:
        raise ValueError(f"{mark} is missing")
    return _after_space(text, at + 1)


def _after_space(text: str, at: int) -> int:
    space = SPACE.match(text, at)
    return space.end() if space else at


def _is_changed(cell: Any) -> bool:
    """Return True if a person has changed the code since it was written; a saved session does not know."""
    return cell["metadata"]["codeagent"].get("sha256", "") not in ("", digest(_source(cell)))


def _is_session_of_0_1(text: str) -> bool:
    """Whether it is a saved session whose outputs are as the code has shown them."""
    about = json.loads(text)["metadata"].get("codeagent")
    return isinstance(about, dict) and about.get("format") == 1


def _cleaned(cell: Any) -> dict[str, Any] | None:
    """Return a cell that the agent has written with its outputs cleaned; None if there is nothing to clean."""
    about = cell["metadata"].get("codeagent")
    if cell["cell_type"] != "code" or not isinstance(about, dict) or about.get("outputs") == CLEANED:
        return None
    before = cell.get("outputs", ())
    outputs = [*map(_cleaned_output, before)]
    if outputs == [*before]:
        return None
    return {**cell, "metadata": {**cell["metadata"], "codeagent": {**about, "outputs": CLEANED}}, "outputs": outputs}


def _cleaned_output(output: Any) -> Any:
    """Return an output cleaned, the very one if there is nothing to clean."""
    whole = _joined(output)
    cleaned = harmless_output(whole)
    return output if cleaned == whole else in_lines(cleaned)


def _joined(output: Any) -> Any:
    """Return an output with its texts whole: a file holds them as lists of lines."""
    if output.get("output_type") == "stream":
        return {**output, "text": "".join(output["text"])}
    data = {mime: "".join(value) if _is_lines(value) else value for mime, value in output.get("data", {}).items()}
    return {**output, "data": data} if "data" in output else output


def _is_lines(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(line, str) for line in value)


CLEANED = "cleaned"


def _source(cell: Any) -> str:
    return "".join(cell["source"])


def _quoted(cell: Any) -> dict[str, Any]:
    """Return the cell as Markdown; its id, and what else stands in its metadata, stay."""
    about = cell["metadata"]["codeagent"]
    status = "error" if about.get("status") in (None, "ok") else str(about["status"])
    status = "interrupted" if status in {"writing", "waiting"} else status
    outputs = [valid_output(output) for output in cell.get("outputs", ())]
    errors = [output for output in outputs if output["output_type"] == "error"]
    cause = f"{errors[-1]['ename']}: {errors[-1]['evalue']}" if errors else ""
    source, shell = _source(cell), "%%bash\n"
    block = CodeBlock(source.removeprefix(shell), "bash" if source.startswith(shell) else "python")
    made = attempt_cell([Ran(block, outputs)], (), about.get("attempt", 1), status, cause)
    marks = {"codeagent": {**about, **made.about}}
    if "sha256" in about:
        marks["codeagent"]["sha256"] = digest(made.source)
    ours = {"codeagent", "collapsed", "jupyter", "tags"}  # hidden, as failed code was
    kept = {name: value for name, value in cell["metadata"].items() if name not in ours}
    if tags := [tag for tag in cell["metadata"].get("tags", ()) if tag not in TAGS]:
        kept["tags"] = tags
    named = {"id": cell["id"]} if "id" in cell else {}
    source_lines = made.source.splitlines(keepends=True)
    return {"cell_type": "markdown", **named, "metadata": {**marks, **kept}, "source": source_lines}


def _indentation(text: str, at: int) -> int | None:
    """Return how far a value is indented; None if it does not begin its line."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return None if line.strip() else len(line)


def _written(cell: dict[str, Any], indentation: int | None) -> str:
    indent = None if indentation is None else 1
    text = json.dumps(cell, ensure_ascii=False, indent=indent)
    if text != encodable(text):  # half a character, which a file holds in JSON's spelling only
        text = json.dumps(cell, indent=indent)
    return text.replace("\n", f"\n{' ' * (indentation or 0)}")
