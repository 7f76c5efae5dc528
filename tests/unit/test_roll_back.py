"""A failed attempt is taken back, and everybody is told: the agent on scripted parts (design D19)."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from codeagent_nb import CodeExecutorAgent, ReplayChatCompletionClient, TextMessage
from codeagent_nb.events import AgentEvent, KernelStateEvent
from codeagent_nb.loop.driver import CANNOT_ROLL_BACK
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.projections.notebook_cells import CellsStory
from codeagent_nb.prompt.model_texts import KEPT, LOST, ROLLED_BACK
from codeagent_nb.prompt.transcript import prompt
from kernel_executor import RollBack
from kernel_executor.replay import ReplayCodeExecutor, failing

Stages = Callable[..., Any]
CODE, OTHER = "```python\nprint(1)\n```", "```python\nprint(2)\n```"
RETRY = {"max_retries_on_error": 1, "retry_by": "status"}


def states(events: Any) -> list[str]:
    return [event.state for event in events if isinstance(event, KernelStateEvent)]


class Kept(ReplayCodeExecutor):
    """An executor whose state cannot be taken back."""

    async def roll_back(self) -> RollBack | None:
        rolled_back = await super().roll_back()
        return rolled_back and RollBack(state="kept", reason="it took 20 s", names=("df", "x"))


async def test_the_model_is_told_in_one_line_before_it_writes_again(stage: Stages) -> None:
    scene = stage([CODE, OTHER, "Two."], [failing(), "2\n"], **RETRY)
    await scene.agent.run(task="t")
    said = scene.model.create_calls[1].messages[-1].content
    assert said.count(ROLLED_BACK) == 1
    assert said.index("ValueError: bad") < said.index(ROLLED_BACK) < said.index("Write the whole corrected code")
    order = [event.type for event in scene.agent.log.events]
    assert order.index("CodeExecutionEvent") < order.index("KernelStateEvent") < order.index("RetryDecisionEvent")


async def test_what_could_not_be_taken_back_is_named_to_the_model_and_in_the_notebook(stage: Stages) -> None:
    scene = stage([CODE, OTHER, "Two."], executor=Kept([failing(), "2\n"]), **RETRY)
    await scene.agent.run(task="t")
    assert KEPT.format(names=": df, x") in scene.model.create_calls[1].messages[-1].content
    story = CellsStory()
    for event in scene.seen:
        story.take(event)
    (note,) = [cell.source for cell in story.cells if "taken back" in cell.source]
    assert note == (
        "**What the failed code made was not taken back: it took 20 s.** No code cell makes `df`, `x` as it was then."
    )


async def test_a_last_attempt_is_taken_back_when_the_next_run_begins(stage: Stages) -> None:
    scene = stage([CODE, "It failed.", OTHER, "Two."], [failing(), "2\n"])
    first = await scene.agent.run(task="t")
    assert states(first.messages) == [], "nobody waits for it"
    second = await scene.agent.run(task="again")
    assert states(second.messages) == ["rolled_back"]
    assert [event.type for event in second.messages][:3] == ["TextMessage", "RunStartedEvent", "KernelStateEvent"]
    assert states((await scene_answers(scene)).messages) == [], "once"


async def scene_answers(scene: Any) -> Any:
    settings = RunSettings(model=ReplayChatCompletionClient(["Paris."]))
    return await scene.agent.run(task="capital of France?", settings=settings)


async def test_given_code_runs_on_a_state_without_the_failed_code(stage: Stages) -> None:
    scene = stage([], [failing(), "1\n"], model_client=None)
    given = TextMessage(source="user", content=CODE)
    await scene.agent.run(task=given)
    assert states((await scene.agent.run(task=given)).messages) == ["rolled_back"]


async def test_a_cancelled_run_is_taken_back_when_the_next_begins(stage: Stages) -> None:
    scene = stage([CODE, "Paris."], ["1\n"], delay=60)
    run = asyncio.ensure_future(scene.agent.run(task="t"))
    await scene.until("BlockStartedEvent")
    run.cancel()
    await asyncio.wait({run})
    assert states((await scene.agent.run(task="capital?")).messages) == ["rolled_back"]


async def test_it_can_be_switched_off(stage: Stages) -> None:
    scene = stage([CODE, OTHER, "Two.", "Paris."], [failing(), failing()], roll_back_failures=False, **RETRY)
    await scene.agent.run(task="t")
    await scene.agent.run(task="capital?")
    assert states(scene.seen) == []


async def test_an_executor_that_cannot_is_told_as_keeping_its_state() -> None:
    class Foreign:
        """Somebody else's executor: it knows no attempts."""

        def __init__(self) -> None:
            self._executor = ReplayCodeExecutor([failing(), "2\n"])

        def __getattr__(self, name: str) -> Any:
            if name in {"execute_attempt", "roll_back"}:
                raise AttributeError(name)
            return getattr(self._executor, name)

    seen: list[AgentEvent] = []
    model = ReplayChatCompletionClient([CODE, OTHER, "Two."])
    agent = CodeExecutorAgent("coder", Foreign(), model_client=model, max_retries_on_error=1, retry_by="status")  # type: ignore[arg-type]
    seen += (await agent.run(task="t")).messages
    (event,) = [event for event in seen if isinstance(event, KernelStateEvent)]
    assert (event.state, event.reason, event.names) == ("kept", CANNOT_ROLL_BACK, ())
    assert KEPT.format(names="") in model.create_calls[1].messages[-1].content


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (KernelStateEvent(source="x", state="rolled_back"), ROLLED_BACK),
        (KernelStateEvent(source="x", state="restored"), ROLLED_BACK),
        (KernelStateEvent(source="x", state="lost", reason="r"), LOST),
        (KernelStateEvent(source="x", state="kept", reason="r"), KEPT.format(names="")),
        (KernelStateEvent(source="x", state="kept", names=("a", "b")), KEPT.format(names=": a, b")),
    ],
)
def test_each_state_is_one_line_of_the_prompt(event: KernelStateEvent, line: str) -> None:
    (message,) = prompt([event], "generate", "coder", None)
    assert message.content == line
    assert "\n" not in line
