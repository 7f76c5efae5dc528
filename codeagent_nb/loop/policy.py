"""What the agent does next: a pure generator that yields effects and is sent their results (design D1).

Generate, read, approve, execute, decide on a retry, reflect. No I/O, no clock, no event loop: its tests need none.
Read next: `driver.py`, which performs the effects.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from codeagent_nb import events
from codeagent_nb.errors import ModelError
from codeagent_nb.loop.answering import UNEXPLAINED, Answerer
from codeagent_nb.loop.effects import Approve, Ask, Effect, Execute, Outcome, Steps, Tell
from codeagent_nb.loop.refusals import each, refusal, refused_of
from codeagent_nb.loop.retrying import RetryBy, decide, goes_on, granted
from codeagent_nb.loop.same_code import essence, is_code_of
from codeagent_nb.models.types import CreateResult
from codeagent_nb.prompt.model_texts import AS_THE_USER_SAYS
from codeagent_nb.reply.announced import announces_code
from codeagent_nb.reply.languages import KNOWN, only
from codeagent_nb.reply.run_policy import Reply, has_words, read_reply
from codeagent_nb.reply.secret_code import SecretIn, knows_none, secret_reason, without_secret_code
from codeagent_nb.review.review import Reviewed
from codeagent_nb.text import IN_ANSWER, given
from kernel_executor import CodeBlock, CodeResult

WOULD_FAIL = "this is the code that just failed, and it would fail again"
HAS_RUN = "this is the code that has just run"
MAY_HAVE_RUN = "it is not known whether this very code has run"
UNWANTED = "this is the code that the user did not want"
ANNOUNCED = "the reply says that code follows, and holds none"


@dataclass(slots=True)
class _Progress:
    """How far a run has come.

    Args:
        retries: Tries that a step has after its first.
        max_steps: Pieces of code that may go well.
        attempt: The number of the one under way, from 0.
        in_vain: Tries since the last step that went well.
        steps: Those that went well.
        result: What the last code that ran gave.
        again: The reply whose code runs again, with what it was refused allowed.
        refused_before: Whether nothing of a reply to this step could run.
        announced: Whether a reply said that code follows, and held none.
        unwanted: Code that the user did not want.
        resample: Whether the next reply is to be another one than the likeliest.
        first: How the run ends with an answer that was found wanting, if nothing better follows.
        found: What was found wanting.
    """

    retries: int
    max_steps: int
    attempt: int = 0
    in_vain: int = 0
    steps: int = 0
    result: CodeResult | None = None
    again: Reply | None = None
    refused_before: bool = False
    announced: bool = False
    unwanted: tuple[tuple[CodeBlock, ...], ...] = ()
    resample: bool = False
    first: Outcome | None = None
    found: Reviewed = field(default_factory=Reviewed)

    @property
    def is_last_try(self) -> bool:
        return self.in_vain == self.retries

    @property
    def went_well(self) -> bool:
        return self.result is not None and self.result.exit_code == 0

    @property
    def is_last_step(self) -> bool:
        return self.steps + 1 == self.max_steps

    def try_again(self) -> None:
        self.attempt += 1
        self.in_vain += 1

    def next_step(self) -> None:
        self.attempt += 1
        self.steps += 1
        self.in_vain, self.refused_before, self.resample = 0, False, False

    def outcome(self, status: events.RunStatus, text: str) -> Outcome:
        return Outcome(status, text, self.attempt + 1, self.result, self.steps)


def policy(
    name: str,
    *,
    max_retries_on_error: int,
    retry_by: RetryBy,
    max_steps: int = 1,
    checks_answer: bool = False,
    languages: Sequence[str] = KNOWN,
    secret_in: SecretIn = knows_none,
) -> Generator[Effect, Any, Outcome]:
    """Solve one task.

    Args:
        name: The agent's name, the source of its events.
        max_retries_on_error: Further tries of a step after its first.
        retry_by: Who decides whether to use them.
        max_steps: Pieces of code that may go well, one after another, before the model has to answer (design D23).
        checks_answer: Whether an answer is checked, and asked for once more if it is found wanting (design D25).
        languages: What may run, as `check_languages` gives them.
        secret_in: Names the secret in a text; code that holds one is not run.

    Returns:
        The outcome, as the generator's value.
    """
    run, answerer = _Progress(max_retries_on_error, max_steps), Answerer(name, checks_answer)
    outcome = yield from _steps(name, run, answerer, retry_by, languages, secret_in)
    if run.first and outcome.status in WORSE:
        yield from answerer.tell(run.found)
        return replace(run.first, tries=outcome.tries)
    return outcome


WORSE = frozenset({"failed", "refused", "denied"})
"""How a run must not end that had an answer, though one that was found wanting."""


def _steps(  # noqa: PLR0917 - what `policy` was given
    name: str,
    run: _Progress,
    answerer: Answerer,
    retry_by: RetryBy,
    languages: Sequence[str],
    secret_in: SecretIn,
) -> Generator[Effect, Any, Outcome]:
    while True:
        reply: Reply | Outcome = run.again or (yield from _generate(name, run, languages, secret_in))
        if isinstance(reply, Outcome):
            return reply
        then: Then = yield from (
            _take(name, run, reply, retry_by, secret_in) if reply.blocks else _without_code(answerer, run, reply)
        )
        if isinstance(then, Outcome):
            return then
        if then == "ask":
            break
    text = yield from answerer.reflect(run.attempt, run.result)
    return run.outcome(_status_of(run.result), text)


Then = Outcome | Literal["go on", "ask"]
"""How a run ends, or whether the model writes something else or is asked for the answer."""


def _take(
    name: str, run: _Progress, reply: Reply, retry_by: RetryBy, secret_in: SecretIn
) -> Generator[Effect, Any, Then]:
    """Run the code of one reply of the model if it may run."""
    if reason := _why_not_again(run, reply):
        return (yield from _repeats(name, run, reply, reason))
    done: CodeResult | Outcome | None = yield from _attempt(name, run, reply, secret_in)
    if isinstance(done, Outcome):
        return done
    return "go on" if (yield from _goes_on(name, run, reply, done, retry_by)) else "ask"


def _without_code(answerer: Answerer, run: _Progress, reply: Reply) -> Generator[Effect, Any, Then]:
    """Take a reply of which nothing runs: it is the answer, or the model may write something else."""
    name = answerer.name
    if reply.refused or reply.cut_off:
        refused = refused_of(reply)
        is_last = run.refused_before or run.is_last_try
        is_answer = is_last and run.went_well
        if is_answer and not reply.cut_off and has_words(reply):
            yield Tell(refusal(name, run.attempt, refused, IN_ANSWER, nothing_ran=False))
            return (yield from _answered(answerer, run, reply))
        event = refusal(name, run.attempt, refused, goes_on=not is_last)
        yield Tell(event)
        if is_answer:
            return "ask"
        if is_last:
            return run.outcome("refused", event.reason)
        run.refused_before = True
        run.try_again()
        return "go on"
    if run.max_steps == 1 or run.announced or not announces_code(reply.text):
        return (yield from _answered(answerer, run, reply))
    yield Tell(refusal(name, run.attempt, (), ANNOUNCED))
    run.announced = True
    run.attempt += 1
    return "go on"


def _answered(answerer: Answerer, run: _Progress, reply: Reply) -> Generator[Effect, Any, Then]:
    """Take words as the answer, unless they are found wanting: then the model may compute what they lack, once."""
    reviewed = yield from answerer.review(reply.text)
    ends = replace(run.outcome(_status_of(run.result) if run.result else "answered", reply.text), by_choice=True)
    if reviewed.complaint and not run.first:
        if run.went_well and not reviewed.untraced:  # only the form: no code is needed for that
            return replace(ends, text=(yield from answerer.ask_again(reply.text, reviewed, run.attempt, run.result)))
        yield Tell(answerer.questioned(reviewed))
        run.first, run.found = ends, reviewed
        run.attempt += 1
        return "go on"
    yield from answerer.tell(reviewed)
    return ends


def _why_not_again(run: _Progress, reply: Reply) -> str:
    """Return why code is not run that has run just before, or that the user did not want; empty if it may run."""
    if run.again:
        return ""
    if any(essence(reply.blocks) == essence(blocks) for blocks in run.unwanted):
        return UNWANTED
    if not is_code_of(reply.blocks, run.result):
        return ""
    if run.result and run.result.is_unknown:
        return MAY_HAVE_RUN
    return HAS_RUN if run.went_well else WOULD_FAIL


def _repeats(name: str, run: _Progress, reply: Reply, reason: str) -> Generator[Effect, Any, Then]:
    """Do not run code again.

    8 of 9 regenerations of AutoGen and 21 of 38 of smolagents repeated the failed code (measured).
    """
    refused = each(reply.blocks, reason)
    is_asked_again = not run.is_last_try and reason != HAS_RUN
    yield Tell(refusal(name, run.attempt, refused, reason, goes_on=is_asked_again))
    if is_asked_again:
        run.resample = True
        run.try_again()
        return "go on"
    return run.outcome("denied", reason) if reason == UNWANTED else "ask"


def _attempt(
    name: str, run: _Progress, reply: Reply, secret_in: SecretIn
) -> Generator[Effect, Any, CodeResult | Outcome | None]:
    """Run a reply's code; return what it gave, or how the run ends, or None if the user wants other code."""
    run.again = None
    yield from _announce(name, run.attempt, reply)
    approval: events.ApprovalEvent | None = yield Approve(run.attempt, reply.blocks)
    denied = bool(approval and not approval.approved)
    code_blocks = approval.code_blocks if approval and not denied else reply.blocks
    reason = approval.reason if approval and denied else secret_reason(code_blocks, secret_in)  # it was edited
    if denied or reason:
        yield Tell(events.CodeExecutionEvent(source=name, retry_attempt=run.attempt, result=_not_run(given(reason))))
        if not (approval and denied and reason) or approval.ends_run or run.is_last_try:
            return run.outcome("denied" if denied else "refused", reason)
        run.unwanted += (reply.blocks,)
        yield Tell(
            events.RetryDecisionEvent(source=name, retry_attempt=run.attempt, reason=AS_THE_USER_SAYS, retry=True)
        )
        return None
    result: CodeResult = yield Execute(run.attempt, code_blocks)
    yield Tell(events.CodeExecutionEvent(source=name, retry_attempt=run.attempt, result=result))
    return result


