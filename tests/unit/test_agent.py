"""The agent on scripted parts: which events a run tells, what it gives back, and how it is stopped."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from codeagent_nb import (
    AssistantAgent,
    CodeExecutorAgent,
    ReplayChatCompletionClient,
    RoundRobinGroupChat,
    TextMentionTermination,
)
from codeagent_nb.approval import ApprovalRequest, ApprovalResponse
from codeagent_nb.errors import AgentError, ModelUnavailable
from codeagent_nb.events import SEED_TYPES, RunFinishedEvent, TextMessage
from codeagent_nb.loop.results import TaskResult
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.models.types import CreateResult, ModelInfo, RequestUsage
from kernel_executor import CancellationToken, CodeBlock, CodeResult, KernelStartError
from kernel_executor.replay import ReplayCodeExecutor, failing

CODE = "I print one.\n\n```python\nprint(1)\n```"
OTHER_CODE = "```python\nprint(2)\n```"
YES = '{"reason": "a typo", "retry": true}'
NO = '{"reason": "hopeless", "retry": false}'

RAN = ["BlockStartedEvent", "BlockOutputEvent", "BlockFinishedEvent", "CodeExecutionEvent"]
STARTED = ["TextMessage", "RunStartedEvent"]
ENDED = ["RunFinishedEvent", "TextMessage"]
WRITTEN = ["ModelRequestEvent", "ModelReplyEvent", "CodeGenerationEvent"]
REFLECTED = ["ModelRequestEvent", "ModelReplyEvent"]
DECIDED = ["ModelRequestEvent", "ModelReplyEvent", "RetryDecisionEvent"]

Stages = Callable[..., Any]


def types(result: TaskResult) -> list[str]:
    return [message.type for message in result.messages]


def seed_types(result: TaskResult) -> list[str]:
    return [message.type for message in result.messages if isinstance(message, SEED_TYPES)]


# What is told, and what AutoGen would have told


async def test_an_answer_in_words(stage: Stages) -> None:
    result = await stage(["Paris."]).agent.run(task="capital of France?")
    assert types(result) == [*STARTED, "ModelRequestEvent", "ModelReplyEvent", *ENDED]
    assert seed_types(result) == ["TextMessage", "TextMessage"]
    assert result.stop_reason == "answered in words; no code was run"


async def test_code_that_runs_through(stage: Stages) -> None:
    result = await stage([CODE, "It printed 1."], ["1\n"]).agent.run(task="print one")
    assert types(result) == [*STARTED, *WRITTEN, *RAN, *REFLECTED, *ENDED]
    assert seed_types(result) == ["TextMessage", "CodeGenerationEvent", "CodeExecutionEvent", "TextMessage"]
    assert result.stop_reason == "the code succeeded"


async def test_an_error_without_retries(stage: Stages) -> None:
    result = await stage([CODE, "It failed."], [failing()]).agent.run(task="print one")
    assert types(result) == [*STARTED, *WRITTEN, *RAN, *REFLECTED, *ENDED]
    assert seed_types(result) == ["TextMessage", "CodeGenerationEvent", "CodeExecutionEvent", "TextMessage"]
    assert result.stop_reason == "no code succeeded"


async def test_an_error_and_a_retry(stage: Stages) -> None:
    scene = stage([CODE, YES, OTHER_CODE, "It printed 2."], [failing(), "2\n"], max_retries_on_error=1)
    result = await scene.agent.run(task="print one")
    announced = "CodeGenerationEvent"
    assert types(result) == [
        *(*STARTED, *WRITTEN, *RAN, *DECIDED[:2], "KernelStateEvent", *DECIDED[2:], announced),
        *(*WRITTEN, *RAN, *REFLECTED, *ENDED),
    ]
    attempt = ["CodeGenerationEvent", "CodeExecutionEvent"]
    assert seed_types(result) == ["TextMessage", *attempt, announced, *attempt, "TextMessage"]
    told = [(event.retry_attempt, event.type) for event in result.messages if event.type in attempt]
    assert told == [(0, attempt[0]), (0, attempt[1]), (0, announced), (1, attempt[0]), (1, attempt[1])]
    (plan,) = [event for event in result.messages if event.type == announced and not event.code_blocks]
    assert plan.content == "Attempt number: 1\nProposed correction: a typo"


async def test_an_error_and_no_retry(stage: Stages) -> None:
    scene = stage([CODE, NO, "It failed."], [failing()], max_retries_on_error=3)
    result = await scene.agent.run(task="print one")
    assert types(result) == [*STARTED, *WRITTEN, *RAN, *DECIDED, *REFLECTED, *ENDED]
    assert seed_types(result) == ["TextMessage", "CodeGenerationEvent", "CodeExecutionEvent", "TextMessage"]


async def test_a_denial(stage: Stages) -> None:
    deny = ApprovalResponse(approved=False, reason="too risky", ends_run=True)
    scene = stage([CODE], approval_func=lambda _: deny, max_retries_on_error=3)
    result = await scene.agent.run(task="print one")
    assert types(result) == [*STARTED, *WRITTEN, "ApprovalEvent", "CodeExecutionEvent", *ENDED]
    assert result.messages[-1].content == "The code was not approved and did not run. Reason: too risky"
    assert not scene.executor.executed


async def test_the_model_is_told_of_a_denial_once(stage: Stages) -> None:
    scene = stage([CODE, "As you like."], approval_func=lambda _: ApprovalResponse(approved=False, reason="too risky"))
    result = await scene.agent.run(task="print one")
    told = [event.result for event in result.messages if event.type == "CodeExecutionEvent"]
    assert [(one.exit_code, one.output) for one in told] == [(1, "Code execution was not approved. Reason: too risky")]
    await scene.agent.run(task="then do not")
    prompt = "\n".join(message.content for message in scene.model.create_calls[-1].messages)
    assert prompt.count("The user did not let the code run. Reason: too risky.") == prompt.count("too risky") == 1


async def test_context_is_told_after_the_start(stage: Stages) -> None:
    scene = stage(["It has 3 rows."])
    result = await scene.agent.run(task="how many rows?", context="File 'a.csv' has 3 rows.")
    assert types(result) == [*STARTED, "ContextEvent", "ModelRequestEvent", "ModelReplyEvent", *ENDED]
    assert "File 'a.csv' has 3 rows." in scene.model.create_calls[0].messages[-1].content


async def streamed(scene: Any) -> list[Any]:
    return [event async for event in scene.agent.run_stream(task="print one")]


CHUNK = "ModelClientStreamingChunkEvent"


async def test_pieces_of_replies_are_streamed_only_if_they_are_asked_for_and_never_kept(stage: Stages) -> None:
    *quiet, _ = await streamed(stage([CODE, "It printed 1."], ["1\n"]))
    *chatty, result = await streamed(stage([CODE, "It printed 1."], ["1\n"], model_client_stream=True))
    assert CHUNK not in [event.type for event in quiet]
    assert [event.type for event in chatty if event.type != CHUNK] == [event.type for event in quiet]
    assert "".join(event.content for event in chatty if event.type == CHUNK) == CODE + "It printed 1."
    assert CHUNK not in types(result)


async def test_a_decision_is_not_streamed_for_it_is_json(stage: Stages) -> None:
    scene = stage([CODE, NO, "It failed."], [failing()], max_retries_on_error=1, model_client_stream=True)
    pieces = "".join(event.content for event in (await streamed(scene))[:-1] if event.type == CHUNK)
    assert "It failed." in pieces
    assert "hopeless" not in pieces


# What a run gives back


async def test_the_result_holds_every_event_of_the_run(stage: Stages) -> None:
    scene = stage([CODE, "It printed 1."], ["1\n"])
    result = await scene.agent.run(task="print one")
    assert result.messages == scene.agent.log.events


async def test_a_stream_tells_the_same_and_the_result_last(stage: Stages) -> None:
    scene = stage([CODE, "It printed 1."], ["1\n"])
    *events, result = [event async for event in scene.agent.run_stream(task="print one")]
    assert isinstance(result, TaskResult)
    assert tuple(events) == result.messages


async def test_usage_is_summed_over_all_calls(stage: Stages) -> None:
    usage = RequestUsage(prompt_tokens=10, completion_tokens=1)
    replies = [CreateResult(content=content, usage=usage) for content in (CODE, YES, OTHER_CODE, "Done.")]
    scene = stage(replies, [failing(), "2\n"], max_retries_on_error=1)
    result = await scene.agent.run(task="print one")
    assert result.messages[-1].models_usage == RequestUsage(prompt_tokens=40, completion_tokens=4)
    assert result.messages[-2].usage == RequestUsage(prompt_tokens=40, completion_tokens=4)
    assert result.messages[-2].tries == 2


async def test_what_the_code_printed_is_in_the_answer_even_if_the_model_forgets_it(stage: Stages) -> None:
    result = await stage([CODE, "I did it."], ["the mean is 5.25\n"]).agent.run(task="the mean?")
    assert "the mean is 5.25" in result.messages[-1].content


async def test_an_answer_that_no_code_backs_says_so(stage: Stages) -> None:
    result = await stage([CODE, "The mean is 7."], [failing("KeyError", "'x'")]).agent.run(task="the mean?")
    assert result.messages[-1].content.startswith("No code succeeded; the last attempt ended with KeyError: 'x'.")


async def test_a_response_holds_what_happened_before_it(stage: Stages) -> None:
    scene = stage([CODE, "It printed 1."], ["1\n"])
    response = await scene.agent.on_messages([TextMessage(source="user", content="print one")])
    assert response.chat_message.content == "It printed 1."
    inner = [event.type for event in response.inner_messages]
    assert inner == ["RunStartedEvent", *WRITTEN, *RAN, *REFLECTED, "RunFinishedEvent"]


async def test_a_conversations_stream_tells_what_happens_and_the_response_last(stage: Stages) -> None:
    scene = stage([CODE, "It printed 1."], ["1\n"])
    stream = scene.agent.on_messages_stream([TextMessage(source="user", content="print one")])
    *events, response = [event async for event in stream]
    assert tuple(events) == response.inner_messages
    assert "TextMessage" not in [event.type for event in events], "neither what was asked nor what is answered"
    assert response.chat_message.content == "It printed 1."
    assert response.chat_message.models_usage.completion_tokens > 0


async def test_it_goes_on_without_a_new_message(stage: Stages) -> None:
    scene = stage(["Noted.", "As I said."])
    await scene.agent.on_messages([TextMessage(source="user", content="my name is Ada")])
    assert (await scene.agent.on_messages([])).chat_message.content.startswith("As I said.")


async def test_it_takes_part_in_a_team(stage: Stages) -> None:
    scene = stage([], ["1\n"], model_client=None)
    coder = AssistantAgent("writer", ReplayChatCompletionClient([CODE, "It printed 1. TERMINATE"]))
    team = RoundRobinGroupChat([coder, scene.agent], termination_condition=TextMentionTermination("TERMINATE"))
    result = await team.run(task="print one")
    said = [(message.source, message.content) for message in result.messages if message.type == "TextMessage"]
    assert said == [("user", "print one"), ("writer", CODE), ("coder", "1"), ("writer", "It printed 1. TERMINATE")]


async def test_a_saved_conversation_goes_on_in_another_agent(stage: Stages) -> None:
    scene = stage([CODE, "It printed 1."], ["1\n"])
    await scene.agent.run(task="my name is Ada; print one")
    state = json.loads(json.dumps(await scene.agent.save_state()))
    other = stage(["Ada."])
    await other.agent.load_state(state)
    assert other.agent.log.events == scene.agent.log.events
    assert not other.seen, "what has been seen is not told again"
    await other.agent.run(task="what is my name?")
    assert "Ada" in str(other.model.create_calls[-1].messages)


@pytest.mark.parametrize("state", [{}, {"type": "BaseState", "version": "1.0.0"}, {"events": [{"type": "Nothing"}]}])
async def test_what_is_no_saved_conversation_changes_nothing(stage: Stages, state: Any) -> None:
    scene = stage(["Noted."])
    await scene.agent.run(task="my name is Ada")
    before = scene.agent.log.events
    with pytest.raises(ValueError, match="CodeExecutorAgentState"):
        await scene.agent.load_state(state)
    assert scene.agent.log.events == before


async def test_code_can_be_run_by_hand_and_is_approved_like_any(stage: Stages) -> None:
    scene = stage([], ["1\n"])
    result = await scene.agent.execute_code_block([CodeBlock("print(1)", "python")])
    assert (result.exit_code, result.output) == (0, "1")
    deny = ApprovalResponse(approved=False, reason="no")
    denied = await stage([], approval_func=lambda _: deny).agent.execute_code_block([CodeBlock("print(1)")])
    assert (denied.exit_code, denied.output) == (1, "The code was not approved: no")


async def test_a_reset_forgets_the_conversation(stage: Stages) -> None:
    scene = stage(["Noted.", "I do not know."])
    await scene.agent.run(task="my name is Ada")
    await scene.agent.on_reset()
    await scene.agent.run(task="what is my name?")
    assert "Ada" not in str(scene.model.create_calls[-1].messages)


@pytest.mark.parametrize("task", ["", " \n", [], [TextMessage(source="user", content=" ")]])
async def test_an_empty_task_is_an_error_before_anything_happens(stage: Stages, task: Any) -> None:
    scene = stage([])
    with pytest.raises(ValueError, match="the task is empty"):
        await scene.agent.run(task=task)
    assert not scene.seen


def test_impossible_settings_are_refused(stage: Stages) -> None:
    with pytest.raises(ValueError, match="max_retries_on_error must be 0 or more, not -1"):
        stage([], max_retries_on_error=-1)


@pytest.mark.parametrize("info", [{}, {"vision": True}, {"structured_output": False, "json_output": False}])
def test_retries_need_a_model_that_can_decide_on_them(stage: Stages, info: Any) -> None:
    with pytest.raises(ValueError, match="max_retries_on_error > 0 needs a model_client"):
        stage([], max_retries_on_error=1, model_client=ReplayChatCompletionClient([], model_info=info))
    with pytest.raises(ValueError, match="max_retries_on_error > 0 needs a model_client"):
        stage([], max_retries_on_error=1, model_client=None)
    stage([], max_retries_on_error=1, model_client=ReplayChatCompletionClient([], model_info={"json_output": True}))
    by_status = ReplayChatCompletionClient([], model_info=info)
    stage([], max_retries_on_error=1, retry_by="status", model_client=by_status)


# Languages

SHELL = "```sh\nls\n```"


async def test_only_supported_languages_run_and_the_model_is_told_which(stage: Stages) -> None:
    scene = stage([SHELL, CODE, "One."], ["1\n"], supported_languages=["py"], max_retries_on_error=1)
    result = await scene.agent.run(task="t")
    (refused,) = [event for event in result.messages if event.type == "CodeRefusedEvent"]
    assert refused.reason == "only python code is run here"
    assert [block.code for block in scene.executor.executed] == ["print(1)\n"]
    assert "```sh" not in scene.model.create_calls[0].messages[0].content


async def test_an_agent_of_shell_scripts_is_asked_for_shell_scripts(stage: Stages) -> None:
    scene = stage([SHELL, "A file."], ["a.csv\n"], supported_languages=["sh"])
    await scene.agent.run(task="t")
    told = scene.model.create_calls[0].messages[0].content
    assert "Write one complete ```sh block" in told
    assert "```python" not in told
    assert [block.code for block in scene.executor.executed] == ["ls\n"]


async def test_given_code_of_other_languages_is_not_run(stage: Stages) -> None:
    scene = stage([], ["1\n"], model_client=None, supported_languages=["python"])
    message = TextMessage(source="user", content=f"{SHELL}\n\n{CODE}")
    assert [block.code for block in await scene.agent.extract_code_blocks_from_messages([message])] == ["print(1)\n"]


async def test_given_code_that_was_cut_off_is_not_run(stage: Stages) -> None:
    scene = stage([], model_client=None)
    message = TextMessage(source="coder", content=CODE, metadata={"finish_reason": "length"})
    assert await scene.agent.extract_code_blocks_from_messages([message]) == []


@pytest.mark.parametrize(("languages", "said"), [([], "is empty"), (["python", "R"], "'R' cannot be run here")])
def test_languages_that_cannot_be_run_are_refused(stage: Stages, languages: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        stage([], supported_languages=languages)


async def test_the_decision_is_asked_for_with_its_shape(stage: Stages) -> None:
    scene = stage([CODE, NO, "It failed."], [failing()], max_retries_on_error=1)
    await scene.agent.run(task="t")
    shapes = [call.json_output.__name__ if call.json_output else None for call in scene.model.create_calls]
    assert shapes == [None, "RetryDecision", None]


async def test_a_repeated_failure_is_resampled_at_another_temperature(stage: Stages) -> None:
    scene = stage([CODE, CODE, OTHER_CODE, "Done."], [failing(), "2\n"], max_retries_on_error=2, retry_by="status")
    await scene.agent.run(task="t")
    assert [call.extra_create_args.get("temperature") for call in scene.model.create_calls] == [None, None, 1.0, None]


# Without a model


def message(code: str, source: str = "user") -> TextMessage:
    return TextMessage(source=source, content=f"```python\n{code}\n```")


async def test_without_a_model_given_code_runs(stage: Stages) -> None:
    scene = stage([], ["1\n"], model_client=None)
    result = await scene.agent.run(task=message("print(1)"))
    assert types(result) == [*STARTED, *RAN[:3], "GivenCodeFinishedEvent", *ENDED]
    assert seed_types(result) == ["TextMessage", "TextMessage"]
    assert result.messages[-1].content == "1"


async def test_without_a_model_only_code_of_the_named_sources_runs(stage: Stages) -> None:
    scene = stage([], ["1\n"], model_client=None, sources=["trusted"])
    await scene.agent.run(task=[message("evil()", "stranger"), message("print(1)", "trusted")])
    assert [block.code for block in scene.executor.executed] == ["print(1)\n"]


async def test_without_a_model_and_code_the_agent_says_what_it_needs(stage: Stages) -> None:
    result = await stage([], model_client=None).agent.run(task="hello")
    assert result.messages[-1].content == CodeExecutorAgent.NO_CODE_BLOCKS_FOUND_MESSAGE


async def test_without_a_model_code_is_still_approved(stage: Stages) -> None:
    deny = ApprovalResponse(approved=False, reason="no")
    scene = stage([], model_client=None, approval_func=lambda _: deny)
    result = await scene.agent.run(task=message("x"))
    assert result.messages[-1].content == "The code was not approved: no"
    assert not scene.executor.executed


# Failures of the machinery


@pytest.mark.parametrize(
    ("replies", "results"),
    [
        ([ModelUnavailable("server gone")], []),
        ([CODE, RuntimeError("server gone")], ["1\n"]),
        ([CODE], [KernelStartError("server gone")]),
        ([CODE], [RuntimeError("server gone")]),
        ([RuntimeError("server gone")], []),
    ],
    ids=["while writing", "while reflecting", "kernel", "an executor's own error", "a model's own error"],
)
async def test_a_fault_is_raised_and_closes_the_run(stage: Stages, replies: list[Any], results: list[Any]) -> None:
    scene = stage(replies, results)
    with pytest.raises(Exception, match="server gone"):
        await scene.agent.run(task="print one")
    (end,) = scene.ends
    assert (end.status, end.reason) == ("error", "server gone")
    assert scene.types[-1] == "RunFinishedEvent"


async def test_what_the_code_found_is_not_lost_when_the_model_is_gone_at_the_end(stage: Stages) -> None:
    scene = stage([CODE, ModelUnavailable("server gone")], ["mean 5.25\n"])
    result = await scene.agent.run(task="print the mean")
    assert "mean 5.25" in result.messages[-1].content
    assert "server gone" in result.messages[-1].content
    assert [end.status for end in scene.ends] == ["succeeded"]


async def test_an_approver_that_fails_closes_the_run(stage: Stages) -> None:
    def approve(request: ApprovalRequest) -> ApprovalResponse:
        raise EOFError

    scene = stage([CODE], approval_func=approve)
    with pytest.raises(EOFError):
        await scene.agent.run(task="print one")
    assert [(end.status, end.reason) for end in scene.ends] == [("error", "EOFError")]


async def test_a_fault_reaches_whoever_streams(stage: Stages) -> None:
    scene = stage([ModelUnavailable("server gone")])
    stream = scene.agent.run_stream(task="print one")
    assert [(await anext(stream)).type for _ in range(4)] == [*STARTED, "ModelRequestEvent", "RunFinishedEvent"]
    with pytest.raises(ModelUnavailable):
        await anext(stream)


async def test_a_second_run_is_refused_while_one_is_active(stage: Stages) -> None:
    scene = stage([CODE, "It printed 1."], ["1\n"], delay=0.05)
    first = asyncio.ensure_future(scene.agent.run(task="print one"))
    await scene.until("BlockStartedEvent")
    with pytest.raises(AgentError, match="'coder' is already working on a task"):
        await scene.agent.run(task="print two")
    with pytest.raises(AgentError, match="already working"):
        _ = [event async for event in scene.agent.run_stream(task="print two")]
    result = await first
    assert types(result) == [*STARTED, *WRITTEN, *RAN, *REFLECTED, *ENDED]


# Stopping


class WatchedModel:
    """A model that tells whether its stream was closed, for that is what stops the server."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.open_streams = 0

    @property
    def model_info(self) -> Any:
        return self.model.model_info

    async def create_stream(
        self, messages: Any, *, json_output: type[BaseModel] | None = None, **_: Any
    ) -> AsyncGenerator[str | CreateResult, None]:
        self.open_streams += 1
        try:
            async for piece in self.model.create_stream(messages, json_output=json_output):
                yield piece
        finally:
            self.open_streams -= 1

    async def close(self) -> None:
        await self.model.close()


