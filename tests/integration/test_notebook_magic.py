"""`%%agent` where no browser is: executed by nbclient, nbconvert and papermill, and in IPython's terminal."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbformat import v4

pytestmark = pytest.mark.integration

LOAD = "%load_ext codeagent_nb\nfrom codeagent_nb import ReplayChatCompletionClient\n"


def python(code: str) -> str:
    return f"I write code.\n\n```python\n{code}\n```"


def model(*replies: str, chunk_delay: float = 0.0) -> str:
    return f"{LOAD}replay = ReplayChatCompletionClient({list(replies)!r}, chunk_delay={chunk_delay})"


EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
try:
    client = NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=sys.argv[2] == "all")
    client.create_kernel_manager().shutdown_wait_time = 60  # beside other tests it takes longer than the usual 5 s
    client.execute()
finally:
    nbformat.write(notebook, sys.argv[1])
"""

PATIENT = "import codeagent_nb.notebook.magic_commands as commands\ncommands.EXIT_GRACE = 60"
"""A last cell: beside other tests the end of a session takes longer than Jupyter usually allows."""

Execute = Callable[..., Any]


@pytest.fixture
def execute(tmp_path: Path) -> Execute:
    """Execute cells in a fresh kernel, in a folder of its own; give the notebook."""

    def run(*sources: str, errors: str = "all") -> Any:
        path = tmp_path / "study.ipynb"
        nbformat.write(v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources]), path)
        command = [sys.executable, "-c", EXECUTE, str(path), errors]
        environment = {**os.environ, "JPY_SESSION_NAME": str(path)}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=110
        )
        assert done.returncode == 0 or errors != "all", done.stderr
        return nbformat.read(path, as_version=4)

    return run


def data(cell: Any) -> list[dict[str, Any]]:
    return [dict(output.data) for output in cell.outputs if output.output_type == "display_data"]


def texts(cell: Any) -> str:
    return "\n".join(str(output.get("text") or output.get("evalue") or dict(output.data)) for output in cell.outputs)


def error(cell: Any) -> Any:
    [found] = [output for output in cell.outputs if output.output_type == "error"]
    return found


def test_a_task_is_told_whole_under_its_cell_and_saved(execute: Execute, tmp_path: Path) -> None:
    plot = "import matplotlib.pyplot as plt\nprint(6 * 7)\nplt.plot([1, 2]); plt.show()"
    notebook = execute(model(python("1 / 0"), python(plot), "It is **42**."), "%%agent -m replay\nMultiply.", PATIENT)
    nbformat.validate(notebook)
    cell = notebook.cells[1]
    assert {"text/plain": "42\n"} in data(cell)
    assert any("image/png" in bundle for bundle in data(cell))
    assert "Attempt 1 failed: ZeroDivisionError" in texts(cell)
    assert "<strong>42</strong>" in texts(cell)
    assert re.search(r"2 tries · \d+ tokens · [\d.]+ s", texts(cell))
    assert not any("widget" in mime for bundle in data(cell) for mime in bundle), "nobody is there to click"
    [saved] = tmp_path.glob(".codeagent/sessions/study-*/session.ipynb")
    assert saved.parent.name in texts(cell)
    nbformat.validate(nbformat.read(saved, as_version=4))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".codeagent", "study.ipynb"], "nothing else appears"
    assert not list(saved.parent.glob("data")), "an empty folder is taken away again"


def test_the_session_is_ended_with_its_kernel_however_often_the_loop_is_stopped(
    execute: Execute, tmp_path: Path
) -> None:
    stop = (
        "import asyncio, atexit\nloop = asyncio.get_running_loop()\natexit.register(lambda: loop.call_soon(loop.stop))"
    )
    execute(model(python("print(1)"), "One."), "%%agent -m replay\nPrint one.", stop, PATIENT)
    [journal] = tmp_path.glob(".codeagent/sessions/study-*/journal.jsonl")
    assert not (journal.parent / "data").exists(), "an empty folder is taken away again"


