"""What the agent does next: a pure generator that yields effects and is sent their results (design D1).

Generate, read, approve, execute, decide on a retry, reflect. No I/O, no clock, no event loop: its tests need none.
Read next: `driver.py`, which performs the effects.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from codeagent_nb import events
from codeagent_nb.errors import ModelError
from codeagent_nb.events import AgentEvent
from codeagent_nb.loop.decisions import NoDecision, read_decision
from codeagent_nb.models.types import ChatCompletionClient, CreateResult
from codeagent_nb.reply.languages import KNOWN, only
from codeagent_nb.reply.run_policy import Reply, read_reply, without_reasoning
from codeagent_nb.reply.secret_code import SecretIn, knows_none, secret_reason, without_secret_code
from codeagent_nb.text import given
from kernel_executor import CodeBlock, CodeResult

RetryBy = Literal["model", "status"]
"""Who decides on a retry: the model, as in AutoGen, or the exit status and the tries left, which costs nothing."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the model; the answer is a `CreateResult`.

    Args:
        purpose: What for.
        resample: True to ask for a different reply than the likeliest.
        complaint: What was wrong with its last answer to the same question.
    """

    purpose: events.Purpose
    resample: bool = False
    complaint: str = ""


@dataclass(frozen=True, slots=True)
class Approve:
    """Ask whether code may run; the answer is an `ApprovalEvent`, or None if nobody need be asked."""

    attempt: int
    code_blocks: tuple[CodeBlock, ...]


@dataclass(frozen=True, slots=True)
class Execute:
    """Run code; the answer is a `CodeResult`."""

    attempt: int
    code_blocks: tuple[CodeBlock, ...]


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Take back what a failed attempt made of the variables; there is no answer."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Tell:
    """Make an event known; there is no answer."""

    event: AgentEvent


@dataclass(frozen=True, slots=True)
class Grant:
    """Ask whether code may do what it was refused; the answer is whether it may now.

    Args:
        names: What it wanted to reach.
        files: The files of the user's that it wanted to change.
    """

    names: tuple[str, ...]
    files: tuple[str, ...]


Effect = Ask | Approve | Execute | Grant | TakeBack | Tell
Steps = Generator[Effect, Any, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Args:
        status: In one word.
        text: The model's closing words, or the reason why there are none.
        tries: Attempts made.
        result: What the last code that ran gave.
    """

    status: events.RunStatus
    text: str
    tries: int
    result: CodeResult | None = None


def policy(
    name: str,
    *,
    max_retries_on_error: int,
    retry_by: RetryBy,
    languages: Sequence[str] = KNOWN,
    secret_in: SecretIn = knows_none,
) -> Generator[Effect, Any, Outcome]:
    """Solve one task.

    Args:
        name: The agent's name, the source of its events.
        max_retries_on_error: Further attempts after the first.
        retry_by: Who decides whether to use them.
        languages: What may run, as `check_languages` gives them.
        secret_in: Names the secret in a text; code that holds one is not run.

    Returns:
        The outcome, as the generator's value.
    """
    result: CodeResult | None = None
    refused_before = resample = False
    again: Reply | None = None
    for attempt in range(max_retries_on_error + 1):
        last_try = attempt == max_retries_on_error
        reply: Reply = again or (yield from _generate(name, languages, secret_in, resample=resample))
        if not reply.blocks:
            if not reply.refused and not reply.cut_off:
                return Outcome(_status_without_code(result), reply.text, attempt + 1, result)
            reason = yield from _refuse(name, attempt, reply)
            if refused_before or last_try:
                return Outcome("refused", reason, attempt + 1, result)
            refused_before = True
            continue
        if not again and _is_last_failed_code(reply.blocks, result):
            # 8 of 9 regenerations of AutoGen and 21 of 38 of smolagents repeated the failed code (measured).
            yield Tell(_repetition(name, attempt, reply.blocks))
            resample = True
            continue
        yield from _announce(name, attempt, reply)
        approval: events.ApprovalEvent | None = yield Approve(attempt, reply.blocks)
        if approval and not approval.approved:
            yield Tell(events.CodeExecutionEvent(source=name, retry_attempt=attempt, result=_not_run(approval.reason)))
            return Outcome("denied", approval.reason, attempt + 1, result)
        code_blocks = approval.code_blocks if approval else reply.blocks
        if reason := secret_reason(code_blocks, secret_in):  # it was edited
            yield Tell(events.CodeExecutionEvent(source=name, retry_attempt=attempt, result=_not_run(reason)))
            return Outcome("refused", reason, attempt + 1, result)
        result = yield Execute(attempt, code_blocks)
        yield Tell(events.CodeExecutionEvent(source=name, retry_attempt=attempt, result=result))
        if result.exit_code == 0 or last_try:
            break
        again = yield from _granted(name, attempt, reply, result)
        if not (again or (yield from _decide(name, attempt, retry_by))):
            break
    text = yield from _reflect()
    return Outcome(_status_of(result), text, attempt + 1, result)


def _granted(name: str, attempt: int, reply: Reply, result: CodeResult) -> Generator[Effect, Any, Reply | None]:
    """Ask for what code was refused; return the reply whose code is to run again, None if nothing was allowed."""
    names = tuple(dict.fromkeys(each for block in result.blocks for each in block.unreached))
    files = tuple(dict.fromkeys(each for block in result.blocks for each in block.unchanged))
    allowed: bool = bool(names or files) and (yield Grant(names, files))
    if not allowed:
        return None
    yield TakeBack(attempt)
    reason = f"The user has allowed it: {', '.join((*names, *files))}."
    yield Tell(events.RetryDecisionEvent(source=name, retry_attempt=attempt, reason=reason, retry=True))
    return reply