async def approve_much_later(_: ApprovalRequest) -> ApprovalResponse:
    await asyncio.sleep(60)
    return ApprovalResponse(approved=True)


POINTS = {
    "generating": ({"chunk_delay": 0.05}, "ModelClientStreamingChunkEvent"),
    "waiting for approval": ({"approval_func": approve_much_later}, "CodeGenerationEvent"),
    "executing": ({"delay": 60}, "BlockStartedEvent"),
    "deciding": ({"chunk_delay": 0.05, "results": [failing()]}, "CodeExecutionEvent"),
    "reflecting": ({"chunk_delay": 0.05}, "CodeExecutionEvent"),
}


def cancelled_task(run: "asyncio.Task[Any]", token: CancellationToken) -> None:
    run.cancel()


def cancelled_token(run: "asyncio.Task[Any]", token: CancellationToken) -> None:
    token.cancel()


@pytest.mark.parametrize("cancel", [cancelled_task, cancelled_token])
@pytest.mark.parametrize("point", POINTS)
async def test_a_run_can_be_cancelled_at_any_point(stage: Stages, point: str, cancel: Any) -> None:
    settings, event = POINTS[point]
    results = settings.get("results", ["1\n"])
    more = {key: value for key, value in settings.items() if key != "results"}
    retries = 1 if point == "deciding" else 0
    approval_func = more.pop("approval_func", None)
    scene = stage([CODE, NO, "Later."], [*results, "2\n"], **more)
    watched, token = WatchedModel(scene.model), CancellationToken()
    how = RunSettings(model=watched, retry_by="model", max_retries=retries, approval_func=approval_func)
    run = asyncio.ensure_future(scene.agent.run(task="print one", cancellation_token=token, settings=how))
    await scene.until(event)
    if point in {"generating", "deciding", "reflecting"}:
        assert watched.open_streams == 1
    cancel(run, token)
    with pytest.raises(asyncio.CancelledError):
        await run
    assert watched.open_streams == 0
    assert [end.status for end in scene.ends] == ["cancelled"]
    assert scene.types[-1] == "RunFinishedEvent"
    told = len(scene.seen)
    await asyncio.sleep(0.02)
    assert len(scene.seen) == told, "something went on after the end"


