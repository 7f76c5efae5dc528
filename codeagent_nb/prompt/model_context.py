"""An agent's conversation with its model, under the names of AutoGen's contexts. Stores nothing: looks at the log."""

from codeagent_nb.events import MessageAddedEvent
from codeagent_nb.log.event_log import EventLog
from codeagent_nb.models.types import LLMMessage
from codeagent_nb.prompt.contexts import ChatCompletionContext
from codeagent_nb.prompt.transcript import selected


class ModelContext:
    """What `agent.model_context` gives: AutoGen's two methods that users call on an agent's context.

    Args:
        log: The agent's.
        name: The agent's.
        context: Selects what the model is sent.
    """

    def __init__(self, log: EventLog, name: str, context: ChatCompletionContext) -> None:
        self._log = log
        self._name = name
        self._context = context

    async def get_messages(self) -> list[LLMMessage]:
        """Return what the model is sent of the conversation, after the system message.

        With all pictures; of these a model is sent the newest, if it can see.
        """
        return selected(self._log.events, self._name, self._context)

    async def add_message(self, message: LLMMessage) -> None:
        """Add a message, as if it had been said; the model reads it at the next call."""
        self._log.publish(MessageAddedEvent(source=self._name, message=message))
