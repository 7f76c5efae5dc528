"""How one task is solved, as a value. Knows nobody who solves it."""

from dataclasses import dataclass

from codeagent_nb.approval import ApprovalFunc, ApprovalMode, check_approval
from codeagent_nb.loop.policy import RetryBy, check_retries
from codeagent_nb.models.types import ChatCompletionClient
from kernel_executor import USUAL_TIMEOUT, Timeout
from kernel_executor.types import UsualTimeout, time_limit


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How one task is solved. For one change to an agent's own, use `dataclasses.replace(agent.settings, ...)`.

    Args:
        model: Writes the code; None runs given code only.
        timeout: Seconds a block may take; None sets no limit, by default the executor's own.
        max_retries: Attempts after the first.
        retry_by: Who decides on a retry.
        approval: Whether a person is asked before code runs.
        approval_func: Always asked instead, if there is one.
        ask: How a person is asked; by default at the terminal, and without one the code is refused.

    Raises:
        ValueError: One of them has no sense.
    """

    model: ChatCompletionClient | None
    timeout: Timeout = USUAL_TIMEOUT
    max_retries: int = 3
    retry_by: RetryBy = "status"
    approval: ApprovalMode = "auto"
    approval_func: ApprovalFunc | None = None
    ask: ApprovalFunc | None = None

    def __post_init__(self) -> None:
        check_approval(self.approval)
        check_retries(self.max_retries, self.retry_by, self.model)
        if not isinstance(self.timeout, UsualTimeout):
            time_limit(self.timeout)
