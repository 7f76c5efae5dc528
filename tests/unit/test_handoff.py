"""`HandoffMessage`: what is handed over with a task is told to the model before it."""

import io
from contextlib import redirect_stdout
from typing import Any

import pytest

from codeagent_nb import (
    AssistantAgent,
    AssistantMessage,
    CodeExecutorAgent,
    Console,
    HandoffMessage,
    MaxMessageTermination,
    ReplayChatCompletionClient,
    RoundRobinGroupChat,
    TextMentionTermination,
    TextMessage,
    UserMessage,
)
from codeagent_nb.events import EVENT
from codeagent_nb.log.journal import JournalView, load_journal
from codeagent_nb.models.types import Image
from kernel_executor.replay import ReplayCodeExecutor

EARLIER = (
    UserMessage(content="What do we know?", source="user"),
    AssistantMessage(content="x is 1.", source="planner"),
)
HANDOFF = HandoffMessage(source="planner", target="coder", content="Go on.", context=EARLIER)
TOLD = ["What do we know?", "x is 1.", "Go on."]


def agent(kind: str, model: ReplayChatCompletionClient) -> Any:
    if kind == "assistant":
        return AssistantAgent("coder", model)
    return CodeExecutorAgent("coder", ReplayCodeExecutor([]), model_client=model, approval="never")


@pytest.mark.parametrize("kind", ["assistant", "code executor"])
async def test_what_is_handed_over_comes_before_the_task(kind: str) -> None:
    model = ReplayChatCompletionClient(["Done."])
    result = await agent(kind, model).run(task=HANDOFF)
    told = model.create_calls[0].messages[1:]
    assert [message.content for message in told] == TOLD
    assert [type(message).__name__ for message in told] == ["UserMessage", "AssistantMessage", "UserMessage"]
    assert result.messages[0] == HANDOFF


@pytest.mark.parametrize("kind", ["assistant", "code executor"])
async def test_messages_may_be_handoffs(kind: str) -> None:
    model = ReplayChatCompletionClient(["Done."])
    response = await agent(kind, model).on_messages([TextMessage(source="user", content="Hello."), HANDOFF])
    told = [text for message in model.create_calls[0].messages[1:] for text in message.content.split("\n\n")]
    assert told == ["Hello.", *TOLD]
    assert response.chat_message.content == "Done."


async def test_code_of_a_handoff_is_not_run_without_a_model() -> None:
    executor = ReplayCodeExecutor([])
    code = HandoffMessage(source="planner", target="runner", content="```python\nprint(1)\n```")
    result = await CodeExecutorAgent("runner", executor, approval="never").run(task=code)
    assert result.messages[-1].content.startswith("No code blocks found")


async def test_a_team_passes_a_handoff_on_and_its_conditions_see_it() -> None:
    one, two = ReplayChatCompletionClient(["one"]), ReplayChatCompletionClient(["two"])
    team = RoundRobinGroupChat(
        [AssistantAgent("first", one), AssistantAgent("second", two)], termination_condition=MaxMessageTermination(3)
    )
    result = await team.run(task=HANDOFF)
    assert [message.content for message in result.messages] == ["Go on.", "one", "two"]
    assert [message.content for message in two.create_calls[0].messages[1:]] == [*TOLD, "one"]
    mentioned = TextMentionTermination("Go on")
    assert await mentioned([HANDOFF])


async def test_a_team_that_was_saved_still_hands_over_what_was_not_heard() -> None:
    def team(*replies: str) -> RoundRobinGroupChat:
        model = ReplayChatCompletionClient(replies)
        return RoundRobinGroupChat([AssistantAgent("first", model), AssistantAgent("second", model)], max_turns=1)

    before = team("one")
    await before.run(task=HANDOFF)
    after = team("two")
    await after.load_state(await before.save_state())
    assert await after.save_state() == await before.save_state()
    assert (await after.run()).messages[-1].content == "two"


async def test_the_console_prints_it_like_autogens() -> None:
    printed = io.StringIO()
    with redirect_stdout(printed):
        await Console(agent("assistant", ReplayChatCompletionClient(["Done."])).run_stream(task=HANDOFF))
    assert printed.getvalue().startswith("---------- HandoffMessage (planner) ----------\nGo on.\n")


def test_it_is_journalled_with_its_pictures(tmp_path: Any) -> None:
    picture = UserMessage(content="a plot", images=(Image(mime="image/png", data="x"),))
    handoff = HandoffMessage(source="planner", target="coder", content="Go on.", context=(*EARLIER, picture))
    journal = JournalView(tmp_path / "journal")
    journal.on_event(handoff)
    journal.close()
    assert load_journal(tmp_path / "journal") == (handoff,)
    assert EVENT.validate_python(handoff.model_dump(mode="json")) == handoff
