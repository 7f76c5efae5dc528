"""That damaged code ran in another form is said on every surface, and to the model."""

import io

import pytest

from codeagent_nb.events import CodeGenerationEvent
from codeagent_nb.models.types import UserMessage
from codeagent_nb.projections.cell_output import CellStory
from codeagent_nb.projections.chat import PanelStory
from codeagent_nb.projections.notebook_cells import CellsStory
from codeagent_nb.prompt.transcript import prompt
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.console import ConsoleView
from tests.support.stories import STORIES, Stages, events_of

SAID = "damaged on its way (HTML entities)"


@pytest.fixture
def console() -> CleanConsole:
    return CleanConsole(file=io.StringIO(), width=100, color_system=None)


async def test_the_event_names_the_damage_and_holds_the_code_that_ran(stage: Stages) -> None:
    (event,) = [event for event in await events_of(stage, "damaged") if isinstance(event, CodeGenerationEvent)]
    assert (event.damage, event.code_blocks[0].code) == ("HTML entities", 'print("<b>")\n')


async def test_of_whole_code_nothing_is_said(stage: Stages) -> None:
    said = [event for event in await events_of(stage, "called") if isinstance(event, CodeGenerationEvent)]
    assert [event.damage for event in said] == [""]


async def test_the_panel_says_it(stage: Stages) -> None:
    notes = [
        entry["text"] for entry in PanelStory(await events_of(stage, "damaged")).entries if entry["kind"] == "note"
    ]
    assert any(SAID in note for note in notes)


async def test_the_cell_says_it(stage: Stages) -> None:
    story = CellStory("")
    for event in await events_of(stage, "damaged"):
        story.take(event)
    assert any(SAID in data["text/plain"] for _, (data, _) in story.displays() if data)


async def test_the_notebook_says_it(stage: Stages) -> None:
    story = CellsStory()
    for event in await events_of(stage, "damaged"):
        story.take(event)
    assert any(
        SAID.replace("(", "").split()[0] in cell.source and "HTML entities" in cell.source for cell in story.cells
    )


async def test_the_terminal_says_it(stage: Stages, console: CleanConsole) -> None:
    story = STORIES["damaged"]
    scene = stage(story.replies, story.results, views=[ConsoleView(console)])
    await scene.agent.run(task="Print it.")
    assert isinstance(console.file, io.StringIO)
    assert SAID in console.file.getvalue()


async def test_the_model_reads_it_with_what_its_code_gave(stage: Stages) -> None:
    log = await events_of(stage, "damaged")
    told = [message.content for message in prompt(log, "generate", "coder", None) if isinstance(message, UserMessage)]
    assert any("did not parse as it arrived (HTML entities)" in text and "<b>" in text for text in told)
