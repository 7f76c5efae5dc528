"""What is saved runs again, whatever failed on the way: real kernels, repairs of every kind (design D19)."""

import asyncio
import json
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import ScriptExporter
from nbformat import v4

from codeagent_nb import CodeExecutorAgent, ReplayChatCompletionClient, extract_code_blocks
from codeagent_nb.approval import refuse_unattended
from codeagent_nb.events import AgentEvent, BlockFinishedEvent, BlockStartedEvent, KernelStateEvent
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.session.session import SessionSettings, open_session
from codeagent_nb.session.variables import bring_variable
from kernel_executor import KernelCodeExecutor
from tests.support.notebooks import notebook_of

pytestmark = pytest.mark.integration

CSV = "species,mass\nAdelie,3700\nGentoo,\nGentoo,5200\n"


def python(*blocks: str) -> str:
    return "\n\n".join(f"```python\n{block}\n```" for block in blocks)


def shell(block: str) -> str:
    return f"```bash\n{block}\n```"


# What destroyed a file of the user's


DESTROYS = """\
import csv
rows = [row for row in csv.reader(open('penguins.csv')) if all(row)]
with open('penguins.csv', 'w') as file:
    csv.writer(file).writerows(rows)
raise SystemExit('done')"""
COUNTS = "print(len(open('penguins.csv').readlines()))"


async def test_a_failed_attempt_cannot_destroy_a_file_when_the_notebook_runs(tmp_path: Path) -> None:
    data = tmp_path / "penguins.csv"
    data.write_text(CSV)
    settings = SessionSettings(notebook=tmp_path / "work" / "session.ipynb", files=(data,))
    model = ReplayChatCompletionClient([python(DESTROYS), python(COUNTS), "Four lines."])
    async with open_session(settings) as session:
        result = await session.run("Clean it.", RunSettings(model=model, ask=refuse_unattended))
    assert result.stop_reason == "the code succeeded"
    saved = nbformat.read(session.notebook, as_version=4)
    assert [cell.source for cell in saved.cells if cell.cell_type == "code"] == [COUNTS]
    assert DESTROYS in saved.cells[1].source
    for convert in (("--execute", "--allow-errors", "--to", "notebook", "--output", "ran.ipynb"), ("--to", "script")):
        assert csv_after(session.notebook, tmp_path / "copy", convert) == CSV


def csv_after(notebook: Path, copy: Path, convert: tuple[str, ...]) -> str:
    """Let nbconvert have a copy of a session's folder, run the script that comes of it, and read the table there."""
    shutil.copytree(notebook.parent, copy)
    commands = [[sys.executable, "-m", "nbconvert", *convert, notebook.name]]
    if "script" in convert:
        commands.append([sys.executable, notebook.with_suffix(".py").name])
    for command in commands:
        subprocess.run(command, cwd=copy, check=True, capture_output=True, timeout=100)
    text = (copy / "penguins.csv").read_text()
    shutil.rmtree(copy)
    return text


async def test_a_saved_session_says_of_its_language_what_the_kernel_says(tmp_path: Path) -> None:
    settings = SessionSettings(notebook=tmp_path / "session.ipynb")
    model = ReplayChatCompletionClient([shell("echo hello"), "It said hello."])
    async with open_session(settings) as session:
        await session.run("Say hello.", RunSettings(model=model, ask=refuse_unattended))
    saved = nbformat.read(session.notebook, as_version=4)
    stock = v4.new_notebook(cells=[v4.new_code_cell("1")])
    await NotebookClient(stock, kernel_name="python3").async_execute()
    assert saved.metadata.language_info == stock.metadata.language_info
    script, _ = ScriptExporter().from_notebook_node(saved)
    assert "get_ipython().run_cell_magic('bash', '', 'echo hello" in script
    assert "# Say hello." in script


# Code that ended well, and would have destroyed the user's files all the same

