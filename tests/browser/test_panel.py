"""The chat panel with a real agent behind it, in a real browser."""

import time

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.agent_cells import (
    AGAIN,
    SLEEP,
    TICK,
    assert_the_next_cell_runs,
    edit_code,
    model,
    python,
    saved_session,
    shown,
    wait_until_shown,
)
from tests.browser.jupyter import Notebook, one_app

pytestmark = [pytest.mark.browser, pytest.mark.integration]

PANEL = "import codeagent_nb\ncodeagent_nb.panel('replay')"
PLOT = "import matplotlib.pyplot as plt\nprint('rows:', len(df))\nplt.plot([1, 2]); plt.show()"
DATA = "import pandas as pd\ndf = pd.DataFrame({'mass': [1, 2, 3]})\n"


def panel(notebook: Notebook) -> Locator:
    return notebook.cell(1).locator(".cagent")


def send(notebook: Notebook, task: str) -> None:
    field = panel(notebook).locator("textarea").last
    field.fill(task)
    field.press("Enter")


def wait_for_state(notebook: Notebook, state: str) -> None:
    expect(panel(notebook)).to_have_attribute("data-state", state, timeout=20_000)


def test_a_task_is_answered_in_the_panel_and_its_plot_stands_below(notebook: Notebook) -> None:
    notebook.open(DATA + model(python(PLOT), "It has **3** rows."), PANEL, AGAIN)
    notebook.run_cell(0)
    notebook.run_cell(1)
    send(notebook, "How many rows has @{df}?")
    wait_for_state(notebook, "done")
    log = panel(notebook).get_by_role("log")
    for text in ("How many rows has @{df}?", "I write code.", "rows: 3", "Result", "It has 3 rows."):
        expect(log.get_by_text(text).first).to_be_visible()
    assert any("image/png" in output["data"] for output in notebook.outputs(1)), "the plot is under the panel's cell"
    assert notebook.outputs(2) == []
    expect(log.locator("img").first).to_be_visible()
    assert "It has **3** rows." in saved_session(notebook)
    assert_the_next_cell_runs(notebook, 2)


def test_panel_and_cells_share_one_conversation_and_one_kernel(notebook: Notebook) -> None:
    notebook.open(
        model(python("kept = 'here'"), "Kept.", python("print(kept)"), "Still here."),
        PANEL,
        "%%agent -m replay\nKeep something.",
    )
    for index in range(3):
        notebook.run_cell(index)
    expect(panel(notebook).get_by_text("Keep something.").first).to_be_visible()
    send(notebook, "Is it there?")
    wait_for_state(notebook, "done")
    expect(panel(notebook).get_by_text("Still here.").first).to_be_visible()
    assert "here\\n" in saved_session(notebook)


@pytest.mark.timing
@pytest.mark.parametrize("subshells", ["perCommTarget", "disabled"])
def test_stop_in_the_panel_ends_the_code(notebook: Notebook, subshells: str) -> None:
    notebook.comms_over_subshells(subshells)  # type: ignore[arg-type]
    notebook.open(model(SLEEP, python("print(6 * 7)"), "It is 42."), PANEL, AGAIN)
    notebook.run_cell(0)
    notebook.run_cell(1)
    send(notebook, "Take your time.")
    wait_for_state(notebook, "running")
    notebook.page.wait_for_timeout(300)
    started = time.monotonic()
    panel(notebook).get_by_role("button", name="Stop").click()
    wait_for_state(notebook, "idle")
    assert time.monotonic() - started < 2
    send(notebook, "Go on.")
    wait_for_state(notebook, "done")
    assert_the_next_cell_runs(notebook, 2)
    assert not (notebook.server.root / "done").exists()


@pytest.mark.parametrize("subshells", ["perCommTarget", "disabled"])
def test_the_panel_asks_and_runs_what_was_edited(notebook: Notebook, subshells: str) -> None:
    notebook.comms_over_subshells(subshells)  # type: ignore[arg-type]
    setup = model(python("print(1)"), "Fine.", python("print(2)")) + "\n%config CodeAgent.approval = 'always'"
    notebook.open(setup, PANEL)
    notebook.run_cell(0)
    notebook.run_cell(1)
    send(notebook, "Print.")
    wait_for_state(notebook, "waiting")
    edit_code(panel(notebook), "print('edited')")
    panel(notebook).get_by_role("button", name="Run the edited code").click()
    wait_for_state(notebook, "done")
    expect(panel(notebook).get_by_text("edited", exact=True).first).to_be_visible()
    send(notebook, "Again.")
    wait_for_state(notebook, "waiting")
    panel(notebook).get_by_role("button", name="Reject").click()
    wait_for_state(notebook, "failed")
    assert "print('edited')" in saved_session(notebook)


