"""How bubblewrap is told: pure argument lists, in an order that matters."""

from itertools import pairwise
from pathlib import Path

import pytest

from kernel_executor import KernelStartError
from kernel_executor.sandbox import (
    MAX_PROTECTED,
    Interpreter,
    SandboxPolicy,
    bubblewrap_arguments,
    entries_to_protect,
)

RUN = Path("/tmp/codeagent-run")


def binds(arguments: list[str]) -> list[tuple[str, str]]:
    """The mounts, in order."""
    kinds = {"--bind", "--ro-bind", "--ro-bind-try", "--dev-bind", "--tmpfs", "--remount-ro", "--dev", "--proc"}
    return [(kind, path) for kind, path in pairwise(arguments) if kind in kinds]


@pytest.fixture
def policy(tmp_path: Path) -> SandboxPolicy:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "data.csv").touch()
    prefix = tmp_path / "python"
    prefix.mkdir()
    return SandboxPolicy(
        work_dir=tmp_path / "work",
        protected=(tmp_path / "work" / "data.csv",),
        readable=(tmp_path / "readable",),
        writable=(tmp_path / "work" / "granted",),
        devices=(Path("/dev/nvidia0"),),
        interpreter=Interpreter(prefixes=(prefix,), paths=(Path("/usr/lib/python3"), tmp_path / "missing")),
    )


def test_everything_is_unshared_and_all_privileges_dropped(policy: SandboxPolicy) -> None:
    arguments = bubblewrap_arguments(policy, [RUN])
    assert {"--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--disable-userns"} <= set(arguments)
    assert {"--die-with-parent", "--new-session"} <= set(arguments)
    assert arguments[arguments.index("--cap-drop") + 1] == "ALL"


def test_later_mounts_lie_on_earlier_ones(policy: SandboxPolicy) -> None:
    mounts = binds(bubblewrap_arguments(policy, [RUN]))
    work = str(policy.work_dir)
    wanted = [
        ("--tmpfs", "/tmp"),
        ("--ro-bind", str(policy.interpreter.prefixes[0])),
        ("--bind", work),
        ("--ro-bind-try", f"{work}/data.csv"),
        ("--bind", f"{work}/granted"),
        ("--dev-bind", "/dev/nvidia0"),
        ("--bind", str(RUN)),
        ("--remount-ro", "/"),
    ]
    places = [mounts.index(mount) for mount in wanted]
    assert places == sorted(places)


def test_only_what_was_granted_is_writable(policy: SandboxPolicy) -> None:
    writable = {path for kind, path in binds(bubblewrap_arguments(policy, [RUN])) if kind == "--bind"}
    assert writable == {str(policy.work_dir), f"{policy.work_dir}/granted", str(RUN)}


@pytest.mark.parametrize("place", ["home", "parent", "root"])
def test_the_home_folder_is_never_bound_as_a_whole(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where an interpreter claims it as its prefix or has it on its path."""
    home = tmp_path / "users" / "me"
    (home / "venv").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    claimed = {"home": home, "parent": home.parent, "root": Path("/")}[place]
    interpreter = Interpreter(prefixes=(claimed, home / "venv"), paths=(claimed,))
    arguments = bubblewrap_arguments(SandboxPolicy(work_dir=tmp_path, interpreter=interpreter), [RUN])
    sources = {path for kind, path in binds(arguments) if kind.endswith("bind")}
    assert str(claimed) not in sources
    assert str(home / "venv") in sources


def test_devices_are_hidden_unless_granted(tmp_path: Path) -> None:
    assert "--dev-bind" not in bubblewrap_arguments(SandboxPolicy(work_dir=tmp_path), [RUN])


def test_not_all_of_etc_is_shown(policy: SandboxPolicy) -> None:
    shown = {path for _, path in binds(bubblewrap_arguments(policy, [RUN]))}
    assert not {"/etc", "/etc/shadow", "/root", "/home", "/", "/var", "/run", "/sys"} & (shown - {"/"})
    assert ("--ro-bind", "/") not in binds(bubblewrap_arguments(policy, [RUN]))


def test_entries_of_the_work_folder_are_protected_but_links_and_what_is_granted(tmp_path: Path) -> None:
    for name in ("b", "a", "granted"):
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to("a")
    assert entries_to_protect(tmp_path, [tmp_path / "granted"]) == (tmp_path / "a", tmp_path / "b")


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    """bwrap 0.8 takes at most 9,000 arguments."""
    for number in range(MAX_PROTECTED + 1):
        (tmp_path / str(number)).touch()
    with pytest.raises(KernelStartError, match="at most 2,000"):
        entries_to_protect(tmp_path, [])
    assert len(entries_to_protect(tmp_path, [tmp_path / "0"])) == MAX_PROTECTED
