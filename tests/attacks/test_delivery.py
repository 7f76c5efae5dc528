"""What is delivered into the user's folder, whatever code does to have something else there, or no end of it."""

import fnmatch
import json
import os
import re
import stat
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attacks.support.fingerprint import differences, fingerprint, news
from tests.attacks.support.people import Person
from tests.attacks.support.remote import Driver, Executor

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

SECRET = f"SECRET {uuid.uuid4().hex}"


@pytest.fixture(params=["kernel", "scripts"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def outside(person: Person) -> Path:
    """A folder with a secret that code is not to reach."""
    folder = person.folder("outside")
    (folder / "secret.csv").write_text(SECRET)
    (folder / "folder").mkdir()
    (folder / "folder" / "secret.csv").write_text(SECRET)
    return person.give(folder)


def types_in(folder: Path) -> dict[str, str]:
    return {name: entry.type for name, entry in fingerprint(folder).items() if name != "."}


SPECIAL = """
import os, socket, stat
os.mkfifo('pipe.csv')
socket.socket(socket.AF_UNIX).bind('socket.csv')
for number, kind in enumerate((stat.S_IFCHR, stat.S_IFBLK)):
    try:
        os.mknod(f'device{number}.csv', 0o666 | kind, os.makedev(1, 3))
        print('made a device')
    except OSError:
        pass
os.symlink('/etc/passwd', 'link.csv')
os.symlink(OUTSIDE + '/secret.csv', 'secret.csv')
os.symlink(OUTSIDE + '/folder', 'folder')
os.symlink('nowhere', 'dangling.csv')
os.symlink('self.csv', 'self.csv')
os.mkdir('made')
os.mkfifo('made/pipe.csv')
os.symlink('/etc/passwd', 'made/link.csv')
os.symlink('..', 'made/up')
open('made/table.csv', 'w').write('1')
"""


def test_only_regular_files_are_delivered(
    person: Person, work: Path, outside: Path, opened: Callable[..., Executor], kind: str
) -> None:
    executor = opened(work, kind)
    result = executor.run(f"OUTSIDE = {str(outside)!r}\n{SPECIAL}", patience=20)
    assert result.status == "ok", result
    assert "made a device" not in result.text
    assert executor.run("print()", patience=20).status == "ok"
    executor.stop()
    assert types_in(work) == {"made": "folder", "made/table.csv": "file"}


def test_control_special_files_are_made_without_a_sandbox(
    person: Person, work: Path, outside: Path, opened: Callable[..., Executor]
) -> None:
    opened(work, sandbox="none").run(f"OUTSIDE = {str(outside)!r}\n{SPECIAL}")
    assert set(types_in(work).values()) >= {"fifo", "socket", "link", "file"}
    assert (work / "folder" / "secret.csv").read_text() == SECRET


HUGE = """
import os
os.truncate(os.open('terabyte.csv', os.O_CREAT | os.O_WRONLY), 2**40)
os.truncate(os.open('five.csv', os.O_CREAT | os.O_WRONLY), 5 * 2**30)
f = os.open('holes.csv', os.O_CREAT | os.O_WRONLY); os.pwrite(f, b'x', 2**31); os.pwrite(f, b'x', 0)
open('small.csv', 'w').write('1')
"""


def test_huge_and_sparse_files_stay_behind(
    person: Person, work: Path, opened: Callable[..., Executor], kind: str
) -> None:
    result = opened(work, kind, resource_limits="file_size=2TB").run(HUGE, patience=30)
    assert result.status == "ok", result
    assert types_in(work) == {"small.csv": "file"}
    assert set(result.held) == {"terabyte.csv", "five.csv", "holes.csv"}


def test_control_huge_files_are_there_without_a_sandbox(
    person: Person, work: Path, opened: Callable[..., Executor]
) -> None:
    opened(work, sandbox="none").run(HUGE)
    assert (work / "terabyte.csv").stat().st_size == 2**40


MANY = """
import os
os.mkdir('many')
for number in range({count}):
    os.close(os.open(f'{{"many/" if number % 2 else ""}}{{number:06}}.csv', os.O_CREAT | os.O_WRONLY))
"""


@pytest.mark.parametrize("count", [3_000, pytest.param(200_000, marks=pytest.mark.attacks)], ids=["3,000", "200,000"])
def test_many_small_files(person: Person, work: Path, opened: Callable[..., Executor], count: int) -> None:
    executor = opened(work, timeout=60)
    result = executor.run(MANY.format(count=count), patience=150)
    assert result.status == "ok", result
    assert len([name for name, kind in types_in(work).items() if kind == "file"]) <= 1_000
    assert result.held
    assert result.answer["loop_held"] < 1.0
    after = executor.run("print(1)", patience=60)
    assert after.text == "1\n"
    assert after.seconds < 20
    executor.stop()


def test_control_many_small_files_without_a_sandbox(
    person: Person, work: Path, opened: Callable[..., Executor]
) -> None:
    opened(work, sandbox="none").run(MANY.format(count=3_000))
    assert len(types_in(work)) == 3_001


DEEP = """
import os
top = os.getcwd()
for number in range(1_000):
    os.mkdir('deep')
    os.chdir('deep')
open('table.csv', 'w').write('1')
os.chdir(top)
open('shallow.csv', 'w').write('1')
os.makedirs('a/b/c')
open('a/b/c/table.csv', 'w').write('1')
"""


def test_a_thousand_folders_in_one_another(
    person: Person, work: Path, opened: Callable[..., Executor], kind: str
) -> None:
    executor = opened(work, kind)
    result = executor.run(DEEP, patience=60)
    assert result.status == "ok", result
    assert executor.run("print(1)", patience=60).seconds < 20
    executor.stop()
    assert {"shallow.csv", "a/b/c/table.csv"} <= set(types_in(work))


def test_control_a_thousand_folders_without_a_sandbox(
    person: Person, work: Path, opened: Callable[..., Executor]
) -> None:
    opened(work, sandbox="none").run(DEEP)
    assert (work / Path(*["deep"] * 300)).is_dir()


ODD = {
    "255 bytes": "n" * 251 + ".csv",
    "letters of two bytes": "ü" * 125 + ".csv",
    "newline": "new\nline.csv",
    "carriage return": "cr\r.csv",
    "escape": "\x1b[2J.csv",
    "not UTF-8": "caf\udce9.csv",
    "leading dash": "-rf.csv",
    "right to left": "\u202egnp.csv",
    "no width": "a\u200b.csv",
    "tilde": "~.csv",
    "blank": " .csv",
    "quotes": "'\"$(id)`id`;.csv",
    "wild": "*?[a].csv",
    "backslash": "a\\b.csv",
    "emoji": "🐧.csv",
    "percent": "%s%n.csv",
    "markup": "<img src=x onerror=alert(1)>.csv",
}


def test_odd_names_are_delivered_as_they_are_or_not_at_all(
    person: Person, work: Path, opened: Callable[..., Executor], kind: str
) -> None:
    names = [os.fsencode(name) for name in ODD.values()]
    result = opened(work, kind).run(f"for name in {names!r}: open(name, 'w').write('1')\nopen('z.csv', 'w').write('1')")
    assert result.status == "ok", result
    there = types_in(work)
    assert set(there) <= {*ODD.values(), "z.csv"}
    assert {"🐧.csv", ODD["255 bytes"], "z.csv"} <= set(there)
    assert all(name.isprintable() for name in there), "a terminal that lists the folder obeys none of them"
    assert not any(name.startswith(("-", "~")) for name in there)
    told = [*result.delivered, *result.held]
    assert all(name.isprintable() for name in told)
    assert len(told) == len(ODD) + 1


MODES = """
import os
for number, mode in enumerate((0o4777, 0o2777, 0o1777, 0o6755, 0o777, 0o600, 0o000, 0o111)):
    name = f'mode{number}.csv'
    open(name, 'w').write('1')
    os.chmod(name, mode)
os.mkdir('closed'); open('closed/table.csv', 'w').write('1'); os.chmod('closed', 0)
"""


def test_no_special_bits_and_nothing_executable(
    person: Person, work: Path, opened: Callable[..., Executor], kind: str
) -> None:
    executor = opened(work, kind)
    assert executor.run(MODES).status == "ok"
    executor.stop()
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in work.rglob("*.csv")}
    assert {f"mode{number}.csv" for number in range(8)} <= set(files), files
    assert {name: oct(mode) for name, mode in files.items() if mode & ~0o666} == {}
    assert all(path.stat().st_uid == person.uid for path in work.rglob("*"))


def test_control_bits_stay_without_a_sandbox(person: Person, work: Path, opened: Callable[..., Executor]) -> None:
    opened(work, sandbox="none").run(MODES)
    assert (work / "mode0.csv").stat().st_mode & stat.S_ISUID


def test_hard_links_are_delivered_as_copies(person: Person, work: Path, opened: Callable[..., Executor]) -> None:
    (work / "data.csv").write_text("the user's")
    person.give(work)
    executor = opened(work)
    executor.run("import os; os.link('data.csv', 'one.csv'); os.link('one.csv', 'two.csv')")
    executor.run("open('one.csv', 'a').write('CHANGED')")
    executor.stop()
    assert (work / "data.csv").read_text() == "the user's"
    assert all(path.stat().st_nlink == 1 for path in work.iterdir())


# While a call delivers, a thread in the kernel, or a process that a script could not leave, goes on changing things.
SWAPS = {
    "a file and a link to a secret": """
os.mkdir('w'); os.symlink(OUTSIDE + '/secret.csv', 'w/link.csv'); open('w/table.csv', 'w').write('own')
def turn(): exchange('w/link.csv', 'w/table.csv')
""",
    "a file and a link to a file of the system": """
os.mkdir('w'); os.symlink('/etc/passwd', 'w/link.csv'); open('w/table.csv', 'w').write('own')
def turn(): exchange('w/link.csv', 'w/table.csv')
""",
    "a folder and a link to a folder": """
os.mkdir('w'); open('w/secret.csv', 'w').write('own'); os.symlink(OUTSIDE, 'way')
def turn(): exchange('w', 'way')
""",
    "a file and a pipe": """
os.mkdir('w'); os.mkfifo('w/pipe.csv'); open('w/table.csv', 'w').write('own')
def turn(): exchange('w/pipe.csv', 'w/table.csv')
""",
    "a file and a folder": """
os.mkdir('w'); os.mkdir('w/folder.csv'); open('w/table.csv', 'w').write('own')
def turn(): exchange('w/folder.csv', 'w/table.csv')
""",
    "a file that comes and goes": """
def turn():
    open('table.csv', 'w').write('own'); os.remove('table.csv')
""",
    "the user's file and a link": """
os.symlink(OUTSIDE + '/secret.csv', 'way.csv')
def turn(): exchange('way.csv', 'users.csv')
""",
}
SWAP = """
import ctypes, os, threading
libc = ctypes.CDLL(None)
def exchange(one, other):
    libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), 2)
{swap}
stop = threading.Event()
def run():
    while not stop.is_set():
        try:
            turn()
        except OSError:
            pass
threading.Thread(target=run, daemon=True).start()
"""


@pytest.mark.parametrize("swap", SWAPS)
def test_what_is_swapped_while_it_is_delivered(
    person: Person, work: Path, outside: Path, opened: Callable[..., Executor], swap: str
) -> None:
    (work / "users.csv").write_text("the user's")
    before = fingerprint(person.give(work)), fingerprint(outside)
    executor = opened(work)
    executor.run(f"OUTSIDE = {str(outside)!r}\n{SWAP.format(swap=SWAPS[swap])}", patience=30)
    for number in range(12):
        executor.run(f"import time; time.sleep(0.01); open('round{number}.csv', 'w').write('1')", patience=30)
    executor.run("stop.set()", patience=30)
    executor.stop()
    assert differences(before[0], fingerprint(work)) == []
    assert differences(before[1], fingerprint(outside)) == []
    assert set(types_in(work).values()) <= {"file", "folder"}
    contents = {path.name: path.read_text() for path in work.rglob("*.csv")}
    assert set(contents.values()) <= {"the user's", "own", "1", ""}, contents


def test_control_what_is_swapped_without_a_sandbox(
    person: Person, work: Path, outside: Path, opened: Callable[..., Executor]
) -> None:
    (work / "users.csv").write_text("the user's")
    person.give(work)
    executor = opened(work, sandbox="none")
    executor.run(f"OUTSIDE = {str(outside)!r}\n{SWAP.format(swap=SWAPS['a folder and a link to a folder'])}")
    executor.run("import time; time.sleep(0.1); stop.set(); time.sleep(0.1)")
    assert SECRET in {path.read_text() for name in ("w", "way") for path in (work / name).glob("*.csv")}


GROWING = """
import threading
file = open('growing.csv', 'w')
def grow():
    for _ in range(1_000):
        file.write('x' * 100_000); file.flush()
threading.Thread(target=grow, daemon=True).start()
"""


def test_a_file_that_grows_while_it_is_delivered(person: Person, work: Path, opened: Callable[..., Executor]) -> None:
    """A tenth of a gigabyte at most: it is not to fill anybody's disk."""
    executor = opened(work)
    executor.run(GROWING, patience=40)
    for _ in range(3):
        result = executor.run("print(1)", patience=40)
        assert result.text == "1\n"
        assert result.answer["loop_held"] < 1.0
    executor.stop()
    assert set(types_in(work)) <= {"growing.csv"}


def test_a_name_that_the_user_takes_meanwhile_is_the_users(
    person: Person, work: Path, opened: Callable[..., Executor], kind: str
) -> None:
    executor = opened(work, kind)
    executor.begin("import time\nopen('same.csv', 'w').write(\"the code's\")\ntime.sleep(2)")
    time.sleep(1.2)
    (work / "same.csv").write_text("the user's")
    before = fingerprint(person.give(work))
    result = executor.result()
    assert differences(before, fingerprint(work)) == []
    assert (work / "same.csv").read_text() == "the user's"
    assert result.status == "refused", result
    assert any("same.csv" in denial for denial in result.denials)
    kept = executor.value("import glob; print([open(name).read() for name in sorted(glob.glob('*.csv'))])")
    assert "the user's" in kept
    assert "the code's" in kept, "nothing is lost"


def test_what_was_delivered_is_the_agents_until_the_user_changes_it(
    person: Person, work: Path, opened: Callable[..., Executor], kind: str
) -> None:
    first = opened(work, kind)
    made = first.run("for name in ('a.csv', 'b.csv', 'c.csv', 'd.csv'): open(name, 'w').write('1')")
    assert set(made.delivered) == {"a.csv", "b.csv", "c.csv", "d.csv"}
    changed = first.run("open('a.csv', 'a').write('2'); import os; os.remove('d.csv')")
    assert (changed.status, changed.denials) == ("ok", []), changed
    assert (work / "a.csv").read_text() == "12"
    assert not (work / "d.csv").exists()
    assert changed.removed == ["d.csv"]
    first.stop()
    later = opened(work, kind)
    assert later.run("open('a.csv', 'a').write('3')").status == "ok"
    assert (work / "a.csv").read_text() == "123"
    (work / "b.csv").write_text("mine now")
    before = fingerprint(person.give(work))
    result = later.run("open('b.csv', 'w').write('4')")
    assert result.status == "refused", result
    assert any("b.csv" in denial for denial in result.denials)
    assert later.run("import os; os.remove('b.csv')").status == "refused"
    assert differences(before, fingerprint(work)) == []
    assert (work / "b.csv").read_text() == "mine now"
    assert later.run("import os; os.remove('c.csv')").status == "ok"
    assert not (work / "c.csv").exists()


def test_a_change_of_the_users_that_leaves_size_and_time_is_noticed(
    person: Person, work: Path, opened: Callable[..., Executor]
) -> None:
    """`cp -p`, `rsync --times`, some editors: the agent's own version never replaces it."""
    executor = opened(work)
    executor.run("open('a.csv', 'w').write('1234')")
    found = (work / "a.csv").stat()
    (work / "a.csv").write_text("mine")
    os.utime(work / "a.csv", ns=(found.st_atime_ns, found.st_mtime_ns))
    person.give(work)
    executor.run("open('a.csv', 'w').write('5678')")
    assert (work / "a.csv").read_text() == "mine"


def test_two_executors_in_one_folder_write_the_same_name(
    person: Person, work: Path, driver: Driver, opened: Callable[..., Executor]
) -> None:
    one, other = opened(work, name="one"), opened(work, name="other")
    code = "import time\nfor turn in range(20):\n    open('same.csv', 'w').write({!r} * 1000); time.sleep(0.01)"
    steps = [
        {"do": "call", "name": name, "blocks": [[code.format(name[0]), "python"]], "attempt": False}
        for name in ("one", "other") * 3
    ]
    answers = driver.step("together", steps=steps)["answers"]
    assert all("raised" not in answer for answer in answers), answers
    assert (work / "same.csv").read_text() == "o" * 1000
    one.stop()
    other.stop()
    assert [path.name for path in work.iterdir() if path.suffix != ".csv"] == [], "no temporary file is left"


def test_a_forged_record_of_ownership_is_not_believed(
    person: Person, work: Path, opened: Callable[..., Executor]
) -> None:
    """What a folder says about itself, e.g. a repository that was cloned, is never obeyed (design D22)."""
    first = opened(work)
    first.run("open('forged.csv', 'w').write('1')")
    first.stop()
    records = list((person.home / "state").rglob("*.json"))
    record = next(path for path in records if "forged.csv" in json.loads(path.read_text()))
    (work / "data.csv").write_text("the user's")
    found = (work / "data.csv").stat()
    forged = json.loads(record.read_text())
    entry = {**forged["forged.csv"], "inode": found.st_ino, "size": found.st_size, "modified": found.st_mtime_ns}
    text = json.dumps({"data.csv": entry})
    places = (".codeagent/state", ".codeagent", ".local/state/codeagent-nb/delivered", "codeagent-nb/delivered", ".")
    for place in places:
        (work / place).mkdir(parents=True, exist_ok=True)
        for name in (record.name, "owned.json", "delivered.json", "ownership.json"):
            (work / place / name).write_text(text)
    before = fingerprint(person.give(work))
    second = opened(work)
    assert second.run("open('data.csv', 'w').write('2')").status == "refused"
    assert second.run("import os; os.remove('data.csv')").status == "refused"
    assert differences(before, fingerprint(work)) == []


def test_code_cannot_reach_the_record_of_ownership(person: Person, work: Path, opened: Callable[..., Executor]) -> None:
    executor = opened(work)
    executor.run("open('a.csv', 'w').write('1')")
    state = person.home / "state"
    before = fingerprint(state)
    code = (
        "import os\n"
        "def is_read(place):\n    try: return bool(os.listdir(place))\n    except OSError: return False\n"
        f"for place in ({str(state)!r}, os.path.expanduser('~/.local/state')):\n    print(is_read(place))\n"
        "    os.makedirs(place, exist_ok=True); open(place + '/x.json', 'w').write('1')"
    )
    result = executor.run(code)
    assert "False" in result.text
    assert "True" not in result.text
    assert differences(before, fingerprint(state)) == []
    assert news(before, fingerprint(state)) == set()


def test_an_attempt_delivers_only_if_all_ended_well(
    person: Person, work: Path, opened: Callable[..., Executor], kind: str
) -> None:
    executor = opened(work, kind)
    made = ("open('a.csv', 'w').write('1')", "python")
    failed = executor.call([made, ("raise ValueError", "python")], attempt=True)
    assert failed.exit_code == 1
    assert types_in(work) == {}
    well = executor.call([("open('b.csv', 'w').write('1')", "python"), ("print()", "python")], attempt=True)
    assert well.exit_code == 0
    assert "b.csv" in types_in(work)


def test_a_call_delivers_whatever_its_status(
    person: Person, work: Path, opened: Callable[..., Executor], kind: str
) -> None:
    executor = opened(work, kind, timeout=2)
    for number, ending in enumerate(("raise ValueError", "import os; os._exit(3)", "import time; time.sleep(60)")):
        result = executor.run(f"open('made{number}.csv', 'w').write('1')\n{ending}")
        assert result.status != "ok"
        assert (work / f"made{number}.csv").read_text() == "1", ending


def test_everything_of_ours_is_gone_in_the_end(
    person: Person, work: Path, opened: Callable[..., Executor], kind: str
) -> None:
    """No stage, no temporary file, no lock: in the folder, in the home, among everybody's temporary files."""
    before = _of_ours(person)
    executor = opened(work, kind)
    executor.run("import os; os.makedirs('a/b'); os.chmod('a/b', 0); os.mkfifo('p.csv'); open('x.pkl', 'w').close()")
    executor.stop()
    assert _of_ours(person) - before == set()
    assert [path for path in work.rglob("*") if re.search(r"codeagent|\.part|\.tmp", path.name)] == []


def _of_ours(person: Person) -> set[Path]:
    """Return our folders in a person's home and, if nobody else is this person, among everybody's temporary files."""
    found = set(person.home.rglob("codeagent-[ks]-*"))
    if person.uid != 0:
        temporary = [path for path in Path("/tmp").iterdir() if fnmatch.fnmatch(path.name, "codeagent-[ks]-*")]
        found |= {path for path in temporary if _owner(path) == person.uid}
    return found


def _owner(path: Path) -> int | None:
    try:
        return path.lstat().st_uid
    except FileNotFoundError:  # of another session, and gone since
        return None
