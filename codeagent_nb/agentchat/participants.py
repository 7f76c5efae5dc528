"""The port to an agent that takes part in a team, and what is said there. Knows no agent, team or surface."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from codeagent_nb.events import SEED_TYPES, AgentEvent, ChatMessage, ModelClientStreamingChunkEvent
from codeagent_nb.loop.results import Response
from codeagent_nb.loop.tasks import Task as SaidTask, task_messages
from kernel_executor import CancellationToken

Task = SaidTask | None
"""What a run is about; None goes on with what was said before."""


@runtime_checkable
class ChatAgent(Protocol):
    """A participant: called with the messages that are new to it, and answers. It keeps earlier ones itself."""

    @property
    def name(self) -> str:
        """The source of its messages, unique in a team."""
        ...

    @property
    def description(self) -> str:
        """What it is for, in one sentence."""
        ...

    @property
    def produced_message_types(self) -> Sequence[type[ChatMessage]]:
        """The types of its answers."""
        ...

    async def on_messages(self, messages: Sequence[ChatMessage], cancellation_token: CancellationToken) -> Response:
        """Answer messages of a conversation; none means: go on."""
        ...

    def on_messages_stream(
        self, messages: Sequence[ChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[AgentEvent | Response, None]:
        """Do the same; yield what happens as it happens, and the `Response`, whose message was not yielded, last."""
        ...

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Forget the conversation."""
        ...


@runtime_checkable
class Stateful(Protocol):
    """A participant whose conversation can be saved; one without these has nothing to save."""

    async def save_state(self) -> Mapping[str, Any]:
        """Return a JSON-able dict."""
        ...

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up such a dict."""
        ...


def messages_of(task: Task) -> tuple[ChatMessage, ...]:
    """Return a task as messages; None has none. Errors are those of `task_messages`."""
    return () if task is None else task_messages(task)


def known_to_autogen(event: AgentEvent) -> bool:
    """Return whether AutoGen, too, keeps such an event: no type of ours, no piece of a reply."""
    return isinstance(event, SEED_TYPES) and not isinstance(event, ModelClientStreamingChunkEvent)
