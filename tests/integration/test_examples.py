"""AutoGen's own examples, in docs/examples: they run as written there but for the import lines."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.scripted_server import Serve, bare_environment

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

pytestmark = pytest.mark.integration

CODE = "I write it.\n\n```python\nprint('Hello World!')\n```"


def run(name: str, folder: Path, environment: dict[str, str]) -> list[str]:
    """Run an example in an empty folder; give the lines it prints."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_an_agent_runs_the_code_it_is_given(tmp_path: Path) -> None:
    assert run("given_code.py", tmp_path, bare_environment(tmp_path)) == ["Hello world"]
    assert (tmp_path / "coding").is_dir()


def test_a_coder_and_an_executor_solve_a_task(tmp_path: Path, serve: Serve) -> None:
    server = serve(CODE, "It has printed it. TERMINATE")
    assert run("team.py", tmp_path, server.environment(tmp_path)) == [
        "---------- TextMessage (user) ----------",
        "Write python code to print Hello World!",
        "---------- TextMessage (coder_agent) ----------",
        *CODE.splitlines(),
        "---------- TextMessage (code_executor_agent) ----------",
        "Hello World!",
        "---------- TextMessage (coder_agent) ----------",
        "It has printed it. TERMINATE",
    ]


def test_one_agent_writes_runs_and_explains(tmp_path: Path, serve: Serve) -> None:
    server = serve(CODE, "It has printed Hello World!")
    lines = run("single_agent.py", tmp_path, server.environment(tmp_path))
    assert [line for line in lines if line.startswith("-----")] == [
        "---------- TextMessage (user) ----------",
        "---------- CodeGenerationEvent (code_executor_agent) ----------",
        "---------- CodeExecutionEvent (code_executor_agent) ----------",
        "---------- TextMessage (code_executor_agent) ----------",
    ]
    assert lines[-1] == "It has printed Hello World!"
