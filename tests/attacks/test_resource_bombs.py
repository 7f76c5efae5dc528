"""Code that uses the machine up: each way is named, the next block runs, and neither we nor the machine are the worse.

All bombs are small and end by themselves; the limits are small, too.
"""

from collections.abc import Iterator

import pytest

from tests.attacks.support.people import Person
from tests.attacks.support.processes import descendants
from tests.attacks.support.remote import Executor

pytestmark = [pytest.mark.integration]

LIMITS = "memory=400MB, processes=60, disk=150MB, temporary=100MB, files=400"

MEMORY = {
    "one object": "x = bytearray(900_000_000)",
    "many objects": "x = [bytes(100_000) + b'%d' % i for i in range(9_000)]",
    "three processes": (
        "import os\nfor _ in range(3):\n"
        "    if os.fork() == 0:\n        x = bytearray(300_000_000); time.sleep(3); os._exit(0)"
    ),
    "a process with another parent": (
        "import subprocess, sys\nsubprocess.Popen(['setsid', sys.executable, '-c',"
        " 'x = bytearray(900_000_000); import time; time.sleep(3)'])"
    ),
    "memory that forks would share": "import mmap\nx = mmap.mmap(-1, 900_000_000); x[:] = bytes(900_000_000)",
    "a program whose name looks like a number": (
        "import ctypes\nctypes.CDLL(None).prctl(15, b'\\rVmSwap:')\nx = bytearray(900_000_000)"
    ),
    "a first thread that has ended": (
        "import ctypes, threading\ndef go():\n    time.sleep(1); x = bytearray(900_000_000); time.sleep(4)\n"
        "import os\nif os.fork() == 0:\n"
        "    threading.Thread(target=go).start(); ctypes.CDLL(None).syscall(60, 0)\ntime.sleep(3)"
    ),
    "files of no name in memory": (
        "import os\nheld = [os.memfd_create('x') for _ in range(9)]\nfor each in held:\n"
        "    for _ in range(10): os.write(each, bytes(10_000_000))"
    ),
    "memory to be shared with forks": (
        "import mmap\nx = mmap.mmap(-1, 900_000_000)\nfor _ in range(900): x.write(bytes(1_000_000))"
    ),
}

PROCESSES = {
    "forks": "import os\nfor _ in range(9):\n    os.fork()",
    "forks with sessions of their own": (
        "import os\nfor _ in range(200):\n    if os.fork() == 0:\n        os.setsid(); time.sleep(3); os._exit(0)"
    ),
    "programs": "import subprocess\nstarted = [subprocess.Popen(['sleep', '3']) for _ in range(150)]",
    "a shell": (
        "import subprocess\nbomb = 'f() { [ $1 -gt 0 ] && { f $(($1-1)) & f $(($1-1)) & }; sleep 3; }; f 6'\n"
        "subprocess.run(['sh', '-c', bomb])"
    ),
}

FILES = {
    "one file": "open('big.dat', 'wb').write(bytes(400_000_000))",
    "one file, piece by piece": "f = open('big.dat', 'wb')\nfor _ in range(400): f.write(bytes(1_000_000))",
    "a file with holes": "open('big.dat', 'wb').truncate(10**12)",
    "several files": (
        "for i in range(40):\n    with open(f'{i}.dat', 'wb') as f: f.write(bytes(20_000_000))\n    time.sleep(0.1)"
    ),
    "files that are small": (
        "import os\nos.makedirs('a/b/c')\nfor i in range(290):\n"
        "    with open(f'a/b/c/{i}.dat', 'wb') as f: f.write(bytes(900_000))\n    time.sleep(0.005)"
    ),
    "a folder that its user may not read": (
        "import os\nos.mkdir('closed', 0o300)\nfor i in range(40):\n"
        "    with open(f'closed/{i}.dat', 'wb') as f: f.write(bytes(9_000_000))\n    time.sleep(0.05)"
    ),
    "a folder in very many": (
        "import os\nhome = os.getcwd()\nfor _ in range(150): os.mkdir('d'); os.chdir('d')\nfor i in range(40):\n"
        "    with open(f'{i}.dat', 'wb') as f: f.write(bytes(9_000_000))\n    time.sleep(0.05)\nos.chdir(home)"
    ),
    "a file without a name": (
        "import os\nf = open('gone.dat', 'wb', buffering=0); os.unlink('gone.dat')\n"
        "g = open('gone2.dat', 'wb', buffering=0); os.unlink('gone2.dat')\n"
        "for _ in range(140):\n    f.write(bytes(1_000_000)); g.write(bytes(1_000_000)); time.sleep(0.02)"
    ),
}

