"""Links that code plants, or somebody flips, never lead a sandbox elsewhere: at a start, a restart, for every script.

What bubblewrap is told to mount was once looked at, and then mounted by its name: whoever was quicker, or patient
until a restart, read the home folder. Targets here: a private key in a home that the test made, a folder outside, the
host's processes, everybody's temporary files.
"""

import ctypes
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.attacks.support.fingerprint import differences, fingerprint
from tests.attacks.support.people import Person
from tests.attacks.support.remote import Driver, Executor
from tests.containers import KERNEL_IMAGE, SCRIPTS_IMAGE

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

EXCHANGE = 2


@pytest.fixture
def secret(person: Person, ground: Path) -> Iterator[tuple[Path, str]]:
    """A private key in this person's home, and what is in it."""
    text = f"PRIVATE KEY {uuid.uuid4().hex}"
    key = person.home / "ssh" / "id_test"
    key.parent.mkdir(exist_ok=True)
    key.write_text(text)
    person.give(key.parent)
    yield key, text
    key.unlink()


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A file among everybody's temporary files."""
    path = Path("/tmp", f"attacked-{uuid.uuid4().hex}")
    path.touch()
    yield path
    path.unlink()


LOOK = """
import os
found = []
for place in {places!r}:
    for path in (place, place + '/id_test', place + '/ssh/id_test', place + '/{process}/cmdline'):
        try:
            found.append(open(path, errors='replace').read(4000))
        except OSError as error:
            found.append(type(error).__name__)
    try:
        found.append(os.listdir(place))
    except OSError as error:
        found.append(type(error).__name__)
print(found)
"""


def look(places: list[str]) -> str:
    """Make code that prints what it can read; the test's own process would be one of those of the host."""
    return LOOK.format(places=places, process=os.getpid())


WRITE = """
for place in {places!r}:
    for path in (place, place + '/id_test', place + '/planted.csv'):
        try:
            open(path, 'a').write('WRITTEN')
        except OSError:
            pass
"""


def targets(key: Path, outside: Path) -> dict[str, Path | str]:
    return {
        "a key": key,
        "a home": key.parent.parent,
        "a folder": outside,
        "relative": "../../" + "../" * 10 + str(key).lstrip("/"),
        "processes": "/proc",
        "temporary files": "/tmp",
        "the root": "/",
    }


@pytest.mark.parametrize("kind", ["kernel", "scripts"])
@pytest.mark.parametrize("nested", [False, True], ids=["top", "nested"])
def test_links_that_stand_in_the_folder_lead_nowhere(
    person: Person,
    secret: tuple[Path, str],
    temporary: Path,
    opened: Callable[..., Executor],
    *,
    kind: str,
    nested: bool,
) -> None:
    """Before the start, added while it lives, and after a restart; read and written through."""
    key, text = secret
    work, outside = person.folder(), person.folder("outside")
    (outside / "id_test").write_text(text)
    place = work / "folder" if nested else work
    place.mkdir(exist_ok=True)
    wanted = targets(key, person.give(outside))
    for number, target in enumerate(wanted.values()):
        (place / f"before{number}").symlink_to(target)
    person.give(work)
    before = fingerprint(outside), fingerprint(key.parent)
    executor = opened(work, kind)
    for number, target in enumerate(wanted.values()):
        (place / f"later{number}").symlink_to(target)
    person.give(work)
    prefix = "folder/" if nested else ""
    places = [f"{prefix}{when}{number}" for when in ("before", "later") for number in range(len(wanted))]
    for _ in range(2):
        seen = executor.run(look(places))
        assert seen.status == "ok", seen
        assert text not in seen.text
        assert "pytest" not in seen.text, "the host's processes"
        assert temporary.name not in seen.text, "everybody's temporary files"
        executor.run(WRITE.format(places=places))
        executor.restart()
        assert executor.opened["isolates"]
    assert differences(before[0], fingerprint(outside)) == []
    assert differences(before[1], fingerprint(key.parent)) == []
    assert not (outside / "planted.csv").exists()
    assert key.read_text() == text


