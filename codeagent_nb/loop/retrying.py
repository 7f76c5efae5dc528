"""Whether code that did not end well is followed by another try: who decides, what is asked. Pure, like `policy.py`."""

from collections.abc import Generator
from typing import Any, Literal

from codeagent_nb import events
from codeagent_nb.loop.decisions import NoDecision, RetryDecision, read_decision
from codeagent_nb.loop.effects import Ask, Effect, GoOn, Grant, TakeBack, Tell
from codeagent_nb.models.types import ChatCompletionClient, CreateResult
from codeagent_nb.prompt.model_texts import LOOK_FIRST, TRIES_LEFT
from kernel_executor import CodeResult

RetryBy = Literal["model", "status"]
"""Who decides on a retry: the model, as in AutoGen, or the exit status and the tries left, which costs nothing."""


def decide(name: str, attempt: int, retry_by: RetryBy) -> Generator[Effect, Any, bool]:
    """Decide on a retry and make the decision known.

    Args:
        name: The agent's.
        attempt: The number of the one that failed.
        retry_by: Who decides.
    """
    if retry_by == "status":
        decision = RetryDecision(reason=TRIES_LEFT, retry=True)
    else:
        decision = yield from _ask_for_decision()
    if decision.retry:  # else nobody waits for it: the next run begins with that
        yield TakeBack(attempt)
    yield Tell(
        events.RetryDecisionEvent(source=name, retry_attempt=attempt, reason=decision.reason, retry=decision.retry)
    )
    if decision.retry and retry_by == "model":  # AutoGen announces the model's plan as a generation without code
        correction = f"Attempt number: {attempt + 1}\nProposed correction: {decision.reason}"
        yield Tell(events.CodeGenerationEvent(source=name, retry_attempt=attempt, content=correction, code_blocks=()))
    return decision.retry


NOBODY_SAID = "it is not known whether the code ran, and nobody has said to go on"


def goes_on(name: str, attempt: int) -> Generator[Effect, Any, bool]:
    """Ask a person whether other code may follow code of which nobody knows whether it ran; no model decides that.

    Args:
        name: The agent's.
        attempt: The number of the one that is not known.
    """
    wanted: bool = yield GoOn()
    if wanted:
        yield TakeBack(attempt)
    reason = LOOK_FIRST if wanted else NOBODY_SAID
    yield Tell(events.RetryDecisionEvent(source=name, retry_attempt=attempt, reason=reason, retry=wanted))
    return wanted


def granted(name: str, attempt: int, result: CodeResult) -> Generator[Effect, Any, bool]:
    """Ask for what code was refused; return whether it is allowed, and the code is to run again.

    Args:
        name: The agent's.
        attempt: The number of the one that was refused it.
        result: What it gave.
    """
    names = tuple(dict.fromkeys(each for block in result.blocks for each in block.unreached))
    files = tuple(dict.fromkeys(each for block in result.blocks for each in block.unchanged))
    allowed: bool = bool(names or files) and (yield Grant(names, files))
    if not allowed:
        return False
    yield TakeBack(attempt)
    reason = f"The user has allowed it: {', '.join((*names, *files))}."
    yield Tell(events.RetryDecisionEvent(source=name, retry_attempt=attempt, reason=reason, retry=True))
    return True


def _ask_for_decision() -> Generator[Effect, Any, RetryDecision]:
    """Ask the model; a malformed decision is asked for once more, then it means "stop"."""
    complaint = ""
    for _ in range(2):
        created: CreateResult = yield Ask("decide", complaint=complaint)
        try:
            return read_decision(created.content)
        except NoDecision as error:
            complaint = str(error)
    return RetryDecision(reason=f"The model gave no valid decision ({complaint}).", retry=False)


def check_retries(max_retries_on_error: int, retry_by: RetryBy, model_client: ChatCompletionClient | None) -> None:
    """Refuse retries that nobody could decide on, before anything is run.

    Raises:
        ValueError: The number is negative, or the model that is to decide gives no JSON.
    """
    if max_retries_on_error < 0:
        raise ValueError(f"max_retries_on_error must be 0 or more, not {max_retries_on_error!r}")
    if max_retries_on_error == 0 or retry_by == "status":
        return
    info = model_client.model_info if model_client else None
    if not info:
        raise ValueError("max_retries_on_error > 0 needs a model_client whose model_info says what it can do")
    if not (info.get("structured_output") or info.get("json_output")):
        raise ValueError(
            "max_retries_on_error > 0 needs a model_client with structured or JSON output, for the model decides on a "
            'retry: its model_info declares neither. With retry_by="status" the exit status and the tries left decide'
        )
