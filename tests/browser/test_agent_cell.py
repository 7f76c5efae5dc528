"""`%%agent` in a real browser: what is shown while it works, and that every button and key works meanwhile."""

import re
import time
from typing import Any

import psutil
import pytest
from playwright.sync_api import expect

from tests.browser.agent_cells import (
    AGAIN,
    SLEEP,
    TICK,
    assert_the_next_cell_runs,
    edit_code,
    model,
    python,
    run_button,
    saved_session,
    shown,
    wait_until_done,
    wait_until_shown,
)
from tests.browser.jupyter import Notebook, one_app
from tests.support.hostile_html import HOSTILE

pytestmark = [pytest.mark.browser, pytest.mark.integration]


def error_of(notebook: Notebook, index: int) -> dict[str, Any]:
    [error] = [output for output in notebook.outputs(index) if output["output_type"] == "error"]
    return error


def test_the_reply_is_shown_while_it_comes_and_all_of_the_story_in_the_end(notebook: Notebook) -> None:
    plot = "import matplotlib.pyplot as plt\nprint('sum:', 6 * 7)\nplt.plot([1, 2]); plt.show()"
    notebook.open(
        model("Let me see.\n\n" + python(plot), "It is **42**.", chunk_delay=0.05), "%%agent -m replay\nAdd up."
    )
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    wait_until_shown(notebook, 1, "Let me")
    assert notebook.cells()[1]["execution_count"] is None, "it is still running"
    assert notebook.cell(1).locator(".jp-InputPrompt").inner_text() == "[*]:"
    wait_until_done(notebook, 1)
    bundles = [output["data"] for output in notebook.outputs(1)]
    assert notebook.cells()[1]["execution_count"] == 2
    assert any("image/png" in bundle for bundle in bundles)
    assert {"text/plain": "sum: 42\n"} in bundles
    assert "<strong>42</strong>" in bundles[-3]["text/html"]
    assert bundles[-2]["text/plain"] == "Its numbers come from:\n[1]: 42"
    shown = bundles[-1]["text/html"]
    assert re.search(r"done</b> · 1 try · \d+ tokens · [\d.]+ s · Replay.*no network.*session .+-\d{8}-", shown)
    assert notebook.cell(1).get_by_role("button", name="Stop").count() == 0, "a finished cell has no buttons"
    notebook.save()


SUBSHELLS = pytest.mark.parametrize("subshells", ["perCommTarget", "disabled"])


@pytest.mark.timing
@SUBSHELLS
def test_stop_ends_the_cell_the_code_and_nothing_else(notebook: Notebook, subshells: Any) -> None:
    notebook.comms_over_subshells(subshells)
    after = python("print(kept)")
    notebook.open(
        model(python("kept = 'still here'"), "Kept.", SLEEP, after, "Good."),
        "%%agent -m replay\nKeep something.",
        "%%agent -m replay\nTake your time.",
        AGAIN,
        "%%agent -m replay\nIs it there?",
    )
    notebook.run_cell(0)
    notebook.run_cell(1)
    notebook.run_cell(2, wait=False)
    wait_until_shown(notebook, 2, "begun")
    started = time.monotonic()
    notebook.cell(2).get_by_role("button", name="Stop").click()
    wait_until_done(notebook, 2)
    assert time.monotonic() - started < 2
    assert error_of(notebook, 2)["ename"] == "Stopped"
    assert len(error_of(notebook, 2)["traceback"]) == 1, "no traceback of ours"
    assert_the_next_cell_runs(notebook, 3)
    notebook.run_cell(4)
    assert "still here" in shown(notebook, 4)
    assert not (notebook.server.root / "done").exists()


SILENT = model(python("print(1)"), chunk_delay=60)


@pytest.mark.timing
@pytest.mark.parametrize(
    ("setup", "line", "sign"),
    [
        (SILENT, "%%agent -m replay", None),
        (model(SLEEP), "%%agent -m replay", "begun"),
        (model(python("print(1)")), "%%agent -m replay -a always", "I write code"),
    ],
    ids=["while the model is silent", "while code runs", "while it waits for approval"],
)
@pytest.mark.parametrize(
    ("server", "by"),
    [("lab", "interrupt"), ("lab", "stop"), ("notebook", "interrupt")],  # the test before stops it in Notebook 7
    indirect=["server"],
)
def test_it_stops_within_a_second_at_any_time(
    notebook: Notebook, setup: str, line: str, sign: str | None, by: str
) -> None:
    notebook.open(setup, f"{line}\nDo it.", AGAIN)
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    stop = notebook.cell(1).get_by_role("button", name="Stop")
    stop.wait_for()
    if sign:
        wait_until_shown(notebook, 1, sign)
    if "always" in line:
        run_button(notebook, 1).wait_for()
    notebook.page.wait_for_timeout(700)  # the kernel has started, or is about to answer
    started = time.monotonic()
    if by == "stop":
        stop.click()
    else:
        notebook.interrupt()
    wait_until_done(notebook, 1)
    assert time.monotonic() - started < 1.5
    error = error_of(notebook, 1)
    assert (error["ename"], len(error["traceback"])) == ("Stopped", 1)
    assert_the_next_cell_runs(notebook, 2)