OTHERS = {
    "empty files": ("for i in range(1_200): open(f'{i}.dat', 'w').close()\ntime.sleep(3)", ("too many files",)),
    "the folder for temporary files": (
        "import tempfile\nwith tempfile.TemporaryFile() as f:\n    for _ in range(400): f.write(bytes(1_000_000))",
        ("Disk full", "disk full"),
    ),
}

ALL = {
    **{f"memory: {name}": (code, ("out of memory",)) for name, code in MEMORY.items()},
    **{f"processes: {name}": (code, ("too many processes",)) for name, code in PROCESSES.items()},
    **{f"disk: {name}": (code, ("Disk full", "disk full")) for name, code in FILES.items()},
    **OTHERS,
}

EMPTY_THE_FOLDER = """
import os
f = g = held = x = None  # a file that is open takes its room, with a name or without
for folder, _, names in os.walk('.'):
    for name in names: os.remove(os.path.join(folder, name))
"""


@pytest.fixture(scope="module", params=["kernel", "scripts"])
def executor(person: Person, request: pytest.FixtureRequest) -> Iterator[Executor]:
    """An executor with small limits, for many bombs."""
    with person.driver() as driver:
        yield driver.open(person.folder(), request.param, resource_limits=LIMITS)


WRITES_AGAIN = """
import time
for left in reversed(range(30)):
    time.sleep(0.1)
    try:
        open('small.csv', 'wb').write(bytes(3_000_000))
        break
    except OSError:  # what it uses is looked at once a second at least
        if not left:
            raise
"""


@pytest.mark.parametrize("bomb", ALL)
def test_a_bomb_is_named_and_the_next_block_runs(executor: Executor, bomb: str) -> None:
    code, named = ALL[bomb]
    result = executor.run(f"import time\n{code}\ntime.sleep(4)\nprint('unharmed')")
    assert result.status in {"error", "died"}, result
    assert any(each in result.note for each in named), result
    assert "--limits" in result.note
    assert result.answer["loop_held"] < 2, "our own process was held up"
    assert len([*descendants(executor.driver.process.pid)]) < 10
    assert executor.value(EMPTY_THE_FOLDER + "print('next')") == "next\n"
    assert executor.value(WRITES_AGAIN) == ""


SHARED = """
from multiprocessing import shared_memory
held = [shared_memory.SharedMemory(create=True, size=60_000_000) for _ in range(4)]
for each in held:
    each.buf[:] = bytes(60_000_000)
"""


def test_shared_memory_is_bounded(person: Person, executor: Executor) -> None:
    result = executor.run(SHARED)
    assert result.status in {"error", "died"}, result
    assert ("has no shared memory" if person.caged else "out of shared memory") in result.note, result
    assert executor.value("print('next')") == "next\n"


MUCH_THAT_IS_ALLOWED = """
import os, time
x = bytearray(150_000_000)
children = []
for _ in range(20):
    child = os.fork()
    if child == 0:
        time.sleep(1.5); os._exit(len(x) != 150_000_000)
    children.append(child)
print(sum(os.waitpid(child, 0)[1] for child in children))
open('data.csv', 'wb').write(bytes(80_000_000)); os.remove('data.csv')
open('data.csv', 'wb').write(bytes(80_000_000)); os.remove('data.csv')
"""


def test_what_forks_have_in_common_counts_once(executor: Executor) -> None:
    assert executor.value(MUCH_THAT_IS_ALLOWED) == "0\n"


FILES_IN_MEMORY = """
import mmap, os, tempfile, time
f = tempfile.TemporaryFile(buffering=0)
f.write(bytes(95_000_000))
open('data.csv', 'wb').write(bytes(90_000_000))
g = open('/dev/shm/x', 'w+b', buffering=0)
os.remove('/dev/shm/x')
g.write(bytes(90_000_000))
x = mmap.mmap(g.fileno(), 90_000_000)
sum(x[::4_096]), time.sleep(1)
f.close(), g.close(), x.close(), os.remove('data.csv')
"""


def test_a_file_in_memory_without_a_name_counts_once_and_not_as_one_on_the_disk(
    person: Person, executor: Executor
) -> None:
    if not person.caged:  # there it is on the disk
        assert executor.value(FILES_IN_MEMORY) == ""


def test_control_without_a_sandbox_there_are_no_limits(person: Person) -> None:
    with person.driver() as driver:
        executor = driver.open(person.folder(), sandbox="none", resource_limits="memory=50MB")
        assert executor.value("import time; x = bytearray(200_000_000); time.sleep(1); print(len(x))") == "200000000\n"
