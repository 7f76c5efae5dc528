"""Tasks of several steps end as they should, and each surface tells what ran and what did not."""

import io
from itertools import pairwise

import pytest

from codeagent_nb import CodeExecutorAgent, ReplayChatCompletionClient
from codeagent_nb.approval import rejected
from codeagent_nb.events import AgentEvent, BlockFinishedEvent, RunFinishedEvent, TextMessage
from codeagent_nb.projections.cell_output import CellStory
from codeagent_nb.projections.chat import PanelStory
from codeagent_nb.projections.notebook_cells import CellsStory
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.console import ConsoleView
from kernel_executor.replay import ReplayCodeExecutor, failing
from tests.support.step_stories import MEAN, NUMBER, PLOT, STEP_STORIES, WORDS, YES, StepStory, py


class Played:
    """A story that was played, on every surface."""

    def __init__(self, story: StepStory) -> None:
        self.executor = ReplayCodeExecutor(story.results)
        self.model = ReplayChatCompletionClient(story.replies)
        self.cells, self.cell, self.panel = CellsStory(), CellStory(), PanelStory()
        self.console = CleanConsole(file=io.StringIO(), width=200, color_system=None)
        self.events: list[AgentEvent] = []
        self.agent = CodeExecutorAgent(
            "coder",
            self.executor,
            model_client=self.model,
            max_steps=story.steps,
            max_retries_on_error=story.retries,
            retry_by="status",
            approval_func=story.approver(),
            views=[self, ConsoleView(self.console)],
        )

    def on_event(self, event: AgentEvent) -> None:
        self.events.append(event)
        for story in (self.cells, self.cell, self.panel):
            story.take(event)

    @property
    def ran(self) -> list[str]:
        return [block.code.strip() for block in self.executor.executed]

    @property
    def surfaces(self) -> dict[str, str]:
        """All that stands on each of them."""
        assert isinstance(self.console.file, io.StringIO)
        return {
            "session": "\n".join(f"{cell.source}\n{cell.closing}" for cell in self.cells.cells),
            "cell": "\n".join(str(data.get("text/plain", "")) for _, (data, _) in self.cell.displays()),
            "panel": "\n".join(str(entry.get("text", "")) for entry in self.panel.entries),
            "console": self.console.file.getvalue(),
        }


async def play(name: str) -> Played:
    played = Played(STEP_STORIES[name])
    await played.agent.run(task="What is the mean mass?")
    return played


def test_there_are_forty_stories() -> None:
    assert len(STEP_STORIES) >= 40


@pytest.mark.parametrize("name", STEP_STORIES)
async def test_it_ends_as_it_should(name: str) -> None:
    story, played = STEP_STORIES[name], await play(name)
    assert played.ran == story.ran
    [end] = [event for event in played.events if isinstance(event, RunFinishedEvent)]
    assert end.status == story.status
    assert len(played.model.create_calls) == len(story.replies), "each reply was asked for"
    closing = played.events[-1]
    assert isinstance(closing, TextMessage)
    assert story.answer in plain(closing.content)


@pytest.mark.parametrize("name", STEP_STORIES)
async def test_each_surface_tells_the_answer_and_what_did_not_run(name: str) -> None:
    story, played = STEP_STORIES[name], await play(name)
    for surface, text in played.surfaces.items():
        words = plain(text)
        if story.not_run:
            assert plain(story.not_run) in words, surface
        assert plain(story.answer) in words, surface
        assert "9999.99" not in words or surface == "console", "a pretended output"


@pytest.mark.parametrize("name", STEP_STORIES)
async def test_code_cells_are_the_code_that_ran_well_in_order(name: str) -> None:
    played = await play(name)
    statuses = [event.result.status for event in played.events if isinstance(event, BlockFinishedEvent)]
    ran_well = {code for code, status in zip(played.ran, statuses, strict=True) if status == "ok"}
    sources = [cell.source for cell in played.cells.cells if cell.cell_type == "code"]
    assert {source.removeprefix("%%bash\n") for source in sources} <= ran_well
    assert played.cells.drafts == []


async def test_a_last_step_that_fails_is_not_said_to_be_all_of_it() -> None:
    played = await play("a plot fails for good after the mean")
    closing = played.events[-1]
    assert isinstance(closing, TextMessage)
    assert closing.content.startswith("The last step did not succeed; the last attempt ended with ValueError: bad.")
    assert "**The last step did not succeed" in played.surfaces["session"]


async def test_rejected_code_and_what_follows_it_never_share_a_cell() -> None:
    """Its cell may have been edited, and is the user's then: the code that follows would not be written."""
    story = STEP_STORIES["a no with a reason"]
    cells, seen = CellsStory(), dict[str, set[str]]()
    played = Played(story)
    await played.agent.run(task="What is the mean mass?")
    for event in played.events:
        cells.take(event)
        for cell in (*cells.cells, *cells.drafts):
            if cell.cell_type == "code" and cell.source:
                seen.setdefault(cell.key, set()).add(cell.source)
    assert sorted(seen.values(), key=str) == [{"df.mass.mean()"}, {"df.mass.plot()"}]


async def test_a_no_is_not_told_in_the_next_task() -> None:
    replies = [PLOT, py("a"), MEAN, WORDS]
    played = Played(StepStory(replies, [failing(), NUMBER], "denied", [], "", answers=[rejected(""), YES, YES]))
    await played.agent.run(task="Plot it.")
    await played.agent.run(task="What is the mean mass?")
    assert "Not approved" not in played.surfaces["session"]


async def test_what_ran_well_stays_where_only_the_final_attempts_are_kept() -> None:
    played = await play("a middle step fails and is repaired")
    kept = "\n".join(str(data.get("text/plain", "")) for _, (data, _) in played.cell.final())
    assert "df.columns" in kept
    assert "4201.75" in kept
    assert "df.weight" not in kept
    sources = [cell.source for cell in played.cells.cells if cell.step not in played.cells.failed_steps]
    assert "df.columns" in sources
    assert "df.mass.mean()" in sources


@pytest.mark.parametrize("name", STEP_STORIES)
async def test_the_prompt_grows_only_at_its_end_and_takes_turns(name: str) -> None:
    played = await play(name)
    prompts = [call.messages for call in played.model.create_calls]
    for prompt in prompts:
        roles = [type(message).__name__ for message in prompt]
        assert all(first != second for first, second in pairwise(roles)), roles
    for earlier, later in pairwise(prompts):
        assert later[: len(earlier) - 1] == earlier[:-1], "the server's prefix cache holds but for the last question"
    assert "9999.99" not in str(prompts[1:])


def plain(text: str) -> str:
    """Text without marks of Markdown and line ends, which surfaces set each in their own way."""
    return " ".join(text.replace("\\", "").replace("*", "").replace("`", "").replace("▲", "").split())
