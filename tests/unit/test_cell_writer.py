"""Cells in the open notebook: they are the run's, they leave the user's alone, and no page that fails harms the run."""

import asyncio
import copy
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from codeagent_nb.events import (
    ApprovalEvent,
    BlockFinishedEvent,
    BlockOutputEvent,
    BlockStartedEvent,
    CodeExecutionEvent,
    GivenCodeFinishedEvent,
    LateOutputEvent,
    ModelClientStreamingChunkEvent,
    ModelReplyEvent,
    RequestUsage,
    RunStartedEvent,
    TextMessage,
)
from codeagent_nb.notebook.cells import page, sync as cell_writer
from codeagent_nb.notebook.cells.begin import (
    NO_EXTENSION,
    READ_ONLY,
    begin_writing,
    last_good_code,
    page_at_end,
    page_below,
)
from codeagent_nb.notebook.cells.layout import digest
from codeagent_nb.notebook.cells.page import Page
from codeagent_nb.notebook.cells.sync import REPLACED, CellWriter
from codeagent_nb.projections.notebook_cells import CellsStory
from codeagent_nb.rendering.cell_outputs import shown_output
from kernel_executor import Append, BlockResult, CodeBlock, CodeResult
from tests.support.stories import CODE, DENY, STORIES, Stages, events_of
from tests.unit.memory_page import Front, Window

LOST = "The notebook was closed or did not answer: what is missing in it is in s.ipynb."
LEFT = "1 cell that you changed or deleted while the agent was writing: left alone. What the agent wrote is in s.ipynb."


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell_writer, "SECONDS_BETWEEN", 0)
    monkeypatch.setattr(cell_writer, "SECONDS_LOST", 0.02)
    monkeypatch.setattr(page, "HELLO_PATIENCE", 0.03)
    monkeypatch.setattr(page, "PATIENCE", 0.03)


async def begun(front: Front, anchor: str | None = "anchor", **options: Any) -> CellWriter:
    asks(front, anchor)
    writing = await begin_writing(Page(anchor, "w1", front.connect), **options)
    assert writing.writer, writing.why_not
    return writing.writer


def asks(front: Front, anchor: str | None, client: str = "w1") -> None:
    """The user asks for a task: by a cell, or from the panel."""
    for window in front.windows:
        if window.client == client and anchor:
            window.run(anchor)
        elif window.client == client:
            window.send_from_panel()


async def settled(writer: CellWriter) -> None:
    """Wait until everything that happened so far is written, or cannot be."""
    while writing := writer._writing:
        await asyncio.wait({writing}, timeout=5)


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if is_so():
            return
        await asyncio.sleep(0.005)
    pytest.fail("that never came about")


async def run(stage: Stages, path: str, front: Front, **options: Any) -> CellWriter:
    writer = await begun(front, **options)
    for event in await events_of(stage, path):
        writer.on_event(event)
        await asyncio.sleep(0)
    await writer.finish()
    return writer


def told(events: Any, *, hidden: str = "task") -> list[tuple[str, str, Any, Any]]:
    """What the story says: type, source and outputs of each cell; the count is for the notebook's kernel to give."""
    story = CellsStory()
    for event in events:
        story.take(event)
    return [
        (cell.cell_type, cell.source, [*map(shown_output, cell.outputs)], None)
        for cell in story.cells
        if cell.about["kind"] != hidden
    ]


def written(window: Window) -> list[tuple[str, str, Any, Any]]:
    return [
        (cell["cell_type"], cell["source"], cell.get("outputs", []), cell.get("execution_count"))
        for cell in window.made
    ]


def sources(window: Window) -> list[str]:
    return [cell["source"] for cell in window.cells]


def notes(writer: CellWriter) -> list[str]:
    return [*writer.notes("s.ipynb")]


# A run told by hand


def start(*, retries: int = 3) -> list[Any]:
    started = RunStartedEvent(source="coder", model="m", isolation="i", max_retries_on_error=retries)
    return [TextMessage(source="user", content="Do it."), started]


def chunk(text: str) -> ModelClientStreamingChunkEvent:
    return ModelClientStreamingChunkEvent(source="coder", content=text)


def reply(content: str, purpose: Any = "generate") -> ModelReplyEvent:
    return ModelReplyEvent(
        source="coder", purpose=purpose, content=content, finish_reason="stop", usage=RequestUsage(), duration=0
    )


def begins(source: str = "print(1)", block_id: str = "1") -> BlockStartedEvent:
    return BlockStartedEvent(source="x", retry_attempt=0, block_id=block_id, block=CodeBlock(source, "python"))


def prints(text: str, kind: Any = BlockOutputEvent) -> Any:
    return kind(source="x", block_id="1", change=Append({"output_type": "stream", "name": "stdout", "text": text}))


def ends(text: str, source: str = "print(1)", **more: Any) -> list[Any]:
    output = {"output_type": "stream", "name": "stdout", "text": text}
    facts = {"status": "ok", "exit_code": 0, "execution_count": 1, **more}
    result = BlockResult(block=CodeBlock(source, "python"), outputs=(output,), **facts)
    return [
        BlockFinishedEvent(source="x", retry_attempt=0, block_id="1", result=result),
        CodeExecutionEvent(
            source="x", retry_attempt=0, result=CodeResult(blocks=(result,), exit_code=result.exit_code, output="")
        ),
    ]


def says(text: str = "It is 1.") -> list[Any]:
    return [reply(text, "reflect")]


async def tell(writer: CellWriter, *events: Any) -> None:
    for event in events:
        writer.on_event(event)
    await settled(writer)


# Cells arrive


@pytest.mark.parametrize("on_thread", [False, True])
@pytest.mark.parametrize("path", STORIES)
async def test_the_cells_of_a_run_stand_below_the_cell_that_asked(stage: Stages, path: str, on_thread: bool) -> None:
    window = Window("%%agent", "mine")
    front = Front(window)
    front.on_thread = on_thread
    asyncio.get_running_loop().set_debug(on_thread)  # it complains of what another thread may not do
    writer = await begun(front)
    events = await events_of(stage, path)
    for event in events:
        writer.on_event(event)
        await asyncio.sleep(0)
    await writer.finish()
    assert written(window) == told(events)
    assert sources(window)[0] == "%%agent"
    assert sources(window)[-1] == "mine"
    assert notes(writer) == []
    assert all(comm.is_closed for comm in front.comms)


