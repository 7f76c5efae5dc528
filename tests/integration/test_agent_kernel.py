"""The whole agent with a scripted model and a real kernel: what ran is what the notebook and the journal say."""

import asyncio
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
import pytest

from codeagent_nb import ReplayChatCompletionClient
from codeagent_nb.approval import refuse_unattended
from codeagent_nb.errors import ApprovalRequired, SessionError
from codeagent_nb.events import AgentEvent, BlockFinishedEvent
from codeagent_nb.log.journal import load_journal
from codeagent_nb.loop.results import TaskResult
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.session.session import Session, SessionSettings, open_session
from kernel_executor.sandbox.policy import SandboxMode
from tests.support.notebooks import notebook_of

pytestmark = pytest.mark.integration

CSV = "species,Body Mass (g)\nAdelie,3700\nGentoo,5076\nGentoo,5200\n"
SECRET = "svc-7f3a91c4e0b2-very-secret"


def python(code: str) -> str:
    return f"I write code.\n\n```python\n{code}\n```"


class Witness:
    """A view that remembers, and can be waited with."""

    def __init__(self) -> None:
        self.events: list[AgentEvent] = []

    def on_event(self, event: AgentEvent) -> None:
        self.events.append(event)

    async def until(self, seen: Callable[[list[AgentEvent]], bool]) -> None:
        async with asyncio.timeout(20):
            while not seen(self.events):  # noqa: ASYNC110 - files are waited for, too
                await asyncio.sleep(0.01)


def types(events: list[AgentEvent]) -> list[str]:
    return [event.type for event in events]


@dataclass
class Opened:
    """An open session, and how its tasks are solved here."""

    session: Session
    model: ReplayChatCompletionClient
    settings: RunSettings

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    async def run(self, task: str) -> TaskResult:
        return await self.session.run(task, replace(self.settings, model=self.model, ask=refuse_unattended))


Open = Callable[..., AbstractAsyncContextManager[tuple[Opened, Witness]]]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Open a session in a folder of its own on a scripted model."""

    @asynccontextmanager
    async def open_here(
        replies: list[Any], files: tuple[Path, ...] = (), sandbox: SandboxMode = "auto", **more: Any
    ) -> AsyncIterator[tuple[Opened, Witness]]:
        settings = SessionSettings(notebook=tmp_path / "work" / "session.ipynb", files=files, sandbox=sandbox)
        witness = Witness()
        async with open_session(settings, views=[witness]) as session:
            yield Opened(session, ReplayChatCompletionClient(replies), RunSettings(model=None, **more)), witness

    return open_here


def saved(session: Opened) -> Any:
    notebook = nbformat.read(session.notebook, as_version=4)
    nbformat.validate(notebook)
    return notebook


def assert_the_journal_tells_the_same(session: Opened) -> None:
    told = notebook_of(load_journal(session.journal), session.session.language_info)
    assert nbformat.writes(told) + "\n" == session.notebook.read_text()


RERUN = """
import sys, nbformat
from nbclient import NotebookClient
path = sys.argv[1]
notebook = nbformat.read(path, as_version=4)
NotebookClient(notebook, timeout=60, resources={"metadata": {"path": sys.argv[2]}}).execute()
nbformat.write(notebook, sys.argv[3])
"""


def rerun(notebook: Path, copy: Path) -> Any:
    """Execute a saved notebook with plain nbclient where it lies; the original stays."""
    command = [sys.executable, "-c", RERUN, str(notebook), str(notebook.parent), str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return nbformat.read(copy, as_version=4)


PLOT = """\
import pandas
import matplotlib.pyplot as plt
table = pandas.read_csv("penguins.csv")
means = table.groupby("species")["Body Mass (g)"].mean()
print("heaviest:", means.idxmax(), means.max())
means.plot.bar()
plt.show()"""


async def test_a_failure_is_repaired_plotted_saved_and_runs_again(opened: Open, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("matplotlib")
    data = tmp_path / "penguins.csv"
    data.write_text(CSV)
    wrong = PLOT.replace("Body Mass (g)", "body_mass_g")
    async with opened([python(wrong), python(PLOT), "Gentoo is the heaviest."], files=(data,)) as (session, _):
        assert "- 'Body Mass (g)': int64" in session.context
        result = await session.run("Which species is the heaviest?")
    assert result.stop_reason == "the code succeeded"
    assert "heaviest: Gentoo 5138.0" in result.messages[-1].content

    notebook = saved(session)
    (good,) = [cell for cell in notebook.cells if cell.cell_type == "code"]
    failed = notebook.cells[1]
    assert (failed.cell_type, failed.metadata.codeagent.kind) == ("markdown", "quoted")
    assert failed.source.startswith("<details><summary>Attempt 1 failed: KeyError: ")
    assert good.outputs[0].text == "heaviest: Gentoo 5138.0\n"
    assert "image/png" in good.outputs[-1].data
    assert_the_journal_tells_the_same(session)

    (again,) = [cell for cell in rerun(session.notebook, tmp_path / "again.ipynb").cells if cell.cell_type == "code"]
    assert again.outputs[0] == good.outputs[0]
    assert "image/png" in again.outputs[-1].data


async def test_the_model_sees_the_context_once_and_exactly(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "odd name ✓.csv").write_text(CSV)
    async with opened(["Two.", "Still two."], files=(tmp_path / "odd name ✓.csv",)) as (session, _):
        await session.run("How many species?")
        await session.run("Are you sure?")
        prompts = [str(call.messages) for call in session.model.create_calls]
    assert [prompt.count("File 'odd name ✓.csv'") for prompt in prompts] == [1, 1]


async def test_shell_blocks_and_exits_run_again_too(opened: Open, tmp_path: Path) -> None:
    reply = "```sh\necho from the shell\n```\n\n```python\nimport sys\nsys.exit(0)\n```"
    async with opened([reply, "Done."]) as (session, _):
        result = await session.run("Say something in the shell, and leave.")
    assert result.stop_reason == "the code succeeded"
    again = rerun(session.notebook, tmp_path / "again.ipynb")
    assert again.cells[1].outputs[0].text == "from the shell\n"


@pytest.mark.parametrize("sandbox", ["auto", "none"])
async def test_a_key_reaches_neither_kernel_nor_prompt_nor_notebook_nor_journal(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Any
) -> None:
    monkeypatch.setenv("MY_SERVICE_TOKEN", SECRET)
    found = tmp_path / "found.txt"
    found.write_text(SECRET)
    code = """\
