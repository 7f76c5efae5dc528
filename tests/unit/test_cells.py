"""Cells while they come about: drafts that become cells, steps, and what is no draft any more."""

import asyncio
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings, strategies as st

from codeagent_nb.approval import ApprovalResponse
from codeagent_nb.events import (
    AgentEvent,
    ApprovalEvent,
    BlockFinishedEvent,
    BlockStartedEvent,
    CodeExecutionEvent,
    CodeRefusedEvent,
    GivenCodeFinishedEvent,
    KernelStateEvent,
    LateOutputEvent,
    ModelClientStreamingChunkEvent,
    ModelReplyEvent,
    RequestUsage,
    RetryDecisionEvent,
    RunFinishedEvent,
    RunStartedEvent,
    TextMessage,
)
from codeagent_nb.projections.notebook_cell import Cell
from codeagent_nb.projections.notebook_cells import DRAFT_LIMIT, CellsStory
from kernel_executor import Append, BlockResult, CodeBlock, CodeResult
from kernel_executor.replay import failing
from tests.support.notebooks import notebook_of
from tests.support.stories import CODE, OTHER, STORIES, TWO, YES, Stages, events_of


def told(events: Iterable[AgentEvent]) -> CellsStory:
    story = CellsStory()
    for event in events:
        story.take(event)
    return story


def chunk(text: str) -> ModelClientStreamingChunkEvent:
    return ModelClientStreamingChunkEvent(source="coder", content=text)


def reply(content: str, purpose: Any = "generate", finish_reason: Any = "stop") -> ModelReplyEvent:
    usage = RequestUsage()
    return ModelReplyEvent(
        source="coder", purpose=purpose, content=content, finish_reason=finish_reason, usage=usage, duration=0
    )


def sources(cells: Iterable[Cell]) -> list[str]:
    return [cell.source for cell in cells]


def statuses(cells: Iterable[Cell]) -> list[Any]:
    return [cell.about.get("status") for cell in cells]


def cut(events: Iterable[AgentEvent], size: int) -> list[AgentEvent]:
    """Let the replies come in other pieces."""
    found: list[AgentEvent] = []
    for event in events:
        if isinstance(event, ModelClientStreamingChunkEvent):
            pieces = [event.content[at : at + size] for at in range(0, len(event.content), size)]
            found += [event.model_copy(update={"content": piece}) for piece in pieces]
        else:
            found.append(event)
    return found


@pytest.mark.parametrize("size", [1, 7, 1_000])
@pytest.mark.parametrize("path", STORIES)
async def test_a_draft_becomes_the_cell_of_its_key(stage: Stages, path: str, size: int) -> None:
    """Else the page would take a cell away and put another one in its place."""
    story = CellsStory()
    drafts: dict[str, Cell] = {}
    for event in cut(await events_of(stage, path), size):
        story.take(event)
        cells = {cell.key: cell for cell in story.cells}
        now = {cell.key: cell for cell in story.drafts}
        assert len(cells) == len(story.cells)
        assert not cells.keys() & now.keys()
        for key in cells.keys() & drafts.keys():
            assert cells[key].cell_type == drafts[key].cell_type
            assert cells[key].step == drafts[key].step
            assert cells[key].source == drafts[key].source
        drafts = now
    assert drafts == {}


@pytest.mark.parametrize("path", STORIES)
async def test_drafts_only_grow_while_a_reply_comes_letter_by_letter(stage: Stages, path: str) -> None:
    story = CellsStory()
    before: dict[str, str] = {}
    for event in cut(await events_of(stage, path), 1):
        story.take(event)
        now = {cell.key: cell.source for cell in story.drafts if cell.cell_type == "code"}
        if isinstance(event, ModelClientStreamingChunkEvent):
            assert all(now[key].startswith(source) for key, source in before.items())
        before = now


@settings(deadline=None)
@given(st.lists(st.integers(0, len(TWO)), max_size=8))
def test_a_reply_in_any_pieces_gives_the_same_drafts(cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), len(TWO)]
    story = told(chunk(TWO[start:end]) for start, end in pairwise(bounds))
    written = [(cell.key, cell.source) for cell in story.drafts]
    assert written == [("code-1", "print(1)"), ("code-2", "%%bash\nls")]
    assert statuses(story.drafts) == ["writing", "writing"]
    story.take(reply(TWO))
    assert [(cell.key, cell.source) for cell in story.drafts] == written
    assert statuses(story.drafts) == ["waiting", "waiting"]


