"""What code has open: files, databases, shared memory, pipes, sockets."""

from tests.libraries.case import Case

FILES = [
    Case(
        name="sqlite3: a file, committed and open",
        setup="""
import sqlite3
db = sqlite3.connect('a.db')
db.execute('create table if not exists t (n)')
db.commit()
""",
        check="""
db.execute('insert into t values (5)')
db.commit()
""",
        refused="a.db",
    ),
    Case(
        name="sqlite3: a file in a transaction",
        setup="""
import sqlite3
db = sqlite3.connect('b.db')
db.execute('create table t (n)')
db.execute('insert into t values (1)')
""",
        check="assert db.execute('select n from t').fetchone() == (1,)",
        refused="b.db",
    ),
    Case(
        name="sqlite3: a file, closed",
        setup="""
import sqlite3
db = sqlite3.connect('c.db')
db.execute('create table if not exists t (n)')
db.commit()
db.close()
""",
        check="""
db = sqlite3.connect('c.db')
db.execute('insert into t values (5)')
db.commit()
""",
    ),
    Case(
        name="a file that is being read",
        setup="""
with open("lines.txt", "w") as file:
    file.writelines(f"{n}\\n" for n in range(100_000))
file = open("lines.txt")
for line in range(5_000):
    file.readline()
raw = open("lines.txt", "rb", buffering=0)
raw.read(10)
""",
        change="rest = file.read(); raw.read(1000)",
        check="""
assert file.readline() == "5000\\n"
assert len(file.read().splitlines()) == 94_999 and raw.read(4) == b"5\\n6\\n"
""",
    ),
    Case(
        name="a file that was deleted and is being read",
        setup="""
import os
open('gone.txt', 'w').write('0123456789')
file = open('gone.txt', 'rb', buffering=0)
os.remove('gone.txt')
file.read(3)
""",
        change="file.read()",
        check="assert file.read(3) == b'345'",
    ),
    Case(
        name="a file that is being written",
        setup="""
file = open('out.txt', 'w')
file.write('x')
""",
        check="""
file.write('y')
file.flush()
""",
        refused="out.txt is open for writing",
    ),
    Case(
        name="a file that is appended to, with text that is not written yet",
        setup="""
import os
if os.path.exists('more.txt'):
    os.remove('more.txt')
file = open('more.txt', 'a')
file.write('once ')
""",
        check="""
file.flush()
assert open('more.txt').read().count('once') == 1
""",
    ),
    Case(
        name="a temporary file",
        setup="""
import tempfile
file = tempfile.TemporaryFile()
file.write(b'x')
""",
        check="""
file.seek(0)
assert file.read() == b'x'
""",
        refused="is open for writing",
    ),
    Case(
        name="mmap: anonymous",
        setup="""
import mmap
m = mmap.mmap(-1, 100_000)
m[:4] = b'kept'
""",
        change="m[:4] = b'gone'",
        check="""
import os
assert m[:4] == b"kept"
if not os.fork():
    m[:4] = b"from"
    os._exit(0)
os.wait()
assert m[:4] == b"from"
""",
    ),
    Case(
        name="mmap: much, anonymous",
        setup="""
import mmap
m = mmap.mmap(-1, 1_000_000_000)
m[:4] = b'kept'
""",
        check="assert m[:4] == b'kept'",
        refused="MB of memory are shared",
    ),
    Case(
        name="multiprocessing.shared_memory",
        setup="""
from multiprocessing import shared_memory
m = shared_memory.SharedMemory(create=True, size=1000)
""",
        check="""
m.buf[0] = 1
m.close(); m.unlink()
""",
        refused="is running",
    ),
]