async def test_after_a_cancelled_run_the_next_one_works(stage: Stages) -> None:
    scene = stage([CODE, CODE, "It printed 1."], ["1\n", "1\n"], delay=0.05)
    run = asyncio.ensure_future(scene.agent.run(task="print one"))
    await scene.until("BlockStartedEvent")
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    scene.executor._delay = 0
    result = await scene.agent.run(task="again")
    assert result.stop_reason == "the code succeeded"
    assert types(result) == [*STARTED, "KernelStateEvent", *WRITTEN, *RAN, *REFLECTED, *ENDED]


async def test_a_token_that_was_cancelled_before_stops_the_run_at_once(stage: Stages) -> None:
    scene = stage([CODE, "Done."], ["1\n"], chunk_delay=1)
    token = CancellationToken()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scene.agent.run(task="print one", cancellation_token=token)
    assert not scene.executor.executed


async def test_an_outer_deadline_cancels(stage: Stages) -> None:
    scene = stage([CODE], delay=60)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await scene.agent.run(task="print one")
    assert [end.status for end in scene.ends] == ["cancelled"]


@pytest.mark.parametrize("leave_after", ["TextMessage", "ModelRequestEvent", "ModelReplyEvent", "BlockStartedEvent"])
async def test_closing_the_stream_early_cancels_the_run(stage: Stages, leave_after: str) -> None:
    scene = stage([CODE, "Done."], ["1\n"], delay=0.05)
    stream = scene.agent.run_stream(task="print one")
    async for event in stream:
        if event.type == leave_after:
            break
    await stream.aclose()
    assert [end.status for end in scene.ends] == ["cancelled"]


