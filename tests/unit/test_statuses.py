"""Every surface says the same of the end of a run and of a block."""

from typing import Any, get_args

import pytest

from codeagent_nb.events import BlockFinishedEvent, RunFinishedEvent, RunStartedEvent, RunStatus
from codeagent_nb.models.types import RequestUsage
from codeagent_nb.projections.cell_output import CellStory
from codeagent_nb.projections.chat import PanelStory, state_after
from codeagent_nb.projections.notebook_cell import attempt_cell
from codeagent_nb.statuses import BLOCK_ENDS, RUN_ENDS
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.console import ConsoleView
from kernel_executor import BlockResult, CodeBlock
from kernel_executor.types import BlockStatus


def run_of(status: RunStatus) -> list[Any]:
    reason = RUN_ENDS[status].reason
    return [
        RunStartedEvent(source="coder", model="m", isolation="sandboxed", max_retries_on_error=0),
        RunFinishedEvent(source="coder", status=status, reason=reason, tries=1, usage=RequestUsage(), duration=1.0),
    ]


def test_every_status_has_its_row() -> None:
    assert set(RUN_ENDS) == set(get_args(RunStatus))
    assert set(BLOCK_ENDS) == set(get_args(BlockStatus))


@pytest.mark.parametrize("status", get_args(RunStatus))
def test_cell_panel_and_terminal_say_the_same_of_a_run(status: RunStatus, capsys: pytest.CaptureFixture[str]) -> None:
    end, events = RUN_ENDS[status], run_of(status)
    cell, panel, terminal = CellStory(), PanelStory(events), ConsoleView(CleanConsole())
    for event in events:
        cell.take(event)
        terminal.on_event(event)
    ((data, _),) = [bundle for key, bundle in cell.displays() if key == "end"]
    assert data["text/plain"].startswith(f"{end.shown.mark} {end.shown.word} · ")
    assert panel.entries[-1]["word"] == end.shown.word.capitalize()
    assert f"{end.shown.mark} {end.reason} (1 try," in capsys.readouterr().out
    assert state_after(events[-1]) == (
        {True: "done", False: "failed"}[end.is_good] if status != "cancelled" else "idle",
        "",
    )


@pytest.mark.parametrize("status", get_args(BlockStatus))
def test_panel_and_terminal_say_the_same_of_a_block(status: BlockStatus, capsys: pytest.CaptureFixture[str]) -> None:
    result = BlockResult(block=CodeBlock("x"), status=status, exit_code=int(status != "ok"))
    event = BlockFinishedEvent(source="executor", retry_attempt=0, block_id="b", result=result)
    ConsoleView(CleanConsole()).on_event(event)
    shown = BLOCK_ENDS[status].shown
    assert capsys.readouterr().out.startswith(f"{shown.mark} {shown.word}")
    assert PanelStory([event]).entries[-1]["word"] == shown.word.capitalize()


def test_an_attempt_in_a_notebook_of_another_version_is_told_by_its_own_word() -> None:
    assert "Attempt 3 levitated" in attempt_cell([], [], 3, "levitated").source