def test_a_draft_holds_no_fence_and_begins_with_the_first_whole_line() -> None:
    for text, code in [
        ("```", []),
        ("```py", []),
        ("```python\n", [""]),
        ("```python\nx = '`'", ["x = '`'"]),
        ("```python\nx\n`", ["x"]),
        ("```python\nx\n``", ["x"]),
        ("```python\nx\n```", ["x"]),
        ("```python\nx\n```\n", ["x"]),
        ("~~~python\nx\n~~", ["x"]),
    ]:
        assert sources(told([chunk(text)]).drafts) == code, text


def test_data_output_and_reasoning_are_no_drafts() -> None:
    for text in ("```json\n{}\n```", "```text\nprint(1)\n```", f"<think>\n{CODE}", "Use `x`.", "```javascript\n1\n```"):
        assert told([chunk(text)]).drafts == []


def test_a_reply_without_an_end_is_not_read_again_and_again() -> None:
    story = told([chunk("```python\n"), chunk("x = 1\n" * DRAFT_LIMIT)])
    assert story.drafts == []


@pytest.mark.parametrize("path", ["denied", "refused", "cut off", "repeated", "model never there", "silent"])
async def test_what_never_ran_leaves_no_draft(stage: Stages, path: str) -> None:
    story = told(await events_of(stage, path))
    assert story.drafts == []
    assert "waiting" not in statuses(story.cells)
    assert "writing" not in statuses(story.cells)


async def test_code_that_is_denied_is_no_draft_from_that_moment_on(stage: Stages) -> None:
    story, seen = CellsStory(), []
    for event in await events_of(stage, "denied"):
        story.take(event)
        if isinstance(event, ModelReplyEvent | ApprovalEvent):
            seen.append(statuses(story.drafts))
    assert seen == [["waiting"], []]


async def test_code_that_was_edited_waits_as_it_will_run(stage: Stages) -> None:
    def edit(_: Any) -> ApprovalResponse:
        return ApprovalResponse(approved=True, reason="", code_blocks=(CodeBlock("print(3)"),))

    scene = stage([TWO, "Three."], ["3\n"], approval_func=edit)
    await scene.agent.run(task="t")
    story = CellsStory()
    for event in scene.seen:
        story.take(event)
        if isinstance(event, ApprovalEvent):
            assert sources(story.drafts) == ["print(3)"]
        if isinstance(event, BlockStartedEvent):
            assert story.drafts == [], "there is no second block any more"


async def test_a_stopped_run_leaves_no_draft(stage: Stages) -> None:
    scene = stage([TWO], delay=60)
    run = asyncio.ensure_future(scene.agent.run(task="t"))
    await scene.until("BlockStartedEvent")
    assert sources(told(scene.seen).drafts) == ["%%bash\nls"]
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    story = told(scene.seen)
    assert story.drafts == []
    assert statuses(story.cells)[1] == "interrupted"


# Words


async def test_the_explanation_grows_under_its_key_and_is_never_a_draft_of_code(stage: Stages) -> None:
    for path in ("quoted code", "repeated and quoted"):
        events = await events_of(stage, path)
        refused = {n for n, event in enumerate(events) if isinstance(event, CodeRefusedEvent) and event.nothing_ran}
        ran = max({n for n, event in enumerate(events) if isinstance(event, CodeExecutionEvent)} | refused)
        story, seen = told(events[: ran + 1]), []
        for event in events[ran + 1 :]:
            story.take(event)
            seen += [(cell.cell_type, cell.key) for cell in story.drafts]
        assert story.cells[-1].about["kind"] == "reflection"
        assert set(seen) == {("markdown", story.cells[-1].key)}


def test_the_draft_of_an_explanation_says_at_once_that_nothing_ran_through() -> None:
    result = BlockResult(block=CodeBlock("x"), status="error", exit_code=1, ename="E", evalue="v")
    ran: Any = CodeExecutionEvent.model_construct(retry_attempt=0, result=FakeResult(result), source="x")
    story = told([ran, chunk("It "), chunk("failed ![x](https://e.test/?1).")])
    (draft,) = story.drafts
    assert draft.source.startswith("**No code succeeded; the last attempt ended with E: v.**\n\nIt failed &#33;[x]")
    assert (draft.key, draft.about) == ("markdown-1", {"kind": "reflection"})


class FakeResult:
    """A result of one block."""

    def __init__(self, block: BlockResult) -> None:
        self.blocks, self.exit_code = (block,), block.exit_code


