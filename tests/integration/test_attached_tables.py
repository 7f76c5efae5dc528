"""A task that names a table of the notebook uses it: said, once, as it is now, and taken back with the task."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from codeagent_nb import ReplayChatCompletionClient, TaskResult
from codeagent_nb.approval import refuse_unattended
from codeagent_nb.events import AgentEvent, CodeExecutionEvent, VariableEvent
from codeagent_nb.log.standing import standing
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.notebook.attaching import named_in
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.notebook.tasks import Along, Place, Task
from codeagent_nb.projections.cell_output import CellStory

pytestmark = pytest.mark.integration

SHOW = "print(df.shape, list(df.columns))"


class Notebook:
    """Tasks of a notebook that has variables; each is solved by one block and a closing word."""

    def __init__(self, folder: Path) -> None:
        self.agent = NotebookAgent("study")
        self.variables: dict[str, Any] = {}
        self._folder = folder
        self.model = ReplayChatCompletionClient([])

    async def solve(self, text: str, code: str = SHOW) -> TaskResult:
        self.model = ReplayChatCompletionClient([f"```python\n{code}\n```", "Done."])
        settings = RunSettings(model=self.model, ask=refuse_unattended, max_retries=0)
        task = Task(text=text, settings=settings, along=Along(tables=named_in(text, self.variables)))
        return await self.agent.solve(task, Place(self._folder), views=lambda _: [])

    def given(self) -> list[AgentEvent]:
        return [event for event in standing(self.agent.events) if isinstance(event, VariableEvent)]


@pytest.fixture
async def notebook(tmp_path: Path) -> AsyncIterator[Notebook]:
    notebook = Notebook(tmp_path)
    notebook.variables["df"] = pd.DataFrame({"size": [1.0, None, 3.0], "kind": ["a", "b", "c"]})
    yield notebook
    await notebook.agent.aclose()


def printed(messages: Sequence[AgentEvent]) -> str:
    return [event.result.output for event in messages if isinstance(event, CodeExecutionEvent)][-1].strip()


async def test_it_is_used_and_said(notebook: Notebook) -> None:
    result = await notebook.solve("clean df please", f"df = df.dropna()\n{SHOW}")
    assert printed(result.messages) == "(2, 2) ['size', 'kind']"
    assert "'size': float64, 1 missing" in "".join(each.content for each in notebook.model.create_calls[0].messages)
    story = CellStory()
    for event in notebook.agent.events:
        story.take(event)
    shown = [bundle["text/plain"] for key, (bundle, _) in story.displays() if key.startswith("brought Using your")]
    assert shown == ["Using your `df`: a pandas.DataFrame with 3 rows and 2 columns"]


async def test_what_the_agent_has_made_of_it_stays_and_undo_takes_it_back(notebook: Notebook) -> None:
    await notebook.solve("clean df please", "df = df.dropna()")
    assert printed((await notebook.solve("How large is df?")).messages).startswith("(2, 2)")
    assert len(notebook.given()) == 1, "it is the same in the notebook"
    await notebook.agent.undo()
    await notebook.agent.undo()
    assert printed((await notebook.solve("How large is df?")).messages).startswith("(3, 2)")
    assert len(notebook.given()) == 1


async def test_what_has_changed_in_the_notebook_comes_again(notebook: Notebook) -> None:
    await notebook.solve("How large is df?")
    notebook.variables["df"]["new"] = 1
    assert printed((await notebook.solve("How large is df now?")).messages) == "(3, 3) ['size', 'kind', 'new']"
    assert len(notebook.given()) == 2


async def test_one_of_the_agents_own_is_not_replaced(notebook: Notebook) -> None:
    await notebook.solve("Make a table.", "import pandas as pd\ndf = pd.DataFrame({'own': [1]})")
    assert printed((await notebook.solve("How large is df?")).messages) == "(1, 1) ['own']"
    assert notebook.given() == []


async def test_the_task_goes_on_without_one_that_cannot_be_copied(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_TOKEN", "tok-0123456789abcdef")
    notebook.variables["df"]["kind"] = "tok-0123456789abcdef"
    result = await notebook.solve("How large is df?", "print('df' in globals())")
    assert printed(result.messages) == "False"
    read = "".join(each.content for each in notebook.model.create_calls[0].messages)
    assert "`df` (pandas" in read
    assert "was not copied" in read
    assert "tok-0123456789abcdef" not in read


async def test_a_task_for_which_it_came_again_after_an_undo_can_be_taken_back_too(notebook: Notebook) -> None:
    """Arrow's threads stood on stacks of threads that the fork had ended, and were taken for Python's, or ZeroMQ's."""
    await notebook.solve("How large is df?")
    await notebook.agent.undo()
    notebook.variables["df"]["new"] = 1
    await notebook.solve("How large is df now?")
    await notebook.agent.undo()
    assert notebook.agent.events[-1].type == "TaskTurnedEvent"


async def test_what_is_gone_from_the_kernel_comes_again(notebook: Notebook) -> None:
    await notebook.solve("How large is df?", "del df")
    assert printed((await notebook.solve("How large is df?")).messages).startswith("(3, 2)")


async def test_one_that_a_task_made_which_failed_is_not_replaced_either(notebook: Notebook) -> None:
    await notebook.solve("Make it.", "import pandas as pd\ndf = pd.DataFrame({'own': [1]})")
    await notebook.solve("Fail.", "1 / 0")
    assert printed((await notebook.solve("How large is df?")).messages) == "(1, 1) ['own']"


async def test_a_table_that_arrow_cannot_keep_costs_no_task(notebook: Notebook) -> None:
    chunks = [pa.array([word]).dictionary_encode() for word in "ab"]
    notebook.variables["df"] = pa.table({"kind": pa.chunked_array(chunks)})
    result = await notebook.solve("How large is df?", "print(df.num_rows)")
    assert printed(result.messages) == "2"
