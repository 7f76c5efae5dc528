"""What runs beside the code: threads, processes, timers."""

from tests.libraries.case import Case

BESIDE = [
    Case(
        name="threading.Thread, running",
        setup="""
import threading
stop = threading.Event()
t = threading.Thread(target=stop.wait, name='worker')
t.start()
""",
        check="""
assert t.is_alive()
stop.set()
t.join()
""",
        refused="the thread 'worker' is running",
    ),
    Case(
        name="threading.Thread, ended",
        setup="""
import threading
out = []
t = threading.Thread(target=lambda: out.append(1))
t.start()
t.join()
""",
        change="out.clear()",
        check="""
assert out == [1]
t = threading.Thread(target=lambda: out.append(1))
t.start()
t.join()
assert out == [1, 1]
""",
    ),
    Case(
        name="threading.Timer, waiting",
        setup="""
import threading
t = threading.Timer(600, print)
t.start()
""",
        check="""
assert t.is_alive()
t.cancel()
""",
        refused="the thread",
    ),
    Case(
        name="threading.Timer, cancelled",
        setup="""
import threading
t = threading.Timer(600, print)
t.start()
t.cancel()
t.join()
""",
        check="assert not t.is_alive()",
    ),
    Case(
        name="ThreadPoolExecutor, open and idle",
        setup="""
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(2)
list(pool.map(abs, [-1, 2]))
""",
        check="assert list(pool.map(abs, [-1, 2])) == [1, 2]",
    ),
    Case(
        name="ThreadPoolExecutor, at work",
        setup="""
import threading
from concurrent.futures import ThreadPoolExecutor
stop = threading.Event()
pool = ThreadPoolExecutor(1)
f = pool.submit(stop.wait)
""",
        check="""
assert not f.done()
stop.set()
assert f.result(5)
""",
        refused="ThreadPoolExecutor",
    ),
    Case(
        name="ThreadPoolExecutor, shut down",
        setup="""
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(2) as pool:
    r = list(pool.map(abs, [-1, 2]))
""",
        change="r.clear()",
        check="""
assert r == [1, 2]
with ThreadPoolExecutor(2) as p:
    assert list(p.map(abs, [-1, 2])) == [1, 2]
""",
    ),
    Case(
        name="ProcessPoolExecutor, open",
        setup="""
from concurrent.futures import ProcessPoolExecutor
pool = ProcessPoolExecutor(2)
list(pool.map(abs, [-1, 2]))
""",
        check="""
assert list(pool.map(abs, [-1, 2])) == [1, 2]
pool.shutdown()
""",
        refused="is running",
    ),
    Case(
        name="multiprocessing.Pool, closed",
        setup="""
import multiprocessing
with multiprocessing.Pool(2) as pool:
    r = pool.map(abs, [-1, 2])
pool.join()
""",
        change="r.clear()",
        check="""
assert r == [1, 2]
with multiprocessing.Pool(2) as p:
    assert p.map(abs, [-1, 2]) == [1, 2]
""",
    ),
    Case(
        name="multiprocessing.Pool, open",
        setup="""
import multiprocessing
pool = multiprocessing.Pool(2)
""",
        check="""
assert pool.map(abs, [-1, 2]) == [1, 2]
pool.terminate()
""",
        refused="is running",
    ),
    Case(
        name="multiprocessing.Manager, open",
        setup="""
import multiprocessing
manager = multiprocessing.Manager()
d = manager.dict(a=1)
""",
        check="""
assert d['a'] == 1
manager.shutdown()
""",
        refused="is running",
    ),
    Case(
        name="multiprocessing.Lock, Queue, Value",
        setup="""
import multiprocessing
lock, queue = multiprocessing.Lock(), multiprocessing.Queue()
""",
        check="""
def work():
    with lock:
        queue.put(1)
p = multiprocessing.Process(target=work)
p.start()
assert queue.get(timeout=5) == 1
p.join()
""",
    ),
    Case(
        name="multiprocessing.Lock, held when the kernel dies",
        setup="""
import multiprocessing
lock = multiprocessing.Lock()
""",
        change="lock.acquire()",
        check="""
assert lock.acquire(timeout=2)
lock.release()
""",
    ),
    Case(
        name="os.pipe with something in it",
        setup="""
import os
r, w = os.pipe()
os.write(w, b'x')
""",
        change="os.write(w, b'z')",
        check="""
assert os.read(r, 1) == b'x'
os.write(w, b'y')
assert os.read(r, 1) == b'y'
""",
    ),
    Case(
        name="subprocess.Popen, running",
        setup="""
import subprocess
p = subprocess.Popen(['sleep', '600'])
""",
        check="""
assert p.poll() is None
p.kill()
""",
        refused="sleep",
    ),
    Case(
        name="subprocess.run",
        setup="""
import subprocess
p = subprocess.run(['echo', 'x'], capture_output=True)
""",
        check="""
assert p.stdout == b'x\\n' and subprocess.run(['echo', 'y'], capture_output=True).stdout == b'y\\n'
""",
    ),
    Case(
        name="a background job: nohup sleep &",
        setup="""
import os
os.system('nohup sleep 600 >/dev/null 2>&1 &')
""",
        check="assert os.system('pgrep sleep >/dev/null 2>&1 || true') == 0",
        refused="sleep",
    ),
    Case(
        name="a background job in a session of its own: setsid sleep &",
        setup="""
import os
os.system('setsid sleep 600 >/dev/null 2>&1 &')
""",
        check="pass",
        refused="running in the background",
    ),
    Case(
        name="a socket, open",
        setup="""
import socket
a, b = socket.socketpair()
""",
        check="""
a.send(b'x')
assert b.recv(1) == b'x'
""",
        refused="socket",
    ),
    Case(
        name="pyzmq: sockets within the process",
        setup="""
import zmq
context = zmq.Context()
a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
a.bind("inproc://x")
b.connect("inproc://x")
""",
        check="a.send(b'x')\nassert b.recv() == b'x'",
        refused="threads of ZeroMQ are running",
    ),
    Case(
        name="a socket, closed",
        setup="""
import socket
a, b = socket.socketpair()
a.close()
b.close()
""",
        check="""
a, b = socket.socketpair()
a.send(b'x')
assert b.recv(1) == b'x'
""",
    ),
    Case(
        name="signal.alarm, set",
        setup="""
import signal
signal.alarm(600)
""",
        check="assert signal.alarm(0) > 500",
        refused="timer",
    ),
    Case(
        name="signal handlers",
        setup="""
import os, signal
came = []
signal.signal(signal.SIGUSR1, lambda *_: came.append(1))
""",
        check="""
os.kill(os.getpid(), signal.SIGUSR1)
assert came == [1]
""",
    ),
]
