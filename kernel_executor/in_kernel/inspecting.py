"""Tells what a kernel is doing while it does it: where its code is, which variables there are. Runs none of the code.

It is called in ipykernel's thread for control messages, beside the code. Nothing here may call what code has defined:
only objects of types that are known by their identity are asked anything, and only what their libraries answer at
once, without a lock. So polars' tables are named and no more: their methods take locks, which code may hold that waits
for the interpreter's, and then both would wait forever.
"""

from __future__ import annotations

import contextlib
import linecache
import sys
import threading
import time
import types
from typing import Any

from . import INSPECT, INSPECT_REPLY

MACHINERY = ("codeagent_kernel", "ipykernel", "IPython")
"""Packages whose frames are no part of the code."""

DEEPEST = 5_000
"""Frames that are looked at: 1 ms."""

OUTER, INNER = 10, 30
"""Frames that are told, from both ends of the stack."""

MOST_VARIABLES = 100
"""The newest ones."""

LONGEST = 200
"""Characters of each text."""

SIZED = (str, bytes, bytearray, list, dict, tuple, set, frozenset)
"""Types with a length."""

WHOLE = (str, bytes, bytearray)
"""Those whose size is that of all that is in them."""

COMES = (
    *(
        ("builtins", name)
        for name in ("int", "float", "complex", "range", "NoneType", "bool", *["str", "bytes", "bytearray"])
    ),
    *(("builtins", name) for name in ("list", "dict", "tuple", "set", "frozenset")),
    *(("collections", name) for name in ("OrderedDict", "Counter", "defaultdict", "deque")),
    *(("datetime", name) for name in ("date", "datetime", "time", "timedelta")),
    *(("decimal", "Decimal"), ("uuid", "UUID"), ("matplotlib.figure", "Figure"), ("numpy", "ndarray")),
    *(("pandas", name) for name in ("DataFrame", "Series", "Index", "RangeIndex", "MultiIndex", "DatetimeIndex")),
    *(("pandas", name) for name in ("Timestamp", "Timedelta", "Period", "Interval", "CategoricalIndex", "Categorical")),
    *(("pyarrow", name) for name in ("Table", "RecordBatch", "ChunkedArray")),
    *(("polars", "DataFrame"), ("polars", "Series"), ("PIL.Image", "Image")),
)
"""Types whose values can be brought home, where what is in them can, by the names under which they are found."""

NAMES, MODULES = type.__dict__["__name__"], type.__dict__["__module__"]
"""Read a class's name and module; asking the class itself may run a metaclass of the code's."""


def answered(kernel: Any, frames: Any) -> bool:
    """Answer a message on control if it asks for this; return whether it does.

    No handler among ipykernel's: after each of those it flushes `sys.stdout`, which may be an object of the code's.
    """
    session = kernel.session
    try:
        idents, parts = session.feed_identities(frames, copy=False)
        if session.unpack(parts[1].bytes)["msg_type"] != INSPECT:
            return False
        request = session.deserialize(parts, content=False, copy=False)
    except Exception:  # noqa: BLE001 - ipykernel says what is wrong with it
        return False
    answer(kernel, kernel.control_stream, idents, request)
    return True


def answer(kernel: Any, stream: Any, idents: Any, request: Any) -> None:
    """Answer a request."""
    kernel.session.send(stream, INSPECT_REPLY, look(kernel.shell), request, idents)


def look(shell: Any) -> dict[str, Any]:
    """Return what the main thread is doing, the variables and the memory; a part that cannot be had is missing."""
    found: dict[str, Any] = {"status": "ok"}
    with contextlib.suppress(Exception):  # code may have changed what is used here
        found["stack"], found["left_out"] = stack(shell.user_ns, getattr(shell.compile, "_filename_map", {}))
    with contextlib.suppress(Exception):
        found["variables"] = variables(shell.user_ns, shell.user_ns_hidden)
    with contextlib.suppress(Exception):
        found["memory"] = memory()
    return found


def stack(namespace: dict[str, Any], cells: dict[str, int]) -> tuple[list[dict[str, Any]], int]:
    """Return the frames of the code that the main thread is running, outermost first, and how many are left out.

    Args:
        namespace: That of cells: where the first frame with it is, the code begins.
        cells: Their numbers, by what Python calls their files.
    """
    seen = _seen(namespace)
    begin = max((at for at, each in enumerate(seen) if each[3]), default=-1)
    if begin < 0:
        return [], 0
    own = [each for each in reversed(seen[: begin + 1]) if each[2].partition(".")[0] not in MACHINERY]
    told = own if len(own) <= OUTER + INNER else own[:OUTER] + own[-INNER:]
    return [_frame(code, line, is_cell, cells) for code, line, _, is_cell in told], len(own) - len(told)


