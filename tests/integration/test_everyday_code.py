"""What data scientists do every day is not harmed by the sandbox and its system call filter: done there, for real."""

import asyncio
import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from kernel_executor import KernelCodeExecutor
from tests.support.runs import run

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("bubblewrap"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(bubblewrap: None) -> AsyncIterator[KernelCodeExecutor]:
    async with KernelCodeExecutor(timeout=90, sandbox="bubblewrap") as executor:
        assert executor.isolation.system_calls
        yield executor


async def value(executor: KernelCodeExecutor, code: str, language: str = "python") -> str:
    """Run code; give what it printed, which must be all that happened."""
    result = await run(executor, code, language)
    said = "".join(output.get("text", "") for output in result.outputs)
    assert result.status == "ok", (said, result.traceback)
    return said


# For `spawn` and `forkserver` the work is in a module: they import it.
WORK = """
%%writefile parallel_work.py
import os, sys
from multiprocessing import shared_memory

def square(number):
    return number * number

def put(queue, lock, counter):
    with lock:
        counter.value += 1
    queue.put(os.getpid())

def fill(name):
    block = shared_memory.SharedMemory(name)
    block.buf[:4] = b"done"
    block.close()

def keep(shared, key):
    shared[key] = key * 2
"""
PARALLEL = """
import multiprocessing, threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import shared_memory
import parallel_work as work
context = multiprocessing.get_context({method!r})
with context.Pool(2) as pool:
    print(pool.map(work.square, range(5)))
with ProcessPoolExecutor(2, mp_context=context) as pool:
    print(sum(pool.map(work.square, range(20))))
queue, lock, counter = context.Queue(), context.Lock(), context.Value("i", 0)
processes = [context.Process(target=work.put, args=(queue, lock, counter)) for _ in range(3)]
[process.start() for process in processes]
print(len({{queue.get(timeout=30) for _ in processes}}), [process.join() or process.exitcode for process in processes])
print(counter.value)
block = shared_memory.SharedMemory(create=True, size=64)
process = context.Process(target=work.fill, args=(block.name,))
process.start(); process.join()
print(bytes(block.buf[:4])); block.close(); block.unlink()
with context.Manager() as manager:
    shared = manager.dict()
    process = context.Process(target=work.keep, args=(shared, 21))
    process.start(); process.join()
    print(dict(shared))
semaphore, event, barrier = context.BoundedSemaphore(1), context.Event(), context.Barrier(1)
with semaphore:
    event.set(); barrier.wait()
print(event.is_set())
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
async def test_multiprocessing(shared: KernelCodeExecutor, method: str) -> None:
    assert (await run(shared, WORK.strip())).status == "ok"
    lines = (await value(shared, PARALLEL.format(method=method))).splitlines()
    expected = ["[0, 1, 4, 9, 16]", "2470", "3 [0, 0, 0]", "3", "b'done'", "{21: 42}", "True"]
    assert [line for line in lines if "Warning" not in line and not line.startswith(" ")] == expected


NUMBERS = """
import numpy as np
rng = np.random.default_rng(0)
a = rng.normal(size=(400, 400))
print(np.allclose(a @ np.linalg.inv(a), np.eye(400), atol=1e-6), np.fft.fft(a).shape)
m = np.memmap("numbers.dat", dtype="f8", mode="w+", shape=(1000,)); m[:] = 3; m.flush()
print(np.memmap("numbers.dat", dtype="f8", mode="r").sum())
"""
TABLES = """
import pandas as pd, numpy as np
from concurrent.futures import ThreadPoolExecutor
frame = pd.DataFrame({"g": np.arange(50_000) % 7, "x": np.arange(50_000.0)})
frame.to_csv("t.csv", index=False); frame.to_parquet("t.parquet")
with ThreadPoolExecutor(4) as pool:
    print(sorted(pool.map(lambda g: float(frame[frame.g == g].x.sum()), range(7)))[0])
print(pd.read_csv("t.csv").equals(pd.read_parquet("t.parquet")))
import pyarrow as pa, pyarrow.compute, pyarrow.csv, pyarrow.dataset as ds
print(ds.dataset("t.parquet").to_table(filter=ds.field("g") == 3).num_rows)
print(len(pa.csv.read_csv("t.csv", read_options=pa.csv.ReadOptions(use_threads=True, block_size=10_000))))
print(pd.Timestamp("2024-03-31 02:30", tz="UTC").tz_convert("Europe/Berlin"))
"""
PICTURE = """
import matplotlib; matplotlib.use("agg")
import matplotlib.pyplot as plt
plt.plot([1, 2]); plt.savefig("plot.png"); plt.savefig("plot.pdf"); plt.close()
print(open("plot.png", "rb").read(4))
"""
ASYNC = """
import asyncio, sys
async def main():
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(input())", stdin=-1, stdout=-1)
    print((await process.communicate(b"hello\\n"))[0])
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    print(await reader.read()); writer.close(); server.close()
    print(await asyncio.to_thread(sum, [1, 2]))
await main()
"""
PIPES = """
import os, pty, select, signal, subprocess, threading
one = subprocess.Popen(["printf", "b\\\\na\\\\n"], stdout=subprocess.PIPE)
print(subprocess.check_output(["sort"], stdin=one.stdout), one.wait())
sleeper = subprocess.Popen(["sleep", "60"], start_new_session=True); os.killpg(sleeper.pid, signal.SIGTERM)
print(sleeper.wait())
threads = [threading.Thread(target=lambda: seen.append(threading.get_native_id())) for _ in range(20)]
seen = []; [t.start() for t in threads]; [t.join() for t in threads]; print(len(seen))
master, slave = pty.openpty(); os.write(slave, b"x"); print(os.read(master, 1), os.isatty(slave))
poll = select.epoll(); poll.close()
def on_alarm(*_): raise TimeoutError
signal.signal(signal.SIGALRM, on_alarm); signal.setitimer(signal.ITIMER_REAL, 0.05)
try: signal.pause()
except TimeoutError: print("alarm")
"""
FILES = """
import sqlite3, mmap, os, tempfile, fcntl, shutil, ctypes
db = sqlite3.connect("d.sqlite"); db.execute("pragma journal_mode=wal"); db.execute("create table t(x)")
db.executemany("insert into t values (?)", [(i,) for i in range(1000)]); db.commit()
print(db.execute("select sum(x) from t").fetchone()); db.close()
with open("m.dat", "w+b") as file:
    file.truncate(8192); m = mmap.mmap(file.fileno(), 8192); m[:5] = b"hello"; m.flush(); print(m[:5])
    fcntl.flock(file, fcntl.LOCK_EX); fcntl.lockf(file, fcntl.LOCK_UN); os.posix_fallocate(file.fileno(), 0, 8192)
with tempfile.TemporaryDirectory() as folder:
    shutil.copytree("/usr/share/zoneinfo/Europe", folder + "/c"); print(os.path.exists(folder + "/c/Berlin"))
memory = os.memfd_create("m"); os.write(memory, b"x"); os.sendfile(os.open("c.dat", 66), memory, 0, 1)
os.copy_file_range(os.open("m.dat", 0), os.open("d.dat", 66), 100)
os.symlink("m.dat", "link"); os.link("m.dat", "hard"); os.unlink("link"); os.unlink("hard"); os.utime("m.dat")
print(os.path.getsize("c.dat"), os.statvfs(".").f_bsize > 0)
"""
SYSTEM = """
import os, resource, sys, time, datetime, zoneinfo, faulthandler, locale, platform, getpass, ctypes, socket
print(bool(os.sched_getaffinity(0)), os.sched_setaffinity(0, os.sched_getaffinity(0)), os.sched_yield())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0, resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 0)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); os.nice(1); os.getpriority(os.PRIO_PROCESS, 0); os.getrandom(8)
os.environ["TZ"] = "America/New_York"; time.tzset(); print(time.tzname[0]); del os.environ["TZ"]; time.tzset()
print(datetime.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo("Asia/Tokyo")).utcoffset())
faulthandler.dump_traceback(open("trace.txt", "w")); print("File" in open("trace.txt").read())
print(platform.uname().node, socket.gethostname(), time.clock_gettime(time.CLOCK_MONOTONIC) > 0)
import psutil; print(psutil.Process().num_threads() > 0, psutil.virtual_memory().total > 0, psutil.cpu_count() > 0)
print(psutil.net_if_addrs().keys(), psutil.net_connections("unix") is not None)
"""
DONE = {
    "numbers": (NUMBERS, "True (400, 400)\n3000.0\n"),
    "tables": (TABLES, "178546429.0\nTrue\n7143\n50000\n2024-03-31 04:30:00+02:00\n"),
    "a picture": (PICTURE, "b'\\x89PNG'\n"),
    "asyncio": (ASYNC, "b'hello\\n'\nb''\n3\n"),
    "pipes and signals": (PIPES, "b'a\\nb\\n' 0\n-15\n20\nb'x' True\nalarm\n"),
    "files": (FILES, "(499500,)\nb'hello'\nTrue\n1 True\n"),
    "the system": (
        SYSTEM,
        "True None None\nTrue True\nEST\n9:00:00\nTrue\nsandbox sandbox True\nTrue True True\ndict_keys(['lo']) True\n",
    ),
}


@pytest.mark.parametrize("what", DONE)
async def test_everyday_work(shared: KernelCodeExecutor, what: str) -> None:
    code, expected = DONE[what]
    assert await value(shared, code) == expected


async def test_a_crash_is_traced(shared: KernelCodeExecutor) -> None:
    code = "python -X faulthandler -c 'import ctypes; ctypes.string_at(0)' 2>&1 | head -1; echo ${PIPESTATUS[0]}"
    assert await value(shared, code, "bash") == "Fatal Python error: Segmentation fault\n139\n"


async def test_an_endless_loop_in_a_child_is_interrupted(shared: KernelCodeExecutor) -> None:
    task = asyncio.ensure_future(run(shared, "import subprocess; subprocess.run(['sleep', '60'])"))
    await asyncio.sleep(0.5)
    await shared.interrupt()
    assert (await asyncio.wait_for(task, 30)).status == "interrupted"
    assert await value(shared, "print(1)") == "1\n"


GIT = """
git init -q r && cd r && git config user.email a@example.org && git config user.name a && echo x > f && git add f &&
git commit -qm one && git gc -q && git log --format=%s
"""
COMPILER = """
cat > a.c <<'END'
#include <pthread.h>
#include <stdio.h>
void *work(void *x) { return x; }
int main() { pthread_t t; pthread_create(&t, 0, work, 0); pthread_join(t, 0); puts("done"); }
END
gcc -pthread a.c -o /tmp/a && /tmp/a
"""
NODE = """
cat > a.js <<'END'
const { Worker } = require("worker_threads"), { execSync } = require("child_process");
require("fs").promises.readFile("/etc/passwd").then(() =>
  new Worker("1", { eval: true }).on("exit", () => console.log(execSync("echo done").toString().trim())));
