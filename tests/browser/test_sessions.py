"""A session goes on in a real browser: after the restart of the kernel, and in the panel."""

import pytest

from tests.browser.agent_cells import model, python, shown, wait_until_done, wait_until_shown
from tests.browser.jupyter import Notebook

pytestmark = [pytest.mark.browser, pytest.mark.integration]


def test_after_a_restart_the_notebook_offers_its_session_and_it_goes_on(notebook: Notebook) -> None:
    look = python("print('rows:', len(clean))")
    notebook.open(
        model(python("clean = [1, 2, 3]"), "Cleaned.", name="first"),
        "%%agent -m first\nClean it.",
        model(look, "Three.", name="second"),
        "%agent resume",
        "%%agent -m second\nHow many rows are there now?",
        "%agent sessions",
    )
    notebook.run_cell(0)
    notebook.run_cell(1)
    wait_until_done(notebook, 1)
    notebook.restart()
    notebook.run_cell(2)
    assert "An earlier session of this notebook is here" in shown(notebook, 2)
    assert "%agent resume goes on with it" in shown(notebook, 2)
    notebook.run_cell(3, wait=False)
    wait_until_shown(notebook, 3, "1 cell of code ran again.", seconds=40)
    notebook.run_cell(4)
    wait_until_done(notebook, 4)
    assert "rows: 3" in shown(notebook, 4)
    notebook.run_cell(5)
    assert "How many rows are there now?" in shown(notebook, 5)
    assert "2 tasks" in shown(notebook, 5)
    beside = {path.name for path in notebook.server.root.iterdir() if path.suffix != ".ipynb"}
    assert beside - {".ipynb_checkpoints"} == {".codeagent"}
