"""What started code sees of the host's files, read from outside in its mount table: that, and nothing else.

The table is read by the test itself, not by the product's own check.
"""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.attacks.support.people import Person
from tests.attacks.support.processes import descendants
from tests.attacks.support.remote import Driver, Executor

pytestmark = [pytest.mark.integration]


@dataclass(frozen=True, slots=True)
class Mount:
    target: str
    source: str
    file_system: str
    writable: bool


def mounts_of(pid: int) -> list[Mount]:
    mounts = []
    for line in Path(f"/proc/{pid}/mountinfo").read_bytes().splitlines():
        fields = line.split()
        system = fields[fields.index(b"-") + 1].decode()
        mounts.append(Mount(_path(fields[4]), _path(fields[3]), system, b"rw" in fields[5].split(b",")))
    return mounts


def _path(field: bytes) -> str:
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), field))


def in_a_sandbox(driver: Driver) -> list[int]:
    """Find the processes below a driver that have a mount namespace of their own and have started their program."""
    ours = Path("/proc/self/ns/mnt").readlink()
    found = []
    for pid in descendants(driver.process.pid):
        try:
            if Path(f"/proc/{pid}/ns/mnt").readlink() != ours and Path(f"/proc/{pid}/exe").readlink().name != "bwrap":
                found.append(pid)
        except OSError:
            continue
    return found


def of_the_block(driver: Driver, executor: Executor) -> list[Mount]:
    """Start a block that waits, and read the table of every process it runs in; they are the same."""
    executor.begin("import time; time.sleep(1.5)")
    tables: list[list[Mount]] = []
    for _ in range(100):
        time.sleep(0.02)
        tables = [mounts_of(pid) for pid in in_a_sandbox(driver)]
        if tables:
            break
    assert tables, "no process of the sandbox was found"
    assert all(table == tables[0] for table in tables)
    assert executor.result().status == "ok"
    return tables[0]