PLANT = """
import os, shutil
for number, target in enumerate({targets!r}):
    for name in (f'planted{{number}}', f'folder/planted{{number}}', f'data{{number}}.csv', f'kept{{number}}'):
        if os.path.isdir(name) and not os.path.islink(name):
            shutil.rmtree(name)
        elif os.path.lexists(name):
            os.remove(name)
        os.symlink(target, name)
"""


@pytest.mark.parametrize("kind", ["kernel", "scripts"])
def test_links_that_code_plants_lead_nowhere_after_a_restart(
    person: Person, secret: tuple[Path, str], work: Path, opened: Callable[..., Executor], kind: str
) -> None:
    """Under free names, and in the place of the user's files and folders, which come back."""
    key, text = secret
    outside = person.folder("outside")
    (outside / "id_test").write_text(text)
    wanted = list(map(str, targets(key, person.give(outside)).values()))
    (work / "folder").mkdir()
    for number in range(len(wanted)):
        (work / f"data{number}.csv").write_text("a\n1\n")
        (work / f"kept{number}").mkdir()
        (work / f"kept{number}" / "old.csv").write_text("a\n1\n")
    before = fingerprint(person.give(work)), fingerprint(outside), fingerprint(key.parent)
    executor = opened(work, kind)
    numbers = range(len(wanted))
    names = ("planted{}", "folder/planted{}", "data{}.csv", "kept{}")
    places = [name.format(number) for name in names for number in numbers]
    for ending in ("import os; os._exit(1)", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "print()"):
        result = executor.run(PLANT.format(targets=wanted))
        assert result.denials != [], result
        executor.run(ending)
        executor.restart()
        seen = executor.run(look(places))
        assert seen.status == "ok", seen
        assert seen.isolates
        assert text not in seen.text
        assert "pytest" not in seen.text
        executor.run(WRITE.format(places=places))
    executor.stop()
    for state, folder in zip(before, (work, outside, key.parent), strict=True):
        assert differences(state, fingerprint(folder)) == []
    assert not [path for path in work.rglob("planted*") if path.is_symlink()], "links are not delivered"


def test_control_links_lead_there_without_a_sandbox(
    person: Person, secret: tuple[Path, str], work: Path, opened: Callable[..., Executor]
) -> None:
    key, text = secret
    outside = person.folder("outside")
    (outside / "id_test").write_text("")
    executor = opened(work, sandbox="none")
    (work / "folder").mkdir()
    person.give(work)
    executor.run(PLANT.format(targets=[str(key), str(person.give(outside))]))
    assert text in executor.value(look(["planted0", "folder/planted0"]))
    executor.run(WRITE.format(places=["planted1"]))
    assert (outside / "planted.csv").exists()


def _exchange(one: Path, other: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), EXCHANGE):
        raise OSError(ctypes.get_errno(), "renameat2")


@contextmanager
def flipping(one: Path, other: Path) -> Iterator[list[int]]:
    """Let two names change places as fast as possible: whoever looks and then opens finds another."""
    stop, count = threading.Event(), [0]

    def flip() -> None:
        while not stop.is_set():
            _exchange(one, other)
            count[0] += 1

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        yield count
    finally:
        stop.set()
        thread.join()


FLIPPED = {
    "a folder and a home": ("folder", lambda key: key.parent.parent),
    "a folder and the folder of keys": ("folder", lambda key: key.parent),
    "a file and a key": ("data.csv", lambda key: key),
    "a folder and the processes": ("folder", lambda _: "/proc"),
    "a nested folder and the folder of keys": ("folder/inner", lambda key: key.parent),
}
QUICK = ("a folder and the folder of keys", "a file and a key")
ROUNDS = 4


