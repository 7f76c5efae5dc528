"""Code that removes, replaces, renames or changes what is the user's: the user's own folder stays as it was.

The code works in a stage. There the deed may seem to succeed; then the block is refused, the deed is told, and the next
block sees the files as the user knows them. Every attempt is looked at from outside, and succeeds without a sandbox.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.attacks.conftest import PEOPLE
from tests.attacks.support.fingerprint import differences, fingerprint
from tests.attacks.support.people import Person
from tests.attacks.support.remote import Executor, Result
from tests.attacks.support.samples import TABLE, Attempt, block, lay_out, seen_from_inside, seen_from_outside
from tests.containers import KERNEL_IMAGE

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

ATTEMPTS = {
    "write": Attempt("open(file, 'w').write('changed')"),
    "append": Attempt("open(file, 'a').write('3,4\\n')"),
    "update": Attempt("with open(file, 'r+') as f: f.write('x')"),
    "pwrite": Attempt("f = os.open(file, os.O_RDWR); os.pwrite(f, b'x', 3); os.close(f)"),
    "open to truncate": Attempt("os.close(os.open(file, os.O_WRONLY | os.O_TRUNC))"),
    "truncate": Attempt("os.truncate(file, 0)"),
    "truncate by program": Attempt('truncate -s 0 "$file"', "sh"),
    "grow": Attempt("os.truncate(file, 5000)"),
    "write nested": Attempt("open(folder + '/nested/deep/old.txt', 'w').write('new')"),
    "mmap": Attempt(
        "f = open(file, 'r+b'); m = mmap.mmap(f.fileno(), 0); m[0:1] = b'X'; m.flush(); m.close(); f.close()"
    ),
    "sendfile": Attempt(
        "s = open('source-' + file, 'w+b'); s.write(b'sent'); s.flush(); t = os.open(file, os.O_WRONLY)\n"
        "os.sendfile(t, s.fileno(), 0, 4); os.close(t)"
    ),
    "copy_file_range": Attempt(
        "s = open('range-' + file, 'w+b'); s.write(b'sent'); s.flush(); t = os.open(file, os.O_WRONLY)\n"
        "os.copy_file_range(s.fileno(), t, 4, 0, 0); os.close(t)"
    ),
    "shutil.copy over": Attempt("open('c-' + file, 'w').write('other'); shutil.copy('c-' + file, file)"),
    "dd": Attempt('printf X | dd of="$file" conv=notrunc status=none', "sh"),
    "redirection": Attempt(': > "$file"', "sh"),
    "tee": Attempt('echo 3,4 | tee -a "$file"', "sh"),
    "cp over": Attempt('echo other > "cp-$file"; cp "cp-$file" "$file"', "sh"),
    "sed -i": Attempt('sed -i s/1/9/ "$file"', "sh"),
    "sqlite": Attempt("c = sqlite3.connect(database); c.execute('update t set x = 2'); c.commit(); c.close()"),
    "remove": Attempt("os.remove(file)"),
    "rm": Attempt('rm "$file"', "sh"),
    "remove nested": Attempt("os.remove(folder + '/nested/deep/old.txt')"),
    "remove an empty folder": Attempt("os.rmdir(folder + '/empty')"),
    "rmtree": Attempt("shutil.rmtree(folder)"),
    "rm -rf": Attempt('rm -rf "$folder" "$file"', "sh"),
    "find -delete": Attempt('find "$folder" -delete', "sh"),
    "rename": Attempt("os.rename(file, 'elsewhere-' + file)"),
    "rename within": Attempt("os.rename(folder + '/nested/deep', folder + '/deep')"),
    "rename a folder": Attempt("os.rename(folder, 'moved-' + folder)"),
    "mv a folder": Attempt('mv "$folder" "mv-$folder"', "sh"),
    "move into a folder": Attempt("shutil.move(file, folder)"),
    "rename over": Attempt("open('new-' + file, 'w').write('new'); os.replace('new-' + file, file)"),
    "rename over nested": Attempt(
        "open(folder + '/nested/deep/t', 'w').write('new')\n"
        "os.replace(folder + '/nested/deep/t', folder + '/nested/deep/old.txt')"
    ),
    "mv over": Attempt('echo new > "m-$file"; mv -f "m-$file" "$file"', "sh"),
    "exchange": Attempt("open('x-' + file, 'w').write('new'); exchange('x-' + file, file)"),
    "exchange a folder": Attempt("os.mkdir('x-' + folder); exchange('x-' + folder, folder)"),
    "exchange a nested folder": Attempt("exchange(folder + '/nested', folder + '/empty')"),
    "replaced by a folder": Attempt("os.remove(file); os.mkdir(file)"),
    "replaced by a file": Attempt("shutil.rmtree(folder); open(folder, 'w').write('a file')"),
    "replaced by a link": Attempt("os.remove(file); os.symlink('/etc/hostname', file)"),
    "replaced by a fifo": Attempt("os.remove(file); os.mkfifo(file)"),
    "replaced by a hard link": Attempt("open('h-' + file, 'w').close(); os.remove(file); os.link('h-' + file, file)"),
    "ln -sf": Attempt('ln -sf /etc/hostname "$file"', "sh"),
    "a folder replaced by a link": Attempt("shutil.rmtree(folder); os.symlink('/tmp', folder)"),
    "remove a link": Attempt("os.remove(folder + '/link')"),
    "lead a link elsewhere": Attempt("os.remove(folder + '/link'); os.symlink('/etc/hostname', folder + '/link')"),
    "remove a dangling link": Attempt("os.remove(folder + '/dangling')"),
    "write through a link": Attempt("open(folder + '/link', 'w').write('changed')"),
    "write through a link it made": Attempt(
        "os.symlink(file, 'way-' + file); open('way-' + file, 'w').write('changed')"
    ),
    "write through /proc/self/cwd": Attempt("open('/proc/self/cwd/' + file, 'w').write('changed')"),
    "write through a descriptor": Attempt(
        "f = os.open(file, os.O_RDONLY); open(f'/proc/self/fd/{f}', 'w').write('changed'); os.close(f)"
    ),
    "write by the absolute path": Attempt("open(os.path.join(os.getcwd(), file), 'w').write('changed')"),
    "swallowed": Attempt("try:\n    os.remove(file)\nexcept Exception:\n    pass"),
    "swallowed by os.system": Attempt("os.system(f'> {file}')"),
    "by a subprocess": Attempt("subprocess.run(['rm', '-f', file])"),
    "by a cell of shell": Attempt('rm -f "$file"; true', "%%bash"),
    "by a child": Attempt("p = os.fork()\nif p == 0:\n    os.remove(file); os._exit(0)\nos.waitpid(p, 0)"),
    "by a thread": Attempt("t = threading.Thread(target=os.remove, args=[file]); t.start(); t.join()"),
    "unpacked over": Attempt(
        "import io, tarfile\nb = io.BytesIO(); t = tarfile.open(fileobj=b, mode='w'); i = tarfile.TarInfo(file)\n"
        "i.size = 3; t.addfile(i, io.BytesIO(b'new')); t.close(); b.seek(0)\n"
        "tarfile.open(fileobj=b).extractall('.')"
    ),
    "copytree over": Attempt(
        "os.makedirs('t-' + folder + '/nested/deep'); open('t-' + folder + '/nested/deep/old.txt', 'w').write('new')\n"
        "shutil.copytree('t-' + folder, folder, dirs_exist_ok=True)"
    ),
    "chmod": Attempt("os.chmod(file, 0o777)", told=False),
    "chmod a folder": Attempt("os.chmod(folder, 0o711)", told=False),
    "utime": Attempt("os.utime(file, (0, 0))", told=False),
    "hard link": Attempt("os.link(file, 'linked-' + file)", told=False),
    "removed and made again": Attempt("t = open(file).read(); os.remove(file); open(file, 'w').write(t)", told=False),
}
NAMES = {attempt: f"s{number}" for number, attempt in enumerate(ATTEMPTS)}

SELECTED = (
    *(
        "append",
        "mmap",
        "sqlite",
        "write nested",
        "remove",
        "rm -rf",
        "rename",
        "rename a folder",
        "rename over nested",
    ),
    *("exchange", "sed -i", "replaced by a link", "lead a link elsewhere", "swallowed by os.system", "hard link"),
)
"""What `make test` tries in every place."""

EVERYDAY_PLACE = ("user", "kernel")
"""Where it tries everything."""

PLACES = [(who, kind) for kind in ("kernel", "scripts") for who in PEOPLE]
PLACES.append((PEOPLE[0], "container"))  # who may talk to an engine is root on that machine: no ordinary user does


def _cases(attempts: Iterable[str]) -> Iterator[object]:
    for place in PLACES:
        who, kind = place
        for attempt in attempts:
            if (kind, ATTEMPTS[attempt].language) == ("scripts", "%%bash"):
                continue  # magics are a kernel's
            marks = () if place == EVERYDAY_PLACE or attempt in SELECTED else pytest.mark.attacks
            yield pytest.param(place, attempt, id=f"{who} {kind}-{attempt}", marks=marks)


CASES = list(_cases(ATTEMPTS))
TOLD_CASES = list(_cases(name for name, attempt in ATTEMPTS.items() if attempt.told))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to."""

    result: Result
    changed: list[str]
    seen: dict[str, str]
    expected: dict[str, str]


