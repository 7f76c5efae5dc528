"""The prompt as a projection of the log: nothing twice, nothing lost, everything short, and a stable prefix."""

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from codeagent_nb import CodeExecutorAgent, ReplayChatCompletionClient
from codeagent_nb.approval import ApprovalResponse
from codeagent_nb.events import (
    AgentEvent,
    ApprovalEvent,
    CodeExecutionEvent,
    ContextEvent,
    ModelReplyEvent,
    RequestUsage,
    RetryDecisionEvent,
    RunStartedEvent,
    TextMessage,
    VariableEvent,
)
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.models.types import AssistantMessage, LLMMessage, SystemMessage, UserMessage
from codeagent_nb.prompt.transcript import observation, prompt, short_error
from codeagent_nb.text import failure_note, fenced
from kernel_executor import BlockResult, CodeBlock, CodeResult
from kernel_executor.in_kernel.text import shorten
from kernel_executor.replay import ReplayCodeExecutor, failing

TASK = "TASK " * 200  # 1,000 characters


def block_result(*outputs: dict[str, Any], **more: Any) -> BlockResult:
    settings = {"block": CodeBlock("x"), "status": "ok", "exit_code": 0, **more}
    return BlockResult(outputs=outputs, **settings)


def result(*outputs: dict[str, Any], **more: Any) -> CodeResult:
    block = block_result(*outputs, **more)
    return CodeResult(block.exit_code, "", (block,))


