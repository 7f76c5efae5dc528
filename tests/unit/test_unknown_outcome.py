"""Code that may or may not have run: a person is asked, the model is told, and nothing runs twice by itself."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from codeagent_nb import CodeExecutorAgent, ReplayChatCompletionClient
from codeagent_nb.approval import ApprovalRequest, ApprovalResponse, refuse_unattended
from codeagent_nb.events import CodeExecutionEvent, CodeRefusedEvent, RetryDecisionEvent, RunFinishedEvent
from codeagent_nb.loop.budget import Budget
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.models.types import UserMessage
from kernel_executor import BlockFinished, BlockResult, BlockStarted, CodeBlock, CodeResult
from kernel_executor.replay import ReplayCodeExecutor

CODE = "```python\nappend_to_the_database()\n```"
SAME = "```python\nappend_to_the_database()\n\n```"
LOOK = "```python\nprint(count_rows())\n```"

LOST = "Whether this block ran to its end is not known (no connection for 120 s); it is not run again by itself."


def unknown() -> BlockResult:
    return BlockResult(block=CodeBlock(""), status="unknown", exit_code=1, note=LOST)


class Person:
    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = list(answers), list[ApprovalRequest]()

    async def __call__(self, request: ApprovalRequest) -> ApprovalResponse:
        self.asked.append(request)
        return ApprovalResponse(approved=self.answers.pop(0) == "yes")


async def run(person: Any, replies: list[str], results: list[Any], **settings: Any) -> tuple[Any, Any, Any]:
    executor, model = ReplayCodeExecutor(results), ReplayChatCompletionClient(replies)
    agent = CodeExecutorAgent("coder", executor)
    how = RunSettings(model=model, max_retries=3, ask=person, **settings)
    return (await agent.run(task="Append.", settings=how)).messages, executor, model


def code_of(executor: ReplayCodeExecutor) -> list[str]:
    return [block.code.strip() for block in executor.executed]


@pytest.mark.parametrize("approval", ["auto", "never"])
async def test_without_a_yes_no_other_code_runs_whatever_is_approved_unasked(approval: Any) -> None:
    person = Person("no")
    messages, executor, model = await run(person, [CODE, "It may have run."], [unknown()], approval=approval)
    assert code_of(executor) == ["append_to_the_database()"]
    assert "not known whether the last code has run" in person.asked[0].question
    [decision] = [event for event in messages if isinstance(event, RetryDecisionEvent)]
    assert decision.retry is False
    assert [event.status for event in messages if isinstance(event, RunFinishedEvent)] == ["failed"]
    told = [message.content for message in model.create_calls[-1].messages if isinstance(message, UserMessage)]
    assert "It is not known whether the code has run" in told[-1]
    assert "failed (exit code" not in told[-1]


async def test_where_nobody_is_there_no_other_code_runs() -> None:
    _, executor, _ = await run(refuse_unattended, [CODE, "It may have run."], [unknown()])
    assert code_of(executor) == ["append_to_the_database()"]


async def test_with_a_yes_the_model_is_to_look_first_and_the_same_code_does_not_run_again() -> None:
    replies = [CODE, SAME, LOOK, "One row was appended."]
    messages, executor, model = await run(Person("yes"), replies, [unknown(), "1 row"])
    assert code_of(executor) == ["append_to_the_database()", "print(count_rows())"]
    assert "Look first at what is there" in str(model.create_calls[1].messages[-1].content)
    [refused] = [event for event in messages if isinstance(event, CodeRefusedEvent)]
    assert "not known whether this very code has run" in refused.reason
    ran = [event.result for event in messages if isinstance(event, CodeExecutionEvent)]
    assert [result.is_unknown for result in ran] == [True, False]


async def test_no_question_is_asked_after_the_last_try() -> None:
    person = Person()
    executor, model = ReplayCodeExecutor([unknown()]), ReplayChatCompletionClient([CODE, "It may have run."])
    how = replace(RunSettings(model=model, ask=person), max_retries=0)
    await CodeExecutorAgent("coder", executor).run(task="Append.", settings=how)
    assert (code_of(executor), person.asked) == (["append_to_the_database()"], [])


class CutOff(ReplayCodeExecutor):
    """Its connection is cut: nobody knows what became of a block that had to be given up."""

    async def execute_attempt(
        self, code_blocks: Sequence[CodeBlock], *_: Any, on_event: Callable[[Any], None] = print, **__: Any
    ) -> CodeResult:
        on_event(BlockStarted("1", 0, code_blocks[0]))
        lost = BlockResult(block=code_blocks[0], status="unknown", exit_code=1, note=LOST)
        try:
            await asyncio.sleep(60)
        finally:
            on_event(BlockFinished("1", 0, lost))
        return CodeResult(1, "", (lost,))


async def test_the_next_task_reads_that_it_is_not_known_whether_code_ran_that_a_budget_cut() -> None:
    model = ReplayChatCompletionClient(["```python\nsend()\n```", "Nothing is known."])
    agent = CodeExecutorAgent("coder", CutOff([]), model_client=model, approval="never")
    result = await agent.run(task="Send.", settings=replace(agent.settings, budget=Budget(seconds=0.2)))
    assert [event.status for event in result.messages if isinstance(event, RunFinishedEvent)] == ["exhausted"]
    executed = [event for event in agent.log.events if isinstance(event, CodeExecutionEvent)]
    assert [block.status for event in executed for block in event.result.blocks] == ["unknown"]
    await agent.run(task="Was it sent?")
    assert LOST in str(model.create_calls[-1].messages)
