"""`verify`, `trim` and the proof at the end of `run`, as a user meets them: what they print, write and return."""

import json
from pathlib import Path

import nbformat
import pytest

from tests.integration.scripted_server import Serve, bare_environment
from tests.support.command_line import python, run
from tests.support.executed_notebooks import executed
from tests.support.proof_cases import in_text, made

pytestmark = pytest.mark.integration


async def test_verify_exits_0_if_proved_and_1_if_something_differs(tmp_path: Path) -> None:
    path = await made("table", tmp_path)
    done = run("verify", path.name, env=bare_environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "study.ipynb: Proved: 3 cells ran again" in done.stdout
    assert "Files opened: data.csv" in done.stdout
    in_text(3, "18.375", "18.875")(path)
    done = run("verify", path.name, env=bare_environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 1
    assert "cell 3 [3]: an edited output" in done.stdout
    assert "saved 'total 18.875', now 'total 18.375'" in done.stdout
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata.codeagent.proof.verdict == "differs"


async def test_no_record_leaves_the_notebook_as_it_is(tmp_path: Path) -> None:
    path = await made("counter", tmp_path)
    before = path.read_bytes()
    assert run("verify", path.name, "--no-record", env=bare_environment(tmp_path), cwd=tmp_path).returncode == 0
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "code", "told"),
    [
        ("nonsense", 2, "is not a notebook"),
        ('{"nbformat": 3}', 2, "format 3"),
        ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}', 3, "Nothing to prove"),
    ],
)
def test_other_exit_codes_are_as_documented(tmp_path: Path, content: str, code: int, told: str) -> None:
    (tmp_path / "n.ipynb").write_text(content)
    done = run("verify", "n.ipynb", env=bare_environment(tmp_path), cwd=tmp_path)
    assert done.returncode == code
    assert told in done.stdout + done.stderr


def test_a_run_ends_with_its_proof_and_no_verify_leaves_it_out(serve: Serve, tmp_path: Path) -> None:
    server = serve(python("print('sum', 1 + 3)"), "It is 4.", python("print('sum', 1 + 3)"), "It is 4.")
    done = run("run", "Add.", "--out", "a.ipynb", env=server.environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 0
    assert "Proved: 1 cell ran again in a fresh sandboxed kernel" in done.stdout
    nbformat.validate(nbformat.read(tmp_path / "a.ipynb", as_version=4))
    assert json.loads((tmp_path / "a.ipynb").read_text())["metadata"]["codeagent"]["proof"]["verdict"] == "proved"
    done = run("run", "Add.", "--out", "b.ipynb", "--no-verify", env=server.environment(tmp_path), cwd=tmp_path)
    assert "Proved" not in done.stdout
    assert "proof" not in (tmp_path / "b.ipynb").read_text()


def test_a_run_whose_result_is_chance_says_so_and_ends_well(serve: Serve, tmp_path: Path) -> None:
    server = serve(python("import random\nprint(random.random())"), "A number.")
    done = run("run", "Draw.", "--out", "a.ipynb", env=server.environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 0
    assert "Differs: 1 of 1 cell, by unseeded random." in done.stdout


def test_a_run_with_a_failed_attempt_is_proved_without_it(serve: Serve, tmp_path: Path) -> None:
    server = serve(python("x = [1]\nx.append(2)\nundefined"), python("x = [5]\nprint(x)"), "Five.")
    done = run("run", "List.", "--out", "a.ipynb", env=server.environment(tmp_path), cwd=tmp_path)
    assert "Proved: 1 cell" in done.stdout, done.stdout


async def test_trim_writes_another_notebook_or_a_script_and_overwrites_none(tmp_path: Path) -> None:
    await executed(tmp_path / "n.ipynb", ["x = 2", "print('look', x)", "y = x * 21", "print(y)"])
    done = run("trim", "n.ipynb", env=bare_environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "3 cells of code kept, 1 dropped; proved by a replay" in done.stdout
    nbformat.validate(nbformat.read(tmp_path / "n.trimmed.ipynb", as_version=4))
    assert "look" not in (tmp_path / "n.trimmed.ipynb").read_text()
    assert run("trim", "n.ipynb", env=bare_environment(tmp_path), cwd=tmp_path).returncode == 2
    done = run("trim", "n.ipynb", "--script", "-o", "s.py", env=bare_environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "print(y)" in (tmp_path / "s.py").read_text()
