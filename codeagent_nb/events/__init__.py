"""Everything that happens in a run, as one closed union of typed events: the single truth (design D2).

The prompt, the notebook, the console and the journal are views of this stream. Knows no model, kernel or surface.
Read next: `loop/policy.py` (what happens when), then `loop/driver.py` (who does it).

`SEED_TYPES` are AutoGen's, with its fields and order; the others fill in what it does not tell.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from codeagent_nb.events.answers import (
    AnswerQuestionedEvent as AnswerQuestionedEvent,
    AnswerTracedEvent as AnswerTracedEvent,
    TracedNumber as TracedNumber,
)
from codeagent_nb.events.base import Event as Event
from codeagent_nb.events.refusals import CodeRefusedEvent as CodeRefusedEvent, Refusal as Refusal
from codeagent_nb.events.requests import Asking as Asking, ModelRequestEvent as ModelRequestEvent
from codeagent_nb.models.privacy import LessTold, Privacy
from codeagent_nb.models.types import FinishReason, LLMMessage, RequestUsage
from kernel_executor import (
    Append,
    BlockResult,
    Clear,
    CodeBlock,
    CodeResult,
    DeliveredFile,
    HeldFile,
    KernelState,
    LiveVariable,
    Update,
)

SCHEMA_VERSION = 1
"""Written into each journal; raised when an old journal could no longer be read."""

RunStatus = Literal["answered", "succeeded", "failed", "refused", "denied", "exhausted", "cancelled", "error"]
Purpose = Literal["generate", "decide", "reflect"]


class TextMessage(Event):
    """Something said in words: the task, or the agent's closing text."""

    type: Literal["TextMessage"] = "TextMessage"
    content: str
    models_usage: RequestUsage | None = None
    metadata: dict[str, str] = Field(default_factory=dict)


class HandoffMessage(Event):
    """Somebody passes the task on, and with it what the next one is to know."""

    type: Literal["HandoffMessage"] = "HandoffMessage"
    content: str
    target: str
    """Who is to go on. Told, not obeyed: a `RoundRobinGroupChat` goes by turns."""
    context: tuple[LLMMessage, ...] = ()  # what the next agent's model reads before `content`
    models_usage: RequestUsage | None = None
    metadata: dict[str, str] = Field(default_factory=dict)


ChatMessage = TextMessage | HandoffMessage
"""What is said to an agent, and what it answers; everything else only tells how it came to that."""


class ThoughtEvent(Event):
    """Reasoning of the model that is not part of its reply."""

    type: Literal["ThoughtEvent"] = "ThoughtEvent"
    content: str


class ModelClientStreamingChunkEvent(Event):
    """A piece of a reply, as it comes. Never journalled: `ModelReplyEvent` holds the whole."""

    type: Literal["ModelClientStreamingChunkEvent"] = "ModelClientStreamingChunkEvent"
    content: str


class CodeGenerationEvent(Event):
    """The model wrote code that is going to run; or, with no blocks, AutoGen's announcement of a retry."""

    type: Literal["CodeGenerationEvent"] = "CodeGenerationEvent"
    retry_attempt: int
    content: str
    code_blocks: tuple[CodeBlock, ...]
    damage: str = ""
    """What was undone of the code as it was written, which did not parse: `HTML entities`, `typographic quotes`."""


class CodeExecutionEvent(Event):
    """The code of one attempt has run, or failed."""

    type: Literal["CodeExecutionEvent"] = "CodeExecutionEvent"
    retry_attempt: int
    result: CodeResult


class RunStartedEvent(Event):
    """A run begins: which model, what holds its code."""

    type: Literal["RunStartedEvent"] = "RunStartedEvent"
    schema_version: int = SCHEMA_VERSION
    model: str
    isolation: str
    max_retries_on_error: int
    host: str = ""  # where the model is, "this machine" for one that is here
    privacy: Privacy = "rows"  # how much of the user's data it is sent


class ContextEvent(Event):
    """What the model reads about files or variables of the task."""

    type: Literal["ContextEvent"] = "ContextEvent"
    content: str
    told: str = ""  # what people read of that
    less: LessTold = LessTold()  # what is told of it below `rows`


class MessageAddedEvent(Event):
    """A message was put into the conversation with the model by hand: `agent.model_context.add_message`."""

    type: Literal["MessageAddedEvent"] = "MessageAddedEvent"
    message: LLMMessage


class VariableEvent(Event):
    """A variable was copied into the managed kernel."""

    type: Literal["VariableEvent"] = "VariableEvent"
    name: str
    code: str  # what loaded it, and loads it again
    description: str  # what the model reads about it
    less: LessTold = LessTold()  # the same below `rows`
    execution_count: int | None = None
    attached: bool = False  # the task names it, and nobody asked for it otherwise
    path: str = ""  # where `code` finds it, from the working folder


class ModelReplyEvent(Event):
    """A whole reply of the model."""

    type: Literal["ModelReplyEvent"] = "ModelReplyEvent"
    purpose: Purpose
    content: str
    finish_reason: FinishReason
    usage: RequestUsage = RequestUsage()
    estimate: RequestUsage | None = None  # by the length of the texts, where `usage` was not told
    cost: float | None = None  # US dollars; None where the price is not known
    duration: float  # seconds from the request to the last piece


class ApprovalEvent(Event):
    """Somebody was asked whether code may run."""

    type: Literal["ApprovalEvent"] = "ApprovalEvent"
    retry_attempt: int
    approved: bool
    reason: str
    code_blocks: tuple[CodeBlock, ...]
    """The code that was approved, which may be edited."""
    edited: bool = False
    ends_run: bool = False


