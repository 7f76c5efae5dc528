"""What all events share. Knows none of them."""

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field


class Event(BaseModel):
    """What all events share: who caused it and when."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
