"""What holds code in a cage, without user namespaces: Landlock and a filter. Names that bubblewrap hides are seen."""

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.attacks.support.fingerprint import differences, fingerprint
from tests.attacks.support.people import Person
from tests.attacks.support.processes import marked
from tests.attacks.support.remote import Driver, Executor

KINDS = ["kernel", "scripts"]


@pytest.fixture(scope="module")
def caged(people: dict[str, Person]) -> Person:
    return people["caged"]


@pytest.fixture(scope="module", params=KINDS)
def executor(request: pytest.FixtureRequest, caged: Person) -> Iterator[Executor]:
    """An executor for attempts that change nothing."""
    with caged.driver() as driver:
        yield driver.open(caged.folder(), request.param)


def tried(executor: Executor, *deeds: str) -> dict[str, str]:
    """Run each deed; return what came of it."""
    code = (
        "import json\ndef outcome(deed):\n    try: exec(deed, {}); return 'done'\n"
        "    except BaseException as error: return type(error).__name__\n"
        f"print(json.dumps({{deed: outcome(deed) for deed in {deeds!r}}}))"
    )
    return dict(json.loads(executor.value(code)))


def test_it_says_what_holds_it(executor: Executor) -> None:
    assert executor.opened["mechanism"] == "landlock"
    assert executor.opened["isolates"]


# Files elsewhere.


@pytest.fixture
def precious(caged: Person) -> Path:
    """A folder of this person's that no code was given."""
    folder = caged.folder("precious")
    (folder / "key.txt").write_text("PRIVATE KEY")
    (folder / "inner").mkdir()
    caged.give(folder)
    return folder


ELSEWHERE = (
    *("open({file!r}).read()", "import os; os.listdir({folder!r})", "open({file!r}, 'a')", "open({file!r}, 'r+')"),
    *("import os; os.truncate({file!r}, 0)", "import os; os.open({file!r}, os.O_RDONLY | os.O_TRUNC)"),
    *("import os; os.remove({file!r})", "import os; os.rename({file!r}, {file!r} + '2')"),
    *("import os; os.rename({file!r}, 'mine')", "import os; os.link({file!r}, 'mine')"),
    *("import os; os.symlink('x', {folder!r} + '/new')", "import os; os.mkdir({folder!r} + '/new')"),
    *(
        "import os; os.rmdir({folder!r} + '/inner')",
        "open({folder!r} + '/new', 'w')",
        "import os; os.mkfifo({folder!r} + '/p')",
    ),
    "import socket; socket.socket(socket.AF_UNIX).bind({folder!r} + '/s')",
    *("import os; os.getxattr({file!r}, 'user.x')", "import os; os.listxattr({file!r})"),
    *("import os; os.setxattr({file!r}, 'user.x', b'1')", "import os; os.symlink({file!r}, 'l'); open('l').read()"),
    *("import shutil; shutil.copy({file!r}, 'mine')", "import os; os.execv({file!r}, ['x'])"),
)
SILENT = (
    "import os; os.chmod({file!r}, 0o777)",
    "import os; os.utime({file!r}, (1, 1))",
    *("import os; os.chmod({folder!r}, 0)", "import os; os.chown({file!r}, 1, 1)"),
)


def test_files_elsewhere_are_neither_read_nor_changed(executor: Executor, precious: Path) -> None:
    names = {"file": str(precious / "key.txt"), "folder": str(precious)}
    before, mode = fingerprint(precious), (precious / "key.txt").stat()
    found = tried(executor, *(deed.format(**names) for deed in ELSEWHERE))
    assert {deed for deed, outcome in found.items() if outcome == "done"} == set()
    found = tried(executor, *(deed.format(**names) for deed in SILENT))
    assert set(found.values()) == {"done"}, "these say that they did, and did nothing"
    after = (precious / "key.txt").stat()
    assert (after.st_mode, after.st_mtime, after.st_ctime) == (mode.st_mode, mode.st_mtime, mode.st_ctime)
    assert differences(before, fingerprint(precious)) == []


def test_control_without_a_sandbox_they_are(caged: Person, precious: Path) -> None:
    names = {"file": str(precious / "key.txt"), "folder": str(precious)}
    with caged.driver() as driver:
        bare = driver.open(caged.folder(), sandbox="none")
        assert set(tried(bare, *(deed.format(**names) for deed in (*ELSEWHERE[:3], *SILENT[:2]))).values()) == {"done"}


def test_the_users_folder_cannot_be_written_to_by_its_own_path(caged: Person) -> None:
    work = caged.folder()
    (work / "data.csv").write_text("1")
    (work / "big.bin").write_bytes(b"0" * (33 << 20))
    caged.give(work)
    before = fingerprint(work)
    with caged.driver() as driver:
        for kind in KINDS:
            executor = driver.open(work, kind)
            assert executor.value(f"print(open({str(work / 'data.csv')!r}).read())") == "1\n"
            deeds = ("data.csv", "new.csv", "big.bin")
            found = tried(
                executor, *(f"open({str(work / name)!r}, 'r+' if 'new' not in {name!r} else 'w')" for name in deeds)
            )
            assert "done" not in found.values()
            assert tried(executor, "open('big.bin', 'r+')").popitem()[1] != "done"
    assert differences(before, fingerprint(work)) == []


