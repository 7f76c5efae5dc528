"""The event of what is sent to a model. Knows no other event."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from codeagent_nb.events.base import Event
from codeagent_nb.models.privacy import Privacy


class Asking(BaseModel):
    """How a prompt is made of the log, beside the log itself.

    Args:
        privacy: How much of the user's data is told.
        system_message: Its first message, if any.
        complaint: What was wrong with the last answer to the same question.
        vision: Whether pictures are sent.
        is_afresh: Whether failed code of this step is left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    privacy: Privacy
    system_message: str | None
    complaint: str = ""
    vision: bool = False
    is_afresh: bool = False


class ModelRequestEvent(Event):
    """A prompt is about to be sent to a model; its text is made of the log once more (`prompt/sent.py`)."""

    type: Literal["ModelRequestEvent"] = "ModelRequestEvent"
    purpose: Literal["generate", "decide", "reflect"]
    host: str
    asking: Asking
    sizes: dict[str, int]  # bytes by kind: task, code, descriptions, outputs, errors, pictures, instructions
    digest: str  # of the messages, by which a text that is made again is known to be theirs
