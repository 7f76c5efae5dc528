"""A task is taken back: its cells in the notebook say so, and `z` in one of them offers it. In a real browser."""

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.agent_cells import model, python, shown, wait_until_shown
from tests.browser.jupyter import Notebook, one_app
from tests.browser.raw_page import apply, ask, attach, connect
from tests.support.page_changes import code, insert

pytestmark = [pytest.mark.browser, pytest.mark.integration]

ONE = (python("total = sum(range(10))\ntotal"), "The total is **45**.")
TWO = (python("table = {'a': [1, 2]}\nprint(table)"), "A table.")
FIRST, SECOND = "%%agent -m replay --cells\nAdd the numbers.", "%%agent -m replay --cells\nMake a table."
UNDO, REDO = "%agent undo", "%agent redo"
GONE = "Taken back: its variables are gone"
RAN_THERE = "Ran in the agent's kernel, not in yours"


def begin(notebook: Notebook, *cells: str) -> None:
    """Open a notebook with a task that is done: its code is cell 2, its answer cell 3; other cells are below."""
    notebook.open(model(*ONE, *TWO), FIRST, *cells)
    notebook.run_cell(0)
    notebook.run_cell(1)


def run(notebook: Notebook, source: str, says: str) -> None:
    """Run the cell with this source until it says something."""
    at = [cell["source"] for cell in notebook.cells()].index(source)
    notebook.run_cell(at)
    wait_until_shown(notebook, at, says)


def undo(notebook: Notebook) -> None:
    run(notebook, UNDO, "Took back the last task")


def redo(notebook: Notebook) -> None:
    run(notebook, REDO, "Took the last task again")


def marks(notebook: Notebook) -> list[str]:
    """The sources of the cells that bear the mark, in the notebook as it would be saved."""
    return [cell["source"] for cell in notebook.cells() if cell["metadata"].get("codeagent", {}).get("taken_back")]


def notes(notebook: Notebook) -> Locator:
    return notebook.page.locator(".jp-Cell > .codeagent-note")


def command(notebook: Notebook, name: str) -> None:
    notebook.do("return app.commands.execute(value).then(() => 1)", f"notebook:{name}")


def press_z(notebook: Notebook, index: int) -> None:
    """Select a cell as a click on its prompt does, and press the key."""
    notebook.do(
        "panel.content.activeCellIndex = value; panel.content.deselectAll(); panel.content.mode = 'command';"
        "app.shell.activateById(panel.id); panel.content.activate()",
        index,
    )
    notebook.page.wait_for_timeout(50)
    notebook.page.keyboard.press("z")


def offer(notebook: Notebook) -> Locator:
    return notebook.page.get_by_role("button", name="Take back", exact=True)


def test_cells_of_a_task_that_was_taken_back_say_so_until_it_is_taken_again(notebook: Notebook) -> None:
    begin(notebook, UNDO, REDO)
    before = notebook.cells()[2:4]
    undo(notebook)
    code, answer = notebook.cells()[2:4]
    assert marks(notebook) == [before[0]["source"], before[1]["source"]]
    assert (code["execution_count"], code["outputs"]) == (None, before[0]["outputs"]), "it does not look as if it ran"
    assert answer["source"] == "The total is **45**."
    expect(notes(notebook)).to_have_text([GONE, "Taken back"])
    redo(notebook)
    assert notebook.cells()[2:4] == before
    expect(notes(notebook)).to_have_text([RAN_THERE])


def test_undo_and_redo_of_cells_bring_them_as_their_task_stands(notebook: Notebook) -> None:
    begin(notebook, UNDO, REDO)
    undo(notebook)
    command(notebook, "undo-cell-action")
    assert [cell["source"] for cell in notebook.cells()][3] == UNDO, "undo takes the step back, and no mark"
    redo(notebook)
    command(notebook, "redo-cell-action")
    assert marks(notebook) == []
    assert notebook.cells()[2]["execution_count"] is None
    command(notebook, "undo-cell-action")
    command(notebook, "undo-cell-action")
    assert [cell["source"] for cell in notebook.cells()][2] == UNDO
    undo(notebook)
    command(notebook, "redo-cell-action")
    command(notebook, "redo-cell-action")
    assert len(marks(notebook)) == 2, "they went as those of a task that stood"
    expect(notes(notebook)).to_have_text([GONE, "Taken back"])


