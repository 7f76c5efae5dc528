"""The token of a server is typed into a card, and is nowhere in the notebook; the panel says where its code runs."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.agent_cells import model, python, shown, wait_until_done
from tests.browser.jupyter import Notebook
from tests.support.jupyter_server import JupyterServer, jupyter_server

pytestmark = [pytest.mark.browser, pytest.mark.integration]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server for the code, beside the one of the notebook."""
    pytest.importorskip("websockets")
    with jupyter_server(tmp_path_factory.mktemp("elsewhere")) as server:
        yield server


def test_a_wrong_token_is_told_on_the_card_and_the_right_one_runs_the_task(
    notebook: Notebook, elsewhere: JupyterServer
) -> None:
    script = model(python("import os; print('in', os.getcwd())"), "There.")
    trust = f"%config CodeAgent.trusted_servers = '{elsewhere.url}'"
    notebook.open(f"{script}\n{trust}", f"%%agent -m replay --server {elsewhere.url}\nWhere?")
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    card = notebook.cell(1).get_by_role("region", name="The code is to run on")
    token = card.get_by_label("Token", exact=True)
    expect(token).to_have_attribute("type", "password")
    token.fill("wrong-0123456789abcdef")
    token.press("Enter")
    expect(card.get_by_text("is the token right")).to_be_visible()
    token.fill(elsewhere.token)
    card.get_by_role("button", name="Use this token").click()
    wait_until_done(notebook, 1, seconds=40)
    assert f"in {elsewhere.root}" in shown(notebook, 1)
    assert f"on {elsewhere.url}" in shown(notebook, 1)
    for where in (json.dumps(notebook.save()), json.dumps(notebook.cells())):
        assert elsewhere.token not in where
        assert "wrong-0123456789abcdef" not in where


def test_the_panels_head_says_where_the_code_runs_and_offers_nothing_that_cannot_be_done_there(
    notebook: Notebook, elsewhere: JupyterServer
) -> None:
    script = model(python("print(6 * 7)"), "42.")
    settings = [f"%config CodeAgent.{name} = '{elsewhere.url}'" for name in ("server", "trusted_servers")]
    notebook.open("\n".join([script, *settings]), "import codeagent_nb; codeagent_nb.panel('replay')")
    notebook.run_cell(0)
    notebook.run_cell(1)
    panel = notebook.cell(1).locator(".cagent")
    panel.get_by_label("Task for the agent").fill("What is it?")
    panel.get_by_label("Task for the agent").press("Enter")
    card = panel.get_by_role("region", name="The code is to run on")
    card.get_by_label("Token", exact=True).fill(elsewhere.token)
    card.get_by_role("button", name="Use this token").click()
    expect(panel.get_by_text("42.").first).to_be_visible(timeout=40_000)
    expect(panel.get_by_title("Where the code runs")).to_have_text(f"on {elsewhere.url.removeprefix('http://')}")
    expect(panel.get_by_role("button", name="Take back")).to_have_count(0)
