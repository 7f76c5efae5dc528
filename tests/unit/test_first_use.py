"""What a first user stumbled over: words for the model, brackets, stars, empty figures, forty lines of pandas."""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from markdown_it import MarkdownIt
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table

from codeagent_nb import events
from codeagent_nb.errors import ModelUnavailable
from codeagent_nb.events import AgentEvent
from codeagent_nb.models.types import RequestUsage
from codeagent_nb.projections.cell_output import CellStory
from codeagent_nb.projections.chat import PanelStory
from codeagent_nb.projections.notebook_cells import CellsStory
from codeagent_nb.prompt.model_texts import ADVICE, REFLECT_AFTER_FAILURE, REFLECT_AFTER_SUCCESS, advised
from codeagent_nb.prompt.transcript import prompt
from codeagent_nb.reply.run_policy import read_reply
from codeagent_nb.text import own_frames, refusal_note
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.console import ConsoleView
from kernel_executor import Append, CodeBlock
from kernel_executor.outputs.message import Message
from kernel_executor.outputs.output_changes import read_change

Stages = Callable[..., Any]

STARTED = events.RunStartedEvent(source="coder", model="m", isolation="sandboxed", max_retries_on_error=1)


def ended(status: Any, reason: str) -> events.RunFinishedEvent:
    return events.RunFinishedEvent(
        source="coder", status=status, reason=reason, tries=1, usage=RequestUsage(), duration=1.0
    )


def terminal(*happened: AgentEvent) -> str:
    console = CleanConsole(file=io.StringIO(), width=300, color_system=None)
    view = ConsoleView(console)
    for event in happened:
        view.on_event(event)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


# Brackets are no markup. Each was, or could have been, eaten elsewhere: pip#12023, deepagents#2307, agent-cli#370.

BRACKETS = (
    "pip install 'codeagent-nb[data]'",
    "df[bold]",
    "[/]",
    "[/red]",
    "list[str]",
    "[link=https://example.org]here[/link]",
    "C:\\data\\",
    "\\[x]",
    "[@click=app.bell]",
    "a[",
    "[red]not red",
    ":warning:",
)


@pytest.mark.parametrize("text", BRACKETS)
def test_brackets_are_shown_in_every_line_of_the_terminal(text: str) -> None:
    shown: Any = {"output_type": "display_data", "data": {"text/plain": f"shown {text}"}, "metadata": {}}
    told = terminal(
        STARTED.model_copy(update={"model": f"model {text}", "isolation": f"sandboxed: {text}"}),
        events.TextMessage(source="user", content=f"task {text}"),
        events.RetryDecisionEvent(source="coder", retry_attempt=0, reason=f"retry {text}", retry=True),
        events.BlockOutputEvent(source="e", block_id="1", change=Append(shown)),
        events.KernelStateEvent(source="e", state="lost", reason=f"state {text}"),
        ended("failed", f"reason {text}"),
    )
    for word in ("model", "sandboxed:", "task", "retry", "shown", "state", "reason"):
        assert f"{word} {text}" in told


@pytest.mark.parametrize("text", BRACKETS)
def test_brackets_are_shown_in_whatever_is_printed(text: str) -> None:
    console = CleanConsole(file=io.StringIO(), width=100, color_system=None)
    table = Table("a")
    table.add_row(text)
    for thing in (text, f"{text}", Panel(text), Rule(text), table):
        console.print(thing)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().count(text) == 5


# What is for the model is not shown to people

REPLIES = {
    "no language": "```\nls -la\n```",
    "a terminal session": "```console\n$ ls\ntotal 0\n```",
    "not closed": "```python\nprint(1",
}

IMPERATIVES = re.compile(r"\b(?:tag it|put the|write it|write the|change it)\b", re.IGNORECASE)


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_people_read_why_code_is_not_run_and_the_model_what_to_do(reply: str) -> None:
    refused = tuple(events.Refusal(block=block, reason=reason) for block, reason in read_reply(reply).refused)
    assert refused
    reason = "; ".join(dict.fromkeys(each.reason for each in refused))
    refusal = events.CodeRefusedEvent(source="coder", retry_attempt=0, refused=refused, reason=reason, nothing_ran=True)
    assert not IMPERATIVES.search(refusal_note(refusal))
    assert not IMPERATIVES.search(terminal(STARTED, refusal))


@pytest.mark.parametrize(("end", "advice"), ADVICE)
def test_the_model_gets_the_advice_with_the_reason(end: str, advice: str) -> None:
    block = CodeBlock("x", "python")
    refusal = events.CodeRefusedEvent(
        source="coder",
        retry_attempt=0,
        refused=(events.Refusal(block=block, reason=f"because {end}"),),
        reason=f"because {end}",
        nothing_ran=True,
    )
    [message] = [message for message in prompt([refusal], "generate", "coder", None) if advice in str(message.content)]
    assert f"because {end}; {advice}" in str(message.content)
    assert advice not in refusal_note(refusal)


def test_a_reason_without_advice_stays_as_it_is() -> None:
    assert advised("the reply was cut off") == "the reply was cut off"


# Stars are emphasis, never literal

