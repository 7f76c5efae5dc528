"""Notebooks of version 0.1: failed code in them is found, and quoted; nothing else in them changes (design D19)."""

import json
import os
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4
from typer.testing import CliRunner

from codeagent_nb.cli.app import app
from codeagent_nb.cli.doctor import check_notebooks
from codeagent_nb.errors import SessionError
from codeagent_nb.old_notebooks.cleaning import Cleaned, clean
from codeagent_nb.old_notebooks.finding import notebooks_with_failed_code
from codeagent_nb.projections.notebook_cell import digest

FAILED = {"tags": ["codeagent-failed", "raises-exception"], "jupyter": {"source_hidden": True, "outputs_hidden": True}}
ERROR = v4.new_output("error", ename="NameError", evalue="name 'x' is not defined", traceback=["\x1b[31mNameError: x"])
DESTROYS = "clean.to_csv('penguins.csv')"


def about(status: str, **more: Any) -> dict[str, Any]:
    return {"codeagent": {"kind": "code", "attempt": 1, "status": status, **more}}


def code(source: str, metadata: dict[str, Any], *outputs: Any) -> Any:
    return v4.new_code_cell(source, metadata=metadata, outputs=list(outputs), execution_count=1)


def a_session_of_0_1() -> Any:
    cells = [
        v4.new_markdown_cell("## Task\n\nClean it.", metadata={"codeagent": {"kind": "task"}}),
        code(DESTROYS, {**about("error"), **FAILED}, ERROR),
        code("%%bash\nfalse", {**about("error"), **FAILED}),
        code("print(1)", about("ok")),
        code("import sys\nsys.exit(0)", {**about("ok"), "tags": ["raises-exception"]}),
        code("x = 1 # mine \u2028 ✓", {"tags": ["raises-exception"]}),
        code("df = 1", {"codeagent": {"kind": "variable", "name": "df"}}),
    ]
    notebook = v4.new_notebook(cells=cells)
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "P"}, "codeagent": {"format": 1, "runs": []}}
    return notebook


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.ipynb"
    nbformat.write(a_session_of_0_1(), path)
    return path


def test_failed_code_is_quoted_and_everything_else_stays(old: Path) -> None:
    before = nbformat.read(old, as_version=4)
    assert clean(old) == Cleaned(quoted=2, left=0)
    after = nbformat.read(old, as_version=4)
    nbformat.validate(after)
    assert [cell.cell_type for cell in after.cells] == ["markdown"] * 3 + ["code"] * 4
    assert [after.cells[0], *after.cells[3:]] == [before.cells[0], *before.cells[3:]]
    assert [cell.id for cell in after.cells] == [cell.id for cell in before.cells]
    assert after.metadata == before.metadata
    quoted = after.cells[1]
    assert quoted.metadata == {"codeagent": {"kind": "quoted", "attempt": 1, "status": "error"}}
    assert quoted.source == (
        "<details><summary>Attempt 1 failed: NameError: name 'x' is not defined</summary>\n\n"
        f"```python\n{DESTROYS}\n```\n\n```text\nNameError: x\n```\n\n</details>"
    )
    assert "```bash\nfalse\n```" in after.cells[2].source


@pytest.mark.parametrize("indent", [1, 4, None])
def test_what_is_not_touched_is_the_same_byte_for_byte(old: Path, indent: int | None) -> None:
    notebook = json.loads(old.read_text())
    strange = json.dumps({"a": 1.50, "note": "ü\ud83d\ude00"}, ensure_ascii=True).replace("1.5", "1.500e0")
    text = json.dumps({"zzz": 0, **notebook}, indent=indent).replace('"zzz": 0', f'"zzz": {strange}')
    old.write_text(f"{text}\n\n")
    clean(old)
    cleaned = old.read_text()
    first = text.index(DESTROYS)
    start = text.rindex('"cell_type"', 0, first)
    assert cleaned[: start - 20] == text[: start - 20]
    rest = text.rindex("print(1)")
    assert cleaned.endswith(f"{text[rest:]}\n\n")


def test_once_is_enough(old: Path) -> None:
    clean(old)
    before, written = old.read_bytes(), old.stat().st_mtime_ns
    assert clean(old) == Cleaned(quoted=0, left=0)
    assert (old.read_bytes(), old.stat().st_mtime_ns) == (before, written)


def test_cells_in_a_notebook_of_the_users_stay_the_agents(tmp_path: Path) -> None:
    """The next run of their cell replaces them, as it would have."""
    source = "1 / 0"
    mine = about("error", cell="anchor", step="1", sha256=digest(source))
    path = tmp_path / "mine.ipynb"
    nbformat.write(v4.new_notebook(cells=[code(source, {**mine, **FAILED, "trusted": True})]), path)
    clean(path)
    (cell,) = nbformat.read(path, as_version=4).cells
    assert cell.metadata.codeagent.sha256 == digest(cell.source)
    assert (cell.metadata.codeagent.cell, cell.metadata.codeagent.step) == ("anchor", "1")


def test_failed_code_that_somebody_has_changed_since_is_theirs(tmp_path: Path) -> None:
    theirs = code("1 / 1", {**about("error", sha256=digest("1 / 0")), **FAILED})
    path = tmp_path / "mine.ipynb"
    nbformat.write(v4.new_notebook(cells=[theirs]), path)
    before = path.read_bytes()
    assert clean(path) == Cleaned(quoted=0, left=1)
    assert path.read_bytes() == before