class BlockStartedEvent(Event):
    """A block begins to run."""

    type: Literal["BlockStartedEvent"] = "BlockStartedEvent"
    retry_attempt: int
    block_id: str
    block: CodeBlock


class BlockOutputEvent(Event):
    """The outputs of a running block changed; `kernel_executor.fold` adds such changes up."""

    type: Literal["BlockOutputEvent"] = "BlockOutputEvent"
    block_id: str
    change: Append | Update | Clear


class BlockFinishedEvent(Event):
    """A block ended; `result` holds all its outputs."""

    type: Literal["BlockFinishedEvent"] = "BlockFinishedEvent"
    retry_attempt: int
    block_id: str
    result: BlockResult


class LateOutputEvent(Event):
    """Output that a thread or task of an ended block made later."""

    type: Literal["LateOutputEvent"] = "LateOutputEvent"
    block_id: str
    change: Append | Update | Clear


class FilesEvent(Event):
    """Files that the code made were copied into the user's folder, or stayed where code works (design D16)."""

    type: Literal["FilesEvent"] = "FilesEvent"
    delivered: tuple[DeliveredFile, ...] = ()
    removed: tuple[str, ...] = ()  # files of the agent's that were in the folder, and that its code has removed
    held: tuple[HeldFile, ...] = ()
    """What stayed behind, each with the reason; `%agent files` copies it."""
    more_held: int = 0  # how many more there are than are listed


class NewVariablesEvent(Event):
    """Variables that a task which went well has made or changed, as the kernel tells them; after the run's end."""

    type: Literal["NewVariablesEvent"] = "NewVariablesEvent"
    variables: tuple[LiveVariable, ...]


class GivenCodeFinishedEvent(Event):
    """Code that no model wrote has run, or failed. AutoGen tells nothing of its end."""

    type: Literal["GivenCodeFinishedEvent"] = "GivenCodeFinishedEvent"
    exit_code: int


class ErrorExplainedEvent(Event):
    """What was seen where code failed, with the remedy if its cause is a well-known one."""

    type: Literal["ErrorExplainedEvent"] = "ErrorExplainedEvent"
    retry_attempt: int
    content: str  # what the model reads in place of the error's last lines
    less: LessTold = LessTold()  # the same below `rows`
    details: str  # what people read who ask


class KernelStateEvent(Event):
    """What became of the variables after code that failed (design D19)."""

    type: Literal["KernelStateEvent"] = "KernelStateEvent"
    state: KernelState
    reason: str = ""  # why it was not rolled back, for people
    names: tuple[str, ...] = ()  # variables that the failed code has made or changed, if they were kept


class TaskTurnedEvent(Event):
    """The user took the last task back with its variables, or took it again."""

    type: Literal["TaskTurnedEvent"] = "TaskTurnedEvent"
    state: Literal["undone", "redone"]
    task: str
    began: datetime  # when the message was created that began the task: no other task has the same
    files: tuple[str, ...] = ()  # that it delivered, and that stay


class NextStepEvent(Event):
    """A step went well and there are more: the model says what comes next, or answers (design D23)."""

    type: Literal["NextStepEvent"] = "NextStepEvent"
    step: int  # the number of the one that begins, from 2


class RetryDecisionEvent(Event):
    """Whether a failed attempt is followed by another, and why; the next prompt contains the reason."""

    type: Literal["RetryDecisionEvent"] = "RetryDecisionEvent"
    retry_attempt: int
    reason: str
    retry: bool


class ViewDetachedEvent(Event):
    """A view raised an exception and is no longer told anything."""

    type: Literal["ViewDetachedEvent"] = "ViewDetachedEvent"
    view: str
    error: str


class RunFinishedEvent(Event):
    """A run ended, for whatever reason. Only the agent's closing `TextMessage` and a `NewVariablesEvent` follow."""

    type: Literal["RunFinishedEvent"] = "RunFinishedEvent"
    status: RunStatus
    reason: str
    tries: int
    steps: int = 1  # pieces of code that went well, one after another
    usage: RequestUsage = RequestUsage()
    cost: float | None = None  # US dollars; None where a price is not known
    duration: float  # seconds
    sent: str = ""  # how much of the user's data went where, unless it was all


AgentEvent = Annotated[
    TextMessage
    | HandoffMessage
    | ThoughtEvent
    | ModelClientStreamingChunkEvent
    | CodeGenerationEvent
    | CodeExecutionEvent
    | RunStartedEvent
    | ContextEvent
    | MessageAddedEvent
    | VariableEvent
    | ModelRequestEvent
    | ModelReplyEvent
    | CodeRefusedEvent
    | ApprovalEvent
    | BlockStartedEvent
    | BlockOutputEvent
    | BlockFinishedEvent
    | LateOutputEvent
    | FilesEvent
    | NewVariablesEvent
    | GivenCodeFinishedEvent
    | ErrorExplainedEvent
    | KernelStateEvent
    | TaskTurnedEvent
    | RetryDecisionEvent
    | NextStepEvent
    | AnswerQuestionedEvent
    | AnswerTracedEvent
    | ViewDetachedEvent
    | RunFinishedEvent,
    Field(discriminator="type"),
]

EVENT: TypeAdapter[AgentEvent] = TypeAdapter(AgentEvent)
"""Reads an event back from a dict or JSON."""

SEED_TYPES = (
    TextMessage,
    HandoffMessage,
    ThoughtEvent,
    ModelClientStreamingChunkEvent,
    CodeGenerationEvent,
    CodeExecutionEvent,
)
"""The events AutoGen has, too: its stream is ours without the others."""
