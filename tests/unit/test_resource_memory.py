"""What processes use together, and how often all their pages are looked at for it: with numbers that the test makes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from kernel_executor.limits import memory, usage
from kernel_executor.limits.memory import LONGEST, SHARE, MemoryUse
from kernel_executor.limits.usage import Memory

MOST = 1_000


@dataclass
class Machine:
    """Processes that share `common` bytes of what they have, and what looks at them have cost."""

    own: dict[int, Memory] = field(default_factory=dict)
    fair: Callable[[Memory], Memory | None] = lambda own: Memory(own.private // 4, own.shared // 4)
    available: int = 5_000
    now: float = 100.0
    close_look: float = 0.1
    closely: int = 0

    def proportional(self, pid: int) -> Memory | None:
        self.closely += 1
        self.now += self.close_look / len(self.own)
        return self.fair(self.own[pid])

    def use(self, most: int = MOST) -> Callable[..., int]:
        use = MemoryUse(most)
        return lambda files=0: use.look([*self.own], files)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(usage, "own_memory", lambda pid: machine.own[pid])
    monkeypatch.setattr(usage, "proportional_memory", machine.proportional)
    monkeypatch.setattr(usage, "available_memory", lambda: machine.available)
    monkeypatch.setattr(memory, "time", SimpleNamespace(monotonic=lambda: machine.now))
    return machine


def test_pages_are_not_looked_at_while_there_is_enough_or_one_process_has_too_much(machine: Machine) -> None:
    machine.own = {1: Memory(400, 100), 2: Memory(400, 50)}
    assert machine.use()() == 950
    assert machine.use()(200) == 1_000
    machine.own = {1: Memory(900, 200), 2: Memory(900)}
    assert machine.use()() == 1_100
    assert machine.use()(300) == 1_200
    assert machine.closely == 0


def test_what_forks_share_counts_once(machine: Machine) -> None:
    machine.own = dict.fromkeys(range(4), Memory(600, 100))
    assert machine.use()() == 700
    assert machine.use()(350) == 950
    machine.fair = lambda _own: None  # not ours to see
    assert machine.use()() == 2_800


def test_files_in_memory_that_are_mapped_count_once(machine: Machine) -> None:
    machine.own = {1: Memory(100, 800)}
    assert machine.use()(800) == 900


def test_pages_are_looked_at_again_when_that_is_worth_it(machine: Machine) -> None:
    machine.own = dict.fromkeys(range(4), Memory(600))
    look = machine.use()
    look()
    machine.now += SHARE * 0.1 - 0.01
    look()
    assert machine.closely == 4
    machine.now += 0.02
    look()
    assert machine.closely == 8


def test_pages_are_looked_at_at_once_when_the_machine_has_lost_what_was_left(machine: Machine) -> None:
    machine.own = dict.fromkeys(range(4), Memory(600))
    look = machine.use()
    assert look() == 600
    machine.available += 500  # somebody else's
    look()
    machine.available -= 399
    look()
    assert machine.closely == 4
    machine.available -= 1
    machine.fair = lambda own: Memory(own.private // 2)  # they have written to what they had in common
    assert look() == 1_200
    assert machine.closely == 8


def test_a_system_that_tells_nothing_is_looked_at_each_time(machine: Machine) -> None:
    machine.own, machine.available = dict.fromkeys(range(4), Memory(600)), 0
    look = machine.use()
    look()
    look()
    assert machine.closely == 8


def test_however_long_it_takes_it_is_done_again_some_time(machine: Machine) -> None:
    machine.own, machine.close_look = dict.fromkeys(range(4), Memory(600)), 60.0
    look = machine.use()
    look()
    machine.now += LONGEST + 0.01
    look()
    assert machine.closely == 8
