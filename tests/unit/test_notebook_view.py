"""The session as a notebook: valid whatever happened, true to what ran, and never lost while it is saved."""

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings, strategies as st

from codeagent_nb.errors import SessionError
from codeagent_nb.events import (
    BlockFinishedEvent,
    BlockOutputEvent,
    BlockStartedEvent,
    GivenCodeFinishedEvent,
    LateOutputEvent,
    RetryDecisionEvent,
    TextMessage,
    VariableEvent,
)
from codeagent_nb.projections.notebook_text import NotebookText
from codeagent_nb.text import fenced
from codeagent_nb.views.notebook_file import NotebookView
from kernel_executor import Append, BlockResult, CodeBlock
from tests.support.notebooks import notebook_of
from tests.support.stories import (
    CODE,
    STORIES,
    Stages,
    events_of,
)


def valid(events: Any) -> Any:
    """Project events; check what nbformat checks, and that the file is JSON to browsers, too."""
    notebook = notebook_of(events)
    nbformat.validate(notebook)
    written = nbformat.writes(notebook)
    json.loads(written, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    return nbformat.reads(written, as_version=4)


def cells(notebook: Any) -> list[tuple[str, str]]:
    return [(cell.metadata.codeagent.kind, cell.source) for cell in notebook.cells]


@pytest.mark.parametrize("path", STORIES)
async def test_every_prefix_of_every_run_is_a_valid_notebook(stage: Stages, path: str) -> None:
    events = await events_of(stage, path)
    for length in range(len(events) + 1):
        valid(events[:length])


async def test_a_run_reads_as_task_code_and_result(stage: Stages) -> None:
    notebook = valid(await events_of(stage, "succeeded"))
    kinds = cells(notebook)
    assert [kind for kind, _ in kinds] == ["task", "code", "reflection"]
    assert kinds[1] == ("code", "print(1)")
    text, facts = kinds[2][1].rsplit("\n\n", 1)
    assert text == "## Result\n\nIt printed 1."
    assert re.fullmatch(r"\*1 try · \d+ tokens · \d\.\d s · ReplayChatCompletionClient · sandboxed by replay\*", facts)
    assert notebook.cells[1].outputs == [{"output_type": "stream", "name": "stdout", "text": "1\n"}]
    (run,) = notebook.metadata.codeagent.runs
    assert (run.status, run.tries, run.isolation[:19]) == ("succeeded", 1, "sandboxed by replay")


async def test_a_failed_attempt_is_kept_folded_and_never_runs_again(stage: Stages) -> None:
    notebook = valid(await events_of(stage, "repaired"))
    assert [cell.source for cell in notebook.cells if cell.cell_type == "code"] == ["print(2)"]
    failed = notebook.cells[1]
    assert failed.metadata.codeagent == {"kind": "quoted", "attempt": 1, "status": "error"}
    assert failed.source == (
        "<details><summary>Attempt 1 failed: ValueError: bad</summary>\n\n"
        "```python\nprint(1)\n```\n\n```text\nTraceback\nValueError: bad\n```\n\n</details>"
    )
    assert "Trying again: a &#60;typo&#62;" in "".join(source for kind, source in cells(notebook) if kind == "note")


async def test_the_result_of_a_failed_run_says_that_it_failed(stage: Stages) -> None:
    notebook = valid(await events_of(stage, "failed"))
    assert notebook.cells[-1].source.startswith("## Result\n\n**No code succeeded;")


@pytest.mark.parametrize("path", ["timeout", "died", "skipped"])
async def test_what_was_stopped_is_quoted_and_never_runs_again(stage: Stages, path: str) -> None:
    notebook = valid(await events_of(stage, path))
    assert [cell.cell_type for cell in notebook.cells] == ["markdown"] * 3
    quoted = notebook.cells[1].source
    assert "```python\nprint(1)\n```" in quoted
    assert "````text\nhalf ``` done\n````" in quoted


async def test_a_shell_block_is_a_bash_cell(stage: Stages) -> None:
    assert ("code", "%%bash\nls") in cells(valid(await events_of(stage, "shell")))


async def test_a_cell_that_leaves_by_exit_is_no_failure_but_raises(stage: Stages) -> None:
    notebook = valid(await events_of(stage, "exit"))
    assert notebook.cells[1].metadata.tags == ["raises-exception"]


async def test_refused_code_is_quoted_with_the_reason(stage: Stages) -> None:
    for path in ("refused", "refused in part"):
        notes = [source for kind, source in cells(valid(await events_of(stage, path))) if kind == "note"]
        assert "javascript is not run here" in notes[0]
        assert "alert(" in notes[0]


async def test_a_fault_is_named(stage: Stages) -> None:
    assert "gone *now*" in valid(await events_of(stage, "model gone")).cells[-1].source


async def test_denied_code_is_not_a_cell(stage: Stages) -> None:
    notebook = valid(await events_of(stage, "denied"))
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "markdown"]
    assert "not approved" in notebook.cells[-1].source


