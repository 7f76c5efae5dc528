"""Starts a kernel on a server so that none is left there that nobody knows. Knows no websocket and no messages."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from kernel_executor.aio.tasks import ended, uninterrupted
from kernel_executor.remote.rest import ATTEMPTS, NOT_SENT, PASSING, PAUSE, Api, ServerError

GATEWAY_TIMEOUT = 504
"""A proxy's answer to what takes longer than it waits: the server is still at it."""

LOOKED_FOR, SLOW_START = 3.0, 120.0
"""Seconds in which a kernel may appear that was asked for without an answer, and after a proxy has lost patience. One
that is being started is in no server's list, and a second question in that time starts a second process."""

LOOK_EVERY = 1.0
"""Seconds between two looks, at most."""

PARTING = 10.0
"""Seconds to wait for an answer to a start that is cancelled: before it there is nothing to end."""

ENDINGS = 3
"""Attempts to end one that is not there yet."""


async def start_kernel(api: Api, kernel_id: str, name: str, path: str, env: Mapping[str, str]) -> str:
    """Start a kernel; return its id, which is the one asked for if the server takes one from a client.

    Where it did not answer, it is looked whether a kernel of that id is there, and asked once more if not, unless a
    proxy has lost patience: the server is still at it. Who gets no id, because of an error or a cancellation, has no
    kernel there, either, as far as that can be done; an error names one that may still come.

    Raises:
        ServerError: It refused, or did not answer.
    """
    wanted: dict[str, Any] = {"name": name, "kernel_id": kernel_id}
    wanted |= {"path": path} if path else {}
    wanted |= {"env": dict(env)} if env else {}
    work = asyncio.ensure_future(_started(api, wanted))
    try:
        return await asyncio.shield(work)
    except BaseException as error:
        if _is_refusal(error):
            raise
        has_ended = await uninterrupted(_leave_none(api, kernel_id, work))
        if has_ended or not isinstance(error, ServerError) or _is_definite(error):
            raise
        raise ServerError(f"{error}. {_may_come(wanted)}", error.status) from error


async def _started(api: Api, wanted: dict[str, Any]) -> str:
    kernel_id = str(wanted["kernel_id"])
    for attempt in range(ATTEMPTS):
        try:
            if told := await api.post_kernel(wanted):
                return told
        except ServerError as error:
            if error.status != NOT_SENT:
                # Without an id of ours there is nothing to look for, and a second one must not be started.
                if _is_definite(error) or "kernel_id" not in wanted:
                    raise
                is_at_it = error.status == GATEWAY_TIMEOUT
                if await _appears(api, kernel_id, SLOW_START if is_at_it else LOOKED_FOR):
                    return kernel_id
                if is_at_it:
                    raise
            if attempt + 1 == ATTEMPTS:
                raise
            await asyncio.sleep(PAUSE * 2**attempt)
        else:
            # In gateway mode a server takes an id for that of a kernel that runs, finds none, and starts none.
            wanted.pop("kernel_id", None)
    raise ServerError(f"{api.server} did not name the kernel it started: is it a Jupyter server?")


async def _appears(api: Api, kernel_id: str, seconds: float) -> bool:
    """Return whether a kernel is in the server's list, now or within so many seconds."""
    loop, pause = asyncio.get_running_loop(), PAUSE
    deadline = loop.time() + seconds
    while await api.kernel(kernel_id) is None:
        if loop.time() > deadline:
            return False
        await asyncio.sleep(pause)
        pause = min(2 * pause, LOOK_EVERY)
    return True


def _may_come(wanted: Mapping[str, Any]) -> str:
    """Return what becomes of a kernel that starts when nobody waits for it any more."""
    if "kernel_id" not in wanted:
        return "A kernel may have been started all the same, whose id is not known: see the server's list of kernels"
    kernel_id = wanted["kernel_id"]
    return (
        f"Should it start kernel {kernel_id} yet, nobody uses it: shut it down on the server, or take it with "
        f"kernel_id={kernel_id!r}"
    )


async def _leave_none(api: Api, kernel_id: str, work: "asyncio.Task[str]") -> bool:
    """End the kernel that a start may have left on the server; return whether there was one."""
    await asyncio.wait({work}, timeout=PARTING)
    work.cancel()
    await ended(work)
    if not work.cancelled():
        error = work.exception()
        if _is_refusal(error):
            return False
        kernel_id = kernel_id if error else work.result()
    with suppress(ServerError):  # the first error, or the cancellation, is what is told
        for attempt in range(ENDINGS):
            await asyncio.sleep(PAUSE * attempt)
            if await api.end(kernel_id):
                return True
    return False


def _is_refusal(error: BaseException | None) -> bool:
    """Return whether it tells that no kernel was started."""
    return isinstance(error, ServerError) and (error.status == NOT_SENT or 400 <= error.status < 500)


def _is_definite(error: ServerError) -> bool:
    """Return whether it is the server's own answer, and no proxy's instead of it."""
    return error.status > 0 and error.status not in PASSING
