"""AutoGen's own tests of its `JupyterCodeExecutor`, unmodified, on ours in its place. They come from PyPI."""

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

pytest.importorskip("autogen_core", reason="needs AutoGen: pip install autogen-core==0.7.5")

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

TESTS = "autogen_ext-0.7.5/tests/code_executors/test_jupyter_code_executor.py"
IN_ITS_PLACE = """
import sys
import kernel_executor.autogen
sys.modules["autogen_ext.code_executors.jupyter"] = kernel_executor.autogen
"""


def python(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=280)


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    """A folder with the tests; skips where they cannot be downloaded."""
    options = [
        "--no-deps",
        "--no-binary=:all:",
        "--no-build-isolation",
        "--no-cache-dir",
        "--timeout=15",
        "--retries=1",
    ]
    done = python("pip", "download", "autogen_ext==0.7.5", *options, folder=tmp_path)
    if done.returncode:
        pytest.skip(f"cannot download autogen_ext: {done.stderr.strip().splitlines()[-1]}")
    (tmp_path / "tests").mkdir()
    with tarfile.open(tmp_path / "autogen_ext-0.7.5.tar.gz") as archive:
        source = archive.extractfile(TESTS)
        assert source
        (tmp_path / "tests" / Path(TESTS).name).write_bytes(source.read())
    (tmp_path / "tests" / "conftest.py").write_text(IN_ITS_PLACE)
    (tmp_path / "tests" / "pytest.ini").write_text("[pytest]\n")
    return tmp_path / "tests"


def test_the_fourteen_tests_pass(upstream: Path) -> None:
    done = python("pytest", "-q", "-p", "no:cacheprovider", folder=upstream)
    assert " 14 passed in " in f" {done.stdout.strip().splitlines()[-1]}", done.stdout + done.stderr
