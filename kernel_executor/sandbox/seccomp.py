"""Builds the system call filter of a sandbox as bytes, for `seccomp(2)`. Knows not which calls are refused, nor why.

A filter is a program in classic BPF. It is run before each call with the call's number, the machine it was made for
and its six arguments, and returns what becomes of the call. Since Linux 5.11 the kernel finds out beforehand which
numbers are always let through, and does not run the program for these: `read` and its like cost nothing.
"""

import errno
import platform
import struct
import sys
from collections.abc import Iterator
from functools import cache

from kernel_executor.sandbox.system_calls import NEWEST, REFUSALS, Condition, Machine, Refusal, refusals_of

ALLOW = 0x7FFF_0000
FAIL = 0x0005_0000
"""What the program returns: SECCOMP_RET_ALLOW, and SECCOMP_RET_ERRNO with the error in its lower half."""

LOAD, AND, RETURN = 0x20, 0x54, 0x06
JUMP, JUMP_EQUAL, JUMP_GREATER = 0x05, 0x15, 0x25
"""Instructions: load 32 bits from a place, combine with a constant, end; jump, compare with a constant and jump."""

NUMBER, MACHINE, ARGUMENTS = 0, 4, 16
"""Places in `struct seccomp_data`. Of each argument, 8 bytes, the lower half comes first on both machines."""

AUDIT_ARCH = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}

Instruction = tuple[int, int, int, int]
"""What to do, how many instructions to skip if a comparison holds and if not, and a constant."""


def this_machine() -> Machine | None:
    """Return what this process runs on, None if there is no list of calls for it."""
    if sys.maxsize < 2**32:  # a 32-bit program on such a machine
        return None
    match platform.machine():
        case "x86_64":
            return "x86_64"
        case "aarch64":
            return "aarch64"
        case _:
            return None


@cache
def filter_of(machine: Machine, refusals: tuple[Refusal, ...] = REFUSALS) -> bytes:
    """Return the program that refuses calls on a machine."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in _program(machine, refusals))


def _program(machine: Machine, refusals: tuple[Refusal, ...]) -> Iterator[Instruction]:
    yield LOAD, 0, 0, MACHINE
    # Not killed: 32-bit code that asks whether it runs is told no, and the kernel's variables live on.
    yield JUMP_EQUAL, 1, 0, AUDIT_ARCH[machine]
    yield _fail(errno.ENOSYS)
    yield LOAD, 0, 0, NUMBER
    # What is newer than the list, and all of x32, whose numbers have bit 30: as on an older system.
    yield JUMP_GREATER, 0, 1, NEWEST
    yield _fail(errno.ENOSYS)
    for number, refusal in refusals_of(machine, refusals):
        yield from _refuse(number, refusal)
    yield RETURN, 0, 0, ALLOW


def _refuse(number: int, refusal: Refusal) -> Iterator[Instruction]:
    """Yield a block that ends the program if a call is refused, and else goes on behind it with the number loaded."""
    conditions = [list(_check(condition)) for condition in refusal.conditions]
    # Without a condition the number is still there behind the block.
    after = [(LOAD, 0, 0, NUMBER)] if conditions else []
    length = sum(len(check) + 1 for check in conditions) + 1 + len(after)
    yield JUMP_EQUAL, 0, length, number
    left = length
    for check in conditions:
        yield from check
        left -= len(check) + 1
        yield JUMP, 0, 0, left - len(after)
    yield _fail(refusal.error)
    yield from after


def _check(condition: Condition) -> Iterator[Instruction]:
    """Yield a block that goes on behind the next instruction if a condition holds, and with that one if it does not."""
    yield LOAD, 0, 0, ARGUMENTS + 8 * condition.argument
    if condition.mask != 0xFFFF_FFFF:
        yield AND, 0, 0, condition.mask
    for place in range(len(condition.values)):
        left = len(condition.values) - place - 1
        is_last, found, other = left == 0, left + condition.is_in, int(not condition.is_in)
        yield JUMP_EQUAL, found, other if is_last else 0, condition.values[place]


def _fail(error: int) -> Instruction:
    return RETURN, 0, 0, FAIL | error