def _seen(namespace: dict[str, Any]) -> list[tuple[Any, int, str, bool]]:
    """Return code, line, module of each frame of the main thread, innermost first, and whether a cell defined it.

    A frame that ended while it is held here would end the life of its variables here, in the wrong thread. So it is
    done in one turn with the interpreter: the pause waits for the beginning of one.
    """
    found: list[tuple[Any, int, Any, bool]] = []
    time.sleep(0)
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001
    while frame is not None and len(found) < DEEPEST:
        names = frame.f_globals
        found.append((frame.f_code, frame.f_lineno or 0, dict.get(names, "__name__"), names is namespace))
        frame = frame.f_back
    return [(code, line, _text(module), is_cell) for code, line, module, is_cell in found]


def _frame(code: Any, line: int, is_cell: bool, cells: dict[str, int]) -> dict[str, Any]:
    file = code.co_filename if type(code.co_filename) is str else ""
    told = {"line": line, "function": _text(code.co_name)}
    number = cells.get(file)
    if not is_cell or type(number) is not int:
        return {**told, "file": file[-LONGEST:]}
    entry = linecache.cache.get(file)  # not `getline`: it looks at the disk for files that are not there
    lines: Any = entry[2] if type(entry) is tuple and len(entry) > 2 else []
    source = _text(lines[line - 1]) if type(lines) is list and 0 < line <= len(lines) else ""
    return {**told, "cell": number, "source": source.strip()}


def _text(value: Any) -> str:
    return value[:LONGEST] if type(value) is str else ""


def variables(namespace: dict[str, Any], hidden: dict[str, Any]) -> list[dict[str, Any]]:
    """Describe the newest variables of the code: no modules, functions and classes, none that IPython has made.

    Args:
        namespace: Where they are.
        hidden: What IPython has made.
    """
    names = list(namespace)
    if any(type(name) is not str for name in names):  # a key of the code's own is compared by code of its own
        return []
    found: list[dict[str, Any]] = []
    for name in reversed(names):
        if len(found) == MOST_VARIABLES:
            break
        if name.startswith("_") or name in hidden or name not in namespace:
            continue
        described = describe(namespace.get(name))  # held for no longer: see `_seen`
        if described:
            found.append({"name": name[:LONGEST], **described, "identity": id(namespace.get(name))})
    return found[::-1]


def describe(value: Any) -> dict[str, Any]:
    """Return type and size of a value; nothing for modules, functions and classes."""
    kind = type(value)
    if issubclass(kind, (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)):
        return {}
    described: dict[str, Any] = {"type": _text(NAMES.__get__(kind)), "comes": comes(kind)}
    with contextlib.suppress(Exception):  # the code is changing it, or it is of another version
        described.update(_size(kind, value))
    return described


def comes(kind: type) -> bool:
    """Return whether values of a type can be brought home."""
    if kind is type(None) or any(kind is known for known in (list, dict, int, str, float, bool)):
        return True
    return any(is_type_of(kind, module, name) for module, name in COMES) or is_number(kind)


def is_number(kind: type) -> bool:
    """Return whether it is one of NumPy's own types of single values."""
    numpy = sys.modules.get("numpy")
    generic = numpy.__dict__.get("generic") if type(numpy) is types.ModuleType else None
    return type(generic) is type and issubclass(kind, generic) and MODULES.__get__(kind) == "numpy"


def _size(kind: type, value: Any) -> dict[str, Any]:
    if any(kind is sized for sized in SIZED):  # not `in`: it may call what a metaclass of the code's has
        size = {"length": len(value)}
        return {**size, "bytes": sys.getsizeof(value)} if any(kind is whole for whole in WHOLE) else size
    if is_type_of(kind, "numpy", "ndarray"):
        return {"shape": list(value.shape), "bytes": value.nbytes}
    if is_type_of(kind, "pandas.core.frame", "DataFrame") or is_type_of(kind, "pandas.core.series", "Series"):
        return {"shape": list(value.shape), **_bytes_of_blocks(value)}
    if is_type_of(kind, "pyarrow.lib", "Table"):
        return {"shape": list(value.shape)}
    return {}


def is_type_of(kind: type, module: str, name: str) -> bool:
    """Return whether it is that type of a library, if that is imported at all."""
    library = sys.modules.get(module)
    return type(library) is types.ModuleType and library.__dict__.get(name) is kind


def _bytes_of_blocks(table: Any) -> dict[str, int]:
    """Return what a table of pandas' holds. `memory_usage` would make columns, which older ones keep in the table."""
    values = [block.values for block in table._mgr.blocks]  # noqa: SLF001
    if all(is_of_pandas(type(value)) for value in values):
        return {"bytes": sum(value.nbytes for value in values)}
    return {}


def is_of_pandas(kind: type) -> bool:
    """Return whether it is one of the arrays that NumPy's and pandas' own tables are made of."""
    module = MODULES.__get__(kind)
    is_array = type(module) is str and module.startswith(("pandas.arrays", "pandas.core.arrays."))
    return is_type_of(kind, "numpy", "ndarray") or (is_array and is_type_of(kind, module, NAMES.__get__(kind)))


def memory() -> int:
    """Return the bytes of this process that are in memory."""
    with open("/proc/self/status", "rb") as file:  # noqa: PTH123
        return next(int(line.split()[1]) * 1_024 for line in file if line.startswith(b"VmRSS:"))