@dataclass(frozen=True, slots=True)
class Trial:
    """Attempts, one after another in one executor, each on files of its own; each is made once."""

    work_dir: Path
    executor: Executor
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def outcome(self, attempt: str) -> Outcome:
        if attempt not in self.outcomes:
            name = NAMES[attempt]
            expected, before = seen_from_outside(self.work_dir, name), fingerprint(self.work_dir)
            result = self.executor.run(*ATTEMPTS[attempt].block(name))
            changed = differences(before, fingerprint(self.work_dir))
            seen = seen_from_inside(self.executor.run, name)
            self.outcomes[attempt] = Outcome(result, changed, seen, expected)
        return self.outcomes[attempt]


@pytest.fixture(scope="module")
def trials(request: pytest.FixtureRequest) -> Iterator["Trials"]:
    """Give the executor for attempts of a place; each is made once."""
    made: dict[tuple[str, str], Trial] = {}
    with ExitStack() as stack:

        def trial_of(place: tuple[str, str]) -> Trial:
            if place not in made:
                made[place] = _open_trial(*place, request, stack)
            return made[place]

        yield trial_of


def _open_trial(who: str, kind: str, request: pytest.FixtureRequest, stack: ExitStack) -> Trial:
    person = request.getfixturevalue("container_person") if kind == "container" else people_of(request)[who]
    work_dir = person.folder("Wörk 'x' & co")
    lay_out(work_dir, *NAMES.values())
    person.give(work_dir)
    settings = {"image": KERNEL_IMAGE} if kind == "container" else {}
    driver = stack.enter_context(person.driver())
    return Trial(work_dir, driver.open(work_dir, kind, **settings))