LONG = "import time\ntable = list(range(1000))\ndef slow():\n    time.sleep(60)\nslow()"


@one_app
def test_what_runs_is_shown_after_some_seconds_and_the_kernel_on_demand(notebook: Notebook) -> None:
    notebook.open(model(python(LONG)), PANEL, "%agent status")
    notebook.run_cell(0)
    notebook.run_cell(1)
    send(notebook, "Be slow.")
    where = panel(notebook).locator(".cagent-where")
    expect(where).to_have_text("line 4 of block 1: time.sleep(60)", timeout=20_000)
    panel(notebook).get_by_role("button", name="Kernel").click()
    kernel = panel(notebook).get_by_role("region", name="Kernel")
    expect(kernel).to_contain_text("table (list 1000)")
    notebook.run_cell(2, wait=False)
    wait_until_shown(notebook, 2, "kept after each call")
    rows = [line.split(maxsplit=1) for line in shown(notebook, 2).replace("\\n", "\n").splitlines()]
    status = {row[0]: row[1].rstrip("'}") for row in rows if len(row) > 1}
    expect(kernel.locator("dt")).to_have_text(["running", "variables", "kernel", "checkpoint"])
    for name in ("variables", "checkpoint"):
        expect(kernel.locator(f"dt:text-is('{name}') + dd")).to_have_text(status[name])
    panel(notebook).get_by_role("button", name="Stop").click()
    wait_for_state(notebook, "idle")
    expect(kernel.locator("dt")).to_have_text(["variables", "kernel", "checkpoint"])


@one_app
def test_the_last_task_is_taken_back_and_again_with_a_button(notebook: Notebook) -> None:
    notebook.open(model(python("total = 45\nprint(total)"), "It is 45.", "Hello."), PANEL, "%agent status")
    notebook.run_cell(0)
    notebook.run_cell(1)
    back = panel(notebook).get_by_role("button", name="Take back")
    again = panel(notebook).get_by_role("button", name="Take again")
    expect(back).to_have_count(0)
    send(notebook, "Add.")
    wait_for_state(notebook, "done")
    back.click()
    expect(panel(notebook).get_by_text("Took back the last task: Add.").first).to_be_visible()
    expect(back).to_have_count(0)
    again.click()
    expect(panel(notebook).get_by_text("Took the last task again: Add.").first).to_be_visible()
    back.click()
    send(notebook, "Say hello.")
    wait_for_state(notebook, "done")
    expect(again).to_have_count(0)
    expect(back).to_be_visible()
    notebook.execute("get_ipython().run_line_magic('agent', 'reset')")
    back.click()
    expect(panel(notebook).get_by_text("There is nothing to take back").first).to_be_visible()


@one_app
def test_under_a_cell_what_runs_is_shown_too(notebook: Notebook) -> None:
    notebook.open(model(python(LONG)), "%%agent -m replay\nBe slow.")
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    where = notebook.cell(1).locator(".cagent-where")
    expect(where).to_have_text("line 4 of block 1: time.sleep(60)", timeout=20_000)
    assert notebook.cell(1).get_by_role("button", name="Kernel").count() == 0
    notebook.cell(1).get_by_role("button", name="Stop").click()
    wait_until_shown(notebook, 1, "stopped")


@one_app
def test_a_panel_that_is_loaded_anew_has_its_history_and_goes_on(notebook: Notebook) -> None:
    notebook.open(model("Hello there.", TICK), PANEL)
    notebook.run_cell(0)
    notebook.run_cell(1)
    send(notebook, "Say hello.")
    wait_for_state(notebook, "done")
    send(notebook, "Tick.")
    wait_for_state(notebook, "running")
    notebook.save()
    notebook.reload()
    expect(panel(notebook).get_by_text("Hello there.").first).to_be_visible(timeout=20_000)
    expect(panel(notebook).get_by_text("Tick.").first).to_be_visible()
    wait_for_state(notebook, "running")
    panel(notebook).get_by_role("button", name="Stop").click()
    wait_for_state(notebook, "idle")


