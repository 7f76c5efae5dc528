"""Knows which clients there are, whose turn it is, and when the last one has gone. Knows threads; no HTTP, no model."""

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator

from .slots import Slots, Turn

LOOK = 0.2
"""Seconds between two looks at whether who waits is still there."""


class Gone(Exception):  # noqa: N818 - named after the event
    """A client has left while its request waited."""


class Clients:
    """The clients of one server.

    Args:
        slots: What they share.
    """

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._tokens: set[str] = set()
        self._changed = threading.Condition()
        self._alone_since = time.monotonic()
        self._starter = True

    def enter(self) -> str:
        """Return the token of a new client."""
        with self._changed:
            token = secrets.token_urlsafe(32)
            self._tokens.add(token)
            return token

    def leave(self, token: str) -> None:
        """End a token; its requests that run are ended by who relays them."""
        with self._changed:
            self._tokens.discard(token)
            self._slots.forget(token)
            self._alone_since = time.monotonic()
            self._changed.notify_all()

    def starter_left(self) -> None:
        """Note that who started the server does not hold it by this any more: it has a token, or has gone."""
        with self._changed:
            self._starter, self._alone_since = False, time.monotonic()

    def knows(self, token: str) -> bool:
        """Return whether a token is that of a client who is there."""
        with self._changed:
            return any([secrets.compare_digest(token, each) for each in self._tokens])  # noqa: C419 - all, in any case

    def alone_for(self) -> float:
        """Return for how many seconds nobody has been there; 0 if somebody is."""
        with self._changed:
            return 0.0 if self._starter or self._tokens else time.monotonic() - self._alone_since

    @contextlib.contextmanager
    def turn(self, token: str, is_there: Callable[[], bool]) -> Iterator[Turn]:
        """Wait for a turn, and end it on leaving.

        Args:
            token: The client's.
            is_there: Returns whether who asked still waits.

        Raises:
            Gone: It does not.
        """
        with self._changed:
            number = self._slots.ask(token)
        try:
            yield self._wait(number, is_there)
        finally:
            with self._changed:
                self._slots.leave(number)
                if token not in self._tokens:  # it has gone meanwhile: nobody goes on from this
                    self._slots.forget(token)
                self._changed.notify_all()

    def _wait(self, number: int, is_there: Callable[[], bool]) -> Turn:
        with self._changed:
            while True:
                if not is_there():
                    raise Gone
                if turn := self._slots.turn(number):
                    self._changed.notify_all()  # there may be another slot for the next one
                    return turn
                self._changed.wait(LOOK)
