"""Nothing that code has started outlives the executor, however it hides; programs keep no special rights."""

import os
import signal
import stat
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attacks.support.people import Person
from tests.attacks.support.processes import marked
from tests.attacks.support.remote import Driver, Executor

pytestmark = [pytest.mark.integration]

# `mark` is an argument of the process that stays, by which the test finds it again.
STAYING = {
    "a child": "start('import time; time.sleep(600)')",
    "a session of its own": "start('import time; time.sleep(600)', start_new_session=True)",
    "forked twice": """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(600)', mark])
    os._exit(0)
""",
    "a daemon": """
start('''
import os, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
os.chdir('/'); os.closerange(0, 100); time.sleep(600)
''')
""",
    "signals ignored": """
start('''
import signal, time
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
time.sleep(600)
''', start_new_session=True)
""",
    "by nohup": "subprocess.Popen(['nohup', 'setsid', sys.executable, '-c', 'import time; time.sleep(600)', mark])",
    "an empty environment": "start('import time; time.sleep(600)', env={}, start_new_session=True)",
    "parent-death signal cleared": """
start('import ctypes, time; ctypes.CDLL(None).prctl(1, 0); time.sleep(600)', start_new_session=True)
""",
    "forking on": """
start('''
import os, time
for _ in range(600):
    time.sleep(0.05)
    if os.fork(): os._exit(0)
    os.setsid()
''', start_new_session=True)
""",
}
PRELUDE = """
import os, subprocess, sys
mark = {!r}
def start(code, **settings):
    return subprocess.Popen([sys.executable, "-c", code, mark], **settings)
"""


def runs(mark: str) -> bool:
    """Return whether a process with this mark is seen; one that forks on may be missed by a single look."""
    return soon(lambda: bool(marked(mark)))


def gone(mark: str) -> bool:
    return soon(lambda: not marked(mark))


def soon(is_so: Callable[[], bool]) -> bool:
    for _ in range(50):
        if is_so():
            return True
        time.sleep(0.1)
    return False


def end(mark: str) -> None:
    for pid in marked(mark):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


@pytest.mark.parametrize("kind", ["kernel", "scripts"])
def test_nothing_outlives_stop(person: Person, work: Path, opened: Callable[..., Executor], kind: str) -> None:
    executor = opened(work, kind)
    marks = {way: f"left-{uuid.uuid4().hex}" for way in STAYING}
    for way, mark in marks.items():
        executor.run(PRELUDE.format(mark) + STAYING[way])
        if kind == "kernel":
            assert runs(mark), f"{way}: it runs while the kernel does"
    executor.stop()
    assert [way for way, mark in marks.items() if not gone(mark)] == []


@pytest.mark.parametrize("end_by", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_its_owner(
    person: Person, work: Path, driver: Driver, opened: Callable[..., Executor], end_by: int
) -> None:
    executor = opened(work)
    marks = {way: f"left-{uuid.uuid4().hex}" for way in STAYING}
    for way, mark in marks.items():
        executor.run(PRELUDE.format(mark) + STAYING[way])
    driver.process.send_signal(end_by)
    driver.process.wait(timeout=20)
    assert [way for way, mark in marks.items() if not gone(mark)] == []


def test_control_without_a_sandbox_they_run(person: Person, work: Path, opened: Callable[..., Executor]) -> None:
    executor = opened(work, sandbox="none")
    marks = {way: f"left-{uuid.uuid4().hex}" for way in STAYING}
    try:
        for way, mark in marks.items():
            executor.run(PRELUDE.format(mark) + STAYING[way])
            assert runs(mark), way
    finally:
        for mark in marks.values():
            end(mark)


SET_USER_ID = """
import os, shutil
shutil.copy('/bin/sh', 'sh.dat'); os.chmod('sh.dat', 0o6755)
open('table.csv', 'w').write('x'); os.chmod('table.csv', 0o6777)
os.mkdir('made'); os.chmod('made', 0o3777); open('made/table.csv', 'w').write('x')
print(oct(os.stat('table.csv').st_mode))
"""


@pytest.mark.parametrize("kind", ["kernel", "scripts"])
def test_set_user_id_never_leaves(person: Person, work: Path, opened: Callable[..., Executor], kind: str) -> None:
    """Root's code once left a root shell for everybody."""
    executor = opened(work, kind)
    result = executor.run(SET_USER_ID)
    assert result.status == "ok", result
    executor.stop()
    assert (work / "table.csv").read_text() == "x"
    assert (work / "made" / "table.csv").read_text() == "x"
    for path in work.rglob("*"):
        special = stat.S_IMODE(path.lstat().st_mode) & (stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX)
        assert not special, path
        assert path.is_dir() or not path.lstat().st_mode & 0o111, path


def test_control_set_user_id_without_a_sandbox(person: Person, work: Path, opened: Callable[..., Executor]) -> None:
    opened(work, sandbox="none").run(SET_USER_ID)
    assert (work / "sh.dat").lstat().st_mode & stat.S_ISUID
