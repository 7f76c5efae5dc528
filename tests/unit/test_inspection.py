"""What is told of a kernel while it works: what is looked at in it, how that is read, and what is said of it."""

import linecache
import sys
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from codeagent_nb.notebook import commands
from codeagent_nb.notebook.kernel_status import kernel_rows, place_in_code
from kernel_executor import KernelSnapshot, LiveVariable, RunningBlock, StackFrame
from kernel_executor.in_kernel import inspecting
from kernel_executor.in_kernel.inspecting import describe, memory, stack, variables
from kernel_executor.kernels.inspection import inspect, read_snapshot
from kernel_executor.types import CodeBlock

TABLE = pd.DataFrame({"a": [1, 2, 3], "b": [1.0, 2.0, 3.0]})


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (7, {"type": "int", "comes": True}),
        ("text", {"type": "str", "comes": True, "length": 4, "bytes": sys.getsizeof("text")}),
        ([1, 2], {"type": "list", "comes": True, "length": 2}),
        ({"a": 1}, {"type": "dict", "comes": True, "length": 1}),
        (range(10**30), {"type": "range", "comes": True}),
        (None, {"type": "NoneType", "comes": True}),
        (np.zeros((3, 4)), {"type": "ndarray", "comes": True, "shape": [3, 4], "bytes": 96}),
        (TABLE, {"type": "DataFrame", "comes": True, "shape": [3, 2], "bytes": 48}),
        (TABLE["a"], {"type": "Series", "comes": True, "shape": [3], "bytes": 24}),
        (pa.table({"a": [1, 2]}), {"type": "Table", "comes": True, "shape": [2, 1]}),
        (sys, {}),
        (print, {}),
        (describe, {}),
        (KernelSnapshot, {}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_told_by_its_type_and_size(value: Any, told: dict[str, Any]) -> None:
    assert describe(value) == told


def test_texts_in_a_table_are_counted_where_pandas_knows_their_size() -> None:
    told = describe(pd.DataFrame({"a": [1, 2], "b": pd.array(["x", "y"], dtype="string")}))
    assert told["shape"] == [2, 2]
    assert told["bytes"] >= 16


def test_what_code_has_defined_is_not_called() -> None:
    touched: list[str] = []

    def touch(name: str) -> Any:
        return lambda *_: touched.append(name)

    special = ("__len__", "__repr__", "__str__", "__hash__", "__eq__", "__sizeof__", "__getattribute__", "__iter__")
    methods = {name: touch(name) for name in special}
    properties = {name: property(touch(name)) for name in ("__class__", "__dict__", "shape", "nbytes", "__name__")}
    meta = type("Meta", (type,), {**methods, **properties, "mro": type.mro})
    evil = meta("Evil", (), {**methods, **properties})
    table = type("DataFrame", (pd.DataFrame,), {"shape": property(touch("shape")), "__module__": "pandas"})
    values = {"evil": object.__new__(evil), "table": table(TABLE), "kind": evil}
    touched.clear()
    told = variables(values, {})
    assert touched == []
    assert [(each["name"], each["type"], each["comes"]) for each in told] == [
        ("evil", "Evil", False),
        ("table", "DataFrame", False),
    ]
    _ = values["evil"].anything
    assert touched == ["__getattribute__"], "whatever else would have been called would be here, too"


def test_variables_are_the_newest_ones_of_the_code() -> None:
    names: dict[Any, Any] = {f"x{number}": number for number in range(200)}
    names |= {"_": 1, "In": [], "pd": pd, "f": describe}
    told = [each["name"] for each in variables(names, {"In": []})]
    assert told == [f"x{number}" for number in range(100, 200)]
    assert len(variables({"n" * 10_000: 1}, {})[0]["name"]) == inspecting.LONGEST
    assert variables({"a": 1, 3: 2}, {}) == []


def run_as_cell(code: str, names: dict[str, Any]) -> None:
    linecache.cache["<cell 7>"] = (len(code), None, code.splitlines(keepends=True), "<cell 7>")
    try:
        exec(compile(code, "<cell 7>", "exec"), names)
    finally:
        del linecache.cache["<cell 7>"]


def test_the_stack_begins_with_the_cell() -> None:
    found: list[tuple[list[dict[str, Any]], int]] = []
    names: dict[str, Any] = {}
    names["look"] = lambda: found.append(stack(names, {"<cell 7>": 7}))
    run_as_cell("def f():\n    look()\n\nsorted([1], key=lambda _: f())\n", names)
    [(frames, left_out)] = found
    assert left_out == 0
    assert [(frame.get("cell"), frame["line"], frame["function"], frame.get("source")) for frame in frames[:3]] == [
        (7, 4, "<module>", "sorted([1], key=lambda _: f())"),
        (7, 4, "<lambda>", "sorted([1], key=lambda _: f())"),
        (7, 2, "f", "look()"),
    ]
    assert frames[3]["file"] == __file__[-inspecting.LONGEST :]
    assert all("ipykernel" not in frame.get("file", "") for frame in frames)
    assert stack({}, {}) == ([], 0), "no code of a cell runs"


def test_of_a_deep_stack_both_ends_are_told() -> None:
    found: list[tuple[list[dict[str, Any]], int]] = []
    names: dict[str, Any] = {}
    names["look"] = lambda: found.append(stack(names, {"<cell 7>": 7}))
    run_as_cell("def f(n):\n    if n: f(n - 1)\n    else: look()\nf(300)", names)
    [(frames, left_out)] = found
    assert len(frames) == inspecting.OUTER + inspecting.INNER
    assert left_out > 250
    assert frames[0]["function"] == "<module>"


def test_memory_is_that_of_this_process() -> None:
    assert 10_000_000 < memory() < 10**11


def test_an_answer_is_read() -> None:
    content = {
        "stack": [{"cell": 2, "line": 3, "function": "<module>", "source": "f()"}, {"file": "/x.py", "line": 1}],
        "left_out": 4,
        "variables": [{"name": "a", "type": "ndarray", "shape": [3, 4], "bytes": 96}],
        "memory": 1_000,
    }
    snapshot = read_snapshot(content, KernelSnapshot(memory=5))
    assert snapshot == KernelSnapshot(
        answered=True,
        stack=(StackFrame(cell=2, line=3, function="<module>", source="f()"), StackFrame(file="/x.py", line=1)),
        left_out=4,
        variables=(LiveVariable(name="a", type="ndarray", shape=(3, 4), bytes=96),),
        memory=1_000,
    )
    assert read_snapshot(content, KernelSnapshot(), stack=False).stack == ()
    assert read_snapshot({}, KernelSnapshot(memory=5)) == KernelSnapshot(answered=True, memory=5)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(["name", "line", "shape"]), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["stack", "left_out", "variables", "memory"]), JSON))