Trials = Callable[[tuple[str, str]], Trial]


def people_of(request: pytest.FixtureRequest) -> dict[str, Person]:
    return dict(request.getfixturevalue("people"))


@pytest.mark.parametrize(("place", "attempt"), CASES)
def test_the_users_folder_stays_as_it_was(trials: Trials, place: tuple[str, str], attempt: str) -> None:
    outcome = trials(place).outcome(attempt)
    assert outcome.changed == [], outcome.result


@pytest.mark.parametrize(("place", "attempt"), TOLD_CASES)
def test_the_block_is_refused_and_the_file_is_named(trials: Trials, place: tuple[str, str], attempt: str) -> None:
    result = trials(place).outcome(attempt).result
    assert (result.status, result.exit_code) == ("refused", 1), result
    assert any(NAMES[attempt] in denial for denial in result.denials), result
    assert NAMES[attempt] in result.note, result


@pytest.mark.parametrize(("place", "attempt"), CASES)
def test_the_next_block_sees_the_users_file(trials: Trials, place: tuple[str, str], attempt: str) -> None:
    """What else it sees there is the code's own, e.g. an empty folder that was moved."""
    outcome = trials(place).outcome(attempt)
    assert {name: outcome.seen.get(name) for name in outcome.expected} == outcome.expected, outcome.result


