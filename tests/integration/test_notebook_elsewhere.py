"""`%%agent` and `%agent` where the code runs on a Jupyter Server, in a notebook that a program executes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

from codeagent_nb.elsewhere.choice import SERVER, TOKEN, TRUSTED
from tests.integration.test_notebook_magic import EXECUTE, PATIENT, model, python, texts
from tests.support.jupyter_server import JupyterServer

pytestmark = pytest.mark.integration

Execute = Callable[..., Any]


@pytest.fixture
def execute(tmp_path: Path, server: JupyterServer) -> Execute:
    """Execute cells in a fresh kernel, which knows the server's token; give the notebook."""

    def run(*sources: str, **variables: str) -> Any:
        path = tmp_path / "study.ipynb"
        nbformat.write(v4.new_notebook(cells=[v4.new_code_cell(source) for source in [*sources, PATIENT]]), path)
        command = [sys.executable, "-c", EXECUTE, str(path), "all"]
        environment = {**os.environ, "JPY_SESSION_NAME": str(path), TOKEN: server.token, **variables}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=110
        )
        assert done.returncode == 0, done.stderr
        assert server.token not in path.read_text() + done.stdout + done.stderr
        return nbformat.read(path, as_version=4)

    return run


def test_a_cell_runs_on_a_trusted_server_with_a_variable_and_says_so(execute: Execute, server: JupyterServer) -> None:
    script = model(python("print('sum', df.a.sum(), __import__('os').getcwd())\nclean = df * 2"), "The sum is 3.")
    cell = f"%%agent -m replay --server {server.url} -i df -o clean\nAdd up."
    frame = "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})"
    notebook = execute(script, frame, cell, "clean.a.tolist()", "%agent status", **{TRUSTED: server.url})
    assert f"sum 3 {server.root}" in texts(notebook.cells[2])
    assert f"on {server.url}: what holds the code there" in texts(notebook.cells[2]), "the closing line"
    assert "[2, 4]" in texts(notebook.cells[3])
    assert f"on {server.url}" in " ".join(texts(notebook.cells[4]).split())


def test_code_waits_for_a_person_on_a_server_that_is_not_trusted(execute: Execute, server: JupyterServer) -> None:
    script = model(python("open('trace', 'w')"))
    cell = f"%%agent -m replay --server {server.url}\nDo it."
    notebook = execute(script, cell, **{TRUSTED: f"{server.url}/other"})
    assert "needs approval" in texts(notebook.cells[1])
    assert not (server.root / "trace").exists()


def test_tables_that_a_task_names_are_copied_to_a_server_only_when_asked_for(
    execute: Execute, server: JupyterServer
) -> None:
    script = model(python("print('df' in globals())"), "No.")
    frame = "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})"
    cell = f"%%agent -m replay --server {server.url}\nWhat is in df?"
    notebook = execute(script, frame, cell, **{TRUSTED: server.url})
    assert "False" in texts(notebook.cells[2])
    assert f"`df` was not copied to {server.url}" in texts(notebook.cells[2])


def test_what_cannot_be_done_there_is_refused_by_name(execute: Execute, server: JupyterServer) -> None:
    script = model(python("print(1)"), "One.")
    config = f"%config CodeAgent.server = '{server.url}/lab'\n%config CodeAgent.trusted_servers = '{server.url}'"
    commands = ["%agent undo", "%agent fork 1", "%agent verify", "%agent files", "%agent allow example.org"]
    cells = (script, config, "%%agent -m replay\nOne.", *commands, "import asyncio; await asyncio.sleep(1)")
    notebook = execute(*cells, **{TRUSTED: server.url})
    told = [" ".join(texts(cell).split()) for cell in notebook.cells[3:]]
    assert "undo, redo: kernels on a server have no checkpoints" in told[0]
    assert "resume, fork, --continue: " in told[1]
    assert f"verify: the code ran on {server.url}" in told[2]
    assert f"stay on {server.url}" in told[3]
    assert f"what code reaches on {server.url} is decided there" in told[4]


def test_a_token_in_an_address_is_refused_and_not_repeated(execute: Execute, server: JupyterServer) -> None:
    url = f"{server.url}/?token=planted-0123456789abcdef"
    notebook = execute("%load_ext codeagent_nb", f"%%agent --server {url}\nx", f"%config CodeAgent.server = '{url}'")
    for cell in notebook.cells[1:3]:
        assert "has a secret in it" in texts(cell)
        assert "planted-" not in texts(cell)


def test_without_a_token_it_is_said_how_to_give_one(execute: Execute, server: JupyterServer) -> None:
    cell = f"%%agent -m replay --server {server.url}\nx"
    notebook = execute(model("x"), cell, **{TOKEN: ""})
    assert f"wants a token, and nobody is there to type it: set the variable {TOKEN}" in texts(notebook.cells[1])
    for variables in ({SERVER: "http://127.0.0.1:9"}, {}):
        of_another = execute(model("x"), cell, **variables)
        assert "is for the server that CODEAGENT_SERVER names, and not for one that" in texts(of_another.cells[1])


def test_a_cell_without_a_server_goes_on_where_the_session_is_and_the_settings_bring_it_back(
    execute: Execute, server: JupyterServer
) -> None:
    script = model(
        python("kept = 1"), "Kept.", python("print('kept' in globals())"), "Yes.", python("print(2)"), "Two."
    )
    notebook = execute(
        script,
        f"%%agent -m replay --server {server.url}\nKeep.",
        "%%agent -m replay\nIs it there?",
        f"%config CodeAgent.server = '{server.url}'",
        "%%agent -m replay\nTwo.",
        **{TRUSTED: server.url},
    )
    assert "True" in texts(notebook.cells[2])
    assert f"on {server.url}" in texts(notebook.cells[4])
