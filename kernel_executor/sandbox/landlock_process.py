"""Confines one process by Landlock and a system call filter, starts it, and ends with it all that it has started.

Run as a program of its own by our interpreter, isolated; imports nothing of ours and little else, for each start waits
for it. Of its two processes the outer one stays: orphans become its children, and it is outside of what holds the inner
one, which therefore cannot end it.
"""

from __future__ import annotations

import _socket as socket  # without selectors and enum: 6 ms
import ctypes
import errno
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CREATE_RULESET, ADD_RULE, RESTRICT_SELF, SECCOMP, KEYCTL = range(5)
NUMBERS = {"x86_64": (444, 445, 446, 317, 250), "aarch64": (444, 445, 446, 277, 219)}
"""Of the system calls that no function of Python's makes."""
NAMES = ("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "seccomp", "keyctl")

PATH_BENEATH = 1
SET_MODE_FILTER = 1
JOIN_SESSION_KEYRING = 1

SET_DEATH_SIGNAL, SET_NO_NEW_PRIVILEGES, SET_CHILD_SUBREAPER = 1, 38, 36
DROP_BOUND, SET_SECURE_BITS, AMBIENT, AMBIENT_CLEAR_ALL = 24, 28, 47, 4
NO_ROOT = 0b1111  # SECBIT_NOROOT and SECBIT_NO_SETUID_FIXUP, both locked: as root, exec gives no capability back
CAPABILITY_VERSION = 0x2008_0522

CANNOT = 125
"""Exit code where it could not be confined."""

PLAIN = bytes(byte if byte not in b'"\\' else ord("'") for byte in range(256))
"""Makes text that can stand in JSON of what a `repr` holds."""

_libc = ctypes.CDLL(None, use_errno=True)


class Ruleset(ctypes.Structure):
    """`struct landlock_ruleset_attr`."""

    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class PathBeneath(ctypes.Structure):
    """`struct landlock_path_beneath_attr`."""

    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


class FilterProgram(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def main(wanted: dict[str, Any]) -> None:
    """Start a command in there.

    Its arguments are the descriptors of what it read, of where to tell, and of the gate; then the command.
    """
    info, gate = map(int, sys.argv[2:4])
    _control(SET_CHILD_SUBREAPER, 1)
    _control(SET_DEATH_SIGNAL, signal.SIGTERM)
    inner = os.fork()
    if inner == 0:
        try:
            _become(wanted, info, gate, sys.argv[4:])
        except BaseException as error:  # noqa: BLE001 - whatever it is, the command must not run, and it is told
            _tell(info, repr(error).encode("ascii", "replace"))
        os._exit(CANNOT)
    os.close(info)
    os.close(gate)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(inner, signal.SIGKILL))
    ended = _attend(inner)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # or the owner's end ends us before we have ended all
    _end_all(inner)
    os._exit(ended.si_status if ended.si_code == os.CLD_EXITED else 128 + ended.si_status)


def _tell(info: int, failure: bytes) -> None:
    """Report why there is no command: where its number is waited for, or later where its own errors are."""
    try:
        os.write(info, b'{"failure": "%s"}' % failure.translate(PLAIN))
    except OSError:
        os.write(2, failure + b"\n")


def _attend(inner: int) -> Any:
    """Wait for the end of the inner process, and for that of orphans meanwhile; return how it ended.

    It stays a zombie, so that its number is no other's as long as somebody may signal it.
    """
    while True:
        ended: Any = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        if ended.si_pid == inner:
            return ended
        os.waitpid(ended.si_pid, 0)


def _become(wanted: dict[str, Any], info: int, gate: int, command: list[str]) -> None:
    """Be confined, tell so, wait at the gate, and become the command."""
    os.setsid()
    _control(SET_DEATH_SIGNAL, signal.SIGKILL)
    os.chdir(wanted["folder"])
    try:  # noqa: SIM105 - contextlib takes 3 ms
        _call(KEYCTL, JOIN_SESSION_KEYRING, 0)
    except OSError:  # refused by a container's profile, and so it is to the code
        pass
    _drop_capabilities()
    _be_first_to_go()  # without them, or what it starts could not choose to go later
    _control(SET_NO_NEW_PRIVILEGES, 1)
    _confine(wanted)
    os.write(info, f'{{"child-pid": {os.getpid()}, "held": {_tried(wanted)}}}'.encode())
    os.close(info)
    if not os.read(gate, 1):  # whoever started us is gone
        return
    os.close(gate)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and a command would, too
        signal.signal(number, signal.SIG_DFL)
    # By its whole path: to look for it `os` imports a module, which need not be among what can be read now.
    os.execve(command[0], command, wanted["environment"])  # noqa: S606 - what this is for


def _confine(wanted: dict[str, Any]) -> None:
    attributes = Ruleset(*wanted["handled"])
    ruleset = _call(CREATE_RULESET, ctypes.byref(attributes), ctypes.sizeof(attributes), 0)
    for path, device, inode, allowed in wanted["rules"]:
        try:
            parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        found = os.fstat(parent)
        if (found.st_dev, found.st_ino) != (device, inode):
            os.close(parent)  # another one has its name now: that was not given
            continue
        _call(ADD_RULE, ruleset, PATH_BENEATH, ctypes.byref(PathBeneath(allowed, parent)), 0)
        os.close(parent)
    _call(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    program = wanted["filter"]
    _call(SECCOMP, SET_MODE_FILTER, 0, ctypes.byref(FilterProgram(len(program) // 8, program)))


def _tried(wanted: dict[str, Any]) -> str:
    """Try what must fail now, before any code runs: what is in force cannot be seen from outside. Return it as JSON."""
    deeds = (
        ("files", lambda: os.close(os.open(wanted["closed"], os.O_RDONLY))),
        ("network", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()),
        ("datagrams", lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()),
        ("sockets", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).connect(wanted["closed"])),
        ("signals", lambda: os.kill(os.getppid(), 0)),
    )
    return "{" + ", ".join(f'"{name}": {str(_fails(deed)).lower()}' for name, deed in deeds) + "}"


def _fails(deed: Any) -> bool:
    try:
        deed()
    except OSError as error:
        return error.errno in (errno.EACCES, errno.EPERM, errno.EAFNOSUPPORT)
    return False


def _drop_capabilities() -> None:
    """Keep none, also as root: there are none to gain by a program then either."""
    for capability in range(64):
        if _libc.prctl(DROP_BOUND, capability, 0, 0, 0) < 0:
            break  # there are no more of them, or none is ours to drop
    _libc.prctl(SET_SECURE_BITS, NO_ROOT, 0, 0, 0)
    _libc.prctl(AMBIENT, AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    if _libc.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())) < 0:
        raise OSError(ctypes.get_errno(), "cannot give up capabilities")


def _be_first_to_go() -> None:
    try:
        with open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 - no pathlib here
            file.write("1000")
    except OSError:
        pass


def _end_all(inner: int) -> None:
    """End whatever is left but the inner process, which has ended; of what ends the children are ours, and are next."""
    while children := [pid for pid in _children() if pid != inner]:
        for pid in children:
            os.kill(pid, signal.SIGKILL)  # it is there until we have waited for it
        for pid in children:  # and for no other: one that is ours only now has not been ended
            os.waitpid(pid, 0)


def _children() -> list[int]:
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:  # noqa: PTH123 - no pathlib here
        return [int(word) for word in file.read().split()]


def _control(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), f"prctl {option} failed")


def _call(which: int, *arguments: Any) -> int:
    number = NUMBERS[os.uname().machine][which]
    given = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = _libc.syscall(ctypes.c_long(number), *given)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{NAMES[which]}: {os.strerror(code)}")
    return int(result)