async def test_a_follow_up_task_goes_on_below(stage: Stages) -> None:
    scene = stage([CODE, "One.", "Paris."], ["1\n"])
    await scene.agent.run(task="print one")
    await scene.agent.run(task="capital of France?")
    kinds = [kind for kind, _ in cells(valid(scene.agent.log.events))]
    assert kinds == ["task", "code", "reflection", "task", "answer"]


def started(block_id: str = "1") -> BlockStartedEvent:
    return BlockStartedEvent(source="executor", retry_attempt=0, block_id=block_id, block=CodeBlock("work()"))


def output(text: str, kind: Any = BlockOutputEvent, block_id: str = "1") -> Any:
    change = Append({"output_type": "stream", "name": "stdout", "text": text})
    return kind(source="executor", block_id=block_id, change=change)


WELL = GivenCodeFinishedEvent(source="executor", exit_code=0)


def finished(*outputs: Any, block_id: str = "1", **more: Any) -> BlockFinishedEvent:
    result = BlockResult(block=CodeBlock("work()"), status="ok", exit_code=0, outputs=outputs, **more)
    return BlockFinishedEvent(source="executor", retry_attempt=0, block_id=block_id, result=result)


def test_what_is_running_is_saved_with_what_came_so_far_but_not_as_code() -> None:
    events = [started(), output("10 %\r"), output("20 %\n")]
    (cell,) = valid(events).cells
    assert "```python\nwork()\n```\n\n```text\n20 %\n```" in cell.source
    assert (cell.cell_type, cell.metadata.codeagent.status) == ("markdown", "running")
    (cell,) = valid([*events, finished()]).cells
    assert cell.cell_type == "markdown", "another block of the attempt may follow, and fail"
    (cell,) = valid([*events, finished(), WELL]).cells
    assert (cell.cell_type, cell.metadata.codeagent.status) == ("code", "ok")


def test_late_output_lands_in_the_cell_that_caused_it() -> None:
    stream = {"output_type": "stream", "name": "stdout", "text": "now\n"}
    later = output("later\n", LateOutputEvent)
    events = [started(), finished(stream), started("2"), later, finished(block_id="2"), WELL, later]
    first, second = valid(events).cells
    assert first.outputs[0].text == "now\nlater\nlater\n"
    assert not second.outputs


async def test_given_code_in_a_journal_of_0_1_which_tells_no_end_of_it_is_a_cell_if_its_run_succeeded(
    stage: Stages,
) -> None:
    events = [event for event in await events_of(stage, "given code") if not isinstance(event, GivenCodeFinishedEvent)]
    assert [source for kind, source in cells(valid(events)) if kind == "code"] == ["print(1)"]


async def test_a_block_whose_end_was_never_told_does_not_look_as_if_it_ran_through(stage: Stages) -> None:
    import asyncio

    scene = stage([CODE], delay=60)
    run = asyncio.ensure_future(scene.agent.run(task="print one"))
    await scene.until("BlockStartedEvent")
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    notebook = valid(scene.agent.log.events)
    assert "code" not in {cell.cell_type for cell in notebook.cells}
    assert notebook.cells[1].metadata.codeagent.status == "interrupted"
    assert notebook.cells[1].source.startswith("<details><summary>Attempt 1 was interrupted</summary>")


