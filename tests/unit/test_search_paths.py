"""Where programs and modules are looked for: never where executed code leaves its files."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernel_executor.containers.probing import Programs, programs_in
from kernel_executor.processes import own_python, programs
from kernel_executor.sandbox.bubblewrap_start import command, own_environment
from kernel_executor.sandbox.environment import kernel_environment
from kernel_executor.search_paths import (
    absolute_parts,
    distrust,
    drop_relative_parts,
    for_helpers,
    is_safe,
    trust_again,
    with_absolute_parts,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, as that of a notebook."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def work_folder(tmp_path: Path) -> Iterator[Path]:
    distrust(tmp_path)
    yield tmp_path
    trust_again(tmp_path)


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize("value", [":/usr/bin", "/usr/bin:", ".:/usr/bin", "bin:/usr/bin:./x", "/usr/bin::"])
def test_an_empty_or_relative_part_is_dropped(value: str) -> None:
    assert absolute_parts(value) == "/usr/bin"


@pytest.mark.parametrize("name", ["PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "LD_PRELOAD"])
def test_no_search_path_of_ours_has_such_a_part(name: str) -> None:
    host = {name: "/opt/x:", "LANG": "C", "TZ": ":Europe/Berlin"}
    assert with_absolute_parts(host) == {name: "/opt/x", "LANG": "C", "TZ": ":Europe/Berlin"}
    assert for_helpers(host) == {name: "/opt/x", "LANG": "C", "TZ": ":Europe/Berlin"}
    assert with_absolute_parts({name: ":"}) == {}
    drop_relative_parts(host)
    assert host[name] == "/opt/x"


def test_the_environment_of_code_has_none_either_but_what_the_user_says() -> None:
    host = {"PATH": ":/bin", "LD_LIBRARY_PATH": "lib:/opt/lib", "PYTHONPATH": ""}
    assert kernel_environment(host, {}, home=None) == {"PATH": "/bin", "LD_LIBRARY_PATH": "/opt/lib"}
    assert kernel_environment(host, {"PYTHONPATH": "src"}, home=None)["PYTHONPATH"] == "src"


def test_the_current_folder_is_not_safe_by_any_name(folder: Path) -> None:
    (folder.parent / "link").symlink_to(folder)
    for name in ("", ".", "x", str(folder), f"{folder}/", f"{folder}/../{folder.name}", str(folder.parent / "link")):
        assert not is_safe(name), name
    assert is_safe(str(folder / "lib")), "the home folder is often the current one, and holds programs of the user"


def test_a_work_folder_is_not_safe_with_all_that_is_in_it(work_folder: Path) -> None:
    assert not is_safe(str(work_folder))
    assert not is_safe(str(work_folder / "src"))
    assert is_safe(f"{work_folder}x")
    distrust(work_folder)
    trust_again(work_folder)
    assert not is_safe(str(work_folder)), "another executor works there, too"


def test_an_environment_in_the_work_folder_is_safe(work_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.prefix", str(work_folder / ".venv"))
    assert is_safe(str(work_folder / ".venv/lib/python3.11/site-packages"))


@pytest.mark.parametrize("path", ["/usr/bin", ".:/usr/bin", ":/usr/bin", "/usr/bin:", "{folder}:/usr/bin"])
def test_a_planted_program_is_not_found(folder: Path, path: str) -> None:
    program(folder / "sh")
    assert programs.find("sh", path.format(folder=folder)) == "/usr/bin/sh"


@pytest.mark.parametrize("path", ["", ":", ".", "{folder}"])
def test_where_nothing_can_be_trusted_nothing_is_found(folder: Path, path: str) -> None:
    program(folder / "sh")
    assert programs.find("sh", path.format(folder=folder)) is None


def test_a_program_is_found_by_its_absolute_path_only(folder: Path) -> None:
    program(folder / "tool")
    assert programs.find("./tool") is None
    assert programs.find(str(folder / "tool")) == str(folder / "tool"), "a kernelspec may say so"


def test_bubblewrap_itself_gets_nothing_that_the_loader_obeys() -> None:
    variables = {"LANG": "C", "LD_LIBRARY_PATH": "/opt/lib", "LD_PRELOAD": "/x.so", "GCONV_PATH": "/x"}
    assert own_environment(variables) == {"LANG": "C"}
    inner = command("/usr/bin/bwrap", ["true"], variables, {7: ("--seccomp",), 8: ("--file", "/etc/hosts")})
    assert inner[1:6] == ["--seccomp", "7", "--file", "8", "/etc/hosts"]
    assert inner[6:9] == ["--setenv", "LD_LIBRARY_PATH", "/opt/lib"]
    assert inner[-1] == "true"


def test_a_helper_of_ours_is_isolated_and_finds_what_we_find(folder: Path) -> None:
    assert str(folder) not in own_python.module_path()
    assert [part for part in own_python.module_path() if "site-packages" in part]
    assert own_python.module_command("pip", ["--version"])[1:3] == ["-I", "-c"]
    assert os.pathsep not in own_python.module_path()


@pytest.mark.parametrize("output", ["", "/usr/bin/python3\n"])
def test_a_container_whose_answer_is_lost_in_part_has_not_said_which_programs_it_has(output: str) -> None:
    assert programs_in(output) is None


def test_a_path_in_a_container_may_hold_blanks() -> None:
    assert programs_in("/opt/my python/bin/python3\n/bin/bash\n") == Programs("/opt/my python/bin/python3", "/bin/bash")
