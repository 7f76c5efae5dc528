"""Performs the policy's effects and publishes what happens: the only place where model, executor and clock meet.

Decides nothing: that is `policy.py`. Knows no surface; views hang on the log.
"""

import asyncio
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from codeagent_nb import events
from codeagent_nb.approval import ApprovalFunc, ApprovalRequest, ask_for_approval
from codeagent_nb.errors import ApprovalRequired, ModelError, NoModelConfigured
from codeagent_nb.events import AgentEvent, Asking
from codeagent_nb.log.event_log import EventLog
from codeagent_nb.loop.accounts import NO_LIMITS, BudgetUsedUp, Limits, cut_short, out_of_time, outcome_of, seconds_left
from codeagent_nb.loop.decisions import RetryDecision
from codeagent_nb.loop.effects import Approve, Ask, Effect, Execute, GoOn, Grant, Outcome, Review, TakeBack, Tell
from codeagent_nb.loop.going_on import may_go_on
from codeagent_nb.loop.model_call import Called, call
from codeagent_nb.loop.pricing import cost_now
from codeagent_nb.loop.requests import closing_unseen, explained_event, request_event
from codeagent_nb.loop.spent import of_last_run
from codeagent_nb.models.privacy import Privacy
from codeagent_nb.models.types import ChatCompletionClient, CreateResult, LLMMessage, RequestUsage
from codeagent_nb.prompt.contexts import UNBOUNDED, ChatCompletionContext, estimate_tokens, tokens_in
from codeagent_nb.prompt.sent import messages_of
from codeagent_nb.review.review import Reviewed, review
from codeagent_nb.text import fenced_exactly
from kernel_executor import (
    USUAL_TIMEOUT,
    AttemptExecutor,
    BlockFinished,
    BlockOutput,
    BlockStarted,
    CodeBlock,
    CodeExecutor,
    CodeResult,
    ExecutionEvent,
    FilesDelivered,
    LateOutput,
    Timeout,
)
from kernel_executor.ports import ExplainingExecutor, GrantingExecutor

CANNOT_ROLL_BACK = "this executor cannot take variables back"

MOST_ASKED = 6
"""Names and files that a person is asked for at a time."""