END
node a.js
"""
R = "Rscript -e 'library(parallel); cat(sum(unlist(mclapply(1:4, sqrt, mc.cores = 2))) > 6)'"
CHROMIUM = """
echo '<p id=a></p><script>a.textContent = 6 * 7</script>' > p.html
chromium --headless --no-sandbox --dump-dom "file://$PWD/p.html" 2>/dev/null | grep -o '>42<'
"""
PROGRAMS = {
    "git": (GIT, "one\n"),
    "gcc": (COMPILER, "done\n"),
    "node": (NODE, "done\n"),
    "Rscript": (R, "TRUE"),
    "java": ("java -version 2>&1 | grep -c Runtime", "1\n"),
    "chromium": (CHROMIUM, ">42<\n"),
    "ps": ("ps -o pid= -p 1 | tr -d ' '", "1\n"),
}


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_program(shared: KernelCodeExecutor, program: str) -> None:
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    code, expected = PROGRAMS[program]
    assert await value(shared, code, "bash") == expected


async def test_a_captured_cell_says_nothing(shared: KernelCodeExecutor) -> None:
    result = await run(shared, "%%capture found\nprint('kept')\nfrom IPython.display import display\ndisplay(1)")
    assert (result.status, result.outputs) == ("ok", ())
    assert await value(shared, "print(found.stdout.strip(), len(found.outputs))") == "kept 1\n"