def stdout(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def user(text: str) -> TextMessage:
    return TextMessage(source="user", content=text)


def reply(text: str, purpose: Any = "generate") -> ModelReplyEvent:
    return ModelReplyEvent(
        source="coder", purpose=purpose, content=text, finish_reason="stop", usage=RequestUsage(), duration=0
    )


def text_of(messages: Sequence[LLMMessage]) -> str:
    return "\n".join(f"<{message.type}>{message.content}" for message in messages)


def division_by_zero() -> BlockResult:
    traceback = (
        "\x1b[31m" + "-" * 75 + "\x1b[39m",
        "\x1b[31mZeroDivisionError\x1b[39m                         Traceback (most recent call last)",
        "\x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[1]\x1b[39m, line 1\n\x1b[32m----> 1\x1b[39m 1/0\n",
        "\x1b[31mZeroDivisionError\x1b[39m: division by zero",
    )
    error = {"output_type": "error", "ename": "ZeroDivisionError", "evalue": "division by zero"}
    return block_result(
        {**error, "traceback": list(traceback)},
        status="error",
        exit_code=1,
        ename="ZeroDivisionError",
        evalue="division by zero",
        traceback=traceback,
    )


async def run_to_the_end(codes: Sequence[str]) -> ReplayChatCompletionClient:
    """Fail with each code in turn; the model always wants to go on."""
    decide = json.dumps({"reason": "Check the divisor before dividing.", "retry": True})
    replies = [item for code in codes for item in (f"I divide.\n\n```python\n{code}\n```", decide)]
    model = ReplayChatCompletionClient([*replies[:-1], "It could not be done: division by zero."])
    executor = ReplayCodeExecutor([division_by_zero()] * len(codes))
    agent = CodeExecutorAgent("coder", executor, model_client=model, max_retries_on_error=len(codes) - 1)
    await agent.run(task=TASK)
    model.assert_exhausted()
    return model


ATTEMPTS = [f"1/0  # attempt {number}" for number in range(4)]


async def test_the_task_is_in_each_prompt_once_whatever_the_number_of_retries() -> None:
    model = await run_to_the_end(ATTEMPTS)
    assert len(model.create_calls) == 8
    assert [text_of(call.messages).count(TASK) for call in model.create_calls] == [1] * 8


async def test_the_reason_of_a_retry_is_in_the_next_prompt() -> None:
    model = await run_to_the_end(ATTEMPTS)
    first, _, second, *_ = [text_of(call.messages) for call in model.create_calls]
    assert "Check the divisor" not in first
    assert second.count("Check the divisor before dividing.") == 1


async def test_the_prompts_of_a_run_share_their_prefix_so_that_the_servers_cache_holds() -> None:
    model = await run_to_the_end(ATTEMPTS)
    prompts = [call.messages for call in model.create_calls]
    for earlier, later in pairwise(prompts):
        assert isinstance(earlier[-1], UserMessage)
        assert text_of(later).startswith(text_of(earlier[:-1]))


async def test_user_and_assistant_take_turns() -> None:
    model = await run_to_the_end(ATTEMPTS)
    for call in model.create_calls:
        kinds = [type(message) for message in call.messages]
        assert kinds[0] is SystemMessage
        assert all(kind is not following for kind, following in pairwise(kinds))


async def test_three_retries_cost_at_most_sixty_percent_of_the_originals_characters() -> None:
    model = await run_to_the_end(ATTEMPTS)
    sizes = [sum(len(message.content) for message in call.messages) for call in model.create_calls]
    print(f"characters per call: {sizes}, together {sum(sizes):,} (AutoGen: 28,711)")  # noqa: T201 - a figure to watch
    assert sum(sizes) <= 0.6 * 28_711


@pytest.mark.parametrize(("family", "most"), [("gpt-4.1-mini", 0.5), ("qwen2.5-coder-1.5b", 0.35)])
async def test_four_failing_attempts_cost_the_surfaces_at_most_half_of_the_originals_characters(
    family: str, most: float
) -> None:
    """They ask for no decision on a retry, and a small model is not shown the code that failed."""
    model = ReplayChatCompletionClient(
        [*(f"I divide.\n\n```python\n{code}\n```" for code in ATTEMPTS), "It could not be done: division by zero."],
        model_info={"family": family},
    )
    executor = ReplayCodeExecutor([division_by_zero()] * len(ATTEMPTS))
    agent = CodeExecutorAgent("coder", executor, model_client=model)
    await agent.run(task=TASK, settings=RunSettings(model=model, max_retries=len(ATTEMPTS) - 1))
    model.assert_exhausted()
    sizes = [sum(len(message.content) for message in call.messages) for call in model.create_calls]
    print(f"characters per call: {sizes}, together {sum(sizes):,} (AutoGen: 28,711)")  # noqa: T201 - a figure to watch
    assert sum(sizes) <= most * 28_711


def test_neighbours_of_one_role_are_merged() -> None:
    messages = prompt([user("task"), ContextEvent(source="context", content="a file")], "generate", "coder", None)
    assert [message.content for message in messages] == ["task\n\na file"]


def test_a_system_message_is_optional() -> None:
    assert [type(message) for message in prompt([user("task")], "generate", "coder", None)] == [UserMessage]


def test_the_agents_own_closing_message_is_told_by_its_replies_only() -> None:
    log = [user("task"), reply("Paris."), TextMessage(source="coder", content="Paris.")]
    assert [message.content for message in prompt(log, "generate", "coder", None)] == ["task", "Paris."]


def test_decisions_of_the_model_are_told_by_their_reason_only() -> None:
    event = RetryDecisionEvent(source="coder", retry_attempt=0, reason="a typo", retry=True)
    messages = prompt([user("task"), reply('{"reason": "a typo"}', "decide"), event], "generate", "coder", None)
    assert [type(message) for message in messages] == [UserMessage]
    assert "a typo" in messages[0].content


def test_a_malformed_decision_is_complained_about_in_the_question_only() -> None:
    messages = prompt([user("task")], "decide", "coder", None, complaint="retry: not a boolean")
    assert "retry: not a boolean" in messages[-1].content


async def test_edited_code_is_told_as_what_ran(stage: Callable[..., Any]) -> None:
    edited = (CodeBlock("print('```')", "python"),)
    scene = stage(
        ["```python\nprint(1)\n```", "Done."],
        ["```\n"],
        approval_func=lambda _: ApprovalResponse(approved=True, code_blocks=edited),
    )
    await scene.agent.run(task="t")
    told = scene.model.create_calls[-1].messages[-1].content
    assert "The user changed the code" in told
    assert "````python\nprint('```')\n````" in told


async def test_denied_code_is_not_remembered_as_code_that_ran(stage: Callable[..., Any]) -> None:
    deny = ApprovalResponse(approved=False, reason="too risky")
    scene = stage(["```python\nprint(1)\n```", "Sorry."], approval_func=lambda _: deny)
    await scene.agent.run(task="first")
    await scene.agent.run(task="second")
    last = scene.model.create_calls[-1].messages[-1].content
    assert "did not let the code run. Reason: too risky." in last
    assert last.endswith("second")


def test_output_is_told_by_head_and_tail() -> None:
    told = observation(result(stdout("HEAD" + "x" * 50_000 + "TAIL")))
    assert "HEAD" in told
    assert "TAIL" in told
    assert "characters left out" in told
    assert len(told) < 3_200


def test_a_variable_is_told_as_the_turn_in_which_it_was_loaded() -> None:
    code = "import pickle\ndf = 1"
    loaded = VariableEvent(source="notebook", name="df", code=code, description="The variable `df` is a list.")
    messages = prompt([loaded, user("Sum it.")], "generate", "coder", None)
    assert [(message.type, message.content) for message in messages] == [
        ("UserMessage", "Load the variable `df`."),
        ("AssistantMessage", f"```python\n{code}\n```"),
        ("UserMessage", "The code ran without an error. The variable `df` is a list.\n\nSum it."),
    ]


def test_no_output_is_said_to_be_none() -> None:
    assert observation(result()) == "The code ran without an error and printed nothing."


def test_an_image_becomes_a_word() -> None:
    image = {
        "output_type": "display_data",
        "data": {"image/png": "iVBOR" * 1_000, "text/plain": "<Figure>"},
        "metadata": {},
    }
    assert observation(result(image)).endswith("[image/png was shown to the user]")


def test_notes_on_a_lost_kernel_reach_the_model() -> None:
    note = "The kernel died (out of memory); variables are lost."
    assert note in observation(result(status="died", exit_code=137, note=note))


def test_output_before_an_error_is_told_and_the_traceback_is_not() -> None:
    told = observation(CodeResult(1, "", (block_result(stdout("step 1\n")), division_by_zero())))
    assert told.splitlines() == [
        "The code failed (exit code 1). Output before that:",
        "step 1",
        "Cell In[1], line 1",
        "----> 1 1/0",
        "ZeroDivisionError: division by zero",
    ]


def library_error() -> BlockResult:
    frames = [f"File /usr/lib/python3/pandas/core/frame{n}.py:{n}, in get(self)\n--> {n} raise" for n in range(40)]
    cell = "Cell In[7], line 3\n      1 import pandas\n----> 3 table['pirce'].mean()\n"
    traceback = (
        "KeyError  Traceback (most recent call last)",
        cell,
        *(f"{frame}\n" for frame in frames),
        "KeyError: 'pirce'",
    )
    return block_result(status="error", exit_code=1, ename="KeyError", evalue="'pirce'", traceback=traceback)


def test_a_long_error_of_a_library_is_told_by_its_own_frame_and_last_line() -> None:
    told = short_error(library_error())
    assert "----> 3 table['pirce'].mean()" in told
    assert told.endswith("KeyError: 'pirce'")
    assert "/usr/lib" not in told
    assert len(told) <= 600  # about 150 tokens


def test_the_line_that_called_the_failing_function_is_told_too() -> None:
    call = "Cell In[2], line 5\n      1 def f(x):\n----> 5 z = f(2)\n      6 print(z)\n"
    inner = "Cell In[2], line 3, in f(x)\n      1 def f(x):\n----> 3     return x/0\n"
    block = block_result(
        ename="ZeroDivisionError", evalue="division by zero", traceback=("Traceback", call, inner, "Z: d")
    )
    told = short_error(block)
    assert "----> 5 z = f(2)" in told
    assert "print(z)" not in told
    assert "----> 3     return x/0" in told


def test_a_syntax_error_shows_its_line_once() -> None:
    traceback = ("  Cell In[3], line 1\n    def f(\n          ^\nSyntaxError: incomplete input\n",)
    told = short_error(block_result(ename="SyntaxError", evalue="incomplete input", traceback=traceback))
    assert told == "  Cell In[3], line 1\n    def f(\n          ^\nSyntaxError: incomplete input"


@given(st.text(max_size=3_000), st.lists(st.text(max_size=3_000), max_size=5))
def test_an_error_of_any_shape_is_short(evalue: str, traceback: list[str]) -> None:
    lines = ("Cell In[1], line 1\n" + "\n".join(traceback),)
    assert len(short_error(block_result(ename="E", evalue=evalue, traceback=lines))) <= 700


@given(st.text(), st.integers(2, 50))
def test_what_is_short_enough_is_left_alone_and_the_rest_keeps_both_ends(text: str, budget: int) -> None:
    cut = shorten(text, budget)
    if len(text) <= budget:
        assert cut == text
    else:
        assert cut.startswith(text[: budget // 2])
        assert cut.endswith(text[-(budget // 2) :])


@given(st.text(alphabet="`~ab\n", max_size=40), st.text(alphabet="py`\n ", max_size=6))
def test_a_fence_holds_whatever_is_in_it(code: str, language: str) -> None:
    from markdown_it import MarkdownIt

    first, *others = MarkdownIt().parse(fenced(code, language))
    assert not others
    assert first.type == "fence"
    assert first.content == code.rstrip() + "\n" or not code.strip()


def test_the_note_on_a_failure_names_its_end() -> None:
    assert failure_note(None) == "No code succeeded."
    assert "ZeroDivisionError: division by zero." in failure_note(CodeResult(1, "", (division_by_zero(),)))
    assert "exit code 3." in failure_note(result(status="error", exit_code=3))


async def test_a_follow_up_sees_the_conversation(stage: Callable[..., Any]) -> None:
    scene = stage(["```python\nx = 1\n```", "x is 1.", "2"], [""])
    await scene.agent.run(task="set x to 1")
    await scene.agent.run(task="and plus one?")
    told = scene.model.create_calls[-1].messages
    assert [type(message) for message in told[1:]] == [
        UserMessage,
        AssistantMessage,
        UserMessage,
        AssistantMessage,
        UserMessage,
    ]
    assert "x is 1." in text_of(told)


@pytest.mark.parametrize("status", ["cancelled", "error"])
def test_an_attempt_that_was_cut_short_is_not_remembered_as_code_that_ran(status: Any) -> None:
    from codeagent_nb.events import RunFinishedEvent

    end = RunFinishedEvent(source="coder", status=status, reason="", tries=1, usage=RequestUsage(), duration=0)
    log: list[AgentEvent] = [user("task"), reply("```python\nx\n```"), end, user("next")]
    assert "ended this before it was done" in prompt(log, "generate", "coder", None)[-1].content


def test_a_result_stays_as_it_is_for_whoever_reads_the_event() -> None:
    raw = CodeResult(1, "raw", (failing(),))
    observation(raw)
    assert CodeExecutionEvent(source="coder", retry_attempt=0, result=raw).result == raw


def test_what_earlier_code_shows_meanwhile_is_told_with_its_pictures() -> None:
    late = {"output_type": "stream", "name": "stdout", "text": "late\n"}
    display = {"output_type": "display_data", "data": {"text/markdown": "**SECOND**"}, "metadata": {}}
    said = observation(result({"output_type": "stream", "name": "stdout", "text": "own\n"}, late=(late, display)))
    assert said == "The code ran without an error. Its output:\nown\nMeanwhile earlier code showed:\nlate\n**SECOND**"


def test_a_denial_outside_of_a_run_hides_nothing_of_the_next_one() -> None:
    """What was denied there has no result; the first one of the next run was taken for it."""
    log: list[AgentEvent] = [
        ApprovalEvent(source="user", retry_attempt=0, approved=False, reason="no", code_blocks=(CodeBlock("x"),)),
        user(TASK),
        RunStartedEvent(source="coder", model="m", isolation="i", max_retries_on_error=0),
        reply("```python\nprint(42)\n```"),
        CodeExecutionEvent(source="coder", retry_attempt=0, result=result(stdout("42"))),
    ]
    told = text_of(prompt(log, "reflect", "coder", None))
    assert "The code ran without an error. Its output:\n42" in told
    assert "did not run through" not in told