RESAMPLE_TEMPERATURE = 1.0
"""For a reply that must differ; every model takes 1, some take nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """Carries one run from effect to effect.

    Args:
        name: The agent's name, the source of its events.
        log: Where everything is made known.
        model: Who writes; None if all code is given.
        executor: Who runs.
        approver: Who is asked before code runs; None asks nobody.
        granter: Who is asked to allow what code was refused; None asks nobody. Never a function
            of the user's own that approves code: it may approve all of it.
        person: Who is asked what nobody has decided before, whatever is approved unasked; None asks nobody.
        system_message: The first message of each prompt.
        context: Selects what the model is sent of the conversation.
        timeout: Seconds a block may take, where the executor knows attempts; another one has a limit of its own.
        rolls_back: Whether what failed code made of the variables is taken back before other code runs.
        repairs_afresh: Whether the model writes code again from what was seen where it failed, without the failed code.
        limits: What the run may use.
        privacy: How much of the user's data the model is sent.
    """

    name: str
    log: EventLog
    model: ChatCompletionClient | None
    executor: CodeExecutor
    approver: ApprovalFunc | None
    granter: ApprovalFunc | None = None
    person: ApprovalFunc | None = None
    system_message: str | None
    context: ChatCompletionContext = UNBOUNDED
    timeout: Timeout = USUAL_TIMEOUT
    rolls_back: bool = True
    repairs_afresh: bool = False
    limits: Limits = NO_LIMITS
    privacy: Privacy = "rows"

    async def drive(self, steps: Generator[Effect, Any, Outcome]) -> Outcome:
        """Perform effects until the policy has come to an outcome, or a budget is used up.

        First what an earlier run left behind is taken back.

        Raises:
            ModelError: The model failed.
            KernelExecutorError: The executor failed; an error in executed code is not one.
            ApprovalRequired: Somebody had to be asked, and nobody is there.
        """
        if self.rolls_back:
            await roll_back(self.executor, self.log)
        advance: Callable[[], Effect] = partial(next, steps)
        while True:
            try:
                effect = advance()
            except StopIteration as stop:
                outcome: Outcome = stop.value
                return outcome
            try:
                advance = partial(steps.send, await self._perform(effect))
            except ModelError as error:  # the policy knows whether it can go on without; if not, it comes back
                advance = partial(steps.throw, error)
            except BudgetUsedUp as end:  # whatever the policy would do next would need more of it
                steps.close()
                return outcome_of(end, of_last_run(self.log.events))

    async def _perform(self, effect: Effect) -> object:  # noqa: C901 - one line a kind of effect
        match effect:
            case Ask(purpose="reflect") if self.privacy == "schema":
                return closing_unseen(self.log.events)
            case Ask():
                return await self._ask(effect)
            case Approve(attempt, code_blocks):
                return await self._approve(attempt, code_blocks)
            case Execute(attempt, code_blocks):
                result = await self._execute_within_budget(attempt, code_blocks)
                await self._explain(attempt, result)
                return result
            case Grant():
                return await self._grant(effect)
            case GoOn():
                return await may_go_on(self.person, self.executor.isolation.summary)
            case TakeBack():
                await self._take_back()
                return None
            case Review() if self.privacy == "schema":  # what the answer lacks would tell what the output has
                return Reviewed()
            case Review(text):
                return await self._review(text)
            case Tell(event):
                return self.log.publish(event)

    def _asking(self, complaint: str = "") -> Asking:
        vision = self.model is not None and self.model.model_info.get("vision", False)
        return Asking(
            privacy=self.privacy,
            system_message=self.system_message,
            complaint=complaint,
            vision=vision,
            is_afresh=self.repairs_afresh,
        )

    def _prompt(self, purpose: events.Purpose, asking: Asking) -> list[LLMMessage]:
        self.log.look()
        text = self.log.secrets.redactor.text
        return messages_of(self.log.events, purpose, self.name, asking, context=self.context, without_secrets=text)

    async def _ask(self, ask: Ask) -> CreateResult:
        if self.model is None:
            raise NoModelConfigured("this agent has no model_client, so it can only run given code")
        asking = self._asking(ask.complaint)
        messages = self._prompt(ask.purpose, asking)
        accounts = self.limits.accounts(self.log.events)
        prompt_tokens = estimate_tokens(messages) if accounts else 0
        room = min((each.room_for_reply(prompt_tokens, self.limits.cost) for each in accounts), default=math.inf)
        self.log.publish(request_event(self.name, ask.purpose, self.model, asking, self.log.events, messages))
        stream = self.model.create_stream(
            messages,
            json_output=RetryDecision if ask.purpose == "decide" else None,
            extra_create_args={"temperature": RESAMPLE_TEMPERATURE} if ask.resample else None,
        )
        on_piece = _unheard if ask.purpose == "decide" else self._publish_piece
        called = await call(stream, on_piece, room=room, seconds=seconds_left(accounts))
        self.log.publish(await self._reply_event(ask, messages, called))
        if called.is_late:
            raise out_of_time(accounts)
        if not called.is_whole:
            for account in self.limits.accounts(self.log.events):
                account.room_for_reply(prompt_tokens, self.limits.cost)  # there is none
        return called.created  # as it came: the policy refuses code with a secret in it, and must see that there is one

    def _publish_piece(self, piece: str) -> None:
        self.log.publish(events.ModelClientStreamingChunkEvent(source=self.name, content=piece))

    async def _reply_event(self, ask: Ask, messages: Sequence[LLMMessage], called: Called) -> events.ModelReplyEvent:
        created, estimate = called.created, None
        if created.usage == RequestUsage():
            estimate = RequestUsage(
                prompt_tokens=estimate_tokens(messages), completion_tokens=tokens_in(created.content)
            )
        return events.ModelReplyEvent(
            source=self.name,
            purpose=ask.purpose,
            content=created.content,
            finish_reason=created.finish_reason,
            usage=created.usage,
            estimate=estimate,
            cost=await cost_now(self.limits.cost, estimate or created.usage),
            duration=called.duration,
        )

    async def _execute_within_budget(self, attempt: int, code_blocks: tuple[CodeBlock, ...]) -> CodeResult:
        """Run blocks until the budget has no seconds left: then they are stopped as if the run were cancelled.

        Raises:
            BudgetUsedUp: They may not run, or were stopped.
        """
        accounts = self.limits.accounts(self.log.events)
        for account in accounts:
            account.check_execution()
        seconds = seconds_left(accounts)
        limit = asyncio.timeout(None if seconds == math.inf else seconds)
        try:
            async with limit:
                return await self.execute(attempt, code_blocks)
        except TimeoutError:
            if not limit.expired():
                raise
            if (cut := cut_short(of_last_run(self.log.events))) and cut.blocks[-1].status == "unknown":
                # The model must read of it, or it would write the same again in the next task.
                self.log.publish(events.CodeExecutionEvent(source=self.name, retry_attempt=attempt, result=cut))
            raise out_of_time(accounts) from None

    async def _approve(self, attempt: int, code_blocks: tuple[CodeBlock, ...]) -> events.ApprovalEvent | None:
        if self.approver is None:
            return None
        context = tuple(self._prompt("generate", self._asking()))
        isolation = self.executor.isolation.summary
        request = ApprovalRequest(
            code=as_markdown(code_blocks), context=context, code_blocks=code_blocks, isolation=isolation
        )
        response = await ask_for_approval(self.approver, request)
        event = events.ApprovalEvent(
            source="user",
            retry_attempt=attempt,
            approved=response.approved,
            reason=response.reason,
            code_blocks=code_blocks if response.code_blocks is None else response.code_blocks,
            edited=response.code_blocks is not None and response.code_blocks != code_blocks,
            ends_run=response.ends_run,
        )
        self.log.publish(event)
        return event

    async def _grant(self, grant: Grant) -> bool:
        """Ask whether code may do what it was refused, and let it; where nobody is there, it may not."""
        many = len(grant.names) + len(grant.files) > MOST_ASKED  # nobody reads such a list
        if many or self.granter is None or not isinstance(self.executor, GrantingExecutor):
            return False
        request = ApprovalRequest(code="", grant=_question(grant), isolation=self.executor.isolation.summary)
        try:
            answer = await ask_for_approval(self.granter, request)
            if not answer.approved:
                return False
            for name in grant.names:
                self.executor.allow_network(name, lasting=answer.lasting)
            for name in grant.files:
                await self.executor.allow_change(name, lasting=answer.lasting)
        except (ApprovalRequired, ValueError):  # nobody is there, or it cannot be allowed: the note says how else
            return False
        return True

    async def execute(self, attempt: int, code_blocks: Sequence[CodeBlock]) -> CodeResult:
        """Run blocks, publishing each output as it comes."""
        publish = partial(self._publish_execution, attempt)
        if isinstance(self.executor, AttemptExecutor):
            # Somebody else's executor may not know of other limits than its own.
            limit: dict[str, Any] = {} if self.timeout is USUAL_TIMEOUT else {"timeout": self.timeout}
            return await self.executor.execute_attempt(list(code_blocks), **limit, on_event=publish)
        return await self.executor.execute_code_blocks(list(code_blocks), on_event=publish)

    async def _explain(self, attempt: int, result: CodeResult) -> None:
        """Publish what was seen where code failed, if that is more than the error says; before it is taken back."""
        if not result.blocks or result.blocks[-1].ename is None:
            return
        block = result.blocks[-1]
        seen = await self.executor.failed_line() if isinstance(self.executor, ExplainingExecutor) else None
        if event := explained_event(attempt, block, seen, self.log.secrets.preview):
            self.log.publish(event)

    async def _review(self, text: str) -> Reviewed:
        """Check an answer; in a thread, for a long output takes a while to be read."""
        self.log.look()
        try:
            return await asyncio.to_thread(review, self.log.events, text, self.name)
        except Exception as error:  # noqa: BLE001 - outputs are anybody's; the answer must not be lost for the check
            event = events.ViewDetachedEvent(source=self.name, view="the check of the answer", error=repr(error))
            self.log.publish(event)
            return Reviewed()

    async def _take_back(self) -> None:
        if not self.rolls_back:
            return
        if isinstance(self.executor, AttemptExecutor):
            await roll_back(self.executor, self.log)
        elif self.executor.keeps_variables:
            self.log.publish(events.KernelStateEvent(source="executor", state="kept", reason=CANNOT_ROLL_BACK))

    def _publish_execution(self, attempt: int, event: ExecutionEvent) -> None:
        self.log.publish(execution_event(event, attempt))


def _unheard(piece: str) -> None:
    """Show nobody what is no text for people."""


def _question(grant: Grant) -> str:
    wants = [f"to reach {', '.join(grant.names)}, and could send there what it has read"] if grant.names else []
    if grant.files:
        wants.append(f"to change {', '.join(grant.files)}, which {'is' if len(grant.files) == 1 else 'are'} yours")
    return f"The code wants {'; and '.join(wants)}. Allow it?"


async def roll_back(executor: CodeExecutor, log: EventLog) -> None:
    """Take back what code that failed last made of the variables, and publish what became of them.

    Raises:
        KernelExecutorError: A fresh kernel was needed and did not start.
    """
    if isinstance(executor, AttemptExecutor) and (done := await executor.roll_back()):
        event = events.KernelStateEvent(source="executor", state=done.state, reason=done.reason, names=done.names)
        log.publish(event)


def execution_event(event: ExecutionEvent, attempt: int) -> AgentEvent:
    """Translate an executor's event into ours."""
    match event:
        case BlockStarted(block_id=block_id, block=block):
            return events.BlockStartedEvent(source="executor", retry_attempt=attempt, block_id=block_id, block=block)
        case BlockOutput(block_id=block_id, change=change):
            return events.BlockOutputEvent(source="executor", block_id=block_id, change=change)
        case BlockFinished(block_id=block_id, result=result):
            return events.BlockFinishedEvent(source="executor", retry_attempt=attempt, block_id=block_id, result=result)
        case LateOutput(block_id=block_id, change=change):
            return events.LateOutputEvent(source="executor", block_id=block_id, change=change)
        case FilesDelivered(delivered=delivered, removed=removed, held=held, more_held=more):
            return events.FilesEvent(source="executor", delivered=delivered, removed=removed, held=held, more_held=more)


def as_markdown(code_blocks: Sequence[CodeBlock]) -> str:
    """Return code blocks as fenced Markdown, each character for character but for one newline at its end."""
    return "\n\n".join(fenced_exactly(block.code, block.language or "python") for block in code_blocks)
