"""What Landlock is told: rules of a policy, for the files that were meant; and what is said where it is not there."""

import os
from pathlib import Path

import pytest

from kernel_executor.limits.resource_limits import limit_files, own_cgroups
from kernel_executor.sandbox import landlock
from kernel_executor.sandbox.interpreter import Interpreter
from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.sandbox.landlock import READ, READ_DIR, USE, WRITE, Rule
from kernel_executor.sandbox.policy import SandboxPolicy, as_it_leads
from kernel_executor.stage.options import StageOptions
from kernel_executor.stage.stage import Stage

WRITES = WRITE & ~READ


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    work = tmp_path / "work"
    (work / "inner").mkdir(parents=True)
    for name in ("data.csv", "secret.txt", "inner/secret.txt", "inner/seen.txt"):
        (work / name).write_text(name)
    return await Stage.open(work, StageOptions(is_mounted=False))


def rules_of(stage: Stage, **granted: tuple[Path, ...]) -> dict[str, Rule]:
    policy = as_it_leads(SandboxPolicy(work_dir=stage.place.work_dir, stage=stage.place, **granted))
    return {rule.path: rule for rule in landlock.rules(policy, stage)}


async def test_only_the_stage_and_what_was_granted_can_be_written_to(stage: Stage, tmp_path: Path) -> None:
    granted = tmp_path / "granted"
    granted.mkdir()
    found = rules_of(stage, writable=(granted,))
    writable = {path for path, rule in found.items() if rule.allowed & WRITES and not path.startswith("/dev/")}
    assert writable == {str(stage.place.files), str(stage.place.private), str(granted)}


async def test_the_users_folder_is_read_as_a_whole_unless_something_is_hidden(stage: Stage) -> None:
    assert rules_of(stage)[str(stage.place.work_dir)].allowed == READ


async def test_beside_what_is_hidden_each_gets_a_rule_of_its_own(stage: Stage) -> None:
    work = stage.place.work_dir
    found = rules_of(stage, hidden=(work / "secret.txt", work / "inner" / "secret.txt"))
    below = {path.removeprefix(f"{work}"): rule.allowed for path, rule in found.items() if path.startswith(str(work))}
    file = READ & landlock.OF_FILES
    assert below == {"": READ_DIR, "/data.csv": file, "/inner": READ_DIR, "/inner/seen.txt": file}


async def test_a_rule_is_for_the_very_file_that_was_found(stage: Stage, tmp_path: Path) -> None:
    """The folder's by its descriptor: its name may lead elsewhere by now."""
    work, keys = stage.place.work_dir, tmp_path / "keys"
    keys.mkdir()
    meant = work.stat()
    work.rename(tmp_path / "moved")
    work.symlink_to(keys)
    rule = rules_of(stage)[str(work)]
    assert (rule.device, rule.inode) == (meant.st_dev, meant.st_ino)


async def test_what_an_interpreter_needs_is_read_and_no_home_folder_is(stage: Stage, tmp_path: Path) -> None:
    prefix = tmp_path / "python"
    prefix.mkdir()
    found = rules_of(stage, interpreter=Interpreter(prefixes=(prefix, Path.home(), Path("/"))))  # type: ignore[arg-type]
    assert found[str(prefix)].allowed == READ
    assert {str(Path.home()), "/", "/tmp", "/dev", "/dev/shm", "/etc"} & set(found) == set()


async def test_of_cgroups_only_the_limits_are_read(stage: Stage) -> None:
    limits = {str(path) for path in limit_files(own_cgroups()) if path.exists()}
    found = {path: rule.allowed for path, rule in rules_of(stage).items() if path.startswith("/sys")}
    assert found == dict.fromkeys(limits, landlock.READ_FILE)


async def test_devices_are_used_and_nothing_more(stage: Stage) -> None:
    device = Path("/dev/full")
    assert rules_of(stage, devices=(device,))[str(device)].allowed == USE
    assert not rules_of(stage)[str(device)].allowed & landlock.IOCTL_DEVICE


async def test_what_is_not_there_any_more_gets_no_rule(stage: Stage, tmp_path: Path) -> None:
    assert str(tmp_path / "gone") not in rules_of(stage, readable=(tmp_path / "gone",))


@pytest.mark.parametrize(("abi", "said"), [(0, "not there"), (5, "version 5, 6 is needed"), (6, None), (9, None)])
def test_what_is_too_old_is_told(abi: int, said: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: abi)
    reason = landlock.why_unusable_now()
    assert reason is None if said is None else said in (reason or "")


def test_the_version_is_asked_of_the_system() -> None:
    listed = Path("/sys/kernel/security/lsm")
    if listed.exists() and os.access(listed, os.R_OK):
        assert (landlock.abi() > 0) == ("landlock" in listed.read_text())


def test_it_counts_as_isolating_in_one_line() -> None:
    held = dict.fromkeys(("network", "files", "processes", "privileges"), True)
    isolation = Isolation(mechanism="landlock", reason="bubblewrap is not installed", **held)
    assert isolation.isolates
    assert isolation.summary.startswith("sandboxed by landlock: no network, ")
    assert isolation.story == f"{isolation.summary} (bubblewrap is not installed)"
