"""Changes of cells as a kernel asks the page for them, and the cells and outputs in them."""

from typing import Any

Change = dict[str, Any]


def code(name: str, source: str = "", *outputs: Any, **codeagent: Any) -> Change:
    metadata = {"codeagent": {"cell": "run", "step": 1, **codeagent}}
    return {
        "cell_type": "code",
        "id": name,
        "source": source,
        "metadata": metadata,
        "outputs": list(outputs),
        "execution_count": None,
    }


def markdown(name: str, source: str) -> Change:
    return {
        "cell_type": "markdown",
        "id": name,
        "source": source,
        "metadata": {"codeagent": {"cell": "run", "step": 1}},
    }


def stream(text: str, name: str = "stdout") -> Change:
    return {"output_type": "stream", "name": name, "text": text}


def display(**data: str) -> Change:
    bundle = {key.replace("_", "/"): value for key, value in data.items()}
    return {"output_type": "display_data", "data": bundle, "metadata": {}}


def insert(after: list[str], *cells: Change, undo: str = "a") -> Change:
    return {"do": "insert", "after": after, "cells": list(cells), "undo": undo}


def outputs(name: str, start: int, *items: Change) -> Change:
    return {"do": "outputs", "id": name, "from": start, "outputs": list(items)}


def source(name: str, start: int, text: str) -> Change:
    return {"do": "source", "id": name, "from": start, "text": text}


def append(name: str, index: int, text: str) -> Change:
    return {"do": "append", "id": name, "index": index, "text": text}


def reuse(name: str, text: str) -> Change:
    return {"do": "reuse", "id": name, "source": text}


def metadata(name: str, **values: Any) -> Change:
    return {"do": "metadata", "id": name, "metadata": values}


def removal(name: str, text: str, undo: str = "a") -> Change:
    return {"do": "remove", "id": name, "source": text, "undo": undo}
