"""Finds what calls cost, in a thread; refuses a budget of money where nobody knows it. Knows no list of prices."""

from collections.abc import Sequence
from functools import partial

from codeagent_nb.errors import PriceUnknown
from codeagent_nb.events import AgentEvent
from codeagent_nb.loop.accounts import CostOf
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.loop.spent import spent
from codeagent_nb.models.types import RequestUsage
from kernel_executor.aio.tasks import in_thread

GIVE_IT = (
    "Give the price, in US dollars per million tokens of prompts and of replies: --price 0.40/1.60, "
    "%config CodeAgent.price = '0.40/1.60' or RunSettings(price=Price(0.40, 1.60)); or leave the cost out of the budget"
)


async def cost_now(cost: CostOf | None, usage: RequestUsage) -> float | None:
    """Return what a call costs; reading the list of prices for the first time takes a quarter of a second."""
    return await in_thread(partial(cost, usage)) if cost else None


async def refuse_unpriced(settings: RunSettings, log: Sequence[AgentEvent]) -> None:
    """Refuse a budget that limits the cost where that is not known.

    Args:
        settings: How a task is to be solved.
        log: What happened before.

    Raises:
        PriceUnknown: It is not, of the model or of what the session has cost so far.
    """
    limits = (settings.budget.cost, settings.session_budget.cost)
    if settings.model is None or limits == (None, None):
        return
    if await cost_now(settings.limits.cost, RequestUsage()) is None:
        raise PriceUnknown(f"the budget limits the cost, and what {settings.where} costs is not known. {GIVE_IT}")
    if settings.session_budget.cost is not None and (unpriced := spent(log).unpriced):
        raise PriceUnknown(
            "the session's budget limits the cost, and what this session has cost so far is not known: "
            f"{unpriced} of its replies came from models without a price. Begin a new session, or leave the cost out "
            "of the session's budget"
        )