def test_a_long_explanation_is_shown_when_it_is_whole() -> None:
    ran: Any = CodeExecutionEvent(source="x", retry_attempt=0, result=CodeResult(1, ""))
    story = told([ran, chunk("x" * DRAFT_LIMIT)])
    assert len(story.drafts) == 1
    story.take(chunk("x"))
    assert story.drafts == []


# Steps


async def steps(stage: Stages, replies: list[Any], results: list[Any], **more: Any) -> tuple[list[Any], set[int]]:
    scene = stage(replies, results, **more)
    await scene.agent.run(task="t")
    story = told(scene.seen)
    return [(cell.step, cell.about["kind"]) for cell in story.cells], story.failed_steps


async def test_closing_words_that_are_asked_for_again_leave_a_note(stage: Stages) -> None:
    story = CellsStory()
    for event in await events_of(stage, "asked again"):
        story.take(event)
    assert [(cell.about["kind"], cell.source) for cell in story.cells[-2:]] == [
        ("note", "*Asked for the answer again: no output states 42.*"),
        ("reflection", "It printed 1."),
    ]


@pytest.mark.parametrize("path", ["silent when asked again", "gone when asked again"])
async def test_where_no_other_answer_comes_the_first_one_stands(stage: Stages, path: str) -> None:
    story = CellsStory()
    for event in await events_of(stage, path):
        story.take(event)
    assert story.cells[-1].about["kind"] == "answer"
    assert story.cells[-1].source.startswith("It is 42.")


async def test_numbers_that_nothing_states_are_named_below_the_answer(stage: Stages) -> None:
    for path, kind in {"not computed": "reflection", "gone when asked again": "answer"}.items():
        story = CellsStory()
        for event in await events_of(stage, path):
            story.take(event)
        assert story.cells[-1].about["kind"] == kind
        assert "\n\n**Not computed: " in story.cells[-1].source


async def test_each_attempt_is_a_step_and_so_is_the_explanation(stage: Stages) -> None:
    assert await steps(stage, [CODE, YES, OTHER, "Two."], [failing(), "2\n"], max_retries_on_error=1) == (
        [(1, "task"), (1, "quoted"), (1, "note"), (2, "code"), (3, "reflection")],
        {1},
    )
    assert await steps(stage, ["Paris."], []) == ([(1, "task"), (2, "answer")], set())


async def test_no_other_attempt_follows_the_last_one_though_it_failed_or_was_refused(
    stage: Stages,
) -> None:
    more = {"max_retries_on_error": 1, "retry_by": "status"}
    expected = [(1, "task"), (1, "quoted"), (1, "note"), (2, "quoted"), (3, "reflection")]
    assert await steps(stage, [CODE, OTHER, "No."], [failing(), failing()], **more) == (expected, {1})
    expected = [(1, "task"), (1, "quoted"), (1, "note"), (2, "note"), (3, "reflection")]
    assert await steps(stage, [CODE, CODE, "No."], [failing()], **more) == (expected, {1})


async def test_the_steps_of_a_second_run_go_on_from_those_of_the_first(stage: Stages) -> None:
    scene = stage([CODE, "One.", "Paris."], ["1\n"])
    await scene.agent.run(task="one")
    await scene.agent.run(task="two")
    story = told(scene.seen)
    assert [(cell.step, cell.about["kind"]) for cell in story.cells] == [
        (1, "task"),
        (1, "code"),
        (2, "reflection"),
        (3, "task"),
        (4, "answer"),
    ]
    assert story.failed_steps == set()


# The saved session


@pytest.mark.parametrize("path", STORIES)
async def test_the_saved_session_holds_no_draft(stage: Stages, path: str) -> None:
    events = await events_of(stage, path)
    for length in range(len(events) + 1):
        notebook = notebook_of(events[:length])
        nbformat.validate(notebook)
        assert len(notebook.cells) == len(told(events[:length]).lasting)
        assert not {"writing", "waiting"} & {cell.metadata.codeagent.get("status") for cell in notebook.cells}


def test_late_output_of_code_that_was_stopped_is_no_output_of_words() -> None:
    block = CodeBlock("x", "python")
    begun = BlockStartedEvent(source="x", retry_attempt=0, block_id="1", block=block)
    result = BlockResult(block=block, status="timeout", exit_code=124, note="Stopped.")
    ended = BlockFinishedEvent(source="x", retry_attempt=0, block_id="1", result=result)
    late = Append({"output_type": "stream", "name": "stdout", "text": "late"})
    story = told([begun, ended, LateOutputEvent(source="x", block_id="1", change=late)])
    (cell,) = story.cells
    assert (cell.cell_type, cell.outputs) == ("markdown", [])