async def test_the_cells_say_whose_they_are(stage: Stages) -> None:
    window = Window("%%agent")
    await run(stage, "repaired", Front(window))
    about = [cell["metadata"]["codeagent"] for cell in window.made]
    assert {one["cell"] for one in about} == {"anchor"}
    assert not any("seconds" in one for one in about), "they would be others each time"
    assert [(one["kind"], one["step"]) for one in about] == [
        ("quoted", "1"),
        ("note", "1"),
        ("code", "2"),
        ("reflection", "3"),
    ]
    assert [one["sha256"] for one in about] == [digest(cell["source"]) for cell in window.made]
    assert [cell["cell_type"] for cell in window.made] == ["markdown", "markdown", "code", "markdown"]
    assert all(cell["metadata"].keys() == {"codeagent"} for cell in window.made)


async def test_without_an_anchor_the_task_is_written_too_and_all_stands_at_the_end(stage: Stages) -> None:
    window = Window("panel()", "mine")
    writer = await run(stage, "succeeded", Front(window), anchor=None)
    assert sources(window) == ["panel()", "mine", "Print one.", "print(1)", "It printed 1."]
    assert notes(writer) == []
    await run(stage, "answered", Front(window), anchor=None)
    assert sources(window)[-2:] == ["Print one.", "Paris."]
    assert len(set(window.ids)) == len(window.ids)


async def test_a_cell_grows_while_the_model_writes_it_and_while_it_runs() -> None:
    window = Window("%%agent")
    front = Front(window)
    writer = await begun(front)
    await tell(writer, *start(), chunk("I do.\n\n```python\nx = 1\n"))
    (draft,) = window.made
    assert (draft["source"], draft["metadata"]["codeagent"]["status"]) == ("x = 1", "writing")
    assert "sha256" not in draft["metadata"]["codeagent"]
    await tell(writer, chunk("print(x)\n```"), reply("I do.\n\n```python\nx = 1\nprint(x)\n```"))
    assert [cell["metadata"]["codeagent"]["status"] for cell in window.made] == ["waiting"]
    await tell(writer, begins("x = 1\nprint(x)"), prints("1"))
    await tell(writer, prints("23"))
    (cell,) = window.made
    assert cell["id"] == draft["id"]
    assert (cell["outputs"][0]["text"], cell["metadata"]["codeagent"]["status"]) == ("123", "running")
    assert front.changes("source") == [{"do": "source", "id": cell["id"], "from": 5, "text": "\nprint(x)"}]
    assert [change["text"] for change in front.changes("append")] == ["23"]
    await writer.finish()


async def test_code_that_nobody_allowed_goes_again(stage: Stages) -> None:
    window = Window("%%agent")
    writer = await begun(Front(window))
    seen: list[list[str]] = []

    def ask(_: Any) -> Any:
        return DENY["approval_func"](_)

    scene = stage([CODE], [], approval_func=ask)
    scene.agent.log.attach(writer)
    await scene.agent.run(task="t")
    await writer.finish()
    seen.append([cell["metadata"]["codeagent"]["kind"] for cell in window.made])
    assert seen == [["answer"]]


async def test_only_the_last_attempt_stays_where_that_was_asked_for(stage: Stages) -> None:
    window = Window("%%agent")
    writer = await run(stage, "repaired", Front(window), last_attempt_only=True)
    assert sources(window) == ["%%agent", "print(2)", "Two."]
    assert notes(writer) == []


async def test_the_last_attempt_stays_though_it_was_refused(stage: Stages) -> None:
    window = Window("%%agent")
    await run(stage, "repeated", Front(window), last_attempt_only=True)
    assert [cell["metadata"]["codeagent"]["kind"] for cell in window.made] == ["note", "reflection"]
    assert "was not run" in window.made[0]["source"]


async def test_each_step_can_be_undone_by_itself(stage: Stages) -> None:
    window = Window("%%agent")
    await run(stage, "repaired", Front(window))
    kinds = [[window.cell(name)["metadata"]["codeagent"]["kind"] for name in step] for step in window.steps.values()]
    assert kinds == [["quoted", "note"], ["code"], ["reflection"]]


@pytest.mark.parametrize("anchor", ["a" * 64, "b" * 41, "anchor"])
async def test_ids_are_valid_however_long_that_of_the_cell_above_is(stage: Stages, anchor: str) -> None:
    window = Window("%%agent")
    window.cells[0]["id"] = anchor
    await run(stage, "repaired", Front(window), anchor=anchor)
    assert len(window.made) == 4
    assert all(len(name) <= 64 for name in window.ids)


async def test_code_is_a_cell_while_it_runs_and_a_folded_quotation_once_it_has_failed() -> None:
    window = Window("%%agent", "mine")
    writer = await begun(Front(window))
    first, second = [BlockResult(block=CodeBlock(code), status="ok", exit_code=0) for code in ("x = 1", "x / 0")]
    failed = replace(second, status="error", exit_code=1, ename="ZeroDivisionError", evalue="division by zero")
    await tell(writer, *start(), begins("x = 1"), finished(first), begins("x / 0", "2"))
    assert [cell["cell_type"] for cell in window.made] == ["code", "code"]
    await tell(writer, finished(failed, "2"))
    (cell,) = window.made
    assert cell["source"] == (
        "<details><summary>Attempt 1 failed: ZeroDivisionError: division by zero</summary>\n\n"
        "```python\nx = 1\n```\n\n```python\nx / 0\n```\n\n</details>"
    )
    await writer.finish()
    assert sources(window) == ["%%agent", cell["source"], "mine"]
    assert notes(writer) == []


async def test_code_whose_end_is_never_told_does_not_stay_a_cell() -> None:
    window = Window("%%agent")
    writer = await begun(Front(window))
    await tell(writer, *start(), begins(), prints("1\n"))
    await writer.finish()
    assert [cell["cell_type"] for cell in window.made] == ["markdown"]


def finished(result: BlockResult, block_id: str = "1") -> BlockFinishedEvent:
    return BlockFinishedEvent(source="x", retry_attempt=0, block_id=block_id, result=result)