@SUBSHELLS
def test_approve_runs_what_was_shown(notebook: Notebook, subshells: Any) -> None:
    notebook.comms_over_subshells(subshells)
    notebook.open(model(python("print(6 * 7)"), "42."), "%%agent -m replay -a always\nMultiply.")
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    run_button(notebook, 1).click()
    wait_until_done(notebook, 1)
    assert {"text/plain": "42\n"} in [output["data"] for output in notebook.outputs(1)]


def test_edited_code_is_what_runs_and_what_is_recorded(notebook: Notebook) -> None:
    notebook.open(model(python("print(6 * 7)"), "Fine."), "%%agent -m replay -a always\nMultiply.", "%agent status")
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    edit_code(notebook.cell(1), "print('edited', 2 * 2)")
    notebook.cell(1).get_by_role("button", name="Run the edited code").click()
    wait_until_done(notebook, 1)
    assert "edited 4" in shown(notebook, 1)
    assert "You changed the code" in shown(notebook, 1)
    assert "print('edited', 2 * 2)" in saved_session(notebook)


def test_rejected_code_does_not_run_and_the_cell_says_so(notebook: Notebook) -> None:
    code = "open('rejected', 'w').close()"
    notebook.open(model(python(code)), "%%agent -m replay -a always\nWrite a file.", AGAIN)
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    notebook.cell(1).get_by_role("button", name="Reject").click()
    wait_until_done(notebook, 1)
    assert error_of(notebook, 1)["ename"] == "AgentFailed"
    assert "not approved" in shown(notebook, 1).lower()
    assert not (notebook.server.root / "rejected").exists()
    assert_the_next_cell_runs(notebook, 2)


def test_in_the_background_output_stays_under_its_cell_and_stop_works(notebook: Notebook) -> None:
    notebook.open(
        model(TICK),
        "%%agent -m replay --bg\nTick.",
        AGAIN,
        "%%agent -m replay\nMeanwhile.",
    )
    notebook.run_cell(0)
    notebook.run_cell(1)
    wait_until_shown(notebook, 1, "tick 1")
    assert_the_next_cell_runs(notebook, 2)
    wait_until_shown(notebook, 1, "tick 9")
    assert len(notebook.outputs(2)) == 1, "nothing of it came under another cell"
    notebook.run_cell(3)
    assert "working on another task" in error_of(notebook, 3)["evalue"]
    notebook.cell(1).get_by_role("button", name="Stop").click()
    wait_until_shown(notebook, 1, "stopped")
    notebook.page.wait_for_timeout(300)
    before = shown(notebook, 1)
    notebook.page.wait_for_timeout(500)
    assert shown(notebook, 1) == before


@one_app
def test_the_users_own_notebook_cannot_be_spoilt_also_after_it_was_saved(notebook: Notebook) -> None:
    """Jupyter saves in place; code sees a copy, which is put back."""
    setup = model(python("print(1)"), "Fine.", python("open('protected.ipynb', 'a').write('spoilt')"), "It failed.")
    task = "%%agent -m replay -r 0\nTry."
    notebook.open(setup, task, task, name="protected.ipynb")
    notebook.run_cell(0)
    notebook.run_cell(1)
    notebook.save()
    notebook.run_cell(2)
    assert "protected.ipynb is the user's and was put back" in shown(notebook, 2)
    assert (notebook.server.root / "protected.ipynb").read_text().rstrip().endswith("}")


@one_app
def test_a_background_task_sees_the_variables_as_they_were_when_it_began(notebook: Notebook) -> None:
    setup = model(python("print('rows', rows)"), "Done.") + "\nrows = [1, 2]"
    notebook.open(setup, "%%agent -m replay --bg -i rows\nCount.", "rows.append('late')")
    for index in range(3):
        notebook.run_cell(index)
    wait_until_shown(notebook, 1, "rows [1, 2]")