@pytest.mark.parametrize("count", [None, 3, -1, True])
def test_a_variable_that_was_copied_is_a_cell_that_loads_it_again(count: Any) -> None:
    code = "import pickle\nwith open('s.data/df.pickle', 'rb') as file:\n    df = pickle.load(file)"
    event = VariableEvent.model_construct(
        source="notebook", name="df", code=code, description="", execution_count=count, type="VariableEvent"
    )
    (cell,) = valid([event]).cells
    assert (cell.cell_type, cell.source) == ("code", code)
    assert cell.metadata.codeagent == {"kind": "variable", "name": "df"}
    assert cell.execution_count == (3 if count == 3 else None)


# Outputs of any shape: executed code can send what it likes

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
mimes = st.sampled_from(["text/plain", "text/html", "image/png", "application/json", "x+json", "", "a b/c", "\u202e"])
bundles = st.dictionaries(mimes | st.text(max_size=5), json_values, max_size=3)
strange_outputs = st.one_of(
    st.fixed_dictionaries({"output_type": st.just("stream"), "name": st.text(max_size=6), "text": st.text()}),
    st.fixed_dictionaries(
        {"output_type": st.sampled_from(["display_data", "execute_result"]), "data": bundles, "metadata": bundles},
        optional={"execution_count": json_values, "transient": bundles},
    ),
    st.fixed_dictionaries(
        {
            "output_type": st.just("error"),
            "ename": st.text(max_size=5),
            "evalue": st.text(max_size=5),
            "traceback": st.lists(st.text(max_size=10), max_size=3),
        },
        optional={"colour": json_values},
    ),
    st.fixed_dictionaries({"output_type": st.just("display_data")}),
    st.fixed_dictionaries({"output_type": st.just("error")}),
)


@settings(deadline=None)
@given(st.lists(strange_outputs, max_size=3), st.none() | st.booleans() | st.integers(-3, 3))
def test_outputs_of_any_shape_make_a_valid_notebook(outputs: list[Any], count: Any) -> None:
    changes = [BlockOutputEvent(source="x", block_id="1", change=Append(one)) for one in outputs]
    valid([started(), *changes])
    valid([started(), *changes, finished(*outputs, execution_count=count)])
    valid([started(), *changes, finished(*outputs, execution_count=count), WELL])


def test_control_and_bidi_characters_come_through_as_they_are() -> None:
    text = "\x00\x07\x1b[31mred\x1b[0m \u202eevil\u202c \u2066x\u2069\n"
    stream = {"output_type": "stream", "name": "stdout", "text": text}
    (cell,) = valid([started(), finished(stream), WELL]).cells
    assert cell.outputs[0].text == text


def test_five_megabytes_of_text_are_saved() -> None:
    stream = {"output_type": "stream", "name": "stdout", "text": "0123456789" * 50_000 + "\n"}
    display = {"output_type": "display_data", "data": {"text/plain": "x" * 5_000_000}, "metadata": {}}
    (cell,) = valid([started(), finished(stream, display), WELL]).cells
    assert len(cell.outputs[1].data["text/plain"]) == 5_000_000


def test_a_fence_is_longer_than_any_in_it() -> None:
    assert fenced("a\n````\nb", "text") == "`````text\na\n````\nb\n`````"


# Saving


def said(text: str) -> TextMessage:
    return TextMessage(source="user", content=text)


