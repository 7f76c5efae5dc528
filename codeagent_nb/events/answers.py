"""What happens to an answer between the model's words and the end of the run: it is checked (design D25)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from codeagent_nb.events.base import Event


class TracedNumber(BaseModel):
    """A number of an answer, and where it comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    """As it is written there, with its unit."""
    found_in: str | None
    """What states it: `[3]` for the output of the cell of that number; None if nothing does."""
    reason: str = ""
    """Why it is not traced; empty if it is."""


class AnswerTracedEvent(Event):
    """The numbers of the answer were looked for in what the code gave, the task, and what is known of the data."""

    type: Literal["AnswerTracedEvent"] = "AnswerTracedEvent"
    numbers: tuple[TracedNumber, ...]

    @property
    def untraced(self) -> tuple[TracedNumber, ...]:
        """Those that nothing states."""
        return tuple(number for number in self.numbers if number.found_in is None)


class AnswerQuestionedEvent(Event):
    """The answer states what nothing computed, or lacks the form that the task prescribes: it is asked for again."""

    type: Literal["AnswerQuestionedEvent"] = "AnswerQuestionedEvent"
    reason: str  # what people read
    content: str  # what the model reads