# What the user does meanwhile


async def test_a_cell_that_the_user_edits_meanwhile_is_the_users() -> None:
    window = Window("%%agent", "mine")
    writer = await begun(Front(window))
    await tell(writer, *start(), begins(), prints("1\n"))
    window.made[0]["source"] = "print(2)"
    await tell(writer, prints("2\n"))
    await tell(writer, *ends("1\n2\n"), *says())
    await writer.finish()
    assert sources(window) == ["%%agent", "print(2)", "It is 1.", "mine"]
    assert window.cells[1]["outputs"][0]["text"] == "1\n"
    assert notes(writer) == [LEFT]
    assert [cell["source"] for cell in window.made] == ["It is 1."], "our mark is gone"
    await run_anew(window)
    assert "print(2)" in sources(window), "nor does the next run take it away"


async def run_anew(window: Window, text: str = "1\n", *, front: Front | None = None) -> CellWriter:
    """Run a cell whose code is the same, in another session."""
    writer = await begun(front or Front(window))
    await tell(writer, *start(), begins(), *ends(text), *says())
    await writer.finish()
    return writer


async def test_a_cell_that_the_user_ran_meanwhile_is_the_users() -> None:
    window = Window("%%agent")
    writer = await begun(Front(window))
    await tell(writer, *start(), begins())
    window.made[0] |= {"outputs": [{"output_type": "stream", "name": "stdout", "text": "mine"}], "execution_count": 7}
    await tell(writer, prints("1\n"), *ends("1\n"), *says())
    await writer.finish()
    assert window.cells[1]["execution_count"] == 7
    assert window.cells[1]["outputs"][0]["text"] == "mine"
    assert notes(writer) == [LEFT]


async def test_a_cell_that_the_user_deletes_meanwhile_stays_away() -> None:
    window = Window("%%agent", "mine")
    writer = await begun(Front(window))
    await tell(writer, *start(), begins(), prints("1\n"))
    window.delete(window.made[0]["id"])
    await tell(writer, prints("2\n"))
    await tell(writer, *ends("1\n2\n"), *says())
    await writer.finish()
    assert sources(window) == ["%%agent", "It is 1.", "mine"]
    assert notes(writer) == [LEFT]


async def test_a_cell_that_the_user_edits_and_then_deletes_stays_away() -> None:
    window = Window("%%agent")
    writer = await begun(Front(window))
    await tell(writer, *start(), begins(), prints("1\n"))
    window.made[0]["source"] = "mine"
    await tell(writer, prints("2\n"))
    window.delete(window.cells[1]["id"])
    await tell(writer, *ends("1\n2\n"), *says())
    await writer.finish()
    assert sources(window) == ["%%agent", "It is 1."]
    assert notes(writer) == [LEFT]


async def test_a_step_that_the_user_took_back_does_not_come_back() -> None:
    window = Window("%%agent")
    writer = await begun(Front(window))
    await tell(writer, *start(), begins())
    window.undo()
    await tell(writer, prints("1\n"), *ends("1\n"), *says())
    await writer.finish()
    assert sources(window) == ["%%agent", "It is 1."]
    assert notes(writer) == [LEFT]


async def test_where_the_asking_cell_is_deleted_nothing_more_is_written() -> None:
    window = Window("%%agent", "mine")
    writer = await begun(Front(window))
    window.delete("anchor")
    await tell(writer, *start(), begins(), *ends("1\n"), *says())
    await writer.finish()
    assert sources(window) == ["mine"]
    assert notes(writer) == [LEFT.replace("1 cell", "2 cells", 1)]


async def test_a_draft_that_the_user_edited_is_not_taken_away() -> None:
    window = Window("%%agent")
    writer = await begun(Front(window))
    await tell(writer, *start(), reply(CODE))
    window.made[0]["source"] = "print(1)  # mine"
    await writer.finish()
    assert sources(window) == ["%%agent", "print(1)  # mine"]


# The same cell again


async def test_running_the_cell_again_replaces_what_it_made_and_keeps_the_ids(stage: Stages) -> None:
    window = Window("%%agent", "mine")
    await run(stage, "repaired", Front(window))
    first = window.ids
    await run(stage, "repaired", Front(window))
    assert window.ids == first
    before = copy.deepcopy(window.cells)
    await run(stage, "repaired", Front(window))
    assert window.cells == before
    writer = await run(stage, "answered", Front(window))
    assert sources(window) == ["%%agent", "Paris.", "mine"]
    assert notes(writer) == []


async def test_what_is_made_again_stays_in_place_and_shows_what_it_gave_this_time() -> None:
    window = Window("%%agent", "mine")
    await run_anew(window, "1\n")
    before = copy.deepcopy(window.cells)
    front = Front(window)
    writer = await run_anew(window, "2\n", front=front)
    assert front.changes("insert") == front.changes("remove") == []
    assert window.made[0]["outputs"][0]["text"] == "2\n"
    window.made[0]["outputs"][0]["text"] = "1\n"
    assert window.cells == before
    assert notes(writer) == []


async def test_code_that_the_notebooks_kernel_has_run_stays_as_it_gave_it_where_it_is_made_again() -> None:
    """As Run All does: the cells are run once the task has ended, and are there for it."""
    window = Window("%%agent", "mine")
    await run_anew(window, "1\n")
    window.made[0] |= {"execution_count": 7, "outputs": [{"output_type": "stream", "name": "stdout", "text": "own"}]}
    window.made[0]["metadata"]["codeagent"]["ran"] = True
    before = copy.deepcopy(window.cells)
    for _ in range(2):
        assert notes(await run_anew(window, "2\n")) == []
        assert window.cells == before


async def test_what_was_kept_stays_as_it_is_where_it_is_made_again_however_often(stage: Stages) -> None:
    window = Window("%%agent", "mine")
    await run(stage, "repaired", Front(window))
    for cell in window.made:
        cell["metadata"]["codeagent"]["kept"] = True
    before = copy.deepcopy(window.cells)
    for _ in range(3):
        assert notes(await run(stage, "repaired", Front(window))) == []
        assert window.cells == before