def test_kernel_and_conversation_go_on_until_they_are_reset(execute: Execute) -> None:
    notebook = execute(
        model(python("kept = 'still here'"), "Kept.", python("print(kept)"), "Yes.", python("print(kept)"), "No."),
        "%%agent -m replay\nKeep something.",
        "%%agent -m replay\nIs it there?",
        "[type(message).__name__ for message in replay.create_calls[2].messages]",
        "%agent reset",
        "%%agent -m replay -r 0\nIs it there now?",
    )
    assert "still here" in texts(notebook.cells[2])
    assert notebook.cells[3].outputs[0].data["text/plain"].count("Assistant") == 2
    assert "NameError" in texts(notebook.cells[5])


def test_a_task_is_taken_back_and_the_next_one_waits_for_that(execute: Execute, tmp_path: Path) -> None:
    see = python("print('x' in globals())")
    notebook = execute(
        model(python("x = 1"), "Set.", see, "No."),
        "%agent undo",  # what it says comes when it is done, and nbclient takes no more of that
        "%%agent -m replay\nSet x.",
        "%agent undo",
        "%%agent -m replay\nIs it there?",
        "%agent redo",
        "import asyncio\nawait asyncio.sleep(0.5)",
        "%agent history",
    )
    assert {"text/plain": "False\n"} in data(notebook.cells[4])
    assert "  1  taken back " in texts(notebook.cells[7])
    assert "  2  succeeded " in texts(notebook.cells[7])
    [saved] = tmp_path.glob(".codeagent/sessions/study-*/session.ipynb")
    code = [cell.source for cell in nbformat.read(saved, as_version=4).cells if cell.cell_type == "code"]
    assert code == ["print('x' in globals())"]


def test_loading_names_notebooks_that_would_run_what_failed(execute: Execute, tmp_path: Path) -> None:
    metadata = {"codeagent": {"kind": "code", "attempt": 1, "status": "error"}, "tags": ["codeagent-failed"]}
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("1 / 0", metadata=metadata)]), tmp_path / "an old one.ipynb")
    notebook = execute("%load_ext codeagent_nb")
    said = (
        "Notebooks here have failed code that Run All would run; to quote it: codeagent-nb clean 'an old one.ipynb'\n"
    )
    assert texts(notebook.cells[0]) == said


def test_loading_says_nothing_where_there_are_none(execute: Execute) -> None:
    assert execute("%load_ext codeagent_nb").cells[0].outputs == []


def test_the_task_reaches_the_model_to_the_letter(execute: Execute) -> None:
    body = "Say {this} and $HOME, 'quoted' \"twice\", \\n, >>> 1\n    indented\n\n```\nfenced\n```"
    notebook = execute(
        model("Hello."), f"%%agent -m replay\n{body}", "print(replay.create_calls[0].messages[-1].content)"
    )
    assert notebook.cells[2].outputs[0].text == body + "\n"


