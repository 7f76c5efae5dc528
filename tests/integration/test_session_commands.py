"""`%agent sessions`, `resume`, `fork`, `rename`, `delete` in a notebook, and their like on the command line."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest

from codeagent_nb.session.finding import sessions_in
from tests.integration.scripted_server import Serve
from tests.integration.test_notebook_magic import LOAD, Execute, data, execute, model, python, texts
from tests.support.command_line import run

__all__ = ["execute"]

pytestmark = pytest.mark.integration


def test_after_a_restart_the_notebook_offers_its_session_and_goes_on(
    execute: Execute,
    tmp_path: Path,
) -> None:
    first = execute(
        model(python("clean = [given, 2, 3]"), "Cleaned.") + "\ngiven = 1", "%%agent -m replay -i given\nClean it."
    )
    assert "An earlier session" not in texts(first.cells[0])
    assert len(sessions_in(tmp_path)) == 1
    again = execute(
        model(python("print('sum', sum(clean))"), "Six."),
        "%agent resume",
        "%%agent -m replay\nNow the sum.",
        "%agent history",
        "print(len(replay.create_calls[0].messages) > 4, 'Clean it.' in str(replay.create_calls[0].messages))",
    )
    assert texts(again.cells[0]) == ("An earlier session of this notebook is here: %agent resume goes on with it.\n")
    assert {"text/plain": "sum 6\n"} in data(again.cells[2])
    assert "  1  succeeded " in texts(again.cells[3])
    assert "  2  succeeded " in texts(again.cells[3])
    assert texts(again.cells[4]) == "True True\n"
    assert [one.tasks for one in sessions_in(tmp_path)] == [("Clean it.", "Now the sum.")]


def test_the_line_after_going_on_has_the_session_and_a_program_hears_of_it(execute: Execute) -> None:
    """The next line came first, and found no session; a program that executes the notebook saw nothing of a failure."""
    execute(model(python("clean = [1, 2, 3]"), "Cleaned."), "%%agent -m replay\nClean it.")
    notebook = execute(
        LOAD,
        "%agent resume\n%agent pull clean\nprint('have', clean)",
        "%agent resume nothing of that name\nprint('not reached')",
        "%agent fork 9\nprint('not reached')",
        "%agent pull clean\nprint('still', clean)",
    )
    assert "(1 task). 1 cell of code ran again." in texts(notebook.cells[1])
    assert "have [1, 2, 3]" in texts(notebook.cells[1])
    assert "there is no session 'nothing of that name'" in texts(notebook.cells[2])
    assert "there is no task 9 in this session: it has 1 task" in texts(notebook.cells[3])
    assert "not reached" not in texts(notebook.cells[2]) + texts(notebook.cells[3])
    assert "still [1, 2, 3]" in texts(notebook.cells[4])


def test_a_fork_and_a_name_and_a_list(execute: Execute, tmp_path: Path) -> None:
    show = python("print('x is', x)")
    notebook = execute(
        model(python("x = 1"), "One.", python("x = 2"), "Two.", show, "So."),
        "%%agent -m replay\nSet one.",
        "%%agent -m replay\nSet two.",
        "%agent rename 'both of them'",
        "%agent fork 1",
        "%%agent -m replay\nShow it.",
        "%agent sessions",
        "%agent delete 'both of them'",
        "%agent delete study",
        "%agent fork x",
        "%agent rename",
        "%agent resume nothing of that name",
    )
    assert {"text/plain": "x is 1\n"} in data(notebook.cells[5])
    listed = texts(notebook.cells[6]).splitlines()
    assert re.fullmatch(r"  1\* study-[\d-]+  20\d\d-\d\d-\d\d \d\d:\d\d, 2 tasks", listed[0])
    assert listed[1].strip() == "Show it."
    assert re.fullmatch(r"  2  both of them  .*, 2 tasks", listed[2])
    assert texts(notebook.cells[7]) == "both of them is deleted. Files that its code made are where they were.\n"
    assert "is open, here or in another notebook: end it first" in texts(notebook.cells[8])
    assert "say what this session is to be called" in texts(notebook.cells[10])
    assert len(sessions_in(tmp_path)) == 1


def test_what_was_planted_does_not_keep_the_extension_from_loading(
    execute: Execute,
    tmp_path: Path,
) -> None:
    (tmp_path / ".codeagent").symlink_to("/")
    notebook = execute(f"{LOAD}model = ReplayChatCompletionClient(['x'])", "%agent sessions", "%%agent -m model\nx")
    assert notebook.cells[0].outputs == []
    for cell in notebook.cells[1:]:
        assert "it is a symbolic link. Remove it, or choose another folder" in texts(cell)


# The command line


def test_the_command_line_goes_on_with_a_notebook_where_it_lies(serve: Serve, tmp_path: Path) -> None:
    server = serve(python("x = 20\nprint(x)"), "Set.", python("print('twice', 2 * x)"), "It is 40.")
    environment = server.environment(tmp_path)
    first = run("run", "Set x.", "--out", "work/study.ipynb", env=environment, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == [".codeagent", "study.ipynb"]
    again = run("run", "Twice x.", "--continue", "work/study.ipynb", env=environment, cwd=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "1 cell of code ran again." in again.stdout
    assert "twice 40" in again.stdout
    assert "Set x." in json.dumps(server.requests[-1]["messages"])
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == [".codeagent", "study.ipynb"]
    notebook = nbformat.read(tmp_path / "work" / "study.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert [cell.source.splitlines()[-1] for cell in notebook.cells if cell.source.startswith("## Task")] == [
        "Set x.",
        "Twice x.",
    ]
    listed = run("sessions", "work", env=environment, cwd=tmp_path)
    assert re.search(r"1  study-[\d-]+  .*, 2 tasks\n +Twice x\.", listed.stdout)


def test_a_notebook_that_was_changed_or_sent_stays_as_it_is(serve: Serve, tmp_path: Path) -> None:
    server = serve(
        python("x = 20\nprint(x)"), "Set.", *(python("print('twice', 2 * x)"), "It is 40."), python("print(x)"), "Yes."
    )
    environment = server.environment(tmp_path)
    assert run("run", "Set x.", "--out", "mine/study.ipynb", env=environment, cwd=tmp_path).returncode == 0
    (tmp_path / "theirs").mkdir()
    shutil.copy(tmp_path / "mine" / "study.ipynb", tmp_path / "theirs")
    sent = (tmp_path / "theirs" / "study.ipynb").read_bytes()
    done = run("run", "Twice x.", "--continue", "theirs/study.ipynb", env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "twice 40" in done.stdout
    assert (tmp_path / "theirs" / "study.ipynb").read_bytes() == sent
    [other] = [path for path in (tmp_path / "theirs").glob("*.ipynb") if path.name != "study.ipynb"]
    assert str(other) in done.stdout.replace("\n", "")
    path = tmp_path / "mine" / "study.ipynb"
    path.write_text(path.read_text().replace("x = 20", "x = 21"))
    changed = path.read_bytes()
    done = run("run", "Show x.", "--continue", str(path), env=environment, cwd=tmp_path)
    assert "21" in done.stdout, "what stands in the notebook is what it goes on from"
    assert path.read_bytes() == changed


def test_what_goes_on_may_be_saved_in_another_folder(serve: Serve, tmp_path: Path) -> None:
    server = serve(python("x = 20\nprint(x)"), "Set.", python("print('twice', 2 * x)"), "It is 40.")
    environment = server.environment(tmp_path)
    assert run("run", "Set x.", "--out", "one/study.ipynb", env=environment, cwd=tmp_path).returncode == 0
    before = (tmp_path / "one" / "study.ipynb").read_bytes()
    more = ("--continue", "one/study.ipynb", "--out", "two/more.ipynb")
    done = run("run", "Twice x.", *more, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "twice 40" in (tmp_path / "two" / "more.ipynb").read_text()
    assert (tmp_path / "one" / "study.ipynb").read_bytes() == before


def test_what_cannot_be_gone_on_with_is_exit_2_and_a_word(serve: Serve, tmp_path: Path) -> None:
    environment = serve("x").environment(tmp_path)
    for name, said in (("none.ipynb", "there is no notebook"), ("none", "there are no sessions in")):
        done: subprocess.CompletedProcess[str] = run("run", "x", "--continue", name, env=environment, cwd=tmp_path)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert run("sessions", env=environment, cwd=tmp_path).stdout == "No sessions here yet.\n"
