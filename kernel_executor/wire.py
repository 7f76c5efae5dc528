"""A typed view of Jupyter messages; the only file that indexes raw message dicts. Knows no sockets."""

from dataclasses import dataclass
from typing import Any, Literal

Channel = Literal["shell", "control", "iopub"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message from a kernel.

    Args:
        channel: Where it came in.
        type: Its `msg_type`.
        parent_id: `msg_id` of the request that caused it, or "".
        content: Its content, unchecked.
    """

    channel: Channel
    type: str
    parent_id: str
    content: dict[str, Any]

    @classmethod
    def parse(cls, channel: Channel, header: Any, parent: Any, content: Any) -> "Message":
        """Read the parts of a message, as JSON gives them.

        Raises:
            KeyError: It has no type.
            TypeError: Its header is none.
        """
        parent_id = parent.get("msg_id") if isinstance(parent, dict) else ""
        return cls(
            channel,
            str(header["msg_type"]),
            parent_id if isinstance(parent_id, str) else "",
            content if isinstance(content, dict) else {},
        )

    @property
    def is_idle(self) -> bool:
        """Say whether this ends a request's outputs."""
        return self.type == "status" and self.content.get("execution_state") == "idle"

    @property
    def is_reply(self) -> bool:
        """Say whether this answers a request on shell or control."""
        return self.channel != "iopub" and self.type.endswith("_reply")
