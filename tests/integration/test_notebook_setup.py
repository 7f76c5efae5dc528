"""Which files the agent sees and which model it has, where no card can be shown: notebooks run by programs, IPython."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

from tests.integration.scripted_server import bare_environment

pytestmark = pytest.mark.integration

EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True).execute()
nbformat.write(notebook, sys.argv[1])
"""
LOAD = "%load_ext codeagent_nb\nfrom codeagent_nb import ReplayChatCompletionClient\n"

Execute = Callable[..., list[str]]


def python(code: str) -> str:
    return f"I write code.\n\n```python\n{code}\n```"


LIST = python("import glob; print(sorted(glob.glob('*.csv')))")
WHERE = python("import os; print('at', os.getcwd())")


def model(*replies: str) -> str:
    return f"{LOAD}replay = ReplayChatCompletionClient({list(replies)!r})"


def shown(cell: Any) -> str:
    return "\n".join(str(output.get("text") or output.get("evalue") or dict(output.data)) for output in cell.outputs)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    (folder / "projects").mkdir(parents=True)
    (folder / "penguins.csv").write_text("species,mass\nAdelie,3700\n")
    (folder / "projects" / "other.csv").write_text("a\n1\n")
    return folder


def environment(home: Path) -> dict[str, str]:
    bare = bare_environment(home)
    return {**bare, "HOME": str(home), "IPYTHONDIR": str(home / ".ipython"), "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture
def execute(home: Path) -> Execute:
    """Execute cells in a kernel that was started in the home folder; give what is under each."""

    def run(*sources: str) -> list[str]:
        path = home / "study.ipynb"
        nbformat.write(v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources]), path)
        command = [sys.executable, "-c", EXECUTE, str(path)]
        done = subprocess.run(
            command, cwd=home, env=environment(home), capture_output=True, text=True, check=False, timeout=110
        )
        assert done.returncode == 0, done.stderr
        return [shown(cell) for cell in nbformat.read(path, as_version=4).cells]

    return run


def test_in_the_home_folder_the_notice_says_what_to_do_once(execute: Execute) -> None:
    _, first, second = execute(
        model(LIST, "Nothing.", LIST, "Nothing."), "%%agent -m replay\nWhat is here?", "%%agent -m replay\nAgain."
    )
    for part in ("sees none of your files", "your home folder", "%agent folder PATH", "%%agent -f data.csv"):
        assert part in first
        assert part not in second
    assert "penguins.csv" not in first


def test_a_file_that_is_named_is_copied_and_described_and_one_in_a_later_task_too(execute: Execute) -> None:
    _, first, second, prompts, _ = execute(
        model(LIST, "One.", LIST, "Two."),
        "%%agent -m replay -f penguins.csv\nWhat is here?",
        "%%agent -m replay --file ~/projects/other.csv\nAnd now?",
        "print(*(m.content for m in replay.create_calls[-1].messages))",
        "%%agent -m replay -f nowhere.csv\nAnd now?",
    )
    assert "['penguins.csv']" in first
    assert "with copies of penguins.csv" in first
    assert "none of your files" not in first
    assert "['other.csv', 'penguins.csv']" in second
    assert "'mass': int64" in prompts
    assert "'a': int64" in prompts


def test_a_file_that_is_not_there_is_told_before_anything_runs(execute: Execute, home: Path) -> None:
    _, refused = execute(model("x"), "%%agent -m replay -f nowhere.csv\nGo.")
    assert "there is no such file" in refused
    assert not list(home.glob("codeagent-*"))


@pytest.mark.parametrize("change", ["%config CodeAgent.folder = 'projects'", "%agent folder projects"])
def test_another_folder_counts_from_the_next_task_on_and_a_new_kernel_is_said(
    execute: Execute, home: Path, change: str
) -> None:
    kept = python("kept = 1")
    lost = python("import glob, os; print(os.getcwd(), 'kept' in globals(), glob.glob('*.csv'))")
    _, before, _, _, changed, again = execute(
        model(kept, "Kept.", lost, "Lost.", WHERE, "There."),
        "%%agent -m replay\nKeep something.",
        change,
        "%agent folder",
        "%%agent -m replay -r 0\nWhere are you?",
        "%%agent -m replay\nStill there?",
    )
    assert "Another folder was chosen" not in before
    assert f"{home / 'projects'} False ['other.csv']" in changed
    assert "Another folder was chosen" in changed
    assert "is saved as" in changed
    assert f"at {home / 'projects'}" in again
    assert "Another folder" not in again


def test_a_folder_that_is_chosen_before_the_first_task_is_just_used(execute: Execute, home: Path) -> None:
    _, said, task, told = execute(
        model(WHERE, "There."), "%agent folder ~/projects", "%%agent -m replay\nWhere?", "%agent folder"
    )
    assert f"The next task works in {home / 'projects'}." in said
    assert f"at {home / 'projects'}" in task
    assert "Another folder" not in task
    assert "sees none of your files" not in task
    assert f"The agent works in {home / 'projects'}." in told


def test_the_folder_that_is_worked_in_may_be_chosen_and_nothing_is_lost(execute: Execute) -> None:
    _, _, _, _, same = execute(
        model(python("kept = 1"), "Kept.", python("print('still', kept)"), "Yes."),
        "import os; os.chdir('projects')",
        "%%agent -m replay\nKeep something.",
        "%config CodeAgent.folder = '.'",
        "%%agent -m replay\nIs it there?",
    )
    assert "still 1" in same


@pytest.mark.parametrize("path", ["~", "/", "nowhere", "penguins.csv"])
def test_a_folder_that_cannot_be_is_refused_and_nothing_changes(execute: Execute, path: str) -> None:
    _, refused, told = execute("%load_ext codeagent_nb", f"%agent folder {path}", "print(get_ipython().configurables)")
    assert "%agent folder: " in refused
    assert "codeagent_nb" in told


def test_without_a_model_the_ways_are_told_with_commands_for_cells(execute: Execute, home: Path) -> None:
    _, nothing, named = execute("%load_ext codeagent_nb", "%%agent\nGo.", "%%agent -m qwen\nGo.")
    for part in ("No model is configured.", "-m codeagent_nb model fetch", "getpass", "localhost:11434/v1"):
        assert part in nothing
    assert "Model 'qwen' is named, but no server is." in named
    assert "-m codeagent_nb model fetch" in named
    assert not list(home.glob("codeagent-*")), "no folder is made for a task that cannot begin"


def test_in_ipythons_terminal_the_same_is_said(home: Path) -> None:
    script = home / "script.ipy"
    script.write_text(
        f"{model(LIST, 'Nothing.')}\nget_ipython().run_cell_magic('agent', '-m replay', 'What is here?')\n"
        "get_ipython().run_cell_magic('agent', '', 'Go.')\n"
    )
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=nocolor", str(script)]
    done = subprocess.run(
        command, cwd=home, env=environment(home), capture_output=True, text=True, check=False, timeout=110
    )
    said = " ".join((done.stdout + done.stderr).split())
    assert "sees none of your files" in said
    assert "%agent folder PATH" in said
    assert "No model is configured." in said
    assert "-m codeagent_nb model fetch" in said