@pytest.mark.parametrize(
    ("kind", "flipped"),
    [
        pytest.param(kind, flipped, marks=() if flipped in QUICK else pytest.mark.attacks)
        for kind in ("kernel", "scripts")
        for flipped in FLIPPED
    ],
)
def test_a_name_that_is_flipped_while_a_sandbox_starts(
    person: Person, secret: tuple[Path, str], driver: Driver, kind: str, flipped: str
) -> None:
    """As another session's code once could: 5 of 12 starts showed a whole home folder."""
    work, (key, text) = person.folder(), secret
    name, target = FLIPPED[flipped]
    (work / "folder" / "inner").mkdir(parents=True)
    for path in (work / "folder" / "id_test", work / "folder" / "inner" / "id_test", work / "data.csv"):
        path.write_text("harmless")
    (work / "link").symlink_to(target(key))
    person.give(work)
    before = fingerprint(key.parent)
    with flipping(work / name, work / "link") as count:
        for number in range(ROUNDS):
            executor = Executor(driver, f"round {number}")
            opened = driver.step(**executor.opening(work, kind))
            if "raised" in opened:
                assert opened["raised"] in {"KernelStartError", "UnexpectedMount"}, opened
                continue
            assert opened["isolates"]
            seen = executor.run(look([name, "link", "folder", "folder/inner"]))
            assert text not in str(seen)
            assert "pytest" not in str(seen)
            executor.run(WRITE.format(places=[name, "link", f"{name}/ssh"]))
            executor.stop()
    assert count[0] > ROUNDS
    assert differences(before, fingerprint(key.parent)) == []
    assert key.read_text() == text
    assert not list(person.home.rglob("planted*"))


def test_two_sessions_in_one_folder_start_at_once(
    person: Person, secret: tuple[Path, str], work: Path, driver: Driver
) -> None:
    """The first one's code flips what it can, a file of its own, while the second starts."""
    key, text = secret
    (work / "data.csv").write_text("harmless")
    person.give(work)
    first = driver.open(work)
    first.run("open('own.csv', 'w').write('harmless')")
    code = f"""
import ctypes, os, threading
os.symlink({str(key)!r}, 'link.csv')
def flip():
    while True:
        ctypes.CDLL(None).renameat2(-100, b'own.csv', -100, b'link.csv', 2)
threading.Thread(target=flip, daemon=True).start()
"""
    assert first.run(code).status == "ok"
    for _ in range(ROUNDS):
        second = driver.open(work)
        seen = second.run(look(["own.csv", "link.csv"]))
        assert text not in str(seen)
        assert second.opened["isolates"]
        second.stop()
        assert text not in str(first.run("print(1)"))
    assert not (work / "link.csv").is_symlink()
    assert not (work / "own.csv").is_symlink()
    assert text not in "".join(path.read_text() for path in work.rglob("*.csv"))


def test_many_sessions_start_at_once_in_one_folder(person: Person, work: Path, driver: Driver) -> None:
    (work / "data.csv").write_text("harmless")
    before = fingerprint(person.give(work))
    executors = [Executor(driver, f"session {number}") for number in range(4)]
    answers = driver.step("together", steps=[each.opening(work, "kernel") for each in executors])["answers"]
    assert [answer.get("isolates") for answer in answers] == [True] * 4, answers
    for number, executor in enumerate(executors):
        assert executor.run(f"open('made{number}.csv', 'w').write('1'); open('same.csv', 'w').write('{number}')")
    assert {path.name for path in work.iterdir()} >= {"data.csv", "made0.csv", "made3.csv", "same.csv"}
    assert differences(before, fingerprint(work)) == []


@pytest.mark.parametrize("kind", ["kernel", "scripts"])
def test_the_folder_itself_becomes_a_link(
    person: Person, secret: tuple[Path, str], work: Path, opened: Callable[..., Executor], kind: str
) -> None:
    """By its user, who moves it, between two starts: code sees the folder it was given, or does not start."""
    key, text = secret
    (work / "data.csv").write_text("harmless")
    person.give(work)
    executor = opened(work, kind)
    executor.value("print()")
    work.rename(work.with_name("moved"))
    work.symlink_to(key.parent)
    before = fingerprint(key.parent)
    executor.restart()
    seen = executor.run(look(["data.csv", "id_test", str(work)]))
    assert text not in str(seen.answer)
    executor.run("open('planted.csv', 'w').write('1'); open('id_test', 'a').write('WRITTEN')")
    executor.stop()
    assert differences(before, fingerprint(key.parent)) == []
    assert not (key.parent / "planted.csv").exists()