async def test_an_answer_that_is_lost_while_the_same_is_made_again_does_no_harm() -> None:
    window = Window("%%agent", "mine")
    await run_anew(window, "1\n")
    front = Front(window)
    front.lose = first(1)
    writer = await run_anew(window, "2\n", front=front)
    assert sources(window) == ["%%agent", "print(1)", "It is 1.", "mine"]
    assert window.made[0]["outputs"][0]["text"] == "2\n"
    assert notes(writer) == []


async def test_as_long_as_it_may_become_the_same_the_cells_stand(stage: Stages) -> None:
    window = Window("%%agent", "mine")
    await run(stage, "repaired", Front(window))
    before = copy.deepcopy(window.cells)
    front = Front(window)
    writer = await begun(front)
    events = await events_of(stage, "repaired")
    for event in events[:-1]:
        writer.on_event(event)
        await settled(writer)
        assert window.cells == before
    await tell(writer, chunk("Other words."), reply("Other words.", "reflect"))
    assert len(front.changes("insert")) > 0


# Approval


async def test_code_is_approved_as_it_stands_in_its_cell() -> None:
    window = Window("%%agent", "mine")
    writer = await begun(Front(window))
    shell = CodeBlock("echo 1", "bash")
    await tell(writer, *start(), reply("```python\nprint(1)\n```\n```bash\necho 1\n```"))
    blocks = (CodeBlock("print(1)\n", "python"), shell)
    assert await writer.as_they_stand(blocks) == blocks
    window.edit(window.made[0]["id"], "print(2)")
    edited = (CodeBlock("print(2)", "python"), shell)
    assert await writer.as_they_stand(blocks) == edited
    window.edit(window.made[1]["id"], "%%bash\necho 2")
    assert (await writer.as_they_stand(blocks))[1] == CodeBlock("echo 2", "bash")
    approved = ApprovalEvent(source="x", retry_attempt=0, approved=True, reason="", code_blocks=edited[:1])
    await tell(writer, approved, begins("print(2)"), prints("2\n"), *ends("2\n", "print(2)"), *says("It is 2."))
    await writer.finish()
    assert sources(window)[1] == "print(2)"
    assert window.made[0]["outputs"][0]["text"] == "2\n", "it is the task's again"


async def test_where_nobody_answers_it_is_not_known_what_stands_there() -> None:
    window = Window("%%agent")
    front = Front(window)
    writer = await begun(front)
    await tell(writer, *start(), reply("```python\nprint(1)\n```"))
    window.edit(window.made[0]["id"], "print(2)")
    front.lose = lambda _: True
    assert await writer.as_they_stand((CodeBlock("print(1)", "python"),)) is None


async def test_a_page_that_was_loaded_again_is_asked_what_stands_there() -> None:
    window = Window("%%agent")
    writer = await begun(Front(window))
    await tell(writer, *start(), reply("```python\nprint(1)\n```"))
    window.reload()
    window.edit(window.made[0]["id"], "print(2)")
    edited = (CodeBlock("print(2)", "python"),)
    assert await writer.as_they_stand((CodeBlock("print(1)", "python"),)) == edited
    approved = ApprovalEvent(source="x", retry_attempt=0, approved=True, reason="", code_blocks=edited)
    await tell(writer, approved, begins("print(2)"), prints("2\n"), *ends("2\n", "print(2)"), *says("It is 2."))
    await writer.finish()
    assert sources(window) == ["%%agent", "print(2)", "It is 2."]
    assert window.made[0]["outputs"][0]["text"] == "2\n"
    assert notes(writer) == []


async def test_code_whose_cell_was_taken_away_is_not_approved() -> None:
    window = Window("%%agent")
    writer = await begun(Front(window))
    blocks = (CodeBlock("a = 1", "python"), CodeBlock("b = 2", "python"))
    await tell(writer, *start(), reply("```python\na = 1\n```\n```python\nb = 2\n```"))
    window.delete(window.made[1]["id"])
    assert await writer.as_they_stand(blocks) == blocks[:1]
    window.made[0].update(cell_type="markdown", source="Do not run this.")
    assert await writer.as_they_stand(blocks) == ()


async def test_code_that_is_made_again_stands_there_when_it_is_asked_about() -> None:
    window = Window("%%agent")
    await run_anew(window)
    writer = await begun(Front(window))
    await tell(writer, *start(), reply("```python\nprint(1)\n```"))
    blocks = (CodeBlock("print(1)", "python"),)
    assert await writer.as_they_stand(blocks) == blocks
    assert window.made[0]["metadata"]["codeagent"]["status"] == "waiting"
    window.edit(window.made[0]["id"], "print(2)")
    assert await writer.as_they_stand(blocks) == (CodeBlock("print(2)", "python"),)


async def test_looking_at_what_stands_there_overwrites_nothing_of_it() -> None:
    window = Window("%%agent")
    writer = await begun(Front(window))
    await tell(writer, *start(), reply("```python\nprint(1)\n```"))
    window.edit(window.made[0]["id"], "print(2)")
    await writer.as_they_stand((CodeBlock("print(1)", "python"),))
    window.edit(window.made[0]["id"], "print(3)")
    await tell(writer, prints("late", LateOutputEvent))
    assert sources(window) == ["%%agent", "print(3)"]


async def test_other_words_leave_the_code_where_it_stands() -> None:
    """A model's words rarely repeat exactly: that is no reason to take away what the code gave in the user's kernel."""
    window = Window("%%agent", "mine")
    await run_anew(window)
    window.made[0] |= {"execution_count": 7, "outputs": [{"output_type": "stream", "name": "stdout", "text": "own"}]}
    window.made[0]["metadata"]["codeagent"]["ran"] = True
    before = copy.deepcopy(window.cells)
    writer = await begun(Front(window))
    await tell(writer, *start(), begins(), *ends("1\n"), *says("It's 1."))
    await writer.finish()
    assert sources(window) == ["%%agent", "print(1)", "It's 1.", "mine"]
    assert window.cells[1] == before[1]
    assert notes(writer) == []


