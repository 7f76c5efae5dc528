"""The system call filter, run by an interpreter of its bytes: for every call and argument the table's verdict."""

import errno
import re
import struct
from functools import cache
from pathlib import Path
from typing import NamedTuple, get_args

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from kernel_executor.sandbox.isolation import shows_filter
from kernel_executor.sandbox.seccomp import ALLOW, AUDIT_ARCH, FAIL, filter_of
from kernel_executor.sandbox.system_calls import (
    ALONE,
    NEWEST,
    NUMBERS,
    REFUSALS,
    Condition,
    Machine,
    Refusal,
    refusals_of,
)

MACHINES: tuple[Machine, ...] = get_args(Machine)


class Program(NamedTuple):
    """A filter: for which machine, and whether it is alone beside Landlock."""

    machine: Machine
    alone: bool

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        return ALONE if self.alone else REFUSALS


PROGRAMS = [Program(machine, alone) for machine in MACHINES for alone in (False, True)]
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
KILL = 0x8000_0000
X32 = 0x4000_0000


@cache
def refusals_by_number(program: Program) -> dict[int, list[Refusal]]:
    found: dict[int, list[Refusal]] = {}
    for number, refusal in refusals_of(program.machine, program.refusals):
        found.setdefault(number, []).append(refusal)
    return found


@cache
def instructions_of(program: Program) -> list[tuple[int, int, int, int]]:
    return list(struct.iter_unpack("=HBBI", filter_of(program.machine, program.refusals)))


def verdict(program: Program, number: int, arch: int, arguments: tuple[int, ...]) -> int:
    """Run a machine's program as the kernel does."""
    data = struct.pack("=iIQ6Q", number, arch, 0, *arguments)
    instructions = instructions_of(program)
    place, accumulator = 0, 0
    while True:
        code, holds, fails, constant = instructions[place]
        place += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, constant)
            case 0x54:
                accumulator &= constant
            case 0x15:
                place += holds if accumulator == constant else fails
            case 0x25:
                place += holds if accumulator > constant else fails
            case 0x05:
                place += constant
            case 0x06:
                return int(constant)
            case _:
                return KILL


def holds(condition: Condition, arguments: tuple[int, ...]) -> bool:
    return (arguments[condition.argument] & 0xFFFF_FFFF & condition.mask in condition.values) == condition.is_in


def expected(program: Program, number: int, arguments: tuple[int, ...]) -> int:
    if not 0 <= number <= NEWEST:
        return FAIL | errno.ENOSYS
    for refusal in refusals_by_number(program).get(number, []):
        if all(holds(each, arguments) for each in refusal.conditions):
            return FAIL | refusal.error
    return ALLOW


VALUES = sorted({value for refusal in ALONE for each in refusal.conditions for value in each.values})
MASKS = sorted({each.mask for refusal in ALONE for each in refusal.conditions})
BITS = [1 << bit for bit in range(64)]
words = st.integers(0, 2**64 - 1) | st.sampled_from([*VALUES, *MASKS, *BITS])
argument = st.builds(lambda one, other: one | other, words, words) | words | st.sampled_from(VALUES)
interesting = sorted({number for pair in NUMBERS.values() for number in pair if number is not None})
numbers = st.sampled_from(interesting) | st.integers(-1, NEWEST + 100) | st.integers(-(2**31), 2**31 - 1)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PROGRAMS), numbers, st.tuples(*[argument] * 6))
def test_the_verdict_is_the_tables(program: Program, number: int, arguments: tuple[int, ...]) -> None:
    assert verdict(program, number, AUDIT_ARCH[program.machine], arguments) == expected(program, number, arguments)


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_number_with_every_value_of_the_table(program: Program) -> None:
    """In each place that is looked at."""
    for number in interesting:
        for value in (0, *VALUES, *BITS[:32]):
            for place in range(3):
                arguments = tuple(value if at == place else 2 * (at == 0) for at in range(6))
                found = verdict(program, number, AUDIT_ARCH[program.machine], arguments)
                assert found == expected(program, number, arguments), (number, arguments)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PROGRAMS), st.integers(0, 2**32 - 1), numbers, st.tuples(*[argument] * 6))