@one_app
def test_a_reload_keeps_the_mark_and_the_page_knows_the_task_again(notebook: Notebook) -> None:
    begin(notebook, UNDO, REDO)
    undo(notebook)
    notebook.save()
    notebook.reload()
    expect(notes(notebook)).to_have_text([GONE, "Taken back"])
    redo(notebook)
    assert marks(notebook) == []
    assert notebook.cells()[2]["execution_count"] is None
    notebook.save()
    notebook.reload()
    undo(notebook)
    assert len(marks(notebook)) == 2
    assert "stay as they are" not in str(notebook.cells())


@one_app
def test_cells_that_were_saved_before_their_task_was_taken_back_say_so_after_a_reload(notebook: Notebook) -> None:
    begin(notebook, UNDO, REDO)
    notebook.save()
    undo(notebook)
    notebook.do("panel.context.model.dirty = false")
    notebook.reload()
    expect(notes(notebook)).to_have_text([GONE, "Taken back"])
    assert len(marks(notebook)) == 2


@one_app
def test_without_the_page_that_has_the_cells_undo_says_that_they_are_not_marked(notebook: Notebook) -> None:
    begin(notebook, UNDO)
    notebook.save()
    notebook.page.evaluate("() => window.addEventListener('pagehide', () => sessionStorage.clear())")
    notebook.reload()
    run(notebook, UNDO, "Its cells in the notebook stay as they are")
    assert marks(notebook) == []


@one_app
@pytest.mark.parametrize("when", ["before", "after"])
def test_what_the_user_has_edited_or_run_is_the_users(notebook: Notebook, when: str) -> None:
    begin(notebook, UNDO, REDO)
    if when == "after":
        undo(notebook)
        assert len(marks(notebook)) == 2
    notebook.run_cell(2)
    notebook.do("panel.content.model.sharedModel.getCell(3).setSource('Mine.')")
    if when == "before":
        undo(notebook)
    assert marks(notebook) == []
    expect(notes(notebook)).to_have_count(0)
    ran = notebook.cells()[2]
    assert ran["outputs"][0]["data"]["text/plain"] == "45"
    redo(notebook)
    undo(notebook)
    assert (marks(notebook), notebook.cells()[2]) == ([], ran)


@one_app
def test_what_the_user_has_kept_is_the_users(notebook: Notebook) -> None:
    begin(notebook, UNDO)
    notebook.do("panel.content.activeCellIndex = 2")
    notebook.do("return app.commands.execute('codeagent-nb:keep-step').then(() => 1)")
    undo(notebook)
    assert marks(notebook) == ["The total is **45**."]
    assert notebook.cells()[2]["execution_count"] is None


@one_app
def test_a_task_from_the_panel_marks_its_cells_too(notebook: Notebook) -> None:
    panel = "import codeagent_nb\ncodeagent_nb.panel('replay')"
    notebook.open(f"{model(*ONE)}\n%config CodeAgent.cells = True", UNDO, panel)
    notebook.run_cell(0)
    notebook.run_cell(2)
    field = notebook.cell(2).get_by_label("Task for the agent")
    field.fill("Add the numbers.")
    field.press("Enter")
    expect(notebook.page.locator(".cagent")).to_have_attribute("data-state", "done")
    notebook.wait_idle()
    undo(notebook)
    assert len(marks(notebook)) == 3, "the task stands above its cells"


