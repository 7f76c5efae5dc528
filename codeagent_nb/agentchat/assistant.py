"""`AssistantAgent`: a model that takes part in a conversation. Owns what the model was told; runs no code."""

import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from codeagent_nb.agentchat.participants import Task, messages_of
from codeagent_nb.errors import ModelUnavailable
from codeagent_nb.events import (
    AgentEvent,
    ChatMessage,
    HandoffMessage,
    ModelClientStreamingChunkEvent,
    TextMessage,
    ThoughtEvent,
)
from codeagent_nb.init_arguments import remembers_arguments
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.loop.one_run import OneAtATime, Record, Tell, untold
from codeagent_nb.loop.results import Response, TaskResult
from codeagent_nb.models.types import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    LLMMessage,
    SystemMessage,
    UserMessage,
)
from codeagent_nb.prompt.contexts import UNBOUNDED, ChatCompletionContext
from codeagent_nb.prompt.model_texts import ASSISTANT_SYSTEM_MESSAGE
from codeagent_nb.reply.markup import clean
from codeagent_nb.reply.reasoning import split_thinking
from kernel_executor import CancellationToken
from kernel_executor.aio.tasks import started, streamed


class ModelContextState(BaseModel):
    """A conversation as the model sees it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    messages: tuple[LLMMessage, ...]


class AssistantAgentState(BaseModel):
    """What `save_state` saves, in AutoGen's shape."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["AssistantAgentState"] = "AssistantAgentState"
    version: Literal["1.0.0"] = "1.0.0"
    llm_context: ModelContextState


