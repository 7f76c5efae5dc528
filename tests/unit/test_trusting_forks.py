"""What a fork of a kernel would lose is named from what the system tells: the parts that only read."""

import os
from pathlib import Path

import pytest

from kernel_executor.in_kernel.forked_apart import can_copy, flags_and_place
from kernel_executor.in_kernel.mappings import Area, parsed
from kernel_executor.in_kernel.native_threads import libraries_on
from kernel_executor.in_kernel.trusting import command, loses_its_place, pools

MAPS = """\
5500000000-5500001000 r-xp 00000000 08:01 11 /usr/bin/python3.11
7f0000000000-7f0000001000 r-xp 00000000 08:01 12 /lib/libc.so.6
7f0000001000-7f0000002000 r-xp 00000000 08:01 13 /site/numpy.libs/libscipy_openblas64_-32a4b2a6.so
7f0000002000-7f0000003000 rw-p 00000000 08:01 13 /site/numpy.libs/libscipy_openblas64_-32a4b2a6.so
7f0000003000-7f0000004000 r-xp 00000000 08:01 14 /site/sk learn.libs/libgomp-e985bcbb.so.1.0.0
7f0000004000-7f0000005000 rw-s 00000000 00:01 15 /dev/zero (deleted)
7f0000005000-7f0000006000 rw-s 00000000 00:01 16 /dev/shm/sem.WXuFc2 (deleted)
7f0000006000-7f0000007000 rw-s 00000000 08:01 17 /data/b.bin
7f0000007000-7f0000008000 r--s 00000000 08:01 18 /data/a.bin
7ffe00000000-7ffe00001000 rwxp 00000000 00:00 0
"""
MAPPED = parsed(MAPS)


def shared() -> dict[str, Area]:
    return {area.name: area for area in MAPPED if area.is_shared}


def test_lines_of_maps_are_read() -> None:
    assert MAPPED[0] == Area(0x5500000000, 0x5500001000, "r-xp", "/usr/bin/python3.11")
    assert MAPPED[4].path == "/site/sk learn.libs/libgomp-e985bcbb.so.1.0.0"
    assert MAPPED[-1].path == ""
    assert set(shared()) == {"zero (deleted)", "sem.WXuFc2 (deleted)", "b.bin"}


def test_a_thread_belongs_to_the_library_that_it_will_return_to() -> None:
    stack = [0, 5, 0x7F0000000010, 0x7F0000001FF8, 0x7F0000002010, 0x7F0000000020]
    assert libraries_on(stack, MAPPED) == {"libscipy_openblas64_-32a4b2a6.so"}, "libc is every thread's"
    assert libraries_on([0x7F0000000010], MAPPED) == set()
    assert libraries_on([0x7F0000003000 | 0xAB << 56], MAPPED) == {"libgomp-e985bcbb.so.1.0.0"}, "a signed address"
    assert libraries_on([0x7FFE00000010], MAPPED) == {""}, "code that was made at run time"


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"libscipy_openblas64_-32a4b2a6.so"}, []),
        ({"libarrow.so.2600"}, []),
        ({"libarrow_python.so.2600"}, ["threads of libarrow_python.so.2600 are running"]),
        ({"libarrow.so.2600", "libpython3.11.so.1.0", "libzmq-2f02442c.so.5.2.5"}, []),
        ({"libscipy_openblas64_-32a4b2a6.so", "python3.12"}, []),
        (
            {"libarrow.so.2600", "libarrow_python.so.2600", "libpython3.11.so.1.0"},
            ["threads of libarrow_python.so.2600 are running"],
        ),
        ({"libzmq-2f02442c.so.5.2.5"}, ["threads of ZeroMQ are running"]),
        ({"libpython3.11.so.1.0"}, ["threads of libpython3.11.so.1.0 are running"]),
        ({"libgomp-e985bcbb.so.1.0.0"}, ["threads of OpenMP are running"]),
        ({"libgomp.so.1", "libarrow.so.2600"}, ["threads of OpenMP are running"]),
        ({"_polars_runtime.abi3.so"}, ["threads of Polars are running"]),
        ({"_duckdb.cpython-311-x86_64-linux-gnu.so"}, ["threads of DuckDB are running"]),
        ({"libanybodys.so"}, ["threads of libanybodys.so are running"]),
        ({""}, ["threads of a library that is not known are running"]),
        (set(), ["threads of a library that is not known are running"]),
    ],
)
def test_threads_that_do_not_come_back_are_told_by_their_library(files: set[str], told: list[str]) -> None:
    assert list(pools(MAPPED, [frozenset(files)])) == told


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/usr/lib/libcuda.so.1", ["CUDA is in use"]),
        ("/dev/nvidia0", ["CUDA is in use"]),
        ("/site/nvidia_ml_docs.so", []),
        ("/site/numba/np/ufunc/omppool.cpython-311.so", ["numba has used OpenMP, and ends forks that do"]),
    ],
)
def test_what_is_loaded_may_say_enough(path: str, told: list[str]) -> None:
    assert list(pools([Area(0, 4_096, "r-xp", path)], [])) == told


def test_memory_is_copied_that_nobody_else_has() -> None:
    of = shared()
    assert can_copy([of["zero (deleted)"], of["sem.WXuFc2 (deleted)"]])
    assert not can_copy([of["b.bin"]])
    assert not can_copy([Area(0, 1 << 30, "rw-s", "/dev/zero (deleted)")]), "that would take long, at each fork"


@pytest.mark.parametrize(
    ("flags", "loses"),
    [
        (os.O_RDONLY, False),
        (os.O_RDONLY | os.O_CLOEXEC, False),
        (os.O_WRONLY | os.O_APPEND, False),
        (os.O_WRONLY, True),
        (os.O_RDWR, True),
        (os.O_RDWR | os.O_APPEND, True),
    ],
)
def test_files_that_are_written_at_a_place_of_their_own(flags: int, loses: bool) -> None:
    assert loses_its_place(flags) is loses


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (b"/usr/bin/sleep\x00600\x00", "sleep 600"),
        (b"/env/bin/python\x00-m\x00joblib.externals.loky\x00", "python -m joblib.externals.loky"),
        (b"x\x00" + b"y" * 100, "x " + "y" * 58),
        (b"", ""),
    ],
)
def test_a_process_is_told_by_its_command(words: bytes, told: str) -> None:
    assert command(words) == told


def test_where_a_file_is_read() -> None:
    with Path(__file__).open("rb", buffering=0) as file:
        file.read(7)
        flags, place = flags_and_place(file.fileno())
    assert (flags & os.O_ACCMODE, place) == (os.O_RDONLY, 7)
