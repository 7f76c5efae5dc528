"""The agent of a notebook, without a notebook: sessions that end, and tasks that are stopped while they do."""

import asyncio
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from codeagent_nb import ReplayChatCompletionClient, TaskResult
from codeagent_nb.approval import refuse_unattended
from codeagent_nb.errors import AgentError
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.notebook.bringing_home import Home
from codeagent_nb.notebook.cells.begin import write_none
from codeagent_nb.notebook.chosen_models import Choice
from codeagent_nb.notebook.magic_cell import CellRun
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.notebook.recorded_outputs import RecordedOutputs
from codeagent_nb.notebook.tasks import Place, Task, as_it_is
from codeagent_nb.session.beginning import Earlier

pytestmark = pytest.mark.integration


class SlowToClose(ReplayChatCompletionClient):
    """A model whose server takes a while to end, as the embedded one's does."""

    closed = False

    async def close(self) -> None:
        await asyncio.sleep(0.3)
        self.closed = True


async def solve(agent: NotebookAgent, folder: Path, reply: str = "Hello.") -> TaskResult:
    model = ReplayChatCompletionClient([reply])
    task = Task(text="Say hello.", settings=RunSettings(model=model, ask=refuse_unattended))
    return await agent.solve(task, Place(folder), views=lambda _: [])


async def test_a_task_that_is_stopped_while_the_last_session_closes_breaks_nothing(tmp_path: Path) -> None:
    """The stop was passed on to the closing, and every later task ended as cancelled."""
    agent, model = NotebookAgent("study"), SlowToClose(["x"])
    await solve(agent, tmp_path)
    agent.models._clients[Choice("slow", ())] = model
    agent.reset()
    stopped = asyncio.ensure_future(solve(agent, tmp_path))
    await asyncio.sleep(0.1)
    agent.stop()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    assert (await solve(agent, tmp_path)).stop_reason == "answered in words; no code was run"
    assert model.closed
    await agent.aclose()


async def test_what_cannot_be_closed_does_not_keep_the_rest_from_being_closed(tmp_path: Path) -> None:
    class Broken(SlowToClose):
        async def close(self) -> None:
            raise OSError("the server is gone")

    agent, model = NotebookAgent("study"), SlowToClose(["x"])
    await solve(agent, tmp_path)
    agent.models._clients |= {Choice("broken", ()): Broken(["x"]), Choice("slow", ()): model}
    await agent.aclose()
    assert model.closed
    assert (await solve(agent, tmp_path)).stop_reason == "answered in words; no code was run"
    await agent.aclose()


async def test_while_a_task_is_worked_on_nothing_is_taken_back(tmp_path: Path) -> None:
    agent = NotebookAgent("study")
    with pytest.raises(AgentError, match="there is nothing to take again"):
        await agent.redo()
    first = asyncio.ensure_future(solve(agent, tmp_path))
    await asyncio.sleep(0)
    with pytest.raises(AgentError, match="working on another task: wait for it, or stop it first"):
        await agent.undo()
    await first
    undoing = asyncio.ensure_future(agent.undo())
    await asyncio.sleep(0)
    await solve(agent, tmp_path)
    assert (await undoing).state == "undone"
    await agent.end()


async def test_a_second_task_is_refused_and_a_reset_too(tmp_path: Path) -> None:
    agent = NotebookAgent("study")
    first = asyncio.ensure_future(solve(agent, tmp_path))
    await asyncio.sleep(0)
    with pytest.raises(AgentError, match="working on another task"):
        await solve(agent, tmp_path)
    with pytest.raises(AgentError, match="working on another task"):
        agent.reset()
    await first
    await agent.end()
    assert len(list(tmp_path.glob(".codeagent/sessions/*/session.ipynb"))) == 1


async def test_a_session_that_cannot_be_gone_on_with_costs_nothing_of_the_one_of_now(tmp_path: Path) -> None:
    """It had been ended first, and its variables were gone when the other one turned out to be open elsewhere."""
    here, elsewhere = NotebookAgent("study"), NotebookAgent("other")
    await solve(here, tmp_path, "```python\nx = 1\n```")
    await solve(elsewhere, tmp_path)
    assert here.session
    assert elsewhere.session
    with pytest.raises(AgentError, match="another session writes to"):
        await here.go_on(Earlier(name=elsewhere.session.name), Place(tmp_path))
    assert (await here.fetch("x", None)).value == 1
    await here.aclose()
    await elsewhere.aclose()


async def test_a_reset_ends_what_is_being_gone_on_with(tmp_path: Path) -> None:
    """It came all the same, a moment after the conversation had been cleared."""
    agent = NotebookAgent("study")
    await solve(agent, tmp_path, "```python\nimport time; time.sleep(2)\n```")
    assert agent.session
    name = agent.session.name
    agent.reset()
    going_on = asyncio.ensure_future(agent.go_on(Earlier(name=name), Place(tmp_path)))
    await asyncio.sleep(1)
    agent.reset()
    with pytest.raises(asyncio.CancelledError):
        await going_on
    assert agent.session is None
    assert (await solve(agent, tmp_path)).stop_reason == "answered in words; no code was run"
    assert agent.session.name != name
    await agent.aclose()


async def test_a_button_brings_nothing_of_another_session(tmp_path: Path) -> None:
    """After a resume or a reset, buttons that still stood there brought the variable of another session."""
    agent, mine = NotebookAgent("study"), {"x": "mine"}
    await solve(agent, tmp_path, "```python\nx = 1\n```")
    cell = CellRun(
        agent=agent,
        publisher=RecordedOutputs(InteractiveShell.instance().display_pub),
        place=Place(tmp_path),
        keep="all",
        buttons=True,
        begin=write_none,
        set_next_input=None,
        complete=lambda task, place, _: as_it_is(task, place),
        home=Home(mine, mine.update),
    )
    bring = cell.bringing()
    agent.reset()
    await solve(agent, tmp_path, "```python\nx = 2\n```")
    brought = await bring("x")
    assert (brought.came, mine) == ((), {"x": "mine"})
    assert "of a session that has ended" in brought.text
    assert (await cell.bringing()("x")).came
    assert mine == {"x": 2}
    await agent.aclose()
