"""What may happen to a block's outputs, and how a kernel's messages say it. Knows no limits and keeps nothing.

Executed code holds its kernel's key and can send any message in its name: every field is checked or made to fit.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from kernel_executor.in_kernel.guard import shrink_error
from kernel_executor.in_kernel.text import shorten
from kernel_executor.outputs.message import Message
from kernel_executor.types import Output

ERROR_NAME = 1_000  # characters

DISPLAY_ID = 1_000
"""Characters; ours and IPython's have 32, and a longer one is none."""


@dataclass(frozen=True, slots=True)
class Append:
    """One more output; stream text may be a piece of a line."""

    output: Output
    display_id: str | None = None


@dataclass(frozen=True, slots=True)
class Clear:
    """Forget all outputs, now or (`wait`) as soon as the next one comes."""

    wait: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """Replace the content of all displays of an id."""

    display_id: str
    data: dict[str, Any]
    metadata: dict[str, Any]


OutputChange = Append | Clear | Update


Change = TypeVar("Change", bound=OutputChange)


def with_texts(change: Change, shown: Callable[[str], str]) -> Change:
    """Return a change with its texts as they are to be shown; pictures and data stay."""
    match change:
        case Append(output=output):
            texts: dict[str, Any] = {key: shown(output[key]) for key in ("text", "evalue") if key in output}
            lists = {"traceback": [shown(line) for line in output["traceback"]]} if "traceback" in output else {}
            data = {"data": _with_texts(output["data"], shown)} if "data" in output else {}
            return replace(change, output={**output, **texts, **lists, **data})
        case Update(data=data):
            return replace(change, data=_with_texts(data, shown))
        case Clear():
            return change


def _with_texts(data: dict[str, Any], shown: Callable[[str], str]) -> dict[str, Any]:
    return {
        kind: shown(value) if kind.startswith("text/") and isinstance(value, str) else value
        for kind, value in data.items()
    }


EMPTY_FIGURE = re.compile(r"<\w*Figure size [\d.e+]+x[\d.e+]+ with 0 Axes>")
"""What IPython shows of a figure in which nothing was drawn: `plt.figure()` before pandas makes one of its own."""


def read_change(message: Message) -> OutputChange | None:
    """Translate an IOPub message into a change of outputs, or None if it is something else, malformed or nothing."""
    content = message.content
    match message.type:
        case "display_data" | "execute_result" if _is_empty_figure(content.get("data")):
            return None
        case "stream" if isinstance(content.get("text"), str):
            name = "stderr" if content.get("name") == "stderr" else "stdout"
            return Append({"output_type": "stream", "name": name, "text": content["text"]})
        case "display_data":
            return Append({"output_type": "display_data", **_bundle(content)}, _display_id(content))
        case "execute_result":
            output = {"output_type": "execute_result", "execution_count": read_count(content), **_bundle(content)}
            return Append(output, _display_id(content))
        case "error":
            return Append({"output_type": "error", **read_error(content)})
        case "clear_output":
            return Clear(bool(content.get("wait")))
        case "update_display_data" if display_id := _display_id(content):
            return Update(display_id, **_bundle(content))
        case _:
            return None


def read_error(content: dict[str, Any]) -> dict[str, Any]:
    """Take the fields of an exception out of a message, with their right types and cut to size."""
    traceback = content.get("traceback")
    error = {
        "ename": shorten(str(content.get("ename", "")), ERROR_NAME),
        "evalue": str(content.get("evalue", "")),
        "traceback": traceback if isinstance(traceback, list) else [],
    }
    shrink_error(error)
    return error


def read_pages(reply: dict[str, Any]) -> Iterator[Append]:
    """Yield what a reply says is to be shown in a pager, as displays: `print?` has no other output."""
    payload = reply.get("payload")
    for part in payload if isinstance(payload, list) else ():
        if isinstance(part, dict) and part.get("source") == "page" and isinstance(data := part.get("data"), dict):
            yield Append({"output_type": "display_data", "data": data, "metadata": {}})


def read_count(content: dict[str, Any]) -> int | None:
    """Take the prompt number out of a message, if it is one."""
    count = content.get("execution_count")
    return count if isinstance(count, int) else None


def _is_empty_figure(data: object) -> bool:
    if not isinstance(data, dict) or data.keys() != {"text/plain"}:
        return False
    text = data["text/plain"]
    return isinstance(text, str) and bool(EMPTY_FIGURE.fullmatch(text))


def _bundle(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {key: value if isinstance(value := content.get(key), dict) else {} for key in ("data", "metadata")}


def _display_id(content: dict[str, Any]) -> str | None:
    transient = content.get("transient")
    display_id = transient.get("display_id") if isinstance(transient, dict) else None
    return display_id if isinstance(display_id, str) and len(display_id) <= DISPLAY_ID else None