@one_app
def test_a_cell_is_refused_while_the_panel_works(notebook: Notebook) -> None:
    notebook.open(model(TICK), PANEL, "%%agent -m replay\nMeanwhile.", "%agent reset")
    notebook.run_cell(0)
    notebook.run_cell(1)
    send(notebook, "Tick.")
    wait_for_state(notebook, "running")
    notebook.run_cell(2)
    assert "working on another task" in shown(notebook, 2)
    notebook.run_cell(3)
    assert "working on another task" in shown(notebook, 3)
    panel(notebook).get_by_role("button", name="Stop").click()
    wait_for_state(notebook, "idle")


@one_app
def test_what_cannot_be_begun_is_explained_in_the_panel(notebook: Notebook) -> None:
    notebook.open("%load_ext codeagent_nb", "%agent panel")
    notebook.run_cell(0)
    notebook.run_cell(1)
    send(notebook, "Look at @{nothing}.")
    wait_for_state(notebook, "failed")
    expect(panel(notebook).get_by_text("there is no variable 'nothing'").first).to_be_visible()


@one_app
def test_a_copy_is_saved_and_its_name_is_told(notebook: Notebook) -> None:
    notebook.open(model("Hello."), PANEL)
    notebook.run_cell(0)
    notebook.run_cell(1)
    save = panel(notebook).get_by_role("button", name="Save")
    save.click()
    expect(panel(notebook).get_by_text("there is nothing to save yet").first).to_be_visible()
    send(notebook, "Say hello.")
    wait_for_state(notebook, "done")
    save.click()
    expect(panel(notebook).get_by_text("Saved as").first).to_be_visible()
    assert list(notebook.server.root.glob("*-copy-*.ipynb"))


@one_app
def test_the_model_that_is_chosen_writes(notebook: Notebook) -> None:
    other = "other = ReplayChatCompletionClient(['I am the other.'])"
    notebook.open(f"{model('I am the first.')}\n{other}", PANEL)
    notebook.run_cell(0)
    notebook.run_cell(1)
    panel(notebook).get_by_label("Model").select_option("other")
    send(notebook, "Who are you?")
    wait_for_state(notebook, "done")
    expect(panel(notebook).get_by_text("I am the other.").first).to_be_visible()


@pytest.mark.timing
@one_app
def test_a_stream_of_300_tokens_a_second_is_shown_as_it_comes(notebook: Notebook) -> None:
    """The whole way: model, events, view, widget. Frame times are in test_widget.py."""
    words = " ".join(f"word{i}" for i in range(600))
    notebook.open(model(words, chunk_delay=1 / 300), PANEL)
    notebook.run_cell(0)
    notebook.run_cell(1)
    send(notebook, "Talk.")
    expect(panel(notebook).get_by_text("word5 ").first).to_be_visible()
    begun = time.monotonic()
    expect(panel(notebook).get_by_text("word599").first).to_be_visible()
    assert time.monotonic() - begun < 20, "a liveness bound; the stream itself takes 2 s"
    wait_until_shown(notebook, 1, "AgentWidget")


@one_app
def test_a_panel_that_is_opened_during_a_run_shows_it_and_can_stop_it(notebook: Notebook) -> None:
    notebook.open(model(TICK), PANEL, "%%agent -m replay --bg\nTick.")
    notebook.run_cell(0)
    notebook.run_cell(2)
    wait_until_shown(notebook, 2, "tick 1")
    notebook.run_cell(1)
    wait_for_state(notebook, "running")
    panel(notebook).get_by_role("button", name="Stop").click()
    wait_for_state(notebook, "idle")
    notebook.run_cell(1)
    wait_for_state(notebook, "idle")
    expect(panel(notebook).get_by_text("Tick.").first).to_be_visible()


@one_app
def test_a_panel_whose_cell_is_run_again_or_that_is_unloaded_watches_no_more(notebook: Notebook) -> None:
    """Each run of the cell had left one more panel that was sent every entry."""
    notebook.open(model("Hello."), PANEL, "%unload_ext codeagent_nb")
    watchers = "len(get_ipython().magics_manager.registry['AgentMagics'].commands.agent_of_notebook._watchers)"
    notebook.run_cell(0)
    notebook.run_cell(1)
    once = notebook.value(watchers)
    notebook.execute(f"agent = {watchers[4 : -len('._watchers)')]}")
    notebook.run_cell(1)
    assert notebook.value(watchers) == once > 0
    notebook.run_cell(2)
    assert notebook.value("len(agent._watchers)") == 0
