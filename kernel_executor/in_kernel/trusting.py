"""Looks whether a fork of this process would have all of its state: names what a fork would lose. Changes nothing."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from . import same_loop
from .forked_apart import can_copy, flags_and_place, is_locked, is_nobodys
from .mappings import Area
from .native_threads import libraries_with_threads
from .old_kernel import is_ours
from .standing_down import ends_its_forks, idle_pool_of

HARMLESS_THREADS = ("tqdm._monitor",)
"""Modules of threads that only make what others do look better."""

POOLS = {
    "DuckDB": r"duckdb",
    "Polars": r"polars",
    "PyTorch": r"libtorch|libc10",
    "TensorFlow": r"tensorflow",
    "JAX": r"xla_extension|libjax",
    "numba": r"workqueue|omppool|tbbpool",
    "MKL": r"libmkl_",
    "OpenMP": r"libgomp|libomp|libiomp|vcomp",
    "Java": r"libjvm",
    "ZeroMQ": r"libzmq",
}
"""Libraries whose threads do not come back in a fork, by what their files are called; the first that fits is told."""

COME_BACK = r"lib(scipy_)?openblas|libarrow\."
"""Files of libraries that see to forks themselves: OpenBLAS ends its threads before, Arrow begins others after."""

OF_ENDED_THREADS = r"libpython|python\d|libzmq"
"""Files that stand on the stacks of threads which a fork has ended: the system gives these stacks to the threads that
Arrow begins there, with old addresses between its own (one of ten, measured)."""

COMMAND = 60
"""Letters of a command line that are told."""

OF_ZEROMQ = "[eventfd]"
"""It opens some whenever another thread prints."""

PLAIN_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
"""Those that do not know who has read what of them."""

OWN_FILES = 3
"""Descriptors below are the kernel's streams."""


@dataclass(frozen=True)
class OwnResources:
    """What the kernel itself has open, and opens again when it comes back.

    Args:
        descriptors: Its sockets, pipes and the like: what their numbers lead to. Code may open another file under a
            number that was let go of.
        threads: Its threads.
        native: The system's numbers of its threads, those of ZeroMQ among them.
        line: The socket of its line.
        sockets: What the paths of its sockets begin with.
    """

    descriptors: Mapping[int, str] = field(default_factory=dict)
    threads: frozenset[int | None] = field(default_factory=frozenset)
    native: frozenset[str] = field(default_factory=frozenset)
    line: int = -1
    sockets: str = ""


def open_descriptors() -> dict[int, str]:
    """Return what is open now, and where it leads."""
    found = {}
    for number in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208
        try:
            found[number] = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115
        except OSError:  # that of the listing itself
            continue
    return found


def own_descriptors(own: OwnResources) -> frozenset[int]:
    """Return what is open of the kernel itself: connections have come since it began."""
    now = open_descriptors().items()
    return frozenset(
        number
        for number, target in now
        if own.descriptors.get(number) == target or (target.startswith("socket:") and _is_connection(number, own))
    )


def _is_connection(descriptor: int, own: OwnResources) -> bool:
    """Return whether a descriptor is the kernel's end of a connection of ours."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as copy:
            return bool(own.sockets) and str(copy.getsockname()).startswith(own.sockets)
    except OSError:
        return False


def code_descriptors(own: OwnResources) -> dict[int, str]:
    """Return what the code has open."""
    ours = own_descriptors(own) | {own.line, *range(OWN_FILES)}
    return {number: target for number, target in sorted(open_descriptors().items()) if number not in ours}


def why_no_fork(own: OwnResources, mapped: Sequence[Area], loop: asyncio.AbstractEventLoop) -> str:
    """Return what a fork would not have, a clause for people; empty if it would have everything.

    Args:
        own: What the kernel itself has.
        mapped: What is mapped.
        loop: The kernel's event loop.
    """
    looks: tuple[Callable[[], Iterable[str]], ...] = (
        lambda: _tasks(own, loop),
        _children,  # before the threads that wait for them
        _jobs,
        lambda: running_threads(own),
        lambda: pools(mapped, libraries_with_threads(own.native, mapped)),
        lambda: _descriptors(code_descriptors(own)),
        lambda: _maps(mapped),
        _timers,
    )
    return next((reason for look in looks for reason in look()), "")


def _tasks(own: OwnResources, loop: asyncio.AbstractEventLoop) -> Iterator[str]:
    for task in asyncio.all_tasks(loop):
        if not task.done() and not is_ours(task):
            yield f"the asyncio task {task.get_name()!r} is pending"
    yield from same_loop.why_not(loop, own_descriptors(own))


def running_threads(own: OwnResources) -> Iterator[str]:
    """Yield the threads of Python's that a fork would not have."""
    for thread in threading.enumerate():
        is_known = thread.ident in own.threads or type(thread).__module__ in HARMLESS_THREADS
        if not is_known and idle_pool_of(thread) is None:
            yield f"the thread {thread.name!r} is running"


