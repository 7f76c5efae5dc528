"""What tasks may use: how it is written, what is counted, how a run ends, and that it keeps what it has."""

import asyncio
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from html import unescape
from typing import Any

import pytest
from hypothesis import given, strategies as st

from codeagent_nb import (
    ApprovalResponse,
    Budget,
    CodeExecutorAgent,
    CreateResult,
    EventLog,
    Price,
    PriceUnknown,
    ReplayChatCompletionClient,
    RequestUsage,
    RunSettings,
    Secrets,
    events,
)
from codeagent_nb.events import EVENT, AgentEvent, RunFinishedEvent
from codeagent_nb.loop.accounts import Account, BudgetUsedUp, outcome_of
from codeagent_nb.loop.budget import EXAMPLES, READERS
from codeagent_nb.loop.final_message import closing_text
from codeagent_nb.loop.spent import Spent, of_last_run, output_size, spent
from codeagent_nb.notebook.commands import cost_text
from codeagent_nb.projections.cell_output import CellStory
from codeagent_nb.projections.chat import PanelStory
from codeagent_nb.projections.notebook_cells import CellsStory
from codeagent_nb.statuses import RUN_ENDS
from codeagent_nb.text import money_text, run_facts
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.console import ConsoleView
from kernel_executor import Append, BlockResult, CodeBlock
from kernel_executor.replay import ReplayCodeExecutor, failing
from tests.support.step_stories import py

PRICE = Price(1.0, 10.0)


def reply(text: str, prompt: int, completion: int, finish_reason: Any = "stop") -> CreateResult:
    usage = RequestUsage(prompt_tokens=prompt, completion_tokens=completion)
    return CreateResult(content=text, usage=usage, finish_reason=finish_reason)


# How it is written.


def test_a_budget_is_written_as_limits_are() -> None:
    text = "tokens=20000, cost=$0.50, seconds=600,executions=10, output_bytes=10MB"
    budget = Budget(tokens=20_000, cost=0.5, seconds=600, executions=10, output_bytes=10_000_000)
    assert Budget.read(text) == budget
    assert Budget.read("") == Budget()
    assert not Budget()
    assert Budget(executions=1)


def test_each_part_of_a_budget_has_its_name_and_an_example_that_can_be_read() -> None:
    names = [each.name for each in fields(Budget)]
    assert [*READERS] == [*EXAMPLES] == names
    for name, example in EXAMPLES.items():
        assert getattr(Budget.read(example), name) > 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("money=1", "'money=1' is no budget; write NAME=VALUE with one of tokens, cost, seconds, executions, output_"),
        ("20000", "'20000' is no budget; write NAME=VALUE"),
        ("tokens=", "'tokens=' is no budget"),
        ("tokens=many", "tokens must be a number, e.g. tokens=20000; it is 'many'"),
        ("output_bytes=1 pound", "output_bytes must be a number, e.g. output_bytes=10MB"),
        ("tokens=0", "tokens of a budget must be more than 0; it is 0"),
        ("cost=-1", "cost of a budget must be more than 0"),
        ("seconds=inf", "seconds of a budget must be more than 0; it is inf"),
        ("cost=nan", "cost of a budget must be more than 0; it is nan"),
    ],
)
def test_what_is_no_budget_is_refused_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the words are the test
        Budget.read(text)
    assert said in str(raised.value)


def test_a_price_is_written_as_two_numbers() -> None:
    assert Price.read("0.40/1.60") == Price.read(" $.4 / $1.6 ") == Price(0.4, 1.6)
    assert Price(0.4, 1.6).cost(RequestUsage(prompt_tokens=1_000_000, completion_tokens=500_000)) == pytest.approx(1.2)
    for text in ("", "1", "1/2/3", "-1/2", "a/b", "1,5/2"):
        with pytest.raises(ValueError, match="is no price; write US dollars per million tokens"):
            Price.read(text)
    with pytest.raises(ValueError, match="a price must be 0 or more"):
        Price(-1, 2)


def test_small_sums_are_not_rounded_to_nothing() -> None:
    assert [*map(money_text, (0.0, 0.00001, 0.00313, 0.5, 12.3))] == [
        "$0.00",
        "less than $0.0001",
        "$0.0031",
        "$0.50",
        "$12.30",
    ]


