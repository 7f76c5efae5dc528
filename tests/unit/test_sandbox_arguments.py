"""How bubblewrap is told: pure argument lists, in an order that matters."""

from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from kernel_executor.in_kernel.read_only import ORIGINAL
from kernel_executor.sandbox.bubblewrap import bubblewrap_arguments, mounts
from kernel_executor.sandbox.in_bubblewrap import InBubblewrap
from kernel_executor.sandbox.interpreter import Interpreter
from kernel_executor.sandbox.policy import SandboxPolicy, System, mounted_in
from kernel_executor.stage.place import Place
from kernel_executor.stage.stage import Stage

RUN = Path("/tmp/codeagent-run")


def binds(arguments: list[str]) -> list[tuple[str, str]]:
    """The mounts, in order."""
    kinds = {"--bind", "--ro-bind", "--dev-bind", "--tmpfs", "--remount-ro", "--dev", "--proc"}
    return [(kind, path) for kind, path in pairwise(arguments) if kind in kinds]


@pytest.fixture
def policy(tmp_path: Path) -> SandboxPolicy:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "data.csv").touch()
    prefix = tmp_path / "python"
    prefix.mkdir()
    return SandboxPolicy(
        work_dir=tmp_path / "work",
        stage=Place(tmp_path / "work", tmp_path / "work", tmp_path / "stage"),
        readable=(tmp_path / "readable",),
        writable=(tmp_path / "work" / "granted",),
        devices=(Path("/dev/nvidia0"),),
        interpreter=Interpreter(prefixes=(prefix,), paths=(Path("/usr/lib/python3"), tmp_path / "missing")),
    )


def test_everything_is_unshared_and_all_privileges_dropped(policy: SandboxPolicy) -> None:
    arguments = bubblewrap_arguments(policy, System.now(), [RUN])
    assert {"--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--disable-userns"} <= set(arguments)
    assert {"--die-with-parent", "--new-session"} <= set(arguments)
    assert arguments[arguments.index("--cap-drop") + 1] == "ALL"


def test_later_mounts_lie_on_earlier_ones(policy: SandboxPolicy) -> None:
    found = binds(bubblewrap_arguments(policy, System.now(), [RUN]))
    assert policy.stage
    wanted = [
        ("--tmpfs", "/tmp"),
        ("--ro-bind", str(policy.interpreter.prefixes[0])),
        ("--bind", str(policy.stage.files)),
        ("--bind", f"{policy.work_dir}/granted"),
        ("--remount-ro", "/"),
    ]
    places = [found.index(mount) for mount in wanted]
    assert places == sorted(places)
    assert {("--dev-bind", "/dev/nvidia0"), ("--bind", str(RUN))} < set(found)


def test_only_the_stage_and_what_was_granted_is_writable(policy: SandboxPolicy) -> None:
    writable = {path for kind, path in binds(bubblewrap_arguments(policy, System.now(), [RUN])) if kind == "--bind"}
    assert policy.stage
    assert writable == {str(policy.stage.files), f"{policy.work_dir}/granted", str(RUN)}


def test_the_work_folder_itself_is_seen_read_only_and_elsewhere(policy: SandboxPolicy) -> None:
    assert [mount.kind for mount in mounts(policy) if mount.source == policy.work_dir] == ["ro-bind"]
    assert [str(mount.target) for mount in mounts(policy) if mount.source == policy.work_dir] == [ORIGINAL]


