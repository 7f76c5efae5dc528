"""Which reason a difference is given, by what is known: rules on plain values, without a kernel."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from codeagent_nb.proof.cell_code import read_cell
from codeagent_nb.proof.evidence import Evidence, Files
from codeagent_nb.proof.reading import CodeCell
from codeagent_nb.proof.reasons import reasons_of
from codeagent_nb.proof.record import Record, read_record, record_of, written
from codeagent_nb.proof.sources import imported_names, sources_of
from kernel_executor import BlockResult, CodeBlock

READ = "import pandas as pd\ndf = pd.read_csv('data.csv')"


def notebook(*codes: str) -> list[CodeCell]:
    text = {"output_type": "stream", "name": "stdout", "text": "1\n"}
    return [
        CodeCell(place=number, number=number, source=code, outputs=(text,), count=number)
        for number, code in enumerate(codes, start=1)
    ]


def failed(ename: str, evalue: str = "", **more: Any) -> BlockResult:
    return BlockResult(block=CodeBlock(""), status="error", exit_code=1, ename=ename, evalue=evalue, **more)


def seen(
    cells: list[CodeCell], differing: set[int], failures: Mapping[int, BlockResult] | None = None, **more: Any
) -> Evidence:
    well = BlockResult(block=CodeBlock(""), status="ok", exit_code=0)
    imported = imported_names(cell.code for cell in cells)
    return Evidence(
        cells=cells,
        codes=[read_cell(cell.code) for cell in cells],
        sources=[sources_of(cell.code, imported) for cell in cells],
        results={cell.number: (failures or {}).get(cell.number, well) for cell in cells},
        differing=frozenset(differing),
        **more,
    )


def kinds(evidence: Evidence) -> dict[int, str]:
    return {number: reason.kind for number, reason in reasons_of(evidence).items()}


def record(cells: list[CodeCell], files: Mapping[str, str] | None = None, **versions: str) -> Record:
    return record_of(cells, files or {}, versions)


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (failed("ModuleNotFoundError", "No module named 'nothing'"), "library"),
        (failed("ImportError", "cannot import name 'x'"), "library"),
        (failed("URLError", "<urlopen error>"), "network"),
        (failed("requests.exceptions.ConnectionError", "refused"), "network"),
        (failed("gaierror", "Name or service not known"), "network"),
        (failed("OSError", "x", unreached=("data.example.org",)), "network"),
        (failed("FileNotFoundError", "[Errno 2] No such file: 'data.csv'"), "file"),
        (failed("NameError", "name 'df' is not defined"), "missing"),
        (replace(failed(""), status="timeout", ename=None, note="Stopped after 60 s."), "stopped"),
        (replace(failed(""), status="died", ename=None, note="It used too much memory."), "stopped"),
        (replace(failed(""), status="refused", ename=None, denials=("data.csv is the user's.",)), "refused"),
        (failed("TypeError", "unexpected keyword"), "unknown"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.ename or value.status,
)
def test_a_cell_that_fails_has_the_reason_its_error_tells(result: BlockResult, kind: str) -> None:
    assert kinds(seen(notebook("print(df)"), {1}, {1: result})) == {1: kind}


def test_a_name_that_is_made_below_is_one_of_order() -> None:
    evidence = seen(notebook("print(x)", "x = 1"), {1}, {1: failed("NameError", "name 'x' is not defined")})
    assert kinds(evidence) == {1: "order"}


def test_a_cell_that_needs_one_which_failed_has_its_reason() -> None:
    failures = {
        1: failed("ModuleNotFoundError", "No module named 'polars'"),
        2: failed("NameError", "name 'pl' is not defined"),
    }
    assert kinds(seen(notebook("import polars as pl", "pl.DataFrame()"), {1, 2}, failures)) == {
        1: "library",
        2: "library",
    }


def test_a_library_of_another_version_is_named_with_both() -> None:
    cells = notebook("import pandas as pd", "pd.DataFrame()")
    evidence = seen(cells, {2}, record=record(cells, pandas="2.2.0"), versions={"pandas": "3.1.1"})
    reason = reasons_of(evidence)[2]
    assert reason.kind == "library"
    assert "2.2.0" in reason.because
    assert "3.1.1" in reason.because


def test_a_changed_file_explains_the_cells_that_depend_on_it_and_no_others() -> None:
    cells = notebook(READ, "df.sum()", "print(1)")
    evidence = seen(cells, {2, 3}, record=record(cells, {"data.csv": "a"}), files=Files(digests={"data.csv": "b"}))
    assert kinds(evidence) == {2: "file", 3: "unknown"}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import numpy as np\nnp.random.rand()", "random"),
        ("import time\ntime.time()", "time"),
        ("import requests\nrequests.get('https://data.example.org').text", "network"),
        ("list({'a', 'b'})", "random"),
        ("x.compute()", "random"),
    ],
)
def test_what_changes_from_replay_to_replay_has_the_nearest_source(code: str, kind: str) -> None:
    assert kinds(seen(notebook(code), {1}, unsteady=frozenset({1}))) == {1: kind}


def test_a_source_above_is_named_with_its_cell() -> None:
    cells = notebook("import random\nx = random.random()", "y = 2 * x", "print(y)")
    assert "in cell 1" in reasons_of(seen(cells, {3}, unsteady=frozenset({3})))[3].because


def test_an_output_that_is_not_the_one_that_was_proved_was_edited() -> None:
    cells = notebook("x = 1", "print(x)")
    before = record(cells)
    other = {"output_type": "stream", "name": "stdout", "text": "2\n"}
    now = [cells[0], replace(cells[1], outputs=(other,))]
    assert kinds(seen(now, {2}, record=before)) == {2: "edited"}


def test_an_output_left_open_in_the_record_is_not_called_edited() -> None:
    cells = notebook("import random\nprint(random.random())")
    before = record(cells)
    left_open = Record(cells=(replace(before.cells[0], outputs=""),))
    assert kinds(seen(cells, {1}, record=left_open)) == {1: "random"}


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        (("x = 1", "x = 2", "print(x)"), ("x = 2", "x = 1", "print(x)"), "order"),
        (("x = 1", "x = 2", "print(x)"), ("x = 1", "print(x)"), "missing"),
        (("x = 1", "print(x)"), ("x = 2", "print(x)"), "code"),
    ],
)
def test_what_happened_to_cells_since_the_proof_is_told_apart(
    before: tuple[str, ...], now: tuple[str, ...], kind: str
) -> None:
    cells = notebook(*now)
    assert kinds(seen(cells, {len(now)}, record=record(notebook(*before)))) == {len(now): kind}


def test_without_a_record_counts_tell_the_order() -> None:
    cells = notebook("x = 2", "x = 1", "print(x)")
    swapped = [replace(cells[0], count=2), replace(cells[1], count=1), cells[2]]
    assert kinds(seen(swapped, {3})) == {3: "order"}


@pytest.mark.parametrize(
    "proof",
    [
        None,
        1,
        "x",
        [],
        {},
        {"proved": 1},
        {"proved": {"cells": {}}},
        {"proved": {"cells": [1], "files": {}, "versions": {}}},
        {"proved": {"cells": [], "files": [], "versions": {}}},
        {"proved": {"cells": [{}], "files": {}, "versions": {}}},
    ],
    ids=str,
)
def test_a_record_that_is_none_is_no_record(proof: object) -> None:
    assert read_record({"metadata": {"codeagent": {"proof": proof}}}) is None


def test_a_record_survives_the_way_through_a_notebook() -> None:
    made = record(notebook("x = 1"), {"data.csv": "a"}, pandas="3")
    assert read_record({"metadata": {"codeagent": {"proof": {"proved": written(made)}}}}) == made