# What is counted.

OUTPUTS = [
    ({"output_type": "stream", "name": "stdout", "text": "äb"}, 3),
    ({"output_type": "stream", "name": "stdout", "text": "\ud800"}, 3),
    ({"output_type": "display_data", "data": {"text/plain": "1", "image/png": "AAAA"}, "metadata": {}}, 5),
    ({"output_type": "display_data", "data": {"application/json": {"a": 1}}, "metadata": {}}, 8),
    ({"output_type": "display_data", "data": {"text/html": ["a\n", "b"]}, "metadata": {}}, 3),
    ({"output_type": "error", "ename": "E", "evalue": "x", "traceback": ["ab", "c"]}, 3),
]


@pytest.mark.parametrize(("output", "size"), OUTPUTS)
def test_an_output_has_the_bytes_of_what_it_shows(output: Any, size: int) -> None:
    assert output_size(output) == size


def started() -> AgentEvent:
    return events.RunStartedEvent(source="coder", model="m", isolation="sandboxed", max_retries_on_error=1)


def replied(usage: RequestUsage, cost: float | None, duration: float, estimate: RequestUsage | None) -> AgentEvent:
    return events.ModelReplyEvent(
        source="coder",
        purpose="generate",
        content="",
        finish_reason="stop",
        usage=usage,
        cost=cost,
        duration=duration,
        estimate=estimate,
    )


def ran(attempt: int, texts: Sequence[str]) -> list[AgentEvent]:
    """An attempt: a block for each text."""
    happened: list[AgentEvent] = []
    for text in texts:
        block, output = CodeBlock("x"), {"output_type": "stream", "name": "stdout", "text": text}
        result = BlockResult(block=block, status="ok", exit_code=0, outputs=(output,), duration=0.5)  # type: ignore[arg-type]
        happened += [
            events.BlockStartedEvent(source="executor", retry_attempt=attempt, block_id="b", block=block),
            events.BlockFinishedEvent(source="executor", retry_attempt=attempt, block_id="b", result=result),
        ]
    return happened


usages = st.builds(RequestUsage, prompt_tokens=st.integers(0, 10_000), completion_tokens=st.integers(0, 10_000))
replies = st.builds(
    replied,
    usages,
    st.none() | st.floats(0, 5),
    st.floats(0, 100),
    st.none() | usages,
)
attempts = st.lists(st.lists(st.text(max_size=5), min_size=1, max_size=3), max_size=3)
runs = st.tuples(st.lists(replies, max_size=3), attempts).map(
    lambda both: [
        started(),
        *both[0],
        *(event for number, texts in enumerate(both[1]) for event in ran(number, texts)),
    ]
)


@given(st.lists(runs, max_size=4))
def test_what_is_used_is_the_sum_over_the_events(log: list[list[AgentEvent]]) -> None:
    happened = [event for run in log for event in run]
    used = spent(happened)
    told = [event for event in happened if isinstance(event, events.ModelReplyEvent)]
    ends = [event for event in happened if isinstance(event, events.BlockFinishedEvent)]
    counted = [event.estimate or event.usage for event in told]
    assert used.tokens == sum(each.prompt_tokens + each.completion_tokens for each in counted)
    assert used.cost == pytest.approx(sum(event.cost or 0 for event in told))
    assert used.unpriced == sum(event.cost is None for event in told)
    assert used.seconds == pytest.approx(sum(event.duration for event in told) + 0.5 * len(ends))
    assert used.output_bytes == sum(len(each.result.outputs[0]["text"].encode()) for each in ends)
    assert used.executions == sum(
        len({event.retry_attempt for event in run if isinstance(event, events.BlockStartedEvent)}) for run in log
    )


@given(st.lists(runs, min_size=1, max_size=4))
def test_what_a_session_used_is_what_its_runs_used_together(log: list[list[AgentEvent]]) -> None:
    happened = [event for run in log for event in run]
    assert of_last_run(happened) == log[-1]
    parts = [spent(run) for run in log]
    whole = spent(happened)
    assert whole.tokens == sum(part.tokens for part in parts)
    assert whole.executions == sum(part.executions for part in parts)
    assert whole.output_bytes == sum(part.output_bytes for part in parts)
    assert whole.cost == pytest.approx(sum(part.cost for part in parts))


