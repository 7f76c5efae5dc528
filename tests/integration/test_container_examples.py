"""AutoGen's examples with Docker, in docs/examples: they run as written there but for the import lines.

None may be called docker.py: it would be what `import docker` finds.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.scripted_server import bare_environment

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

pytestmark = pytest.mark.integration

NOTING = """
import json, runpy, sys
from docker.api.client import APIClient

create = APIClient.create_container_from_config

def note(self, config, *rest):
    with open("asked.json", "w") as file:
        json.dump(config, file)
    return create(self, config, *rest)

APIClient.create_container_from_config = note
runpy.run_path(sys.argv[1], run_name="__main__")
"""
"""Runs an example and notes what the engine is asked for."""


def run(command: list[str], folder: Path, said: str = "") -> list[str]:
    """Run an example in an empty folder; give the lines it prints."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**bare_environment(folder), "DOCKER_HOST": os.environ["DOCKER_HOST"]},
        input=said,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(("answer", "result"), [("y", "Hello world"), ("what?\nno", "Denied by user")])
def test_a_person_agrees_to_code_in_a_container(engine: str, tmp_path: Path, answer: str, result: str) -> None:
    lines = run([str(EXAMPLES / "docker_container.py")], tmp_path, f"{answer}\n")
    assert lines[0] == "Code execution approval requested:"
    assert "print('Hello world')" in lines
    assert result in lines[-1]
    assert (tmp_path / "coding").is_dir()


def test_code_in_a_container_gets_the_gpus(engine: str, tmp_path: Path) -> None:
    """There is no GPU here, and podman ignores the request: what is seen is that it is made."""
    lines = run(["-c", NOTING, str(EXAMPLES / "docker_gpu.py")], tmp_path)
    assert "nvidia-smi" in lines[-1]
    (request,) = json.loads((tmp_path / "asked.json").read_text())["HostConfig"]["DeviceRequests"]
    assert (request["Count"], request["Capabilities"]) == (-1, [["gpu"]])
