"""Code that is not run, and why. Knows no other event."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from codeagent_nb.events.base import Event
from kernel_executor import CodeBlock


class Refusal(BaseModel):
    """A block that is not run, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    block: CodeBlock
    reason: str


class CodeRefusedEvent(Event):
    """Code, or a reply as a whole, that is not run, each with its reason."""

    type: Literal["CodeRefusedEvent"] = "CodeRefusedEvent"
    retry_attempt: int
    refused: tuple[Refusal, ...]
    reason: str  # all reasons in one text
    nothing_ran: bool
    goes_on: bool = True  # the model is asked for something else
