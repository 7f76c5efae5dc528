"""System calls that no data science needs are refused: keys, other processes, mounts, odd sockets, foreign machines.

`support/system_calls.py` lists them, each with what it comes to in the sandbox; here all are made, and the control
makes them without.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.attacks.support.people import Person
from tests.attacks.support.processes import descendants
from tests.attacks.support.remote import Driver, Executor
from tests.attacks.support.system_calls import ATTEMPTS, NO_SUCH_MACHINE, PRELUDE, PRIVILEGED, block, numbers

pytestmark = [pytest.mark.integration]

Outcomes = dict[str, str]


def outcomes_of(person: Person, kind: str, sandbox: str) -> Outcomes:
    with person.driver() as driver:
        executor = driver.open(person.folder(), kind, sandbox=sandbox)
        return dict(json.loads(executor.value(block())))


@pytest.fixture(params=["kernel", "scripts"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def held(person: Person) -> Outcomes:
    """What each attempt comes to in the sandbox."""
    return outcomes_of(person, "kernel", person.mechanism)


IN_A_CAGE = {"/proc/keys": "done", "/proc/key-users": "done"}
"""What Landlock does not hold: what keys are called can be read, what they are cannot."""


@pytest.mark.parametrize("name", ATTEMPTS)
def test_it_is_refused(person: Person, held: Outcomes, name: str) -> None:
    expected = {ATTEMPTS[name].held} | ({NO_SUCH_MACHINE} if name.startswith("i386") else set())
    if person.caged and name in IN_A_CAGE:
        expected = {IN_A_CAGE[name]}
    if person.caged and name.startswith("TIOC"):
        expected = {outcome for outcome in (held[name],) if outcome.startswith("TypeError")}  # there is no terminal
    assert held[name] in expected


def test_scripts_are_held_as_kernels_are(person: Person, held: Outcomes) -> None:
    assert outcomes_of(person, "scripts", person.mechanism) == held


def test_control_without_a_sandbox(person: Person) -> None:
    """What is not refused as in the sandbox shows that the sandbox does it; of the rest the rows say who does."""
    found = outcomes_of(person, "kernel", "none")
    same = {name for name, outcome in found.items() if outcome == ATTEMPTS[name].held}
    # A kernel need not have every family of sockets, nor old and foreign calls: it then says what the filter says.
    missing = {name for name in same if ATTEMPTS[name].held not in ("EPERM", "EACCES")}
    others = {name for name in same - missing if not ATTEMPTS[name].also_by}
    assert others == set()
    if person.uid == 0:
        assert {name for name in same if ATTEMPTS[name].also_by == PRIVILEGED} == set()
    # Whatever kernel this is, these are there.
    assert {found[name] for name in ("add_key", "ptrace: seize", "process_vm_readv", "pidfd_getfd", "kcmp")} == {"done"}
    assert {found[name] for name in ("keyctl: read", "/proc/keys", "clone3", "NETLINK_SOCK_DIAG")} == {"done"}


# The caller's keys.

KEYS = """
def keyctl(*arguments): return call("keyctl", *arguments)
name, payload = {name!r}, {payload!r}
def found(): return keyctl(10, -3, b"user", name.encode(), 0)
def read(key):
    length = keyctl(11, key, copy, 64)
    return copy.raw[:max(0, length)].decode()
def seen(): return any(name in open(f"/proc/{{each}}").read() for each in ("keys", "thread-self/../../keys"))
def tried(work):
    try: return work()
    except OSError as error: return -error.errno