def _reflect() -> Generator[Effect, Any, str]:
    """Ask for the closing words; what the code found is not lost where there are none."""
    try:
        reflection: CreateResult = yield Ask("reflect")
    except ModelError as error:
        return f"The model could not be asked to explain this: {error}"
    return without_reasoning(reflection.content)


def run_given(code_blocks: tuple[CodeBlock, ...], secret_in: SecretIn = knows_none) -> Generator[Effect, Any, Outcome]:
    """Run code that was given, unless it holds a secret; no model has a part in it."""
    if reason := secret_reason(code_blocks, secret_in):
        return Outcome("refused", f"The code was not run: {reason}.", tries=1)
    approval: events.ApprovalEvent | None = yield Approve(0, code_blocks)
    if approval and not approval.approved:
        return Outcome("denied", f"The code was not approved: {approval.reason}", tries=1)
    code_blocks = approval.code_blocks if approval else code_blocks
    if reason := secret_reason(code_blocks, secret_in):
        return Outcome("refused", f"The code was not run: {reason}.", tries=1)
    result: CodeResult = yield Execute(0, code_blocks)
    yield Tell(events.GivenCodeFinishedEvent(source="executor", exit_code=result.exit_code))
    return Outcome(_status_of(result), result.output, 1, result)


def _generate(
    name: str, languages: Sequence[str], secret_in: SecretIn, *, resample: bool
) -> Generator[Effect, Any, Reply]:
    created: CreateResult = yield Ask("generate", resample=resample)
    reply = only(read_reply(created.content, finish_reason=created.finish_reason), languages)
    reply = without_secret_code(reply, secret_in)
    if not (reply.text.strip() or reply.blocks):  # nothing, or reasoning alone, which a server may send apart
        reply = replace(reply, cut_off=True)
    if thought := created.thought or reply.thought:
        yield Tell(events.ThoughtEvent(source=name, content=thought))
    return reply


def _not_run(reason: str) -> CodeResult:
    """Return what AutoGen gives as the result of code that was not approved."""
    return CodeResult(exit_code=1, output=f"Code execution was not approved. Reason: {given(reason)}")


def _status_without_code(result: CodeResult | None) -> events.RunStatus:
    return "failed" if result and result.exit_code else "answered"


def _status_of(result: CodeResult | None) -> events.RunStatus:
    return "succeeded" if result and result.exit_code == 0 else "failed"


def _refuse(name: str, attempt: int, reply: Reply) -> Generator[Effect, Any, str]:
    """Publish why nothing of a reply runs; return the reason."""
    refusal = _refusal(name, attempt, reply, nothing_ran=True)
    yield Tell(refusal)
    return refusal.reason


def _announce(name: str, attempt: int, reply: Reply) -> Steps:
    """Publish which code is about to run, and which of the reply's is not."""
    if reply.refused:
        yield Tell(_refusal(name, attempt, reply, nothing_ran=False))
    damage = ", ".join(dict.fromkeys(damage for block, damage in reply.repaired if block in reply.blocks))
    yield Tell(
        events.CodeGenerationEvent(
            source=name, retry_attempt=attempt, content=reply.text, code_blocks=reply.blocks, damage=damage
        )
    )


def _refusal(name: str, attempt: int, reply: Reply, *, nothing_ran: bool) -> events.CodeRefusedEvent:
    reasons = dict.fromkeys(reason for _, reason in reply.refused)
    return events.CodeRefusedEvent(
        source=name,
        retry_attempt=attempt,
        refused=tuple(events.Refusal(block=block, reason=reason) for block, reason in reply.refused),
        reason="; ".join(reasons) or "the reply was cut off before it was complete",
        nothing_ran=nothing_ran,
    )


def _is_last_failed_code(code_blocks: tuple[CodeBlock, ...], result: CodeResult | None) -> bool:
    """Return whether this is the code that just failed, as far as it got."""
    if result is None or result.exit_code == 0:
        return False
    ran = [block_result.block for block_result in result.blocks]
    return _essence(code_blocks[: len(ran)]) == _essence(ran)


def _essence(code_blocks: "tuple[CodeBlock, ...] | list[CodeBlock]") -> list[list[str]]:
    """Code without what does not matter: blank lines and spaces at line ends."""
    return [[line.rstrip() for line in block.code.splitlines() if line.strip()] for block in code_blocks]


def _repetition(name: str, attempt: int, code_blocks: tuple[CodeBlock, ...]) -> events.CodeRefusedEvent:
    reason = "this is the code that just failed, and it would fail again"
    refused = tuple(events.Refusal(block=block, reason=reason) for block in code_blocks)
    return events.CodeRefusedEvent(source=name, retry_attempt=attempt, refused=refused, reason=reason, nothing_ran=True)


def _decide(name: str, attempt: int, retry_by: RetryBy) -> Generator[Effect, Any, bool]:
    """Decide on a retry and make the decision known."""
    if retry_by == "status":
        decision = events.RetryDecision(reason="The code failed, and there are tries left.", retry=True)
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


def _ask_for_decision() -> Generator[Effect, Any, events.RetryDecision]:
    """Ask the model; a malformed decision is asked for once more, then it means "stop"."""
    complaint = ""
    for _ in range(2):
        created: CreateResult = yield Ask("decide", complaint=complaint)
        try:
            return read_decision(created.content)
        except NoDecision as error:
            complaint = str(error)
    return events.RetryDecision(reason=f"The model gave no valid decision ({complaint}).", retry=False)


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
