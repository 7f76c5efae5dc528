"""Makes outputs of two runs comparable: what differs from run to run is masked. Pure."""

import re
from collections.abc import Sequence
from typing import Any

Output = dict[str, Any]

LONGEST = 4_000
"""Characters of a text that are compared; of a longer one, and of pictures, that it is there."""

MASKS = (
    (r"0x[0-9a-f]{6,}", "0xADDRESS"),
    (r"(?:model_id|[Ii]d|uuid|uid|token)([\"'=: _-]+)[\w-]{8,}", r"ID\1ID"),
    (r"\b[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\b", "UUID"),
    (r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", "UUID"),
    (r"\b\d+(?:\.\d+)? ?(?:ns|[\u00b5\u03bcu]s|ms|s)\b", "TIME"),
    (r"\d+(?:\.\d+)?it/s", "SPEED"),
    (r"(?:~|(?<![A-Za-ln-z0-9_.])/[\w.@+-]+)(?:/[\w.@+-]+)+", "PATH"),
    (r"Thread-\d+", "Thread-N"),
)


def comparable(outputs: Sequence[Output], folder: str) -> list[Output]:
    """Return outputs without what differs from run to run: addresses, times, ids, places, prompt numbers.

    Args:
        outputs: Of a cell, as nbformat has them.
        folder: In which the code ran.
    """
    return [_comparable(output, folder) for output in _joined(outputs)]


def _joined(outputs: Sequence[Output]) -> list[Output]:
    """Join neighbouring pieces of one stream: how they are cut is chance."""
    joined: list[Output] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if "name" in output and last.get("name") == output["name"]:
            joined[-1] = {**last, "text": last["text"] + output["text"]}
        else:
            joined.append(dict(output))
    return joined


def _comparable(output: Output, folder: str) -> Output:
    kind = output["output_type"]
    if kind == "stream":
        return {"stream": output["name"], "text": _masked(output["text"], folder)}
    if kind == "error":
        return {
            "error": output["ename"],
            "value": _masked(output["evalue"], folder),
            "traceback": _masked("\n".join(output["traceback"]), folder),
        }
    data = {mime: _value(mime, value, folder) for mime, value in sorted(output["data"].items())}
    return {kind: data, "metadata": sorted(output.get("metadata", {}))}


def _value(mime: str, value: Any, folder: str) -> Any:
    if mime.startswith("image/") or not isinstance(value, str) or len(value) > LONGEST:
        return "..."
    return _masked(value, folder)


def _masked(text: str, folder: str) -> str:
    text = text.replace(folder, "FOLDER")
    for pattern, mask in MASKS:
        text = re.sub(pattern, mask, text)
    return text


def in_short(outputs: Sequence[Output]) -> str:
    """Return one line that says what outputs there are."""
    return ", ".join(map(_word, outputs)) or "nothing"


def _word(output: Output) -> str:
    if "stream" in output:
        return f"{output['stream']} {_quoted(output['text'])}"
    if "error" in output:
        return f"{output['error']} {_quoted(output['value'])}"
    kind = "value" if "execute_result" in output else "display"
    data = output.get("execute_result") or output.get("display_data") or {}
    plain = f" {_quoted(data['text/plain'])}" if "text/plain" in data else ""
    return f"{kind} of {'+'.join(sorted(mime.rpartition('/')[2] for mime in data))}{plain}"


def _quoted(text: str) -> str:
    shown = repr(text if len(text) <= 60 else f"{text[:40]}...{text[-15:]}")
    return "`" + shown.replace("|", "/").replace("`", "'") + "`"