@pytest.fixture(scope="module")
def bare_changes(person: Person) -> dict[str, list[str]]:
    """What every attempt does without a sandbox."""
    work_dir = person.folder()
    lay_out(work_dir, *NAMES.values())
    person.give(work_dir)
    changes = {}
    with person.driver() as driver:
        executor = driver.open(work_dir, sandbox="none")
        for attempt, name in NAMES.items():
            sample = (name, f"{name}.csv", f"{name}.sqlite")
            before = fingerprint(work_dir, *sample)
            executor.run(*ATTEMPTS[attempt].block(name))
            changes[attempt] = differences(before, fingerprint(work_dir, *sample))
    return changes


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_control_without_a_sandbox_the_file_is_changed(bare_changes: dict[str, list[str]], attempt: str) -> None:
    """Containers have this control, too: their kernels run the same code."""
    assert bare_changes[attempt] != []


ODD_NAMES = {
    "spaces": " two  spaces .csv",
    "newline": "new\nline.csv",
    "not UTF-8": "caf\udce9.csv",
    "emoji": "🐧.csv",
    "leading dash": "-rf.csv",
    "quotes": 'it\'s "quoted" $(id) `id`.csv',
    "wild": "[*?]*.csv",
    "backslash": "back\\slash\\n.csv",
    "arrow and octal": "a -> b \\040.csv",
    "255 bytes": "n" * 251 + ".csv",
    "combining": "e\u0301.csv",
    "right to left": "\u202egnp.csv",
    "control": "\x1b[2J\x07.csv",
    "dots": "...csv",
}
ODD_ATTEMPTS = {
    "write": Attempt("open(file, 'w').write('changed')"),
    "rename over": Attempt("open('n.csv', 'w').write('new'); os.replace('n.csv', file)"),
    "rm": Attempt('rm -rf -- "$file"', "sh"),
}


@pytest.fixture(scope="module")
def odd_outcomes(person: Person) -> dict[tuple[str, str], tuple[Result, list[str], str]]:
    work_dir = person.folder("odd\n-Wörk")
    for name in ODD_NAMES.values():
        (work_dir / name).write_text(TABLE)
    person.give(work_dir)
    before = fingerprint(work_dir)
    outcomes = {}
    with person.driver() as driver:
        executor = driver.open(work_dir)
        for odd, name in ODD_NAMES.items():
            for deed, attempt in ODD_ATTEMPTS.items():
                result = executor.run(*block(attempt.code, attempt.language, {"file": name}))
                changed = differences(before, fingerprint(work_dir))
                seen = executor.run(*block("print(open(file).read(), end='')", "python", {"file": name}))
                outcomes[odd, deed] = result, changed, seen.text
    return outcomes


@pytest.mark.parametrize("deed", ODD_ATTEMPTS)
@pytest.mark.parametrize("odd", ODD_NAMES)
def test_odd_names_are_as_safe(
    odd_outcomes: dict[tuple[str, str], tuple[Result, list[str], str]], odd: str, deed: str
) -> None:
    result, changed, seen = odd_outcomes[odd, deed]
    assert changed == []
    assert result.status == "refused", result
    assert result.denials != []
    assert seen == TABLE
    assert all(line.isprintable() for sentence in (*result.denials, result.note) for line in sentence.splitlines()), (
        "names may hold anything"
    )


def test_control_odd_names_are_no_obstacle_without_a_sandbox(person: Person) -> None:
    work_dir = person.folder()
    with person.driver() as driver:
        executor = driver.open(work_dir, sandbox="none")
        for odd, name in ODD_NAMES.items():
            for deed, attempt in ODD_ATTEMPTS.items():
                (work_dir / name).write_text(TABLE)
                before = fingerprint(person.give(work_dir))
                executor.run(*block(attempt.code, attempt.language, {"file": name}))
                assert differences(before, fingerprint(work_dir)), (odd, deed)


