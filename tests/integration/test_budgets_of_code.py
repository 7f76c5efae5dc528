"""Budgets of time, executions and output with a real kernel: what ran is kept, and the kernel goes on."""

import time
from pathlib import Path
from typing import Any

import nbformat
import pytest

from codeagent_nb import Budget, ReplayChatCompletionClient, RunSettings, earlier_session
from codeagent_nb.approval import refuse_unattended
from codeagent_nb.events import BlockFinishedEvent, RunFinishedEvent
from codeagent_nb.loop.results import TaskResult
from codeagent_nb.loop.spent import spent
from codeagent_nb.session.session import Session, SessionSettings, open_session

pytestmark = pytest.mark.integration


def python(code: str) -> str:
    return f"```python\n{code}\n```"


async def work(session: Session, *replies: str, **settings: Any) -> TaskResult:
    model = ReplayChatCompletionClient(replies)
    return await session.run("Do it.", RunSettings(model=model, max_steps=5, ask=refuse_unattended, **settings))


def end_of(session: Session) -> RunFinishedEvent:
    return [event for event in session.log.events if isinstance(event, RunFinishedEvent)][-1]


def blocks_of(session: Session) -> list[Any]:
    return [event.result for event in session.log.events if isinstance(event, BlockFinishedEvent)]


async def test_time_that_is_over_stops_code_as_stop_does_and_the_kernel_goes_on(tmp_path: Path) -> None:
    async with open_session(SessionSettings(notebook=tmp_path / "a.ipynb")) as session:
        await work(session, python("x = 41"), "Done.")
        began = time.monotonic()
        slow = python("print('begun', flush=True)\nx = 0\nimport time\ntime.sleep(60)")
        result = await work(session, slow, budget=Budget(seconds=1.0))
        assert time.monotonic() - began < 30
        assert end_of(session).status == "exhausted"
        assert result.stop_reason == end_of(session).reason
        assert "1 of 1 s" in end_of(session).reason
        stopped = blocks_of(session)[-1]
        assert stopped.status == "interrupted"
        assert "begun" in str(stopped.outputs)
        assert 0.5 < spent(session.log.events).seconds < 20
        await work(session, python("print(x + 1)"), "42.")
        assert "42" in str(blocks_of(session)[-1].outputs), "what was stopped has left nothing behind"
    notebook = nbformat.read(tmp_path / "a.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert [cell.source for cell in notebook.cells if cell.cell_type == "code"] == ["x = 41", "print(x + 1)"]
    assert "begun" in str(notebook.cells)


async def test_output_that_is_more_than_the_budget_is_kept_and_no_other_code_runs(tmp_path: Path) -> None:
    async with open_session(SessionSettings(notebook=tmp_path / "a.ipynb")) as session:
        much, more = python("print('a' * 200_000)"), python("open('more.txt', 'w')")
        result = await work(session, much, more, budget=Budget(output_bytes=100_000))
        assert end_of(session).reason.startswith("the budget of this run is used up: 200 kB of 100 kB of output")
        assert "aaaa" in result.messages[-1].content
        assert len(blocks_of(session)) == 1
        assert spent(session.log.events).output_bytes == 200_001
    assert not (tmp_path / "more.txt").exists()


async def test_a_session_that_is_opened_again_goes_on_with_its_budget(tmp_path: Path) -> None:
    settings, limit = SessionSettings(folder=tmp_path, name="study"), Budget(executions=2)
    async with open_session(settings) as session:
        for code in ("x = 1", "x += 1"):
            await work(session, python(code), "Done.", session_budget=limit)
            assert end_of(session).status == "succeeded"
    async with open_session(settings, earlier=earlier_session(tmp_path, "study")) as session:
        await work(session, python("x += 1"), session_budget=limit)
        assert end_of(session).reason.startswith("the budget of this session is used up: 2 of 2 executions")
        await work(session, python("print(x)"), "2.", session_budget=Budget(executions=3))
        assert "2" in str(blocks_of(session)[-1].outputs), "code that ran again for the session counts once"
