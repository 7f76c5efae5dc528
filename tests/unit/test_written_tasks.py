"""The cells of a task that is taken back say so; and a page may ask for what `%agent undo` does, and for no more."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from comm import get_comm_manager

from codeagent_nb.errors import SessionError
from codeagent_nb.events import AgentEvent, TaskTurnedEvent, TextMessage
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.notebook.cells.begin import begin_writing
from codeagent_nb.notebook.cells.page import TARGET, Page
from codeagent_nb.notebook.cells.written import NOT_MARKED, WrittenTasks
from codeagent_nb.notebook.errors import AgentFailed
from codeagent_nb.notebook.recorded_outputs import RecordedOutputs
from codeagent_nb.session.undoing import Done
from codeagent_nb.text import turned_note
from tests.support.stories import Stages, events_of
from tests.unit.memory_page import Front, Window

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"


class OneTask:
    """An agent that has done one task, and takes it back once."""

    def __init__(self) -> None:
        self.secrets = Secrets({"OPENAI_API_KEY": KEY})
        self.last_task: Done | None = None

    async def undo(self, only: datetime | None = None) -> TaskTurnedEvent:
        task, self.last_task = self.last_task, None
        if task is None or task.began != only:
            raise SessionError(f"no such task, nor the key {KEY}")
        return TaskTurnedEvent(source="user", state="undone", task=task.text, began=task.began)


class Asking:
    """A page's own comm, on which it asks once."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []

    def send(self, data: dict[str, Any]) -> None:
        self.answers.append(data)


class Notebook:
    """A notebook with a task whose cells are written."""

    def __init__(self, agent: OneTask, written: WrittenTasks, window: Window, front: Front) -> None:
        self.agent, self.written, self.window, self.front = agent, written, window, front
        self.events: list[AgentEvent] = []
        self.page = Page("anchor", "w1", front.connect)

    async def run(self, events: list[AgentEvent]) -> None:
        self.window.run("anchor")
        writing = await begin_writing(self.page)
        assert writing.writer
        views = [writing.writer, self.written.task(self.page), self.written]
        for event in events:
            for view in views:
                view.on_event(event)
        await writing.finish("session.ipynb")
        task = next(event for event in events if isinstance(event, TextMessage))
        self.agent.last_task = Done(task.content, task.created_at, "")

    async def turn(self, state: Any) -> str:
        assert self.agent.last_task
        event = TaskTurnedEvent(source="user", state=state, task="", began=self.agent.last_task.began)
        self.written.on_event(event)
        return await self.written.note()

    @property
    def token(self) -> str:
        return self.window.past[-1].token

    async def ask(self, **asked: Any) -> dict[str, Any]:
        comm = Asking()
        get_comm_manager().targets[TARGET](comm, {"content": {"data": asked}})
        for _ in range(5):
            await asyncio.sleep(0)
        return comm.answers[0] if comm.answers else {}

    @property
    def marked(self) -> list[str]:
        return [cell["source"] for cell in self.window.made if cell["metadata"]["codeagent"].get("taken_back")]


@pytest.fixture
async def notebook(stage: Stages) -> AsyncIterator[Notebook]:
    agent, window = OneTask(), Window("%%agent\nCount.", "1")
    written = WrittenTasks(agent)
    notebook = Notebook(agent, written, window, Front(window))
    await notebook.run([*await events_of(stage, "succeeded")])
    yield notebook
    written.forget()


async def test_cells_are_marked_when_the_task_is_taken_back_until_it_is_taken_again(notebook: Notebook) -> None:
    assert len(notebook.window.made) > 1
    assert await notebook.turn("undone") == ""
    assert notebook.marked == [cell["source"] for cell in notebook.window.made]
    assert await notebook.turn("redone") == ""
    assert notebook.marked == []


class Publisher:
    """A publisher of displays that shows them nowhere."""

    def publish(self, data: dict[str, Any], metadata: dict[str, Any] | None = None, **more: Any) -> None:
        pass

    def clear_output(self, wait: bool = False) -> None:
        pass


async def test_a_page_that_asks_is_told_what_stands_under_the_cell_and_whether_that_is_all(notebook: Notebook) -> None:
    story = RecordedOutputs(Publisher())
    notebook.written.tell(notebook.page, story)
    story.publish({"text/plain": "one"}, {}, transient={"display_id": "1"})
    told = await notebook.ask(token=notebook.token, do="story", known="")
    assert (told["ok"], told["over"]) == (True, False)
    assert [output["data"] for output in told["outputs"]] == [{"text/plain": "one"}]
    again = await notebook.ask(token=notebook.token, do="story", known=told["known"])
    assert again == {"ok": True, "known": told["known"], "over": False}
    story.publish({"text/plain": "two"}, {}, transient={"display_id": "1"}, update=True)
    story.is_over = True
    told = await notebook.ask(token=notebook.token, do="story", known=told["known"])
    assert [output["data"] for output in told["outputs"]] == [{"text/plain": "two"}]
    assert told["over"]