@given(runs)
def test_a_journal_tells_the_same(run: list[AgentEvent]) -> None:
    """So a session that is gone on with has used what it had used."""
    assert spent([EVENT.validate_json(event.model_dump_json()) for event in run]) == spent(run)


def test_output_that_comes_late_counts() -> None:
    output: Any = {"output_type": "stream", "name": "stdout", "text": "late"}
    late = events.LateOutputEvent(source="executor", block_id="b", change=Append(output))
    assert spent([late]).output_bytes == 4


limits = st.none() | st.integers(1, 1_000)


@given(st.integers(0, 2_000), st.integers(0, 2_000), limits, limits)
def test_a_reply_never_has_more_room_than_the_budget_leaves(
    used: int, prompt: int, tokens: int | None, cents: int | None
) -> None:
    budget = Budget(tokens=tokens, cost=cents and cents / 100)
    price = Price(10_000, 20_000)  # a cent and two a token
    account = Account("run", budget, Spent(tokens=used, cost=used / 100))
    try:
        room = account.room_for_reply(prompt, price.cost)
    except BudgetUsedUp:
        assert (tokens is not None and used + prompt >= tokens) or (cents is not None and used + prompt >= cents - 1)
        return
    assert room > 0
    assert tokens is None or used + prompt + room <= tokens
    assert cents is None or used + prompt + 2 * room <= cents + 0.01
    assert (room == math.inf) == (tokens is None and cents is None)


# How a run ends.


class Run:
    """A run on scripted parts, seen on every surface."""

    def __init__(self, replies: list[Any], results: list[Any], *, delay: float = 0, **settings: Any) -> None:
        self.model = ReplayChatCompletionClient(replies, chunk_delay=delay)
        self.executor = ReplayCodeExecutor(results, delay=delay)
        self.cells, self.cell, self.panel = CellsStory(), CellStory(), PanelStory()
        self.console = CleanConsole(file=io.StringIO(), width=400, color_system=None)
        self.log = EventLog(Secrets({}))
        self.agent = CodeExecutorAgent(
            "coder", self.executor, model_client=self.model, views=[self, ConsoleView(self.console)], log=self.log
        )
        self.settings = RunSettings(model=self.model, **{"max_steps": 8, "max_retries": 2, **settings})

    def on_event(self, event: AgentEvent) -> None:
        for story in (self.cells, self.cell, self.panel):
            story.take(event)

    async def solve(self) -> RunFinishedEvent:
        result = await self.agent.run(task="What is the mean mass?", settings=self.settings)
        self.said = result.messages[-1].content
        self.stop_reason = result.stop_reason
        return self.end

    @property
    def end(self) -> RunFinishedEvent:
        return [event for event in self.log.events if isinstance(event, RunFinishedEvent)][-1]

    @property
    def surfaces(self) -> dict[str, str]:
        assert isinstance(self.console.file, io.StringIO)
        return {
            "session": unescape("\n".join(f"{cell.source}\n{cell.closing}" for cell in self.cells.cells)),
            "cell": "\n".join(str(data.get("text/plain", "")) for _, (data, _) in self.cell.displays()),
            "panel": "\n".join(str(entry.get("text", "")) for entry in self.panel.entries),
            "terminal": self.console.file.getvalue(),
        }


LOOK, MEAN = py("df.columns", "I look."), py("df.mass.mean()")
USED_UP: dict[str, tuple[dict[str, Any], str, str]] = {
    "tokens": (
        {"budget": Budget(tokens=1_200)},
        "the budget of this run is used up: 1,100 of 1,200 tokens, and the next prompt has about ",
        "Index",
    ),
    "cost": (
        {"budget": Budget(cost=0.0021), "price": PRICE},
        "the budget of this run is used up: $0.0020 of $0.0021, and the next call costs at least $0.000",
        "Index",
    ),
    "executions": (
        {"budget": Budget(executions=1)},
        "the budget of this run is used up: 1 of 1 executions. Raise it with --budget,",
        "Index",
    ),
    "output": (
        {"budget": Budget(output_bytes=10)},
        "the budget of this run is used up: 13 bytes of 10 bytes of output",
        "Index",
    ),
    "session": (
        {"session_budget": Budget(tokens=1_150)},
        "the budget of this session is used up: 1,100 of 1,150 tokens, and the next prompt has about ",
        "Index",
    ),
}


