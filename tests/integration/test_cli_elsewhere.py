"""The command line with `--server`: a real Jupyter Server, a scripted model."""

import json
from pathlib import Path

import nbformat
import pytest

from codeagent_nb.elsewhere.choice import SERVER, TOKEN, TRUSTED
from kernel_executor import CodeBlock, RemoteKernelExecutor
from tests.integration.scripted_server import Serve, bare_environment
from tests.support.command_line import python, run
from tests.support.jupyter_server import JupyterServer

pytestmark = pytest.mark.integration


def test_a_task_runs_on_a_trusted_server(serve: Serve, tmp_path: Path, server: JupyterServer) -> None:
    model = serve(python("import os; print('in', os.getcwd())"), "It is there.")
    env = {**model.environment(tmp_path), TOKEN: server.token, TRUSTED: server.url}
    done = run("run", "Where?", "--server", server.url, "--out", "a.ipynb", env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"in {server.root}" in done.stdout
    assert f"on {server.url}: what holds the code there cannot be seen from here" in done.stdout.replace("\n", " ")
    assert f"The code runs on {server.url} without being shown first." in done.stdout.replace("\n", " ")
    assert f"verify: the code ran on {server.url}".lower() in done.stdout.replace("\n", " ").lower()
    notebook = nbformat.read(tmp_path / "a.ipynb", as_version=4)
    nbformat.validate(notebook)
    saved = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".pyc")
    assert server.token not in saved + done.stdout + done.stderr + json.dumps(model.requests)
    assert server.kernels() == [], "the kernel was ended"


def test_the_server_of_the_environment_is_taken(serve: Serve, tmp_path: Path, server: JupyterServer) -> None:
    model = serve(python("print(1)"), "One.")
    env = {**model.environment(tmp_path), TOKEN: server.token, SERVER: f"{server.url}/lab"}
    done = run("run", "One.", "--yes", "--out", "a.ipynb", env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"on {server.url}" in done.stdout


def test_code_is_refused_where_nobody_can_be_asked(serve: Serve, tmp_path: Path, server: JupyterServer) -> None:
    model = serve(python("open('trace', 'w')"))
    env = {**model.environment(tmp_path), TOKEN: server.token}
    done = run("run", "x", "--server", server.url, "--out", "a.ipynb", env=env, cwd=tmp_path)
    assert done.returncode == 3
    assert f"on {server.url}" in done.stderr.replace("\n", " ")
    assert not (server.root / "trace").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--continue", "a"), "runs again in a sandbox only"),
        (("--sandbox", "none"), "does not apply to --server"),
        (("--network", "all"), "does not apply to --server"),
        (("--limits", "memory=1GB"), "does not apply to --server"),
        (("--executor", "local"), "does not apply to --server"),
    ],
)
def test_what_cannot_be_had_on_a_server_is_refused_by_name(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = run("run", "x", "--server", "http://127.0.0.1:9", *arguments, env=bare_environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.parametrize("command", [("run", "x"), ("kernels",), ("doctor",)])
def test_a_token_in_the_address_is_refused_and_not_repeated(tmp_path: Path, command: tuple[str, ...]) -> None:
    url = "http://127.0.0.1:9/lab?token=planted-0123456789abcdef"
    done = run(*command, "--server", url, env=bare_environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert TOKEN in done.stderr
    assert "planted-" not in done.stdout + done.stderr


async def test_kernels_are_listed_and_one_of_them_is_used(serve: Serve, tmp_path: Path, server: JupyterServer) -> None:
    model = serve(python("print('kept', kept)"), "Seven.")
    env = {**model.environment(tmp_path), TOKEN: server.token, "COLUMNS": "200"}
    async with RemoteKernelExecutor(server=server.url, token=server.token) as mine:
        await mine.execute_code_blocks([CodeBlock("kept = 7")])
        listed = run("kernels", "--server", server.url, env=env, cwd=tmp_path)
        assert listed.returncode == 0, listed.stderr
        for told in (mine.kernel_id, "python3", "idle", "20"):
            assert told in listed.stdout
        arguments = ("--server", server.url, "--kernel", mine.kernel_id, "--yes", "--out", "a.ipynb")
        done = run("run", "x", *arguments, env=env, cwd=tmp_path)
        assert "kept 7" in done.stdout, done.stdout + done.stderr
        assert mine.kernel_id in server.kernels()


def test_the_doctor_looks_at_a_server(tmp_path: Path, server: JupyterServer) -> None:
    env = {**bare_environment(tmp_path), TOKEN: server.token, "COLUMNS": "200"}
    done = run("doctor", "--server", server.url, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for told in ("answers, version 2.", "python3 (python)", "started in", "processors", "of memory", "code is shown"):
        assert told in done.stdout
    assert server.kernels() == []


def test_the_doctor_says_what_is_wrong_with_a_server(tmp_path: Path, server: JupyterServer) -> None:
    env = {**bare_environment(tmp_path), "COLUMNS": "200"}
    for url, token, told in (
        (server.url, "wrong-0123456789", "is the token right"),
        (server.url, "", "wants a token, and nobody is there"),
        ("http://127.0.0.1:9", "x", "cannot be reached"),
    ):
        done = run("doctor", "--server", url, env={**env, TOKEN: token}, cwd=tmp_path)
        assert done.returncode == 1
        assert told in done.stdout
        assert "wrong-0123456789" not in done.stdout + done.stderr
