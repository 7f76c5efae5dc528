"""Chooses a sandbox where system calls are refused, and writes what is said. Run as a file, with profiles as JSON.

A profile names the error by the calls that fail with it. Each is put on in a fork of its own, for it cannot be taken
off again; what the choice is and how a process ends that is started with it are written as a line of JSON.
"""

import asyncio
import ctypes
import errno
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

from kernel_executor import LocalCommandLineCodeExecutor
from kernel_executor.sandbox import confinement, seccomp, system_calls
from kernel_executor.sandbox.interpreter import Interpreter
from kernel_executor.sandbox.process import ManagedProcess
from kernel_executor.sandbox.system_calls import NAMESPACES, Condition, Refusal

FURTHER = {
    "seccomp": (317, 277),
    "memfd_create": (319, 279),
    "copy_file_range": (326, 285),
    "statx": (332, 291),
    "pidfd_send_signal": (424, 424),
    "pidfd_open": (434, 434),
    "close_range": (436, 436),
    "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
}
"""Calls that our own filter lets through."""

SET_NO_NEW_PRIVILEGES, SET_SECCOMP, MODE_FILTER = 38, 22, 2


class Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def refusals(profile: dict[str, list[str]]) -> Iterator[Refusal]:
    for error, names in profile.items():
        number = getattr(errno, error)
        if "namespaces" in names:
            yield Refusal(number, ("clone",), (Condition(0, (0,), NAMESPACES, is_in=False),))
            yield Refusal(number, ("unshare", "setns", "mount", "pivot_root"))
        yield Refusal(number, tuple(name for name in names if name != "namespaces"))


def put_on(profile: dict[str, list[str]]) -> None:
    machine = seccomp.this_machine()
    assert machine is not None
    program = seccomp.filter_of(machine, tuple(refusals(profile)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
    filters = ctypes.byref(Program(len(program) // 8, program))
    assert libc.prctl(SET_SECCOMP, MODE_FILTER, filters, 0, 0) == 0, os.strerror(ctypes.get_errno())


async def choose(folder: Path) -> dict[str, object]:
    wanted = LocalCommandLineCodeExecutor(sandbox="auto").settings
    async with AsyncExitStack() as stack:
        chosen = await confinement.choose(wanted, folder)
        enclosure = await confinement.enclose(wanted, folder, chosen, Interpreter(), [], env={}, stack=stack)
        process = await ManagedProcess.start(["true"], enclosure)
        ended = await process.wait()
        process.close_pipes()
        if enclosure.policy is not None:
            return {"mechanism": "some", "exit code": ended}
        bare = enclosure.look_at(os.getpid())
    return {"mechanism": bare.mechanism, "isolates": bare.isolates, "summary": bare.summary, "exit code": ended}


def tell(found: dict[str, object]) -> None:
    sys.stdout.write(f"{json.dumps(found)}\n")
    sys.stdout.flush()


def main() -> None:
    system_calls.NUMBERS = {**system_calls.NUMBERS, **FURTHER}  # those of this process
    for profile in json.loads(sys.argv[1]):
        child = os.fork()
        if child == 0:
            put_on(profile)
            with tempfile.TemporaryDirectory() as folder:
                tell(asyncio.run(choose(Path(folder))))
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            tell({"mechanism": "a crash"})


if __name__ == "__main__":
    main()