@pytest.mark.parametrize("token", ["another", None, 7])
async def test_of_another_task_no_story_is_told(notebook: Notebook, token: Any) -> None:
    notebook.written.tell(notebook.page, RecordedOutputs(Publisher()))
    assert await notebook.ask(token=token, do="story", known="") == {"ok": False}


def test_what_a_cell_shows_is_remembered_as_jupyter_shows_it() -> None:
    shown = RecordedOutputs(Publisher())
    for name in "abc":
        shown.publish({"text/plain": name}, {}, transient={"display_id": name})
    shown.publish({}, {}, transient={"display_id": "b"}, update=True)
    shown.publish({"text/plain": "no such"}, {}, transient={"display_id": "d"}, update=True)
    shown.publish({"text/plain": "a widget", "application/vnd.jupyter.widget-view+json": {}}, {})
    shown.fail(AgentFailed("It did."))
    assert [output.get("data", output.get("evalue")) for output in shown.outputs] == [
        {"text/plain": "a"},
        {"text/plain": "c"},
        "It did.",
    ]
    before = shown.version
    shown.clear_output(wait=True)
    assert shown.outputs == []
    assert shown.version > before


async def test_of_another_task_nothing_is_marked(notebook: Notebook) -> None:
    other = TaskTurnedEvent(source="user", state="undone", task="", began=datetime.now(UTC))
    notebook.written.on_event(other)
    assert await notebook.written.note() == ""
    assert notebook.marked == []


async def test_a_page_that_was_loaded_again_is_found(notebook: Notebook) -> None:
    notebook.window.reload()
    assert await notebook.turn("undone") == ""
    assert notebook.marked


async def test_a_page_that_does_not_answer_is_told_of(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codeagent_nb.notebook.cells.page.HELLO_PATIENCE", 0.01)
    notebook.front.windows.clear()
    assert await notebook.turn("undone") == NOT_MARKED


async def test_a_notebook_that_cannot_be_changed_is_told_of(notebook: Notebook) -> None:
    notebook.front.change = lambda answer: {**answer, "ok": False, "error": "The notebook is read-only."}
    assert await notebook.turn("undone") == "Its cells in the notebook stay as they are: The notebook is read-only."


async def test_a_page_may_look_and_take_the_last_task_back(notebook: Notebook) -> None:
    task = notebook.agent.last_task
    assert task
    assert await notebook.ask(token=notebook.token, do="look") == {"ok": True, "task": task.text}
    assert notebook.agent.last_task is task, "to look changes nothing"
    answer = await notebook.ask(token=notebook.token, do="take back")
    undone = TaskTurnedEvent(source="user", state="undone", task=task.text, began=task.began)
    assert answer == {"ok": True, "said": turned_note(undone)}
    assert (await notebook.ask(token=notebook.token, do="look"))["ok"] is False, "it does not stand any more"


@pytest.mark.parametrize("token", [None, "", "0" * 32, 1, ["x"], {}])
async def test_who_does_not_know_the_task_gets_nothing(notebook: Notebook, token: Any) -> None:
    for asked in ({"token": token, "do": "take back"}, {"do": "take back"}, {}):
        assert (await notebook.ask(**asked))["ok"] is False
    assert notebook.agent.last_task
    assert await notebook.ask(token=notebook.token, do="dance") == {}
    assert notebook.agent.last_task


async def test_only_the_last_task_is_offered(notebook: Notebook, stage: Stages) -> None:
    first = notebook.token
    notebook.page = Page("anchor", "w1", notebook.front.connect)
    await notebook.run([*await events_of(stage, "repaired")])
    assert (await notebook.ask(token=first, do="take back"))["ok"] is False
    assert (await notebook.ask(token=notebook.token, do="look"))["ok"] is True


async def test_why_it_cannot_be_taken_back_is_said_without_secrets(notebook: Notebook) -> None:
    async def refuse(only: datetime | None = None) -> TaskTurnedEvent:
        raise SessionError(f"the variables cannot be brought back: {KEY}")

    notebook.agent.undo = refuse  # type: ignore[method-assign]
    answer = await notebook.ask(token=notebook.token, do="take back")
    assert answer["ok"] is False
    assert answer["said"].startswith("The variables cannot be brought back")
    assert KEY not in answer["said"]


async def test_when_the_session_ends_pages_are_not_answered(notebook: Notebook) -> None:
    notebook.written.forget()
    assert TARGET not in get_comm_manager().targets
    assert await notebook.turn("undone") == ""
    assert notebook.marked == []