def test_a_foreign_machine_finds_no_call(program: Program, arch: int, number: int, arguments: tuple[int, ...]) -> None:
    """The numbers of i386 mean other calls: its `keyctl` is what x86_64 names 288."""
    if arch != AUDIT_ARCH[program.machine]:
        assert verdict(program, number, arch, arguments) == FAIL | errno.ENOSYS


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PROGRAMS), st.integers(0, 2**30 - 1), st.tuples(*[argument] * 6))
def test_no_call_of_x32_is_found(program: Program, number: int, arguments: tuple[int, ...]) -> None:
    assert verdict(program, X32 | number, AUDIT_ARCH[program.machine], arguments) == FAIL | errno.ENOSYS


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PROGRAMS), numbers, st.tuples(*[argument] * 6), st.tuples(*[st.integers(0, 2**32 - 1)] * 6))
def test_the_upper_halves_of_arguments_change_nothing(
    program: Program, number: int, arguments: tuple[int, ...], upper: tuple[int, ...]
) -> None:
    """The kernel ignores them: with them Flatpak's and snapd's filter for TIOCSTI were once passed by."""
    arch = AUDIT_ARCH[program.machine]
    other = tuple(low & 0xFFFF_FFFF | high << 32 for low, high in zip(arguments, upper, strict=True))
    assert verdict(program, number, arch, arguments) == verdict(program, number, arch, other)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_kernel_takes_the_program(program: Program) -> None:
    """Its own checks: bounded in length, each jump within it, a return at the end of every way."""
    instructions = instructions_of(program)
    assert len(instructions) < 4096
    for place, (code, taken, not_taken, constant) in enumerate(instructions):
        farthest = place + 1 + (constant if code == 0x05 else max(taken, not_taken))
        assert farthest < len(instructions) or code == 0x06
        assert code != 0x20 or (constant % 4 == 0 and constant < 64)
    assert instructions[-1] == (0x06, 0, 0, ALLOW)


@pytest.mark.parametrize("program", PROGRAMS)
def test_most_calls_are_decided_by_their_number_alone(program: Program) -> None:
    """So the kernel need not run the program for them: only these have a look at their arguments."""
    machine = program.machine
    looked_at = {number for number, refusal in refusals_of(machine, program.refusals) if refusal.conditions}
    names = {name for name, pair in NUMBERS.items() if pair[machine == "aarch64"] in looked_at}
    everywhere = {"socket", "socketpair", "clone", "unshare", "personality", "ioctl", "mknodat"}
    scheduling = {"prlimit64", "setpriority", "ioprio_set", "sched_setscheduler", "sched_setparam", "sched_setattr"}
    scheduling.add("sched_setaffinity")
    files = {"fcntl", "utimensat"}
    older = {"mknod"} | ({"utime", "utimes", "futimesat"} if program.alone else set())
    wanted = everywhere | scheduling | files if program.alone else everywhere
    assert names == (wanted | older if machine == "x86_64" else wanted)


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_those_of_the_systems_headers(machine: Machine) -> None:
    header = HEADERS[machine]
    if not header.exists():
        pytest.skip(f"{header} is not installed")
    found = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)$", header.read_text(), re.MULTILINE))
    known = {name: pair[machine == "aarch64"] for name, pair in NUMBERS.items()}
    assert {name: number for name, number in known.items() if name in found and int(found[name]) != number} == {}
    newest = max(int(number) for number in found.values() if int(number) < 512)
    missing = {name for name, number in known.items() if name not in found and number is not None}
    assert all((known[name] or 0) > newest for name in missing), missing


def test_a_filter_is_told_of_only_if_it_is_not_our_own() -> None:
    """In a container we may have one ourselves, and whatever we start has it, too."""
    none, one, two = (f"Seccomp:\t{2 * bool(count)}\nSeccomp_filters:\t{count}\n" for count in (0, 1, 2))
    assert shows_filter(one, none)
    assert shows_filter(two, one)
    assert not shows_filter(one, one)
    assert not shows_filter(none, none)
    assert not shows_filter("", none)
    assert shows_filter("Seccomp:\t2\n", "Seccomp:\t0\n"), "before Linux 5.9 filters are not counted"
    assert not shows_filter("Seccomp:\t2\n", "Seccomp:\t2\n")
