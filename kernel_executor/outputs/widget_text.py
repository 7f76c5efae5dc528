"""What a widget says, in words: its values, or what is written in it. Pure; knows models by their state only."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kernel_executor.outputs import words
from kernel_executor.outputs.fold import as_text
from kernel_executor.outputs.html_text import html_text
from kernel_executor.types import Output

REFERENCE = "IPY_MODEL_"
"""Begins a text that names another model."""

DEEPEST = 20  # levels of what is in one state
MOST_CHILDREN = 200
MOST_TEXT = 10_000
"""Characters of one widget's words."""

MOST_MARKUP = 20_000
"""Characters of HTML that are read for it, again at every change."""

IN_A_ROW = frozenset({"HBoxModel"})
OF_MARKUP = frozenset({"HTMLModel", "HTMLMathModel"})
SECRET = frozenset({"PasswordModel"})

Lookup = Callable[[str], Mapping[str, Any]]
"""Gives the state of a model; empty if there is none."""


def widget_text(model_id: str, state_of: Lookup) -> str:
    """Return what a widget and those in it say; empty if that is nothing, or nobody knows how to read it.

    Each is read once: of 20 boxes that each hold the next one twice, the innermost would be read a million times.
    """
    return _text(model_id, state_of, set())[:MOST_TEXT]


def view_of(data: Mapping[str, Any]) -> str:
    """Return the id of the model that a display shows; empty if it shows no widget."""
    view = data.get(words.VIEW)
    model_id = view.get("model_id") if isinstance(view, dict) else None
    return model_id if isinstance(model_id, str) else ""


def references(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield the ids of the models that a state names."""
    match value:
        case str() if value.startswith(REFERENCE):
            yield value.removeprefix(REFERENCE)
        case dict() if depth < DEEPEST:
            if shown := view_of(value):
                yield shown
            for part in value.values():
                yield from references(part, depth + 1)
        case list() | tuple() if depth < DEEPEST:
            for part in value:
                yield from references(part, depth + 1)


def _text(model_id: str, state_of: Lookup, read: set[str]) -> str:
    state = {} if model_id in read or len(read) > MOST_CHILDREN else state_of(model_id)
    if not state:
        return ""
    read.add(model_id)
    name = str(state.get("_model_name"))  # it is whatever code has sent
    children = state.get("children")
    if isinstance(children, list | tuple):
        parts = [_text(child, state_of, read) for child in references(list(children[:MOST_CHILDREN]))]
        return (" " if name in IN_A_ROW else "\n").join(_titled(state, parts))[:MOST_TEXT]
    if isinstance(state.get("outputs"), list | tuple):
        return as_text([_in_words(output, state_of, read) for output in state["outputs"]], "[{mime}]")
    said = "•••" if name in SECRET else _value(state)
    described = state.get("description")
    description = html_text(described[:MOST_MARKUP]).strip() if isinstance(described, str) else ""
    return ": ".join(filter(None, [description.removesuffix(":"), said]))


def _in_words(output: Output, state_of: Lookup, read: set[str]) -> Output:
    """Return an output of an Output widget, in which another widget may be shown."""
    shown = view_of(output.get("data", {}))
    said = _text(shown, state_of, read) if shown else ""
    return {**output, "data": {**output["data"], "text/plain": said}} if said else output


def _titled(state: Mapping[str, Any], parts: Sequence[str]) -> Iterator[str]:
    """Yield what stands in a box, below its title where it has one."""
    titles = state.get("titles")
    named = [*titles] if isinstance(titles, list | tuple) else []
    for place, part in enumerate(parts):
        title = named[place] if place < len(named) and isinstance(named[place], str) else ""
        if said := "\n".join(filter(None, [title, part])):
            yield said


def _value(state: Mapping[str, Any]) -> str:
    value, index, labels = (state.get(key) for key in ("value", "index", "_options_labels"))
    if isinstance(labels, list | tuple) and index is not None:
        chosen = index if isinstance(index, list | tuple) else [index]
        return ", ".join(str(labels[one]) for one in chosen if type(one) is int and 0 <= one < len(labels))
    if "bar_style" in state and "max" in state:
        return f"[{_plainly(value)}/{_plainly(state['max'])}]"
    if isinstance(value, str):
        return html_text(value[:MOST_MARKUP]) if state.get("_model_name") in OF_MARKUP else value
    return _plainly(value)


def _plainly(value: Any) -> str:
    match value:
        case bool() | int() | str():
            return str(value)
        case float():
            return f"{value:g}"
        case list() | tuple():
            return ", ".join(_plainly(part) for part in value[:MOST_CHILDREN])
        case dict():  # a date or a time
            return "-".join(_plainly(part) for part in list(value.values())[:10])
    return ""
