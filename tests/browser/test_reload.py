"""A page that is loaded again in mid-run shows the whole story under the task's cell, in the end."""

import json

import pytest

from tests.browser.agent_cells import AGAIN, model, python, run_button, shown, wait_until_shown
from tests.browser.elsewhere import elsewhere
from tests.browser.hostile_outputs import REPLIES, filled, outputs
from tests.browser.jupyter import Notebook, one_app
from tests.browser.test_cells_of_a_run import forgive_jupyter, made, sources, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.integration]

SLOW = python(
    "import time\nfor i in range(40):\n    print('tick', i, flush=True)\n    time.sleep(0.2)\n"
    "print('ticked', i + 1, 'times')"
)


def begun(notebook: Notebook, line: str, *, cells: bool = False) -> None:
    """Run a task, save the notebook in the middle of it, and load the page again."""
    notebook.open(model(python("print(oops)"), SLOW, "It **ticked** 40 times.", cells=cells), f"{line}\nTick.", AGAIN)
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    wait_for(notebook, lambda: "tick 3" in str(notebook.cells()))
    notebook.save()
    notebook.reload()


@pytest.mark.parametrize("line", ["%%agent -m replay --no-cells", "%%agent -m replay --no-cells --bg"])
def test_a_task_without_cells_is_told_whole(notebook: Notebook, line: str) -> None:
    begun(notebook, line)
    wait_until_shown(notebook, 1, "tick 7")
    notebook.reload()  # and once more
    wait_until_shown(notebook, 1, "<strong>ticked</strong>", seconds=30)
    wait_until_shown(notebook, 1, "2 tries")
    told = shown(notebook, 1)
    assert "Attempt 1 failed: NameError" in told
    assert all(f"tick {number}" in told for number in range(40))
    assert told.count("ticked</strong>") == 1
    notebook.save()
    notebook.reload()
    assert shown(notebook, 1) == told, "nothing is asked for once it is over"
    notebook.run_cell(2)
    assert notebook.outputs(2)[-1]["text"] == "next\n"
    forgive_jupyter(notebook)


def test_a_task_with_cells_is_told_whole_and_its_closing_line_stands_under_its_own(notebook: Notebook) -> None:
    begun(notebook, "%%agent -m replay", cells=True)
    wait_for(notebook, lambda: "It **ticked** 40 times." in sources(notebook), 30)
    wait_until_shown(notebook, 1, "2 tries")
    assert [cell["metadata"]["codeagent"]["kind"] for cell in made(notebook)] == [
        "quoted",
        "note",
        "code",
        "reflection",
    ]
    assert "ticked" in made(notebook)[2]["outputs"][0]["text"]
    forgive_jupyter(notebook)


def test_a_task_that_fails_says_so(notebook: Notebook) -> None:
    slow = python("import time\nprint('begun', flush=True)\ntime.sleep(4)\n1 / 0")
    notebook.open(model(slow, "Alas."), "%%agent -m replay -r 0\nTick.", AGAIN)
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    wait_until_shown(notebook, 1, "begun")
    notebook.save()
    notebook.reload()
    wait_until_shown(notebook, 1, "ZeroDivisionError", seconds=30)
    wait_until_shown(notebook, 1, "AgentFailed")
    forgive_jupyter(notebook)


def test_the_cell_is_jupyters_again_once_the_user_runs_it(notebook: Notebook) -> None:
    begun(notebook, "%%agent -m replay --no-cells")
    wait_until_shown(notebook, 1, "tick 7")
    notebook.do("panel.content.model.sharedModel.getCell(1).setSource(\"print('mine')\")")
    notebook.run_cell(1)
    notebook.page.wait_for_timeout(2_000)
    assert "mine" in shown(notebook, 1)
    assert "tick" not in shown(notebook, 1)
    forgive_jupyter(notebook)


def test_who_is_asked_can_answer_after_a_reload(notebook: Notebook) -> None:
    asking = "%%agent -m replay --no-cells -a always\nDo it."
    notebook.open(model(python("print('a' * 3)"), "It [printed](https://example.org/x) **three**."), asking, AGAIN)
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    run_button(notebook, 1).wait_for()
    notebook.save()
    notebook.page.reload()  # the kernel is not idle: the cell waits
    notebook.page.wait_for_timeout(6_000)
    run_button(notebook, 1).click(timeout=15_000)
    wait_until_shown(notebook, 1, "<strong>three</strong>", seconds=20)
    assert "aaa" in shown(notebook, 1)
    wait_for(notebook, lambda: "widget-view" not in shown(notebook, 1))  # a saved notebook is to be read, not clicked
    forgive_jupyter(notebook)


SHOW_ALL = """
import json, time
from IPython.display import publish_display_data
for each in json.load(open("hostile.json")):
    publish_display_data(each["data"], each["metadata"])
"""


@one_app
def test_what_the_page_is_told_after_a_reload_asks_for_nothing_elsewhere(notebook: Notebook) -> None:
    with elsewhere() as there:
        hostile = list(outputs(there.url).values())
        (notebook.server.root / "hostile.json").write_text(json.dumps(hostile))
        words = "\n\n".join(filled(text, f"{there.url}/{name}") for name, text in REPLIES.items())
        waits = python(f"{SHOW_ALL}for tick in range(60):\n    print('tick', tick, flush=True)\n    time.sleep(0.2)")
        notebook.open(model(waits, f"{words}\n\nThat is **all**."), "%%agent -m replay --no-cells\nShow.", SHOW_ALL)
        notebook.run_cell(0)
        notebook.run_cell(1, wait=False)
        wait_for(notebook, lambda: "tick 3" in shown(notebook, 1))
        notebook.save()
        notebook.reload()
        wait_until_shown(notebook, 1, "tick 20", seconds=30)
        wait_until_shown(notebook, 1, "<strong>all</strong>", seconds=30)
        notebook.page.wait_for_timeout(1_000)
        assert there.asked == set()
        forgive_jupyter(notebook)
        assert notebook.errors == []
        notebook.run_cell(2)
        notebook.page.wait_for_timeout(1_000)
        assert len(there.asked) > 20, "the control: in a cell of the user's they do"
        notebook.errors.clear()
