"""The buttons of one run: what the user clicks while it works becomes an answer or a stop. Knows the widget's messages.

Clicks may arrive on another thread (a subshell's), so they only call into the run's own loop (design D8).
"""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from codeagent_nb.approval import ApprovalFunc, ApprovalRequest, ApprovalResponse, ask_for_approval, rejected
from codeagent_nb.events import AgentEvent
from codeagent_nb.projections.chat import state_after
from codeagent_nb.rendering.visible_code import ShownBlock, shown_blocks, spelled
from kernel_executor import CodeBlock

FRONT_END_GRACE = 8.0
"""Seconds to wait for a front end to show the widget; the first time it loads it, which took 2 s on a busy machine."""


class Widget(Protocol):
    """What is needed of `AgentWidget`."""

    state: Any
    status: Any
    approval: Any

    def on_msg(self, callback: Callable[[Any, Any, Any], None], remove: bool = ...) -> None:
        """Call back with each message of the front end."""
        ...


class Controls:
    """Listens to a widget's buttons and keeps its state; a view of the run.

    Args:
        widget: The panel, or the strip under a cell.
        stop: What the Stop button does.
        without_widget: How a person is asked where the front end shows no widgets.
        others: Further messages of the front end, and what they do.
    """

    def __init__(
        self,
        widget: Widget,
        *,
        stop: Callable[[], object],
        without_widget: ApprovalFunc,
        others: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> None:
        self._widget = widget
        self._stop = stop
        self._without_widget = without_widget
        self._others = others
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._answer: asyncio.Future[ApprovalResponse] | None = None
        self._asked = ApprovalRequest(code="")
        self._shown: tuple[CodeBlock, ...] = ()
        widget.on_msg(self._receive)

    def close(self) -> None:
        """Listen no more."""
        self._widget.on_msg(self._receive, remove=True)

    def on_event(self, event: AgentEvent) -> None:
        """Show the state that an event leads to."""
        if news := state_after(event):
            self._widget.state, self._widget.status = news

    def _receive(self, _: Any, content: Any, __: Any) -> None:
        if isinstance(content, dict):
            self._loop.call_soon_threadsafe(self._handle, content)

    def _handle(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "ready":
                self._ready.set()
            case "stop":
                self._stop()
            case "review" if self._is_current(message):
                self._show(_edited(self._shown, message.get("codes")))
            case "approve" if self._is_current(message):
                lasting = message.get("lasting") is True
                self._settle(
                    ApprovalResponse(approved=True, reason="approved", code_blocks=self._shown, lasting=lasting)
                )
            case "reject" if self._is_current(message):
                self._settle(rejected(str(message.get("reason") or "").strip()))
        self._others(message)

    def _is_current(self, message: dict[str, Any]) -> bool:
        """A click on an older question, in a second window or on code that was edited since, is no answer to this."""
        asked = self._widget.approval
        return bool(self._answer and not self._answer.done() and asked and asked.get("id") == message.get("id"))

    def _settle(self, answer: ApprovalResponse) -> None:
        if self._answer is not None:
            self._answer.set_result(answer)

    def _show(self, code_blocks: tuple[CodeBlock, ...]) -> None:
        """Ask about code; the answer names only the question, so what runs is what was shown with it."""
        self._shown = code_blocks
        edited = code_blocks != self._asked.code_blocks
        asked = self._asked
        self._widget.approval = question_fields(
            uuid.uuid4().hex, code_blocks, asked.isolation, edited=edited, grant=asked.grant
        )

    def show_edited(self, code_blocks: tuple[CodeBlock, ...]) -> None:
        """Ask about code as it was edited elsewhere, if anything is asked."""
        if self._answer and not self._answer.done() and code_blocks != self._shown:
            self._show(code_blocks)

    async def ask(self, request: ApprovalRequest) -> ApprovalResponse:
        """Ask with buttons; without a widget on the screen, as it is done without."""
        if not await self.is_shown():
            return await ask_for_approval(self._without_widget, request)
        self._answer, self._asked = self._loop.create_future(), request
        self._show(request.code_blocks)
        self._widget.state, self._widget.status = "waiting", ""
        try:
            return await self._answer
        finally:
            self._widget.approval, self._answer = None, None

    async def is_shown(self) -> bool:
        """Return whether a front end shows the widget; waits a while for it."""
        try:
            async with asyncio.timeout(FRONT_END_GRACE):  # `wait_for` of 3.11 may swallow a cancellation
                await self._ready.wait()
        except TimeoutError:
            return False
        return True


def _edited(code_blocks: tuple[CodeBlock, ...], codes: object) -> tuple[CodeBlock, ...]:
    """Return blocks with the user's text in place of their own, where there is any."""
    if not isinstance(codes, list) or len(codes) != len(code_blocks):
        return code_blocks
    return tuple(
        replace(block, code=code) if isinstance(code, str) else block
        for block, code in zip(code_blocks, codes, strict=True)
    )


def question_fields(
    question_id: str, code_blocks: Sequence[CodeBlock], isolation: str, *, edited: bool = False, grant: str = ""
) -> dict[str, Any]:
    """Return a question for the front end.

    Args:
        question_id: What an answer names.
        code_blocks: The code that would run.
        isolation: What holds it.
        edited: Whether it is as the person has edited it.
        grant: What is asked instead of whether code may run.
    """
    blocks = [_as_shown(block, code) for block, code in zip(shown_blocks(code_blocks), code_blocks, strict=True)]
    return {
        "id": question_id,
        "isolation": spelled(isolation),
        "edited": edited,
        "blocks": blocks,
        "grant": spelled(grant),
    }


def _as_shown(block: ShownBlock, code: CodeBlock) -> dict[str, Any]:
    """Return a block for the front end, which shows `lines` and decides nothing; `code` is there to be edited."""
    lines = [[line.number, [[part.text, part.spelled] for part in line.parts]] for line in block.lines]
    can_be_sent = not any("\ud800" <= char <= "\udfff" for char in code.code)
    return {
        "title": block.title,
        "notes": list(block.notes),
        "lines": lines,
        "code": code.code if can_be_sent else None,
    }