class AssistantAgent:
    """Answers in words.

    What it was told counts as told once it has answered: a call that failed or was cancelled leaves no trace.

    Args:
        name: The agent's name, the source of its messages; a Python identifier.
        model_client: Who answers.
        description: What the agent is for, in one sentence.
        system_message: The first message of each prompt; None sends none.
        model_client_stream: True to give the pieces of replies, too.
        model_context: Selects what the model is sent of the conversation; by default all.
    """

    DEFAULT_DESCRIPTION = "An agent that answers in words."

    @remembers_arguments
    def __init__(
        self,
        name: str,
        model_client: ChatCompletionClient,
        *,
        description: str | None = None,
        system_message: str | None = ASSISTANT_SYSTEM_MESSAGE,
        model_client_stream: bool = False,
        model_context: ChatCompletionContext | None = None,
    ) -> None:
        if not name.isidentifier():
            raise ValueError("The agent name must be a valid Python identifier.")
        self.name = name
        self.description = description or self.DEFAULT_DESCRIPTION
        self._model = model_client
        self._stream = model_client_stream
        self._instructions = [SystemMessage(content=system_message)] if system_message else []
        self._context = model_context or UNBOUNDED
        self._told: tuple[LLMMessage, ...] = tuple(self._context.initial_messages or ())
        self._one = OneAtATime(f"agent {name!r}")
        self._secrets = Secrets(os.environ)

    @property
    def produced_message_types(self) -> Sequence[type[ChatMessage]]:
        """The types of its answers."""
        return (TextMessage,)

    async def run(self, *, task: Task = None, cancellation_token: CancellationToken | None = None) -> TaskResult:
        """Answer a task.

        Args:
            task: What to answer; None goes on.
            cancellation_token: Cancels the run, as cancelling the task does.

        Raises:
            AgentError: The model failed, or the agent is working already.
            CancelledError: The run was cancelled.
        """
        return await started(self._run(task, untold), cancellation_token)

    def run_stream(
        self, *, task: Task = None, cancellation_token: CancellationToken | None = None
    ) -> AsyncGenerator[AgentEvent | TaskResult, None]:
        """Do the same; yield everything as it happens and the `TaskResult` last. Closing the generator cancels."""
        return streamed(partial(self._run, task), cancellation_token)

    async def on_messages(
        self, messages: Sequence[ChatMessage], cancellation_token: CancellationToken | None = None
    ) -> Response:
        """Answer messages of a conversation; none means: go on. Errors are those of `run`."""
        return await started(self._answer(messages, untold), cancellation_token)

    def on_messages_stream(
        self, messages: Sequence[ChatMessage], cancellation_token: CancellationToken | None = None
    ) -> AsyncGenerator[AgentEvent | Response, None]:
        """Do the same; yield everything as it happens and the `Response` last. Closing the generator cancels."""
        return streamed(partial(self._answer, messages), cancellation_token)

    async def on_reset(self, cancellation_token: CancellationToken | None = None) -> None:  # noqa: ARG002 - the port's
        """Forget the conversation.

        Raises:
            AgentError: The agent is working.
        """
        with self._one.work():
            self._told = ()

    async def save_state(self) -> Mapping[str, Any]:
        """Return the conversation as a JSON-able dict."""
        state = AssistantAgentState(llm_context=ModelContextState(messages=self._told))
        return state.model_dump(mode="json")

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved conversation.

        Raises:
            ValueError: It is no such state.
            AgentError: The agent is working.
        """
        saved = AssistantAgentState.model_validate(state)
        with self._one.work():
            self._told = saved.llm_context.messages

    async def _run(self, task: Task, tell: Tell) -> TaskResult:
        messages = messages_of(task)
        record = Record(tell)
        for message in messages:
            record.tell(message)
        response = await self._answer(messages, record.tell)
        record.tell(response.chat_message)
        return TaskResult(messages=record.events)

    async def _answer(self, messages: Sequence[ChatMessage], tell: Tell) -> Response:
        with self._one.work():
            told = [part for message in messages for part in _as_told(message)]
            heard = (*self._told, *told)
            created = await self._ask([*self._instructions, *self._context.select(heard)], tell)
            reply = _without_thinking(created)
            said = AssistantMessage(content=reply.content, thought=reply.thought, source=self.name)
            self._told = (*heard, said)
        thoughts = (ThoughtEvent(source=self.name, content=reply.thought),) if reply.thought else ()
        for thought in thoughts:
            tell(thought)
        return Response(chat_message=self._message(reply), inner_messages=thoughts)

    async def _ask(self, prompt: Sequence[LLMMessage], tell: Tell) -> CreateResult:
        created = None
        # aclosing: however this ends, nothing goes on being written at the server
        async with aclosing(self._model.create_stream(self._without_secrets(prompt))) as pieces:
            async for piece in pieces:
                if isinstance(piece, CreateResult):
                    created = piece
                elif self._stream:
                    tell(ModelClientStreamingChunkEvent(source=self.name, content=piece))
        if created is None:
            raise ModelUnavailable("the model's stream ended without a result")
        return created

    def _without_secrets(self, prompt: Sequence[LLMMessage]) -> list[LLMMessage]:
        text = self._secrets.look().text
        return [message.model_copy(update={"content": text(message.content)}) for message in prompt]

    def _message(self, reply: CreateResult) -> TextMessage:
        # Whoever runs the code of a message must be able to know that it was cut off.
        cut_off: dict[str, str] = {} if reply.finish_reason == "stop" else {"finish_reason": reply.finish_reason}
        return TextMessage(source=self.name, content=reply.content, models_usage=reply.usage, metadata=cut_off)


def _as_told(message: ChatMessage) -> tuple[LLMMessage, ...]:
    """Return a message as the model reads it: what is handed over with it comes first."""
    handed_over = message.context if isinstance(message, HandoffMessage) else ()
    return (*handed_over, UserMessage(content=message.content, source=message.source))


def _without_thinking(created: CreateResult) -> CreateResult:
    """Return a reply whose reasoning stands apart: some servers leave it in the text, between tags."""
    thinking = split_thinking(clean(created.content))
    if not thinking.thought:
        return created
    thoughts = [thought for thought in (created.thought, thinking.thought) if thought]
    return created.model_copy(update={"content": thinking.visible, "thought": "\n\n".join(thoughts)})
