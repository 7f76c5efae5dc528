"""The version is that of the installed distribution, read when somebody asks."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import codeagent_nb
import kernel_executor

VERSION = importlib.metadata.version("codeagent-nb")


def python(*arguments: str, folder: Path | None = None) -> str:
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, check=True, text=True, encoding="utf-8"
    ).stdout


def test_both_packages_have_the_version_of_the_distribution() -> None:
    assert codeagent_nb.__version__ == kernel_executor.__version__ == VERSION


@pytest.mark.parametrize("package", ["codeagent_nb", "kernel_executor"])
def test_importing_a_package_does_not_look_for_its_version(package: str) -> None:
    code = f"import sys, {package}; print('importlib.metadata' in sys.modules)"
    assert python("-c", code) == "False\n"


def test_the_command_line_prints_it() -> None:
    assert python("-m", "codeagent_nb", "--version") == f"codeagent-nb {VERSION}\n"


@pytest.mark.parametrize("package", ["codeagent_nb", "kernel_executor"])
def test_a_distribution_in_the_current_folder_does_not_say_it(tmp_path: Path, package: str) -> None:
    info = tmp_path / "codeagent_nb-99.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: codeagent-nb\nVersion: 99\n")
    code = f"import {package}; print({package}.__version__)"
    assert python("-c", code, folder=tmp_path) == f"{VERSION}\n"
