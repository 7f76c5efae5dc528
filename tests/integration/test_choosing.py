"""Which executor is chosen, by name or as the best that works here, and that each says what holds it."""

import warnings
from pathlib import Path

import nbformat
import pytest

from kernel_executor import (
    CodeBlock,
    DockerCommandLineCodeExecutor,
    KernelCodeExecutor,
    LocalCommandLineCodeExecutor,
    ManagedExecutor,
    create_code_executor,
    create_default_code_executor,
)
from kernel_executor.sandbox import landlock
from tests.containers import KERNEL_IMAGE, SCRIPTS_IMAGE
from tests.integration.scripted_server import Serve
from tests.support.as_on_macos import on_macos
from tests.support.command_line import python, run

pytestmark = pytest.mark.integration

CLASSES = {
    "kernel": KernelCodeExecutor,
    "local": LocalCommandLineCodeExecutor,
    "docker": DockerCommandLineCodeExecutor,
}


@pytest.mark.parametrize("name", CLASSES)
def test_each_has_a_name(name: str) -> None:
    assert type(create_code_executor(name)) is CLASSES[name]  # type: ignore[arg-type]


def test_a_container_takes_an_image() -> None:
    executor = create_code_executor("docker", image="mine")
    assert isinstance(executor, DockerCommandLineCodeExecutor)
    assert executor.settings.image == "mine"


async def holds(executor: ManagedExecutor) -> str:
    async with executor:
        assert (await executor.execute_code_blocks([CodeBlock("print(1)")])).output == "1"
        return executor.isolation.summary


async def test_the_default_is_a_sandboxed_kernel_where_bubblewrap_works(bubblewrap: None, tmp_path: Path) -> None:
    executor = create_default_code_executor(tmp_path)
    assert isinstance(executor, KernelCodeExecutor)
    assert (await holds(executor)).startswith("sandboxed by bubblewrap: no network")


@pytest.fixture
def no_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on an older Linux."""
    monkeypatch.setattr(landlock, "LEAST_ABI", 99)


async def test_without_bubblewrap_it_is_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    executor = create_default_code_executor()
    assert isinstance(executor, KernelCodeExecutor)
    assert (await holds(executor)).startswith("sandboxed by landlock: no network")


async def test_without_either_it_is_a_container(
    engine: str, no_landlock: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    executor = create_default_code_executor()
    assert isinstance(executor, DockerCommandLineCodeExecutor)
    assert (await holds(executor)).startswith(("sandboxed by docker: no network", "sandboxed by podman: no network"))


async def test_without_any_it_is_a_bare_kernel_with_a_warning(
    no_landlock: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with pytest.warns(
        UserWarning,
        match="without a sandbox.*bubblewrap is not installed.*Landlock is too old.*no container engine answers",
    ):
        executor = create_default_code_executor()
    assert isinstance(executor, KernelCodeExecutor)
    assert (await holds(executor)).startswith("NOT sandboxed")


HOLDS = """
import asyncio, sys
import kernel_executor
from kernel_executor import CodeBlock
async def main():
    async with getattr(kernel_executor, sys.argv[2])(*sys.argv[3:]) as executor:
        print(executor.isolation.summary)
        print((await executor.execute_code_blocks([CodeBlock("print(6 * 7)")])).output)
asyncio.run(main())
"""


def test_on_macos_a_kernel_is_bare_and_says_so() -> None:
    said, output = on_macos(HOLDS, "KernelCodeExecutor")
    assert said.startswith("NOT sandboxed: bubblewrap and Landlock hold code on Linux only, and this is macOS")
    assert output == "42"


@pytest.mark.parametrize("image", [KERNEL_IMAGE, SCRIPTS_IMAGE])
def test_on_macos_a_container_holds_code(engine: str, image: str) -> None:
    """It was looked at in our own /proc, and a stage could not be made without `O_PATH`."""
    said, output = on_macos(HOLDS, "DockerCommandLineCodeExecutor", image)
    assert said.startswith(("sandboxed by docker: no network", "sandboxed by podman: no network"))
    assert output == "42"


def test_nothing_is_warned_of_where_something_holds_the_code(bubblewrap: None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        create_default_code_executor()


def test_on_the_command_line_scripts_solve_a_task(serve: Serve, tmp_path: Path) -> None:
    server = serve(python("print(6 * 7)"), "It is 42.")
    done = run(
        "run", "x", "--executor", "local", "--yes", "--out", "a.ipynb", env=server.environment(tmp_path), cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Each block is a script of its own" in server.requests[0]["messages"][0]["content"]
    nbformat.validate(nbformat.read(tmp_path / "a.ipynb", as_version=4))


def test_on_the_command_line_a_container_says_what_holds_it(serve: Serve, tmp_path: Path, engine: str) -> None:
    server = serve(python("print(6 * 7)"), "It is 42.")
    environment = {**server.environment(tmp_path), "DOCKER_HOST": engine}
    options = ("--executor", "docker", "--image", KERNEL_IMAGE, "--out", "a.ipynb")
    done = run("run", "x", *options, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    notebook = nbformat.read(tmp_path / "a.ipynb", as_version=4)
    (facts,) = notebook.metadata["codeagent"]["runs"]
    assert "no network" in facts["isolation"]


def test_an_image_without_a_container_is_an_error(serve: Serve, tmp_path: Path) -> None:
    done = run("run", "x", "--image", "mine", env=serve().environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert "--image" in done.stderr
