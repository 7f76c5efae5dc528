"""Asks a kernel what it saw where code failed, and reads what it says: executed code may have made that up."""

import json
from ast import literal_eval
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from kernel_executor.in_kernel import MODULE
from kernel_executor.in_kernel.failing_line import LONGEST, MOST_VALUES, ROOM
from kernel_executor.in_kernel.missing_names import MOST_KNOWN, MOST_MISSING
from kernel_executor.in_kernel.near_names import MOST_NEAR
from kernel_executor.in_kernel.safe_values import MOST_COLUMNS, MOST_KEYS
from kernel_executor.languages import normalize
from kernel_executor.outputs.clean_text import cleaned
from kernel_executor.secret_names import SECRET_NAME
from kernel_executor.types import BlockResult, FailedLine, MissingName, SeenColumn, SeenValue

ANSWER = 5.0
"""Seconds for an answer; it takes 0.05. Then the kernel is interrupted, as after any expression."""

MOST_DIMENSIONS = 32
LARGEST = 2**63
LONGEST_MESSAGE = 2_000

QUESTION = f'__import__("{MODULE}.failing_line", fromlist=["tell"]).tell({SECRET_NAME.pattern!r})'

Evaluate = Callable[[str, float], Awaitable[str | None]]
Value = TypeVar("Value")


def is_explained(result: BlockResult) -> bool:
    """Return whether a block ended in a way of which its kernel has a traceback: by an exception, in Python."""
    return result.status == "error" and bool(result.ename) and normalize(result.block.language) == "python"


async def ask(evaluate: Evaluate, result: BlockResult) -> FailedLine | None:
    """Return what a kernel saw where a block failed, or None if it does not say, or tells of another error.

    Args:
        evaluate: Evaluates an expression there.
        result: How the block ended.
    """
    told: Any = None
    answer = await evaluate(QUESTION, ANSWER)
    with suppress(ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        told = json.loads(literal_eval((answer or "")[: 2 * ROOM + 2]))
    return read_failed_line(told, result.ename or "", result.evalue or "")


def read_failed_line(told: Any, error: str, message: str) -> FailedLine | None:
    """Return what a kernel says as a value; what is not as ours say it is left out.

    Args:
        told: What it says.
        error: The name of the exception, as its block ended with it.
        message: The text of that exception.
    """
    if not isinstance(told, dict) or _text(told.get("error")) != _text(error) or not error:
        return None
    return FailedLine(
        error=_text(error),
        message=cleaned(message[:LONGEST_MESSAGE]),
        cell=_number(told.get("cell")) or 0,
        line=_number(told.get("line")) or 0,
        function=_text(told.get("function")),
        source=_text(told.get("source")),
        values=tuple(_each(told.get("values"), _value, MOST_VALUES)),
        missing=tuple(_each(told.get("missing"), _missing, MOST_MISSING)),
    )


def _each(parts: Any, read: Callable[[Any], Value | None], most: int) -> Iterator[Value]:
    for part in parts[:most] if isinstance(parts, list) else ():
        if (value := read(part)) is not None:
            yield value


def _value(told: Any) -> SeenValue | None:
    if not isinstance(told, dict) or not (name := _text(told.get("name"))):
        return None
    shape, index = told.get("shape"), told.get("index")
    sizes = [_number(size) for size in shape[:MOST_DIMENSIONS]] if isinstance(shape, list) else [None]
    return SeenValue(
        name=name,
        type=_text(told.get("type")),
        length=_number(told.get("length")),
        shape=None if None in sizes else tuple(size for size in sizes if size is not None),
        dtype=_text(told.get("dtype")),
        columns=tuple(_each(told.get("columns"), _column, MOST_COLUMNS)),
        index=_texts(index, MOST_KEYS) if isinstance(index, list) else None,
        keys=_texts(told.get("keys"), MOST_KEYS),
        examples=_texts(told.get("examples"), MOST_KEYS),
        version=_text(told.get("version")),
    )


def _column(told: Any) -> SeenColumn | None:
    texts = [_text(part) for part in told[:3]] if isinstance(told, list) else []
    return SeenColumn(*texts) if texts and texts[0] else None


def _missing(told: Any) -> MissingName | None:
    if not isinstance(told, dict) or not (name := _exact(told.get("name"))):
        return None
    return MissingName(
        name=name,
        of=_text(told.get("of")),
        near=tuple(_each(told.get("near"), _exact, MOST_NEAR)),
        known=tuple(_each(told.get("known"), _exact, MOST_KNOWN)),
    )


def _texts(told: Any, most: int) -> tuple[str, ...]:
    return tuple(filter(None, _each(told, _text, most)))


def _exact(value: Any) -> str | None:
    """Return a name with the blanks in it: they may be what is wrong."""
    return cleaned(value[:LONGEST]) or None if isinstance(value, str) else None


def _text(value: Any) -> str:
    return " ".join(cleaned(value[:LONGEST]).split()) if isinstance(value, str) else ""


def _number(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < LARGEST else None
