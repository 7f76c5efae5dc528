"""`CodeExecutorAgent`: a conversation in which tasks are solved by writing and running code.

Owns the conversation's log and the edges through which users start, watch and cancel a run. The loop itself is
`loop/policy.py` (what next) and `loop/driver.py` (doing it).
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import codeagent_nb
from codeagent_nb.approval import ApprovalFunc, ApprovalMode, choose_approver
from codeagent_nb.events import AgentEvent, ChatMessage, ContextEvent, RunFinishedEvent, RunStatus, TextMessage
from codeagent_nb.init_arguments import remembers_arguments
from codeagent_nb.log.event_log import EventLog, View, listening
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.log.state import load, save
from codeagent_nb.loop.driver import Driver, execution_event
from codeagent_nb.loop.effects import Outcome
from codeagent_nb.loop.final_message import closing_text, finished_event, stop_reason
from codeagent_nb.loop.one_run import OneAtATime, Record, Tell, untold
from codeagent_nb.loop.policy import policy, run_given
from codeagent_nb.loop.pricing import refuse_unpriced
from codeagent_nb.loop.results import Response, TaskResult
from codeagent_nb.loop.retrying import RetryBy
from codeagent_nb.loop.run_settings import RunSettings, context_event, started_event
from codeagent_nb.loop.tasks import Task, task_messages
from codeagent_nb.models.privacy import PrivacySetting
from codeagent_nb.models.types import ChatCompletionClient
from codeagent_nb.prompt.contexts import UNBOUNDED, ChatCompletionContext
from codeagent_nb.prompt.model_context import ModelContext
from codeagent_nb.prompt.model_texts import DEFAULT_SYSTEM_MESSAGE, first_words
from codeagent_nb.reply.languages import SUPPORTED_LANGUAGES, check_languages, only
from codeagent_nb.reply.run_policy import read_reply
from codeagent_nb.statuses import RUN_ENDS
from codeagent_nb.views.asking import ask_at_the_terminal
from kernel_executor import USUAL_TIMEOUT, CancellationToken, CodeBlock, CodeExecutor, CodeResult, ExecutionEvent
from kernel_executor.aio.tasks import started, streamed

if TYPE_CHECKING:
    from codeagent_nb.agentchat.components import ComponentModel


class CodeExecutorAgent:
    """Writes code for a task, runs it, repairs it when it fails, and explains the result.

    Without a model it runs the code blocks of the messages it is given.

    Args:
        name: The agent's name, the source of its events.
        code_executor: Runs the code; started and stopped by you.
        model_client: Writes the code; None runs given code only.
        model_context: Selects what the model is sent of the conversation; everything by default.
        model_client_stream: True to give the pieces of replies, too.
        max_retries_on_error: Attempts after the first.
        retry_by: Who decides on a retry: `model` as in AutoGen, or `status`, which costs no call.
        max_steps: Pieces of code that may go well, one after another, before the model has to answer.
        checks_answer: Whether answers are checked, as in `RunSettings`; AutoGen does not.
        description: What the agent is for, in one sentence.
        system_message: The first message of each prompt; None sends none.
        sources: Without a model, run only code of messages from these.
        supported_languages: What may run, and what the default system message asks for.
        roll_back_failures: True to take back what failed code made of the variables; False keeps it, as AutoGen does.
        approval_func: Asked before any code runs.
        approval: Otherwise, whether a person is asked: `auto` asks where nothing isolates the code.
        ask: How a person is asked here; by default at the terminal, and without one the code is refused.
        privacy: How much of the data its own model is sent: `rows` tells all, as AutoGen does.
        views: Told every event of every run.
        log: A conversation to go on with; a new one by default.
    """

    DEFAULT_SYSTEM_MESSAGE = DEFAULT_SYSTEM_MESSAGE
    DEFAULT_SUPPORTED_LANGUAGES = SUPPORTED_LANGUAGES
    DEFAULT_DESCRIPTION = "An agent that writes code, runs it in a Jupyter kernel and explains the result."
    NO_CODE_BLOCKS_FOUND_MESSAGE = (
        "No code blocks found in the thread. Please provide at least one markdown-encoded code block "
        "(i.e., a block tagged python, sh or bash) to execute."
    )

    @remembers_arguments
    def __init__(
        self,
        name: str,
        code_executor: CodeExecutor,
        *,
        model_client: ChatCompletionClient | None = None,
        model_context: ChatCompletionContext | None = None,
        model_client_stream: bool = False,
        max_retries_on_error: int = 0,
        retry_by: RetryBy = "model",
        max_steps: int = 1,
        checks_answer: bool = False,
        description: str | None = None,
        system_message: str | None = DEFAULT_SYSTEM_MESSAGE,
        sources: Sequence[str] | None = None,
        supported_languages: Sequence[str] = SUPPORTED_LANGUAGES,
        roll_back_failures: bool = True,
        approval_func: ApprovalFunc | None = None,
        approval: ApprovalMode = "auto",
        ask: ApprovalFunc = ask_at_the_terminal,
        privacy: PrivacySetting = "rows",
        views: Sequence[View] = (),
        log: EventLog | None = None,
    ) -> None:
        self.settings = RunSettings(
            model=model_client,
            timeout=USUAL_TIMEOUT,
            max_retries=max_retries_on_error,
            max_steps=max_steps,
            retry_by=retry_by,
            repairs_afresh=False,
            checks_answer=checks_answer,
            approval=approval,
            approval_func=approval_func,
            ask=ask,
            privacy=privacy,
        )
        self.name = name
        self.description = description or self.DEFAULT_DESCRIPTION
        self._executor = code_executor
        self._context = model_context or UNBOUNDED
        self._stream = model_client_stream
        self._languages = check_languages(supported_languages)
        self._system_message = system_message
        self._sources = sources
        self._rolls_back = roll_back_failures
        self._one = OneAtATime(f"agent {name!r}")
        self.log = EventLog(Secrets(os.environ)) if log is None else log
        for view in views:
            self.log.attach(view)

    def dump_component(self) -> "ComponentModel":
        """Return what the agent was made with; errors are those of `codeagent_nb.dump_component`."""
        return codeagent_nb.dump_component(self)

    @classmethod
    def load_component(cls, model: "ComponentModel | Mapping[str, Any]") -> Self:
        """Make the agent a config describes; errors are those of `codeagent_nb.load_component`."""
        return codeagent_nb.load_component(cls, model)

    @property
    def produced_message_types(self) -> Sequence[type[TextMessage]]:
        """The types of its answers."""
        return (TextMessage,)

    @property
    def model_context(self) -> ModelContext:
        """The conversation as the model is sent it."""
        return ModelContext(self.log, self.name, self._context)

    async def run(
        self,
        *,
        task: Task,
        context: str | ContextEvent = "",
        cancellation_token: CancellationToken | None = None,
        settings: RunSettings | None = None,
    ) -> TaskResult:
        """Solve a task.

        Args:
            task: What to do; without a model, messages whose code is run.
            context: What the model is to know of files or variables; a text is told at each level of privacy.
            cancellation_token: Cancels the run, as cancelling the task does.
            settings: How this one is solved, e.g. `dataclasses.replace(agent.settings, timeout=5)`; by default
                `agent.settings`, which is how the agent was made.

        Raises:
            AgentError: The model failed, a price is not known, or somebody had to be asked and nobody is there.
            KernelExecutorError: The executor failed; an error in executed code is not one.
            CancelledError: The run was cancelled; whatever ran has been stopped.
        """
        work = self._run(task_messages(task), context, settings or self.settings, untold)
        return await started(work, cancellation_token)

    def run_stream(
        self,
        *,
        task: Task,
        context: str | ContextEvent = "",
        cancellation_token: CancellationToken | None = None,
        settings: RunSettings | None = None,
    ) -> AsyncGenerator[AgentEvent | TaskResult, None]:
        """Solve a task; yield each event as it happens and the `TaskResult` last.

        Closing the generator cancels the run; to leave a loop over it early, use `contextlib.aclosing`, or the run
        ends a little later, by itself. Arguments and errors are those of `run`.
        """
        work = partial(self._run, task_messages(task), context, settings or self.settings)
        return streamed(work, cancellation_token)

    async def on_messages(
        self, messages: Sequence[ChatMessage], cancellation_token: CancellationToken | None = None
    ) -> Response:
        """Answer messages of a conversation; none means: go on. Errors are those of `run`."""
        return await started(self._respond(messages, untold), cancellation_token)

    def on_messages_stream(
        self, messages: Sequence[ChatMessage], cancellation_token: CancellationToken | None = None
    ) -> AsyncGenerator[AgentEvent | Response, None]:
        """Do the same; yield what happens as it happens and the `Response`, whose message was not yielded, last."""
        return streamed(partial(self._respond, messages), cancellation_token)

    async def on_reset(self, cancellation_token: CancellationToken | None = None) -> None:  # noqa: ARG002 - the port's
        """Forget the conversation and start the kernel afresh.

        Raises:
            AgentError: The agent is working.
        """
        with self._one.work():
            self.log.replace(())
            await self._executor.restart()

    async def save_state(self) -> Mapping[str, Any]:
        """Return the conversation as a JSON-able dict; the kernel's variables are not in it."""
        return save(self.log.events)

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved conversation.

        Raises:
            ValueError: It is no such state.
            AgentError: The agent is working.
        """
        with self._one.work():
            self.log.replace(load(state))

    async def extract_code_blocks_from_messages(self, messages: Sequence[ChatMessage]) -> list[CodeBlock]:
        """Return the code of messages from the agent's `sources` that may run, in order."""
        texts = [message for message in messages if isinstance(message, TextMessage)]  # as AutoGen: no handoffs
        wanted = [message for message in texts if self._sources is None or message.source in self._sources]
        replies = [read_reply(message.content, message.metadata.get("finish_reason", "stop")) for message in wanted]
        return [block for reply in replies for block in only(reply, self._languages).blocks]

    async def execute_code_block(
        self, code_blocks: Sequence[CodeBlock], cancellation_token: CancellationToken | None = None
    ) -> CodeResult:
        """Run code, once it is approved; what is not approved is a result that says so.

        Raises:
            AgentError: The agent is working, or somebody had to be asked and nobody is there.
            KernelExecutorError: The executor failed; an error in executed code is not one.
        """
        return await started(self._execute(tuple(code_blocks)), cancellation_token)

    async def _execute(self, code_blocks: tuple[CodeBlock, ...]) -> CodeResult:
        with self._one.work():
            self.log.look()
            outcome = await self._driver(self.settings).drive(run_given(code_blocks, self.log.secrets.name_in))
        return outcome.result or CodeResult(exit_code=1, output=outcome.text)

    def on_late_output(self, event: ExecutionEvent) -> None:
        """Publish output that came after its block; register it with `executor.on_late_output`."""
        self.log.publish(execution_event(event, attempt=0))

    async def _run(
        self, messages: Sequence[ChatMessage], context: str | ContextEvent, settings: RunSettings, tell: Tell
    ) -> TaskResult:
        record = Record(tell)
        with self._one.work():
            await refuse_unpriced(settings, self.log.events)
            self.log.look()
            for message in messages:
                record.tell(self.log.publish(message))
            outcome = await self._answer(messages, context, settings, record)
            record.tell(self._say(outcome, settings, record))
        return TaskResult(messages=record.events, stop_reason=stop_reason(outcome))

    async def _respond(self, messages: Sequence[ChatMessage], tell: Tell) -> Response:
        record = Record(tell)
        with self._one.work():
            await refuse_unpriced(self.settings, self.log.events)
            self.log.look()
            for message in messages:
                self.log.publish(message)
            outcome = await self._answer(messages, "", self.settings, record)
            said = self._say(outcome, self.settings, record)
        return Response(chat_message=said, inner_messages=record.events)

    async def _answer(
        self, messages: Sequence[ChatMessage], context: str | ContextEvent, settings: RunSettings, record: Record
    ) -> Outcome:
        began = time.monotonic()

        def finish(status: RunStatus, reason: str) -> None:
            self.log.publish(finished_event(self.name, status, reason, record.events, time.monotonic() - began))

        with listening(self.log, record.tell, chunks=self._stream):
            self.log.publish(started_event(self.name, settings, self._executor.isolation.summary))
            if context:
                self.log.publish(context_event(context))
            try:
                outcome = await self._solve(messages, settings)
            except asyncio.CancelledError:
                finish("cancelled", RUN_ENDS["cancelled"].reason)
                raise
            except BaseException as error:  # whoever failed: every run has its closing event
                self.log.secrets.take_out_of(error)
                finish("error", str(error) or type(error).__name__)
                raise
            finish(outcome.status, stop_reason(outcome))
        return outcome

    def _say(self, outcome: Outcome, settings: RunSettings, record: Record) -> TextMessage:
        """Close the run with words; last, as in AutoGen: its users read `result.messages[-1].content`."""
        usage = [event.usage for event in record.events if isinstance(event, RunFinishedEvent)]
        text = outcome.text if settings.model is None else closing_text(outcome)
        said = TextMessage(source=self.name, content=text, models_usage=usage[-1])
        return published if isinstance(published := self.log.publish(said), TextMessage) else said

    async def _solve(self, messages: Sequence[ChatMessage], settings: RunSettings) -> Outcome:
        if settings.model is not None:
            steps = policy(
                self.name,
                max_retries_on_error=settings.max_retries,
                retry_by=settings.retry_by,
                max_steps=settings.steps,
                checks_answer=settings.checks_answer,
                languages=self._languages,
                secret_in=self.log.secrets.name_in,
            )
            return await self._driver(settings).drive(steps)
        code_blocks = await self.extract_code_blocks_from_messages(messages)
        if not code_blocks:
            return Outcome("answered", self.NO_CODE_BLOCKS_FOUND_MESSAGE, tries=1)
        return await self._driver(settings).drive(run_given(tuple(code_blocks), self.log.secrets.name_in))

    def _driver(self, settings: RunSettings) -> Driver:
        executor, ask = self._executor, settings.ask or ask_at_the_terminal
        # Only now: whether a container has a kernel is known when it is started.
        words = (self._system_message, self._languages, executor.keeps_variables, executor.instructions)
        return Driver(
            name=self.name,
            log=self.log,
            model=settings.model,
            timeout=settings.timeout,
            executor=executor,
            approver=choose_approver(settings.approval_func, settings.approval, executor.isolation, ask),
            person=None if settings.approval_func else ask,
            granter=None if settings.approval_func or settings.approval == "never" else ask,
            system_message=first_words(*words, settings.steps, settings.level),
            context=self._context,
            rolls_back=self._rolls_back,
            repairs_afresh=settings.is_afresh and self._rolls_back,  # else it must see what is left
            limits=settings.limits,
            privacy=settings.level,
        )
