"""The terminal's story of a run: each thing once, in order, and nothing that steers the terminal."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from codeagent_nb.approval import ApprovalResponse
from codeagent_nb.events import BlockOutputEvent, CodeExecutionEvent, TextMessage, ThoughtEvent
from codeagent_nb.models.types import CreateResult, RequestUsage
from codeagent_nb.rendering.visible_code import shown_blocks
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.console import ConsoleView, code_panel
from kernel_executor import Append, CodeBlock, CodeResult
from kernel_executor.replay import failing

CODE = "```python\nprint(1)\n```"
OTHER_CODE = "```python\nprint(2)\n```"
YES = '{"reason": "a typo", "retry": true}'
Stages = Callable[..., Any]


def console() -> CleanConsole:
    return CleanConsole(file=io.StringIO(), width=80, color_system=None)


def shown(console: CleanConsole) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def tell(stage: Stages, replies: list[Any], results: list[Any], **more: Any) -> str:
    here = console()
    scene = stage(replies, results, views=[ConsoleView(here)], **more)
    await scene.agent.run(task="print one")
    return shown(here)


async def test_what_is_wrong_with_an_answer_is_told(stage: Stages) -> None:
    text = await tell(stage, [CODE, "It is 42.", "It is 43."], ["1\n"], checks_answer=True)
    assert "▲ Asked for the answer again: no output states 42\n" in text
    assert "▲ Not computed: 43. No output of the agent's code states it so\n" in text


async def test_a_repaired_run_is_told_in_order_each_thing_once(stage: Stages) -> None:
    replies = [CODE, YES, OTHER_CODE, "It printed two."]
    text = await tell(stage, replies, [failing("KeyError", "'pirce'"), "the output is 2\n"], max_retries_on_error=1)
    landmarks = [
        "Task",
        "print one",
        "ReplayChatCompletionClient",
        "sandboxed by replay",
        "print(1)",
        "Attempt 1: running the code",
        "✗ failed: KeyError: 'pirce'",
        "Trying again: a typo",
        "print(2)",
        "Attempt 2: running the code",
        "the output is 2",
        "✓ ran in",
        "Result",
        "It printed two.",
        "✓ the code succeeded (2 tries,",
    ]
    assert [text.count(landmark) for landmark in landmarks] == [1] * len(landmarks)
    assert sorted(landmarks, key=text.index) == landmarks
    assert max(map(len, text.splitlines())) <= 80


async def test_an_answer_in_words_is_shown_once(stage: Stages) -> None:
    text = await tell(stage, ["Paris it is."], [])
    assert text.count("Paris it is.") == 1
    assert "✓ answered in words; no code was run (1 try," in text


async def test_tokens_are_told(stage: Stages) -> None:
    usage = RequestUsage(prompt_tokens=1_200, completion_tokens=34)
    assert "1,234 tokens" in await tell(stage, [CreateResult(content="Paris.", usage=usage)], [])


async def test_output_without_a_line_end_keeps_the_next_line_apart(stage: Stages) -> None:
    text = await tell(stage, [CODE, "Done."], ["no newline"])
    assert "no newline\n✓ ran in" in text


async def test_pieces_of_a_line_stay_together() -> None:
    here = console()
    view = ConsoleView(here)
    for piece in ("50 % ", "done\n"):
        change = Append({"output_type": "stream", "name": "stdout", "text": piece})
        view.on_event(BlockOutputEvent(source="executor", block_id="1", change=change))
    assert shown(here) == "50 % done\n"


async def test_long_output_is_cut_and_says_where_the_rest_is(stage: Stages) -> None:
    text = await tell(stage, [CODE, "Done."], ["x" * 100_000 + "\n"])
    assert text.count("x") < 7_000
    assert "more output is in the notebook" in text


@pytest.mark.parametrize(
    ("replies", "more", "said"),
    [
        (["```javascript\nx\n```"], {}, "Attempt 1 was not run: javascript is not run here"),
        ([f"{CODE}\n\n```javascript\nx\n```", "Done."], {}, "Attempt 1 was run in part: javascript is not run here"),
        ([CreateResult(content=CODE, finish_reason="length")], {}, "The reply was cut off by the token limit."),
        (
            [CODE],
            {"approval_func": lambda _: ApprovalResponse(approved=False, reason="too risky")},
            "Not approved: too risky",
        ),
    ],
)
async def test_what_does_not_run_is_told_with_the_reason(
    stage: Stages, replies: list[Any], more: dict[str, Any], said: str
) -> None:
    assert said in await tell(stage, replies, ["1\n"], **more)


async def test_code_without_a_sandbox_is_announced_as_such(stage: Stages) -> None:
    from kernel_executor import Isolation

    here = console()
    scene = stage(["Paris."], views=[ConsoleView(here)])
    scene.executor._isolation = Isolation(reason="bubblewrap is not installed")
    await scene.agent.run(task="t")
    assert "NOT sandboxed: bubblewrap is not installed" in shown(here)


STEERING = st.sampled_from(
    [
        "\x1b[2J",
        "\x1b]0;title\x07",
        "\x9b31m",
        "\x1bP+q\x1b\\",
        "\r",
        "\b",
        "\x1b",
        "\x07",
        "\u202e",
        "\u2066",
        "\x00",
        "\x0c",
    ]
)


@given(st.lists(STEERING | st.sampled_from(["a", "1", "[", "m", " ", "[bold]", "[/x]"]), min_size=1).map("".join))
def test_nothing_that_steers_the_terminal_gets_there(text: str) -> None:
    here = console()
    view = ConsoleView(here)
    stream = {"output_type": "stream", "name": "stdout", "text": text}
    display = {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}
    error = {"output_type": "error", "ename": text, "evalue": text, "traceback": [text]}
    view.on_event(TextMessage(source="user", content=text))
    view.on_event(ThoughtEvent(source="coder", content=text))
    for output in (stream, display, error):
        view.on_event(BlockOutputEvent(source="executor", block_id="1", change=Append(output)))
    view.on_event(CodeExecutionEvent(source="coder", retry_attempt=0, result=CodeResult(0, text)))
    here.print(code_panel(shown_blocks([CodeBlock(text)])[0]))
    assert not [char for char in shown(here) if char in "\x00\x07\x08\x0c\r\x1b\x9b\u202e\u2066"]
