"""`CodeExecutorAgent`: a conversation in which tasks are solved by writing and running code.

Owns the conversation's log and the edges through which users start, watch and cancel a run. The loop itself is
`policy.py` (what next) and `driver.py` (doing it).
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Sequence

from codeagent_nb.approval import ApprovalFunc, ApprovalMode, choose_approver
from codeagent_nb.asking import ask_at_the_terminal
from codeagent_nb.closing import closing_text
from codeagent_nb.driver import Driver, execution_event
from codeagent_nb.errors import AgentError
from codeagent_nb.events import (
    AgentEvent,
    ContextEvent,
    ModelClientStreamingChunkEvent,
    ModelReplyEvent,
    Response,
    RunFinishedEvent,
    RunStartedEvent,
    RunStatus,
    TaskResult,
    TextMessage,
)
from codeagent_nb.log import EventLog, View
from codeagent_nb.models.types import ChatCompletionClient, RequestUsage
from codeagent_nb.policy import Outcome, RetryBy, policy, run_given
from codeagent_nb.prompts import DEFAULT_SYSTEM_MESSAGE
from codeagent_nb.redaction import Redactor
from codeagent_nb.reply import extract_code_blocks
from codeagent_nb.transcript import TASK_SOURCE
from kernel_executor import CancellationToken, CodeBlock, CodeExecutor, ExecutionEvent
from kernel_executor.tasks import ended

Task = str | TextMessage | Sequence[TextMessage]


class CodeExecutorAgent:
    """Writes code for a task, runs it, repairs it when it fails, and explains the result.

    Without a model it runs the code blocks of the messages it is given.

    Args:
        name: The agent's name, the source of its events.
        code_executor: Runs the code; started and stopped by you.
        model_client: Writes the code; None runs given code only.
        model_client_stream: True to give the pieces of replies, too.
        max_retries_on_error: Attempts after the first.
        retry_by: Who decides on a retry: `model` as in AutoGen, or `status`, which costs no call.
        description: What the agent is for, in one sentence.
        system_message: What the model is told first; None tells it nothing.
        sources: Without a model, run only code of messages from these.
        approval_func: Asked before any code runs.
        approval: Otherwise, whether a person is asked: `auto` asks where nothing isolates the code.
        ask: How a person is asked here; by default at the terminal, and without one the code is refused.
        views: Told every event of every run.
        log: A conversation to go on with; a new one by default.
    """

    DEFAULT_DESCRIPTION = "An agent that writes code, runs it in a Jupyter kernel and explains the result."
    NO_CODE_BLOCKS_FOUND_MESSAGE = (
        "No code blocks found in the thread. Please provide at least one markdown-encoded code block "
        "(i.e., a block tagged python, sh or bash) to execute."
    )

    def __init__(
        self,
        name: str,
        code_executor: CodeExecutor,
        *,
        model_client: ChatCompletionClient | None = None,
        model_client_stream: bool = False,
        max_retries_on_error: int = 0,
        retry_by: RetryBy = "model",
        description: str | None = None,
        system_message: str | None = DEFAULT_SYSTEM_MESSAGE,
        sources: Sequence[str] | None = None,
        approval_func: ApprovalFunc | None = None,
        approval: ApprovalMode = "auto",
        ask: ApprovalFunc = ask_at_the_terminal,
        views: Sequence[View] = (),
        log: EventLog | None = None,
    ) -> None:
        if max_retries_on_error < 0:
            raise ValueError(f"max_retries_on_error must be 0 or more, not {max_retries_on_error!r}")
        if approval not in ("auto", "always", "never"):
            raise ValueError(f"approval must be 'auto', 'always' or 'never', not {approval!r}")
        self.name = name
        self.description = description or self.DEFAULT_DESCRIPTION
        self._executor = code_executor
        self._model = model_client
        self._stream = model_client_stream
        self._retries = max_retries_on_error
        self._retry_by: RetryBy = retry_by
        self._system_message = system_message
        self._sources = sources
        self._approval_func = approval_func
        self._approval: ApprovalMode = approval
        self._ask = ask
        self._running = False
        self.log = EventLog(Redactor.of_environment(os.environ)) if log is None else log
        for view in views:
            self.log.attach(view)

    async def run(
        self, *, task: Task, context: str = "", cancellation_token: CancellationToken | None = None
    ) -> TaskResult:
        """Solve a task.

        Args:
            task: What to do; without a model, messages whose code is run.
            context: What the model is to know of files or variables.
            cancellation_token: Cancels the run, as cancelling the task does.

        Raises:
            AgentError: The model failed, or somebody had to be asked and nobody is there.
            KernelExecutorError: The executor failed; an error in executed code is not one.
            CancelledError: The run was cancelled; whatever ran has been stopped.
        """
        run = asyncio.ensure_future(self._run(_messages(task), context))
        if cancellation_token:
            cancellation_token.link_future(run)
        return await run

    async def run_stream(
        self, *, task: Task, context: str = "", cancellation_token: CancellationToken | None = None
    ) -> AsyncGenerator[AgentEvent | TaskResult, None]:
        """Solve a task; yield each event as it happens and the `TaskResult` last.

        Closing the generator cancels the run; to leave a loop over it early, use `contextlib.aclosing`, or the run
        ends a little later, by itself. Arguments and errors are those of `run`.
        """
        self._refuse_if_working()
        events: asyncio.Queue[AgentEvent | None] = asyncio.Queue()
        detach = self.log.attach(_QueueView(events, chunks=self._stream))
        run = asyncio.ensure_future(self.run(task=task, context=context, cancellation_token=cancellation_token))
        run.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            yield await run
        finally:
            detach()
            run.cancel()
            await ended(run)

    async def on_messages(
        self, messages: Sequence[TextMessage], cancellation_token: CancellationToken | None = None
    ) -> Response:
        """Answer messages of a conversation."""
        result = await self.run(task=messages, cancellation_token=cancellation_token)
        last = max(index for index, event in enumerate(result.messages) if isinstance(event, TextMessage))
        return Response(chat_message=result.messages[last], inner_messages=result.messages[len(messages) : last])

    async def on_reset(self) -> None:
        """Forget the conversation and start the kernel afresh."""
        self.log.clear()
        await self._executor.restart()

    def on_late_output(self, event: ExecutionEvent) -> None:
        """Take in output that came after its block; hang it on `executor.on_late_output`."""
        self.log.publish(execution_event(event, attempt=0))

    async def _run(self, messages: Sequence[TextMessage], context: str) -> TaskResult:
        self._refuse_if_working()
        self._running = True
        record = _Record(chunks=self._stream, started=time.monotonic())
        detach = self.log.attach(record)
        try:
            return await self._run_once(messages, context, record)
        finally:
            detach()
            self._running = False

    def _refuse_if_working(self) -> None:
        if self._running:
            raise AgentError(f"agent {self.name!r} is already working on a task: wait for it, or cancel it first")

    async def _run_once(self, messages: Sequence[TextMessage], context: str, record: "_Record") -> TaskResult:
        for message in messages:
            self.log.publish(message)
        self.log.publish(self._started_event())
        if context:
            self.log.publish(ContextEvent(source="context", content=context))
        try:
            outcome = await self._solve(messages)
        except asyncio.CancelledError:
            self._finish(record, "cancelled", "the run was cancelled")
            raise
        except BaseException as error:  # whoever failed, model, executor or approver: every run has its closing event
            self._finish(record, "error", str(error) or type(error).__name__)
            raise
        reason = STOP_REASONS[outcome.status] if outcome.result or outcome.status != "answered" else NO_CODE_WAS_RUN
        self._finish(record, outcome.status, reason)
        text = outcome.text if self._model is None else closing_text(outcome)
        # Last, as in AutoGen: its users read `result.messages[-1].content`.
        self.log.publish(TextMessage(source=self.name, content=text, models_usage=record.usage))
        return TaskResult(messages=tuple(record.events), stop_reason=reason)

    def _started_event(self) -> RunStartedEvent:
        model = getattr(self._model, "where", type(self._model).__name__) if self._model else "none"
        return RunStartedEvent(
            source=self.name,
            model=str(model),
            isolation=self._executor.isolation.summary,
            max_retries_on_error=self._retries,
        )

    def _finish(self, record: "_Record", status: RunStatus, reason: str) -> None:
        self.log.publish(
            RunFinishedEvent(
                source=self.name,
                status=status,
                reason=reason,
                tries=record.tries,
                usage=record.usage,
                duration=time.monotonic() - record.started,
            )
        )

    async def _solve(self, messages: Sequence[TextMessage]) -> Outcome:
        driver = Driver(
            name=self.name,
            log=self.log,
            model=self._model,
            executor=self._executor,
            approver=choose_approver(self._approval_func, self._approval, self._executor.isolation, self._ask),
            system_message=self._system_message,
        )
        if self._model is not None:
            return await driver.drive(policy(self.name, max_retries_on_error=self._retries, retry_by=self._retry_by))
        code_blocks = self._given_code(messages)
        if not code_blocks:
            return Outcome("answered", self.NO_CODE_BLOCKS_FOUND_MESSAGE, tries=1)
        return await driver.drive(run_given(code_blocks))

    def _given_code(self, messages: Sequence[TextMessage]) -> tuple[CodeBlock, ...]:
        wanted = [message for message in messages if self._sources is None or message.source in self._sources]
        return tuple(block for message in wanted for block in extract_code_blocks(message.content))


NO_CODE_WAS_RUN = "answered in words; no code was run"

STOP_REASONS: dict[RunStatus, str] = {
    "answered": "answered in words",
    "succeeded": "the code ran through",
    "failed": "no code ran through",
    "refused": "the reply held no code that may run",
    "denied": "the code was not approved",
}


class _Record:
    """A view that keeps what happens during one run."""

    def __init__(self, *, chunks: bool, started: float) -> None:
        self._chunks = chunks
        self.started = started
        self.events: list[AgentEvent] = []

    def on_event(self, event: AgentEvent) -> None:
        if self._chunks or not isinstance(event, ModelClientStreamingChunkEvent):
            self.events.append(event)

    @property
    def usage(self) -> RequestUsage:
        """All calls of the run added up."""
        usages = [event.usage for event in self.events if isinstance(event, ModelReplyEvent)]
        return sum(usages, start=RequestUsage())

    @property
    def tries(self) -> int:
        replies = [event for event in self.events if isinstance(event, ModelReplyEvent)]
        return max(1, sum(reply.purpose == "generate" for reply in replies))


class _QueueView:
    """A view that hands everything to whoever iterates."""

    def __init__(self, events: "asyncio.Queue[AgentEvent | None]", *, chunks: bool) -> None:
        self._events = events
        self._chunks = chunks

    def on_event(self, event: AgentEvent) -> None:
        if self._chunks or not isinstance(event, ModelClientStreamingChunkEvent):
            self._events.put_nowait(event)


def _messages(task: Task) -> tuple[TextMessage, ...]:
    if isinstance(task, str):
        task = TextMessage(source=TASK_SOURCE, content=task)
    messages = (task,) if isinstance(task, TextMessage) else tuple(task)
    if not messages or not any(message.content.strip() for message in messages):
        raise ValueError("the task is empty: say what to do")
    return messages
