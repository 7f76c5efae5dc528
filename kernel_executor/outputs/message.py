"""A typed view of Jupyter messages; the only file that indexes raw message dicts. Knows no sockets."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from kernel_executor.in_kernel import CHECKPOINT_REPLY, INSPECT_REPLY, OMISSION_MESSAGE
from kernel_executor.in_kernel.text import encodable

Channel = Literal["shell", "control", "iopub"]

MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OverflowError)
"""What reading a message can raise. Executed code can write anything to its kernel's sockets, in its name or not."""

TEXTS = frozenset(
    {"stream", "error", "clear_output", "status", "execute_input", "iopub_welcome", OMISSION_MESSAGE},
)
"""Messages on IOPub, besides `DISPLAYS`, whose content is read."""

SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""An escape of half a character; that of a Korean letter begins with `\\ud`, too."""

REPLIES = frozenset({"execute_reply", "kernel_info_reply", "interrupt_reply", CHECKPOINT_REPLY, INSPECT_REPLY})
"""Messages on shell and control whose content is read."""


LOST_REPLY = "codeagent_lost_reply"
"""Made by a transport, on shell: the reply to a request will not come any more. Its content has a `reason`."""

LOST_OUTPUT = "codeagent_lost_output"
"""Made by a transport, on IOPub: of what a request caused, something will not come. Its content has a `reason`.

A kernel can make up neither: the content of such a message is not read.
"""

LENIENT = 65_536
"""Bytes up to which a bad one becomes a question mark; each costs as much as 5 good ones, and more in a long text."""


def decode(text: bytearray) -> str:
    """Return JSON as text.

    Raises:
        UnicodeDecodeError: It is long, and no UTF-8.
    """
    return text.decode("utf-8", "replace" if len(text) <= LENIENT else "strict")


@dataclass(frozen=True)
class Message:
    """One message from a kernel.

    Args:
        channel: Where it came in.
        type: Its `msg_type`.
        parent_id: `msg_id` of the request that caused it, or "".
        body: Its content, as it is or as JSON, which is forgotten when it is read; None if nobody reads such messages,
            or if it was too much to be kept.
        weight: About the bytes it takes in memory; those it had if it was too much.
        buffers: Bytes that came with it, of a widget's message; none if they were too much.
    """

    channel: Channel
    type: str
    parent_id: str
    body: dict[str, Any] | bytearray | None
    weight: int = 0
    buffers: tuple[bytes, ...] = ()

    @cached_property
    def content(self) -> dict[str, Any]:
        """Its content, unchecked; read when first asked for, and empty if it cannot be read."""
        if not isinstance(self.body, bytearray):
            return self.body or {}
        try:
            text = decode(self.body)
            self.body.clear()  # bytes, text and value together would be three times as much as is sent
            content = json.loads(text)
            # A lone surrogate cannot be written to any file; only an escape can say one.
            says_surrogate = bool(SURROGATE.search(text))
            del text
            content = encodable(content) if says_surrogate else content
        except MALFORMED:
            return {}
        return content if isinstance(content, dict) else {}

    @property
    def is_left_out(self) -> bool:
        """Whether its content was too much to be kept."""
        return self.body is None

    @property
    def is_idle(self) -> bool:
        """Whether this ends a request's outputs."""
        return self.type == "status" and self.content.get("execution_state") == "idle"

    @property
    def is_reply(self) -> bool:
        """Whether this answers a request on shell or control; one that was too much to be kept answers nothing."""
        return self.channel != "iopub" and self.type.endswith("_reply") and not self.is_left_out

    @property
    def is_loss(self) -> bool:
        """Whether this tells of output that will not come."""
        return self.type == LOST_OUTPUT and not self.is_left_out
