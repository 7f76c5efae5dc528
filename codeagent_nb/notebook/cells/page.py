"""The page that shows the notebook, reached through the extension in `labextension/`: one message, one answer.

A message without an answer is no error: the page may be loading, closed, or without the extension. Messages may be
repeated, so a lost answer does no harm. The page gives a task a token, by which it knows the task again over another
comm; it refuses what the user has not asked for in that page. Knows the comm; nothing of cells.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from codeagent_nb.notebook.cells.diff import Change

TARGET = "codeagent_cells"
PROTOCOL = 4

OTHER_VERSION = "the page has another version of the extension codeagent-nb than this kernel: load the page again"

HELLO_PATIENCE = 1.5
"""Seconds for a page to say that it is there; it takes 0.02, and where there is no extension nobody answers."""
PATIENCE = 3.0
"""Seconds for changes; 100 cells at once took 1.1. After that the page is asked whether it is still there."""


class Comm(Protocol):
    """What is needed of a comm."""

    def send(self, data: dict[str, Any]) -> None:
        """Send a message to all front ends."""
        ...

    def on_msg(self, callback: Callable[[dict[str, Any]], None]) -> None:
        """Call back with each message of a front end, on any thread."""
        ...

    def close(self, data: dict[str, Any] | None = None) -> None:
        """End the conversation, with a last message."""
        ...


def open_comm() -> Comm:
    """Open a comm to all front ends of this kernel."""
    from comm import create_comm

    comm: Comm = create_comm(target_name=TARGET, data={"protocol": PROTOCOL})
    return comm


def listen(receive: Callable[[Comm, dict[str, Any]], object]) -> Callable[[], None]:
    """Call back with each comm that a page opens, and what it asks, on any thread; return a function that ends this."""
    from comm import get_comm_manager

    def opened(comm: Comm, message: dict[str, Any]) -> None:
        asked = message.get("content", {}).get("data")
        receive(comm, asked if isinstance(asked, dict) else {})

    manager = get_comm_manager()
    manager.register_target(TARGET, opened)

    def end() -> None:
        manager.unregister_target(TARGET, opened)

    return end


@dataclass(frozen=True, slots=True)
class Standing:
    """A cell as it stands in the notebook.

    Args:
        id: Its id.
        source: Its text.
        cell_type: As in nbformat.
    """

    id: str
    source: str
    cell_type: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a page says of its notebook.

    Args:
        read_only: True if it cannot be saved.
        ids: The ids of all its cells, from above.
        cells: Those the task may change or replace.
        theirs: Cells that the agent made, and that the user has changed, run or kept since.
        marked: Ids of others that bear the mark of this task's cell; the page has not written them, as far as it knows.
    """

    read_only: bool
    ids: Sequence[str]
    cells: Sequence[Standing]
    theirs: Sequence[Standing] = ()
    marked: frozenset[str] = frozenset()

    @property
    def made(self) -> Sequence[Standing]:
        """All that the agent made, from above."""
        return sorted([*self.cells, *self.theirs], key=lambda cell: self.ids.index(cell.id))


@dataclass(frozen=True, slots=True)
class Left:
    """What a page has not changed.

    Args:
        gone: Ids of cells that are not there.
        detached: Ids of cells that the user has changed or run: they are the user's now.
        adopted: Ids of cells of an earlier run that this one may change; the others that it reuses are the user's.
    """

    gone: frozenset[str] = frozenset()
    detached: frozenset[str] = frozenset()
    adopted: frozenset[str] = frozenset()


