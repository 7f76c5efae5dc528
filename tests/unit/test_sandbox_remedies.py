"""The advice that gives code a sandbox, or a better one."""

from pathlib import Path

import pytest

from codeagent_nb.cli import sandbox_remedies
from codeagent_nb.cli.sandbox_remedies import remedy
from kernel_executor.sandbox.isolation import Isolation

REFUSED = "bubblewrap does not work here: bwrap: setting up uid map: Permission denied"


def test_what_bubblewrap_holds_needs_none() -> None:
    assert remedy(Isolation(mechanism="bubblewrap")) == ""


@pytest.mark.parametrize("mechanism", ["none", "landlock"])
def test_it_is_installed_where_it_is_not(mechanism: str) -> None:
    said = remedy(Isolation(mechanism=mechanism, reason="bubblewrap is not installed (Debian, ...)"))
    assert "install bubblewrap" in said


def test_in_a_container_its_profile_is_named() -> None:
    said = remedy(Isolation(reason=REFUSED), exists=lambda path: path == Path("/.dockerenv"))
    assert "--security-opt seccomp=unconfined" in said
    assert "Linux 6.12" in said
    held = dict.fromkeys(("network", "files", "processes", "privileges"), True)
    said = remedy(
        Isolation(mechanism="landlock", reason=REFUSED, **held), exists=lambda path: path == Path("/.dockerenv")
    )
    assert "--security-opt seccomp=unconfined" in said
    assert "Linux 6.12" not in said


def test_on_ubuntu_a_profile_for_apparmor_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    switch = tmp_path / "restricted"
    monkeypatch.setattr(sandbox_remedies, "RESTRICTED", switch)
    switch.write_text("1\n")
    said = remedy(Isolation(reason=REFUSED), exists=lambda path: path == switch)
    assert "/etc/apparmor.d/bwrap" in said
    assert "userns," in said
    switch.write_text("0\n")
    assert "apparmor" not in remedy(Isolation(reason=REFUSED), exists=lambda path: path == switch)


def test_elsewhere_it_says_where_to_read() -> None:
    assert "containers/bubblewrap" in remedy(Isolation(mechanism="landlock", reason=REFUSED), exists=lambda _: False)
    assert remedy(Isolation(reason=""), exists=lambda _: False) == ""