DEEDS = {
    "remove": python("import os; os.remove('penguins.csv')"),
    "remove, swallowed": python("import os\ntry:\n    os.remove('penguins.csv')\nexcept OSError:\n    pass"),
    "write": python("open('penguins.csv', 'w').write('gone')"),
    "write by pandas": python("import pandas as pd\npd.read_csv('penguins.csv').dropna().to_csv('penguins.csv')"),
    "append": python("open('penguins.csv', 'a').write('Chinstrap,1\\n')"),
    "truncate": python("import os; os.truncate('penguins.csv', 3)"),
    "rename": python("import os; os.rename('penguins.csv', 'other.csv')"),
    "replace": python("import os\nopen('new.txt', 'w').write('x')\nos.replace('new.txt', 'penguins.csv')"),
    "move over": python("import shutil\nopen('new2.txt', 'w').write('x')\nshutil.move('new2.txt', 'penguins.csv')"),
    "rmtree": python("import shutil; shutil.rmtree('notes', ignore_errors=True)"),
    "rename a folder": python("import os; os.rename('notes', 'papers')"),
    "sed by a shell": shell("sed -i s/Adelie/X/ penguins.csv"),
    "sed by system": python("import os; os.system('sed -i s/Adelie/X/ penguins.csv')"),
    "shell, swallowed": shell("rm -rf notes penguins.csv || true"),
    "redirection": python("import os; os.system('echo gone > penguins.csv')"),
    "bang": python("!rm penguins.csv"),
    "magic": python("%%writefile penguins.csv\ngone"),
    "link over": python("import os\nos.remove('penguins.csv')\nos.symlink('/dev/null', 'penguins.csv')"),
    "mode": python("import os; os.chmod('penguins.csv', 0)"),
    "child": python("import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'open(\"penguins.csv\", \"w\")'])"),
    "absolute path": python("from pathlib import Path\n(Path.cwd() / 'penguins.csv').unlink()"),
}


def contents(folder: Path) -> dict[str, object]:
    """The user's files with their modes."""
    names = ("penguins.csv", "notes/old.txt")
    return {name: ((folder / name).read_text(), (folder / name).lstat().st_mode) for name in names}


