"""From nothing to a first answer in a real page: which files, which model, and no text is lost on the way."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.agent_cells import AGAIN, assert_the_next_cell_runs, python, shown, wait_until_done
from tests.browser.jupyter import Notebook, Server
from tests.integration.scripted_server import ScriptedServer

pytestmark = [pytest.mark.browser, pytest.mark.integration]

LOAD = "%load_ext codeagent_nb"
TASK = "%%agent\nHow heavy are the birds in penguins.csv? Draw it."
KEY = "sk-typed-0123456789abcdefXYZ"
PLOT = python(
    "import pandas as pd, matplotlib.pyplot as plt\nmass = pd.read_csv('penguins.csv').mass\n"
    "print('mean', mass.mean())\nmass.plot.hist(); plt.show()"
)


@pytest.fixture(scope="module")
def model_server() -> Iterator[ScriptedServer]:
    """A server of models where Ollama would be."""
    scripted = ScriptedServer([])
    scripted.models = ["first", "second"]
    yield scripted
    scripted.close()


@pytest.fixture(scope="module")
def server(chromium: str, model_server: ScriptedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Jupyter started in the home folder, with no key, no server that is named, and an empty cache."""
    folder = tmp_path_factory.mktemp("setup") / "jupyter"
    environment = {
        "HOME": str(folder / "root"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "OLLAMA_HOST": f"127.0.0.1:{model_server.http.server_port}",
        **dict.fromkeys(["OPENAI_API_KEY", "OPENAI_BASE_URL", "CODEAGENT_MODEL", "CODEAGENT_MODEL_PATH"], ""),
    }
    started = Server("lab", folder, environment)
    (started.root / "penguins.csv").write_text("species,mass\nAdelie,3700\nGentoo,5000\n")
    (started.root / "other.csv").write_text("a\n1\n")
    (started.root / "projects").mkdir()
    shutil.copy(started.root / "penguins.csv", started.root / "projects")
    yield started
    started.close()


@pytest.fixture(autouse=True)
def scripted(model_server: ScriptedServer) -> ScriptedServer:
    """The same, with nothing said yet."""
    model_server.remaining, model_server.wanted_key = [], ""
    model_server.keys.clear()
    model_server.requests.clear()
    return model_server


def files_card(place: Locator) -> Locator:
    return place.get_by_role("region", name="Which of your files")


def model_card(place: Locator) -> Locator:
    return place.get_by_role("region", name="The agent needs a language model")


def use_server(place: Locator, model: str) -> None:
    """Look for a server on this machine, and choose one of its models."""
    card = model_card(place)
    card.get_by_role("button", name="Look for one").click()
    card.get_by_label("Models of Ollama").select_option(model)
    card.get_by_role("button", name="Use it").click()


def test_from_load_ext_to_a_plot_without_leaving_the_notebook(notebook: Notebook, scripted: ScriptedServer) -> None:
    scripted.remaining = [PLOT, "It is 4350 g.", python("print('again')"), "Yes."]
    notebook.open(LOAD, TASK, "%%agent\nAgain.", AGAIN)
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    files = files_card(notebook.cell(1))
    expect(files.get_by_label("penguins.csv")).to_be_checked()
    expect(files.get_by_label("other.csv")).not_to_be_checked()
    files.get_by_role("button", name="Go on").click()
    expect(model_card(notebook.cell(1))).to_be_visible()
    assert scripted.keys == [], "nobody is asked before a click"
    use_server(notebook.cell(1), "second")
    wait_until_done(notebook, 1, seconds=40)
    assert "mean 4350.0" in shown(notebook, 2)
    assert "image/png" in shown(notebook, 2)
    assert "with copies of penguins.csv" in shown(notebook, 1)
    assert "other.csv" not in shown(notebook, 1)
    assert scripted.requests[0]["model"] == "second"
    assert "'mass': int64" in json.dumps(scripted.requests[0])
    notebook.run_cell(4, wait=False)  # both answers hold
    wait_until_done(notebook, 4, seconds=40)
    assert "again" in shown(notebook, 5)
    assert_the_next_cell_runs(notebook, 7)


@pytest.mark.usefixtures("own_page")
def test_a_key_that_is_typed_is_nowhere_in_the_notebook_nor_on_the_disk(
    notebook: Notebook, scripted: ScriptedServer
) -> None:
    notebook.server.set_setting("@jupyter-widgets/jupyterlab-manager:plugin", saveState=True)
    scripted.wanted_key = KEY
    scripted.remaining = [python(f"print('the key is {KEY}')"), f"I know {KEY}."]
    notebook.open(LOAD, TASK)
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    files_card(notebook.cell(1)).get_by_text("None: it starts").click()
    files_card(notebook.cell(1)).get_by_role("button", name="Go on").click()
    card = model_card(notebook.cell(1))
    address = f"127.0.0.1:{scripted.http.server_port}"
    key = card.get_by_label("Key", exact=True)
    expect(key).to_have_attribute("type", "password")
    card.get_by_label("Address of the server").fill(address)
    key.fill("sk-wrong-0123456789abcdef")
    key.press("Enter")
    expect(card.get_by_text("does not accept this key")).to_be_visible()
    key.fill(KEY)
    card.get_by_label("Model", exact=True).fill("first")
    waiting = notebook.save()
    assert "The agent needs a language model" in json.dumps(waiting["metadata"]), "widgets are saved with their traits"
    card.get_by_role("button", name="Use this key").click()
    wait_until_done(notebook, 1, seconds=40)
    assert scripted.keys[-1] == KEY
    assert "the key is" in json.dumps(notebook.cells())
    state = notebook.do(
        "const kernel = panel.sessionContext.session.kernel; return JSON.stringify(panel.content.model.toJSON());"
    )
    saved = notebook.save()
    for where in (json.dumps(waiting), json.dumps(saved), str(state), json.dumps(notebook.cells())):
        assert KEY not in where
        assert "sk-wrong" not in where
    assert notebook.value(f"[name for name in __import__('os').environ.values() if {KEY!r} in name]") == []
    assert files_with(KEY.encode(), notebook.server.folder) == []


def files_with(text: bytes, folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]


def test_stop_takes_the_question_along_and_the_next_run_asks_again(notebook: Notebook) -> None:
    notebook.open(LOAD, TASK, AGAIN)
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    files_card(notebook.cell(1)).wait_for()
    notebook.cell(1).get_by_role("button", name="Stop").click()
    wait_until_done(notebook, 1)
    assert "was stopped" in shown(notebook, 1)
    expect(files_card(notebook.cell(1))).to_have_count(0)
    notebook.run_cell(1, wait=False)
    files_card(notebook.cell(1)).wait_for()
    notebook.interrupt()
    wait_until_done(notebook, 1)
    assert_the_next_cell_runs(notebook, 2)


def test_a_folder_is_typed_and_a_wrong_one_is_told(notebook: Notebook, scripted: ScriptedServer) -> None:
    scripted.remaining = [PLOT, "It is 4350 g."]
    notebook.open(LOAD, TASK)
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    card = files_card(notebook.cell(1))
    card.get_by_label("Folder", exact=True).fill("~")
    card.get_by_role("button", name="Go on").click()
    expect(card.get_by_text("never shown as a whole: name a folder in it")).to_be_visible()
    card.get_by_label("Folder", exact=True).fill("projects")
    card.get_by_role("button", name="Go on").click()
    use_server(notebook.cell(1), "first")
    wait_until_done(notebook, 1, seconds=40)
    assert "mean 4350.0" in shown(notebook, 2)
    assert list((notebook.server.root / "projects").glob(".codeagent/sessions/*/session.ipynb"))


def panel(notebook: Notebook) -> Locator:
    return notebook.cell(1).locator(".cagent")


def open_panel(notebook: Notebook) -> Locator:
    notebook.open(f"{LOAD}\n%config CodeAgent.folder = 'projects'", "%agent panel")
    notebook.run_cell(0)
    notebook.run_cell(1)
    model_card(panel(notebook)).wait_for()
    return panel(notebook)


def test_the_panel_says_that_it_has_no_model_and_a_task_waits_for_one(
    notebook: Notebook, scripted: ScriptedServer
) -> None:
    scripted.remaining = [PLOT, "It is 4350 g."]
    place = open_panel(notebook)
    expect(place).to_have_attribute("data-state", "unset")
    expect(place.get_by_text("No model yet")).to_be_visible()
    field = place.get_by_label("Task for the agent")
    field.fill("How heavy are they?")
    field.press("Enter")
    expect(place).to_have_attribute("data-state", "waiting")
    expect(place.get_by_role("log").get_by_text("How heavy are they?")).to_be_visible()
    use_server(place, "first")
    expect(place).to_have_attribute("data-state", "done", timeout=40_000)
    expect(place.get_by_text("It is 4350 g.").first).to_be_visible()
    expect(place.get_by_role("log").get_by_text("How heavy are they?")).to_have_count(1)
    expect(place.get_by_label("Model", exact=True)).to_have_count(0)


def test_a_task_that_is_stopped_before_it_began_comes_back_to_its_field(notebook: Notebook) -> None:
    place = open_panel(notebook)
    field = place.get_by_label("Task for the agent")
    field.fill("How heavy\nare they?")
    field.press("Enter")
    expect(place).to_have_attribute("data-state", "waiting")
    field.fill("And how tall?")
    place.get_by_role("button", name="Stop").click()
    expect(field).to_have_value("How heavy\nare they?\n\nAnd how tall?")
    expect(model_card(place)).to_be_visible()
    expect(place).to_have_attribute("data-state", "unset")


def test_a_download_that_fails_says_why_and_can_be_tried_again(notebook: Notebook) -> None:
    pytest.importorskip("xllamacpp", reason="without it, no download is offered")
    place = open_panel(notebook)
    notebook.execute("import os; os.environ.update(PIP_NO_INDEX='1', PIP_CONFIG_FILE=os.devnull)")
    card = model_card(place)
    card.get_by_role("button", name="Download").click()
    expect(card.get_by_text("From the Hugging Face hub")).to_be_visible(timeout=40_000)
    expect(card.get_by_role("button", name="Try again")).to_be_visible()


def test_a_page_that_is_loaded_again_shows_the_question_again(notebook: Notebook, scripted: ScriptedServer) -> None:
    scripted.remaining = [PLOT, "It is 4350 g."]
    place = open_panel(notebook)
    field = place.get_by_label("Task for the agent")
    field.fill("How heavy are they?")
    field.press("Enter")
    expect(place).to_have_attribute("data-state", "waiting")
    notebook.save()
    notebook.reload()
    expect(panel(notebook).get_by_text("How heavy are they?")).to_be_visible(timeout=20_000)
    use_server(panel(notebook), "first")
    expect(panel(notebook)).to_have_attribute("data-state", "done", timeout=40_000)