def test_what_a_thread_prints_later_comes_under_its_own_cell(notebook: Notebook) -> None:
    late = "import threading\nthreading.Timer(1.0, lambda: print('late', flush=True)).start()\nprint('early')"
    notebook.open(model(python(late), "Started."), "%%agent -m replay\nLater.", AGAIN)
    notebook.run_cell(0)
    notebook.run_cell(1)
    notebook.run_cell(2)
    wait_until_shown(notebook, 1, "late")
    assert len(notebook.outputs(2)) == 1


@one_app
def test_a_kernel_that_is_restarted_leaves_no_managed_kernel_behind(notebook: Notebook) -> None:
    notebook.open(model(SLEEP), "%%agent -m replay\nTake your time.")
    notebook.run_cell(0)
    kernel = psutil.Process(notebook.value("__import__('os').getpid()"))
    notebook.run_cell(1, wait=False)
    wait_until_shown(notebook, 1, "begun")
    managed = kernel.children(recursive=True)
    assert managed
    notebook.restart()
    _, alive = psutil.wait_procs(managed, timeout=3)
    assert alive == []
    # The old kernel takes leave of its widgets when the page has let go of them already: Jupyter's own complaint.
    notebook.errors[:] = [error for error in notebook.errors if not error.startswith("Comm not found")]


@one_app
def test_a_page_that_is_loaded_anew_loses_nothing_of_a_run_and_can_stop_it(notebook: Notebook) -> None:
    notebook.open(model(TICK), "%%agent -m replay --bg\nTick.", AGAIN, "%agent history")
    notebook.run_cell(0)
    notebook.run_cell(1)
    wait_until_shown(notebook, 1, "tick 1")
    notebook.save()
    notebook.reload()
    assert_the_next_cell_runs(notebook, 2)
    notebook.cell(1).get_by_role("button", name="Stop").click()
    notebook.page.wait_for_timeout(1_000)
    notebook.run_cell(3)
    assert "cancelled" in notebook.outputs(3)[0]["text"]
    assert "tick 20" in saved_session(notebook), "it went on while the page was loaded"


def test_hostile_words_and_outputs_run_nothing(notebook: Notebook) -> None:
    """Outputs of a cell that was run are trusted: JupyterLab runs the scripts in their HTML and Markdown."""
    alarm = "<img src=x onerror=\"window.broken='in'\"><script>window.broken='in'</script>"
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' onload=\"window.broken='in'\">{alarm}</svg>"
    snippets = [*HOSTILE, alarm, svg]
    code = (
        "from IPython.display import HTML, SVG, Javascript, Markdown, display\n"
        f"for text in {snippets!r}:\n    display(HTML(text), Markdown(text))\n    print(text)\n"
        f"display(SVG({svg!r}), Javascript(\"window.broken='in'\"))\n"
        f"display({{'text/html': {alarm!r}}}, metadata={{'text/html': {{'isolated': True}}}}, raw=True)\n"
        f"raise ValueError({alarm!r})"
    )
    words = "\n\n".join(snippets)
    dialogs: list[str] = []
    notebook.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    notebook.open(model(f"{python(code)}", words), f"%%agent -m replay -r 0\n{words}")
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    wait_until_done(notebook, 1)
    notebook.page.wait_for_timeout(1_000)
    assert dialogs == []
    assert notebook.page.evaluate("window.broken") is None
    for link in notebook.cell(1).locator(".jp-RenderedHTML a").all():  # in plain text Jupyter itself makes links
        assert re.match(r"https?:|mailto:|[\w./?-]*$", link.get_attribute("href") or "")
    assert notebook.cell(1).locator("iframe, object, embed, form, script, style").count() == 0


def test_a_table_that_the_task_names_is_used_and_what_was_seen_where_code_failed_can_be_opened(
    notebook: Notebook,
) -> None:
    table = "import pandas as pd\ndf = pd.DataFrame({'height': [1.5, None]})\n"
    codes = [python("print(df['heigth'].mean())"), python("df = df.dropna()\nprint('rows:', len(df))")]
    notebook.open(
        table + model(*codes, "One row is left."), "%%agent -m replay --no-cells\nclean df please", "%agent why"
    )
    for index in range(3):
        notebook.run_cell(index)
    assert "Using your df: a pandas.DataFrame with 2 rows and 1 column" in notebook.cell(1).inner_text()
    assert "rows: 1" in shown(notebook, 1)
    notebook.cell(1).get_by_text("Attempt 1 failed").click()
    notebook.cell(1).get_by_text("What was seen there").click()
    expect(notebook.cell(1).get_by_text("'heigth' is not in df; similar there: 'height'.")).to_be_visible()
    assert "'heigth' is not in df; similar there: 'height'." in shown(notebook, 2)
    notebook.save()