async def test_a_stream_that_is_cancelled_cancels_the_run(stage: Stages) -> None:
    scene = stage([CODE, "Done."], delay=60)

    async def watch() -> None:
        async for _ in scene.agent.run_stream(task="print one"):
            pass

    watcher = asyncio.ensure_future(watch())
    await scene.until("BlockStartedEvent")
    watcher.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watcher
    assert [end.status for end in scene.ends] == ["cancelled"]


async def test_late_output_is_part_of_the_log(stage: Stages) -> None:
    from kernel_executor import Append, LateOutput

    scene = stage([CODE, "It printed 1."], ["1\n"])
    await scene.agent.run(task="print one")
    output = {"output_type": "stream", "name": "stdout", "text": "late\n"}
    scene.agent.on_late_output(LateOutput("block", Append(output)))
    assert scene.types[-1] == "LateOutputEvent"


async def test_an_agent_needs_nothing_but_the_ports() -> None:
    """A model and an executor of one's own are a few lines."""

    class Echo:
        model_info = ModelInfo()

        async def create_stream(self, messages: Any, **_: Any) -> AsyncGenerator[str | CreateResult, None]:
            yield CreateResult(content=json.dumps(messages[-1].content))

        async def close(self) -> None: ...

    agent = CodeExecutorAgent("echo", ReplayCodeExecutor([]), model_client=Echo(), system_message=None)
    assert (await agent.run(task="hello")).messages[-1].content == '"hello"'


