"""Take the README's pictures of the agent at work: a cell with the embedded model, a run in the panel as a GIF.

Needs chromium and the embedded model (`codeagent-nb model fetch`).
"""

import os
import shutil
import tempfile
import time
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from codeagent_nb.models.embedded import weights
from tests.browser.conftest import QUIET
from tests.browser.jupyter import Notebook, Server

DOCS = Path(__file__).parents[1] / "docs"
PENGUINS = DOCS.parent / "notebooks" / "data" / "penguins.csv"
LOAD = "%load_ext codeagent_nb\n%config CodeAgent.cells = False\nimport pandas as pd\ndf = pd.read_csv('penguins.csv')"
TASK = "Print the mean body mass of each species in grams,\nrounded to one decimal, and draw a bar chart of the means."
PANEL = "import codeagent_nb\ncodeagent_nb.panel('replay')"
REPLIES = [
    (
        "I compare the mean body mass of the species.\n\n```python\nmeans = df.groupby('species')['body_mass'].mean()\n"
        "print(means.round(1).to_string())\n```"
    ),
    (
        "The column is called `body_mass_g`.\n\n```python\nimport matplotlib.pyplot as plt\n\n"
        "means = df.groupby('species')['body_mass_g'].mean()\nprint(means.round(1).to_string())\n"
        "means.plot.barh(figsize=(5, 1.8), color='#4c8bb5')\nplt.tight_layout()\nplt.show()\n```"
    ),
    "**Gentoo** penguins are the heaviest on average, with 5076.0 g.",
]
FRAMES_A_SECOND = 8


def take_cell(server: Server, browser: Browser) -> None:
    """A task on a table, solved by the embedded model."""
    notebook = Notebook(server, browser)
    notebook.open(LOAD, f"%%agent -m local -i df --no-cells\n{TASK}")
    notebook.run_cell(0)
    notebook.run_cell(1)
    notebook.page.set_viewport_size({"width": 1100, "height": 1500})
    notebook.page.wait_for_timeout(500)
    notebook.screenshot(DOCS / "agent-cell.png", of=notebook.cell(1))
    notebook.close()


def take_panel(server: Server, browser: Browser) -> None:
    """A run in the panel, picture by picture."""
    notebook = Notebook(server, browser)
    script = f"from codeagent_nb import ReplayChatCompletionClient\nreplay = ReplayChatCompletionClient({REPLIES!r}, "
    notebook.open(f"{LOAD}\n{script}chunk_delay=0.12)", PANEL)
    notebook.run_cell(0)
    notebook.run_cell(1)
    panel = notebook.cell(1).locator(".cagent")
    panel.scroll_into_view_if_needed()
    field = panel.locator("textarea").last
    field.fill("Which species in @{df} is the heaviest? Draw it.")
    frames = [_frame(panel.screenshot())]
    field.press("Enter")
    ending = None
    while ending is None or time.monotonic() < ending:
        frames.append(_frame(panel.screenshot()))
        notebook.page.wait_for_timeout(1000 / FRAMES_A_SECOND)
        if ending is None and panel.get_attribute("data-state") == "done":
            ending = time.monotonic() + 2
    notebook.close()
    size = (max(frame.width for frame in frames), max(frame.height for frame in frames))
    pictures = [_on_ground(frame, size).quantize(128, dither=Image.Dither.NONE) for frame in frames]
    pictures[0].save(
        DOCS / "panel.gif", save_all=True, append_images=pictures[1:], duration=1000 // FRAMES_A_SECOND, loop=0
    )


def _frame(png: bytes) -> Image.Image:
    picture = Image.open(BytesIO(png)).convert("RGB")
    return picture.resize((picture.width * 3 // 4, picture.height * 3 // 4), Image.Resampling.LANCZOS)


def _on_ground(frame: Image.Image, size: tuple[int, int]) -> Image.Image:
    ground = Image.new("RGB", size, "white")
    ground.paste(frame, (0, 0))
    return ground


def main() -> None:
    """Take both."""
    model = weights.find(os.environ)
    if model is None:
        raise SystemExit("the embedded model is not here: codeagent-nb model fetch")
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), headless=True, args=QUIET)
        server = Server("lab", Path(place) / "jupyter", environment={"CODEAGENT_MODEL_PATH": str(model)})
        try:
            shutil.copy(PENGUINS, server.root)
            take_cell(server, browser)
            take_panel(server, browser)
        finally:
            browser.close()
            server.close()


if __name__ == "__main__":
    main()
