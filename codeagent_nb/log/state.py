"""What of an agent is saved: its conversation. The kernel's variables are not: no kernel can give them all."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from codeagent_nb.events import AgentEvent


class CodeExecutorAgentState(BaseModel):
    """The conversation of a `CodeExecutorAgent`: everything that happened, oldest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["CodeExecutorAgentState"] = "CodeExecutorAgentState"
    version: Literal["1.0.0"] = "1.0.0"
    events: tuple[AgentEvent, ...]


def save(events: Sequence[AgentEvent]) -> Mapping[str, Any]:
    """Return a JSON-able dict."""
    return CodeExecutorAgentState(events=tuple(events)).model_dump(mode="json")


def load(state: Mapping[str, Any]) -> tuple[AgentEvent, ...]:
    """Return the events of a saved state.

    Raises:
        ValueError: It is no such state; the message names the field.
    """
    return CodeExecutorAgentState.model_validate(state).events