def test_flags_of_files_that_can_be_read_are_not_set(caged: Person) -> None:
    work = caged.folder()
    (work / "data.csv").write_text("1")
    with (caged.give(work) / "data.csv").open("rb") as file, caged.driver() as driver:
        executor = driver.open(work)
        for request in (0x40086602, 0x401C5820, 0x40806685):
            deed = f"import fcntl; fcntl.ioctl(open({str(work / 'data.csv')!r}), {request}, bytes(128))"
            assert tried(executor, deed).popitem()[1] == "OSError"
        for number in (1024, 1026):
            deed = f"import fcntl; fcntl.fcntl(open({str(work / 'data.csv')!r}), {number}, 1)"
            assert tried(executor, deed).popitem()[1] == "PermissionError"
        assert file.read() == b"1"


def test_hidden_files_are_hidden_under_their_own_path_too(caged: Person) -> None:
    work = caged.folder()
    for name in ("secret.txt", "inner/secret.txt", "seen.txt"):
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_text(name)
    caged.give(work)
    with caged.driver() as driver:
        hidden = [str(work / name) for name in ("secret.txt", "inner/secret.txt")]
        executor = driver.open(work, hidden=hidden)
        found = tried(
            executor, *(f"open({path!r}).read()" for path in hidden), f"open({str(work / 'seen.txt')!r}).read()"
        )
    assert list(found.values()) == ["PermissionError", "PermissionError", "done"]


def test_secrets_in_a_project_on_the_module_path_are_not_read(caged: Person) -> None:
    project = caged.folder("project")
    for name in ("needed.py", ".env", ".git/config", "deep/id_rsa"):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("x = 1")
    caged.give(project)
    with replace(caged, variables={"PYTHONPATH": str(project)}).driver() as driver:
        executor = driver.open(caged.folder())
        deeds = [f"open({str(project / name)!r}).read()" for name in (".env", ".git/config", "deep/id_rsa")]
        found = tried(executor, "import needed", *deeds)
    assert list(found.values()) == ["done", *["PermissionError"] * 3]


# Sockets: all that stand for docker.sock, a session bus, an agent of keys, another kernel.


class Listener:
    """Hears whether anybody comes."""

    def __init__(self, server: socket.socket) -> None:
        self.heard: list[str] = []
        self._server = server
        server.settimeout(0.1)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._ends = threading.Event()
        self._thread.start()

    def _listen(self) -> None:
        while not self._ends.is_set():
            try:
                if self._server.type == socket.SOCK_DGRAM:
                    self.heard.append(self._server.recv(100).decode())
                else:
                    self._server.accept()[0].close()
                    self.heard.append("a connection")
            except TimeoutError:
                continue

    def end(self) -> None:
        self._ends.set()
        self._thread.join()
        self._server.close()


@contextmanager
def listening(folder: Path) -> Iterator[dict[str, Listener]]:
    """Listen as these do: by path, by an abstract name, to connections and datagrams, on loopback."""
    kinds = {"stream": socket.SOCK_STREAM, "packets": socket.SOCK_SEQPACKET, "datagrams": socket.SOCK_DGRAM}
    listeners = {}
    for name, kind in kinds.items():
        for place in (str(folder / name), f"\0{folder}/{name}"):
            server = socket.socket(socket.AF_UNIX, kind)
            server.bind(place)
            if not place.startswith("\0"):
                os.chmod(place, 0o777)  # noqa: PTH101
            if kind != socket.SOCK_DGRAM:
                server.listen()
            listeners[place] = Listener(server)
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        server = socket.socket(socket.AF_INET, kind)
        server.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            server.listen()
        listeners[f"{kind.name} {server.getsockname()[1]}"] = Listener(server)
    try:
        yield listeners
    finally:
        for listener in listeners.values():
            listener.end()


REACH = """
import socket, sys
heard = []
def attempt(work):
    try: heard.append(str(work()))
    except OSError: pass
for place in {places!r}:
    for kind in (1, 2, 5):
        attempt(lambda: socket.socket(1, kind).connect(place))
        attempt(lambda: socket.socket(1, kind).sendto(b"planted", place))
        attempt(lambda: socket.socket(1, kind).sendmsg([b"planted"], [], 0, place))
        attempt(lambda: socket.socketpair(1, kind)[0].sendto(b"planted", place))
        attempt(lambda: socket.socketpair(1, kind)[0].sendmsg([b"planted"], [], 0, place))
for port in {ports!r}:
    attempt(lambda: socket.create_connection(("127.0.0.1", port), 1))
    attempt(lambda: socket.socket(2, 2).sendto(b"planted", ("127.0.0.1", port)))
print("tried")
"""


