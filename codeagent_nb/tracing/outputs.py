"""Makes sources of what a block of code printed and showed, as nbformat keeps it. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from codeagent_nb.tracing.sources import Source


def output_sources(identifier: str, outputs: Iterable[Mapping[str, Any]]) -> Iterator[Source]:
    """Yield what a reader sees of outputs as sources; a picture states nothing.

    Args:
        identifier: Names the block or the cell, in `TracedValue.source`.
        outputs: Outputs as nbformat defines them; what is none is passed over.
    """
    for output in outputs:
        data = output.get("data")
        if isinstance(data, Mapping):
            page, text = _text(data.get("text/html")), _text(data.get("text/plain"))
            if "<table" in page:
                yield Source.of_html(identifier, page)
            else:
                yield Source(identifier, text or _text(data.get("text/markdown")))
        elif "ename" in output:
            yield Source(identifier, f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}")
        else:
            yield Source(identifier, _text(output.get("text")))


def _text(value: object) -> str:
    """Return a text that nbformat keeps whole or line by line."""
    if isinstance(value, list | tuple):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""