import os
key = open("found.txt").read()
print("environment:", [name for name, value in os.environ.items() if value == key])
print("key:", key)
print("quoted:", [key])
raise ValueError(key)"""
    replies = [python(code), f"The key is {SECRET}."]
    more = {"sandbox": sandbox, "approval": "never", "max_retries": 0}
    async with opened(replies, files=(found,), **more) as (session, witness):
        await session.run(f"Use my key {SECRET} for this.")
        prompts = str(session.model.create_calls)
    printed = session.notebook.read_text()
    assert "environment: []" in printed
    assert printed.count("[redacted MY_SERVICE_TOKEN]") >= 4
    for place in (prompts, printed, session.journal.read_text(), str(witness.events)):
        assert SECRET not in place
    saved(session)


async def test_without_a_sandbox_and_a_person_nothing_runs(opened: Open) -> None:
    async with opened([python("open('ran.txt', 'w')")], sandbox="none") as (session, _):
        with pytest.raises(ApprovalRequired, match=r"NOT sandboxed.*--yes"):
            await session.run("Write a file.")
    assert not (session.notebook.parent / "ran.txt").exists()
    assert "ended early" in saved(session).cells[-1].source


async def test_without_a_sandbox_it_runs_if_that_was_allowed(opened: Open) -> None:
    async with opened([python("print(6 * 7)"), "42."], sandbox="none", approval="never") as (session, _):
        result = await session.run("What is 6 times 7?")
    assert result.stop_reason == "the code succeeded"
    assert result.messages[1].isolation.startswith("NOT sandboxed")


@pytest.mark.timing
async def test_a_cancelled_run_stops_the_code_within_a_second(opened: Open) -> None:
    code = """\