print(json.dumps({{
    "found": found() > 0,
    "asked for": call("request_key", b"user", name.encode(), None, -3) > 0,
    "read": read(found()) == payload,
    "read by its number": read({key}) == payload,
    "described": keyctl(6, {key}, copy, 64) > 0,
    "seen": tried(seen) is True,
    "linked": keyctl(8, {key}, -1) >= 0,
    "added": call("add_key", b"user", b"codeagent-test-planted", b"x", 1, -3) > 0,
    "changed": keyctl(2, {key}, b"other", 5) >= 0,
}}))
"""


@pytest.fixture
def key(driver: Driver) -> tuple[str, str, int]:
    """A key in the session keyring of the process that starts sandboxes; both were made for the test."""
    name, payload = f"codeagent-test-{uuid.uuid4().hex}", f"secret-{uuid.uuid4().hex}"
    answer = driver.step("plant_key", description=name, payload=payload)
    assert "key" in answer, answer
    return name, payload, int(answer["key"])


def attack(executor: Executor, key: tuple[str, str, int]) -> dict[str, bool]:
    name, payload, number = key
    code = PRELUDE % json.dumps(numbers()) + KEYS.format(name=name, payload=payload, key=number)
    return dict(json.loads(executor.value(code)))


def test_the_callers_keyring_is_out_of_reach(
    work: Path, driver: Driver, opened: Callable[..., Executor], key: tuple[str, str, int], kind: str
) -> None:
    executor = opened(work, kind)
    names = {"seen"} if driver.mechanism == "landlock" else set()
    assert {way for way, done in attack(executor, key).items() if done} == names
    if kind == "kernel":
        executor.restart()
        assert {way for way, done in attack(executor, key).items() if done} == names
    assert driver.step("look_at_key", key=key[2]) == {"payload": key[1], "keys": [key[2]]}


def test_control_without_a_sandbox_the_callers_keyring_is_the_codes(
    person: Person, work: Path, driver: Driver, opened: Callable[..., Executor], key: tuple[str, str, int]
) -> None:
    found = attack(opened(work, sandbox="none"), key)
    assert {way for way, done in found.items() if not done} == set()
    after = driver.step("look_at_key", key=key[2])
    assert after["payload"] == "other"
    assert len(after["keys"]) == 2


# The filter, looked at from outside.


def in_a_sandbox(driver: Driver) -> Iterator[dict[str, str]]:
    """Read the status of each process below a driver that is in a sandbox."""
    ours = Path("/proc/self/ns/pid").readlink()
    caged = {inner for outer in descendants(driver.process.pid) if _is_cage(outer) for inner in descendants(outer)}
    for pid in descendants(driver.process.pid):
        try:
            if pid in caged or Path(f"/proc/{pid}/ns/pid").readlink() != ours:
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                yield {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        except OSError:
            continue


def _is_cage(pid: int) -> bool:
    """Return whether a process is what Landlock's sandbox is started by."""
    try:
        return b"landlock_process.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_every_process_of_a_sandbox_has_the_filter(
    person: Person, work: Path, driver: Driver, opened: Callable[..., Executor], kind: str
) -> None:
    """The first one, too, which is bubblewrap's; children and threads inherit it."""
    executor = opened(work, kind)
    assert "system calls filtered" in executor.opened["summary"]
    code = "import subprocess, threading, time; threading.Thread(target=time.sleep, args=(2,)).start()\n"
    executor.begin(code + "subprocess.run(['sh', '-c', 'sleep 3; echo done'])")
    found: list[dict[str, str]] = []
    # bubblewrap, Python, the shell and its child; of scripts the process that was looked at first may not be gone yet.
    first = set() if person.caged else {"bwrap"}
    while len(found) < 3 + len(first) or not {"sleep", *first} <= {status["Name"] for status in found}:
        found = list(in_a_sandbox(driver))
    assert {(status["Seccomp"], status["NoNewPrivs"]) for status in found} == {("2", "1")}
    assert executor.result().status == "ok"


def test_a_bare_kernel_claims_no_filter(person: Person, work: Path, opened: Callable[..., Executor]) -> None:
    executor = opened(work, sandbox="none")
    assert "filter" not in executor.opened["summary"]
    assert "Seccomp:\t0" in executor.value("print(open('/proc/self/status').read())")


NEEDED = """
import os, socket
def kinds():
    yield from [(1, kind, 0) for kind in (1, 2, 5)]
    yield from [(family, kind, 0) for family in (2, 10) for kind in (1, 2)]
    yield from [(2, 1, 6), (2, 2, 17), (10, 1, 6), (10, 2, 17), (16, 3, 0), (16, 2, 0)]
    yield from [(family, kind | 0o2004000, 0) for family in (1, 2, 10) for kind in (1, 2)]
for kind in kinds():
    socket.socket(*kind).close()
for kind in (1, 2, 5):
    [each.close() for each in socket.socketpair(1, kind)]
print([name for _, name in socket.if_nameindex()], bool(socket.getaddrinfo("localhost", 80)))
os.mkfifo("pipe"); os.mknod("plain", 0o100600); os.unlink("pipe"); os.unlink("plain")
"""


NEEDED_IN_A_CAGE = """
import os, socket
for kind in (1, 5, 1 | 0o2004000):
    socket.socket(1, kind).close()
    [each.close() for each in socket.socketpair(1, kind)]
with socket.socket(socket.AF_UNIX) as server:
    server.bind("socket"); server.listen()
os.mkfifo("pipe"); os.mknod("plain", 0o100600); os.unlink("pipe"); os.unlink("plain"); os.unlink("socket")
print("['lo'] True")
"""


def test_what_is_needed_is_let_through(person: Person, work: Path, opened: Callable[..., Executor], kind: str) -> None:
    assert opened(work, kind).value(NEEDED_IN_A_CAGE if person.caged else NEEDED) == "['lo'] True\n"
