"""How one task is solved, as a value, and the event that tells it. Knows nobody who solves it."""

from dataclasses import dataclass

from codeagent_nb.approval import ApprovalFunc, ApprovalMode, check_approval
from codeagent_nb.events import ContextEvent, RunStartedEvent
from codeagent_nb.loop.accounts import Limits
from codeagent_nb.loop.budget import NO_BUDGET, Budget
from codeagent_nb.loop.retrying import RetryBy, check_retries
from codeagent_nb.models.prices import Price, price_of
from codeagent_nb.models.privacy import LessTold, Privacy, PrivacySetting, level_for, read_setting
from codeagent_nb.models.profiles import profile_of
from codeagent_nb.models.types import ChatCompletionClient, host_of_model
from kernel_executor import USUAL_TIMEOUT, Timeout
from kernel_executor.types import UsualTimeout, time_limit


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How one task is solved. For one change to an agent's own, use `dataclasses.replace(agent.settings, ...)`.

    Args:
        model: Writes the code; None runs given code only.
        timeout: Seconds a block may take; None sets no limit, by default the executor's own.
        max_retries: Tries of a step after its first.
        max_steps: Pieces of code that may go well, one after another, before the model has to answer; None leaves it
            to what is known of the model.
        retry_by: Who decides on a retry.
        repairs_afresh: Whether code that failed is written again from what was seen where it failed, without the failed
            code in the prompt; None leaves it to what is known of the model.
        checks_answer: Whether an answer is checked, its numbers against what the code has shown, its form against what
            the task prescribes: what is wanting is asked for once more, and numbers that nothing states are marked.
        approval: Whether a person is asked before code runs.
        approval_func: Always asked instead, if there is one.
        ask: How a person is asked; by default at the terminal, and without one the code is refused.
        budget: What this task may use; the run ends where it is used up, and keeps what it has.
        session_budget: What all tasks of the conversation may use together, those of before included.
        price: What the model's tokens cost; None means the list price.
        privacy: How much of the user's data the model is sent: `rows`, `statistics` or `schema`; `auto` tells all to a
            model on this machine, and statistics to any other.

    Raises:
        ValueError: One of them has no sense.
    """

    model: ChatCompletionClient | None
    timeout: Timeout = USUAL_TIMEOUT
    max_retries: int = 3
    max_steps: int | None = None
    retry_by: RetryBy = "status"
    repairs_afresh: bool | None = None
    checks_answer: bool = True
    approval: ApprovalMode = "auto"
    approval_func: ApprovalFunc | None = None
    ask: ApprovalFunc | None = None
    budget: Budget = NO_BUDGET
    session_budget: Budget = NO_BUDGET
    price: Price | None = None
    privacy: PrivacySetting = "auto"

    @property
    def where(self) -> str:
        """The model, for people."""
        return str(getattr(self.model, "where", type(self.model).__name__) if self.model else "none")

    @property
    def limits(self) -> Limits:
        """What the run has to keep to."""
        cost = self.price.cost if self.price else price_of(self.model)
        return Limits(self.budget, self.session_budget, cost)

    @property
    def steps(self) -> int:
        """How many steps there may be; one where the model sees nothing that it could go on from."""
        if self.level == "schema":
            return 1
        if self.max_steps is not None:
            return self.max_steps
        return profile_of(self.model.model_info).max_steps if self.model else 1

    @property
    def level(self) -> Privacy:
        """How much of the user's data the model is sent."""
        return level_for(self.privacy, self.model)

    @property
    def is_afresh(self) -> bool:
        """Whether failed code is written again."""
        if self.repairs_afresh is not None:
            return self.repairs_afresh
        return self.model is not None and profile_of(self.model.model_info).repairs_afresh

    def __post_init__(self) -> None:
        check_approval(self.approval)
        read_setting(self.privacy, "privacy")
        if self.max_steps is not None and self.max_steps < 1:
            raise ValueError(f"max_steps must be 1 or more, not {self.max_steps!r}")
        check_retries(self.max_retries, self.retry_by, self.model)
        if not isinstance(self.timeout, UsualTimeout):
            time_limit(self.timeout)


def started_event(name: str, settings: RunSettings, isolation: str) -> RunStartedEvent:
    """Return the event that begins a run.

    Args:
        name: The agent's.
        settings: How the task is solved.
        isolation: What holds its code.
    """
    return RunStartedEvent(
        source=name,
        model=settings.where,
        isolation=isolation,
        max_retries_on_error=settings.max_retries,
        host=host_of_model(settings.model) if settings.model else "",
        privacy=settings.level,
    )


def context_event(context: str | ContextEvent) -> ContextEvent:
    """Return the event that tells what the model is to know besides the task.

    Args:
        context: The event, or what the user has written, which is told as it is at each level of privacy.
    """
    if isinstance(context, ContextEvent):
        return context
    return ContextEvent(source="context", content=context, less=LessTold.always(context))
