"""Who is asked before code runs, and when nobody need be (design D7). AutoGen's names; knows no surface."""

import inspect
import re
from collections.abc import Awaitable, Callable
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

from codeagent_nb.errors import ApprovalRequired
from codeagent_nb.rendering.visible_code import as_text, question, spelled
from kernel_executor import CodeBlock, Isolation

ApprovalMode = Literal["auto", "always", "never"]
"""`auto` asks where nothing isolates the code."""


class ApprovalRequest(BaseModel):
    """What is asked.

    Args:
        code: All code that is going to run, fenced, character for character.
        context: The messages the model saw.
        code_blocks: The same code, as blocks.
        isolation: What will hold it, in one line.
        grant: What is asked instead of whether the code may run; then there is no code.
    """

    model_config = ConfigDict(frozen=True)

    code: str
    context: tuple[Any, ...] = ()
    code_blocks: tuple[CodeBlock, ...] = ()
    isolation: str = ""
    grant: str = ""

    @property
    def question(self) -> str:
        """The question in one line."""
        return spelled(self.grant) if self.grant else question(self.code_blocks, self.isolation)

    @property
    def shown(self) -> str:
        """The code as a person is to see it: all of it, and spelled out where it would not be seen; `code` is raw."""
        return as_text(self.code_blocks)


class ApprovalResponse(BaseModel):
    """The answer.

    Args:
        approved: True to run it.
        reason: Why, or why not.
        code_blocks: What to run instead; None runs the code as it is.
        lasting: Whether what `ApprovalRequest.grant` asks for is allowed as long as the session lasts, or once.
        ends_run: Whether a no ends the run. Otherwise one with a reason is feedback: the model reads it and writes
            other code, as long as there are tries left.
    """

    model_config = ConfigDict(frozen=True)

    approved: bool
    reason: str = ""
    code_blocks: tuple[CodeBlock, ...] | None = None
    lasting: bool = False
    ends_run: bool = False


ApprovalFunc = Callable[[ApprovalRequest], "ApprovalResponse | Awaitable[ApprovalResponse]"]
"""Any callable, sync or async; AutoGen cannot call an object with an async `__call__`."""


def refuse_unattended(request: ApprovalRequest) -> ApprovalResponse:
    """Refuse, because nobody can be asked.

    Raises:
        ApprovalRequired: Always.
    """
    raise ApprovalRequired(
        f"This code needs approval ({request.isolation or 'asked for'}), and nobody is there to give it. Allow it with "
        '`--yes` on the command line or approval="never" in Python, or install bubblewrap, in which code need not be '
        "approved (`codeagent-nb doctor` says how)."
    )


def check_approval(mode: ApprovalMode) -> None:
    """Check what a user chose.

    Raises:
        ValueError: There is no such mode.
    """
    if mode not in get_args(ApprovalMode):
        raise ValueError(f"approval must be 'auto', 'always' or 'never', not {mode!r}")


def choose_approver(
    approval_func: ApprovalFunc | None, mode: ApprovalMode, isolation: Isolation, ask: ApprovalFunc
) -> ApprovalFunc | None:
    """Return whom to ask, or None if the code may just run.

    Args:
        approval_func: The user's own; always asked if given.
        mode: What the user chose otherwise.
        isolation: What holds the code.
        ask: How to ask a person here.
    """
    if approval_func is not None:
        return approval_func
    if mode == "never" or (mode == "auto" and isolation.isolates):
        return None
    return ask


async def ask_for_approval(approver: ApprovalFunc, request: ApprovalRequest) -> ApprovalResponse:
    """Ask, and wait if the answer takes time."""
    answer = approver(request)
    return await answer if inspect.isawaitable(answer) else answer


def choices(request: ApprovalRequest) -> str:
    """Return what may be answered where a line is typed."""
    return "[y = once, s = in this session, N]" if request.grant else "[y/N, or what it shall do instead]"


def answered(line: str, request: ApprovalRequest, where: str) -> ApprovalResponse:
    """Return the answer that a typed line is.

    Args:
        line: The line.
        request: What was asked.
        where: Where it was typed, for the reason.
    """
    word = line.strip().lower()
    lasting = bool(request.grant) and word in {"s", "session"}
    if lasting or word in {"y", "yes"}:
        return ApprovalResponse(approved=True, reason=f"approved {where}".strip(), lasting=lasting)
    said = line.strip()
    if request.grant or len(said.split()) < SENTENCE or YES.match(said):  # a slip, or a yes with words: not feedback
        return rejected("", f"not approved {where}".strip())
    feedback = NO.sub("", said)
    return rejected("" if ENDS.fullmatch(feedback) else feedback, f"not approved {where}".strip())


SENTENCE = 2
"""Words that are feedback; one word may be a slip."""

YES = re.compile(r"(?:y|yes|ok|okay|sure|ja|oui|si)\b", re.IGNORECASE)

NO = re.compile(r"\A(?:(?:n|no|nope|nein|non)\b\s*(?:[,;:.!-]+\s*|(?=no?\b|way\b|thank|\Z)))+", re.IGNORECASE)
"""A no, or several, before a sentence; that of "no plots" is a part of it."""

ENDS = re.compile(
    r"(?:no|n|way|not now|never mind|thanks|thank you|danke|merci|stop|cancel|abort|quit|do not run|don't run"
    r"|(?:it|this|that|the run|please|all)|[\s,;:.!-])*",
    re.IGNORECASE,
)
"""Words that want the run to end, and nothing else."""


def rejected(feedback: str, otherwise: str = "rejected") -> ApprovalResponse:
    """Return a no: with words of the user's the run goes on by them, without any it ends.

    Args:
        feedback: The words.
        otherwise: The reason if there are none.
    """
    return ApprovalResponse(approved=False, reason=feedback or otherwise, ends_run=not feedback)