@pytest.fixture(params=["kernel", "scripts"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def is_private(mount: Mount) -> bool:
    """Say whether it is made for the sandbox, and empty or harmless at first."""
    own = {"/": "tmpfs", "/tmp": "tmpfs", "/dev": "tmpfs", "/dev/pts": "devpts", "/dev/shm": "tmpfs", "/proc": "proc"}
    devices = {"null", "zero", "full", "random", "urandom", "tty", "console"}
    return own.get(mount.target) == mount.file_system or mount.target in {f"/dev/{name}" for name in devices}


def test_nothing_of_the_users_folder_is_writable(
    person: Person, work: Path, driver: Driver, opened: Callable[..., Executor], kind: str
) -> None:
    (work / "data.csv").write_text("a\n1\n")
    (work / "folder").mkdir()
    person.give(work)
    mounts = of_the_block(driver, opened(work, kind))
    users = [mount for mount in mounts if _is_in(Path(mount.source), work)]
    assert users, "large files are seen through a mount"
    assert [mount for mount in users if mount.writable] == []
    standing = [mount for mount in mounts if mount.target == str(work)]
    assert len(standing) == 1, "the stage stands there"
    assert standing[0].source != str(work)


def _is_in(source: Path, folder: Path) -> bool:
    """Say whether a mount's source, relative to its file system, is a folder or in it."""
    full = [Path("/", *folder.parts[number:]) for number in range(1, len(folder.parts))]
    return any(source == path or source.is_relative_to(path) for path in full if len(path.parts) > 2)


def test_only_what_is_expected_is_mounted(
    person: Person, work: Path, driver: Driver, opened: Callable[..., Executor], kind: str
) -> None:
    (work / "data.csv").write_text("a\n1\n")
    person.give(work)
    mounts = of_the_block(driver, opened(work, kind))
    read_only = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/proc", "/opt")
    places = {str(person.python.parent.parent), str(person.python.resolve().parent.parent)}
    for mount in mounts:
        if is_private(mount):
            continue
        ours = [mount.target == str(work), mount.target.startswith(("/tmp/codeagent-k-", "/tmp/codeagent-r-"))]
        if any(ours):
            continue
        assert not mount.writable, mount
        seen = Path(mount.target)
        known = [seen.is_relative_to(place) for place in (*read_only, *places, "/codeagent")]
        checkout = Path(__file__).parents[2]  # an editable installation
        assert any(known) or seen.is_relative_to(checkout), mount


WRITABLE = """
import os
found = []
for top in ('/proc/sys', '/proc/sysrq-trigger', '/proc/irq', '/proc/bus', '/sys'):
    paths = [os.path.join(place, name) for place, _, files in os.walk(top) for name in files]
    found += [path for path in (top, *paths) if os.path.isfile(path) and os.access(path, os.W_OK)]
print(found)
"""


def test_the_kernels_own_files_are_read_only(
    person: Person, work: Path, opened: Callable[..., Executor], kind: str
) -> None:
    """As root, core_pattern and 762 others could once be written to."""
    assert opened(work, kind).value(WRITABLE) == "[]\n"


def test_control_without_a_sandbox_it_is_up_to_the_kernel_who_may_write(
    person: Person, work: Path, opened: Callable[..., Executor]
) -> None:
    """It is asked, never done: these files are the machine's, and no test's."""
    seen = opened(work, sandbox="none").value("import os; print(os.access('/proc/sys/kernel/core_pattern', os.W_OK))")
    assert seen == f"{person.uid == 0 and os.access('/proc/sys/kernel/core_pattern', os.W_OK)}\n"


def test_the_table_is_the_same_after_a_restart(
    person: Person, work: Path, driver: Driver, opened: Callable[..., Executor]
) -> None:
    executor = opened(work)
    before = {(mount.target, mount.writable) for mount in of_the_block(driver, executor)}
    executor.restart()
    after = {(mount.target, mount.writable) for mount in of_the_block(driver, executor)}
    run = re.compile(r"/tmp/codeagent-[kr]-\w+")
    assert {(run.sub("run", target), rights) for target, rights in before} == {
        (run.sub("run", target), rights) for target, rights in after
    }


PROJECT = {
    ".env": "secret",
    ".git/config": "secret",
    "pkg/.netrc": "secret",
    "deploy/prod.env": "secret",
    "keys/server.pem": "-----BEGIN PRIVATE KEY-----\nsecret",
    "conf/linked.txt": "secret",
    "pkg/__init__.py": "from . import secrets",
    "pkg/secrets.py": "found = 'imported'",
    "pkg/.libs/data.txt": "needed",
}
READ_ALL = """
import os, pkg, pkg.secrets
found = []
for place, _, names in os.walk({project!r}):
    for name in names:
        path = os.path.join(place, name)
        try:
            if "secret" in open(path, errors="replace").read() and not name.endswith((".py", ".pyc")):
                found.append(os.path.relpath(path, {project!r}))
        except OSError:
            continue
print(sorted(found), pkg.secrets.found, open({project!r} + "/pkg/.libs/data.txt").read())
"""


@pytest.fixture
def project(person: Person) -> Path:
    """A project on somebody's PYTHONPATH, with secrets in it."""
    folder = person.folder("project")
    for name, text in PROJECT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / ".link").symlink_to("conf/linked.txt")
    return person.give(folder)


def test_a_project_on_the_module_path_shows_its_modules_and_not_its_secrets(
    person: Person, work: Path, project: Path
) -> None:
    with replace(person, variables={"PYTHONPATH": str(project)}).driver() as driver:
        executor = driver.open(work)
        assert executor.value(READ_ALL.format(project=str(project))) == "[] imported needed\n"
        (project / ".later").write_text("secret")
        executor.restart()
        assert executor.value(READ_ALL.format(project=str(project))) == "[] imported needed\n"
        writing = f"open({str(project / '.git')!r} + '/config', 'w').write('x')"
        assert executor.run(writing).ename == "OSError"
    assert (project / ".git" / "config").read_text() == "secret"


def test_what_is_granted_of_it_is_shown(person: Person, work: Path, project: Path) -> None:
    with replace(person, variables={"PYTHONPATH": str(project)}).driver() as driver:
        executor = driver.open(work, readable=[str(project / ".env")])
        assert executor.value(READ_ALL.format(project=str(project))) == "['.env'] imported needed\n"


def test_control_without_a_sandbox_the_secrets_are_read(person: Person, work: Path, project: Path) -> None:
    with replace(person, variables={"PYTHONPATH": str(project)}).driver() as driver:
        seen = driver.open(work, sandbox="none").value(READ_ALL.format(project=str(project)))
    secrets = {name for name, text in PROJECT.items() if "secret" in text and not name.endswith(".py")}
    assert seen == f"{sorted({*secrets, '.link'})} imported needed\n"
