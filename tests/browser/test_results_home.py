"""What a task has made stands under its cell, and a click brings it into the user's kernel."""

from pathlib import Path

import pytest

from tests.browser.agent_cells import model, python, shown, wait_until_done, wait_until_shown
from tests.browser.jupyter import Notebook

pytestmark = [pytest.mark.browser, pytest.mark.integration]

MAKE = python(
    "import pandas as pd\nclean = pd.DataFrame({'a': [1, 2], 'b': ['<b>x</b>', 'y']})\n"
    "class Model: pass\nmodel = Model()\nname = 'A' * 3\nlimit = 5"
)


def test_a_click_brings_a_variable_into_the_users_kernel(notebook: Notebook, tmp_path: Path) -> None:
    notebook.open(
        model(MAKE, "Cleaned.", python("limit += 1"), "More."),
        "%%agent -m replay -o limit\nClean it.",
        "print(clean.shape, limit, clean['b'][0])",
        "%%agent -m replay\nMore.",
    )
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    wait_until_done(notebook, 1)
    wait_until_shown(notebook, 1, "clean · DataFrame 2 × 2; model · Model (stays there); name · str 3; limit · int")  # noqa: RUF001
    cell = notebook.cell(1)
    cell.get_by_role("button", name="Bring clean to my kernel").wait_for()
    notebook.page.screenshot(path=str(tmp_path / "buttons.png"))
    assert [button.inner_text() for button in cell.locator("button.jupyter-button").all()] == [
        "Bring clean to my kernel",
        "Bring name to my kernel",
    ], "what stays there has no button, nor has what came anyway"
    cell.get_by_role("button", name="Bring clean to my kernel").click()
    cell.get_by_role("button", name="clean is in my kernel").wait_for()
    wait_until_shown(notebook, 1, "`clean` is in this notebook now: DataFrame 2 × 2")  # noqa: RUF001
    notebook.run_cell(2)
    assert notebook.outputs(2)[-1]["text"] == "(2, 2) 5 <b>x</b>\n"

    notebook.run_cell(3, wait=False)
    wait_until_done(notebook, 3)
    notebook.cell(3).get_by_role("button", name="Bring limit to my kernel").wait_for()
    assert cell.get_by_role("button", name="Bring").count() == 0, "the next task may have changed what they bring"
    assert "`clean` is in this notebook now" in shown(notebook, 1)
    notebook.save()


def test_a_click_on_what_cannot_come_says_why_and_one_after_a_reset_what_to_do(notebook: Notebook) -> None:
    make = "class Model: pass\nmodels = [1, Model()]\nnames = ['a']"
    notebook.open(model(python(make), "Made."), "%%agent -m replay\nMake it.", "%agent reset")
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    cell = notebook.cell(1)
    cell.get_by_role("button", name="Bring models to my kernel").click(timeout=15_000)
    wait_until_shown(notebook, 1, "`models[1]` is a __main__.Model, which is more than data")
    notebook.run_cell(2)
    cell.get_by_role("button", name="Bring names to my kernel").click()
    wait_until_shown(notebook, 1, "it is of a session that has ended. %agent resume goes on with that")


def test_the_panel_tells_what_a_task_has_made_and_a_click_brings_it(notebook: Notebook) -> None:
    notebook.open(model(MAKE, "Cleaned."), "%agent panel", "print(clean.shape)", "%agent reset")
    notebook.run_cell(0)
    notebook.run_cell(1)
    panel = notebook.cell(1)
    task = panel.get_by_label("Task for the agent")
    task.fill("Clean it.")
    task.press("Enter")
    bring = panel.get_by_role("button", name="Bring clean to my kernel")
    bring.click(timeout=15_000)
    panel.get_by_text("`clean` is in this notebook now: DataFrame 2 × 2").first.wait_for()  # noqa: RUF001
    assert panel.get_by_role("button", name="Bring model to my kernel").count() == 0
    notebook.run_cell(2)
    assert notebook.outputs(2)[-1]["text"] == "(2, 2)\n"
    notebook.run_cell(3)
    bring.click()
    panel.get_by_text("it is of a session that has ended").first.wait_for()
