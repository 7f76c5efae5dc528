"""Charts and widgets that the agent's code made, in a real browser: drawn where it ran, and in the saved session."""

import shutil
from pathlib import Path

import pytest

from tests.browser.agent_cells import model, python, shown, wait_until_done
from tests.browser.jupyter import Notebook, one_app
from tests.browser.test_saved_session import trust
from tests.support.charts import CHART

pytestmark = [pytest.mark.browser, pytest.mark.integration]

NOTE = "If you see this message, it means the renderer has not been properly enabled"
DRAWN = ".jp-RenderedVegaCommon5 canvas"


def altair(chart: object) -> str:
    """Display a chart as Altair 6 does under its renderer "mimetype"."""
    data = {"application/vnd.vegalite.v6.json": chart, "text/plain": f"<VegaLite 6 object>\n\n{NOTE}\n"}
    return python(f"display({data!r}, raw=True)")


def texts(notebook: Notebook, index: int) -> list[str]:
    return [output["data"].get("text/plain", "") for output in notebook.outputs(index)]


def open_session(notebook: Notebook, *, trusted: bool = False) -> None:
    """Open a copy of the saved session in the place of the notebook: Jupyter shows no hidden folder."""
    [kept] = notebook.server.root.glob(f".codeagent/sessions/{Path(notebook.path).stem}-*/session.ipynb")
    saved = Path(shutil.copy(kept, notebook.server.root / f"{Path(notebook.path).stem}-saved.ipynb"))
    if trusted:
        trust(notebook.server, saved)
    notebook.path = saved.name
    notebook.look()


@one_app
def test_a_chart_is_drawn_under_its_cell_and_in_the_saved_session(notebook: Notebook) -> None:
    loading = {**CHART, "data": {"url": "https://data.example.org/x.csv"}}
    notebook.open(
        model(altair(CHART), "Drawn.", altair(loading), "Left out."),
        "%%agent -m replay\nDraw.",
        "%%agent -m replay\nLoad.",
    )
    for index in range(3):
        notebook.run_cell(index)
    notebook.cell(1).locator(DRAWN).wait_for()
    [said] = [text for text in texts(notebook, 2) if text.startswith("<VegaLite 6 object>")]
    assert "Have the code save it as a file" in said
    assert NOTE not in said
    open_session(notebook)
    notebook.page.locator(DRAWN).last.wait_for()
    notebook.page.get_by_text("Have the code save it as a file").last.wait_for()


@one_app
def test_a_chart_is_drawn_in_a_real_cell(notebook: Notebook) -> None:
    notebook.open(model(altair(CHART), "Drawn."), "%%agent -m replay --cells\nDraw.")
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    wait_until_done(notebook, 1)
    notebook.page.locator(DRAWN).wait_for()


@one_app
def test_a_chart_is_drawn_below_the_panel(notebook: Notebook) -> None:
    notebook.open(model(altair(CHART), "Drawn."), "import codeagent_nb\ncodeagent_nb.panel('replay')")
    notebook.run_cell(0)
    notebook.run_cell(1)
    field = notebook.cell(1).locator(".cagent textarea").last
    field.fill("Draw.")
    field.press("Enter")
    notebook.cell(1).locator(DRAWN).wait_for()


WIDGETS = """
import ipywidgets
from tqdm.auto import tqdm
inside = ipywidgets.Output()
with inside:
    print("said inside")
display(ipywidgets.VBox([ipywidgets.IntSlider(7, 0, 10, description="Size"), inside]))
for _ in tqdm(range(5), desc="Work"): pass
"""


@one_app
def test_widgets_of_a_saved_session_are_there_again_once_it_is_trusted(notebook: Notebook) -> None:
    notebook.open(model(python(WIDGETS), "There."), "%%agent -m replay\nShow widgets.")
    notebook.run_cell(0)
    notebook.run_cell(1)
    assert "Size: 7" in shown(notebook, 1)
    open_session(notebook, trusted=True)
    page = notebook.page
    page.locator(".widget-slider", has_text="Size").get_by_text("7", exact=True).wait_for()
    page.locator(".jp-OutputArea .jupyter-widgets", has_text="said inside").first.wait_for()
    bar = page.locator(".widget-hbox", has_text="5/5").locator(".progress-bar")
    assert bar.evaluate("(bar) => bar.style.width") == "100%"