@pytest.mark.parametrize("times", [1, 2])
async def test_an_answer_that_is_lost_while_what_was_kept_is_made_again_does_no_harm(times: int) -> None:
    window = Window("%%agent", "mine")
    await run_anew(window)
    window.made[0]["metadata"]["codeagent"]["kept"] = True
    before = copy.deepcopy(window.cells)
    front = Front(window)
    front.lose = first(times)
    assert notes(await run_anew(window, front=front)) == []
    assert window.cells == before


async def test_what_replaces_and_what_is_replaced_are_one_step(stage: Stages) -> None:
    window = Window("%%agent")
    await run(stage, "repaired", Front(window))
    front = Front(window)
    await run(stage, "succeeded", front)
    assert len({change["undo"] for change in [*front.changes("remove"), *front.changes("insert")]}) == 1


async def test_a_cell_that_the_user_has_changed_is_kept_when_it_is_run_again(stage: Stages) -> None:
    window = Window("%%agent", "mine")
    await run(stage, "succeeded", Front(window))
    window.made[0]["source"] = "print(1)  # mine"
    front = Front(window)
    writer = await run(stage, "succeeded", front)
    assert sources(window) == ["%%agent", "print(1)", "It printed 1.", "print(1)  # mine", "mine"]
    assert notes(writer) == [REPLACED, "1 cell of an earlier run that you had changed or kept: left alone."]
    assert len(window.made) == 2, "it is the user's from now on"
    assert len(set(window.ids)) == len(window.ids)
    assert notes(await run(stage, "succeeded", Front(window))) == []


async def test_a_copy_that_was_pasted_elsewhere_is_the_users(stage: Stages) -> None:
    window = Window("%%agent", "mine")
    await run(stage, "succeeded", Front(window))
    window.cells.append(copy.deepcopy(window.made[0]) | {"id": "pasted"})
    await run(stage, "succeeded", Front(window))
    assert sources(window) == ["%%agent", "print(1)", "It printed 1.", "mine", "print(1)"]


async def test_what_is_good_is_not_replaced_by_a_note_that_nothing_came_of_it(stage: Stages) -> None:
    window = Window("%%agent", "mine")
    await run(stage, "succeeded", Front(window))
    before = copy.deepcopy(window.cells)
    await run(stage, "model never there", Front(window))
    assert window.cells == before


async def test_an_answer_that_is_lost_while_cells_are_replaced_does_no_harm() -> None:
    window = Window("%%agent", "mine")
    await run_anew(window)
    front = Front(window)
    writer = await begun(front)
    front.lose = first(1)
    await tell(writer, *start(), chunk("```python\nprint('other')\n"), begins("print('other')"), prints("other\n"))
    await tell(writer, *ends("other\n", "print('other')"), *says())
    await writer.finish()
    assert sources(window) == ["%%agent", "print('other')", "It is 1.", "mine"]
    assert window.cells[1]["outputs"][0]["text"] == "other\n"
    assert notes(writer) == [REPLACED]


async def test_a_step_that_the_user_has_accepted_is_not_replaced(stage: Stages) -> None:
    window = Window("%%agent", "mine")
    await run(stage, "succeeded", Front(window))
    window.made[0]["metadata"]["codeagent"]["kept"] = True
    await run(stage, "answered", Front(window))
    assert sources(window) == ["%%agent", "Paris.", "print(1)", "mine"]
    assert len(window.made) == 1, "it is the user's from now on"


async def test_a_cell_that_was_kept_is_the_users_though_nothing_else_was_left(stage: Stages) -> None:
    window = Window("%%agent")
    await run(stage, "answered", Front(window))
    window.made[0]["source"] = "Paris, of course."
    assert notes(await run(stage, "answered", Front(window))) == [
        "1 cell of an earlier run that you had changed or kept: left alone."
    ]
    assert [cell["source"] for cell in window.made] == ["Paris."]
    assert notes(await run(stage, "answered", Front(window))) == []
    assert sources(window) == ["%%agent", "Paris.", "Paris, of course."]


async def test_there_is_an_id_however_often_a_cell_was_kept(stage: Stages) -> None:
    window = Window("%%agent")
    for number in range(15):
        writer = await run(stage, "answered", Front(window))
        assert window.made[-1]["source"] == "Paris."
        assert LOST not in notes(writer)
        window.made[0]["source"] = f"mine {number}"
    assert len(set(window.ids)) == 16
    assert all(len(name) <= 64 for name in window.ids)


async def test_a_run_that_makes_no_cell_leaves_what_an_earlier_one_made(stage: Stages) -> None:
    window = Window("%%agent")
    await run(stage, "succeeded", Front(window))
    before = copy.deepcopy(window.cells)
    writer = await begun(Front(window))
    await tell(writer, *start())
    await writer.finish()
    assert window.cells == before
    assert notes(writer) == []


async def test_cells_of_another_cell_are_left_alone(stage: Stages) -> None:
    window = Window("%%agent", "%%agent")
    await run(stage, "succeeded", Front(window))
    await run(stage, "answered", Front(window), anchor="user-1")
    await run(stage, "answered", Front(window))
    assert sources(window) == ["%%agent", "Paris.", "%%agent", "Paris."]


# A page that fails


def first(times: int) -> Callable[[Any], bool]:
    """Lose that many answers to changes."""
    left = iter([True] * times)
    return lambda answer: "gone" in answer and next(left, False)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("path", ["succeeded", "repaired", "denied", "timeout", "two blocks"])