def test_the_notebook_is_there_from_the_beginning_and_after_each_step(tmp_path: Path) -> None:
    path = tmp_path / "session.ipynb"
    view = NotebookView(path)
    assert not nbformat.read(path, as_version=4).cells
    view.on_event(said("one"))
    assert len(nbformat.read(path, as_version=4).cells) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_saved_notebook_is_its_users_alone_until_the_user_says_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "session.ipynb"
    view = NotebookView(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o664)
    view.on_event(said("one"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o664
    path.chmod(0o4777)
    view.on_event(said("two"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o666, "nobody's program, and with nobody's rights but ours"


def test_a_link_that_executed_code_planted_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path = tmp_path / "session.ipynb"
    view = NotebookView(path)
    path.unlink()
    path.symlink_to(victim)
    (tmp_path / f".session.ipynb.{os.getpid()}.tmp").symlink_to(victim)
    view.on_event(said("one"))
    assert victim.read_text() == "precious"
    assert not path.is_symlink()


def test_what_was_missed_after_a_failed_save_is_taken_in_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "session.ipynb"
    view = NotebookView(path)
    events = [said("one"), said("two"), said("three")]
    view.on_event(events[0])
    view.catch_up(events)
    view.catch_up(events)
    view.save()
    assert len(nbformat.read(path, as_version=4).cells) == 3


SAVE_TWICE = """
import resource, sys
from pathlib import Path
from codeagent_nb.errors import SessionError
from codeagent_nb.events import TextMessage
from codeagent_nb.views.notebook_file import NotebookView
view = NotebookView(Path(sys.argv[1]))
view.on_event(TextMessage(source="user", content="kept"))
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    view.on_event(TextMessage(source="user", content="x" * 1_000_000))
except SessionError as error:
    print(error)
"""


def assert_the_old_notebook_is_left(folder: Path, path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert [cell.source for cell in notebook.cells] == ["## Task\n\nkept"]
    assert [entry.name for entry in folder.iterdir()] == [path.name]


def test_a_save_that_breaks_off_leaves_the_old_notebook(tmp_path: Path) -> None:
    path = tmp_path / "session.ipynb"
    command = [sys.executable, "-c", SAVE_TWICE, str(path), "limited"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith(f"cannot save '{path}': File too large")
    assert_the_old_notebook_is_left(tmp_path, path)


def mount(*arguments: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mount does not work here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder))
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_the_old_notebook_and_says_so(small_disk: Path) -> None:
    path = small_disk / "session.ipynb"
    view = NotebookView(path)
    view.on_event(said("kept"))
    view.catch_up([said("x" * 45_000) for _ in range(20)])
    with pytest.raises(SessionError, match="No space left on device"):
        view.save()
    assert_the_old_notebook_is_left(small_disk, path)


def test_a_read_only_folder_leaves_the_old_notebook_and_says_so(small_disk: Path) -> None:
    path = small_disk / "session.ipynb"
    view = NotebookView(path)
    view.on_event(said("kept"))
    mount("-o", "remount,ro", str(small_disk))
    with pytest.raises(SessionError, match="Read-only file system"):
        view.on_event(said("more"))
    assert_the_old_notebook_is_left(small_disk, path)


async def test_a_full_disk_does_not_stop_the_run(stage: Stages, small_disk: Path) -> None:
    view = NotebookView(small_disk / "session.ipynb")
    (small_disk / "ballast").write_bytes(b"x" * 390_000)
    scene = stage([CODE, "It printed 1."], ["1\n" * 5_000], views=[view])
    result = await scene.agent.run(task="print one")
    assert result.stop_reason == "the code succeeded"
    (detached,) = [event for event in scene.seen if event.type == "ViewDetachedEvent"]
    assert "No space left on device" in detached.error
    (small_disk / "ballast").unlink()
    view.catch_up(scene.agent.log.events)
    view.save()
    assert len(nbformat.read(small_disk / "session.ipynb", as_version=4).cells) == 3


def test_an_error_in_one_cell_leaves_no_stale_text_of_others() -> None:
    """A log takes such text out; whoever feeds it directly is told each time, and not given half of the cells."""
    notebook = NotebookText()
    for event in [said("one"), said("two"), said("a\ud800b")]:
        notebook.take(event)
    for _ in range(2):
        with pytest.raises(UnicodeEncodeError):
            _ = notebook.content


def test_the_reason_of_a_retry_stands_whole_in_the_saved_notebook() -> None:
    reason = "because " * 100
    event = RetryDecisionEvent(source="coder", retry_attempt=0, reason=reason, retry=True)
    assert reason.strip() in valid([event]).cells[0].source
