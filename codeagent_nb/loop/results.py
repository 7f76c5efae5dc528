"""What an agent gives back: AutoGen's `TaskResult` and `Response`. Knows messages; no agent."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from codeagent_nb.events import ChatMessage


class TaskResult(BaseModel):
    """What a run gives back.

    Args:
        messages: Every event and message of the run, in order; pieces of replies only if they were asked for.
        stop_reason: How it ended, in a few words.
    """

    model_config = ConfigDict(frozen=True)

    messages: tuple[Any, ...]
    stop_reason: str | None = None


class Response(BaseModel):
    """The agent's part in a conversation.

    Args:
        chat_message: What it says.
        inner_messages: Everything that happened before; AutoGen leaves this empty.
    """

    model_config = ConfigDict(frozen=True)

    chat_message: ChatMessage
    inner_messages: tuple[Any, ...] = ()
