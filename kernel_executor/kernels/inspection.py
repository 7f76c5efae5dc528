"""Asks a kernel what it is doing, and reads what it says: executed code may have made that up. Disturbs nothing."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from kernel_executor.in_kernel import INSPECT
from kernel_executor.in_kernel.inspecting import INNER, LONGEST, MOST_VARIABLES, OUTER
from kernel_executor.kernels.kernel import Kernel
from kernel_executor.languages import normalize
from kernel_executor.outputs.clean_text import cleaned
from kernel_executor.snapshots import KernelSnapshot, LiveVariable, RunningBlock, StackFrame

ANSWER = 1.0
"""Seconds for an answer; it takes 0.01, and on a busy machine ten times as long."""

MOST_DIMENSIONS = 32
LARGEST = 2**63

Value = TypeVar("Value")


async def inspect(kernel: Kernel | None, running: RunningBlock | None, why_no_checkpoint: str) -> KernelSnapshot:
    """Return what a kernel is doing.

    Args:
        kernel: The kernel; None while it is being replaced.
        running: What it runs.
        why_no_checkpoint: Why its state is not kept.
    """
    known = KernelSnapshot(running=running, why_no_checkpoint=_text(why_no_checkpoint))
    if kernel is None or kernel.death:
        await asyncio.sleep(0)  # who asks again and again must not keep the loop from bringing one back
        return known
    pid: int = getattr(kernel.process, "pid", 0)  # one elsewhere has none here
    began, used = time.monotonic(), _processor_time(pid)
    content = await kernel.ask(INSPECT, ANSWER, "control")
    if isinstance(content, dict):
        is_shell = running is not None and normalize(running.language) == "bash"
        return read_snapshot(content, replace(known, memory=_memory(pid)), stack=not is_shell)
    is_used = _processor_time(pid)
    share = None if used is None or is_used is None else (is_used - used) / (time.monotonic() - began)
    return replace(known, memory=_memory(pid), processors=share)


def read_snapshot(content: dict[str, Any], known: KernelSnapshot, *, stack: bool = True) -> KernelSnapshot:
    """Return a snapshot with what a kernel says of itself; what is not as ours say it is left out.

    Args:
        content: What it says.
        known: What is known without it.
        stack: Whether its stack is that of the block's code.
    """
    return replace(
        known,
        answered=True,
        stack=tuple(_each(content.get("stack"), _frame, OUTER + INNER)) if stack else (),
        left_out=_number(content.get("left_out")) or 0 if stack else 0,
        variables=tuple(_each(content.get("variables"), _variable, MOST_VARIABLES)),
        memory=_number(content.get("memory")) or known.memory,
    )


def _each(parts: Any, read: Callable[[dict[str, Any]], Value | None], most: int) -> Iterator[Value]:
    for part in parts[:most] if isinstance(parts, list) else ():
        if isinstance(part, dict) and (value := read(part)) is not None:
            yield value


def _frame(told: dict[str, Any]) -> StackFrame:
    return StackFrame(
        file=_text(told.get("file")),
        cell=_number(told.get("cell")) or 0,
        line=_number(told.get("line")) or 0,
        function=_text(told.get("function")),
        source=_text(told.get("source")),
    )


def _variable(told: dict[str, Any]) -> LiveVariable | None:
    name, shape = _text(told.get("name")), told.get("shape")
    sizes = [_number(size) for size in shape[:MOST_DIMENSIONS]] if isinstance(shape, list) else [None]
    return (
        LiveVariable(
            name=name,
            type=_text(told.get("type")),
            length=_number(told.get("length")),
            shape=None if None in sizes else tuple(size for size in sizes if size is not None),
            bytes=_number(told.get("bytes")),
            comes=told.get("comes") is True,
            identity=_number(told.get("identity")) or 0,
        )
        if name
        else None
    )


def _text(value: Any) -> str:
    return " ".join(cleaned(value[:LONGEST]).split()) if isinstance(value, str) else ""


def _number(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < LARGEST else None


def _memory(pid: int) -> int | None:
    """Return the bytes of a process that are in memory; None if that is not ours to see."""
    try:
        lines = Path(f"/proc/{pid}/status").read_bytes().split(b"\n")
        return next(int(line.split()[1]) * 1_024 for line in lines if line.startswith(b"VmRSS:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _processor_time(pid: int) -> float | None:
    """Return the seconds that a process has used processors."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None