def test_an_answer_that_code_made_up_is_bounded(content: dict[str, Any]) -> None:
    snapshot = read_snapshot(content, KernelSnapshot())
    assert snapshot.memory is None or 0 < snapshot.memory < 2**63
    assert all(frame.line >= 0 for frame in snapshot.stack)
    kernel_rows(snapshot)


def test_a_flood_of_an_answer_is_cut() -> None:
    frame = {"file": "/" * 10_000, "line": -1, "function": "\x1b]0;title\x07f\ng", "source": 3}
    variable = {"name": "a", "type": "b", "shape": [1, "x"], "length": True, "bytes": 2**70}
    content = {"stack": [frame] * 10_000, "variables": [variable, {"type": "no name"}, 3] * 10_000}
    snapshot = read_snapshot(content, KernelSnapshot())
    assert len(snapshot.stack) == 40
    assert len(snapshot.variables) <= 100
    first = snapshot.stack[0]
    assert (len(first.file), first.line, first.function, first.source) == (200, 0, "f g", "")
    assert snapshot.variables[0] == LiveVariable(name="a", type="b")


async def test_without_a_kernel_nothing_is_known() -> None:
    assert await inspect(None, None, "x" * 1_000) == KernelSnapshot(why_no_checkpoint="x" * 200)


def running(code: str, seconds: float = 12.3) -> RunningBlock:
    return RunningBlock(index=1, language="python", first_line=code, seconds=seconds)


def test_a_running_block_is_told_by_its_first_line() -> None:
    block = RunningBlock.of(0, CodeBlock("\n  x = 1\ny = 2", "python"), 0.0)
    assert (block.first_line, block.index) == ("x = 1", 0)
    assert RunningBlock.of(0, CodeBlock(""), 0.0).first_line == ""


def test_the_status_says_where_the_code_is() -> None:
    cell = StackFrame(cell=4, line=3, function="<module>", source="df = df.merge(other)")
    library = StackFrame(file="/lib/pandas/merge.py", line=912, function="merge")
    helper = StackFrame(cell=2, line=7, function="f", source="time.sleep(3)")
    known = KernelSnapshot(answered=True, running=running("import x"), memory=212_000_000)

    def said(*frames: StackFrame) -> str:
        return kernel_rows(KernelSnapshot(answered=True, running=known.running, stack=frames))["running"]

    where = "for 12 s: line 3 of block 2: `df = df.merge(other)`"
    assert said(cell) == where
    assert said(cell, library) == f"{where}, now in merge (merge.py, line 912)"
    assert said(cell, helper) == f"{where}, now in f, line 7 of cell 2: `time.sleep(3)`"
    assert said() == "for 12 s: block 2, which begins with `import x`"
    assert place_in_code(known) == "block 2, which begins with `import x`", "the panel has the time beside it"
    assert place_in_code(KernelSnapshot(answered=True)) == ""
    assert kernel_rows(known) == {
        "running": "for 12 s: block 2, which begins with `import x`",
        "kernel": "212 MB",
        "checkpoint": "kept after each call",
    }


def test_the_status_names_the_largest_variables() -> None:
    small = tuple(LiveVariable(name=f"n{number}", type="int") for number in range(7))
    table = LiveVariable(name="clean", type="DataFrame", shape=(333, 9), bytes=24_000)
    items = LiveVariable(name="items", type="list", length=3)
    rows = kernel_rows(KernelSnapshot(answered=True, variables=(table, *small, items)))
    assert rows["variables"] == (
        "clean (DataFrame 333 × 9, 24 kB), items (list 3), n6 (int), n5 (int), n4 (int), n3 (int), and 3 more"  # noqa: RUF001
    )


def test_a_long_row_of_the_status_breaks_between_words() -> None:
    path = f"/home/me/{'a-long-name/' * 12}data"
    table = commands._table({"code": "word " * 40, "folder": path, "model": ""})
    *lines, folder, model = table.splitlines()
    assert [line[:12] for line in lines] == ["code        ", *[" " * 12] * (len(lines) - 1)]
    assert [line.split()[-1] for line in lines] == ["word"] * len(lines)
    assert max(map(len, lines)) <= 96
    assert (folder.split(), model) == (["folder", path], "model")


def test_the_status_says_that_a_kernel_does_not_answer_and_why_nothing_is_kept() -> None:
    silent = KernelSnapshot(memory=1_000_000, processors=0.98, why_no_checkpoint="the thread 'x' is running")
    assert kernel_rows(silent) == {
        "kernel": "1 MB, does not answer: C code may keep its interpreter; it uses 1.0 processors",
        "checkpoint": "none, because the thread 'x' is running",
    }
