"""What code keeps in Python's own memory, and in the event loop."""

from tests.libraries.case import Case

MEMORY = [
    Case(
        name="generators half way, closures, classes",
        setup="""
g = (n * n for n in range(10))
next(g), next(g)
def counter():
    n = 0
    def count():
        nonlocal n
        n += 1
        return n
    return count
count = counter()
count()
class A:
    made = [1]
a = A()
a.x = {"k": [1, 2]}
""",
        change="list(g); count(); A.made.append(2); a.x['k'].clear(); del A",
        check="""
assert next(g) == 4 and count() == 2 and A.made == [1] and a.x == {'k': [1, 2]} and type(a) is A
""",
    ),
    Case(
        name="weak references, lru_cache, thread locals",
        setup="""
import functools, threading, weakref
class A: pass
a = A()
w, d = weakref.ref(a), weakref.WeakValueDictionary(a=a)
calls = []
@functools.lru_cache
def f(n):
    calls.append(n)
    return n
f(1)
local = threading.local()
local.x = 1
""",
        change="del a; f(2); local.x = 2; f.cache_clear()",
        check="""
assert w() is a and d["a"] is a and f(1) == 1 and calls == [1] and local.x == 1
t = threading.Thread(target=lambda: calls.append(hasattr(local, "x")))
t.start(); t.join()
assert calls == [1, False]
""",
    ),
    Case(
        name="context variables that a cell has set",
        setup="""
import contextvars
var = contextvars.ContextVar('var', default=0)
kept = contextvars.copy_context()
kept.run(var.set, 5)
var.set(1)
""",
        change="""
kept.run(var.set, 6)
var.set(2)
""",
        check="""
assert kept.run(var.get) == 5
assert var.get() == 1, var.get()
var.set(7)
""",
    ),
    Case(
        name="gc.callbacks, os.register_at_fork, atexit",
        setup="""
import atexit, gc, os
seen, forks = [], []
gc.callbacks.append(lambda phase, info: seen.append(phase))
os.register_at_fork(before=lambda: forks.append("b"), after_in_parent=lambda: forks.append("p"))
atexit.register(lambda: None)
""",
        check="n = len(seen); gc.collect(); assert len(seen) > n and set(forks) <= {'b', 'p'}",
    ),
    Case(
        name="what forks ask for when they happen: a lock that is held over them",
        setup="""
import os, threading
lock = threading.Lock()
os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
""",
        check="""
assert lock.acquire(timeout=2)
lock.release()
""",
    ),
    Case(
        name="random: the numbers that would have come",
        setup="""
import random
random.seed(7)
wanted = random.Random(7)
n = [random.random(), random.gauss(0, 1)]
wanted.random(), wanted.gauss(0, 1)
""",
        change="random.random(); wanted.random(); wanted.random()",
        check="""
assert [random.random(), random.gauss(0, 1)] == [wanted.random(), wanted.gauss(0, 1)]
""",
    ),
    Case(
        name="secrets, uuid, tempfile, os.getpid",
        setup="""
import os, secrets, tempfile, uuid
u, s, pid = uuid.uuid4(), secrets.token_hex(), os.getpid()
d = tempfile.TemporaryDirectory()
""",
        check="""
assert uuid.uuid4() != u and secrets.token_hex() != s and os.getpid() > 0
assert os.path.isdir(d.name)
with tempfile.NamedTemporaryFile("w+") as file:
    assert file.write("x") == 1
""",
        note="the number of the process is another one",
    ),
    Case(
        name="logging: StreamHandler",
        setup="""
import logging, sys
log = logging.getLogger("mine")
log.addHandler(logging.StreamHandler(sys.stdout))
log.setLevel("INFO")
""",
        change="log.setLevel('ERROR'); log.handlers.clear()",
        check="""
assert log.level == logging.INFO and len(log.handlers) == 1
log.info('heard')
""",
    ),
    Case(
        name="logging: FileHandler",
        setup="""
import logging
handler = logging.FileHandler("mine.log", mode="a")
log = logging.getLogger("to file")
log.addHandler(handler)
log.warning("before")
""",
        change="log.warning('changed')",
        check="""
log.warning('here')
assert open('mine.log').read().splitlines()[-1] == 'here'
""",
        note="what was logged since stays in the file",
    ),
    Case(
        name="sqlite3: a database in memory",
        setup="""
import sqlite3
db = sqlite3.connect(':memory:')
db.execute('create table t (n)')
db.execute('insert into t values (1)')
""",
        change="""
db.execute('insert into t values (2)')
db.commit()
""",
        check="""
assert db.execute('select sum(n) from t').fetchone() == (1,)
db.execute('insert into t values (5)')
""",
    ),
]

ASYNCIO = [
    Case(
        name="asyncio: a task that is pending",
        setup="""
import asyncio
t = asyncio.create_task(asyncio.sleep(600), name='mine')
""",
        check="""
assert not t.done()
t.cancel()
""",
        refused="'mine' is pending",
    ),
    Case(
        name="asyncio: a task that is done",
        setup="""
import asyncio
t = asyncio.create_task(asyncio.sleep(0, 1))
await t
""",
        check="assert await t == 1 and await asyncio.create_task(asyncio.sleep(0.01, 2)) == 2",
    ),
    Case(
        name="asyncio: a call that is scheduled",
        setup="""
import asyncio
out = []
h = asyncio.get_running_loop().call_later(600, out.append, 1)
""",
        check="""
assert out == []
h.cancel()
""",
        refused="scheduled",
    ),
    Case(
        name="asyncio: locks, queues, events",
        setup="""
import asyncio
lock, q, e = asyncio.Lock(), asyncio.Queue(), asyncio.Event()
async with lock:
    await q.put(1)
""",
        change="q.put_nowait(2); e.set()",
        check="""
assert await asyncio.wait_for(q.get(), 2) == 1 and not e.is_set()
async with lock:
    await asyncio.sleep(0)
""",
    ),
    Case(
        name="asyncio: the loop itself, kept by code",
        setup="""
import asyncio
loop = asyncio.get_running_loop()
""",
        check="""
assert loop is asyncio.get_running_loop() and await asyncio.wait_for(loop.create_task(asyncio.sleep(0.01, 1)), 2) == 1
""",
    ),
    Case(
        name="asyncio.to_thread",
        setup="""
import asyncio
r = await asyncio.to_thread(abs, -1)
""",
        check="assert r == 1 and await asyncio.wait_for(asyncio.to_thread(abs, -2), 5) == 2",
    ),
    Case(
        name="asyncio.run in a thread",
        setup="""
import asyncio, threading
out = []
t = threading.Thread(target=lambda: out.append(asyncio.run(asyncio.sleep(0.01, 1))))
t.start(); t.join()
""",
        check="""
assert out == [1]
t = threading.Thread(target=lambda: out.append(asyncio.run(asyncio.sleep(0.01, 1))))
t.start(); t.join()
assert out == [1, 1]
""",
    ),
    Case(
        name="asyncio.new_event_loop, open",
        setup="""
import asyncio
loop = asyncio.new_event_loop()
""",
        check="loop.close()",
        refused="event loop",
    ),
    Case(
        name="asyncio.create_subprocess_exec, ended",
        setup="""
import asyncio
p = await asyncio.create_subprocess_exec("echo", "x", stdout=asyncio.subprocess.PIPE)
out, _ = await p.communicate()
""",
        check="""
assert out == b"x\\n"
p = await asyncio.create_subprocess_exec("echo", "y", stdout=asyncio.subprocess.PIPE)
assert (await asyncio.wait_for(p.communicate(), 5))[0] == b"y\\n"
""",
    ),
]
