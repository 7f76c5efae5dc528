"""Brings our guards into a kernel that runs already, on a server that has started it in its own way.

What `start` does before a kernel runs is done here afterwards, as far as that goes: its output is bounded, `exit()` is
harmless, an interrupt stops code and nothing else. It holds for requests of our own sessions; a kernel may have others.
"""

from __future__ import annotations

import _thread
import codecs
import os
import signal
import sys
import threading
import time
from typing import Any

from . import INSPECT, failing_line, files, packing, start
from .guard import OutputGuard
from .inspecting import answer
from .interrupts import Interrupts
from .left_over import end_with_us
from .one_thread import INTERRUPTED
from .pace import Pace
from .sent import RECALL, Sent
from .text import HeadTail
from .threads import inherit_context

EXECUTE = "execute_request"

END = "codeagent_end_request"
"""Asks a kernel of ours, on control, to end at once: a server waits 5 s for one that does not answer."""

CANCEL = "codeagent_cancel_request"
"""Asks, on control, not to run requests that have not begun."""

KNOWN = "known"
UNSEEN = "unseen"


class Live:
    """What was brought into the kernel; there is one in a process.

    Args:
        shell: IPython's.
    """

    def __init__(self, shell: Any) -> None:
        self.app = shell.kernel.parent
        self.kernel = shell.kernel
        self.sessions: set[str] = set()
        self.sent = Sent()
        self.pace = Pace()
        self.send = self.app.session.send

    def is_ours(self, msg_id: str) -> bool:
        """Return whether a request is one of ours."""
        return self.sent.has_begun(msg_id)

    def take(self, message: dict[str, Any]) -> bool:
        """Return whether a request is to be handled: each of ours once, however often it comes."""
        header = message.get("header") or {}
        if header.get("msg_type") != EXECUTE or header.get("session") not in self.sessions:
            return True
        return self.sent.begin(header.get("msg_id", ""))

    def cancel(self, _stream: Any, _ident: Any, request: dict[str, Any]) -> None:
        """Count requests as seen, so that they are not run when their turn comes."""
        for msg_id in request["content"].get("ids", []):
            self.sent.begin(msg_id)

    def send_in_time(self, stream: Any, message: Any, *others: Any, **options: Any) -> Any:
        """Send a message, numbered, when the server will let it through."""
        if isinstance(message, dict):
            self.sent.take(message)
            self._wait(message)
        return self.send(stream, message, *others, **options)

    def _wait(self, message: dict[str, Any]) -> None:
        kind, content = message["msg_type"], message["content"]
        if kind == "status":
            if content.get("execution_state") == "idle":
                self.pace.reset()
        elif not kind.endswith("_reply"):
            size = len(content["text"]) if kind == "stream" else 0  # of others the server counts the number only
            while (rest := self.pace.rest(size)) > 0:
                time.sleep(rest)

    def again(self, msg_id: str, first: int, but: list[int]) -> tuple[str, int]:
        """Send once more what a request has caused, all on IOPub.

        Args:
            msg_id: The request.
            first: The first number that is wanted.
            but: Later ones that are not.

        Returns:
            Whether the request is known, and how many messages were sent.
        """
        if not self.is_ours(msg_id):
            return UNSEEN, 0
        messages = self.sent.again(msg_id, first, but)
        for message in messages:
            self._wait(message)
            # Under an id of its own: who reads older protocols refuses a signature that was there before.
            header = {**message["header"], "msg_id": self.app.session.msg_id}
            self.send(self.app.iopub_thread, {**message, "header": header, "msg_id": header["msg_id"]})
        return KNOWN, len(messages)


class SharedGuard(OutputGuard):
    """Bounds what our own requests cause, and nothing else.

    Args:
        live: Tells which are ours.
        limits: Those of `OutputGuard`.
    """

    def __init__(self, live: Live, *limits: int) -> None:
        super().__init__(*limits)
        self._live = live

    def budget(self, parent_id: str, stream: str) -> HeadTail:
        """Return the budget of a cell's stream."""
        return super().budget(parent_id, stream) if self._live.is_ours(parent_id) else HeadTail(sys.maxsize, 0)

    def guard(self, message: dict[str, Any]) -> bool:
        """Cut a message to size, in place; return whether to send it at all."""
        parent_id = (message.get("parent_header") or {}).get("msg_id", "")
        return not self._live.is_ours(parent_id) or super().guard(message)