@pytest.mark.parametrize(("settings", "said", "kept"), USED_UP.values(), ids=USED_UP)
async def test_a_run_ends_where_a_budget_is_used_up_and_each_surface_says_which_and_keeps_what_there_is(
    settings: dict[str, Any], said: str, kept: str
) -> None:
    run = Run([reply(LOOK, 1_000, 100), reply(MEAN, 1_000, 100), "It is 4."], ["Index(['a'])\n", "4\n"], **settings)
    end = await run.solve()
    assert end.status == "exhausted"
    assert end.reason.startswith(said)
    assert run.stop_reason == end.reason
    assert run.said.startswith(said[0].upper() + said[1:])
    assert kept in run.said, "what the code gave is in the answer"
    assert [block.code.strip() for block in run.executor.executed] == ["df.columns"]
    for surface, text in run.surfaces.items():
        assert said.lower() in text.lower(), surface
        assert "Raise it with" in text, surface
        assert kept in text or surface == "panel", surface
    assert [cell.source for cell in run.cells.cells if cell.cell_type == "code"] == ["df.columns"]


def test_a_budget_that_is_used_up_has_an_exit_code_of_its_own() -> None:
    codes = [end.exit_code for end in RUN_ENDS.values()]
    assert RUN_ENDS["exhausted"].exit_code == 6
    assert codes.count(6) == 1


async def test_a_failure_is_told_beside_the_budget() -> None:
    run = Run([reply(MEAN, 500, 50), "never"], [failing()], budget=Budget(tokens=560))
    end = await run.solve()
    assert end.status == "exhausted"
    assert "No code succeeded; the last attempt ended with ValueError: bad." in run.said


async def test_a_budget_that_is_not_used_up_changes_nothing() -> None:
    generous = Budget(tokens=10**6, cost=10.0, seconds=60.0, executions=9, output_bytes=10**6)
    told = []
    for settings in ({}, {"budget": generous, "session_budget": generous, "price": PRICE}):
        run = Run([reply(LOOK, 1_000, 100), reply(MEAN, 1_000, 100), "It is 4."], ["Index\n", "4\n"], **settings)
        end = await run.solve()
        assert end.status == "succeeded"
        told.append([event.type for event in run.log.events])
    assert told[0] == told[1]


async def test_an_answer_that_was_to_be_asked_for_once_more_is_kept() -> None:
    replies = [reply(MEAN, 100, 10), reply("The mean is 4711.5 g.", 100, 10), "never"]
    run = Run(replies, ["4201.75\n"], max_steps=1, checks_answer=True, budget=Budget(tokens=450))
    end = await run.solve()
    assert "AnswerQuestionedEvent" in [event.type for event in run.log.events]
    assert end.status == "exhausted"
    assert "The mean is 4711.5 g." in run.said
    assert "4201.75" in run.said
    story = CellStory()
    for event in run.log.events:
        story.take(event)
    shown = [data["text/plain"] for _, (data, _) in story.final() if data]
    assert any("The mean is 4711.5 g." in text for text in shown), "it stands there, and is not folded away alone"


def test_what_code_had_printed_when_a_budget_cut_it_is_kept() -> None:
    outputs: Any = ({"output_type": "stream", "name": "stdout", "text": "7\n"},)
    block = BlockResult(block=CodeBlock("x"), status="interrupted", exit_code=130, outputs=outputs)
    cut = events.BlockFinishedEvent(source="executor", retry_attempt=0, block_id="1", result=block)
    outcome = outcome_of(BudgetUsedUp("used up"), [cut])
    assert outcome.result is not None
    assert outcome.result.output == "7"
    assert "7" in closing_text(outcome)