def _goes_on(
    name: str, run: _Progress, reply: Reply, done: CodeResult | None, retry_by: RetryBy
) -> Generator[Effect, Any, bool]:
    """Take in what an attempt has given; return whether there is another one."""
    if done is None:
        run.try_again()
        return True
    run.result = done
    if done.exit_code == 0:
        if run.is_last_step:
            return False
        run.next_step()
        yield Tell(events.NextStepEvent(source=name, step=run.steps + 1))
        return True
    if run.is_last_try:
        return False
    if done.is_unknown:
        if not (yield from goes_on(name, run.attempt)):
            return False
        run.try_again()
        return True
    run.again = reply if (yield from granted(name, run.attempt, done)) else None
    if not (run.again or (yield from decide(name, run.attempt, retry_by))):
        return False
    run.try_again()
    return True


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
    name: str, run: _Progress, languages: Sequence[str], secret_in: SecretIn
) -> Generator[Effect, Any, Reply | Outcome]:
    """Ask for a reply; where there is none, what went well before is not lost."""
    try:
        created: CreateResult = yield Ask("generate", resample=run.resample)
    except ModelError as error:
        if run.first:
            return run.outcome("refused", str(error))
        if not run.went_well:
            raise
        return run.outcome("succeeded", UNEXPLAINED.format(error=error))
    reply = only(read_reply(created.content, finish_reason=created.finish_reason), languages)
    reply = without_secret_code(reply, secret_in)
    if not (reply.text.strip() or reply.blocks):  # nothing, or reasoning alone, which a server may send apart
        reply = replace(reply, cut_off=True)
    if thought := created.thought or reply.thought:
        yield Tell(events.ThoughtEvent(source=name, content=thought))
    return reply


def _not_run(reason: str) -> CodeResult:
    """Return what AutoGen gives as the result of code that was not approved."""
    return CodeResult(exit_code=1, output=f"Code execution was not approved. Reason: {reason}")


def _status_of(result: CodeResult | None) -> events.RunStatus:
    return "succeeded" if result and result.exit_code == 0 else "failed"


def _announce(name: str, attempt: int, reply: Reply) -> Steps:
    """Publish which code is about to run, and which of the reply's is not."""
    if reply.refused:
        yield Tell(refusal(name, attempt, refused_of(reply), nothing_ran=False))
    damage = ", ".join(dict.fromkeys(damage for block, damage in reply.repaired if block in reply.blocks))
    yield Tell(
        events.CodeGenerationEvent(
            source=name, retry_attempt=attempt, content=reply.text, code_blocks=reply.blocks, damage=damage
        )
    )
