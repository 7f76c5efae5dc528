"""What each end of a run and of a block means to people and programs: one row a status, for every surface. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from codeagent_nb.events import RunStatus
from kernel_executor import BlockStatus

Tone = Literal["good", "warn", "bad", "info", "muted"]


@dataclass(frozen=True, slots=True)
class Shown:
    """How a surface shows a status.

    Args:
        word: What it says, in lower case.
        mark: The sign before the word where there are no pictures.
        icon: The picture before the word, by its name in `notebook/panel/static`.
        tone: The colour.
    """

    word: str
    mark: str
    icon: str
    tone: Tone

    @property
    def style(self) -> str:
        """The colour in a terminal."""
        return {"good": "green", "warn": "yellow", "bad": "red"}.get(self.tone, "dim")


@dataclass(frozen=True, slots=True)
class RunEnd:
    """What the end of a run means.

    Args:
        shown: How it is shown.
        reason: The same in a few words, as `TaskResult.stop_reason` has it.
        exit_code: Of the command line.
        repeats_warning: Whether the agent's closing words only repeat a warning that stands there already.
    """

    shown: Shown
    reason: str
    exit_code: int
    repeats_warning: bool = False

    @property
    def is_good(self) -> bool:
        """Whether the task was done."""
        return self.exit_code == 0


@dataclass(frozen=True, slots=True)
class BlockEnd:
    """What the end of a block means.

    Args:
        shown: How it is shown.
        clause: What became of the attempt it decided, after "Attempt 2".
    """

    shown: Shown
    clause: str


RUN_ENDS: Mapping[RunStatus, RunEnd] = {
    "answered": RunEnd(Shown("answered", "✓", "done", "good"), "answered in words", 0),
    "succeeded": RunEnd(Shown("done", "✓", "done", "good"), "the code succeeded", 0),
    "failed": RunEnd(Shown("failed", "✗", "failed", "bad"), "no code succeeded", 1),
    "refused": RunEnd(
        Shown("not run", "✗", "skipped", "warn"), "the reply has no code that may run", 3, repeats_warning=True
    ),
    "denied": RunEnd(
        Shown("not approved", "✗", "skipped", "warn"), "the code was not approved", 3, repeats_warning=True
    ),
    "exhausted": RunEnd(Shown("budget used up", "■", "clock", "warn"), "a budget is used up", 6),
    "cancelled": RunEnd(Shown("stopped", "■", "stop", "warn"), "the run was cancelled", 130),
    "error": RunEnd(Shown("error", "✗", "warn", "bad"), "something went wrong", 4),
}

BLOCK_ENDS: Mapping[BlockStatus, BlockEnd] = {
    "ok": BlockEnd(Shown("ran", "✓", "done", "good"), "succeeded"),
    "error": BlockEnd(Shown("failed", "✗", "failed", "bad"), "failed"),
    "timeout": BlockEnd(Shown("timed out", "✗", "clock", "bad"), "timed out"),
    "interrupted": BlockEnd(Shown("interrupted", "■", "stop", "warn"), "was interrupted"),
    "died": BlockEnd(Shown("kernel died", "✗", "failed", "bad"), "failed"),
    "skipped": BlockEnd(Shown("skipped", "■", "skipped", "muted"), "was skipped"),
    "refused": BlockEnd(Shown("refused", "✗", "skipped", "warn"), "was refused"),
    "unknown": BlockEnd(Shown("outcome unknown", "✗", "warn", "warn"), "may or may not have run"),
}

BLOCK_STATES: Mapping[str, BlockEnd] = {
    **{str(status): end for status, end in BLOCK_ENDS.items()},
    "running": BlockEnd(Shown("running", "", "running", "info"), "was not finished"),
}
"""The same, and that of a block which has not ended."""


def attempt_clause(status: str) -> str:
    """Return what became of an attempt by the status of its last block, which a notebook of another version names."""
    return BLOCK_STATES[status].clause if status in BLOCK_STATES else status
