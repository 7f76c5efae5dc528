"""What `%agent status` and the panel say of the kernel: what runs, where, and its variables. Knows snapshots only."""

from collections.abc import Iterator
from pathlib import PurePath

from codeagent_nb.text import kind_text
from kernel_executor import KernelSnapshot, LiveVariable, StackFrame
from kernel_executor.sizes import size_text

NAMED = 6
"""Variables that are named one by one: the largest."""

LINE = 60
"""Characters of a line of code."""


def kernel_rows(snapshot: KernelSnapshot) -> dict[str, str]:
    """Return what is known, by what it is about."""
    rows = {
        "running": f"for {snapshot.running.seconds:.0f} s: {place_in_code(snapshot)}" if snapshot.running else "",
        "variables": _variables(snapshot.variables),
        "kernel": ", ".join(_kernel(snapshot)),
        "checkpoint": _checkpoint(snapshot.why_no_checkpoint),
    }
    return {name: text for name, text in rows.items() if text}


def place_in_code(snapshot: KernelSnapshot) -> str:
    """Return where the code is that runs; empty if none does."""
    block = snapshot.running
    if block is None:
        return ""
    if not snapshot.stack:
        return f"block {block.index + 1}, which begins with {_code(block.first_line)}"
    own = snapshot.stack[0].cell  # the frame in which the code begins is the cell's
    at = max(place for place, frame in enumerate(snapshot.stack) if frame.cell == own)
    frame = snapshot.stack[at]
    where = f"line {frame.line} of block {block.index + 1}: {_code(frame.source or block.first_line)}"
    inner = snapshot.stack[at + 1 :]
    return f"{where}, now in {_place(inner[-1])}" if inner else where


def _place(frame: StackFrame) -> str:
    if frame.cell:
        return f"{frame.function}, line {frame.line} of cell {frame.cell}: {_code(frame.source)}"
    return f"{frame.function} ({PurePath(frame.file).name}, line {frame.line})"


def _code(line: str) -> str:
    return f"`{line if len(line) <= LINE else line[: LINE - 1] + '…'}`"


def _variables(variables: tuple[LiveVariable, ...]) -> str:
    newest_first = reversed(variables)
    chosen = sorted(newest_first, key=lambda each: -(each.bytes or 0))[:NAMED]
    more = len(variables) - len(chosen)
    return ", ".join([*map(_variable, chosen), *([f"and {more} more"] if more else [])])


def _variable(variable: LiveVariable) -> str:
    size = "" if variable.bytes is None else size_text(variable.bytes)
    return f"{variable.name} ({', '.join(filter(None, [kind_text(variable), size]))})"


def _kernel(snapshot: KernelSnapshot) -> Iterator[str]:
    if snapshot.memory is not None:
        yield size_text(snapshot.memory)
    if not snapshot.answered:
        used = "" if snapshot.processors is None else f"; it uses {snapshot.processors:.1f} processors"
        yield f"does not answer: C code may keep its interpreter{used}"


def _checkpoint(why_not: str) -> str:
    return f"none, because {why_not}" if why_not else "kept after each call"
