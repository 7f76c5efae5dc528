"""What our guard is asked about a request, and what it answers. Pure: knows no connection."""

import ast
from typing import Any

from kernel_executor import in_kernel
from kernel_executor.in_kernel.live import KNOWN, UNSEEN
from kernel_executor.remote.request import Request


def message_of(session: str, msg_type: str, msg_id: str, content: dict[str, Any]) -> dict[str, Any]:
    """Return a request as a message.

    Args:
        session: Whose it is.
        msg_type: Its type.
        msg_id: Its id.
        content: What is asked for.
    """
    header = {
        "msg_id": msg_id,
        "msg_type": msg_type,
        "session": session,
        "username": "codeagent",
        "date": "2000-01-01T00:00:00Z",  # must be one, and is read by nobody
        "version": "5.3",
    }
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content}


def question(request: Request, *, guarded: bool) -> dict[str, Any]:
    """Return the content of a request that asks for what is missing of another one.

    Without our guard nothing is asked: that it is answered tells that the kernel has come so far.
    """
    missing = f"{request.id!r}, {request.sequence.next}, {request.sequence.waiting}"
    code = f'__import__("{in_kernel.MODULE}.live").live.recall({missing})'
    return {
        "code": "",
        "silent": True,
        "store_history": False,
        "user_expressions": {"value": code} if guarded else {},
        "allow_stdin": False,
        "stop_on_error": False,
    }


def answer_of(reply: dict[str, Any]) -> tuple[str, int]:
    """Return what the guard has answered, and how much it has sent again; nothing if it has not answered."""
    try:
        state, sent = ast.literal_eval(reply["user_expressions"]["value"]["data"]["text/plain"])
        return (state, int(sent)) if state in {KNOWN, UNSEEN} else ("", 0)
    except (KeyError, TypeError, ValueError, SyntaxError, RecursionError, MemoryError):
        return "", 0
