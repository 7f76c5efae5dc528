"""Makes the events that tell which code is not run, and why. Pure."""

from collections.abc import Sequence

from codeagent_nb import events
from codeagent_nb.reply.run_policy import Reply
from kernel_executor import CodeBlock


def each(blocks: Sequence[CodeBlock], reason: str) -> tuple[events.Refusal, ...]:
    """Refuse blocks for one reason."""
    return tuple(events.Refusal(block=block, reason=reason) for block in blocks)


def refused_of(reply: Reply) -> tuple[events.Refusal, ...]:
    """Return what the run policy refuses of a reply."""
    return tuple(events.Refusal(block=block, reason=reason) for block, reason in reply.refused)


def refusal(
    name: str,
    attempt: int,
    refused: tuple[events.Refusal, ...],
    reason: str = "",
    *,
    nothing_ran: bool = True,
    goes_on: bool = True,
) -> events.CodeRefusedEvent:
    """Return the event that tells a refusal.

    Args:
        name: The agent's.
        attempt: The number of the one that is refused, from 0.
        refused: Its blocks, each with the reason.
        reason: All reasons in one text; by default those of the blocks.
        nothing_ran: Whether none of the reply's code runs.
        goes_on: Whether the model is asked for something else.
    """
    reasons = dict.fromkeys(one.reason for one in refused)
    return events.CodeRefusedEvent(
        source=name,
        retry_attempt=attempt,
        refused=refused,
        reason=reason or "; ".join(reasons) or "the reply was cut off before it was complete",
        nothing_ran=nothing_ran,
        goes_on=goes_on,
    )
