"""Makes outputs fit nbformat, whatever executed code has put into them. Pure; knows the format, imports none of it."""

import json
import math
import re
from dataclasses import replace
from typing import Any

from kernel_executor import Append, Output
from kernel_executor.outputs.output_changes import OutputChange

JSON_MIME = re.compile(r"^application/(.*\+)?json$")
"""From the schema of nbformat 4.5: all other representations are text."""

MOST_DEPTH = 100
"""Levels of JSON that are kept."""


def valid_change(change: OutputChange) -> OutputChange:
    """Return a change of outputs that leaves them as nbformat accepts them."""
    return replace(change, output=valid_output(change.output)) if isinstance(change, Append) else change


def valid_output(output: Output) -> Output:
    """Return an output that nbformat accepts, whatever executed code has put into it."""
    match output.get("output_type"):
        case "stream":
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            return {"output_type": "stream", "name": name, "text": str(output.get("text", ""))}
        case "error":
            lines = output.get("traceback")
            return {
                "output_type": "error",
                "ename": str(output.get("ename", "")),
                "evalue": str(output.get("evalue", "")),
                "traceback": [str(line) for line in lines] if isinstance(lines, list | tuple) else [],
            }
        case kind:
            data, metadata = _dict(output.get("data")), _dict(output.get("metadata"))
            valid = {
                "output_type": "execute_result" if kind == "execute_result" else "display_data",
                "data": {str(mime): _valid_mime(str(mime), value) for mime, value in data.items()},
                "metadata": strict(metadata),
            }
            counted = {"execution_count": valid_count(output.get("execution_count"))}
            return valid | counted if kind == "execute_result" else valid


def valid_count(count: object) -> int | None:
    """Return a prompt number that nbformat accepts."""
    return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None


def _valid_mime(mime: str, value: Any) -> Any:
    if JSON_MIME.search(mime):
        return strict(value)
    lines = isinstance(value, list) and all(isinstance(line, str) for line in value)
    return value if lines or isinstance(value, str) else json.dumps(strict(value))


def strict(value: Any, depth: int = 0) -> Any:
    """Return JSON that a browser reads, too: NaN and infinity, which Python writes, are not JSON.

    What is nested too deeply is left out, with a word in its place: whoever reads it would fail, we among them.
    """
    match value:
        case float() if not math.isfinite(value):
            return None
        case dict() | list() | tuple() if depth >= MOST_DEPTH:
            return f"[left out: nested more than {MOST_DEPTH} deep]"
        case dict():
            return {str(key): strict(item, depth + 1) for key, item in value.items()}
        case list() | tuple():
            return [strict(item, depth + 1) for item in value]
        case None | bool() | int() | float() | str():
            return value
    return str(value)


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
