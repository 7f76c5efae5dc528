"""Puts into words what was seen where code failed: for the model in about 150 tokens, for people in full. Pure.

The model is not shown the failed code: with it in the context a small model writes it once more (5 of 7 tries), with
these facts alone it solved 2 of 7.
"""

from dataclasses import replace

from codeagent_nb.explaining.remedies import remedy_for
from codeagent_nb.text import counted, one_line
from kernel_executor import BlockResult, FailedLine, MissingName, SeenColumn, SeenValue
from kernel_executor.text import plain

MODEL_BUDGET = 600
"""Characters, about 150 tokens."""

PERSON_BUDGET = 4_000

ERROR_SHOWN = 200
"""Characters of the line that names the error."""

LEAST = 60
"""Characters that must be left for another value to be begun."""


def for_model(block: BlockResult, seen: FailedLine | None, budget: int = MODEL_BUDGET) -> str:
    """Return the error, what is missing, the remedy and the values of the failing line; empty if there was no error.

    Args:
        block: How the block ended.
        seen: What its kernel saw; None if that is not known.
        budget: Characters, about.
    """
    line = _line_of(block, seen)
    return "\n".join(_told(line, budget)) if line else ""


def for_person(block: BlockResult, seen: FailedLine | None) -> str:
    """Return the same as lines of text, with the line itself and more of the values."""
    line = _line_of(block, seen)
    if line is None:
        return ""
    where = f" of cell {line.cell}" if line.cell else ""
    inside = f", in {line.function}" if line.function.isidentifier() else ""
    place = [f"Line {line.line}{where}{inside}: {line.source}"] if line.source else []
    error, *rest = _told(line, PERSON_BUDGET)
    return "\n".join([error, *place, *rest])


def without_values(seen: FailedLine | None) -> FailedLine | None:
    """Return what was seen without examples, keys and names of an index: types, shapes and columns are left."""
    if seen is None:
        return None
    values = [
        replace(value, examples=(), keys=(), columns=tuple(replace(column, example="") for column in value.columns))
        for value in seen.values
    ]
    return replace(seen, values=tuple(values))


def _line_of(block: BlockResult, seen: FailedLine | None) -> FailedLine | None:
    if seen or not block.ename:
        return seen
    return FailedLine(error=block.ename, message=plain(block.evalue or "")[:2_000])


def _told(line: FailedLine, budget: int) -> list[str]:
    told = [_cut(f"{line.error}: {line.message}", ERROR_SHOWN)]
    told += filter(None, map(_missing_text, line.missing))
    told += filter(None, [remedy_for(line)])
    for value in _in_order(line):
        left = budget - sum(len(each) + 1 for each in told)
        if left < LEAST:
            break
        told.append(_value_text(value, line, left))
    return told


def _cut(text: str, length: int) -> str:
    text = one_line(text)
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _missing_text(missing: MissingName) -> str:
    """Return a line on a name that is not there; empty if there is nothing to say beyond the error itself."""
    if not missing.of:
        return ""
    there = ", ".join(map(repr, missing.near or missing.known))
    if missing.near:
        return f"{missing.name!r} is not in {missing.of}; similar there: {there}."
    return f"{missing.name!r} is not in {missing.of}{f'; there are: {there}' if there else ''}."


def _in_order(line: FailedLine) -> list[SeenValue]:
    """Return the values: first what a name is missing in, then tables, which take what is left, modules last."""
    wanted = {missing.of for missing in line.missing}
    return sorted(line.values, key=lambda each: (each.name not in wanted, each.type == "module", bool(each.columns)))


def _value_text(value: SeenValue, line: FailedLine, room: int) -> str:
    size = _size_text(value)
    head = f"{value.name}: {value.type}{f' {value.version}' if value.version else ''}{size}"
    if value.index:
        head += f", index {', '.join(value.index)}"
    if value.columns:
        return _with_columns(head, value, line, room)
    parts = [f"dtype {value.dtype}" if value.dtype else "", *_listed("keys", value.keys)]
    parts += _listed("", value.examples) if size or value.dtype else [" ".join(value.examples)]
    return _cut(", ".join([head, *filter(None, parts)]), room)


def _listed(what: str, items: tuple[str, ...]) -> list[str]:
    return [f"{what} {', '.join(items)}".strip() if what else f"values {', '.join(items)}"] if items else []


def _size_text(value: SeenValue) -> str:
    if value.shape is not None and (value.columns or value.type == "DataFrame") and len(value.shape) == 2:
        return f" of {counted(value.shape[0], 'row')} and {counted(value.shape[1], 'column')}"
    if value.shape is not None:
        return f" of shape {value.shape}"
    return "" if value.length is None else f" of length {value.length}"


def _with_columns(head: str, value: SeenValue, line: FailedLine, room: int) -> str:
    """Return a table with the columns that matter first, as many as there is room for."""
    near = {repr(name) for missing in line.missing for name in missing.near}
    columns = sorted(value.columns, key=lambda column: (column.label not in near, column.label not in line.source))
    text, told = f"{head}: ", 0
    for column in columns:
        part = f"{', ' if told else ''}{_column_text(column)}"
        if told and len(text) + len(part) > room:
            break
        text, told = text + part, told + 1
    width = value.shape[1] if value.shape and len(value.shape) == 2 else len(columns)
    left = width - told
    return f"{text} and {left} more" if left > 0 else text


def _column_text(column: SeenColumn) -> str:
    details = ", ".join(filter(None, [column.dtype, column.example]))
    return f"{column.label} ({details})" if details else column.label
