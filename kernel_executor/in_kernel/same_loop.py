"""Makes the event loop of a kernel that was forked usable in the fork: it stays the same object, which code may have.

`loop = asyncio.get_running_loop()` in a variable, a lock that somebody has waited for: with another loop they would be
dead, and nothing would say so.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Iterator
from typing import Any


def why_not(loop: Any, own: frozenset[int]) -> Iterator[str]:
    """Yield what of a loop would not be in a fork.

    Args:
        loop: The loop, which is not running.
        own: Descriptors that are the kernel's, and will be registered again.
    """
    if any(not handle.cancelled() for handle in getattr(loop, "_scheduled", ())):
        yield "a call is scheduled in the event loop"
    if getattr(loop, "_signal_handlers", None):
        yield "the event loop waits for a signal"
    selector = getattr(loop, "_selector", None)
    watched = frozenset(selector.get_map() or ()) if selector else frozenset()
    if watched - own:
        yield "the event loop waits for a descriptor of the code's own"


def let_go(loop: Any) -> None:
    """Close what a loop has of the system, in a fork: only there, though the live kernel has the same epoll."""
    if not is_known(loop):
        return
    loop._selector.close()  # noqa: SLF001 - of each loop, for years
    for end in (loop._ssock, loop._csock):  # noqa: SLF001
        end.detach()
    loop._ready.clear()  # noqa: SLF001
    loop._scheduled.clear()  # noqa: SLF001
    loop._timer_cancelled_count = 0  # noqa: SLF001


def renew(loop: Any) -> None:
    """Open a selector of its own for a loop that has let go of the other one."""
    if not is_known(loop):
        asyncio.set_event_loop(asyncio.new_event_loop())
        return
    loop._selector = selectors.DefaultSelector()  # noqa: SLF001
    loop._internal_fds = 0  # noqa: SLF001
    loop._make_self_pipe()  # noqa: SLF001
    _forget_in_tornado(loop)


def is_known(loop: object) -> bool:
    """Return whether it is one of asyncio's own: uvloop's has its descriptors elsewhere."""
    return isinstance(loop, asyncio.selector_events.BaseSelectorEventLoop)


def _forget_in_tornado(loop: Any) -> None:
    """Have Tornado make another loop of its own around it: the old one knows descriptors that are closed."""
    from tornado.ioloop import IOLoop

    IOLoop._ioloop_for_asyncio.pop(loop, None)  # noqa: SLF001
