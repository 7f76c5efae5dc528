"""In a real browser: whose kernel made an output is seen, and what the user keeps and runs is the user's own."""

from typing import Any

import pytest

from tests.browser.agent_cells import (
    AGAIN,
    model,
    python,
    run_button,
    shown,
    wait_until_done,
    wait_until_shown,
)
from tests.browser.jupyter import Notebook, one_app
from tests.browser.test_cells_of_a_run import (
    command,
    edit,
    forgive_jupyter,
    kinds,
    made,
    restart_and_run_all,
    sources,
    valid,
    wait_for,
)

pytestmark = [pytest.mark.browser, pytest.mark.integration]

TASK = "%%agent -m replay\nDo it."
CLEAN = [python("clean = list(range(333))\nlen(clean)"), "There are 333."]
NOTE = "Ran in the agent's kernel, not in yours"


def keep_and_run(notebook: Notebook, index: int) -> None:
    notebook.do("panel.content.activeCellIndex = value; panel.content.deselectAll()", index)
    command(notebook, "codeagent-nb:keep-and-run-step")


def marks(notebook: Notebook) -> list[str]:
    """What the page says of whose cells are: the words on them, and `line` where there is but the line."""
    cells = [notebook.cell(index) for index in range(len(notebook.cells()))]
    marked = [cell for cell in cells if "codeagent-generated" in (cell.get_attribute("class") or "")]
    notes = [cell.locator("> .codeagent-note") for cell in marked]
    return [note.inner_text() if note.count() else "line" for note in notes]


def test_cells_are_the_default_and_say_whose_kernel_ran_them_until_they_are_kept_and_run(notebook: Notebook) -> None:
    notebook.open(model(*CLEAN, cells=True), TASK, "len(clean) + 1", AGAIN)
    notebook.run_cell(0)
    notebook.run_cell(1)
    wait_until_done(notebook, 1)
    assert kinds(notebook) == ["code", "reflection"]
    code = made(notebook)[0]
    assert (code["execution_count"], code["outputs"][0]["execution_count"]) == (None, None)
    assert notebook.cell(2).locator(".jp-InputPrompt").inner_text() == "[ ]:"
    assert notebook.cell(2).locator(".jp-OutputPrompt").inner_text() == ""
    assert marks(notebook) == [NOTE, "line"]
    notebook.run_cell(4)
    assert notebook.outputs(4)[0]["ename"] == "NameError", "as it says"
    notebook.do("panel.content.activeCellIndex = value; panel.content.deselectAll()", 2)
    notebook.cell(2).get_by_role("button", name="Keep and run").click()
    notebook.page.get_by_text("your own kernel").first.wait_for()
    wait_for(notebook, lambda: made(notebook)[0]["execution_count"] is not None)
    assert marks(notebook) == ["line"]
    notebook.run_cell(4)
    assert notebook.outputs(4)[0]["data"]["text/plain"] == "334"
    assert notebook.outputs(2)[0]["data"]["text/plain"] == "333"
    valid(notebook.save())
    notebook.reload()
    assert marks(notebook) == ["line"]


def test_a_cell_that_is_kept_still_says_where_it_ran(notebook: Notebook) -> None:
    notebook.open(model(*CLEAN, cells=True), TASK, AGAIN)
    notebook.run_cell(0)
    notebook.run_cell(1)
    notebook.do("panel.content.activeCellIndex = 2; panel.content.deselectAll()")
    command(notebook, "codeagent-nb:keep-step")
    assert marks(notebook) == ["line"]
    assert notebook.cell(2).locator("> .codeagent-note").inner_text() == NOTE
    notebook.run_cell(2)
    assert notebook.cell(2).locator("> .codeagent-note").count() == 0


def test_code_of_earlier_steps_runs_before_that_of_a_step(notebook: Notebook) -> None:
    replies = ["```python\na = 20\n```\n```python\nb = a + 1\n```", "Done."]
    notebook.open(model(*replies, cells=True), TASK, "a + b")
    notebook.run_cell(0)
    notebook.run_cell(1)
    assert kinds(notebook) == ["code", "code", "reflection"]
    keep_and_run(notebook, 4)
    wait_for(notebook, lambda: made(notebook)[1]["execution_count"] is not None)
    assert marks(notebook) == []
    notebook.run_cell(5)
    assert notebook.outputs(5)[0]["data"]["text/plain"] == "41"


def without_outputs_of_the_task(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**cell, "outputs": []} if cell["source"] == TASK else cell for cell in cells]


