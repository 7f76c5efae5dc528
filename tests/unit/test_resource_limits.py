"""How limits are written and read, and what they come to on a machine."""

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from kernel_executor import ResourceLimits
from kernel_executor.limits.resource_limits import bounds_here, bounds_of, limit_files, machine_memory, memory_limits
from kernel_executor.sizes import read_size, size_text

GB = 10**9


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1000", 1_000),
        ("500 MB", 500_000_000),
        ("2gb", 2 * GB),
        ("1.5 GiB", 3 << 29),
        ("3k", 3_000),
        ("7B", 7),
    ],
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1", "1e9", "1,000", "3 bananas", "1 i", "1.2.3", "0x10", "\u0661"])
def test_what_is_no_size_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no size; write it as 500MB or 2GB"):
        read_size(text)


@given(st.integers(0, 10**18))
def test_a_size_for_people_is_read_as_about_the_same(size: int) -> None:
    shown = size_text(size).removesuffix("bytes").removesuffix("byte").replace(",", "")
    assert abs(read_size(shown) - size) <= max(size * 0.01, 0.05 * GB * (size >= GB))


def test_limits_are_read_from_one_line() -> None:
    assert ResourceLimits.read("") == ResourceLimits.read(" , ") == ResourceLimits()
    assert ResourceLimits.read("memory=8GB, processes=2000,disk = 1 TB") == ResourceLimits(
        memory=8 * GB, processes=2_000, disk=10**12
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("memory", "'memory' is no limit; write NAME=VALUE with one of disk, file_size"),
        ("ram=8GB", "'ram=8GB' is no limit"),
        ("memory=", "'memory=' is no limit"),
        ("memory=lots", "'lots' is no size"),
        ("memory=0", "the limit memory must be a whole number above 0, and at most 4611686018427387904; it is 0"),
        ("processes=2k", "processes must be a whole number, not '2k'"),
    ],
)
def test_what_is_no_limit_is_named(text: str, named: str) -> None:
    with pytest.raises(ValueError, match="^" + named):
        ResourceLimits.read(text)


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "8GB", 10**19])
def test_a_limit_is_a_whole_number(value: object) -> None:
    with pytest.raises(ValueError, match="the limit disk must be a whole number above 0"):
        ResourceLimits(disk=value)  # type: ignore[arg-type]


def test_limits_are_what_the_machine_bears() -> None:
    bounds = bounds_of(ResourceLimits(), memory=16 * GB, free=100 * GB)
    assert str(bounds) == "at most 12.8 GB of memory, 1,024 processes and 95.0 GB of files"
    assert (bounds.temporary, bounds.file_size) == (6_400_000_000, 95_000_000_000)


def test_a_full_disk_is_no_limit_for_files_in_memory() -> None:
    bounds = bounds_of(ResourceLimits(), memory=16 * GB, free=GB // 10)
    assert bounds.disk < GB < bounds.file_size == bounds.temporary


def test_what_is_asked_for_is_not_made_less() -> None:
    asked = ResourceLimits(memory=32 * GB, disk=500 * GB, file_size=7, temporary=8)
    bounds = bounds_of(asked, memory=16 * GB, free=GB)
    assert (bounds.memory, bounds.disk, bounds.file_size, bounds.temporary) == (32 * GB, 500 * GB, 7, 8)


def test_a_disk_without_room_leaves_a_limit_that_is_one(tmp_path: Path) -> None:
    assert bounds_of(ResourceLimits(), memory=GB, free=0).disk == 1
    assert bounds_here(ResourceLimits(), tmp_path).memory <= machine_memory()


CGROUPS = {
    "0::/user.slice/app": {"/sys/fs/cgroup/user.slice/app/memory.max": 3, "/sys/fs/cgroup/user.slice/memory.max": 2},
    "4:memory:/docker/x": {"/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": 5},
    "4:memory:/not/seen/here": {"/sys/fs/cgroup/memory/memory.limit_in_bytes": 7},
    "0::/": {"/sys/fs/cgroup/memory.max": 9},
    "8:pids:/docker/x": {"/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": 5},
}


@pytest.mark.parametrize(
    ("own", "least"), [*zip(CGROUPS, (2, 5, 7, 9, None), strict=True)], ids=[own.split(":", 1)[1] for own in CGROUPS]
)
def test_a_container_has_less_memory_than_its_machine(own: str, least: int | None) -> None:
    files = {Path(path): number for path, number in CGROUPS[own].items()}
    assert min(memory_limits(f"{own}\n", files.get), default=None) == least


def test_what_bounds_a_process_is_found_in_all_its_cgroups() -> None:
    root = "/sys/fs/cgroup"
    assert {*map(str, limit_files("0::/app\n"))} == {
        f"{root}{folder}/{name}.max" for folder in ("", "/app") for name in ("memory", "cpu")
    }
    assert [*map(str, limit_files("3:cpu,cpuacct:/\n2:pids:/\n"))] == [
        f"{root}/cpu/cpu.cfs_quota_us",
        f"{root}/cpu/cpu.cfs_period_us",
    ]
    assert limit_files("") == []