def pools(mapped: Sequence[Area], threads: Iterable[frozenset[str]]) -> Iterator[str]:
    """Yield the libraries whose threads a fork would lose.

    Args:
        mapped: What is mapped.
        threads: For each thread the files of libraries that it stands in; none if that is not known.
    """
    if any(area.name.startswith("libcuda.so") or area.path.startswith("/dev/nvidia") for area in mapped):
        yield "CUDA is in use"
    if ends_its_forks(mapped):
        yield "numba has used OpenMP, and ends forks that do"
    for files in map(_without_ended, threads):
        if not files or not all(re.match(COME_BACK, name) for name in files):
            yield f"threads of {_pool_of(files)} are running"


def _without_ended(files: frozenset[str]) -> frozenset[str]:
    """Return the files that a thread stands in, without what others have left on its stack; those are known by name."""
    if not any(re.match(COME_BACK, name) for name in files):
        return files
    return frozenset(name for name in files if not re.match(OF_ENDED_THREADS, name))


def _pool_of(files: Iterable[str]) -> str:
    names = sorted(name for name in files if not re.match(COME_BACK, name))
    known = (pool for pool, pattern in POOLS.items() if any(re.search(pattern, name, re.IGNORECASE) for name in names))
    return next(known, ", ".join(filter(None, names)) or "a library that is not known")


def _children() -> Iterator[str]:
    for task in os.listdir("/proc/self/task"):  # noqa: PTH208
        for pid in _children_of("self", task):
            yield f"the process {pid} ({_command_of(pid)}) is running"


def _children_of(process: object, task: object) -> list[str]:
    try:
        with open(f"/proc/{process}/task/{task}/children", encoding="ascii") as file:  # noqa: PTH123
            return file.read().split()
    except OSError:
        return []


def _jobs() -> Iterator[str]:
    """Look for what was left in the background: it is the root's child by now, and ends with this kernel.

    The root's other children are kernels and checkpoints, forks of it like us, each in a session of its own.
    """
    root = os.getppid()
    ours, session = _words_of("self"), os.getsid(0)
    for pid in _children_of(root, root):
        if int(pid) == os.getpid() or not (words := _words_of(pid)):  # or it has ended
            continue
        if words != ours or _session_of(pid) == session:
            yield f"the process {pid} ({_command_of(pid)}) is running in the background"


def _session_of(pid: str) -> int:
    try:
        return os.getsid(int(pid))
    except OSError:
        return -1


def _words_of(pid: str) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return b""


def _command_of(pid: str) -> str:
    """Return the first words of what a process was started as; a fork of ours is as we are."""
    words = _words_of(pid)
    if words == _words_of("self"):
        return "a fork of the kernel"
    return command(words) or "gone"


def command(words: bytes) -> str:
    """Return a command line, as /proc has it, for people."""
    program, *others = words.decode(errors="replace").rstrip("\0").split("\0")
    return " ".join([os.path.basename(program), *others])[:COMMAND]  # noqa: PTH119


def _descriptors(opened: Mapping[int, str]) -> Iterator[str]:
    for descriptor, target in opened.items():
        try:
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISSOCK(mode):
                yield "a socket is open"
            elif "eventpoll" in target:
                yield "an event loop of the code's own is open"
            elif target.startswith("anon_inode:") and not target.endswith(OF_ZEROMQ):
                yield f"a descriptor of the system's is open ({target.partition(':')[2].strip('[]')})"
            elif stat.S_ISFIFO(mode) and not target.startswith("pipe:"):
                yield f"the pipe {target} is open"
            else:
                yield from _files(descriptor, target, mode)
        except OSError:
            continue


def _files(descriptor: int, target: str, mode: int) -> Iterator[str]:
    flags, place = flags_and_place(descriptor)
    if stat.S_ISREG(mode) and loses_its_place(flags):
        yield f"the file {target} is open for writing"
    elif stat.S_ISREG(mode) and is_locked(descriptor):
        yield f"the file {target} is locked"
    elif stat.S_ISDIR(mode) and place:  # all that are forked have the same place
        yield f"the folder {target} is being read"
    elif stat.S_ISCHR(mode) and target not in PLAIN_DEVICES:
        yield f"the device {target} is open"


def loses_its_place(flags: int) -> bool:
    """Return whether a file that is open so is written where another process may have written meanwhile.

    What is read can be opened again, at the same place; what is appended goes to the end in any case, as logs do.
    """
    return flags & os.O_ACCMODE != os.O_RDONLY and not (flags & os.O_APPEND and flags & os.O_WRONLY)


def _maps(mapped: Sequence[Area]) -> Iterator[str]:
    shared = [area for area in mapped if area.is_shared]
    for area in shared:
        if not is_nobodys(area):
            yield f"memory is shared: {area.path or 'no file'}"
    if not can_copy(shared):
        yield f"{sum(area.end - area.start for area in shared) >> 20:,} MB of memory are shared"


def _timers() -> Iterator[str]:
    if any(signal.getitimer(which)[0] for which in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)):
        yield "a timer is set (signal.setitimer, signal.alarm)"
