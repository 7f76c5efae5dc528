"""Joins pieces of text that come within one turn of the event loop, so that a flood of them is told as few changes.

Knows changes; nothing of messages and kernels.
"""

import asyncio
from collections.abc import Callable

from kernel_executor.outputs.output_changes import Append, OutputChange


class TextJoiner:
    """Passes changes on in their order, text at the end of the turn at the latest.

    Args:
        tell: Is given the changes.
    """

    def __init__(self, tell: Callable[[OutputChange], None]) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._name = ""
        self._texts: list[str] = []

    def take(self, change: OutputChange) -> None:
        """Take a change in."""
        match change:
            case Append(output={"output_type": "stream", "name": str(name), "text": str(text)}):
                if name != self._name:
                    self.flush()
                if not self._texts:
                    self._name = name
                    self._loop.call_soon(self.flush)
                self._texts.append(text)
            case _:
                self.flush()
                self._tell(change)

    def flush(self) -> None:
        """Pass on what is held back."""
        texts, self._texts = self._texts, []
        if texts:
            self._tell(Append({"output_type": "stream", "name": self._name, "text": "".join(texts)}))
