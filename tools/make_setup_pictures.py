"""Take the pictures in docs/setup: from an empty notebook in the home folder, with no key, to a first plotted answer.

Everything is real: the page, the kernel, the sandbox, the embedded model, which is downloaded from a server on this
machine. Needs chromium and the embedded model (`codeagent-nb model fetch`).
"""

import os
import shutil
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Locator, expect, sync_playwright

from codeagent_nb.models.embedded import weights
from tests.browser.agent_cells import wait_until_done
from tests.browser.conftest import QUIET
from tests.browser.jupyter import THEMES, Notebook, Server
from tests.integration.scripted_server import ScriptedServer
from tests.support.hub import Hub

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "setup"
PENGUINS = ROOT / "notebooks" / "data" / "penguins.csv"
TASK = """%%agent
Read penguins.csv. Print the mean body mass of each species in grams,
rounded to one decimal, and draw a bar chart of the means."""
RATE = 60 << 20
NARROW = 560


class Steps:
    """Takes a numbered picture of a cell, in both themes where asked."""

    def __init__(self, notebook: Notebook) -> None:
        self.notebook = notebook
        self.count = 0

    def take(self, name: str, of: Locator, *, themes: bool = False) -> None:
        self.count += 1
        page = self.notebook.page
        page.mouse.move(0, 0)
        for theme in THEMES if themes else THEMES[:1]:
            self.notebook.theme(theme)  # type: ignore[arg-type]
            page.wait_for_timeout(300)
            word = theme.split()[-1].lower()
            picture = Image.open(BytesIO(of.screenshot(animations="disabled"))).convert("RGB")
            small = picture.quantize(240, dither=Image.Dither.NONE)  # a third of the size, and looks the same
            PICTURES.mkdir(exist_ok=True)
            small.save(PICTURES / f"{self.count}-{name}-{word}.png", optimize=True)
        self.notebook.theme(THEMES[0])  # type: ignore[arg-type]


def from_nothing_to_a_plot(server: Server, browser: Browser, hub: Hub) -> None:
    """The cell: which files, no model, download, pause, resume, answer."""
    notebook = Notebook(server, browser, device_scale_factor=1.5, reduced_motion="reduce")
    notebook.context.set_default_timeout(60_000)
    notebook.page.set_viewport_size({"width": 1040, "height": 1500})
    notebook.open("%load_ext codeagent_nb", TASK)
    notebook.page.keyboard.press("Control+B")  # the side bar
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    cell, steps = notebook.cell(1), Steps(notebook)
    files = cell.get_by_role("region", name="Which of your files")
    expect(files.get_by_label("penguins.csv")).to_be_checked()
    steps.take("files", cell, themes=True)
    files.get_by_role("button", name="Go on").click()
    card = cell.get_by_role("region", name="The agent needs a language model")
    card.wait_for()
    steps.take("no-model", cell, themes=True)
    card.get_by_role("button", name="Download").click()
    expect(card.get_by_text("left")).to_be_visible()
    steps.take("download", cell, themes=True)
    card.get_by_role("button", name="Pause").click()
    card.get_by_role("button", name="Resume").wait_for()
    steps.take("paused", cell)
    hub.rate = 0
    card.get_by_role("button", name="Resume").click()
    card.wait_for(state="detached")
    wait_until_done(notebook, 1, seconds=1200)
    notebook.page.wait_for_timeout(500)
    steps.take("answer", cell, themes=True)
    notebook.close()
    if notebook.errors:
        raise SystemExit("\n".join(notebook.errors))


def in_the_panel(server: Server, browser: Browser) -> None:
    """The panel: no model yet, servers that were found, a key; narrow, too."""
    notebook = Notebook(server, browser, device_scale_factor=1.5, reduced_motion="reduce")
    notebook.page.set_viewport_size({"width": 1040, "height": 1200})
    notebook.open("%load_ext codeagent_nb", "%agent panel")
    notebook.page.keyboard.press("Control+B")
    notebook.run_cell(0)
    notebook.run_cell(1)
    panel = notebook.cell(1).locator(".cagent")
    card = panel.get_by_role("region", name="The agent needs a language model")
    card.get_by_role("button", name="Look for one").click()
    card.get_by_role("button", name="Use it").wait_for()
    steps = Steps(notebook)
    steps.count = 5
    steps.take("panel", panel, themes=True)
    notebook.page.set_viewport_size({"width": NARROW, "height": 1200})
    steps.take("panel-narrow", panel, themes=True)
    notebook.page.set_viewport_size({"width": 1040, "height": 1200})
    card.get_by_label("Key", exact=True).fill("sk-not-a-real-key-123456")
    card.get_by_label("Address of the server").fill("localhost:9")
    card.get_by_role("button", name="Use this key").click()
    card.get_by_text("no answer").wait_for()
    steps.take("panel-key", panel)
    notebook.close()


def main() -> None:
    """Start a hub, a server and a browser, and take all pictures."""
    model = weights.find(os.environ)
    if model is None:
        raise SystemExit("the embedded model is not here: codeagent-nb model fetch")
    hub, ollama = Hub(model, RATE), ScriptedServer([])
    ollama.models = ["qwen2.5-coder:7b", "llama3.2:3b", "nomic-embed-text:latest"]
    with tempfile.TemporaryDirectory(dir=Path.home()) as folder, sync_playwright() as playwright:
        place = Path(folder) / "jupyter"
        home = place / "root"
        environment = {
            "HOME": str(home),
            "XDG_CACHE_HOME": str(place / "cache"),
            "HF_ENDPOINT": hub.url,
            "OLLAMA_HOST": f"127.0.0.1:{ollama.http.server_port}",
            "OPENAI_API_KEY": "",
            "OPENAI_BASE_URL": "",
            "CODEAGENT_MODEL": "",
            "CODEAGENT_MODEL_PATH": "",
        }
        server = Server("lab", place, environment)
        shutil.copy(PENGUINS, home)
        (home / "survey-2024.xlsx").write_bytes(b"PK" * 21_000)
        (home / "projects").mkdir()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        try:
            in_the_panel(server, browser)
            from_nothing_to_a_plot(server, browser, hub)
        finally:
            browser.close()
            server.close()
            hub.close()
            ollama.close()


if __name__ == "__main__":
    main()