async def test_a_stream_without_a_result_is_a_broken_model() -> None:
    class Broken:
        model_info = ModelInfo()

        async def create_stream(self, messages: Any, **_: Any) -> AsyncGenerator[str | CreateResult, None]:
            yield messages[-1].content

        async def close(self) -> None: ...

    agent = CodeExecutorAgent("coder", ReplayCodeExecutor([]), model_client=Broken())
    with pytest.raises(ModelUnavailable, match="ended without a result"):
        await agent.run(task="hello")
    assert isinstance(agent.log.events[-1], RunFinishedEvent)


async def test_settings_of_one_run_change_what_they_name_and_nothing_else(stage: Stages) -> None:
    asked: list[str] = []

    def ask(request: ApprovalRequest) -> ApprovalResponse:
        asked.append(request.code)
        return ApprovalResponse(approved=True)

    scene = stage([CODE, "It printed 1."], ["1\n"], approval_func=ask)
    result = await scene.agent.run(task="print one", settings=replace(scene.agent.settings, timeout=5))
    assert result.stop_reason == "the code succeeded"
    assert len(asked) == 1


@pytest.mark.parametrize("wrong", [{"timeout": -1}, {"timeout": 0}, {"max_retries": -1}, {"approval": "perhaps"}])
def test_settings_that_cannot_be_are_refused_before_the_run(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)).split("_")[0]):
        RunSettings(model=None, **wrong)


async def test_an_executor_that_knows_attempts_but_no_time_limits_is_not_given_one(stage: Stages) -> None:
    class Older(ReplayCodeExecutor):
        async def execute_attempt(
            self, code_blocks: Any, cancellation_token: Any = None, *, on_event: Any
        ) -> CodeResult:
            return await self.execute_code_blocks(code_blocks, cancellation_token, on_event=on_event)

    scene = stage([CODE, "It printed 1."], executor=Older(["1\n"]))
    assert (await scene.agent.run(task="print one")).stop_reason == "the code succeeded"