@pytest.mark.parametrize("is_kept", [False, True])
def test_running_all_twice_and_thrice_gives_the_same_notebook_without_marks(
    notebook: Notebook, *, is_kept: bool
) -> None:
    notebook.open(model(python("print(oops)"), *CLEAN, cells=True), TASK, AGAIN)
    notebook.wait_until_settled()
    restart_and_run_all(notebook)
    assert kinds(notebook) == ["quoted", "note", "code", "reflection"]
    assert NOTE in marks(notebook)
    if is_kept:
        keep_and_run(notebook, 5)
        wait_for(notebook, lambda: made(notebook)[2]["execution_count"] is not None)
    first = [cell["source"] for cell in notebook.cells()]
    second = without_outputs_of_the_task(restart_and_run_all(notebook))
    assert [cell["source"] for cell in second] == first
    assert marks(notebook) == []
    code = made(notebook)[2]
    assert (code["execution_count"], code["outputs"][0]["data"]["text/plain"]) == (3, "333")
    assert notebook.value("len(clean)") == 333
    for _ in range(2):
        assert without_outputs_of_the_task(restart_and_run_all(notebook)) == second
        assert marks(notebook) == []
    valid(notebook.save())
    forgive_jupyter(notebook)


def is_asked(notebook: Notebook) -> bool:
    return [cell["metadata"].get("codeagent", {}).get("status") for cell in made(notebook)] == ["waiting"]


def test_what_is_approved_is_what_stands_in_the_cell(notebook: Notebook) -> None:
    replies = [python("print('first')"), "It printed."]
    notebook.open(model(*replies * 2, cells=True), "%%agent -m replay -a always\nDo it.", AGAIN)
    notebook.run_cell(0)
    for text in ("edited in the cell", "and once more"):
        notebook.run_cell(1, wait=False)
        wait_for(notebook, lambda: is_asked(notebook))
        edit(notebook, 2, f"print('{text}')")
        notebook.cell(1).get_by_label("Approve code").get_by_text(text).wait_for()
        run_button(notebook, 1).click()
        wait_for(notebook, lambda: kinds(notebook) == ["code", "reflection"])
        assert sources(notebook)[2] == f"print('{text}')"
        assert notebook.outputs(2)[0]["text"] == f"{text}\n"
        assert "left alone" not in shown(notebook, 1)
        notebook.wait_idle()


def test_what_cannot_be_seen_in_a_cell_is_shown_before_it_can_run(notebook: Notebook) -> None:
    notebook.open(model(python("print('a')"), "It printed."), "%%agent -m replay -a always --cells\nDo it.", AGAIN)
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    wait_for(notebook, lambda: is_asked(notebook))
    run_button(notebook, 1).hover(timeout=20_000)
    edit(notebook, 2, "print('\u202eb')")
    notebook.cell(1).get_by_label("Approve code").get_by_text("U+202E").first.wait_for()
    run_button(notebook, 1).click()
    wait_until_shown(notebook, 2, "b")


def test_code_whose_cell_is_deleted_does_not_run(notebook: Notebook) -> None:
    notebook.open(model(python("print('a')"), "Alas."), "%%agent -m replay -a always --cells\nDo it.", AGAIN)
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    wait_for(notebook, lambda: is_asked(notebook))
    notebook.do("panel.content.activeCellIndex = 2; panel.content.deselectAll()")
    command(notebook, "notebook:delete-cell")
    run_button(notebook, 1).click()
    wait_until_shown(notebook, 1, "its cells were taken away")
    assert "first" not in str(notebook.cells()[1:])


@one_app
def test_after_a_restart_the_code_of_earlier_steps_runs_again(notebook: Notebook) -> None:
    replies = ["```python\na = 20\n```\n```python\nb = a + 1\n```", "Done."]
    notebook.open(model(*replies, cells=True), TASK, "a + b")
    notebook.run_cell(0)
    notebook.run_cell(1)
    notebook.run_cell(2)
    notebook.restart()
    keep_and_run(notebook, 3)
    wait_for(notebook, lambda: made(notebook)[1]["execution_count"] is not None)
    notebook.run_cell(5)
    assert notebook.outputs(5)[0]["data"]["text/plain"] == "41"


def test_other_words_leave_the_code_and_what_it_gave(notebook: Notebook) -> None:
    """A model's words rarely repeat exactly."""
    notebook.open(model(CLEAN[0], "There are 333.", CLEAN[0], "It is 333.", cells=True), TASK, AGAIN)
    notebook.run_cell(0)
    notebook.run_cell(1)
    keep_and_run(notebook, 2)
    wait_for(notebook, lambda: made(notebook)[0]["execution_count"] is not None)
    before = made(notebook)[0]
    notebook.run_cell(1)
    assert sources(notebook)[3] == "It is 333."
    assert made(notebook)[0] == before


def test_a_task_without_cells_has_its_story_under_it(notebook: Notebook) -> None:
    notebook.open(model(*CLEAN, cells=True), "%%agent -m replay --no-cells\nDo it.", AGAIN)
    notebook.run_cell(0)
    notebook.run_cell(1)
    wait_until_shown(notebook, 1, "There are 333.")
    assert made(notebook) == []