@pytest.mark.parametrize("place", ["home", "parent", "root"])
def test_the_home_folder_is_never_bound_as_a_whole(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where an interpreter claims it as its prefix or has it on its path."""
    home = tmp_path / "users" / "me"
    (home / "venv").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    claimed = {"home": home, "parent": home.parent, "root": Path("/")}[place]
    interpreter = Interpreter(prefixes=(claimed, home / "venv"), paths=(claimed,))
    arguments = bubblewrap_arguments(SandboxPolicy(work_dir=tmp_path, interpreter=interpreter), System.now(), [RUN])
    sources = {path for kind, path in binds(arguments) if kind.endswith("bind")}
    assert str(claimed) not in sources
    assert str(home / "venv") in sources


def test_devices_are_hidden_unless_granted(tmp_path: Path) -> None:
    assert "--dev-bind" not in bubblewrap_arguments(SandboxPolicy(work_dir=tmp_path), System.now(), [RUN])


def test_not_all_of_etc_is_shown(policy: SandboxPolicy) -> None:
    shown = {path for _, path in binds(bubblewrap_arguments(policy, System.now(), [RUN]))}
    assert not {"/etc", "/etc/shadow", "/root", "/home", "/", "/var", "/run", "/sys"} & (shown - {"/"})
    assert ("--ro-bind", "/") not in binds(bubblewrap_arguments(policy, System.now(), [RUN]))


def test_a_python_in_the_work_folder_lies_on_the_stage(tmp_path: Path) -> None:
    """A project's `.venv` is often in the notebook's folder."""
    work = tmp_path / "work"
    (work / ".venv").mkdir(parents=True)
    policy = SandboxPolicy(
        work_dir=work, stage=Place(work, work, tmp_path / "stage"), interpreter=Interpreter(prefixes=(work / ".venv",))
    )
    found = binds(bubblewrap_arguments(policy, System.now(), [RUN]))
    assert found.index(("--bind", str(tmp_path / "stage"))) < found.index(("--ro-bind", str(work / ".venv")))
    assert mounted_in(work, policy, policy.interpreter) == [work / ".venv"]


def test_a_folder_that_holds_too_much_is_read_only_around_the_stage(tmp_path: Path) -> None:
    place = Place(tmp_path, tmp_path / "agent-files", tmp_path / "stage")
    found = mounts(SandboxPolicy(work_dir=tmp_path, stage=place))
    assert [(mount.kind, mount.source) for mount in found if mount.target.is_relative_to(tmp_path)] == [
        ("ro-bind", tmp_path),
        ("bind", tmp_path / "stage"),
    ]


def test_what_an_outer_folder_shows_is_not_mounted_again(tmp_path: Path) -> None:
    """Each mount takes bubblewrap 0.15 ms."""
    for name in ("python/lib/site-packages", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    prefix, packages = tmp_path / "python", tmp_path / "python" / "lib" / "site-packages"
    interpreter = Interpreter(prefixes=(prefix,), paths=(packages, tmp_path / "elsewhere"))
    policy = SandboxPolicy(work_dir=tmp_path / "work", interpreter=interpreter)
    assert [mount.target for mount in mounts(policy)] == [tmp_path / "elsewhere", prefix]
    writable = replace(policy, writable=(prefix / "lib",))
    assert [mount.target for mount in mounts(writable)] == [tmp_path / "elsewhere", prefix, prefix / "lib", packages]


def test_an_environment_that_is_linked_in_a_checkout_is_shown_where_it_is(tmp_path: Path) -> None:
    """On a link in a read-only folder nothing can be bound: bubblewrap failed, and code ran in a weaker sandbox."""
    real, checkout = tmp_path / "environments" / "one", tmp_path / "checkout"
    (real / "lib").mkdir(parents=True)
    checkout.mkdir()
    (checkout / ".venv").symlink_to(real)
    interpreter = Interpreter(prefixes=(checkout / ".venv",), paths=(checkout, checkout / ".venv" / "lib"))
    policy = SandboxPolicy(work_dir=tmp_path / "work", interpreter=interpreter)
    assert [mount.target for mount in mounts(policy)] == [checkout, real]


def test_a_link_of_several_steps_is_shown_as_what_it_leads_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`/etc/localtime` may lead to a file in /etc that leads to the zone."""
    (tmp_path / "step").symlink_to("/usr/bin/env")
    for name, target in {"direct": "/usr/bin/env", "in steps": tmp_path / "step"}.items():
        (tmp_path / name).symlink_to(target)
    monkeypatch.setattr("kernel_executor.sandbox.policy.ETC", (f"{tmp_path}/direct", f"{tmp_path}/in steps"))
    system = System.now()
    assert system.links[f"{tmp_path}/direct"] == "/usr/bin/env"
    assert tmp_path / "in steps" in system.files


async def test_what_of_the_system_is_seen_is_looked_at_once(
    policy: SandboxPolicy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was looked at three times for a start, and may have been another system each time."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.setattr("kernel_executor.sandbox.policy.SYSTEM", (f"{tmp_path}/folder",))
    monkeypatch.setattr("kernel_executor.sandbox.policy.ETC", (f"{tmp_path}/file",))
    with closing(await Stage.open(tmp_path / "work", parent=tmp_path)) as stage:
        around = InBubblewrap(replace(policy, stage=None), stage, ())
        monkeypatch.setattr("kernel_executor.sandbox.policy.SYSTEM", ())
        monkeypatch.setattr("kernel_executor.sandbox.policy.ETC", ())
        with around.start(["true"], {}, 0, 0) as start:
            assert ("--ro-bind", f"{tmp_path}/folder") in pairwise(start.command)
            assert ("--file", f"{tmp_path}/file") in zip(start.command, start.command[2:], strict=False)
