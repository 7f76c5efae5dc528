"""A small model repairs from what was seen where its code failed; it does not read the failed code."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from codeagent_nb import CodeExecutorAgent, ReplayChatCompletionClient, RunSettings
from codeagent_nb.events import (
    AgentEvent,
    ApprovalEvent,
    BlockFinishedEvent,
    BlockStartedEvent,
    CodeExecutionEvent,
    CodeRefusedEvent,
    ErrorExplainedEvent,
    KernelStateEvent,
    ModelReplyEvent,
    NextStepEvent,
    RetryDecisionEvent,
    RunStartedEvent,
    TextMessage,
)
from codeagent_nb.notebook import commands
from codeagent_nb.projections.cell_output import CellStory
from codeagent_nb.prompt.afresh import without_failed_tries
from codeagent_nb.prompt.model_texts import TRIES_LEFT
from codeagent_nb.prompt.transcript import prompt
from kernel_executor import BlockResult, CodeBlock, CodeResult, FailedLine, MissingName, SeenColumn, SeenValue
from kernel_executor.replay import ReplayCodeExecutor, failing

SEEN = FailedLine(
    error="KeyError",
    message="'heigth'",
    line=1,
    function="<module>",
    source="print(df['heigth'].mean())",
    values=(
        SeenValue(
            name="df",
            type="DataFrame",
            shape=(3, 2),
            columns=(SeenColumn(label="'height'", dtype="float64", example="1.5"),),
        ),
    ),
    missing=(MissingName(name="heigth", of="df", near=("height",)),),
)
TYPO = "```python\nprint(df['heigth'].mean())\n```"
RIGHT = "```python\nprint(df['height'].mean())\n```"


class SeeingExecutor(ReplayCodeExecutor):
    """Scripted results, and what was seen where each failed."""

    async def failed_line(self) -> FailedLine | None:
        """Return what was seen where the last block failed."""
        return SEEN


def executor(*results: Any) -> SeeingExecutor:
    return SeeingExecutor(results)


def failed() -> BlockResult:
    return failing("KeyError", "'heigth'")


def small(replies: Sequence[str]) -> ReplayChatCompletionClient:
    return ReplayChatCompletionClient(replies)


async def texts_of_prompts(replies: Sequence[str], *results: Any, repairs_afresh: bool) -> list[str]:
    model = small(replies)
    agent = CodeExecutorAgent(
        "coder", executor(*results), model_client=model, max_retries_on_error=2, retry_by="status"
    )
    settings = RunSettings(model=model, max_retries=2, max_steps=1, repairs_afresh=repairs_afresh)
    await agent.run(task="How tall are they?", settings=settings)
    model.assert_exhausted()
    return ["\n".join(message.content for message in call.messages) for call in model.create_calls]


async def test_the_model_reads_what_was_seen_and_not_the_failed_code() -> None:
    _, second, _ = await texts_of_prompts([TYPO, RIGHT, "1.5 m."], failed(), "1.5\n", repairs_afresh=True)
    assert "'heigth' is not in df; similar there: 'height'." in second
    assert "df: DataFrame of 3 rows and 2 columns: 'height' (float64, 1.5)" in second
    assert "df['heigth'].mean()" not in second
    assert second.count("How tall are they?") == 1


async def test_in_context_it_reads_both() -> None:
    _, second, _ = await texts_of_prompts([TYPO, RIGHT, "1.5 m."], failed(), "1.5\n", repairs_afresh=False)
    assert "'heigth' is not in df; similar there: 'height'." in second
    assert "df['heigth'].mean()" in second


async def test_it_is_said_once_if_the_code_fails_in_the_same_way_again() -> None:
    again = TYPO.replace("print", "print(1); print")
    *_, third, _ = await texts_of_prompts(
        [TYPO, again, RIGHT, "1.5 m."], failed(), failed(), "1.5\n", repairs_afresh=False
    )
    assert third.count("similar there: 'height'") == 1


async def test_the_closing_words_are_asked_for_with_all_that_happened() -> None:
    *_, last = await texts_of_prompts([TYPO, RIGHT, "1.5 m."], failed(), "1.5\n", repairs_afresh=True)
    assert "df['heigth'].mean()" in last
    assert "df['height'].mean()" in last


async def test_who_makes_a_small_model_write_again_is_its_profile() -> None:
    assert RunSettings(model=small([])).is_afresh
    assert not RunSettings(model=small([]), repairs_afresh=False).is_afresh
    assert not RunSettings(model=None).is_afresh


def run_of(*events: AgentEvent) -> list[AgentEvent]:
    started = RunStartedEvent(source="coder", model="m", isolation="i", max_retries_on_error=3)
    return [TextMessage(source="user", content="The task."), started, *events]


def reply(text: str) -> ModelReplyEvent:
    return ModelReplyEvent(source="coder", purpose="generate", content=text, finish_reason="stop", duration=0)


def explained(text: str = "KeyError: 'a'\nSEEN") -> ErrorExplainedEvent:
    return ErrorExplainedEvent(source="executor", retry_attempt=0, content=text, details=f"{text} IN FULL")


def execution(code: str) -> CodeExecutionEvent:
    block = BlockResult(block=CodeBlock(code), status="error", exit_code=1, ename="KeyError", evalue="'a'")
    return CodeExecutionEvent(source="coder", retry_attempt=0, result=CodeResult(1, "", (block,)))


def retry() -> RetryDecisionEvent:
    return RetryDecisionEvent(source="coder", retry_attempt=0, reason=TRIES_LEFT, retry=True)


def state(kind: Any) -> KernelStateEvent:
    return KernelStateEvent(source="executor", state=kind, reason="r", names=("x",))


def a_try(number: int) -> list[AgentEvent]:
    return [reply(f"CODE {number}"), explained(f"SEEN {number}"), execution("x"), state("rolled_back"), retry()]


def told(log: Sequence[AgentEvent]) -> str:
    return "\n".join(message.content for message in prompt(without_failed_tries(log), "generate", "coder", None))


def test_only_the_last_failure_is_told() -> None:
    said = told(run_of(*a_try(1), *a_try(2)))
    assert "SEEN 2" in said
    assert not any(word in said for word in ("SEEN 1", "CODE", "exit code"))


def test_steps_that_went_well_stay() -> None:
    well = CodeExecutionEvent(source="coder", retry_attempt=0, result=CodeResult(0, "42", ()))
    said = told(run_of(reply("STEP ONE"), well, NextStepEvent(source="coder", step=2), *a_try(1)))
    assert "STEP ONE" in said
    assert "CODE 1" not in said


def test_what_the_user_has_said_stays() -> None:
    denied = ApprovalEvent(source="user", retry_attempt=0, approved=False, reason="use the median", code_blocks=())
    said = told(run_of(reply("CODE 0"), denied, execution("x"), retry(), *a_try(1)))
    assert "use the median" in said
    assert "CODE" not in said


def test_code_that_the_user_has_changed_stays() -> None:
    block = CodeBlock("MINE", "python")
    edited = ApprovalEvent(source="user", retry_attempt=0, approved=True, edited=True, reason="", code_blocks=(block,))
    said = told(run_of(reply("CODE"), edited, explained(), execution("x"), retry()))
    assert "MINE" in said
    assert "CODE" not in said


def test_what_the_user_has_allowed_stays() -> None:
    allowed = RetryDecisionEvent(
        source="coder", retry_attempt=0, reason="The user has allowed it: example.org.", retry=True
    )
    said = told(run_of(reply("CODE"), explained(), execution("x"), allowed, *a_try(1)))
    assert "The user has allowed it: example.org." in said


def test_what_failed_code_had_printed_and_what_was_noted_of_it_stays() -> None:
    printed = {"output_type": "stream", "name": "stdout", "text": "PRINTED\n"}
    block = BlockResult(
        block=CodeBlock("x"), status="error", exit_code=1, outputs=(printed,), ename="E", evalue="e", note="NOTED"
    )
    ran = CodeExecutionEvent(source="coder", retry_attempt=0, result=CodeResult(1, "", (block,)))
    said = told(run_of(reply("CODE"), explained(), ran, state("rolled_back"), retry()))
    assert "PRINTED" in said
    assert "NOTED" in said


def test_what_was_seen_of_other_code_is_not_told_of_this() -> None:
    started = BlockStartedEvent(source="executor", retry_attempt=0, block_id="2", block=CodeBlock("y"))
    died = BlockResult(block=CodeBlock("y"), status="died", exit_code=137, note="It died.")
    ran = CodeExecutionEvent(source="coder", retry_attempt=0, result=CodeResult(137, "", (died,)))
    log = [explained("SEEN BEFORE"), *run_of(reply("CODE"), started, ran)]
    assert "SEEN BEFORE" not in "".join(each.content for each in prompt(log, "generate", "coder", None))


def test_what_came_after_the_failure_stays() -> None:
    cut_off = CodeRefusedEvent(
        source="coder", retry_attempt=1, refused=(), reason="the reply was cut off", nothing_ran=True
    )
    said = told(run_of(*a_try(1), reply("CUT"), cut_off))
    assert said.index("SEEN 1") < said.index("CUT") < said.index("the reply was cut off")


@pytest.mark.parametrize(
    ("kind", "is_told"), [("rolled_back", False), ("restored", False), ("kept", True), ("lost", True)]
)
def test_what_is_otherwise_than_before_the_code_is_told(kind: str, is_told: bool) -> None:
    said = told(run_of(reply("CODE"), explained(), execution("x"), state(kind), retry()))
    assert any(word in said for word in ("gone", "still there")) is is_told


@given(st.lists(st.sampled_from(["well", "timeout", "answer"]), max_size=6))
def test_where_nothing_was_seen_the_log_stays_as_it_is(kinds: list[str]) -> None:
    log: list[AgentEvent] = run_of(*(reply(kind) if kind == "answer" else execution(kind) for kind in kinds))
    assert without_failed_tries(log) is log


# What people see of it


def test_who_asks_why_reads_all_that_was_seen() -> None:
    assert commands.why(run_of(*a_try(1), *a_try(2))) == "SEEN 2 IN FULL"
    assert "no code of this session has failed" in commands.why(run_of())


def test_under_the_error_of_a_cell_it_can_be_opened() -> None:
    story = CellStory()
    block = execution("x").result.blocks[0]
    finished = BlockFinishedEvent(source="executor", retry_attempt=0, block_id="1", result=block)
    for event in run_of(reply("```python\nx\n```"), finished, explained("KeyError: 'a'\n<b>SEEN</b>")):
        story.take(event)
    shown = "".join(bundle.get("text/html", "") for _, (bundle, _) in story.displays())
    assert "<summary>What was seen there</summary>" in shown
    assert "&lt;b&gt;SEEN&lt;/b&gt; IN FULL" in shown
