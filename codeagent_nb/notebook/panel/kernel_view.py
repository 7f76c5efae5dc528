"""Answers a widget that asks what the kernel is doing, with the rows of `%agent status`. Knows the widget's messages.

The page asks, every few seconds and only while it is seen: here nothing happens by itself.
"""

import asyncio
from contextlib import suppress
from typing import Any

from codeagent_nb.notebook.kernel_status import kernel_rows, place_in_code
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.rendering.visible_code import spelled
from kernel_executor import KernelExecutorError, KernelSnapshot


class KernelView:
    """Looks at the kernel of an agent, once at a time.

    Args:
        agent: Whose kernel it is.
        widget: Is sent what is seen.
    """

    def __init__(self, agent: NotebookAgent, widget: Any) -> None:
        self._agent = agent
        self._widget = widget
        self._looking: asyncio.Task[None] | None = None

    def handle(self, message: dict[str, Any]) -> None:
        """Answer, if that is what a message asks for."""
        if message.get("type") == "look" and self._looking is None:
            self._looking = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        try:
            self._widget.send(self._fields(await self._snapshot()))
        finally:
            self._looking = None

    async def _snapshot(self) -> KernelSnapshot | None:
        session = self._agent.session
        if session is None or not session.executor.keeps_variables:
            return None
        with suppress(KernelExecutorError):  # it is being stopped
            return await session.executor.inspect()
        return None

    def _fields(self, snapshot: KernelSnapshot | None) -> dict[str, Any]:
        """Return an answer for the front end; all of it is text that code may have made up."""
        rows = kernel_rows(snapshot) if snapshot else {}
        where = place_in_code(snapshot) if snapshot else ""
        return {
            "type": "kernel",
            "where": self._shown(where),
            "rows": [[name, self._shown(text)] for name, text in rows.items()],
        }

    def _shown(self, text: str) -> str:
        return spelled(self._agent.secrets.text(text))