EVERYTHING = {
    "rm -rf": ("rm -rf -- * .[!.]*", "sh"),
    "find -delete": ("find . -delete", "sh"),
    "rmtree of the folder": ("import os, shutil; shutil.rmtree(os.getcwd(), ignore_errors=True)", "python"),
    "all moved into one": ("mkdir zz; mv -- [!z]* zz", "sh"),
    "all overwritten": ("for f in *.csv; do echo x > $f; done", "sh"),
}


@pytest.mark.parametrize("kind", ["kernel", "scripts"])
def test_removing_everything_removes_nothing(person: Person, kind: str) -> None:
    work_dir = person.folder()
    lay_out(work_dir, "one", "two")
    (work_dir / ".hidden").write_text("hidden")
    before = fingerprint(person.give(work_dir))
    with person.driver() as driver:
        executor = driver.open(work_dir, kind)
        for name, (code, language) in EVERYTHING.items():
            result = executor.run(code, language)
            assert differences(before, fingerprint(work_dir)) == [], name
            assert result.denials != [], (name, result)
            assert result.status == ("refused" if result.exit_code == 1 and not result.ename else "error"), name
            for sample in ("one", "two"):
                assert seen_from_inside(executor.run, sample) == seen_from_outside(work_dir, sample), name


def test_control_removing_everything_removes_everything(person: Person) -> None:
    work_dir = person.folder()
    with person.driver() as driver:
        executor = driver.open(work_dir, "scripts", sandbox="none")
        for name, (code, language) in EVERYTHING.items():
            work_dir.mkdir(exist_ok=True)
            lay_out(work_dir, name)
            before = fingerprint(person.give(work_dir))
            executor.run(code, language)
            assert not work_dir.exists() or differences(before, fingerprint(work_dir)), name
            shutil.rmtree(work_dir, ignore_errors=True)


SHOW_KEPT = "print(open('kept.csv').read(), end='')"
MEANWHILE = "time.sleep(2)\nopen('later.csv', 'w').write(\"the code's\")"
EVERYDAY = """
print(open('s.csv').read(), open('s/nested/deep/old.txt').read(), open('s/link').read())
open('s/made.csv', 'w').write('1'); open('s/made.csv', 'w').write('2')
os.mkdir('own'); open('own/deep.csv', 'w').write('3'); open('gone.csv', 'w').close(); os.remove('gone.csv')
"""
LATE = {
    "a thread": "import threading; threading.Timer(0.4, os.remove, [file]).start()",
    "a task": "import asyncio; asyncio.get_event_loop().call_later(0.4, os.remove, file)",
    "a grandchild": (
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(0.4); os.remove(file)\n"
        "    os._exit(0)"
    ),
    "a program": "subprocess.Popen(['sh', '-c', f'sleep 0.4; rm {file}'], start_new_session=True)",
}


@pytest.mark.parametrize("late", LATE)
def test_what_is_done_after_the_blocks_end_is_noticed_at_the_next_call(
    person: Person, work: Path, opened: Callable[..., Executor], late: str
) -> None:
    (work / "kept.csv").write_text(TABLE)
    before = fingerprint(person.give(work))
    kernel = opened(work)
    first = kernel.run(*block(LATE[late], "python", {"file": "kept.csv"}))
    assert first.status == "ok", first
    time.sleep(0.8)
    assert differences(before, fingerprint(work)) == []
    later = [kernel.run(SHOW_KEPT) for _ in range(3)]
    assert any("kept.csv" in denial for result in later for denial in result.denials), list(map(str, later))
    assert later[-1].text == TABLE
    assert differences(before, fingerprint(work)) == []


@pytest.mark.parametrize("late", LATE)
def test_control_what_is_done_after_the_blocks_end_is_done(
    person: Person, work: Path, opened: Callable[..., Executor], late: str
) -> None:
    (work / "kept.csv").write_text(TABLE)
    person.give(work)
    opened(work, sandbox="none").run(*block(LATE[late], "python", {"file": "kept.csv"}))
    time.sleep(0.8)
    assert not (work / "kept.csv").exists()