async def test_by_default_there_is_no_budget() -> None:
    agent = CodeExecutorAgent("coder", ReplayCodeExecutor([]), model_client=ReplayChatCompletionClient(["Hello."]))
    assert (agent.settings.budget, agent.settings.session_budget) == (Budget(), Budget())


async def test_the_prompt_is_counted_before_it_is_sent() -> None:
    run = Run(["never"], [], budget=Budget(tokens=20))
    end = await run.solve()
    assert end.reason.startswith("the budget of this run is used up: 0 of 20 tokens, and the next prompt has about ")
    assert run.model.create_calls == ()


async def test_a_reply_that_goes_past_the_budget_is_ended_and_kept_as_far_as_it_came() -> None:
    words = " ".join(f"word{number}" for number in range(2_000))
    run = Run([reply(words, 100, 4_000)], [], budget=Budget(tokens=1_500))
    end = await run.solve()
    assert end.status == "exhausted"
    [told] = [event for event in run.log.events if isinstance(event, events.ModelReplyEvent)]
    assert told.finish_reason == "length"
    assert words.startswith(told.content)
    assert 100 < len(told.content) < 6_100
    assert told.estimate is not None
    assert spent(run.log.events).tokens >= 1_500
    assert "word42" in run.surfaces["cell"]


async def test_a_server_that_tells_no_tokens_is_estimated() -> None:
    """Else it would have used nothing, and a budget of tokens would limit nothing."""
    run = Run([CreateResult(content=LOOK), CreateResult(content="It is 4.")], ["4\n"], budget=Budget(tokens=10_000))
    await run.solve()
    first, second = (event for event in run.log.events if isinstance(event, events.ModelReplyEvent))
    assert first.usage == RequestUsage()
    assert first.estimate is not None
    assert first.estimate.prompt_tokens > 50
    assert first.estimate.completion_tokens == -(-len(LOOK) // 4)
    assert second.estimate is not None
    assert second.estimate.prompt_tokens > first.estimate.prompt_tokens


# Time.


async def test_the_time_ends_a_reply_and_what_had_come_of_it_is_kept() -> None:
    run = Run(["one two three four " * 50], [], delay=0.02, budget=Budget(seconds=0.1))
    end = await run.solve()
    assert end.status == "exhausted"
    assert end.reason.startswith("the budget of this run is used up: 0.1 of 0.1 s. Raise it with")
    [told] = [event for event in run.log.events if isinstance(event, events.ModelReplyEvent)]
    assert told.content.startswith("one ")


async def test_the_time_ends_code_as_a_cancellation_does() -> None:
    run = Run([MEAN], ["never\n"], budget=Budget(seconds=0.2))
    run.executor = run.agent._executor = ReplayCodeExecutor(["never\n"], delay=30)
    end = await run.solve()
    assert end.status == "exhausted"
    assert "0.2 of 0.2 s" in end.reason
    [quoted] = [cell for cell in run.cells.cells if "df.mass.mean()" in cell.source]
    assert quoted.cell_type == "markdown", "what did not run to its end is no code cell"


async def test_a_cancellation_is_never_taken_for_the_end_of_the_time() -> None:
    run = Run([MEAN], ["never\n"], budget=Budget(seconds=60.0))
    run.agent._executor = ReplayCodeExecutor(["never\n"], delay=30)
    working = asyncio.ensure_future(run.solve())
    async with asyncio.timeout(5):
        while "BlockStartedEvent" not in [event.type for event in run.log.events]:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert run.end.status == "cancelled"


async def test_a_time_limit_of_the_executors_own_is_no_end_of_the_budget() -> None:
    run = Run([MEAN], [TimeoutError("of its own")], budget=Budget(seconds=60.0))
    with pytest.raises(TimeoutError, match="of its own"):
        await run.solve()
    assert run.end.status == "error"


async def test_the_time_in_which_a_person_is_asked_is_not_counted() -> None:
    run = Run([MEAN, "It is 4."], ["4\n"], budget=Budget(seconds=0.25), approval_func=approving_after(0.4))
    assert (await run.solve()).status == "succeeded"


def approving_after(seconds: float) -> Callable[[Any], Any]:
    async def approve(_: Any) -> ApprovalResponse:
        await asyncio.sleep(seconds)
        return ApprovalResponse(approved=True)

    return approve


# Sessions.


async def test_a_session_goes_on_with_what_it_has_used_and_a_raised_budget_lets_it() -> None:
    first = Run([reply(LOOK, 1_000, 100), reply("It is a.", 1_000, 100)], ["Index\n"])
    assert (await first.solve()).status == "succeeded"
    again = Run([reply("It is b.", 100, 10)], [], session_budget=Budget(tokens=2_200))
    again.log.replace([EVENT.validate_json(event.model_dump_json()) for event in first.log.events])
    end = await again.solve()
    assert end.reason.startswith("the budget of this session is used up: 2,200 of 2,200 tokens")
    assert again.model.create_calls == ()
    again.settings = replace(again.settings, session_budget=Budget(tokens=5_000))
    assert (await again.solve()).status == "answered"


async def test_a_task_that_was_taken_back_has_cost_as_much() -> None:
    run = Run([reply("One.", 1_000, 100)], [])
    await run.solve()
    began = next(event.created_at for event in run.log.events if event.type == "TextMessage")
    run.log.publish(events.TaskTurnedEvent(source="user", state="undone", task="x", began=began))
    assert spent(run.log.events).tokens == 1_100


# Money.


async def test_a_price_that_is_not_known_refuses_a_budget_of_money_before_anything_happens() -> None:
    run = Run(["never"], [], budget=Budget(cost=0.5))
    with pytest.raises(PriceUnknown) as raised:
        await run.solve()
    assert str(raised.value).startswith(
        "the budget limits the cost, and what ReplayChatCompletionClient costs is not known. Give the price, "
    )
    for how in ("--price 0.40/1.60", "%config CodeAgent.price", "leave the cost out"):
        assert how in str(raised.value)
    assert run.log.events == ()
    assert run.model.create_calls == ()


async def test_a_session_whose_cost_is_not_known_is_not_said_to_have_cost_nothing() -> None:
    run = Run(["One.", "Two."], [])
    await run.solve()
    run.settings = replace(run.settings, session_budget=Budget(cost=1.0), price=PRICE)
    with pytest.raises(PriceUnknown, match="what this session has cost so far is not known: 1 of its replies"):
        await run.solve()


async def test_the_closing_line_says_what_a_run_cost_where_that_is_known() -> None:
    run = Run([reply("It is 4.", 1_000, 200)], [], price=PRICE)
    end = await run.solve()
    assert end.cost == pytest.approx(0.003)
    for surface, text in run.surfaces.items():
        facts = text if surface != "panel" else str(run.panel.entries)
        assert "$0.0030" in facts, surface


@pytest.mark.parametrize("cost", [None, 0.0])
async def test_a_cost_that_is_none_or_not_known_is_not_told_as_money(cost: float | None) -> None:
    end = RunFinishedEvent(source="coder", status="answered", reason="", tries=1, cost=cost, duration=1.0)
    assert run_facts(end) == ("1 try", "0 tokens", "1.0 s")


async def test_the_cost_of_a_run_is_not_known_if_that_of_one_call_is_not() -> None:
    class Free(ReplayChatCompletionClient):
        calls = 0

        def cost(self, usage: RequestUsage) -> float | None:  # noqa: ARG002 - the port's
            self.calls += 1
            return None if self.calls == 2 else 0.25

    run = Run([], ["Index\n"])
    run.settings = replace(run.settings, model=Free([LOOK, "It is a."]))
    assert (await run.solve()).cost is None
    assert spent(run.log.events).unpriced == 1


@pytest.mark.parametrize(
    ("used", "said"),
    [
        (Spent(cost=0.0031), "$0.0031"),
        (Spent(cost=0.0031, unpriced=1), "$0.0031 and more: not every price is known"),
        (Spent(unpriced=2), "cost not known"),
        (Spent(), "no cost"),
    ],
)
def test_the_status_of_a_session_says_what_it_cost(used: Spent, said: str) -> None:
    assert cost_text(used) == said