REASONS = (
    "model 'x*' is gone",
    "SELECT * FROM t",
    "`*.csv` is missing",
    "2 ** 3",
    "**bold** inside",
    "ends with a star*",
    "*begins with one",
    "an _underscored_ name__",
    "a <tag> and &amp;",
    "[a link](http://example.org)",
    "a backslash\\",
    "two\nlines",
    "$x$ and ~~struck~~",
)


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_in_a_note_is_text_and_its_stars_are_shown_once(reason: str) -> None:
    story = CellsStory()
    refusal = events.CodeRefusedEvent(source="coder", retry_attempt=0, refused=(), reason=reason, nothing_ran=True)
    retry = events.RetryDecisionEvent(source="coder", retry_attempt=0, reason=reason, retry=False)
    for event in (STARTED, events.TextMessage(source="user", content="t"), refusal, retry, ended("error", reason)):
        story.take(event)
    notes = [cell.source for cell in story.lasting if cell.about.get("kind") == "note"]
    assert len(notes) == 3
    for note, tag in zip(notes, ("em", "em", "strong"), strict=True):
        rendered = MarkdownIt("commonmark").enable("strikethrough").render(note)
        assert rendered.startswith(f"<p><{tag}>"), rendered
        assert rendered.rstrip().endswith(f"</{tag}></p>"), rendered
        assert rendered.count("<") == 4, "nothing in it is markup"


# An empty figure is nothing

EMPTY = (
    "<Figure size 640x480 with 0 Axes>",
    "<Figure size 1000x600 with 0 Axes>",
    "<Figure size 1e+03x432 with 0 Axes>",
    "<SubFigure size 640x480 with 0 Axes>",
)
SOMETHING = (
    "<Figure size 640x480 with 1 Axes>",
    "<Figure size 640x480 with 10 Axes>",
    "a <Figure size 640x480 with 0 Axes>",
    "<Figure size 640x480 with 0 Axes> and more",
    "0 Axes",
    "",
)


def message(kind: str, data: dict[str, Any]) -> Message:
    return Message("iopub", kind, "p", {"data": data, "metadata": {}, "execution_count": 1})


@pytest.mark.parametrize("kind", ["display_data", "execute_result"])
def test_a_figure_in_which_nothing_is_drawn_is_no_output(kind: str) -> None:
    for text in EMPTY:
        assert read_change(message(kind, {"text/plain": text})) is None
        assert read_change(message(kind, {"text/plain": text, "image/png": "iVBO"})) is not None
    for text in SOMETHING:
        assert read_change(message(kind, {"text/plain": text})) is not None
    assert read_change(message(kind, {"text/plain": ["<Figure size 640x480 with 0 Axes>"]})) is not None
    assert read_change(message(kind, {})) is not None


# A long traceback


def traceback(*frames: str) -> str:
    return "\n\n".join(["-" * 75 + "\nKeyError  Traceback (most recent call last)", *frames, "KeyError: 'b'"])


PANDAS = "\n\n".join(f"File /lib/pandas/core/frame.py:{n}, in DataFrame.f(self)\n--> {n} return g()" for n in range(30))
OWN = "Cell In[1], line 2\n      1 import pandas as pd\n----> 2 df['b']"


def test_the_terminal_shows_where_in_the_code_an_error_came_from() -> None:
    text = traceback(OWN, PANDAS)
    error = {"output_type": "error", "ename": "KeyError", "evalue": "'b'", "traceback": text.split("\n")}
    told = terminal(STARTED, events.BlockOutputEvent(source="e", block_id="1", change=Append(error)))
    assert "----> 2 df['b']" in told
    assert "pandas/core" not in told
    assert len(told.splitlines()) < 10


def test_without_a_frame_of_the_code_the_last_lines_are_shown() -> None:
    lines = ["Traceback (most recent call last):", *(f'  File "a.py", line {n}' for n in range(40)), "KeyError: 'b'"]
    error = {"output_type": "error", "ename": "KeyError", "evalue": "'b'", "traceback": ["\n".join(lines)]}
    told = terminal(STARTED, events.BlockOutputEvent(source="e", block_id="1", change=Append(error)))
    assert "KeyError: 'b'" in told
    assert len(told.splitlines()) < 12


def test_of_many_own_frames_the_last_is_whole() -> None:
    frames = [f"Cell In[{n}], line 1\n----> 1 f{n}()\n      2 more" for n in range(5)]
    assert own_frames(traceback(*frames)) == [
        "Cell In[2], line 1\n----> 1 f2()",
        "Cell In[3], line 1\n----> 1 f3()",
        "Cell In[4], line 1\n----> 1 f4()\n      2 more",
    ]


# A fault is told once


async def test_a_fault_of_the_model_is_told_by_who_catches_it_and_not_before(stage: Stages) -> None:
    console = CleanConsole(file=io.StringIO(), width=200, color_system=None)
    scene = stage([ModelUnavailable("the server is gone")], [], views=[ConsoleView(console)])
    with pytest.raises(ModelUnavailable, match="the server is gone"):
        await scene.agent.run(task="x")
    assert isinstance(console.file, io.StringIO)
    assert "the server is gone" not in console.file.getvalue()
    assert "✗ something went wrong" in console.file.getvalue()


def test_the_panel_says_a_fault_once() -> None:
    story = PanelStory([STARTED, ended("error", "the server is gone")])
    story.note("error", "the server is gone")
    story.note("error", "another one")
    assert [entry["text"] for entry in story.entries] == ["the server is gone", "another one"]


def test_a_cell_leaves_the_fault_to_its_error() -> None:
    story = CellStory()
    for event in (STARTED, ended("error", "the server is gone")):
        story.take(event)
    assert "the server is gone" not in str(story.displays())


# The language of the user


@pytest.mark.parametrize("text", [REFLECT_AFTER_SUCCESS, REFLECT_AFTER_FAILURE])
def test_closing_words_are_asked_for_in_the_language_of_the_task(text: str) -> None:
    assert "in the language of the task" in " ".join(text.split())