@dataclass(slots=True)
class Page:
    """A page of one notebook. Belongs to one event loop.

    Args:
        anchor: The cell below which is written; None writes at the notebook's end.
        client: Who acts: the session id of the front end that ran the cell. All of them hear every message.
        connect: Opens a comm.
        home: A cell that the notebook has: other notebooks may have the same kernel.
    """

    anchor: str | None
    client: str
    connect: Callable[[], Comm] = open_comm
    home: str | None = None
    _comm: Comm | None = None
    _token: str | None = None
    _numbers: "count[int]" = field(default_factory=lambda: count(1))
    _waiting: dict[int, "asyncio.Future[dict[str, Any]]"] = field(default_factory=dict)

    async def find(self) -> Found | None:
        """Look for the page that ran the cell; None if it does not answer.

        Raises:
            PageError: It speaks another version of the protocol, or has not been asked for this task.
        """
        return await self._hello(self.client)

    async def find_another(self) -> Found | None:
        """Look for the page that knows the task: it was loaded again, or the panel is in another window by now.

        Raises:
            PageError: As `find`.
        """
        return await self._hello(None)

    def has(self, token: object) -> bool:
        """Return whether it knows its task by this token."""
        return self._token is not None and token == self._token

    async def turn(self, *, taken_back: bool) -> bool:
        """Have the cells of the task, which has ended, marked as those of one that was taken back, or no longer so.

        Returns:
            Whether a page that knows the task has answered.

        Raises:
            PageError: It could not be done.
        """
        for to in (self.client, None):  # loaded again, it has another address
            self._connect()
            asked = {"op": "turn", "to": to, "token": self._token, "taken_back": taken_back}
            answer = await self._ask(asked, HELLO_PATIENCE)
            self.close()
            if answer and (answer.get("ok") or to is None):
                break
        if answer and not answer.get("ok"):
            raise PageError(str(answer.get("error")).rstrip("."))
        return answer is not None

    def _connect(self) -> None:
        self.leave()  # a page that was loaded again does not know it; Jupyter notes that as an error, and goes on
        self._comm = self.connect()
        self._comm.on_msg(_Receiver(asyncio.get_running_loop(), self._receive))

    async def _hello(self, to: str | None) -> Found | None:
        self._connect()
        where = {"anchor": self.anchor, "home": self.home, "token": self._token}
        answer = await self._ask({"op": "hello", "to": to, **where}, HELLO_PATIENCE)
        if answer is None:
            return None
        if answer.get("protocol") != PROTOCOL:
            raise PageError(OTHER_VERSION)
        if not answer.get("ok"):
            raise PageError(str(answer.get("error")))
        if found := _found(answer):
            self.client = str(answer.get("client", self.client))
            self._token = str(answer.get("token") or "") or self._token
        return found

    async def apply(self, changes: Sequence[Change]) -> Left | None:
        """Have changes made; None if nobody answers.

        Raises:
            PageError: The page could not make them.
        """
        answer = await self._ask({"op": "apply", "to": self.client, "changes": list(changes)}, PATIENCE)
        if answer is None:
            return None
        if not answer.get("ok"):
            raise PageError(str(answer.get("error")))
        try:
            return Left(*(frozenset(answer[name]) for name in ("gone", "detached", "adopted")))
        except (KeyError, TypeError) as error:
            raise PageError("its answer cannot be read") from error

    async def read(self, ids: Sequence[str]) -> dict[str, str] | None:
        """Return what stands in cells of code that wait for approval; None if nobody answers.

        Raises:
            PageError: The page refuses.
        """
        answer = await self._ask({"op": "read", "to": self.client, "ids": list(ids)}, PATIENCE)
        if answer is None:
            return None
        sources = answer.get("sources")
        if not answer.get("ok") or not isinstance(sources, dict):
            raise PageError(str(answer.get("error")))
        return {str(name): str(text) for name, text in sources.items()}

    async def _ask(self, message: dict[str, Any], patience: float) -> dict[str, Any] | None:
        if self._comm is None:
            return None
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._comm.send({"seq": number, **message})
            return await asyncio.wait_for(self._waiting[number], patience)
        except TimeoutError:
            return None
        finally:
            del self._waiting[number]

    def _receive(self, answer: dict[str, Any]) -> None:
        number = answer.get("re")
        waiting = self._waiting.get(number) if isinstance(number, int) else None
        if waiting and not waiting.done():
            waiting.set_result(answer)

    def close(self) -> None:
        """End the task; its cells stay, and the page changes them no more."""
        if self._comm:
            self._comm.close()
            self._comm = None

    def leave(self) -> None:
        """End the conversation; the task may go on in another."""
        if self._comm:
            self._comm.close({"goes_on": True})
            self._comm = None


def _found(answer: dict[str, Any]) -> Found | None:
    """Read a greeting; None if it is no such thing."""
    try:
        cells, theirs = (
            [Standing(cell["id"], cell["source"], cell["cell_type"]) for cell in answer[name]]
            for name in ("cells", "theirs")
        )
        found = Found(bool(answer["read_only"]), list(answer["ids"]), cells, theirs, frozenset(answer["marked"]))
    except (KeyError, TypeError):
        return None
    return found if {cell.id for cell in (*cells, *theirs)} <= {*found.ids} else None


class PageError(Exception):
    """The page could not make a change; its message says why."""


@dataclass(frozen=True, slots=True)
class _Receiver:
    """Takes a message in on whatever thread it comes, and hands it to the loop."""

    loop: asyncio.AbstractEventLoop
    receive: Callable[[dict[str, Any]], None]

    def __call__(self, message: dict[str, Any]) -> None:
        data = message.get("content", {}).get("data")
        if isinstance(data, dict):
            self.loop.call_soon_threadsafe(self.receive, data)