async def test_an_answer_that_is_lost_does_no_harm(stage: Stages, path: str, times: int) -> None:
    window = Window("%%agent", "mine")
    front = Front(window)
    writer = await begun(front)
    events = await events_of(stage, path)
    for number, event in enumerate(events):
        if number in (len(events) // 2, len(events) - 2):
            front.lose = first(times)
        await tell(writer, event)
    await writer.finish()
    assert written(window) == told(events)
    assert [cell["metadata"]["codeagent"].get("status") for cell in window.made] != ["running"]
    assert notes(writer) == []


async def test_a_cell_that_was_deleted_while_answers_were_lost_stays_away() -> None:
    window = Window("%%agent")
    front = Front(window)
    writer = await begun(front)
    await tell(writer, *start(), begins(), prints("1\n"))
    front.lose = first(1)
    window.delete(window.made[0]["id"])
    await tell(writer, prints("2\n"))
    await tell(writer, *ends("1\n2\n"), *says())
    await writer.finish()
    assert sources(window) == ["%%agent", "It is 1."]
    assert notes(writer) == [LEFT]


async def test_a_draft_whose_answer_was_lost_goes_when_it_is_denied() -> None:
    window = Window("%%agent")
    front = Front(window)
    writer = await begun(front)
    front.lose = first(1)
    writer.on_event(start()[0])
    writer.on_event(reply(CODE))
    await asyncio.sleep(0.01)
    assert sources(window) == ["%%agent", "print(1)"]
    writer._story.take(reply("Paris."))  # while it waits for the answer
    await writer.finish()
    assert sources(window) == ["%%agent"]


@pytest.mark.parametrize("is_saved", [True, False])
async def test_it_goes_on_in_a_page_that_was_loaded_anew(*, is_saved: bool) -> None:
    window = Window("%%agent", "mine")
    front = Front(window)
    unsaved = copy.deepcopy(window.cells)
    writer = await begun(front)
    await tell(writer, *start(), reply(CODE), begins(), prints("1\n"))
    saved = copy.deepcopy(window.cells)
    await tell(writer, prints("2\n"))
    window.reload(saved if is_saved else unsaved)
    await tell(writer, prints("3\n"))
    assert window.made[0]["outputs"][0]["text"] == "1\n2\n3\n"
    await tell(writer, *ends("1\n2\n3\n"), *says())
    await writer.finish()
    assert sources(window) == ["%%agent", "print(1)", "It is 1.", "mine"]
    assert window.made[0]["outputs"][0]["text"] == "1\n2\n3\n"
    assert notes(writer) == []


async def test_what_the_user_edited_before_a_page_was_loaded_anew_is_the_users() -> None:
    window = Window("%%agent")
    writer = await begun(Front(window))
    await tell(writer, *start(), reply(CODE), begins(), prints("1\n"))
    window.made[0]["source"] = "mine()"
    window.reload()
    await tell(writer, prints("2\n"))
    await tell(writer, *ends("1\n2\n"), *says())
    await writer.finish()
    assert sources(window) == ["%%agent", "mine()", "It is 1."]
    assert notes(writer) == [LEFT]


async def test_a_page_that_is_loaded_anew_for_long_is_found_at_last() -> None:
    window = Window("%%agent")
    front = Front(window)
    writer = await begun(front)
    await tell(writer, *start(), begins(), prints("1\n"))
    front.windows = []
    await tell(writer, prints("2\n"))
    window.reload()
    front.windows = [window]
    await tell(writer, prints("3\n"))
    await until(lambda: window.made[0]["outputs"][0]["text"] == "1\n2\n3\n")
    await writer.finish()
    assert notes(writer) == []


async def test_a_page_that_is_loaded_anew_when_the_run_ends_has_all_of_it_in_the_end() -> None:
    window = Window("%%agent")
    front = Front(window)
    writer = await begun(front)
    await tell(writer, *start(), begins(), prints("1\n"))
    front.windows = []
    await tell(writer, *ends("1\n"), *says())
    await writer.finish()
    assert notes(writer) == [LOST]
    window.reload()
    front.windows = [window]
    await until(lambda: sources(window) == ["%%agent", "print(1)", "It is 1."])
    await settled(writer)
    assert all(comm.is_closed for comm in front.comms)


async def test_a_page_that_never_comes_is_not_looked_for_for_ever() -> None:
    front = Front(Window("%%agent"))
    writer = await begun(front)
    await tell(writer, *start(), begins())
    front.windows = []
    writer.on_event(prints("1\n"))
    await writer.finish()
    await until(lambda: writer._looks == 0)
    await settled(writer)
    looks = len(front.comms)
    await asyncio.sleep(0.1)
    assert len(front.comms) == looks


async def test_a_second_window_gets_nothing_as_long_as_the_first_one_answers() -> None:
    window, other = Window("%%agent"), Window("%%agent", client="other")
    front = Front(other, window)
    writer = await begun(front)
    await tell(writer, *start(), begins(), prints("1\n"))
    front.lose = first(1)
    await tell(writer, prints("2\n"))
    await tell(writer, *ends("1\n2\n"))
    await writer.finish()
    assert sources(other) == ["%%agent"]
    assert window.made[0]["outputs"][0]["text"] == "1\n2\n"


async def test_when_the_first_window_is_closed_a_second_one_that_did_not_ask_for_it_gets_nothing() -> None:
    window, other = Window("%%agent"), Window("%%agent", client="other")
    front = Front(window, other)
    writer = await begun(front)
    await tell(writer, *start(), begins(), prints("1\n"))
    front.windows = [other]
    await tell(writer, *ends("1\n2\n"), *says())
    await writer.finish()
    assert sources(other) == ["%%agent"]
    assert notes(writer) == [LOST]


@pytest.mark.parametrize("seed", range(30))
async def test_whatever_becomes_of_answers_and_pages_the_run_stands_there_in_the_end(stage: Stages, seed: int) -> None:
    rng = random.Random(seed)
    window = Window("%%agent", "mine")
    front = Front(window)
    saved = [copy.deepcopy(window.cells)]
    writer = await begun(front)
    events = await events_of(stage, rng.choice([*STORIES]))
    for number, event in enumerate(events):
        match rng.randrange(12):
            case 0:
                front.lose = first(rng.randrange(1, 3))
            case 1 if number < len(events) - 6:  # else there may be nothing more to write, and nobody notices
                window.reload(rng.choice(saved), client=f"loaded-{number}")
            case 2:
                saved.append(copy.deepcopy(window.cells))
        writer.on_event(event)
        await (settled(writer) if rng.random() < 0.6 else asyncio.sleep(0))
    await writer.finish()
    assert written(window) == told(events)
    assert not {"writing", "waiting"} & {cell["metadata"]["codeagent"].get("status") for cell in window.made}
    assert (window.ids[0], window.ids[-1]) == ("anchor", "user-1")
    assert notes(writer) == []


def nobody(front: Front) -> None:
    front.windows = []


def all_lost(front: Front) -> None:
    front.lose = lambda _: True


def only_greetings(front: Front) -> None:
    front.lose = lambda answer: "gone" in answer


def refuses(front: Front) -> None:
    front.windows[0].read_only = True


def broken(front: Front) -> None:
    def send(*_: Any) -> None:
        raise OSError("the socket is closed")

    front.comms[-1].send = send  # type: ignore[method-assign]
    nobody(front)


def nonsense(front: Front) -> None:
    front.change = lambda answer: {"re": answer["re"], "ok": True}


def noise(front: Front) -> None:
    front.change = lambda answer: {"re": [answer["re"]], "gone": 1}


NOT_ALL = "The page did not take all ({}): what is missing in it is in s.ipynb."
WHY_NOT = {refuses: NOT_ALL.format("The notebook is read-only"), nonsense: NOT_ALL.format("its answer cannot be read")}
FAILURES = [nobody, all_lost, only_greetings, refuses, broken, nonsense, noise]


@pytest.mark.timing
@pytest.mark.parametrize("fails", FAILURES)
async def test_a_page_that_fails_is_told_of_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fails: Callable[[Front], None]
) -> None:
    monkeypatch.setattr(cell_writer, "SECONDS_LOST", 60)
    window = Window("%%agent")
    front = Front(window)
    writer = await begun(front)
    await tell(writer, *start(), begins())
    fails(front)
    await tell(writer, prints("1\n"))
    await tell(writer, *ends("1\n"), *says())
    before = time.monotonic()
    await writer.finish()
    assert time.monotonic() - before < 2
    assert [record for record in caplog.records if record.name == "asyncio"] == []
    assert notes(writer) == [WHY_NOT.get(fails, LOST)]
    assert all(comm.is_closed for comm in front.comms)


