"""AutoGen's own agent and ours, given the same replies and results, tell the same events but for those only we have."""

import warnings
from collections.abc import Sequence
from typing import Any

import pytest

import codeagent_nb as ours
from codeagent_nb.events import SEED_TYPES
from kernel_executor import BlockResult, CodeBlock
from kernel_executor.replay import ReplayCodeExecutor

theirs = pytest.importorskip("autogen_agentchat.agents")
from autogen_agentchat.agents import ApprovalResponse  # noqa: E402
from autogen_core import CancellationToken  # noqa: E402
from autogen_core.code_executor import (  # noqa: E402
    CodeBlock as TheirBlock,
    CodeExecutor,
    CodeResult,
)
from autogen_core.models import CreateResult, RequestUsage  # noqa: E402
from autogen_ext.models.replay import ReplayChatCompletionClient  # noqa: E402

pytestmark = pytest.mark.integration

CODE, OTHER, THIRD = (f"```python\nprint({number})\n```" for number in (1, 2, 3))
YES, NO = '{"reason": "another number", "retry": true}', '{"reason": "hopeless", "retry": false}'
OK, BAD = (0, "1"), (1, "ZeroDivisionError")

Event = tuple[str, str, int | None]

PATHS: dict[str, tuple[list[str], list[tuple[int, str]], int]] = {
    "no code": (["Paris."], [], 0),
    "no code, retries": (["Paris."], [], 2),
    "success": ([CODE, "It printed 1."], [OK], 0),
    "success, retries": ([CODE, "It printed 1."], [OK], 2),
    "error without retry": ([CODE, "It failed."], [BAD], 0),
    "error, retry yes": ([CODE, YES, OTHER, "It printed 2."], [BAD, OK], 1),
    "error, retry yes, yes": ([CODE, YES, OTHER, YES, THIRD, "It failed."], [BAD, BAD, BAD], 2),
    "error, retry no": ([CODE, NO, "It failed."], [BAD], 2),
    "error, retry yes, then no code": ([CODE, YES, "I give up."], [BAD], 1),
}


class Scripted(CodeExecutor):
    """Gives AutoGen's agent its results."""

    component_type = "code_executor"

    def __init__(self, results: Sequence[tuple[int, str]]) -> None:
        self._results = list(results)

    async def execute_code_blocks(
        self,
        code_blocks: list[TheirBlock],  # noqa: ARG002 - the port's
        cancellation_token: CancellationToken,  # noqa: ARG002
    ) -> CodeResult:
        exit_code, output = self._results.pop(0)
        return CodeResult(exit_code=exit_code, output=output)

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def restart(self) -> None: ...


def result(exit_code: int, output: str) -> BlockResult:
    text = {"output_type": "stream", "name": "stdout", "text": output}
    status = "error" if exit_code else "ok"
    return BlockResult(block=CodeBlock(""), status=status, exit_code=exit_code, outputs=(text,))


def as_event(message: Any) -> Event:
    return type(message).__name__, message.source, getattr(message, "retry_attempt", None)


async def told_by_autogen(
    replies: list[str], results: list[tuple[int, str]], retries: int, **settings: Any
) -> list[Event]:
    client = ReplayChatCompletionClient(list(replies), model_info=INFO) if replies else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about approval
        agent = theirs.CodeExecutorAgent(
            "coder", Scripted(results), model_client=client, max_retries_on_error=retries, **settings
        )
        stream = agent.run_stream(task=TASK if replies else CODE)
        return [as_event(message) async for message in stream if type(message).__name__ != "TaskResult"]


async def told_by_us(replies: list[str], results: list[tuple[int, str]], retries: int, **settings: Any) -> list[Event]:
    agent = ours.CodeExecutorAgent(
        "coder",
        ReplayCodeExecutor([result(*one) for one in results]),
        model_client=ours.ReplayChatCompletionClient(replies) if replies else None,
        max_retries_on_error=retries,
        **settings,
    )
    stream = agent.run_stream(task=TASK if replies else CODE)
    return [as_event(message) async for message in stream if isinstance(message, SEED_TYPES)]


TASK = "print one"

INFO: Any = {
    "vision": False,
    "function_calling": False,
    "json_output": True,
    "structured_output": True,
    "family": "unknown",
    "multiple_system_messages": True,
}


@pytest.mark.parametrize("path", PATHS)
async def test_the_events_are_autogens_but_for_our_own(path: str) -> None:
    replies, results, retries = PATHS[path]
    expected = await told_by_autogen(replies, results, retries)
    assert await told_by_us(replies, results, retries) == expected


@pytest.mark.parametrize("results", [[OK], [BAD]], ids=["success", "error"])
async def test_without_a_model_they_are_too(results: list[tuple[int, str]]) -> None:
    expected = await told_by_autogen([], results, 0)
    assert await told_by_us([], results, 0) == expected


async def test_a_denial_is_told_as_autogen_tells_it() -> None:
    def deny_theirs(request: Any) -> ApprovalResponse:
        return ApprovalResponse(approved=False, reason="no")

    def deny_ours(request: ours.ApprovalRequest) -> ours.ApprovalResponse:
        return ours.ApprovalResponse(approved=False, reason="no")

    replies = [CODE, "It was not run."]
    expected = await told_by_autogen(replies, [], 0, approval_func=deny_theirs)
    assert await told_by_us(replies, [], 0, approval_func=deny_ours) == expected


async def test_thoughts_are_told_before_the_code() -> None:
    replies = [(CODE, "Easy."), ("It printed 1.", None)]
    usage = RequestUsage(prompt_tokens=0, completion_tokens=0)
    given = [
        CreateResult(content=content, thought=thought, usage=usage, finish_reason="stop", cached=False)
        for content, thought in replies
    ]
    expected = await told_by_autogen(given, [OK], 0)  # type: ignore[arg-type]
    written = [ours.CreateResult(content=content, thought=thought) for content, thought in replies]
    assert await told_by_us(written, [OK], 0) == expected  # type: ignore[arg-type]
