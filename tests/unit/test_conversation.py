"""A notebook's cells as a conversation: whatever they are, they are told or refused; what we save is read as it was."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from codeagent_nb import events
from codeagent_nb.events import EVENT, AgentEvent
from codeagent_nb.projections.conversation import ConversationOfCells
from codeagent_nb.prompt.transcript import prompt
from codeagent_nb.session.from_notebook import UNREADABLE
from kernel_executor import LiveVariable
from tests.support.notebooks import notebook_of
from tests.support.stories import STORIES, Stages, events_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KINDS = st.sampled_from(["task", "code", "reflection", "answer", "quoted", "proof", "system"]) | JSON
CELLS = st.fixed_dictionaries(
    {
        "cell_type": st.sampled_from(["code", "markdown", "raw"]) | JSON,
        "source": st.sampled_from(["x = 1", "%%bash\nls", "%%agent -i df\nDo it.", "## Task\n\nDo it."]) | JSON,
        "metadata": st.fixed_dictionaries({"codeagent": st.fixed_dictionaries({"kind": KINDS}) | JSON}) | JSON,
    },
    optional={
        "outputs": st.lists(
            st.fixed_dictionaries(
                {"output_type": st.sampled_from(["stream", "error", "display_data"]) | JSON},
                optional={"text": JSON, "data": JSON, "ename": JSON, "traceback": JSON},
            )
            | JSON,
            max_size=3,
        )
        | JSON,
        "execution_count": JSON,
    },
)


def told(cells: list[Any]) -> list[AgentEvent]:
    conversation = ConversationOfCells("codeagent", "Before")
    return [*(event for cell in cells for event in conversation.take(cell)), *conversation.end_run()]


@given(st.lists(CELLS, max_size=5))
def test_cells_of_any_shape_are_told_or_refused(cells: list[Any]) -> None:
    try:
        log = told(cells)
    except UNREADABLE:
        return
    messages = prompt(log, "generate", "codeagent", "Be good.")
    assert [type(message).__name__ for message in messages].count("SystemMessage") == 1
    for event in log:
        assert EVENT.validate_python(json.loads(event.model_dump_json())).type == event.type


@pytest.mark.parametrize("kind", STORIES)
async def test_what_is_saved_is_read_as_it_was(stage: Stages, kind: str) -> None:
    log = await events_of(stage, kind)
    saved = notebook_of(log)
    again = notebook_of(told(json.loads(json.dumps(saved))["cells"]))
    assert code_of(again) == code_of(saved)
    assert tasks_of(log) == tasks_of(told(json.loads(json.dumps(saved))["cells"]))


def code_of(notebook: Any) -> list[Any]:
    return [(cell.source, cell.outputs) for cell in notebook.cells if cell.cell_type == "code"]


def tasks_of(log: list[AgentEvent]) -> list[str]:
    return [event.content for event in log if isinstance(event, events.TextMessage) and event.source == "user"]


def test_cells_of_a_task_that_was_taken_back_tell_nothing() -> None:
    """Marked in the page, their code ran again; in a saved session, the task was asked for once more."""
    marked = {"codeagent": {"kind": "task", "taken_back": True}}
    cells = [
        {"cell_type": "markdown", "source": "## Task\n\nMake x.", "metadata": {"codeagent": {"kind": "task"}}},
        {"cell_type": "code", "source": "x = 1", "metadata": {}, "outputs": []},
        {"cell_type": "markdown", "source": "## Task, taken back\n\nDrop x.", "metadata": marked},
        {"cell_type": "code", "source": "del x", "metadata": {"codeagent": {"kind": "code", "taken_back": True}}},
    ]
    log = told(cells)
    assert [event.content for event in log if isinstance(event, events.TextMessage)] == ["Make x."]
    ran = [event.block.code for event in log if isinstance(event, events.BlockStartedEvent)]
    assert ran == ["x = 1"]


async def test_what_closes_an_answer_is_nothing_that_the_model_has_said(stage: Stages) -> None:
    """Since new variables are told below it, all of it was read as the model's words."""
    scene = stage(["```python\nclean = 1\n```", "Cleaned."], ["1\n"])
    await scene.agent.run(task="Clean it.")
    variables = (LiveVariable(name="clean", type="DataFrame", shape=(2, 2)),)
    log = [*scene.agent.log.events, events.NewVariablesEvent(source="executor", variables=variables)]
    saved = json.loads(json.dumps(notebook_of(log)))["cells"]
    assert "New in the agent's kernel: clean" in str(saved)
    replies = [event.content for event in told(saved) if isinstance(event, events.ModelReplyEvent)]
    assert replies[-1] == "Cleaned."