@pytest.mark.parametrize("image", ["kernel", "scripts"])
def test_links_in_a_container_lead_nowhere(container_person: Person, image: str) -> None:
    person = container_person
    work, outside = person.folder(), person.folder("outside")
    text = f"PRIVATE KEY {uuid.uuid4().hex}"
    (outside / "id_test").write_text(text)
    (work / "folder").mkdir()
    for place in (work, work / "folder"):
        (place / "before").symlink_to(outside)
        (place / "key").symlink_to(outside / "id_test")
    before = fingerprint(outside), fingerprint(work)
    with person.driver() as driver:
        executor = driver.open(work, "container", image=KERNEL_IMAGE if image == "kernel" else SCRIPTS_IMAGE)
        places = ["before", "key", "folder/before", "folder/key", "planted", str(outside)]
        for _ in range(2):
            executor.run(f"import os; os.symlink({str(outside)!r}, 'planted')")
            seen = executor.run(look(places))
            assert seen.status == "ok", seen
            assert text not in seen.text
            executor.run(WRITE.format(places=places))
            executor.restart()
    assert differences(before[0], fingerprint(outside)) == []
    assert differences(before[1], fingerprint(work)) == []
    assert not (outside / "planted.csv").exists()
    assert not (work / "planted").is_symlink()


@pytest.mark.parametrize("nested", [False, True], ids=["a file", "a folder"])
def test_bringing_a_file_follows_no_link_that_was_left(
    person: Person, work: Path, driver: Driver, nested: bool
) -> None:
    """`--file`: a dangling link of an earlier session once led the copy anywhere."""
    source = person.folder("source") / "data.csv"
    source.write_text("secret table")
    outside = person.folder("outside")
    aim = outside / "made" / "data.csv" if nested else outside / "data.csv"
    (work / "data.csv").symlink_to(aim)
    for path in (work, outside, source.parent):
        person.give(path)
    before = fingerprint(outside)
    driver.step(
        "use", module="codeagent_nb.session.files", function="bring_files", arguments=[[str(source)], str(work)]
    )
    assert differences(before, fingerprint(outside)) == []
    assert list(outside.iterdir()) == []


def test_control_bringing_a_file_brings_it(person: Person, work: Path, driver: Driver) -> None:
    source = person.folder("source") / "data.csv"
    source.write_text("table")
    person.give(source)
    said = driver.step(
        "use", module="codeagent_nb.session.files", function="bring_files", arguments=[[str(source)], str(work)]
    )
    assert said == {"value": "['data.csv']"}
    assert (work / "data.csv").read_text() == "table"


@pytest.mark.parametrize("kind", ["kernel", "scripts"])
def test_names_that_are_not_utf_8_hinder_no_start(
    person: Person, work: Path, opened: Callable[..., Executor], kind: str
) -> None:
    (work / "folder\udcff").mkdir()
    (work / "caf\udce9.csv").write_text("1")
    (work / "folder\udcff" / "\udcfe.csv").write_text("2")
    (work / "link\udcfd").symlink_to("caf\udce9.csv")
    before = fingerprint(person.give(work))
    executor = opened(work, kind)
    assert (
        executor.value("import os; print(open(b'caf\\xe9.csv').read(), os.listdir(b'folder\\xff'))")
        == "1 [b'\\xfe.csv']\n"
    )
    assert executor.run("open(b'new\\xe8.csv', 'w').write('3')").status == "ok"
    executor.restart()
    assert executor.value("print(open(b'folder\\xff/\\xfe.csv').read())") == "2\n"
    executor.stop()
    again = opened(work, kind)
    assert again.value("print(1)") == "1\n"
    assert differences(before, fingerprint(work)) == []
