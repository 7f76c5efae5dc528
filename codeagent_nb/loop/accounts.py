"""Budgets beside what is used of them: whether a call or code may begin, what it may take, why a run ends. Pure."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from codeagent_nb import events
from codeagent_nb.events import AgentEvent
from codeagent_nb.loop.budget import NO_BUDGET, Budget
from codeagent_nb.loop.effects import Outcome
from codeagent_nb.loop.spent import Spent, of_last_run, spent
from codeagent_nb.models.types import RequestUsage
from codeagent_nb.reply.run_policy import without_reasoning
from codeagent_nb.text import money_text
from kernel_executor import BlockResult, CodeResult
from kernel_executor.sizes import size_text
from kernel_executor.text import as_text

CostOf = Callable[[RequestUsage], float | None]
"""Returns US dollars; None where the price is not known."""

Whose = Literal["run", "session"]

HOW_TO_RAISE: Mapping[Whose, str] = {
    "run": "Raise it with --budget, %config CodeAgent.budget or budget= in Python",
    "session": "Raise it with %config CodeAgent.session_budget, --session-budget of `run` or session_budget= in Python",
}

PROBE = 1_000
"""Tokens of a reply that its price is asked for."""


class BudgetUsedUp(Exception):  # noqa: N818 - named after the state
    """No more may be used; the text says of what, and how to raise it. It ends the run and never leaves it."""


@dataclass(frozen=True, slots=True)
class Account:
    """A budget and what is used of it.

    Args:
        whose: A run's or a session's.
        budget: What may be used.
        used: What is.
    """

    whose: Whose
    budget: Budget
    used: Spent

    @property
    def seconds_left(self) -> float:
        """How many seconds there are; infinite without a limit."""
        return math.inf if self.budget.seconds is None else self.budget.seconds - self.used.seconds

    def room_for_reply(self, prompt: int, cost: CostOf | None) -> float:
        """Return how many tokens a reply may have; infinite without a limit.

        Args:
            prompt: Tokens of the prompt, about.
            cost: What a call costs.

        Raises:
            BudgetUsedUp: It may have none.
        """
        self.check_time()
        used, limit, call = self.used, self.budget, _price(cost, prompt, 0)
        tokens, money = _left(limit.tokens, used.tokens + prompt), _left(limit.cost, used.cost + call)
        if tokens <= 0:
            raise self.used_up(f"{used.tokens:,} of {limit.tokens:,} tokens, and the next prompt has about {prompt:,}")
        if money <= 0:
            left = f"{money_text(used.cost)} of {money_text(limit.cost or 0)}"
            raise self.used_up(f"{left}, and the next call costs at least {money_text(call)}")
        each = (_price(cost, prompt, PROBE) - call) / PROBE if money < math.inf else 0
        return min(tokens, money / each if each else math.inf)

    def check_execution(self) -> None:
        """Check that code may run.

        Raises:
            BudgetUsedUp: It may not.
        """
        self.check_time()
        if _left(self.budget.executions, self.used.executions) <= 0:
            raise self.used_up(f"{self.used.executions:,} of {self.budget.executions:,} executions")
        if _left(self.budget.output_bytes, self.used.output_bytes) <= 0:
            limit = size_text(self.budget.output_bytes or 0)
            raise self.used_up(f"{size_text(self.used.output_bytes)} of {limit} of output")

    def check_time(self) -> None:
        """Check that there are seconds left.

        Raises:
            BudgetUsedUp: There are none.
        """
        if self.seconds_left <= 0:
            raise self.used_up(f"{self.used.seconds:,.1f} of {self.budget.seconds:g} s")

    def used_up(self, what: str) -> BudgetUsedUp:
        """Return that no more may be used, and of what how much was."""
        return BudgetUsedUp(f"the budget of this {self.whose} is used up: {what}. {HOW_TO_RAISE[self.whose]}")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run has to keep to.

    Args:
        run: Its own budget.
        session: That of all runs in its log.
        cost: What a call of its model costs; None if nobody knows.
    """

    run: Budget = NO_BUDGET
    session: Budget = NO_BUDGET
    cost: CostOf | None = None

    def accounts(self, log: Sequence[AgentEvent]) -> Sequence[Account]:
        """Return the budgets that limit anything, with what is used of each in a log."""
        run = [Account("run", self.run, spent(of_last_run(log)))] if self.run else []
        return [*run, Account("session", self.session, spent(log))] if self.session else run


NO_LIMITS = Limits()


def seconds_left(accounts: Iterable[Account]) -> float:
    """Return how many seconds there are in all of some budgets; infinite without a limit."""
    return min((account.seconds_left for account in accounts), default=math.inf)


def out_of_time(accounts: Iterable[Account]) -> BudgetUsedUp:
    """Return that the time is over, and whose."""
    account = min(accounts, key=lambda each: each.seconds_left)
    return account.used_up(f"{account.budget.seconds:g} of {account.budget.seconds:g} s")


def outcome_of(end: BudgetUsedUp, run: Sequence[AgentEvent]) -> Outcome:
    """Return the outcome of a run that a budget has ended, with what there is: an answer, what the last code gave.

    Args:
        end: Says which budget.
        run: What happened in the run.
    """
    results = [each.result for each in run if isinstance(each, events.CodeExecutionEvent) and each.result.blocks]
    steps = sum(result.exit_code == 0 for result in results)
    result = cut_short(run) or (results[-1] if results else None)
    return Outcome("exhausted", _answered(run), max(1, len(results)), result, steps, reason=str(end))


def cut_short(run: Sequence[AgentEvent]) -> CodeResult | None:
    """Return what code gave before it was cut, whose result was not told any more; None if none was."""
    blocks: list[BlockResult] = []
    for event in run:
        if isinstance(event, events.CodeExecutionEvent):
            blocks = []
        elif isinstance(event, events.BlockFinishedEvent):
            blocks.append(event.result)
    return CodeResult(blocks[-1].exit_code, as_text(blocks[-1].outputs), tuple(blocks)) if blocks else None


def _answered(run: Sequence[AgentEvent]) -> str:
    """Return the answer of a run that was asked for once more and did not come again; empty if there was none."""
    replies = [each for each in run if isinstance(each, events.ModelReplyEvent | events.AnswerQuestionedEvent)]
    for reply, question in reversed([*pairwise(replies)]):
        if isinstance(question, events.AnswerQuestionedEvent) and isinstance(reply, events.ModelReplyEvent):
            return without_reasoning(reply.content)
    return ""


def _left(limit: float | None, used: float) -> float:
    return math.inf if limit is None else limit - used


def _price(cost: CostOf | None, prompt: int, reply: int) -> float:
    """Return what a call costs; where that is not known, no budget limits it, and no run that has one begins."""
    usage = RequestUsage(prompt_tokens=prompt, completion_tokens=reply)
    return (cost(usage) if cost else None) or 0.0