def test_variables_are_copied_and_described_exactly(execute: Execute, tmp_path: Path) -> None:
    notebook = execute(
        model(python("print(table.loc['b', 'mass (g)'], config['deep'][0])"), "Done."),
        "import pandas as pd\ntable = pd.DataFrame({'mass (g)': [1.5, None]}, index=['a', 'b'])\n"
        "config = {'deep': [7]}",
        "%%agent -m replay -i table\nLook at @{config}.",
        "print(*(message.content for message in replay.create_calls[0].messages[1:]))",
    )
    assert {"text/plain": "nan 7\n"} in data(notebook.cells[2])
    told = notebook.cells[3].outputs[0].text
    assert "`table` is a pandas.DataFrame with 2 rows and 1 columns" in told
    assert "- 'mass (g)': float64, 1 missing" in told
    assert "`config` is a dict of 1 items: {'deep': [7]}" in told
    [saved] = tmp_path.glob(".codeagent/sessions/study-*/session.ipynb")
    again = [sys.executable, "-c", EXECUTE, str(saved), "none"]
    done = subprocess.run(again, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, "the saved notebook loads the variables again, where it lies"


CANNOT_BE_DONE = {
    "%agent save nowhere.txt": "there is nothing to save yet",  # before any task
    "%%agent -i missing\nx": "there is no variable 'missing'",
    "%%agent -i tabel\nx": "did you mean 'table'",
    "%%agent --nonsense\nx": "unrecognized arguments: --nonsense",
    "%%agent -m replay -i api_key\nx": "named like a key",
    "%%agent -m replay -i Local\nx": "`Local` is defined in this notebook",
    "%%agent -m nonexistent\nx": "Model 'nonexistent' is named, but no server is",
    "%%time\n%%agent -m replay\nx": "must be the first line of its cell",
    "%agent dance": "%agent dance: no such command",
}


def test_what_cannot_be_done_is_said_in_one_line_and_the_next_cell_runs(execute: Execute) -> None:
    setup = model() + "\ntable = 1\napi_key = 'abc'\nclass Local: pass"
    notebook = execute(setup, *(source for cell in CANNOT_BE_DONE for source in (cell, "print('next')")))
    for number, (cell, said) in enumerate(CANNOT_BE_DONE.items()):
        refused, after = notebook.cells[1 + 2 * number : 3 + 2 * number]
        shown = "\n".join(
            str(output.get("text", "")) + "".join(output.get("traceback", [])) for output in refused.outputs
        )
        assert said in shown, cell
        assert "File " not in shown, f"{cell}: no traceback of ours"
        assert after.outputs[0].text == "next\n", cell


def test_a_task_that_uses_its_budget_up_fails_its_cell_and_keeps_what_it_has(execute: Execute) -> None:
    notebook = execute(
        model(python("print('sum', 1 + 3)"), python("print(2)"), "It is 4."),
        '%%agent -m replay --steps 3 --budget "executions=1"\nAdd.',
        "%agent status",
        "%config CodeAgent.session_budget = 'executions=2'",
        "%%agent -m replay\nAnd now?",
        "%%agent -m replay --budget cost=1\nFor money.",
    )
    first, status, _, second, third = notebook.cells[1:]
    assert "sum 4" in texts(first)
    assert "■ budget used up · the budget of this run is used up: 1 of 1 executions. Raise it with --budget" in texts(
        first
    )
    assert error(first).ename == "AgentFailed"
    assert "1 of 1 executions" in error(first).evalue
    assert "cost not known" in str(status.outputs)
    assert "It is 4." in texts(second)
    assert "what ReplayChatCompletionClient costs is not known" in error(third).evalue


def test_a_task_that_fails_fails_its_cell_so_that_run_all_stops(execute: Execute) -> None:
    notebook = execute(
        model(python("1 / 0"), "It cannot be done."),
        "%%agent -m replay -r 0\nTry.",
        "print('not reached')",
        errors="none",
    )
    assert error(notebook.cells[1]).ename == "AgentFailed"
    assert notebook.cells[2].outputs == []


def test_without_a_sandbox_and_a_person_nothing_runs_and_the_flag_is_named(execute: Execute, tmp_path: Path) -> None:
    notebook = execute(
        model(python("open('ran', 'w')"), python("print(6 * 7)"), "It is 42.") + "\n%config CodeAgent.sandbox = 'none'",
        "%%agent -m replay\nWrite a file.",
        "%%agent -m replay -a never\nMultiply.",
    )
    assert "%%agent --approval never" in error(notebook.cells[1]).evalue
    assert not (tmp_path / "ran").exists()
    assert {"text/plain": "42\n"} in data(notebook.cells[2])
    assert "NOT sandboxed" in texts(notebook.cells[2])


def test_what_was_not_saved_is_kept_when_the_notebooks_kernel_ends(
    execute: Execute, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python starts no threads by then: of the file only the folder was made that it was to be kept in."""
    state = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    write = "with open('helper.py', 'w') as file: file.write('x = 1')"
    notebook = execute(model(python(write), "It is there."), "%%agent -m replay\nWrite a module.")
    assert "Not saved: helper.py" in texts(notebook.cells[1])
    [kept] = state.glob("codeagent-nb/not-saved/study-*/helper.py")
    assert kept.read_text() == "x = 1"


def test_only_the_last_attempt_stays_if_that_is_wanted(execute: Execute) -> None:
    replies = (python("print('first')\n1 / 0"), python("print('second')"), "Done.")
    notebook = execute(model(*replies), "%%agent -m replay -k final\nTry.")
    shown = texts(notebook.cells[1])
    assert "second" in shown
    assert "first\\n" not in shown


def test_settings_of_the_notebook_and_arguments_of_the_cell(execute: Execute) -> None:
    notebook = execute(
        model(python("import time; time.sleep(30)"), "Too slow.", python("print(6 * 7)"), "Fine."),
        "%config CodeAgent.model = 'replay'\n%config CodeAgent.timeout = 0.5\n%config CodeAgent.retries = 0",
        "%%agent\nSleep.",
        "%%agent -t 20\nMultiply.",
        "%agent status",
        "%agent history",
        "%agent save copy.ipynb",
        "%unload_ext codeagent_nb",
        "%%agent\nAnybody?",
    )
    assert "time limit" in texts(notebook.cells[2])
    assert {"text/plain": "42\n"} in data(notebook.cells[3])
    assert "2 tasks" in texts(notebook.cells[4])
    assert re.search(r"1  failed .*\n +Sleep\.\n +2  succeeded", texts(notebook.cells[5]))
    assert "Saved as" in texts(notebook.cells[6])
    assert "`%%agent` not found" in texts(notebook.cells[8])


@pytest.mark.parametrize("tool", ["nbconvert", "papermill"])
def test_programs_that_execute_notebooks_take_it_as_any_cell(tool: str, tmp_path: Path) -> None:
    cells = [model(python("print(6 * 7)"), "It is 42."), "%%agent -m replay\nMultiply."]
    path, out = tmp_path / "study.ipynb", tmp_path / "out.ipynb"
    notebook = v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    arguments = {
        "nbconvert": ["--to", "notebook", "--execute", "--output", out.name, str(path)],
        "papermill": ["--no-progress-bar", str(path), str(out)],
    }
    command = [sys.executable, "-m", tool, *arguments[tool]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr
    executed = nbformat.read(out, as_version=4)
    assert {"text/plain": "42\n"} in data(executed.cells[1])
    assert len(out.read_text()) < 100_000, "no widget is saved with it"


class Ipython:
    """IPython on a terminal of its own."""

    def __init__(self, folder: Path) -> None:
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            environment = {**os.environ, "IPYTHONDIR": str(folder / "ipython"), "TERM": "dumb", "COLUMNS": "120"}
            command = [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor"]
            os.execve(sys.executable, command, environment)
        self.shown = ""

    def read_until(self, text: str, count: int = 1) -> None:
        deadline = time.monotonic() + 60
        while self.shown.count(text) < count:
            came, _, _ = select.select([self.master], [], [], max(0.0, deadline - time.monotonic()))
            assert came, f"{text!r} did not come: {self.shown!r}"
            self.shown += os.read(self.master, 4096).decode(errors="replace")

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.master)


@pytest.fixture
def ipython(tmp_path: Path) -> Iterator[Ipython]:
    terminal = Ipython(tmp_path)
    terminal.read_until("In [1]:")
    yield terminal
    terminal.close()


@pytest.mark.timing
def test_in_ipythons_terminal_it_prints_and_ctrl_c_stops_it(ipython: Ipython, tmp_path: Path) -> None:
    replies = [python("print(6 * 7)"), "It is 42.", python("import time\nprint('begun', flush=True)\ntime.sleep(60)")]
    ipython.type("%load_ext codeagent_nb\nfrom codeagent_nb import ReplayChatCompletionClient\n")
    ipython.type(f"replay = ReplayChatCompletionClient({replies!r})\n")
    ipython.read_until("In [4]:")
    ipython.type("%%agent -m replay\nMultiply.\n\n\n")
    ipython.read_until("It is 42.", count=2)
    ipython.read_until("In [5]:")
    ipython.type("%%agent -m replay\nSleep.\n\n\n")
    ipython.read_until("begun", count=3)
    started = time.monotonic()
    ipython.type("\x03")
    ipython.read_until("Stopped:")
    assert time.monotonic() - started < 3
    ipython.type("print('al' + 'ive')\n")
    ipython.read_until("alive")
    ipython.type("%agent reset\n")
    ipython.read_until("Conversation cleared")


def test_a_folder_that_cannot_be_used_is_named_with_the_setting(execute: Execute, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    notebook = execute(model("Hello."), "%config CodeAgent.folder = 'file'", "%%agent -m replay\nHello.")
    assert "file" in error(notebook.cells[2]).evalue
    assert "%config CodeAgent.folder" in error(notebook.cells[2]).evalue
    assert len(error(notebook.cells[2]).traceback) == 1


def test_a_session_whose_folder_was_removed_does_not_spoil_the_next(execute: Execute) -> None:
    notebook = execute(
        model("One.", "Two.") + "\nimport os, shutil; os.makedirs('sub')\n%config CodeAgent.folder = 'sub'",
        "%%agent -m replay\nFirst.",
        "shutil.rmtree('sub'); os.makedirs('sub')\n%agent reset",
        "%%agent -m replay\nSecond.",
    )
    assert "Two." in texts(notebook.cells[3])


def test_a_task_on_the_agents_line_is_no_task(execute: Execute) -> None:
    notebook = execute(model(), "%%agent What is 2 + 2?")
    assert "below the %%agent line" in texts(notebook.cells[1])


def test_executed_by_a_program_a_background_task_is_waited_for(execute: Execute) -> None:
    notebook = execute(model(python("print(6 * 7)"), "It is 42."), "%%agent -m replay --bg\nMultiply.")
    assert {"text/plain": "42\n"} in data(notebook.cells[1])


def test_a_secret_that_is_set_later_and_one_in_an_error_are_hidden(execute: Execute) -> None:
    secret = "svc-7f3a91c4e0b2-very-secret"
    failing = (
        "from codeagent_nb import ReplayChatCompletionClient\nfrom codeagent_nb.errors import ModelRefused\n"
        f"angry = ReplayChatCompletionClient([ModelRefused('bad key {secret}')])"
    )
    notebook = execute(
        model("Hello.", f"Your key is {secret}."),
        "%%agent -m replay\nHello.",
        f"import os\nos.environ['LATER_API_KEY'] = '{secret}'\n{failing}",
        "%%agent -m replay\nWhat is my key?",
        "%%agent -m angry\nWhat is my key?",
    )
    for index in (3, 4):
        assert "[redacted LATER_API_KEY]" in texts(notebook.cells[index])
        assert secret not in texts(notebook.cells[index])


def test_a_saved_copy_elsewhere_runs_again_with_its_variables(execute: Execute, tmp_path: Path) -> None:
    execute(
        model(python("print(table)"), "Done.") + "\nimport os; os.makedirs('other'); table = {'a': 1}",
        "%%agent -m replay -i table\nPrint it.",
        "%agent save 'other/my copy.ipynb'",
    )
    copy = tmp_path / "other" / "my copy.ipynb"
    again = [sys.executable, "-c", EXECUTE, str(copy), "none"]
    done = subprocess.run(again, cwd=copy.parent, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.timing
def test_a_question_in_the_input_line_is_answered_or_interrupted(tmp_path: Path) -> None:
    """Without widgets. An interrupt did nothing there until the question was answered."""
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(tmp_path))
    client.allow_stdin = True
    try:
        setup = model(python("print(6 * 7)"), "It is 42.", python("open('ran', 'w').close()"))
        client.execute_interactive(f"{setup}\n%config CodeAgent.buttons = False", timeout=30)
        client.execute("%%agent -m replay -a always\nMultiply.")
        assert "Run this code (1 line)?" in client.get_stdin_msg(timeout=30)["content"]["prompt"]
        client.input("y")
        assert reply_of(client)["status"] == "ok"
        client.execute("%%agent -m replay -a always\nWrite.")
        client.get_stdin_msg(timeout=30)
        started = time.monotonic()
        manager.interrupt_kernel()
        assert reply_of(client)["ename"] == "Stopped"
        assert time.monotonic() - started < 3
        assert not (tmp_path / "ran").exists()
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=False)


def reply_of(client: Any) -> dict[str, Any]:
    while True:
        message = client.get_shell_msg(timeout=30)
        if message["msg_type"] == "execute_reply":
            return dict(message["content"])


# Which model

SERVE = """
import json, os, sys, threading
import openai  # it takes a second or two, which nobody waits for below
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self._say('application/json', json.dumps({"data": [{"id": "small"}, {"id": "large[1]"}]}))
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))["model"]
        choice = {"index": 0, "delta": {"content": f"I am {asked}."}, "finish_reason": "stop"}
        self._say('text/event-stream', f'data: {json.dumps({"choices": [choice]})}\\n\\ndata: [DONE]\\n\\n')
    def _say(self, kind, text):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *_):
        pass
