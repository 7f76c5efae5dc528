"""Decides who may use which of the model's slots, and in what order. Pure: knows no thread, socket or model.

A slot is a cache of one prompt. What is in it is the work of one client, and how fast a prompt is read tells whether
it was there already; so a slot that changes hands is read into from nothing.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turn:
    """The leave to use a slot.

    Args:
        slot: Its number.
        keeps_cache: Whether what is in it is the same client's.
    """

    slot: int
    keeps_cache: bool


@dataclass(frozen=True, slots=True)
class _Waiting:
    number: int
    client: str


class Slots:
    """The slots of one model.

    Args:
        count: How many there are.
    """

    def __init__(self, count: int) -> None:
        self._owners: list[str | None] = [None] * count
        self._used = [0] * count
        self._running: dict[int, _Waiting] = {}
        self._waiting: list[_Waiting] = []
        self._served: dict[str, int] = {}
        self._number = 0

    def ask(self, client: str) -> int:
        """Queue a request of a client; return its number."""
        self._number += 1
        self._waiting.append(_Waiting(self._number, client))
        return self._number

    def turn(self, number: int) -> Turn | None:
        """Return the slot that a request may use now, None if it has to wait.

        A client has one request running at a time, and the one that was served longest ago is next: who asks for ten
        at once holds nobody up for more than one.
        """
        mine = self._next()
        if mine is None or mine.number != number:
            return None
        slot = self._slot_for(mine.client)
        turn = Turn(slot, keeps_cache=self._owners[slot] == mine.client)
        self._waiting.remove(mine)
        self._running[slot], self._owners[slot] = mine, mine.client
        self._number += 1
        self._used[slot] = self._served[mine.client] = self._number
        return turn

    def leave(self, number: int) -> None:
        """Take a request out, whether it waits or runs."""
        self._waiting = [each for each in self._waiting if each.number != number]
        self._running = {slot: each for slot, each in self._running.items() if each.number != number}

    def forget(self, client: str) -> None:
        """Free the slots of a client that is gone; nobody goes on from what it left in them."""
        self._owners = [None if owner == client else owner for owner in self._owners]
        self._served.pop(client, None)

    def _next(self) -> _Waiting | None:
        if len(self._running) == len(self._owners):
            return None
        busy = {each.client for each in self._running.values()}
        ready = [each for each in self._waiting if each.client not in busy]
        return min(ready, key=lambda each: (self._served.get(each.client, 0), each.number), default=None)

    def _slot_for(self, client: str) -> int:
        """Return the client's own slot, else one of nobody's, else the one unused for longest."""
        free = [slot for slot in range(len(self._owners)) if slot not in self._running]
        rank = {client: 0, None: 1}
        return min(free, key=lambda slot: (rank.get(self._owners[slot], 2), self._used[slot]))
