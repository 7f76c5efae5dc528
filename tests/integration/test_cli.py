"""The command line as scripts and people use it: a real process, a real kernel, a scripted server on loopback."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from tests.integration.scripted_server import KEY, Serve, bare_environment
from tests.support.command_line import COMMAND, python, run

pytestmark = pytest.mark.integration


def test_a_task_ends_with_exit_0_a_readable_story_and_a_valid_notebook(serve: Serve, tmp_path: Path) -> None:
    table = tmp_path / "given" / "table.csv"
    table.parent.mkdir()
    table.write_text("a,b\n1,2\n3,4\n")
    server = serve(python("print('sum', 1 + undefined)"), python("print('sum', 1 + 3)"), "The sum is 4.")
    done = run(
        "run",
        "Add up a.",
        "--file",
        str(table),
        "--out",
        "work/study.ipynb",
        env=server.environment(tmp_path),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for told in ("Add up a.", "NameError", "sum 4", "The sum is 4.", "2 tries", "study.ipynb"):
        assert told in done.stdout
    notebook = nbformat.read(tmp_path / "work" / "study.ipynb", as_version=4)
    nbformat.validate(notebook)
    kinds = [cell.cell_type for cell in notebook.cells]
    assert kinds == ["markdown", "markdown", "markdown", "code", "markdown", "markdown"], "the last is the proof"
    assert "Proved: 1 cell ran again" in done.stdout
    assert "'a'" in json.dumps(server.requests[0]["messages"]), "the prompt names the columns"
    assert (tmp_path / "work" / "table.csv").read_text() == table.read_text()
    saved = "".join(path.read_text() for path in (tmp_path / "work").glob("study*"))
    assert KEY not in saved + done.stdout + done.stderr


def test_code_that_never_runs_through_gives_exit_1(serve: Serve, tmp_path: Path) -> None:
    server = serve(python("1/0"), "It failed.")
    done = run(
        "run", "Divide.", "--max-retries", "0", "--out", "a.ipynb", env=server.environment(tmp_path), cwd=tmp_path
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stdout


def test_without_any_model_one_message_says_the_three_ways_to_get_one(tmp_path: Path) -> None:
    done = run("run", "Anything.", env=bare_environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 4
    for way in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "codeagent-nb model fetch"):
        assert way in done.stderr
    assert not list(tmp_path.glob("*.ipynb")), "nothing was begun"


def test_unsandboxed_code_is_refused_where_nobody_can_be_asked(serve: Serve, tmp_path: Path) -> None:
    server = serve(python("open('trace', 'w')"))
    done = run("run", "x", "--sandbox", "none", "--out", "a.ipynb", env=server.environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 3
    assert "--yes" in done.stderr
    assert not (tmp_path / "trace").exists()
    nbformat.validate(nbformat.read(tmp_path / "a.ipynb", as_version=4))


def test_yes_waives_the_question_and_says_so_loudly(serve: Serve, tmp_path: Path) -> None:
    server = serve(python("print(6 * 7)"), "42")
    done = run(
        "run", "x", "--sandbox", "none", "--yes", "--out", "a.ipynb", env=server.environment(tmp_path), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "WITHOUT A SANDBOX" in done.stdout


def test_an_earlier_notebook_is_never_overwritten(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text("mine")
    done = run("run", "x", "--out", "a.ipynb", env=serve().environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert "a.ipynb" in done.stderr
    assert (tmp_path / "a.ipynb").read_text() == "mine"


def test_in_the_home_folder_a_new_folder_is_worked_in(serve: Serve, tmp_path: Path) -> None:
    server = serve(python("print(6 * 7)"), "42")
    environment = server.environment(tmp_path)
    done = run("run", "x", "--out", "a.ipynb", env=environment, cwd=Path(environment["HOME"]))
    assert done.returncode == 0, done.stderr
    [notebook] = Path(environment["HOME"]).glob("codeagent-*/a.ipynb")
    assert str(notebook) in done.stdout


def test_two_runs_at_once_never_share_a_notebook(serve: Serve, tmp_path: Path) -> None:
    server = serve("One.", "Two.")
    environment = server.environment(tmp_path)
    command = [*COMMAND, "run", "x", "--out", "a.ipynb"]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    both = [subprocess.Popen(command, env=environment, cwd=tmp_path, **quiet) for _ in range(2)]  # type: ignore[call-overload]
    assert sorted(process.wait(timeout=60) for process in both) == [0, 2]


def test_a_reader_that_goes_away_does_not_end_the_run(serve: Serve, tmp_path: Path) -> None:
    server = serve(python("print('made', open('made.txt', 'w').write('x'))"), "Done.")
    process = subprocess.Popen(
        [*COMMAND, "run", "x", "--out", "a.ipynb"],
        env=server.environment(tmp_path),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.close()
    with process:
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, b"")
    assert (tmp_path / "made.txt").exists()
    assert "Done." in (tmp_path / "a.ipynb").read_text()


def test_a_session_that_never_began_does_not_keep_the_name(serve: Serve, tmp_path: Path) -> None:
    environment = serve("Fine.").environment(tmp_path)
    environment["PATH"] = str(tmp_path)
    done = run("run", "x", "--out", "a.ipynb", "--sandbox", "bubblewrap", env=environment, cwd=tmp_path)
    assert done.returncode == 5, done.stderr
    assert "bubblewrap is not installed" in done.stderr
    assert not (tmp_path / "a.ipynb").exists()
    assert not list(tmp_path.glob(".codeagent/sessions/*"))


def test_an_empty_task_is_refused_before_anything_is_made(serve: Serve, tmp_path: Path) -> None:
    done = run("run", "  ", "--out", "a.ipynb", env=serve().environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert "task is empty" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_named(serve: Serve, tmp_path: Path) -> None:
    done = run("run", "x", "--file", "nowhere.csv", env=serve().environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert "nowhere.csv" in done.stderr


def test_a_server_that_is_gone_gives_exit_4_and_keeps_the_notebook(serve: Serve, tmp_path: Path) -> None:
    server = serve()
    environment = server.environment(tmp_path)
    server.http.server_close()
    done = run("run", "x", "--out", "a.ipynb", env=environment, cwd=tmp_path)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "127.0.0.1" in done.stderr
    nbformat.validate(nbformat.read(tmp_path / "a.ipynb", as_version=4))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_stops_the_code_keeps_the_notebook_and_leaves_no_process(
    serve: Serve, tmp_path: Path, number: int
) -> None:
    server = serve(python("import time\nprint('begun', flush=True)\ntime.sleep(60)\nopen('late.txt', 'w')"))
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # `nohup` may run the tests
    process = subprocess.Popen(
        [*COMMAND, "run", "Sleep.", "--out", "a.ipynb"],
        env=server.environment(tmp_path) | {"PYTHONUNBUFFERED": "1"},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    signal.signal(signal.SIGHUP, before)
    with process:
        out, err = interrupt_once_begun(process, number)
    assert process.returncode == 130, out + err
    notebook = nbformat.read(tmp_path / "a.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert "begun" in json.dumps(notebook.cells)
    assert not (tmp_path / "late.txt").exists()
    assert not processes_in(tmp_path)


def interrupt_once_begun(process: subprocess.Popen[str], number: int) -> tuple[str, str]:
    """Send a signal when the code has printed; return what the process said."""
    assert process.stdout
    while "begun" not in process.stdout.readline().split():
        assert process.poll() is None
    os.killpg(process.pid, number)  # as a terminal does: the whole foreground group
    started = time.monotonic()
    told = process.communicate(timeout=30)
    assert time.monotonic() - started < 10
    return told


def processes_in(folder: Path) -> list[str]:
    """Processes whose working folder is this one."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if link.resolve(strict=True).is_relative_to(folder):
                found.append(link.parent.name)
        except OSError:
            continue
    return found


