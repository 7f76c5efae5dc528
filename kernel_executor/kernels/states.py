"""The checkpoints that somebody has asked for. Knows no kernel."""

from dataclasses import dataclass

from kernel_executor.aio.tasks import in_thread
from kernel_executor.errors import NoCheckpoint
from kernel_executor.kernels.history import Past
from kernel_executor.kernels.marks import Mark
from kernel_executor.limits.usage import whole_memory
from kernel_executor.types import Checkpoint

SHARE = 4
"""They may hold a quarter of the machine's memory together; what they share with others counts by its part."""

MOST = 20
"""The oldest goes when there is one more."""


@dataclass(frozen=True, slots=True)
class State:
    """A state that was asked to be kept.

    Args:
        mark: What brings it back.
        past: What had made it.
    """

    mark: Mark
    past: Past


class States:
    """Keeps checkpoints, the newest of them."""

    def __init__(self) -> None:
        self._next = 1
        self._states: dict[int, State] = {}

    async def add(self, state: State) -> Checkpoint:
        """Keep one more."""
        number, self._next = self._next, self._next + 1
        self._states[number] = state
        while len(self._states) > 1 and (len(self._states) > MOST or await in_thread(self._are_too_much)):
            self._drop(min(self._states))
        return Checkpoint(number)

    def _are_too_much(self) -> bool:
        """Look whether they hold too much memory: page by page, 15 ms for 1 GB, only where they may."""
        marks = [state.mark for state in self._states.values()]
        there = [mark.held for mark in marks if mark.held and mark.is_there]
        most = whole_memory() // SHARE
        return sum(held.memory for held in there) > most and sum(held.part_of_memory for held in there) > most

    def find(self, checkpoint: Checkpoint) -> State:
        """Return one.

        Raises:
            NoCheckpoint: It is not there any more.
        """
        state = self._states.get(checkpoint.number)
        if state is None or not state.mark.is_there:
            raise NoCheckpoint(
                f"checkpoint {checkpoint.number} is not there any more: the newest {MOST} are kept, "
                "as long as the sandbox lives that they are in; take another one"
            )
        return state

    def _drop(self, number: int) -> None:
        mark = self._states.pop(number).mark
        if mark.held:
            mark.held.close()

    def close(self) -> None:
        """Drop all."""
        for number in tuple(self._states):
            self._drop(number)
