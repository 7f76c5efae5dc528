"""From nothing to a plotted answer with the real embedded model, which is downloaded in the card: paused, resumed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from codeagent_nb.models.embedded import weights
from tests.browser.agent_cells import wait_until_done
from tests.browser.jupyter import Notebook, Server
from tests.support.hub import Hub

pytest.importorskip("xllamacpp", reason="the embedded model's server is not installed: pip install '.[local]'")

pytestmark = [pytest.mark.model, pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(600)]

TASK = "%%agent -t 120\nPrint 6 * 7 and draw a bar chart of the numbers 1, 2, 3 with matplotlib."


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A hub that has the real file, and is not in a hurry."""
    model = weights.find(os.environ)
    if model is None:
        pytest.skip("the embedded model is not here: codeagent-nb model fetch")
    served = Hub(model, rate=40_000_000)
    yield served
    served.close()


@pytest.fixture(scope="module")
def server(chromium: str, hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Jupyter started in the home folder, with no key and an empty cache."""
    folder: Path = tmp_path_factory.mktemp("setup") / "jupyter"
    nothing = dict.fromkeys(["OPENAI_API_KEY", "OPENAI_BASE_URL", "CODEAGENT_MODEL", "CODEAGENT_MODEL_PATH"], "")
    places = {"HOME": str(folder / "root"), "XDG_CACHE_HOME": str(folder / "cache")}
    started = Server("lab", folder, {**nothing, **places, "HF_ENDPOINT": hub.url})
    yield started
    started.close()


def test_a_download_that_is_paused_and_resumed_ends_in_a_plot_by_itself(notebook: Notebook, hub: Hub) -> None:
    notebook.open("%load_ext codeagent_nb", TASK)
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    cell = notebook.cell(1)
    cell.get_by_text("None: it starts in a new, empty folder").click()
    cell.get_by_role("button", name="Go on").click()
    cell.get_by_role("button", name="Download").click()
    expect(cell.get_by_text("left")).to_be_visible()
    cell.get_by_role("button", name="Pause").click()
    expect(cell.get_by_text("Paused at")).to_be_visible()
    [part] = (notebook.server.folder / "cache").rglob("*.part")
    kept = part.stat().st_size
    assert kept > 0
    hub.rate = 0
    cell.get_by_role("button", name="Resume").click()
    wait_until_done(notebook, 1, seconds=400)
    assert hub.ranges == [None, f"bytes={kept}-"]
    made = [cell for cell in notebook.cells() if "codeagent" in cell["metadata"]]
    assert "42" in str(made)
    assert "image/png" in str(made)