async def test_a_page_that_fails_only_once_has_all_of_it_at_the_end() -> None:
    window = Window("%%agent")
    front = Front(window)
    writer = await begun(front)
    await tell(writer, *start(), begins())
    window.read_only = True
    await tell(writer, prints("1\n"))
    window.read_only = False
    await tell(writer, *ends("1\n"))
    await writer.finish()
    assert window.made[0]["outputs"][0]["text"] == "1\n"
    assert notes(writer) == []


async def test_a_failure_in_the_last_moment_is_told_of() -> None:
    window = Window("%%agent")
    front = Front(window)
    writer = await begun(front)
    await tell(writer, *start(), begins())
    window.read_only = True
    writer.on_event(prints("1\n"))
    await writer.finish()  # while that is written
    assert notes(writer) == [WHY_NOT[refuses]]


async def test_a_slow_page_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window("%%agent")
    front = Front(window)
    front.delay = 0.01
    writer = await begun(front)
    for event in [*start(), begins(), *(prints(f"{number}\n") for number in range(200))]:
        writer.on_event(event)
        await asyncio.sleep(0)
    text = "".join(f"{number}\n" for number in range(200))
    await tell(writer, *ends(text), *says())
    await writer.finish()
    assert window.made[0]["outputs"][0]["text"] == text
    assert len(front.sent) < 20


async def test_output_that_cannot_be_sent_as_it_is_is_made_fit() -> None:
    window = Window("%%agent")
    writer = await begun(Front(window))
    data = {"text/plain": "x\ud800", "application/json": {"x": float("nan")}, "text/html": "<script>1</script><b>y</b>"}
    shows = Append({"output_type": "display_data", "data": data, "metadata": {"a": float("inf")}})
    await tell(writer, *start(), begins("s = '\ud800'"), prints("\udfff"))
    await tell(writer, BlockOutputEvent(source="x", block_id="1", change=shows))
    outputs = ({"output_type": "stream", "name": "stdout", "text": "\udfff"}, shows.output)
    result = BlockResult(block=CodeBlock("s = '\ud800'"), status="ok", exit_code=0, outputs=outputs)
    await tell(writer, finished(result), GivenCodeFinishedEvent(source="x", exit_code=0))
    await writer.finish()
    (cell,) = window.made
    assert (cell["source"], cell["outputs"][0]["text"]) == ("s = '?'", "?")
    assert cell["outputs"][1]["data"]["application/json"] == {"x": None}
    assert "<script" not in str(cell)
    assert notes(writer) == []


async def test_a_display_of_the_saved_session_is_not_changed_by_what_the_page_is_sent() -> None:
    output = {"output_type": "display_data", "data": {"text/html": "<script>1</script>"}, "metadata": {}}
    writer = await begun(Front(Window("%%agent")))
    await tell(writer, *start(), begins(), BlockOutputEvent(source="x", block_id="1", change=Append(output)))
    await writer.finish()
    assert output["data"] == {"text/html": "<script>1</script>"}


# Late output


async def test_late_output_is_in_the_saved_session_alone_as_the_task_has_ended_in_the_page() -> None:
    window = Window("%%agent")
    front = Front(window)
    writer = await begun(front)
    await tell(writer, *start(), begins(), *ends("1\n"), *says())
    await writer.finish()
    sent = len(front.sent)
    await tell(writer, prints("late\n", LateOutputEvent))
    assert window.made[0]["outputs"][0]["text"] == "1\n"
    assert len(front.sent) == sent, "the page is not asked"
    assert all(comm.is_closed for comm in front.comms)


async def test_late_output_that_comes_in_the_last_moment_is_written_once() -> None:
    window = Window("%%agent")
    front = Front(window)
    front.delay = 0.005
    writer = await begun(front)
    await tell(writer, *start(), begins(), prints("1\n"))
    await tell(writer, *ends("1\n2\n"))
    finishing = asyncio.ensure_future(writer.finish())
    for number in range(10):
        writer.on_event(prints(f"late {number}\n", LateOutputEvent))
        await asyncio.sleep(0.002)
    await finishing
    await settled(writer)
    assert window.made[0]["outputs"][0]["text"] == "1\n2\n" + "".join(f"late {number}\n" for number in range(10))
    assert len(front.changes("outputs")) <= 1, "no text was sent a second time"


@pytest.mark.parametrize("is_reloaded", [True, False])
async def test_late_output_brings_no_cell_back_that_the_user_deleted_since(*, is_reloaded: bool) -> None:
    window = Window("%%agent")
    writer = await begun(Front(window))
    await tell(writer, *start(), begins(), *ends("1\n"), *says())
    await writer.finish()
    window.delete(window.made[0]["id"])
    if is_reloaded:
        window.reload()
    await tell(writer, prints("late\n", LateOutputEvent))
    assert sources(window) == ["%%agent", "It is 1."]


