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
    before = set(notebook.server.root.iterdir())  # other tests have the same server
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
    new = {path.name for path in set(notebook.server.root.iterdir()) - before}
    assert new <= {".codeagent", ".ipynb_checkpoints"}, "nothing else appears beside the notebook"
    assert (notebook.server.root / ".codeagent").is_dir()
