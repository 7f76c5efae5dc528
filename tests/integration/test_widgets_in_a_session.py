"""Widgets and what comes later, in a whole session: what the model reads, and what the saved notebook holds."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest

from codeagent_nb import ReplayChatCompletionClient
from codeagent_nb.approval import refuse_unattended
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.session.session import Session, SessionSettings, open_session
from kernel_executor.outputs.words import VIEW

pytestmark = pytest.mark.integration

STATE = "application/vnd.jupyter.widget-state+json"

Told = Callable[..., AbstractAsyncContextManager[tuple[Session, ReplayChatCompletionClient]]]


def python(*codes: str) -> str:
    return "\n\n".join(f"```python\n{code}\n```" for code in codes)


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """Open a session, and run one task for each two replies."""

    @asynccontextmanager
    async def told_here(*replies: str) -> AsyncIterator[tuple[Session, ReplayChatCompletionClient]]:
        model = ReplayChatCompletionClient([*replies])
        run_settings = RunSettings(model=model, max_retries=0, ask=refuse_unattended)
        async with open_session(SessionSettings(notebook=tmp_path / "session.ipynb")) as session:
            for number in range(len(replies) // 2):
                await session.run(f"Task {number}", run_settings)
            yield session, model

    return told_here


def last_prompt(model: ReplayChatCompletionClient) -> str:
    return "\n".join(message.content for message in model.create_calls[-1].messages)


def saved(session: Session) -> Any:
    notebook = nbformat.read(session.notebook, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


async def test_a_progress_bar_is_told_and_saved_as_it_ended(told: Told) -> None:
    async with told(python("from tqdm.auto import tqdm\nfor _ in tqdm(range(5)): pass"), "Done.") as (session, model):
        prompt = last_prompt(model)
    assert "5/5" in prompt
    assert "0/5" not in prompt
    notebook = saved(session)
    states = notebook.metadata.widgets[STATE].state
    [output] = code_cells(notebook)[0].outputs
    assert states[output.data[VIEW].model_id].model_name == "HBoxModel"
    assert "5/5" in output.data["text/plain"]
    [progress] = [entry for entry in states.values() if entry.model_name == "FloatProgressModel"]
    assert progress.state.value == 5
    assert {
        reference.removeprefix("IPY_MODEL_") for reference in progress.state.values() if "IPY_" in str(reference)
    } < set(states)


async def test_a_display_that_changes_later_is_told_and_changes_the_earlier_cell(told: Told) -> None:
    replies = (python("h = display('first', display_id=True)"), "Shown.", python("h.update('SECOND')"), "Changed.")
    async with told(*replies) as (session, model):
        prompt = last_prompt(model)
    assert prompt.count("SECOND") == 2, "once in the code, once as what it showed"
    assert "Meanwhile earlier code showed:\n'SECOND'" in prompt
    first, second = code_cells(saved(session))
    assert [output.data["text/plain"] for output in first.outputs] == ["'SECOND'"]
    assert second.outputs == []


async def test_late_output_is_in_the_notebook_and_in_the_prompt(told: Told) -> None:
    thread = "import threading, time\nthreading.Timer(0.3, print, ['late']).start()\nprint('first')"
    async with told(python(thread, "time.sleep(0.8)\nprint('second')"), "Done.") as (session, model):
        prompt = last_prompt(model)
    assert "first\nsecond\nMeanwhile earlier code showed:\nlate" in prompt
    first, second = code_cells(saved(session))
    assert first.outputs[0].text == "first\nlate\n"
    assert second.outputs[0].text == "second\n"


async def test_an_interactive_function_is_told_and_saved(told: Told) -> None:
    code = "import ipywidgets\nprint('total: 1234')\nipywidgets.interact(lambda x: print('x is', x), x=3);"
    async with told(python(code), "Done.") as (session, model):
        prompt = last_prompt(model)
    assert "total: 1234\nx: 3\nx is 3" in prompt
    notebook = saved(session)
    assert code_cells(notebook)[0].outputs[0].text == "total: 1234\n"
    [output] = [entry for entry in notebook.metadata.widgets[STATE].state.values() if entry.model_name == "OutputModel"]
    assert output.state.outputs == [{"output_type": "stream", "name": "stdout", "text": "x is 3\n"}]


async def test_what_a_pager_shows_is_told(told: Told) -> None:
    async with told(python("sorted?"), "Done.") as (session, model):
        assert "Return a new list containing all items" in last_prompt(model)
    assert "Return a new list" in code_cells(saved(session))[0].outputs[0].data["text/plain"]


async def test_a_widget_that_brings_a_program_is_saved_as_text(told: Told) -> None:
    code = (
        "import ipywidgets, traitlets\n"
        "class Own(ipywidgets.DOMWidget):\n"
        "    _model_name = traitlets.Unicode('AnyModel').tag(sync=True)\n"
        "    _model_module = traitlets.Unicode('anywidget').tag(sync=True)\n"
        "    _esm = traitlets.Unicode('alert(1)').tag(sync=True)\n"
        "ipywidgets.VBox([Own()])"
    )
    async with told(python(code), "Done.") as (session, _):
        pass
    notebook = saved(session)
    assert "widgets" not in notebook.metadata
    [output] = code_cells(notebook)[0].outputs
    assert set(output.data) == {"text/plain"}
