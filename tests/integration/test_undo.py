"""A task is taken back with its variables, and again: kernel, prompt, saved notebook and journal say the same."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import nbformat
import pytest

from codeagent_nb import ReplayChatCompletionClient
from codeagent_nb.approval import refuse_unattended
from codeagent_nb.errors import AgentError, SessionError
from codeagent_nb.log.journal import load_journal
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.session import executing
from codeagent_nb.session.session import Session, SessionSettings, open_session
from codeagent_nb.text import turned_note
from kernel_executor import CodeBlock, KernelCodeExecutor, create_code_executor
from tests.support.notebooks import notebook_of

pytestmark = pytest.mark.integration

MAKE = "import pandas\ntable = pandas.DataFrame({'a': [1, 2, 3]})"
CHANGE = "table['a'] *= 10\ntable.drop(index=0, inplace=True)\ntable.to_csv('out.csv')\nextra = 1"
BEFORE, AFTER = "[1, 2, 3] False", "[20, 30] True"
STATE = "str(table['a'].tolist()) + ' ' + str('extra' in globals())"


def replies(*codes: str) -> list[str]:
    return [reply for code in codes for reply in (f"Now.\n\n```python\n{code}\n```", "Done.")]


class Tasks:
    """A session, and its tasks by their names."""

    def __init__(self, session: Session, model: ReplayChatCompletionClient) -> None:
        self.session, self.model = session, model
        self.settings = RunSettings(model=model, max_retries=0, ask=refuse_unattended, approval="never")

    async def run(self, *tasks: str) -> None:
        for task in tasks:
            await self.session.run(task, self.settings)

    async def state(self) -> str:
        return (await self.session.executor.evaluate(STATE) or "").strip("'")

    @property
    def code(self) -> list[str]:
        notebook = nbformat.read(self.session.notebook, as_version=4)
        nbformat.validate(notebook)
        return [cell.source for cell in notebook.cells if cell.cell_type == "code"]

    @property
    def prompt(self) -> str:
        return "\n".join(str(message.content) for message in self.model.create_calls[-1].messages)


class Open(Protocol):
    def __call__(self, codes: Sequence[str], **more: Any) -> AbstractAsyncContextManager[Tasks]: ...


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    @asynccontextmanager
    async def open_here(codes: Sequence[str], **more: Any) -> AsyncIterator[Tasks]:
        settings = SessionSettings(notebook=tmp_path / "work" / "session.ipynb", **more)
        async with open_session(settings) as session:
            yield Tasks(session, ReplayChatCompletionClient(replies(*codes)))

    return open_here


async def state_of(code: Sequence[str], folder: Path) -> str:
    """Run the code cells of a notebook in a kernel of their own."""
    async with create_code_executor("kernel", work_dir=folder) as executor:
        for source in code:
            assert (await executor.execute_code_blocks([CodeBlock(source)])).exit_code == 0
        return (await executor.evaluate(STATE) or "").strip("'")


async def test_a_task_is_taken_back_with_its_variables_and_again(opened: Open, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    async with opened([MAKE, CHANGE, "print(1)"]) as tasks:
        session = tasks.session
        await tasks.run("Make a table", "Change the table")
        assert await tasks.state() == AFTER

        undone = await session.undo()
        kept = "Its variables are as before it. Files it delivered stay: out.csv."
        assert turned_note(undone) == f"Took back the last task: Change the table. {kept}"
        assert await tasks.state() == BEFORE
        assert tasks.code == [MAKE]
        assert await state_of(tasks.code, tmp_path / "again") == BEFORE

        redone = await session.redo()
        assert turned_note(redone) == "Took the last task again: Change the table. Its variables are as after it."
        assert await tasks.state() == AFTER
        assert tasks.code == [MAKE, CHANGE]
        assert await state_of(tasks.code, tmp_path / "and again") == AFTER
        with pytest.raises(SessionError, match="nothing to take again"):
            await session.redo()

        assert session.undoing.last
        first = session.undoing.last.began
        with pytest.raises(SessionError, match="this is not the last task any more: nothing was taken back"):
            await session.undo(only=first.replace(year=2000))
        assert await tasks.state() == AFTER
        await session.undo(only=first)
        assert session.undoing.last.began != first
        await tasks.run("Print something")
        assert "Change the table" not in tasks.prompt
        assert "inplace" not in tasks.prompt
        assert tasks.prompt.count("The user took the last task back.") == 1
        assert (session.notebook.parent / "out.csv").exists()
        with pytest.raises(SessionError, match="nothing to take again: no task was taken back, or another one has"):
            await session.redo()
        assert tasks.code == [MAKE, "print(1)"]
    told = notebook_of(load_journal(session.journal), session.language_info)
    assert nbformat.writes(told) + "\n" == session.notebook.read_text()


async def test_tasks_are_taken_back_one_after_another_failed_ones_too(opened: Open) -> None:
    async with opened(["x = [1]", "x.append(2)", "x.append(3)\n1/0", "print(x)"]) as tasks:
        await tasks.run("one", "two", "three")
        states = []
        for turn in ("undo", "undo", "redo", "redo", "undo", "undo", "undo"):
            await getattr(tasks.session, turn)()
            states.append(await tasks.session.executor.evaluate("globals().get('x')"))
        assert states == ["[1, 2]", "[1]", "[1, 2]", "[1, 2]", "[1, 2]", "[1]", "None"]
        with pytest.raises(SessionError, match="nothing to take back"):
            await tasks.session.undo()
        assert tasks.code == []
        for _ in range(3):
            await tasks.session.redo()
        assert tasks.code == ["x = [1]", "x.append(2)"]
        await tasks.run("four")
        assert "x.append(2)" in tasks.prompt
        assert "took the last task back" not in tasks.prompt


async def test_where_no_checkpoint_can_be_taken_tasks_run_and_undo_says_why(
    opened: Open,
) -> None:
    thread = "import threading\nstop = threading.Event()\nthreading.Thread(target=stop.wait, daemon=True).start()"
    async with opened([thread, "x = 1"]) as tasks:
        await tasks.run("Start a thread", "Set x")
        with pytest.raises(SessionError, match=r"the last task cannot be taken back: .*thread"):
            await tasks.session.undo()
        assert await tasks.session.executor.evaluate("x") == "1", "nothing has changed"


async def test_without_checkpoints_undo_says_so(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(_: str, *, work_dir: Path, **_more: Any) -> KernelCodeExecutor:
        return KernelCodeExecutor(work_dir=work_dir, checkpoints=False)

    monkeypatch.setattr(executing, "create_code_executor", without)
    async with opened(["x = 1"]) as tasks:
        await tasks.run("Set x")
        with pytest.raises(SessionError, match="cannot be taken back: this kind of kernel takes none"):
            await tasks.session.undo()


async def test_while_a_task_runs_nothing_is_taken_back(opened: Open) -> None:
    async with opened(["x = 1", "import time; time.sleep(1)"]) as tasks:
        with pytest.raises(SessionError, match="nothing to take back"):
            await tasks.session.undo()
        await tasks.run("one")
        running = asyncio.create_task(tasks.run("two"))
        await asyncio.sleep(0.3)
        with pytest.raises(AgentError, match="already working on a task: wait for it, or cancel it first"):
            await tasks.session.undo()
        await running


async def test_a_task_that_was_stopped_is_taken_back(opened: Open) -> None:
    async with opened(["x = [1]", "x.append(2)\nimport time; time.sleep(60)"]) as tasks:
        await tasks.run("one")
        running = asyncio.create_task(tasks.run("two"))
        await asyncio.sleep(1.5)
        running.cancel()
        await asyncio.wait({running})
        await tasks.session.undo()
        assert await tasks.session.executor.evaluate("x") == "[1]"
        assert tasks.code == ["x = [1]"]
