"""`Console`: what is printed, to the letter as AutoGen 0.7.5 does it, and what is given back."""

import re
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from codeagent_nb import (
    AgentEvent,
    AssistantAgent,
    CodeExecutionEvent,
    CodeGenerationEvent,
    Console,
    CreateResult,
    MaxMessageTermination,
    ModelClientStreamingChunkEvent,
    ReplayChatCompletionClient,
    RequestUsage,
    Response,
    RoundRobinGroupChat,
    TaskResult,
    TextMessage,
)
from codeagent_nb.events import CodeRefusedEvent, ContextEvent, ModelReplyEvent
from kernel_executor import CodeBlock, CodeResult

Stages = Callable[..., Any]
Capture = pytest.CaptureFixture[str]


def agent(name: str, *replies: str | CreateResult, **settings: Any) -> AssistantAgent:
    return AssistantAgent(name, ReplayChatCompletionClient(replies), **settings)


def reply(text: str, prompt: int, completion: int, thought: str | None = None) -> CreateResult:
    usage = RequestUsage(prompt_tokens=prompt, completion_tokens=completion)
    return CreateResult(content=text, usage=usage, thought=thought)


def printed(capture: Capture) -> str:
    return re.sub(r"Duration: \d+\.\d\d seconds", "Duration: 0.01 seconds", capture.readouterr().out)


async def stream(*items: AgentEvent | TaskResult | Response) -> AsyncGenerator[Any, None]:
    for item in items:
        yield item


def piece(text: str) -> ModelClientStreamingChunkEvent:
    return ModelClientStreamingChunkEvent(source="a", content=text)


END = TaskResult(messages=())

# The next three are what AutoGen 0.7.5 printed for the same conversations.

TEAM = """\
---------- TextMessage (user) ----------
go
---------- {first} (a) ----------
one two
[Prompt tokens: 21, Completion tokens: 2]
---------- TextMessage (b) ----------
four
[Prompt tokens: 23, Completion tokens: 1]
---------- {first} (a) ----------
three
[Prompt tokens: 24, Completion tokens: 1]
---------- Summary ----------
Number of messages: 4
Finish reason: Maximum number of turns 3 reached.
Total prompt tokens: 68
Total completion tokens: 4
Duration: 0.01 seconds
"""


@pytest.mark.parametrize("streams", [False, True])
async def test_a_team_with_numbers(capsys: Capture, streams: bool) -> None:
    a = agent("a", reply("one two", 21, 2), reply("three", 24, 1), model_client_stream=streams)
    chat = RoundRobinGroupChat([a, agent("b", reply("four", 23, 1))], max_turns=3)
    result = await Console(chat.run_stream(task="go"), output_stats=True)
    assert printed(capsys) == TEAM.format(first="ModelClientStreamingChunkEvent" if streams else "TextMessage")
    assert result.stop_reason == "Maximum number of turns 3 reached."


async def test_an_agent_that_thinks(capsys: Capture) -> None:
    result = await Console(agent("a", reply("one two", 3, 2, "hmm")).run_stream(task="go"))
    assert printed(capsys) == (
        "---------- TextMessage (user) ----------\ngo\n"
        "---------- ThoughtEvent (a) ----------\nhmm\n"
        "---------- TextMessage (a) ----------\none two\n"
    )
    assert result.messages[-1].content == "one two"


async def test_a_response_with_numbers(capsys: Capture) -> None:
    messages = [TextMessage(source="user", content="hi")]
    answers = agent("a", reply("one two", 3, 2, "hmm")).on_messages_stream(messages)
    response = await Console(answers, no_inline_images=True, output_stats=True)
    assert printed(capsys) == (
        "---------- ThoughtEvent (a) ----------\nhmm\n"
        "---------- a ----------\none two\n"
        "[Prompt tokens: 3, Completion tokens: 2]\n"
        "---------- Summary ----------\n"
        "Number of inner messages: 1\n"
        "Total prompt tokens: 3\n"
        "Total completion tokens: 2\n"
        "Duration: 0.01 seconds\n"
    )
    assert response.chat_message.content == "one two"


