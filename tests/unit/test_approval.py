"""Who is asked before code runs, and every way in which somebody can answer."""

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import pytest

from codeagent_nb import CodeExecutorAgent
from codeagent_nb.approval import (
    ApprovalRequest,
    ApprovalResponse,
    ask_for_approval,
    choose_approver,
    refuse_unattended,
)
from codeagent_nb.errors import ApprovalRequired
from codeagent_nb.events import ApprovalEvent
from kernel_executor import Isolation

REQUEST = ApprovalRequest(code="```python\nx\n```")
YES = ApprovalResponse(approved=True, reason="fine")
BARE = Isolation(reason="bubblewrap is not installed")
HELD = Isolation(mechanism="bubblewrap", network=True, files=True, processes=True, privileges=True)
CODE = "```python\nprint(1)\n```"


def answer(request: ApprovalRequest) -> ApprovalResponse:
    return YES


async def answer_later(request: ApprovalRequest, delay: float = 0) -> ApprovalResponse:
    await asyncio.sleep(delay)
    return YES


class Answerer:
    async def __call__(self, request: ApprovalRequest) -> ApprovalResponse:
        return await answer_later(request)

    async def method(self, _: ApprovalRequest) -> ApprovalResponse:
        return YES


@pytest.mark.parametrize(
    "approver",
    [
        answer,
        answer_later,
        Answerer(),
        Answerer().method,
        functools.partial(answer_later, delay=0.001),
        lambda _: YES,
        lambda request: asyncio.ensure_future(answer_later(request)),
    ],
    ids=["function", "async function", "async object", "async method", "partial", "lambda", "future"],
)
async def test_anything_that_answers_may_be_asked(approver: Any) -> None:
    assert await ask_for_approval(approver, REQUEST) == YES


@pytest.mark.parametrize(
    ("mode", "isolation", "asks"),
    [
        ("auto", HELD, False),
        ("auto", BARE, True),
        ("auto", Isolation(mechanism="bubblewrap", network=True, files=True, processes=True), True),
        ("always", HELD, True),
        ("always", BARE, True),
        ("never", HELD, False),
        ("never", BARE, False),
    ],
)
def test_a_person_is_asked_where_the_mode_and_the_sandbox_say_so(mode: Any, isolation: Isolation, asks: bool) -> None:
    assert choose_approver(None, mode, isolation, answer) is (answer if asks else None)


@pytest.mark.parametrize("mode", ["auto", "always", "never"])
def test_an_approval_function_is_always_asked(mode: Any) -> None:
    assert choose_approver(answer, mode, HELD, refuse_unattended) is answer


def test_a_headless_refusal_names_the_flag_and_what_does_not_hold_the_code() -> None:
    request = ApprovalRequest(code="x", isolation=BARE.summary)
    with pytest.raises(ApprovalRequired, match=r"NOT sandboxed: bubblewrap is not installed.*--yes.*doctor"):
        refuse_unattended(request)


def test_an_unknown_mode_is_refused(stage: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="'sometimes'"):
        stage([], approval="sometimes")


async def test_whoever_is_asked_sees_the_code_what_holds_it_and_what_the_model_saw(stage: Callable[..., Any]) -> None:
    requests: list[ApprovalRequest] = []

    def approve(request: ApprovalRequest) -> ApprovalResponse:
        requests.append(request)
        return YES

    await stage([CODE, "1."], ["1\n"], approval_func=approve).agent.run(task="print one")
    (request,) = requests
    assert request.code == CODE
    assert [block.code for block in request.code_blocks] == ["print(1)\n"]
    assert request.context[1].content == "print one"
    assert "sandboxed by replay" in request.isolation


async def test_an_approval_is_an_event_with_what_was_approved(stage: Callable[..., Any]) -> None:
    scene = stage([CODE, "1."], ["1\n"], approval_func=answer)
    await scene.agent.run(task="print one")
    (event,) = [event for event in scene.seen if isinstance(event, ApprovalEvent)]
    assert (event.approved, event.reason, event.edited) == (True, "fine", False)


async def test_headless_and_unsandboxed_nothing_runs() -> None:
    from codeagent_nb import ReplayChatCompletionClient
    from kernel_executor.replay import ReplayCodeExecutor

    executor = ReplayCodeExecutor(["1\n"], isolation=BARE)
    agent = CodeExecutorAgent("coder", executor, model_client=ReplayChatCompletionClient([CODE]))
    with pytest.raises(ApprovalRequired, match="--yes"):
        await agent.run(task="print one")
    assert not executor.executed
    assert agent.log.events[-1].type == "RunFinishedEvent"