async def test_code_that_would_destroy_files_is_refused_told_and_quoted_and_harms_nothing_later(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    work = tmp_path / "work"
    (work / "notes").mkdir(parents=True)
    (work / "penguins.csv").write_text(CSV)
    (work / "notes" / "old.txt").write_text("old")
    before = contents(work)
    replies = [part for deed in DEEDS.values() for part in (deed, "That was it.")]
    model = ReplayChatCompletionClient(replies)
    settings = RunSettings(model=model, max_retries=0, ask=refuse_unattended)
    told: dict[str, tuple[str, ...]] = {}
    async with open_session(SessionSettings(notebook=work / "session.ipynb")) as session:
        for name in DEEDS:
            result = await session.run(name, settings)
            (ended,) = [event.result for event in result.messages if isinstance(event, BlockFinishedEvent)]
            assert (name, ended.status) == (name, "refused")
            told[name] = ended.denials
            assert contents(work) == before, name
    assert all(told.values()), "each is told"
    saved = nbformat.read(session.notebook, as_version=4)
    assert [cell.source for cell in saved.cells if cell.cell_type == "code"] == []
    assert sum(cell.metadata.codeagent.kind == "quoted" for cell in saved.cells) == len(DEEDS)
    for convert in (("--execute", "--allow-errors", "--to", "notebook", "--output", "ran.ipynb"), ("--to", "script")):
        assert csv_after(session.notebook, tmp_path / "copy", convert) == CSV


@pytest.mark.parametrize("deed", ["remove", "write", "rename", "rmtree", "redirection", "mode"])
async def test_without_a_sandbox_these_deeds_are_done(deed: str, tmp_path: Path) -> None:
    """The control: what the stage prevents is real."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "penguins.csv").write_text(CSV)
    (tmp_path / "notes" / "old.txt").write_text("old")
    before = contents(tmp_path)
    (block,) = extract_code_blocks(DEEDS[deed])
    async with KernelCodeExecutor(sandbox="none", work_dir=tmp_path) as executor:
        assert (await executor.execute_code_blocks([block])).exit_code == 0
    with suppress(OSError):
        assert contents(tmp_path) != before


# 30 runs with repairs


@dataclass(frozen=True)
class Scenario:
    """Tasks in one session, each with the model's replies; `N` in them is another number each time.

    Args:
        tasks: The replies to each task, without the closing words.
        timeout: Seconds a block may take.
        cancel_at: Cancel the first task when that many of its blocks have begun.
    """

    tasks: tuple[tuple[str, ...], ...]
    timeout: float = 20.0
    cancel_at: int = 0


SCENARIOS = {
    "a name that is not there": Scenario(((python("x_N = N\nprint(y_N)"), python("x_N = N\nprint(x_N)")),)),
    "a block that worked before one that failed": Scenario(
        ((python("d_N = [N]", "d_N.nope()"), python("print(d_N)"), python("d_N = [N]", "print(d_N)")),)
    ),
    "a timeout": Scenario(
        ((python("t_N = 1\nwhile True: pass"), python("print(t_N)"), python("t_N = 2")),), timeout=0.4
    ),
    "a kernel that died": Scenario(
        ((python("base_N = N"),), (python("import os; os._exit(N + 1)"), python("print(base_N)")))
    ),
    "shell blocks": Scenario(((shell("V_N=1; false"), f"{shell('echo N')}\n\n{python('print(N)')}"),)),
    "an import that only the failed attempt made": Scenario(
        ((python("import json as j_N\n1 / 0"), python("j_N.dumps(1)"), python("import json as j_N\nj_N.dumps(1)")),)
    ),
    "a last attempt that failed before another task": Scenario(
        (
            (python("v_N = 1\n1 / 0"), python("v_N = 2\n1 / 0"), python("v_N = 3\n1 / 0")),
            (python("print(v_N)"), python("v_N = 4\nprint(v_N)")),
        )
    ),
    "cancelled in mid-attempt": Scenario(
        (
            (python("c_N = 1", "import time; time.sleep(60)"),),
            (python("print(c_N)"), python("c_N = 2\nprint(c_N)")),
        ),
        cancel_at=2,
    ),
    "an exit": Scenario(((python("e_N = 1\n1 / 0"), python("import sys\ne_N = 2\nsys.exit(0)")), (python("e_N + 1"),))),
    "a good variable that the failed code changed": Scenario(
        ((python("s_N = [3, 1]"),), (python("s_N.clear()\n1 / 0"), python("print(s_N[0])\nassert len(s_N) == 2")))
    ),
}


class Canceller:
    """Cancels a run when so many of its blocks have begun."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.run: asyncio.Task[Any] | None = None

    def on_event(self, event: AgentEvent) -> None:
        if self.run and isinstance(event, BlockStartedEvent):
            self.at -= 1
            if self.at == 0:
                self.run.cancel()


async def played(executor: KernelCodeExecutor, scenario: Scenario, number: int) -> Any:
    """Play a scenario; return the notebook that is saved at its end."""
    await executor.restart()
    replies = [reply for task in scenario.tasks for reply in (*task, "That was it.")]
    canceller = Canceller(scenario.cancel_at)
    if scenario.cancel_at:
        replies.remove("That was it.")
    settings = RunSettings(
        model=ReplayChatCompletionClient([reply.replace("N", str(number)) for reply in replies]),
        max_retries=2,
        timeout=scenario.timeout,
    )
    agent = CodeExecutorAgent("coder", executor, views=[canceller])
    for index in range(len(scenario.tasks)):
        run = asyncio.ensure_future(agent.run(task=f"Task {index + 1}", settings=settings))
        canceller.run = run if index == 0 and scenario.cancel_at else None
        await asyncio.wait({run})
        assert run.cancelled() == bool(canceller.run)
    assert run.result().stop_reason == "the code succeeded"
    back = "restored" if "os._exit" in str(scenario.tasks) else "rolled_back"
    assert {event.state for event in agent.log.events if isinstance(event, KernelStateEvent)} == {back}
    return notebook_of(agent.log.events)


@pytest.mark.timeout(600)  # a hundred kernels: 24 s alone, more than 120 s beside five other workers
async def test_thirty_runs_with_repairs_leave_notebooks_that_run_from_top_to_bottom() -> None:
    todo = [(name, number) for name in SCENARIOS for number in range(3)]
    cells: list[Any] = []

    async def work() -> None:
        async with KernelCodeExecutor() as executor:
            while todo:
                name, number = todo.pop()
                notebook = await played(executor, SCENARIOS[name], number)
                nbformat.validate(notebook)
                assert any(cell.metadata.codeagent.kind == "quoted" for cell in notebook.cells), name
                # One kernel for all, without what the notebook before has made; their names differ, too.
                cells.extend([v4.new_code_cell(f"%reset -f\n# {name}"), *notebook.cells])

    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(work())
    assert sum("%reset" in cell.source for cell in cells) == 30
    together = v4.new_notebook(cells=[{**cell, "id": f"c{index}"} for index, cell in enumerate(cells)])
    await NotebookClient(nbformat.from_dict(together), timeout=60, kernel_name="python3").async_execute()


# The rest of a session


async def test_a_variable_that_is_brought_after_a_failed_task_stays(tmp_path: Path) -> None:
    model = ReplayChatCompletionClient([python("x = 1\n1 / 0"), "No.", python("print(it, 'x' in globals())"), "Yes."])
    settings = RunSettings(model=model, max_retries=0, ask=refuse_unattended)
    async with open_session(SessionSettings(notebook=tmp_path / "session.ipynb")) as session:
        await session.run("Fail.", settings)
        await bring_variable(session, "it", [1, 2])
        result = await session.run("Print it.", settings)
    assert "[1, 2] False" in result.messages[-1].content
    states = [event.state for event in session.log.events if isinstance(event, KernelStateEvent)]
    assert states == ["rolled_back"], "before the variable, and once"


async def test_what_could_not_be_taken_back_is_named_in_the_saved_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no checkpoint because of a thread, and the code before took too long to be run again."""
    monkeypatch.setattr("kernel_executor.kernels.history.REPLAY_LIMIT", 0.0)
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\na = 1"
    replies = [python(thread), "One.", python("b = 2\n1 / 0"), python("print(b)"), "Two."]
    model = ReplayChatCompletionClient(replies)
    async with open_session(SessionSettings(notebook=tmp_path / "session.ipynb")) as session:
        for task in ("Make a.", "Make b."):
            await session.run(task, RunSettings(model=model, ask=refuse_unattended))
    notes = [cell["source"] for cell in json.loads(session.notebook.read_text())["cells"]]
    assert sum("No code cell makes `b` as it was then." in "".join(note) for note in notes) == 1


async def test_no_moment_of_a_run_leaves_a_file_that_runs_what_failed(tmp_path: Path) -> None:
    """A crash may come at any of them: the file is looked at after every event."""
    path = tmp_path / "session.ipynb"
    seen: list[list[str]] = []

    class Look:
        def on_event(self, _: AgentEvent) -> None:
            cells = nbformat.read(path, as_version=4).cells
            seen.append([cell.source for cell in cells if cell.cell_type == "code"])

    model = ReplayChatCompletionClient([python("a = 1", "1 / 0"), python("b = 2", "print(b)"), "Two."])
    async with open_session(SessionSettings(notebook=path), views=[Look()]) as session:
        await session.run("Try.", RunSettings(model=model, ask=refuse_unattended))
    assert [cells for index, cells in enumerate(seen) if index == 0 or cells != seen[index - 1]] == [
        [],
        ["b = 2", "print(b)"],
    ]