async def test_a_code_executor_agent_prints_what_autogen_has_words_for(capsys: Capture, stage: Stages) -> None:
    scene = stage(["```python\nprint(1)\n```", "It printed 1."], ["1\n"])
    await Console(scene.agent.run_stream(task="print one"))
    assert printed(capsys) == (
        "---------- TextMessage (user) ----------\nprint one\n"
        "---------- CodeGenerationEvent (coder) ----------\n```python\nprint(1)\n```\n"
        "---------- CodeExecutionEvent (coder) ----------\n1\n"
        "---------- TextMessage (coder) ----------\nIt printed 1.\n"
    )


async def test_its_own_event_types_are_neither_printed_nor_counted(capsys: Capture) -> None:
    ours = ContextEvent(source="context", content="files")
    await Console(stream(ours, TaskResult(messages=(ours, piece("x")))), output_stats=True)
    assert printed(capsys).startswith("---------- Summary ----------\nNumber of messages: 0\nFinish reason: None\n")


async def test_two_replies_in_pieces_do_not_run_into_each_other(capsys: Capture) -> None:
    ended = ModelReplyEvent(
        source="a", purpose="generate", content="bad", finish_reason="stop", usage=RequestUsage(), duration=0
    )
    refused = CodeRefusedEvent(source="a", retry_attempt=0, refused=(), reason="no", nothing_ran=True)
    block = CodeBlock("1")
    await Console(
        stream(
            *(piece("ba"), piece("d"), ended, refused, piece("good"), ended),
            CodeGenerationEvent(source="a", retry_attempt=0, content="good", code_blocks=(block,)),
            CodeExecutionEvent(source="a", retry_attempt=0, result=CodeResult(0, "1")),
            END,
        )
    )
    header = "---------- ModelClientStreamingChunkEvent (a) ----------\n"
    assert printed(capsys) == f"{header}bad\n{header}good\n---------- CodeExecutionEvent (a) ----------\n1\n"


async def test_what_differs_from_the_pieces_is_printed_whole(capsys: Capture) -> None:
    await Console(stream(piece("x"), TextMessage(source="a", content="x, and its output: 1"), END))
    assert printed(capsys).endswith("x\n---------- TextMessage (a) ----------\nx, and its output: 1\n")


async def test_only_the_message_that_was_streamed_is_left_out(capsys: Capture) -> None:
    said = [TextMessage(source=source, content="x") for source in "ab"]
    await Console(stream(piece("x"), *said, END))
    assert printed(capsys).endswith("x\n---------- TextMessage (b) ----------\nx\n")


async def test_an_empty_message_has_its_header(capsys: Capture) -> None:
    await Console(stream(TextMessage(source="a", content=""), END))
    assert printed(capsys) == "---------- TextMessage (a) ----------\n\n"


async def test_what_is_printed_steers_no_terminal(capsys: Capture) -> None:
    await Console(stream(TextMessage(source="a\x1b]0;x\x07", content="\x1b[2Jred\x1b[31m\x9b1A\u202e\ttab"), END))
    assert printed(capsys) == "---------- TextMessage (a) ----------\nred1A\ttab\n"


async def test_a_stream_without_a_result_is_an_error(capsys: Capture) -> None:
    with pytest.raises(ValueError, match="No TaskResult or Response was processed"):
        await Console(stream(TextMessage(source="a", content="x")))


async def test_a_console_that_cannot_print_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    async def endless() -> AsyncGenerator[Any, None]:
        try:
            while True:
                yield TextMessage(source="a", content="x")
        finally:
            closed.append(True)

    class Broken:
        def write(self, *_: str) -> None:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", Broken())
    with pytest.raises(BrokenPipeError):
        await Console(endless())
    assert closed


async def test_the_example_of_a_team_prints_its_conversation(capsys: Capture) -> None:
    chat = RoundRobinGroupChat([agent("a", "one")], termination_condition=MaxMessageTermination(2))
    await Console(chat.run_stream(task="go"))
    assert printed(capsys).splitlines() == [
        *("---------- TextMessage (user) ----------", "go"),
        *("---------- TextMessage (a) ----------", "one"),
    ]