def test_a_run_that_was_never_begun_ends_without_harm() -> None:
    end = RunFinishedEvent(source="x", status="error", reason="no\nmodel", tries=0, usage=RequestUsage(), duration=0)
    story = told([TextMessage(source="user", content="t"), end])
    assert sources(story.cells) == ["t", "**The run ended early: no model**"]


# Nothing that failed is code (design D19)

STATUSES: Any = ("ok", "error", "timeout", "interrupted", "died", "skipped", "refused", "unknown")
steps_of_a_session = st.lists(
    st.one_of(
        st.sampled_from(["begin", "task", "start", "finish", "late", "given ended well", "given failed"]),
        st.sampled_from(["attempt ended well", "attempt failed", "retry", "no retry", "reply", "reflect", "kept"]),
        st.tuples(st.just("end"), st.sampled_from(STATUSES)),
        st.tuples(st.just("end"), st.just("ok")),
    ),
    max_size=40,
)


class Teller:
    """Tells a session at random, and knows which code ended well as a part of an attempt that did."""

    def __init__(self) -> None:
        self.good: list[str] = []
        self.attempt: list[tuple[str, str]] = []
        self.count = 0
        self.running = ""

    def events(self, step: Any) -> list[AgentEvent]:
        match step:
            case "begin":
                self.count += 1
                self.running = f"block({self.count})"
                self.attempt.append((self.running, "running"))
                return [begun(self.running)]
            case ("end", status):
                return self.end(status)
            case "late":
                change = Append({"output_type": "stream", "name": "stdout", "text": "late"})
                return [LateOutputEvent(source="x", block_id=self.running, change=change)]
            case "attempt ended well" | "given ended well":
                statuses = {status for _, status in self.attempt}
                self.good += [code for code, status in self.attempt if statuses <= {"ok", "skipped"} and status == "ok"]
                return [self.ended(step, 0)]
            case "attempt failed" | "given failed":
                return [self.ended(step, 1)]
            case "retry" | "no retry":
                return [RetryDecisionEvent(source="c", retry_attempt=0, reason="r", retry=step == "retry")]
            case "reply" | "reflect":
                return [reply(TWO, "reflect" if step == "reflect" else "generate")]
            case "kept":
                return [KernelStateEvent(source="x", state="kept", reason="r", names=("a",))]
            case _:
                return [self.boundary(step)]

    def end(self, status: Any) -> list[AgentEvent]:
        if not self.running and status != "skipped":
            return []
        code = self.running or "skipped()"
        result = BlockResult(block=CodeBlock(code), status=status, exit_code=int(status not in {"ok", "skipped"}))
        self.attempt = [*self.attempt[: -1 if self.running else None], (code, status)]
        if result.exit_code or (self.running and status == "skipped"):
            self.attempt = []
        ended = BlockFinishedEvent(source="x", retry_attempt=0, block_id=self.running, result=result)
        self.running = ""
        return [ended]

    def ended(self, step: str, exit_code: int) -> AgentEvent:
        self.attempt, self.running = [], ""
        if step.startswith("given"):
            return GivenCodeFinishedEvent(source="x", exit_code=exit_code)
        return CodeExecutionEvent(source="c", retry_attempt=0, result=CodeResult(exit_code, ""))

    def boundary(self, step: str) -> AgentEvent:
        self.attempt, self.running = [], ""
        if step == "task":
            return TextMessage(source="user", content="t")
        if step == "start":
            return RunStartedEvent(source="c", model="m", isolation="i", max_retries_on_error=3)
        return RunFinishedEvent(source="c", status="error", reason="r", tries=1, usage=RequestUsage(), duration=0)


def begun(code: str) -> BlockStartedEvent:
    return BlockStartedEvent(source="x", retry_attempt=0, block_id=code, block=CodeBlock(code))


@settings(deadline=None)
@given(steps_of_a_session)
def test_whatever_happens_only_code_of_attempts_that_ended_well_is_saved_as_code(session: list[Any]) -> None:
    teller, story = Teller(), CellsStory()
    for step in session:
        for event in teller.events(step):
            story.take(event)
            saved = [cell.source for cell in story.lasting if cell.cell_type == "code"]
            assert saved == teller.good
            assert len({cell.key for cell in story.lasting}) == len(story.lasting)
            if not teller.attempt:
                assert sources(story.cells) == sources(story.lasting), "in the open notebook, too"
