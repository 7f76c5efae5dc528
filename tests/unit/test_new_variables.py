"""What a task has made is told in one line on every surface, and is text there, whatever code called it."""

from io import StringIO

import pytest
from IPython.core.error import UsageError

from codeagent_nb.events import NewVariablesEvent, RunFinishedEvent, RunStartedEvent, TextMessage
from codeagent_nb.models.types import RequestUsage
from codeagent_nb.notebook.arguments import Pull, read_pull
from codeagent_nb.projections.cell_output import CellStory
from codeagent_nb.projections.notebook_cells import CellsStory
from codeagent_nb.text import how_to_bring, variables_text
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.console import ConsoleView
from kernel_executor import LiveVariable

CLEAN = LiveVariable(name="clean", type="DataFrame", shape=(333, 9), comes=True)
MODEL = LiveVariable(name="model", type="LinearRegression")
EVIL = LiveVariable(name="evil", type="<img src=x onerror=alert(1)>\n# _Title_ \x1b[2J", comes=True)


def told(*variables: LiveVariable) -> NewVariablesEvent:
    return NewVariablesEvent(source="executor", variables=variables)


def test_each_is_told_by_name_type_and_size_and_whether_it_stays() -> None:
    event = told(CLEAN, MODEL)
    assert variables_text(event) == (
        "New in the agent's kernel: clean · DataFrame 333 × 9; model · LinearRegression (stays there)"  # noqa: RUF001
    )
    assert how_to_bring(event) == "Into your notebook: %agent pull clean"
    assert how_to_bring(told(MODEL)) == ""


def test_of_many_and_of_long_ones_a_part_is_told() -> None:
    many = told(*(LiveVariable(name=f"x{number}" * 50, type="int" * 100) for number in range(100)))
    assert variables_text(many).endswith("; and 92 more")
    assert len(variables_text(many)) < 3_000


def test_under_the_cell_it_is_text() -> None:
    story = CellStory()
    story.take(told(EVIL))
    [(_, (data, _))] = story.displays()
    assert "<img" not in data["text/html"]
    assert "\x1b" not in data["text/plain"]


def test_in_the_saved_notebook_it_closes_the_task_and_is_no_cell_of_its_own() -> None:
    story = CellsStory()
    started = RunStartedEvent(source="agent", model="m", isolation="none", max_retries_on_error=0)
    usage = RequestUsage(prompt_tokens=1, completion_tokens=1)
    ended = RunFinishedEvent(source="agent", status="succeeded", reason="", tries=1, usage=usage, duration=1.0)
    for event in (
        TextMessage(source="user", content="Go."),
        started,
        ended,
        TextMessage(source="agent", content="Done."),
    ):
        story.take(event)
    count = len(story.cells)
    story.take(told(CLEAN, EVIL))
    assert len(story.cells) == count
    assert "clean &#183; DataFrame 333" in story.cells[-1].closing
    assert "<img" not in story.cells[-1].closing
    assert "\n#" not in story.cells[-1].closing


def test_in_the_terminal_it_steers_nothing() -> None:
    text = StringIO()
    ConsoleView(CleanConsole(file=text, width=200, force_terminal=False)).on_event(told(CLEAN, EVIL))
    assert "clean · DataFrame 333" in text.getvalue()
    assert "\x1b[2J" not in text.getvalue()


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("clean", Pull((("clean", "clean"),), None)),
        ("  clean  as  table ", Pull((("clean", "table"),), None)),
        ("a, b c", Pull((("a", "a"), ("b", "b"), ("c", "c")), None)),
        ("big --limit 2GB", Pull((("big", "big"),), 2_000_000_000)),
        ("big as small --limit=500 MB", Pull((("big", "small"),), 500_000_000)),
    ],
)
def test_a_pull_is_read(line: str, asked: Pull) -> None:
    assert read_pull(line) == asked


@pytest.mark.parametrize(
    "line", ["", "as x", "a as", "a b as c", "a as b c", "a.b", "a as class", "a --limit x", "--limit 2GB"]
)
def test_a_pull_that_cannot_be_read_says_what_to_write(line: str) -> None:
    with pytest.raises(UsageError):
        read_pull(line)
