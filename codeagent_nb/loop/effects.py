"""What the policy asks for, as values: what it yields, and the outcome it comes to. Knows nobody who performs it."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from codeagent_nb import events
from codeagent_nb.events import AgentEvent
from kernel_executor import CodeBlock, CodeResult


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the model; the answer is a `CreateResult`.

    Args:
        purpose: What for.
        resample: True to ask for a different reply than the likeliest.
        complaint: What was wrong with its last answer to the same question.
    """

    purpose: events.Purpose
    resample: bool = False
    complaint: str = ""


@dataclass(frozen=True, slots=True)
class Approve:
    """Ask whether code may run; the answer is an `ApprovalEvent`, or None if nobody need be asked."""

    attempt: int
    code_blocks: tuple[CodeBlock, ...]


@dataclass(frozen=True, slots=True)
class Execute:
    """Run code; the answer is a `CodeResult`."""

    attempt: int
    code_blocks: tuple[CodeBlock, ...]


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Take back what a failed attempt made of the variables; there is no answer."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Tell:
    """Make an event known; there is no answer."""

    event: AgentEvent


@dataclass(frozen=True, slots=True)
class Grant:
    """Ask whether code may do what it was refused; the answer is whether it may now.

    Args:
        names: What it wanted to reach.
        files: The files of the user's that it wanted to change.
    """

    names: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoOn:
    """Ask a person whether to go on after code of which it is not known whether it ran; the answer is whether."""


@dataclass(frozen=True, slots=True)
class Review:
    """Check an answer; the answer to that is a `Reviewed`.

    Args:
        text: The model's.
    """

    text: str


Effect = Review | Ask | Approve | Execute | GoOn | Grant | TakeBack | Tell
Steps = Generator[Effect, Any, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Args:
        status: In one word.
        text: The model's closing words, or the reason why there are none.
        tries: Attempts made.
        result: What the last code that ran gave.
        steps: Pieces of code that went well.
        by_choice: Whether the model has answered where it could have written more code: then it has seen all of it.
        reason: Why it ended, where the status does not say it all.
    """

    status: events.RunStatus
    text: str
    tries: int
    result: CodeResult | None = None
    steps: int = 0
    by_choice: bool = False
    reason: str = ""
