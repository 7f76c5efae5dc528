"""The buttons of one run: what the user clicks while it works becomes an answer or a stop. Knows the widget's messages.

Clicks may arrive on another thread (a subshell's), so they only call into the run's own loop (design D8).
"""

import asyncio
import signal
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from codeagent_nb.approval import ApprovalFunc, ApprovalRequest, ApprovalResponse, ask_for_approval
from codeagent_nb.events import AgentEvent
from codeagent_nb.views.panel import state_after

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
        self._asked: ApprovalRequest | None = None
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
            case "approve" | "reject" if self._is_current(message):
                self._settle(message)
        self._others(message)

    def _is_current(self, message: dict[str, Any]) -> bool:
        """A click on an older question, in a second window say, is no answer to this one."""
        asked = self._widget.approval
        return bool(self._answer and not self._answer.done() and asked and asked.get("id") == message.get("id"))

    def _settle(self, message: dict[str, Any]) -> None:
        if self._answer is None or self._asked is None:
            return
        if message["type"] == "reject":
            self._answer.set_result(ApprovalResponse(approved=False, reason=str(message.get("reason") or "rejected")))
            return
        codes, blocks = message.get("codes"), self._asked.code_blocks
        if isinstance(codes, list) and len(codes) == len(blocks):
            edited = tuple(replace(block, code=str(code)) for block, code in zip(blocks, codes, strict=True))
            self._answer.set_result(ApprovalResponse(approved=True, reason="approved", code_blocks=edited))

    async def ask(self, request: ApprovalRequest) -> ApprovalResponse:
        """Ask with buttons; without a widget on the screen, as it is done without."""
        if not await self.is_shown():
            return await ask_for_approval(self._without_widget, request)
        self._answer, self._asked = self._loop.create_future(), request
        blocks = [{"language": block.language, "code": block.code} for block in request.code_blocks]
        self._widget.approval = {"id": uuid.uuid4().hex, "isolation": request.isolation, "blocks": blocks}
        self._widget.state, self._widget.status = "waiting", ""
        try:
            return await self._answer
        finally:
            self._widget.approval, self._answer, self._asked = None, None, None

    async def is_shown(self) -> bool:
        """Say whether a front end shows the widget; waits a while for it."""
        try:
            await asyncio.wait_for(self._ready.wait(), FRONT_END_GRACE)
        except TimeoutError:
            return False
        return True


async def ask_by_input(request: ApprovalRequest) -> ApprovalResponse:
    """Ask in the cell's own input line, where there are no widgets; the code stands above it.

    Raises:
        ApprovalRequired: Nobody can be asked: the notebook is executed by a program.
    """
    from IPython.core.error import StdinNotImplementedError

    from codeagent_nb.errors import ApprovalRequired

    # In a cell that awaits, the kernel's interrupt only marks the cell, and this waits: as in any cell, let it raise.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        answer = input(  # noqa: ASYNC250 - nothing else shall happen meanwhile
            f"{request.isolation or 'Approval'}. Run the code above? [y/N] "
        )
    except KeyboardInterrupt:  # the kernel's interrupt; here it would end the kernel's loop
        raise asyncio.CancelledError from None
    except (StdinNotImplementedError, EOFError) as error:
        raise ApprovalRequired(
            f"this code needs an approval ({request.isolation or 'asked for'}), and there is nobody to ask. Allow it "
            "with `%%agent --approval never`, or install bubblewrap, in which code need not be approved "
            "(`codeagent-nb doctor` says how)"
        ) from error
    finally:
        signal.signal(signal.SIGINT, before)
    if answer.strip().lower() in {"y", "yes"}:
        return ApprovalResponse(approved=True, reason="approved")
    return ApprovalResponse(approved=False, reason="not approved")