async def test_late_output_of_what_was_stopped_breaks_nothing() -> None:
    window = Window("%%agent")
    writer = await begun(Front(window))
    await tell(writer, *start(), begins(), prints("1\n"))
    await tell(writer, *ends("1\n", status="timeout", exit_code=124, note="Stopped after 60 s."))
    await tell(writer, prints("late\n", LateOutputEvent), *says())
    await tell(writer, prints("later\n", LateOutputEvent))
    await writer.finish()
    assert [cell["cell_type"] for cell in window.made] == ["markdown", "markdown"]
    assert notes(writer) == []


# To begin


async def test_without_the_extension_nobody_answers_and_the_reason_is_told() -> None:
    for anchor in ("anchor", None):
        front = Front()
        writing = await begin_writing(Page(anchor, "w1", front.connect))
        assert (writing.writer, writing.why_not) == (None, NO_EXTENSION)
        assert all(comm.is_closed for comm in front.comms)


async def test_a_read_only_notebook_is_named_as_the_reason() -> None:
    window = Window("%%agent")
    window.read_only = True
    writing = await begin_writing(Page("anchor", "w1", Front(window).connect))
    assert (writing.writer, writing.why_not) == (None, READ_ONLY)


@pytest.mark.parametrize("change", [{"protocol": 1}, {"ids": None}, {"cells": [1]}, {"ok": False, "protocol": None}])
async def test_a_page_that_speaks_otherwise_is_none(change: dict[str, Any]) -> None:
    front = Front(Window("%%agent"))
    front.change = lambda answer: answer | change
    asks(front, "anchor")
    writing = await begin_writing(Page("anchor", "w1", front.connect))
    assert writing.writer is None
    assert "has another version" in writing.why_not if "protocol" in change else writing.why_not == NO_EXTENSION
    assert all(comm.is_closed for comm in front.comms)


async def test_a_page_that_was_not_asked_for_the_task_refuses_and_the_reason_is_told() -> None:
    front = Front(Window("%%agent"))
    writing = await begin_writing(Page("anchor", "w1", front.connect))
    assert (writing.writer, writing.why_not) == (None, "No cells are written (not asked for)")
    assert all(comm.is_closed for comm in front.comms)


async def test_a_task_that_ends_before_all_is_written_is_told_of() -> None:
    window = Window("%%agent")
    front = Front(window)
    writer = await begun(front)
    await tell(writer, *start(), begins(), prints("1\n"))
    window._end(window.tasks[0])  # as a restart of the kernel does, in the page
    await tell(writer, *ends("1\n2\n"), *says())
    await writer.finish()
    assert window.made[0]["outputs"][0]["text"] == "1\n"
    assert notes(writer) == [NOT_ALL.format("no task is running over this comm")]


async def test_cells_of_an_earlier_run_that_another_browser_wrote_are_left_alone_and_told_of(stage: Stages) -> None:
    window = Window("%%agent", "mine")
    await run(stage, "answered", Front(window))
    window.made_by.clear()
    writer = await run(stage, "answered", Front(window))
    assert sources(window) == ["%%agent", "Paris.", "Paris.", "mine"]
    left = "1 cell of an earlier run not written in this browser: left alone; the button Remove takes them away."
    assert notes(writer) == [left]
    assert notes(await run(stage, "answered", Front(window))) == [left], "its own it replaces"
    assert sources(window) == ["%%agent", "Paris.", "Paris.", "mine"]


async def test_metadata_of_our_name_that_are_not_ours_are_let_be(stage: Stages) -> None:
    window = Window("%%agent", "mine")
    window.cells[1]["metadata"]["codeagent"] = "a note of the user's"
    await run(stage, "answered", Front(window))
    assert sources(window) == ["%%agent", "Paris.", "mine"]


async def test_the_page_of_a_panel_may_be_in_another_window_by_now() -> None:
    front = Front(Window("panel()", client="w9"), Window("panel()"))
    asks(front, None, "w9")
    assert (await begin_writing(Page(None, "w1", front.connect))).writer
    assert (await begin_writing(Page("anchor", "w1", front.connect))).writer is None


def test_a_page_is_known_by_the_message_that_ran_the_cell() -> None:
    parent = {"header": {"session": "s"}, "metadata": {"cellId": "c"}}
    below = page_below(parent)
    assert (below.anchor, below.client) == ("c", "s")
    assert page_below({"header": {"session": "s"}, "metadata": {}}).anchor is None
    at_end = page_at_end(parent)
    assert (at_end.anchor, at_end.client) == (None, "s")


def ran(*blocks: CodeBlock, exit_code: int = 0) -> CodeExecutionEvent:
    status: Any = "error" if exit_code else "ok"
    results = tuple(BlockResult(block=block, status=status, exit_code=exit_code) for block in blocks)
    return CodeExecutionEvent(
        source="x", retry_attempt=0, result=CodeResult(blocks=results, exit_code=exit_code, output="")
    )


def test_the_code_that_ran_through_last_can_be_put_into_a_cell() -> None:
    python, shell = CodeBlock("x = 1\n", "python"), CodeBlock("ls\n", "bash")
    assert last_good_code([]) == ""
    assert last_good_code([ran(python, exit_code=1)]) == ""
    assert last_good_code([ran(shell), ran(python), ran(CodeBlock("y"), exit_code=1)]) == "x = 1"
    assert last_good_code([ran(python, shell, CodeBlock("\nprint(x)\n", ""))]) == "x = 1\n\nprint(x)"
    assert last_good_code([ran(CodeBlock("pwd", "sh"), shell)]) == "%%bash\nls"


def test_code_that_was_skipped_beside_code_that_ran_is_not_offered() -> None:
    event = ran(CodeBlock("ls", "bash"), CodeBlock("x <- 1", "r"))
    first, second = event.result.blocks
    blocks = (first, replace(second, status="skipped"))
    event = event.model_copy(update={"result": replace(event.result, blocks=blocks)})
    assert last_good_code([event]) == "%%bash\nls"