def install(session: str, limits: tuple[int, int, int, int], *, owned: bool) -> str:
    """Guard what the requests of a session cause from now on; return the kernel's version of Python.

    Args:
        session: The session.
        limits: Those of `OutputGuard`; of a kernel that is guarded already they stay as they are.
        owned: Whether the kernel is that session's own, to be ended with all that it has started.
    """
    from IPython import get_ipython

    shell: Any = get_ipython()
    live = getattr(shell.kernel, "codeagent_live", None)
    if live is None:
        live = shell.kernel.codeagent_live = Live(shell)
        _guard(live, limits)
        live.kernel.control_handlers[CANCEL] = live.cancel
        live.kernel.control_handlers[INSPECT] = lambda *message: answer(live.kernel, *message)
    live.sessions.add(session)
    if owned:
        end_with_us()
        live.kernel.control_handlers[END] = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    return ".".join(map(str, sys.version_info[:3]))


def recall(msg_id: str, first: int, but: list[int]) -> tuple[str, int]:
    """Send once more what a request has caused; see `Live.again`."""
    from IPython import get_ipython

    shell: Any = get_ipython()
    live: Live = shell.kernel.codeagent_live
    return live.again(msg_id, first, but)


def _guard(live: Live, limits: tuple[int, int, int, int]) -> None:
    guard, interrupts = SharedGuard(live, *limits), Interrupts()
    live.app.session.send = live.send_in_time  # the guard in front of it: what it drops has no number
    guarded_stream = start.guarded_stream(guard, interrupts)
    streams: tuple[Any, ...] = (sys.stdout, sys.stderr)
    for stream in streams:
        _change(stream, guarded_stream)
    start.guard_kernel(live.app, guard, interrupts)
    start.spare_work(live.app)
    _interrupt_code_only(live, interrupts)
    inherit_context()


def _change(stream: Any, kind: Any) -> None:
    """Make a stream of ipykernel's one of ours, and relay what is written to its descriptor ourselves."""
    attributes = vars(stream) if isinstance(stream, kind.__mro__[2]) else None
    if attributes is None:  # code or another front end has put something in its place
        return
    stream.__class__ = kind
    attributes.pop("write", None)  # IPython 9 leaves ipykernel's own method in the instance
    attributes["_relaying"] = threading.Lock()  # what `Relaying.__init__` sets
    attributes["_decoder"] = codecs.getincrementaldecoder("utf-8")("replace")
    if attributes.get("_should_watch"):
        # A new pipe: ipykernel's thread goes on reading the old one, and cannot be ended. If something comes there, it
        # reads here once: hence without blocking, which ends it.
        reads, writes = os.pipe()
        os.set_blocking(reads, False)
        os.dup2(writes, attributes["_original_stdstream_fd"])
        os.close(writes)
        attributes["_fid"] = reads
        # Not a `Thread`: ipykernel 6 keeps who started one, and what it writes would always belong to this request.
        _thread.start_new_thread(kind._watch_pipe_fd, (stream,))  # noqa: SLF001


def _interrupt_code_only(live: Live, interrupts: Interrupts) -> None:
    kernel: Any = live.kernel
    execute, handles = kernel.do_execute, kernel.should_handle

    def pre_handler_hook() -> None:
        interrupts.expect()
        kernel.saved_sigint_handler = signal.signal(signal.SIGINT, interrupts.handle)

    def should_handle(stream: Any, message: Any, idents: Any) -> Any:
        return handles(stream, message, idents) if live.take(message) else False

    async def do_execute(*arguments: Any, **options: Any) -> Any:
        try:
            interrupts.begin()
            return await execute(*arguments, **options)
        except KeyboardInterrupt:
            interrupts.code_runs = False
            return {**INTERRUPTED, "execution_count": kernel.shell.execution_count - 1}
        finally:
            interrupts.code_runs = False

    kernel.pre_handler_hook, kernel.should_handle, kernel.do_execute = pre_handler_hook, should_handle, do_execute


__all__ = [
    "CANCEL",
    "END",
    "EXECUTE",
    "KNOWN",
    "RECALL",
    "UNSEEN",
    "failing_line",
    "files",
    "install",
    "packing",
    "recall",
]