@pytest.mark.parametrize("status", ["error", "running", "interrupted", "writing", "waiting"])
def test_whatever_did_not_end_well_is_quoted(tmp_path: Path, status: str) -> None:
    path = tmp_path / "x.ipynb"
    nbformat.write(v4.new_notebook(cells=[code("x", about(status))]), path)
    assert notebooks_with_failed_code(tmp_path) == [path]
    assert clean(path).quoted == 1
    assert notebooks_with_failed_code(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"x", b"\xff", b'{"nbformat": 3, "cells": []}', b"[" * 100_000])
def test_what_is_no_notebook_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.ipynb"
    path.write_bytes(content)
    with pytest.raises(SessionError, match="is not a notebook"):
        clean(path)
    assert path.read_bytes() == content
    path.write_bytes(content + b'"codeagent" codeagent-failed')
    assert notebooks_with_failed_code(tmp_path) == []


def test_of_two_lists_of_cells_the_last_one_counts_as_it_does_in_jupyter(old: Path) -> None:
    text = old.read_text().rstrip().removesuffix("}") + ', "cells": []}'
    old.write_text(text)
    assert clean(old) == Cleaned(quoted=0, left=0)
    assert old.read_text() == text


def test_a_notebook_that_is_read_only_is_not_replaced(old: Path) -> None:
    old.chmod(0o444)
    before = old.read_bytes()
    with pytest.raises(SessionError, match="read-only"):
        clean(old)
    assert old.read_bytes() == before
    assert list(old.parent.iterdir()) == [old]


def test_the_rights_of_a_notebook_stay(old: Path) -> None:
    old.chmod(0o640)
    clean(old)
    assert old.stat().st_mode & 0o777 == 0o640


def test_a_link_that_was_named_is_followed_and_stays_a_link(old: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.ipynb"
    link.symlink_to(old)
    assert clean(link).quoted == 2
    assert link.is_symlink()


@pytest.mark.timing
def test_looking_follows_nothing_and_waits_for_nothing(old: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a-pipe.ipynb")
    (tmp_path / "a-folder.ipynb").mkdir()
    (tmp_path / "a-link.ipynb").symlink_to(old)
    (tmp_path / "b-dangling.ipynb").symlink_to("nothing")
    with (tmp_path / "huge.ipynb").open("wb") as file:
        file.truncate(10**12)
    began = time.monotonic()
    assert notebooks_with_failed_code(tmp_path) == [old]
    assert time.monotonic() - began < 1
    assert notebooks_with_failed_code(tmp_path / "missing") == []


def test_doctor_names_them_here_and_one_level_below(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(old.parent)
    below = old.parent / "a b"
    (below / "deep").mkdir(parents=True)
    for folder in (below, below / "deep"):
        (folder / "it.ipynb").write_bytes(old.read_bytes())
    finding = check_notebooks(Path())
    assert (finding.state, finding.fix) == ("weak", "codeagent-nb clean old.ipynb 'a b/it.ipynb'")
    for path in (old, below / "it.ipynb"):
        clean(path)
    assert check_notebooks(Path()).state == "ok"


@pytest.mark.timing
def test_many_notebooks_take_no_longer_than_allowed(old: Path) -> None:
    for number in range(400):
        (old.parent / f"{number}.ipynb").write_bytes(old.read_bytes())
    began = time.monotonic()
    assert len(notebooks_with_failed_code(old.parent, seconds=0.05)) <= 300
    assert time.monotonic() - began < 0.5


def test_the_command_says_what_it_did_and_goes_on_after_an_error(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(old.parent)
    run = CliRunner().invoke(app, ["clean", "missing.ipynb", "old.ipynb"])
    assert run.exit_code == 2
    assert "cannot read" in run.output
    assert "old.ipynb: 2 failed cells quoted; reload it if it is open in Jupyter." in run.output
    run = CliRunner().invoke(app, ["clean", "old.ipynb"])
    assert (run.exit_code, run.output) == (0, "old.ipynb: nothing to quote.\n")


def a_session_with(*outputs: Any) -> Any:
    notebook = a_session_of_0_1()
    notebook.cells[3].outputs = [v4.new_output("display_data", data) for data in outputs]
    mine = v4.new_code_cell("x", outputs=[v4.new_output("display_data", {"text/html": "<img src='https://e.test/'>"})])
    notebook.cells.append(mine)
    return notebook


def test_the_outputs_of_a_saved_session_are_cleaned(old: Path) -> None:
    table = '<table class="dataframe"><tr><td>1</td></tr></table>'
    nbformat.write(a_session_with({"text/html": f"{table}<img src='https://e.test/?q'>"}, {"text/plain": "a\nb"}), old)
    before = nbformat.read(old, as_version=4)
    assert clean(old) == Cleaned(quoted=2, left=0, outputs=1)
    after = nbformat.read(old, as_version=4)
    nbformat.validate(after)
    shown, plain = after.cells[3].outputs
    assert "https://e.test" not in json.dumps(shown)
    assert "<td>1</td>" in shown.data["text/html"]
    assert "Removed from this output: 1 reference to a picture elsewhere." in shown.data["text/html"]
    assert plain == before.cells[3].outputs[1]
    assert after.cells[-1] == before.cells[-1]  # the user's own
    written = old.read_bytes()
    assert clean(old) == Cleaned(quoted=0, left=0)
    assert old.read_bytes() == written


def test_outputs_in_other_notebooks_are_left_alone(old: Path) -> None:
    notebook = a_session_with({"text/html": "<img src='https://e.test/?q'>"})
    notebook.metadata = {"codeagent": {"format": 2, "runs": []}}
    nbformat.write(notebook, old)
    assert clean(old).outputs == 0
    assert "https://e.test/?q" in old.read_text()