def test_z_offers_to_take_the_last_task_back_with_its_variables(notebook: Notebook) -> None:
    begin(notebook, SECOND, "%agent status")
    notebook.run_cell(4)
    before = [cell["source"] for cell in notebook.cells()]
    press_z(notebook, 6)
    toast = notebook.page.locator(".jp-toast-message")
    expect(toast).to_have_text("Take back the whole task, with its variables? “Make a table.”")
    assert [cell["source"] for cell in notebook.cells()] == [*before[:6], *before[7:]], "the usual undo is done"
    assert "Took back" not in str(notebook.outputs(4)), "it is only offered"
    offer(notebook).click()
    said = "Took back the last task: Make a table. Its variables are as before it."
    expect(toast.filter(has_text=said)).to_be_visible()
    wait_until_shown(notebook, 4, "Took back the last task: Make a table.")
    assert marks(notebook) == [before[5]]
    run(notebook, "%agent status", "total (int)")
    assert "table" not in shown(notebook, 6)


COUNTS = """
written = get_ipython().magics_manager.registry['AgentMagics'].commands.agent_of_notebook.written
answers, answer = [], written._answer
async def noted(comm, asked):
    await answer(comm, asked)
    answers.append(asked["do"])
written._answer = noted
"""


@one_app
def test_z_offers_nothing_but_the_last_task_that_stands(notebook: Notebook) -> None:
    begin(notebook, SECOND, UNDO, "mine = 1")
    notebook.run_cell(4)
    notebook.execute(COUNTS)
    press_z(notebook, 2)
    notebook.wait_for_value("answers == ['look']")
    press_z(notebook, 0)
    press_z(notebook, len(notebook.cells()) - 1)
    for _ in range(3):
        command(notebook, "redo-cell-action")
    undo(notebook)
    press_z(notebook, 5)
    notebook.wait_for_value("answers == ['look', 'look']")
    notebook.page.wait_for_timeout(300)
    expect(offer(notebook)).to_have_count(0)


@one_app
def test_an_offer_that_comes_too_late_takes_nothing_back(notebook: Notebook) -> None:
    begin(notebook, SECOND, "%agent status")
    press_z(notebook, 3)
    offer(notebook).wait_for()
    notebook.run_cell(3)
    notebook.wait_idle()
    offer(notebook).click()
    said = notebook.page.locator(".jp-toast-message").filter(has_text="This is not the last task any more")
    expect(said).to_be_visible()
    assert "Took back" not in str(notebook.cells())
    assert marks(notebook) == []


@one_app
def test_no_token_no_mark(notebook: Notebook) -> None:
    """Code in the notebook's kernel can speak to the page; which task is meant it has to know."""
    begin(notebook, UNDO, REDO, "1")
    anchor = attach(notebook, 6)
    for token in ("page.token", "'0' * 32", "''", "None", "1"):
        turned = f"ask({{'op': 'turn', 'token': {token}, 'taken_back': True}})"
        assert ask(notebook, turned)["ok"] is False, token
    cell = f"{{'cell': {anchor!r}, 'step': 1, 'taken_back': True}}"
    made = f"{{'id': 'c', 'cell_type': 'code', 'source': '1', 'metadata': {{'codeagent': {cell}}}}}"
    insert = f"{{'do': 'insert', 'after': [{anchor!r}], 'cells': [{made}], 'undo': 'a'}}"
    assert "unknown key" in ask(notebook, f"apply({insert})")["error"]
    assert marks(notebook) == []


HOSTILE = """
from comm import get_comm_manager
said = "<img src=x onerror='document.title = 1'><b>bold</b>" + "x" * 5000
def hostile(comm, message):
    comm.send({"ok": True, "task": said, "said": said})
get_comm_manager().register_target("codeagent_cells", hostile)
"""


@one_app
def test_what_a_kernel_says_to_an_offer_is_shown_as_text(notebook: Notebook) -> None:
    anchor = connect(notebook)
    notebook.execute(HOSTILE)
    apply(notebook, insert([anchor], code("c", "5")))
    press_z(notebook, 1)
    toast = notebook.page.locator(".jp-toast-message")
    expect(toast).to_contain_text("<img src=x")
    assert notebook.page.locator(".Toastify img, .Toastify b").count() == 0
    assert len(toast.inner_text()) < 200
    assert notebook.page.title() != "1"