ENDINGS = {
    "error": "raise ValueError('after the deed')",
    "died": "os._exit(3)",
    "timeout": "time.sleep(60)",
}


@pytest.mark.parametrize("status", ENDINGS)
@pytest.mark.parametrize("kind", ["kernel", "scripts"])
def test_a_block_that_fails_anyway_is_told_too(
    person: Person, work: Path, opened: Callable[..., Executor], kind: str, status: str
) -> None:
    (work / "kept.csv").write_text(TABLE)
    before = fingerprint(person.give(work))
    executor = opened(work, kind, timeout=1)
    result = executor.run(*block(f"os.remove('kept.csv')\n{ENDINGS[status]}", "python", {}))
    assert result.status == (status if (kind, status) != ("scripts", "died") else "error"), result
    assert any("kept.csv" in denial for denial in result.denials), result
    assert executor.value(SHOW_KEPT) == TABLE
    assert differences(before, fingerprint(work)) == []


def test_the_blocks_after_a_refused_one_do_not_run(person: Person, work: Path, opened: Callable[..., Executor]) -> None:
    (work / "kept.csv").write_text(TABLE)
    person.give(work)
    result = opened(work).call([("import os; os.remove('kept.csv')", "python"), ("print('ran')", "python")])
    assert [each["status"] for each in result.blocks] == ["refused"]
    assert "ran" not in result.answer["output"]
    assert result.exit_code == 1


LARGE = 33 * 2**20
IN_PLACE = {
    "write": "open(file, 'w').write('changed')",
    "append": "open(file, 'a').write('changed')",
    "update": "f = open(file, 'r+b'); f.write(b'x'); f.close()",
    "truncate": "os.truncate(file, 0)",
    "mmap": "f = open(file, 'r+b'); mmap.mmap(f.fileno(), 0)[0:1] = b'X'",
    "through /proc": "f = os.open(file, os.O_RDONLY); open(f'/proc/self/fd/{f}', 'r+b').write(b'x')",
}
OF_THE_NAME = {
    "remove": "os.remove(file)",
    "rename": "os.rename(file, 'moved.csv')",
    "rename over": "open('over.csv', 'w').write('new'); os.replace('over.csv', file)",
    "exchange": "new = os.urandom(4).hex(); open(new, 'w').write('new'); exchange(new, file)",
}


@pytest.mark.parametrize("kind", ["kernel", "scripts"])
def test_a_large_file_cannot_be_changed_in_place_nor_its_name_taken(
    person: Person, work: Path, opened: Callable[..., Executor], kind: str
) -> None:
    for folder in (work, work / "nested"):
        folder.mkdir(exist_ok=True)
        (folder / "large.csv").write_text(TABLE)
        os.truncate(folder / "large.csv", LARGE)
    before = fingerprint(person.give(work))
    executor = opened(work, kind)
    for file in ("large.csv", "nested/large.csv"):
        for deed, code in (IN_PLACE | OF_THE_NAME).items():
            result = executor.run(*block(code, "python", {"file": file}))
            assert differences(before, fingerprint(work)) == [], (file, deed)
            if deed in IN_PLACE:
                assert result.status == "error", (file, deed, str(result))
            else:
                assert result.status == "refused", (file, deed, str(result))
                assert any("large.csv" in denial for denial in result.denials), (file, deed)
            seen = executor.value(f"import os; print(open({file!r}).read(8), os.path.getsize({file!r}))")
            assert seen == f"{TABLE} {LARGE}\n", (file, deed)
    assert executor.value("print(open('large.csv').read(8), end='')") == TABLE


def test_control_a_large_file_is_changed_without_a_sandbox(
    person: Person, work: Path, opened: Callable[..., Executor]
) -> None:
    executor = opened(work, sandbox="none")
    for deed, code in (IN_PLACE | OF_THE_NAME).items():
        (work / "large.csv").write_text(TABLE)
        os.truncate(work / "large.csv", LARGE)
        before = fingerprint(person.give(work))
        executor.run(*block(code, "python", {"file": "large.csv"}))
        assert differences(before, fingerprint(work)), deed


