"""Owns which texts of a block's outputs are shown one after another. Pure; must not know what is done with them.

Half a key on stdout and half on stderr, or in two displays, is a whole key to whoever reads on.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kernel_executor import Output


@dataclass(frozen=True, slots=True)
class Part:
    """A text in the outputs: in which one, under which MIME type or, of text and errors, which field."""

    index: int
    key: str
    text: str


def written_parts(outputs: Sequence[Output]) -> Iterator[list[Part]]:
    """Yield texts that stand one after another: all that is plain, and displays of a type that comes twice or more."""
    plain = [part for index, output in enumerate(outputs) for part in _plain(index, output)]
    if len(plain) > 1:
        yield plain
    displays = [(index, _data(output)) for index, output in enumerate(outputs)]
    often = Counter(mime for _, data in displays for mime in data)
    for mime in (mime for mime, count in often.items() if count > 1 and mime != "text/plain"):
        parts = [Part(index, mime, data[mime]) for index, data in displays if isinstance(data.get(mime), str)]
        if len(parts) > 1:
            yield parts


def _plain(index: int, output: Output) -> list[Part]:
    match output:
        case {"output_type": "stream", "text": str(text)}:
            return [Part(index, "text", text)]
        case {"data": {"text/plain": str(text)}}:
            return [Part(index, "text/plain", text)]
    return []


def _data(output: Output) -> dict[str, Any]:
    data = output.get("data")
    return data if isinstance(data, dict) else {}


def with_parts(outputs: Sequence[Output], change: Callable[[Sequence[str]], Sequence[str]]) -> tuple[Output, ...]:
    """Return outputs in which texts that are shown one after another are changed together."""
    changed = list(outputs)
    for parts in written_parts(outputs):
        for part, text in zip(parts, change([part.text for part in parts]), strict=True):
            if text != part.text:
                changed[part.index] = _with(changed[part.index], part.key, text)
    return tuple(changed)


def _with(output: Output, key: str, text: str) -> Output:
    return {**output, key: text} if key == "text" else {**output, "data": {**output["data"], key: text}}