@pytest.mark.parametrize("sandbox", ["landlock", "none"])
def test_no_socket_is_reached(caged: Person, sandbox: str) -> None:
    """Without a sandbox each is: the control."""
    with listening(caged.folder()) as listeners, caged.driver() as driver:
        places = [place for place in listeners if "/" in place]
        ports = [int(place.split()[1]) for place in listeners if " " in place and "/" not in place]
        executor = driver.open(caged.folder(), sandbox=sandbox)
        assert executor.value(REACH.format(places=places, ports=ports)) == "tried\n"
        time.sleep(0.3)
        heard = {place: bool(listener.heard) for place, listener in listeners.items()}
    assert set(heard.values()) == {sandbox == "none"}, heard


# Other processes.


OTHERS = (
    *("import os; os.kill({pid}, 0)", "import os; os.kill({pid}, 15)", "import os; os.kill({pid}, 19)"),
    "import os, signal; signal.pidfd_send_signal(os.pidfd_open({pid}), 0)",
    *(f"open('/proc/{{pid}}/{name}', 'rb').read(1)" for name in ("environ", "mem", "maps", "auxv", "fd/0")),
    *("import os; os.readlink('/proc/{pid}/fd/0')", "import os; os.listdir('/proc/{pid}/cwd/')"),
    "import resource; resource.prlimit({pid}, resource.RLIMIT_NOFILE, (1, 1))",
    *("import os; os.setpriority(os.PRIO_PROCESS, {pid}, 19)", "import os; os.setpriority(os.PRIO_USER, 0, 19)"),
)


def test_other_processes_are_neither_signalled_nor_looked_into(executor: Executor, caged: Person) -> None:
    other = caged.start([str(caged.python), "-c", "import time; time.sleep(100)"])
    try:
        pids = (other.pid, executor.driver.process.pid)
        found = tried(executor, *(deed.format(pid=pid) for pid in pids for deed in OTHERS))
        assert {deed for deed, outcome in found.items() if outcome == "done"} == set()
        # What has forked a kernel is in there with it; what has started a script is not.
        parent = "done" if executor.name.startswith("kernel") else "PermissionError"
        assert tried(executor, "import os; os.kill(os.getppid(), 0)").popitem()[1] == parent
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_the_kernels_own_files_cannot_be_written_to(executor: Executor) -> None:
    names = ("sys/kernel/core_pattern", "sys/kernel/ns_last_pid", "self/mem", "self/oom_score_adj")
    found = tried(executor, *(f"import os; os.close(os.open('/proc/{name}', os.O_WRONLY))" for name in names))
    assert "done" not in found.values()


def test_shared_memory_is_not_the_hosts(executor: Executor) -> None:
    deeds = ["open('/dev/shm/codeagent-planted', 'w')", "import os; os.listdir('/dev/shm')"]
    deeds += ["import multiprocessing as m; m.get_context('fork').Lock()"]
    deeds += ["import ctypes; assert ctypes.CDLL(None).shmget(0, 4096, 0o1600) >= 0"]
    assert "done" not in tried(executor, *deeds).values()


ORPHANS = """
import os, signal, subprocess, time
signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN)
import ctypes; ctypes.CDLL(None).prctl(1, 0, 0, 0, 0); ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
for _ in range(20):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: os.execvpe("sleep", ["sleep", {mark!r}], {{}})
        os._exit(0)
print("left")
"""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("end", ["stop", "the owner is killed"])
def test_no_process_is_left(caged: Person, kind: str, end: str) -> None:
    mark = f"500.{os.getpid():07}"
    driver: Driver = caged.driver()
    try:
        executor = driver.open(caged.folder(), kind)
        code = ORPHANS.format(mark=mark)
        if kind == "scripts":
            executor.begin(f"{code}\ntime.sleep(60)")
            _wait_for(lambda: len(marked(mark)) == 20)
        else:
            assert executor.value(code) == "left\n"
            _wait_for(lambda: len(marked(mark)) == 20)
        if end == "stop" and kind == "kernel":
            executor.stop()
        else:
            driver.process.kill()
        _wait_for(lambda: not marked(mark))
    finally:
        driver.process.kill()
        driver.process.wait()
        for stream in (driver.process.stdin, driver.process.stdout):
            if stream:
                stream.close()


def _wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_folder_that_a_name_leads_to_now_is_not_given(caged: Person) -> None:
    """Its name was looked at when the executor started, and is a link when the kernel is started again."""
    work, keys = caged.folder(), caged.folder("keys")
    (keys / "id_rsa").write_text("PRIVATE KEY")
    caged.give(keys)
    with caged.driver() as driver:
        executor = driver.open(work)
        work.rename(work.with_name("moved"))
        work.symlink_to(keys)
        answer = executor.restart()
        if "raised" not in answer:
            assert "PRIVATE" not in executor.run(f"print(open({str(work / 'id_rsa')!r}).read())").text


def test_what_is_run_here_needs_user_namespaces_in_vain(caged: Person) -> None:
    """The control of the cage."""
    done = caged.start(["unshare", "--user", "true"], stderr=subprocess.PIPE)
    _, said = done.communicate(timeout=20)
    assert done.returncode != 0, said