http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=http.serve_forever, daemon=True).start()
for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "CODEAGENT_MODEL"):
    os.environ.pop(name, None)
"""

NAMED = 'os.environ |= {"OPENAI_BASE_URL": f"http://127.0.0.1:{http.server_port}/v1", "CODEAGENT_MODEL": "small"}'

WAIT = "import asyncio; await asyncio.sleep(2)"

PLANTED = "sk-planted-9876543210"


def said_in(cell: Any) -> str:
    """Return all the text that stands under a cell."""
    return " ".join(str(output.get("text") or output.get("data", {}).get("text/plain", "")) for output in cell.outputs)


def test_the_servers_models_are_listed_and_one_of_them_is_chosen(execute: Execute) -> None:
    notebook = execute(
        SERVE + NAMED,
        LOAD,
        "%agent model\n",
        WAIT,
        "%%agent\nWho are you?",
        "%agent model large[1]",
        WAIT,
        "%%agent\nWho are you?",
        "%agent model",
        WAIT,
        "%agent model auto",
        "%%agent\nWho are you?",
        "%agent model lage",
        WAIT,
    )
    cells = notebook.cells
    listed, listed_again = said_in(cells[2]), said_in(cells[8])
    assert "%agent model large[1]" in listed
    assert re.search("▶ .*small", listed)
    assert not re.search("▶ .*large", listed)
    assert re.search(r"▶ .*large\[1\]", listed_again)
    assert [f"I am {name}." in said_in(cells[at]) for at, name in [(4, "small"), (7, "large[1]"), (11, "small")]] == [
        True
    ] * 3
    assert "The next tasks go to 'large[1]' at 127.0.0.1." in said_in(cells[5])
    assert "large[1]" in said_in(cells[12]), "one that is not there is said, with the nearest that is"


def test_a_key_set_in_mid_session_is_noticed_and_said_but_never_shown(execute: Execute, tmp_path: Path) -> None:
    key = f'os.environ["OPENAI_API_KEY"] = "-".join({PLANTED.split("-")!r})'
    notebook = execute(
        SERVE + NAMED,
        LOAD,
        "%%agent\nWho are you?",
        key,
        "%%agent\nWho are you?",
        "%%agent\nWho are you?",
        'os.environ["CODEAGENT_MODEL"] = "other"',
        "%%agent\nWho are you?",
        'del os.environ["OPENAI_API_KEY"]',
        "%%agent\nWho are you?",
    )
    told = [said_in(cell) for cell in notebook.cells]
    assert "OPENAI_API_KEY is set. The model is still 'small' at 127.0.0.1." in told[4]
    assert "OPENAI_API_KEY" not in told[5], "once is enough"
    assert "CODEAGENT_MODEL has changed. This task goes to 'other' at 127.0.0.1, no longer to 'small'" in told[7]
    assert "I am other." in told[7]
    assert "OPENAI_API_KEY is gone" in told[9]
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or PLANTED.encode() not in path.read_bytes()