@pytest.mark.parametrize("kind", ["kernel", "scripts"])
def test_a_file_that_the_user_adds_meanwhile_is_as_safe(
    person: Person, work: Path, opened: Callable[..., Executor], kind: str
) -> None:
    executor = opened(work, kind)
    executor.value("print()")
    (work / "later.csv").write_text(TABLE)
    (work / "folder").mkdir()
    (work / "folder" / "inner.csv").write_text(TABLE)
    before = fingerprint(person.give(work))
    assert (
        executor.value("print(open('later.csv').read(), open('folder/inner.csv').read(), sep='', end='')") == TABLE * 2
    )
    for code in ("os.remove('later.csv')", "open('later.csv', 'w')", "shutil.rmtree('folder')"):
        result = executor.run(*block(code, "python", {}))
        assert result.status == "refused", result
        assert differences(before, fingerprint(work)) == []
    assert (
        executor.value("print(open('later.csv').read(), open('folder/inner.csv').read(), sep='', end='')") == TABLE * 2
    )


@pytest.mark.parametrize("kind", ["kernel", "scripts"])
def test_a_file_that_the_user_adds_while_a_block_runs_is_not_touched(
    person: Person, work: Path, opened: Callable[..., Executor], kind: str
) -> None:
    """Whether code can see it then or not; its name may be taken by code at the same time."""
    executor = opened(work, kind)
    executor.begin(*block(MEANWHILE, "python", {}))
    time.sleep(1)
    (work / "later.csv").write_text(TABLE)
    before = fingerprint(person.give(work))
    result = executor.result()
    assert differences(before, fingerprint(work)) == [], result
    assert (work / "later.csv").read_text() == TABLE
    assert result.status == "refused", result
    assert any("later.csv" in denial for denial in result.denials), result
    assert executor.value("print(open('later.csv').read(), end='')") == TABLE


def test_control_a_file_that_the_user_adds_while_a_block_runs_is_overwritten(
    person: Person, work: Path, opened: Callable[..., Executor]
) -> None:
    executor = opened(work, sandbox="none")
    executor.begin(*block(MEANWHILE, "python", {}))
    time.sleep(1)
    (work / "later.csv").write_text(TABLE)
    person.give(work)
    executor.result()
    assert (work / "later.csv").read_text() == "the code's"


def test_what_the_user_changes_meanwhile_is_seen_and_is_no_deed_of_the_code(
    person: Person, work: Path, opened: Callable[..., Executor]
) -> None:
    for name in ("changed.csv", "removed.csv", "renamed.csv"):
        (work / name).write_text(TABLE)
    person.give(work)
    executor = opened(work)
    executor.value("print()")
    (work / "changed.csv").write_text("mine\n")
    (work / "removed.csv").unlink()
    (work / "renamed.csv").rename(work / "new name.csv")
    before = fingerprint(work)
    result = executor.run("import os; print(open('changed.csv').read(), sorted(os.listdir()))")
    assert result.status == "ok", result
    assert result.denials == []
    assert result.text == "mine\n ['changed.csv', 'new name.csv']\n"
    assert differences(before, fingerprint(work)) == []


def test_control_files_of_its_own_are_made_changed_and_removed_as_usual(
    person: Person, work: Path, opened: Callable[..., Executor]
) -> None:
    """Else everything might be safe because nothing works."""
    lay_out(work, "s")
    before = fingerprint(person.give(work))
    executor = opened(work)
    result = executor.run(*block(EVERYDAY, "python", {}))
    assert (result.status, result.denials) == ("ok", []), result
    assert (work / "s" / "made.csv").read_text() == "2"
    assert (work / "own" / "deep.csv").read_text() == "3"
    assert not (work / "gone.csv").exists()
    assert differences(before, fingerprint(work)) == []
    assert executor.run("open('s/made.csv', 'w').write('4')").status == "ok"
    assert (work / "s" / "made.csv").read_text() == "4"