import time
open("begun", "w").close()
print("half way", flush=True)
time.sleep(2)
open("done", "w").close()"""
    async with opened([python(code), python("print('alive')"), "Alive."]) as (session, witness):
        folder = session.executor.stage_dir
        run = asyncio.ensure_future(session.run("Take your time."))
        await witness.until(lambda events: "BlockOutputEvent" in types(events) and (folder / "begun").exists())
        start = time.monotonic()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert time.monotonic() - start < 1
        finished = [event for event in witness.events if isinstance(event, BlockFinishedEvent)]
        assert [event.result.status for event in finished] == ["interrupted"]
        assert "half way" in saved(session).cells[1].source
        assert saved(session).cells[1].cell_type == "markdown"
        assert (await session.run("Are you alive?")).stop_reason == "the code succeeded"
        await asyncio.sleep(max(0, start + 2.2 - time.monotonic()))
        assert not (folder / "done").exists()
    assert_the_journal_tells_the_same(session)


async def test_late_output_of_a_thread_is_in_the_saved_notebook(opened: Open) -> None:
    code = "import threading\nthreading.Timer(0.4, print, ['late']).start()\nprint('first')"
    async with opened([python(code), "Started."]) as (session, witness):
        await session.run("Start a timer.")
        await witness.until(lambda events: "LateOutputEvent" in types(events))
    (cell,) = [cell for cell in saved(session).cells if cell.cell_type == "code"]
    assert "".join(output.text for output in cell.outputs) == "first\nlate\n"
    assert_the_journal_tells_the_same(session)


async def test_what_killed_the_kernel_is_quoted_and_the_session_goes_on(opened: Open, tmp_path: Path) -> None:
    async with opened([python("import os\nos._exit(3)"), python("print('again')"), "Well."]) as (session, _):
        result = await session.run("Try it.")
    assert result.stop_reason == "the code succeeded"
    assert [cell.cell_type for cell in saved(session).cells if "os._exit" in cell.source] == ["markdown"]
    rerun(session.notebook, tmp_path / "again.ipynb")


SPOILS = [
    "open({name!r}, 'w').write('spoilt')",
    "import os; os.symlink('/', {name!r})",
    "import os; os.makedirs({name!r} + '/x')",
    "import os; os.mkfifo({name!r})",
]


async def test_executed_code_does_not_see_the_notebook_and_cannot_take_its_name(opened: Open, bubblewrap: None) -> None:
    """Saving once replaced the file, and with it the sandbox's read-only view of the first one."""
    replies = [part for spoil in SPOILS for part in (python(spoil.format(name="session.ipynb")), "Spoilt.")]
    look = python("import os; print([open(name).read() for name in os.listdir() if os.path.isfile(name)])")
    async with opened([look, "Seen.", *replies], max_retries=0) as (session, witness):
        await session.run("Look.")
        for _ in SPOILS:
            await session.run("Spoil it.")
    statuses = [event.result.status for event in witness.events if isinstance(event, BlockFinishedEvent)]
    assert statuses == ["ok", "refused", "error", "error", "error"], "the others find that the name is there"
    assert saved(session).cells[1].outputs[0].text == "['']\n", "its name is there, and nothing else of it"
    assert "ViewDetachedEvent" not in types(witness.events)
    assert_the_journal_tells_the_same(session)


async def test_an_earlier_session_is_never_overwritten(opened: Open) -> None:
    async with opened(["Hello."]) as (session, _):
        await session.run("hello")
    before = session.notebook.read_bytes()
    with pytest.raises(SessionError, match=r"exists already and is not overwritten.*--out"):
        async with opened([]):
            pass
    assert session.notebook.read_bytes() == before


async def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for notebook, said in (("file/x.ipynb", "cannot use the folder"), ("x.txt", r"ends in \.ipynb")):
        with pytest.raises(SessionError, match=said):
            async with open_session(SessionSettings(notebook=tmp_path / notebook)):
                pass


async def test_a_disk_that_was_full_for_a_while_loses_nothing_of_the_notebook(opened: Open) -> None:
    """The view of the notebook fails once; at the end it is given what it missed. The journal's file is smaller."""
    replies = [python("print('\\n' * 20_000)"), "Many.", python("print('kept')"), "Kept."]
    async with opened(replies) as (session, witness):
        await session.run("Print many lines.")
        allowed = session.journal.stat().st_size + 20_000
        assert session.notebook.stat().st_size > allowed
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (allowed, before[1]))
        try:
            result = await session.run("Print something.")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert result.stop_reason == "the code succeeded"
    assert "ViewDetachedEvent" in types(witness.events)
    assert any("kept" in str(cell.get("outputs")) for cell in saved(session).cells)


async def test_whatever_the_kernel_displays_is_journalled_and_saved(opened: Open) -> None:
    code = """\
from IPython.display import display
deep = 1
for _ in range(300):
    deep = [deep]
display({"application/json": deep}, raw=True)
display({"application/json": float("nan"), "model/x+json": {"a": 1}}, raw=True)
print("\\x00\\x07\\u202e\\x1b[31m" * 3)"""
    async with opened([python(code), "Shown."]) as (session, witness):
        result = await session.run("Show strange things.")
    assert result.stop_reason == "the code succeeded"
    assert "ViewDetachedEvent" not in types(witness.events)
    assert "nested too deeply" in session.notebook.read_text()
    assert_the_journal_tells_the_same(session)


async def test_a_display_whose_text_is_no_text_ends_no_run(opened: Open) -> None:
    code = 'from IPython.display import display\ndisplay({"text/plain": ["a", 1]}, raw=True)'
    async with opened([python(code), "Shown."]) as (session, _):
        result = await session.run("Show strange things.")
    assert result.stop_reason == "the code succeeded"
    assert_the_journal_tells_the_same(session)
