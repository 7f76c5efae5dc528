"""A task that was taken back: no code of it stands in the prompt or as a cell, and every surface says so; and again."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from codeagent_nb.errors import SessionError
from codeagent_nb.events import AgentEvent, FilesEvent, LateOutputEvent, TaskTurnedEvent, TextMessage, VariableEvent
from codeagent_nb.log.event_log import EventLog
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.log.standing import standing
from codeagent_nb.notebook import commands
from codeagent_nb.projections.cell_output import CellStory, CellSummary
from codeagent_nb.projections.chat import PanelStory
from codeagent_nb.projections.notebook_cells import CellsStory
from codeagent_nb.projections.notebook_text import NotebookText
from codeagent_nb.prompt.model_texts import TAKEN_BACK
from codeagent_nb.prompt.transcript import prompt
from codeagent_nb.session.undoing import Undoing
from codeagent_nb.text import turned_note
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.console import ConsoleView
from kernel_executor import Append, DeliveredFile
from kernel_executor.replay import ReplayCodeExecutor
from tests.support.notebooks import notebook_of
from tests.support.stories import STORIES, Stages, events_of


def turned(events: Sequence[AgentEvent], state: Any = "undone", files: tuple[str, ...] = ()) -> TaskTurnedEvent:
    task = next(event for event in events if isinstance(event, TextMessage))
    return TaskTurnedEvent(source="user", state=state, task=task.content, began=task.created_at, files=files)


def said(log: Sequence[AgentEvent]) -> list[str]:
    return [str(message.content) for message in prompt(log, "generate", "coder", None)]


def code_of(log: Sequence[AgentEvent]) -> list[str]:
    return [cell.source for cell in notebook_of(log).cells if cell.cell_type == "code"]


async def two_tasks(stage: Stages) -> tuple[list[AgentEvent], list[AgentEvent]]:
    return await events_of(stage, "succeeded"), await events_of(stage, "repaired")


@pytest.mark.parametrize("path", STORIES)
async def test_after_redo_all_is_as_it_was(stage: Stages, path: str) -> None:
    one = await events_of(stage, "succeeded")
    two = await events_of(stage, path)
    log = [*one, *two]
    undone = [*log, turned(two)]
    redone = [*undone, turned(two, "redone")]
    assert standing(redone) == tuple(log)
    assert said(redone) == said(log)
    assert notebook_of(redone) == notebook_of(log)
    assert standing(undone) == (*one, undone[-1])
    assert code_of(undone) == code_of(one)


async def test_the_prompt_has_one_line_in_the_place_of_tasks_that_were_taken_back(stage: Stages) -> None:
    one, two = await two_tasks(stage)
    both = said([*one, *two])
    assert said([*one, *two, turned(two)]) == [*said(one), TAKEN_BACK]
    log = [*one, *two, turned(two), turned(one)]
    assert said(log) == [TAKEN_BACK]
    assert said([*log, turned(one, "redone")]) == [*said(one), TAKEN_BACK]
    assert said([*log, turned(one, "redone"), turned(two, "redone")]) == both


async def test_variables_that_came_after_the_task_began_go_with_it(stage: Stages) -> None:
    one, two = await two_tasks(stage)
    loads = VariableEvent(source="notebook", name="df", code="df = 1", description="`df`: a number")
    assert standing([*one, loads, *two, turned(two)])[:-1] == (*one, loads)
    log = [*one, loads, *two, turned(two), turned(one)]
    assert standing(log) == (log[-1],)
    assert code_of(log) == []


async def test_the_code_of_a_task_is_quoted_and_its_words_stay(stage: Stages) -> None:
    one, two = await two_tasks(stage)
    before, after = notebook_of([*one, *two]).cells, notebook_of([*one, *two, turned(two, files=("a.csv",))]).cells
    assert [cell.cell_type for cell in after] == [
        *(cell.cell_type for cell in notebook_of(one).cells),
        *("markdown" for _ in range(len(after) - len(notebook_of(one).cells))),
    ]
    quoted = next(cell for cell in after if cell.source.startswith("<details><summary>Taken back</summary>"))
    assert "```python\nprint(2)\n```" in quoted.source
    assert quoted.metadata.codeagent.kind == "quoted"
    assert after[len(notebook_of(one).cells)].source.startswith("## Task, taken back")
    assert after[-1].source.endswith("Files it delivered stay: a.csv.*")
    assert len(after) == len(before) + 1


async def test_each_cell_has_a_key_of_its_own_and_a_next_task_goes_on_below(stage: Stages) -> None:
    one, two = await two_tasks(stage)
    three = await events_of(stage, "succeeded")
    story = CellsStory()
    for event in [*one, turned(one), turned(one, "redone"), *two, turned(two), *three]:
        story.take(event)
    keys = [cell.key for cell in story.cells]
    assert len({*keys}) == len(keys)
    assert all(keys)
    assert [cell.source for cell in story.cells if cell.cell_type == "code"] == ["print(1)", "print(1)"]


async def test_a_notebook_that_is_saved_step_by_step_is_the_same(stage: Stages) -> None:
    one, two = await two_tasks(stage)
    log = [*one, *two, turned(two), turned(one), turned(one, "redone"), turned(two, "redone"), turned(two), *one]
    notebook = NotebookText()
    for number, event in enumerate(log, start=1):
        notebook.take(event)
        if number >= len(one):
            whole = NotebookText()
            for each in log[:number]:
                whole.take(each)
            assert b"".join(notebook.content) == b"".join(whole.content), number


async def test_late_output_of_a_task_that_was_taken_back_harms_nothing(stage: Stages) -> None:
    one = await events_of(stage, "succeeded")
    block = next(event.block_id for event in one if event.type == "BlockStartedEvent")
    late = LateOutputEvent(
        source="executor",
        block_id=block,
        change=Append({"output_type": "stream", "name": "stdout", "text": "late"}),
    )
    assert code_of([*one, turned(one), late]) == []


def in_console(events: Sequence[AgentEvent]) -> str:
    file = io.StringIO()
    view = ConsoleView(CleanConsole(file=file, width=200))
    for event in events:
        view.on_event(event)
    return file.getvalue()


def under_the_cell(story: CellStory, take: Callable[[AgentEvent], None], events: Sequence[AgentEvent]) -> str:
    for event in events:
        take(event)
    return "\n".join(data["text/plain"] for _, (data, _) in story.displays() if data)


async def test_every_surface_says_it(stage: Stages) -> None:
    one = await events_of(stage, "succeeded")
    undone = turned(one, files=("a.csv", "b.png"))
    note = turned_note(undone)
    assert note.startswith("Took back the last task: ")
    assert note.endswith(" Its variables are as before it. Files it delivered stay: a.csv, b.png.")
    again = turned_note(turned(one, "redone"))
    assert again.endswith("Its variables are as after it.")

    assert f"▲ {note}" in in_console([*one, undone])
    panel = PanelStory([*one, undone])
    assert (panel.entries[-1]["kind"], panel.entries[-1]["text"]) == ("note", note)
    for story in (CellStory(), CellStory()):
        assert note in under_the_cell(story, story.take, [*one, undone])
        shown = under_the_cell(story, story.take, [turned(one, "redone")])
        assert again in shown
        assert note not in shown
    story = CellStory()
    assert note in under_the_cell(story, CellSummary(story).take, [*one, undone])


async def test_in_the_panel_entries_of_what_is_gone_are_marked(stage: Stages) -> None:
    one, two = await two_tasks(stage)

    def marked(*turns: TaskTurnedEvent) -> list[str]:
        entries = PanelStory([*one, *two, *turns]).entries
        return ["gone" if entry.get("taken_back") else entry["kind"] for entry in entries if entry["kind"] != "note"]

    plain = marked()
    first = len([entry for entry in PanelStory(one).entries if entry["kind"] != "note"])
    gone = ["gone"] * (len(plain) - first)
    assert marked(turned(two)) == [*plain[:first], *gone]
    assert marked(turned(two), turned(two, "redone")) == plain
    assert marked(turned(two), turned(one)) == ["gone"] * len(plain)
    assert marked(turned(two), turned(one), turned(one, "redone")) == [*plain[:first], *gone]


async def test_a_cell_says_it_of_its_own_task_only(stage: Stages) -> None:
    one, two = await two_tasks(stage)
    story = CellStory()
    assert "Took back" not in under_the_cell(story, story.take, [*two, turned(one)])


async def test_the_history_says_which_tasks_were_taken_back(stage: Stages) -> None:
    one, two = await two_tasks(stage)
    log = [*one, *two, turned(two)]
    assert [line.split()[1] for line in commands.history(log).splitlines()[::2]] == ["succeeded", "taken"]
    assert "taken back" not in commands.history([*log, turned(two, "redone")])


def test_a_long_task_is_told_by_its_first_words() -> None:
    began = TextMessage(source="user", content=f"Count\n\n{'x' * 100}")
    assert f"task: Count {'x' * 63}… Its variables" in turned_note(turned([began]))


async def test_an_executor_without_checkpoints_says_why_nothing_is_taken_back() -> None:
    log = EventLog(Secrets({}))
    undoing = Undoing(ReplayCodeExecutor([]), log)
    with pytest.raises(SessionError, match="nothing to take back"):
        await undoing.undo()
    before = await undoing.keep()
    log.publish(TextMessage(source="user", content="Count."))
    undoing.add(before, 0)
    with pytest.raises(SessionError, match="the last task cannot be taken back: this executor takes no checkpoints"):
        await undoing.undo()
    log.replace(())
    with pytest.raises(SessionError, match="nothing to take back"):
        await undoing.undo()


def test_files_of_other_tasks_are_not_told() -> None:
    log = EventLog(Secrets({}))
    undoing = Undoing(ReplayCodeExecutor([]), log)
    for task in ("one", "two"):
        position = len(log.events)
        log.publish(TextMessage(source="user", content=task))
        log.publish(
            FilesEvent(source="executor", delivered=(DeliveredFile(f"{task}.csv", 1), DeliveredFile(f"{task}.txt", 1)))
        )
        log.publish(FilesEvent(source="executor", removed=(f"{task}.txt",)))
        undoing.add("", position)
    assert [undoing._files_of(done) for done in undoing._done] == [["one.csv"], ["two.csv"]]