def test_the_model_path_is_printed_for_scripts_or_its_absence_explained(tmp_path: Path) -> None:
    done = run("model", "path", env=bare_environment(tmp_path), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert "codeagent-nb model fetch" in done.stderr
    gguf = tmp_path / "any.gguf"
    gguf.write_bytes(b"GGUF" + bytes(20))
    done = run("model", "path", env=bare_environment(tmp_path) | {"CODEAGENT_MODEL_PATH": str(gguf)}, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{gguf}\n")


def test_the_doctor_names_what_is_missing_and_the_command_that_fixes_it(tmp_path: Path) -> None:
    done = run("doctor", env=bare_environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 1, "without a model there is something to mend"
    for what in ("Python", "bytecode", "kernel", "sandbox", "model"):
        assert what in done.stdout
    assert "codeagent-nb model fetch" in " ".join(done.stdout.replace("│", " ").split())


@pytest.mark.parametrize("arguments", [[], ["run"], ["demo"], ["doctor"], ["model"], ["model", "fetch"]])
def test_every_command_has_a_help_worth_reading(arguments: list[str], tmp_path: Path) -> None:
    done = run(*arguments, "--help", env=bare_environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 0
    assert len(done.stdout.split()) > 20


def test_a_terminal_of_another_encoding_ends_no_command() -> None:
    command = [sys.executable, "-m", "codeagent_nb", "model", "list"]
    environment = {**os.environ, "PYTHONIOENCODING": "gbk", "COLUMNS": "80"}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "local" in done.stdout.decode("gbk")
    environment["PYTHONIOENCODING"] = "ascii"
    assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0


def test_a_budget_that_is_used_up_gives_exit_6_and_keeps_the_notebook(serve: Serve, tmp_path: Path) -> None:
    server = serve(python("print('sum', 1 + 3)"), "never asked for")
    environment = server.environment(tmp_path)
    done = run(
        "run", "Add.", "--budget", "tokens=300", "--out", "a.ipynb", "--no-verify", env=environment, cwd=tmp_path
    )
    assert done.returncode == 6, done.stdout + done.stderr
    assert "sum 4" in done.stdout
    assert "the budget of this run is used up:" in " ".join(done.stdout.split())
    assert "of 300 tokens, and the next prompt has about" in " ".join(done.stdout.split())
    assert len(server.requests) == 1
    notebook = nbformat.read(tmp_path / "a.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert "sum 4" in json.dumps(notebook.cells)
    assert "used up" in json.dumps(notebook.cells)


def test_a_session_that_is_gone_on_with_has_used_what_it_had_used(serve: Serve, tmp_path: Path) -> None:
    server = serve("One.", "Two.", "never asked for")
    environment = server.environment(tmp_path)
    for expected, *more in ((0,), (6, "--continue", "a.ipynb")):
        options = ["--session-budget", "tokens=250", *(more or ["--out", "a.ipynb"])]
        done = run("run", "Count.", *options, "--no-verify", env=environment, cwd=tmp_path)
        assert done.returncode == expected, done.stdout + done.stderr
    assert "the budget of this session is used up:" in " ".join(done.stdout.split())
    assert len(server.requests) == 1


def test_a_budget_of_money_needs_a_price(serve: Serve, tmp_path: Path) -> None:
    server = serve("One.")
    environment = server.environment(tmp_path)
    refused = run("run", "x", "--budget", "cost=0.5", "--out", "a.ipynb", env=environment, cwd=tmp_path)
    assert refused.returncode == 2
    assert "what 'scripted' at 127.0.0.1 costs is not known" in refused.stderr
    assert "--price 0.40/1.60" in refused.stderr
    assert not server.requests
    done = run(
        "run", "x", "--budget", "cost=0.5", "--price", "100/100", "--out", "b.ipynb", env=environment, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " $0.0" in done.stdout, "the closing line says what it cost"


@pytest.mark.parametrize(("option", "text"), [("--budget", "20000"), ("--session-budget", "x=1"), ("--price", "1")])
def test_a_budget_that_cannot_be_read_is_a_wrong_argument(option: str, text: str, tmp_path: Path) -> None:
    done = run("run", "x", option, text, env=bare_environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert f"Invalid value for {option}" in done.stderr
    assert "write" in done.stderr


def test_what_was_sent_is_listed_and_shown(serve: Serve, tmp_path: Path) -> None:
    server = serve([python("print('Heaviest:', 4711)")])
    environment = server.environment(tmp_path)
    done = run("run", "Weigh.", "--privacy", "schema", "--out", "a.ipynb", "--no-verify", env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "schema only to this machine" in done.stdout
    assert "Heaviest: 4711" in done.stdout
    listed = run("sent", env=environment, cwd=tmp_path)
    assert "1 request to this machine" in listed.stdout
    shown = run("sent", "a.ipynb", "--request", "1", env=environment, cwd=tmp_path)
    assert "--- user\nWeigh." in shown.stdout
    assert "The data is private." in shown.stdout
    assert run("sent", "-n", "2", env=environment, cwd=tmp_path).returncode == 2
