"""Take the pictures of the panel in docs/panel: each state, light and dark, wide and narrow. Needs chromium."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from codeagent_nb.notebook.panel.widget_controls import question_fields
from codeagent_nb.projections.chat import block_fields, run_fields
from kernel_executor import CodeBlock
from tests.browser.conftest import QUIET
from tests.browser.jupyter import THEMES, Notebook, Server

PICTURES = Path(__file__).parents[1] / "docs" / "panel"
NARROW = 360
MODELS = ["qwen2.5-coder-1.5b", "gpt-4.1-mini"]
PLOT = """
import base64, io
from matplotlib.figure import Figure
figure = Figure(figsize=(6, 3.6), layout="constrained")
axes = figure.subplots()
for name, color, points in (
    ("Adelie", "#e07b39", [(38.8, 18.3), (36.7, 19.3), (41.1, 17.6), (39.5, 17.4), (37.2, 18.1), (40.3, 18.9)]),
    ("Gentoo", "#3b7dd8", [(46.1, 13.2), (50.0, 15.3), (48.7, 14.1), (45.4, 14.6), (47.6, 14.5), (49.3, 15.7)]),
    ("Chinstrap", "#3fa66b", [(46.5, 17.9), (50.1, 19.2), (51.3, 18.7), (45.4, 18.7), (52.7, 19.8), (48.9, 18.1)]),
):
    axes.scatter(*zip(*points), label=name, color=color, s=46, alpha=0.9)
axes.set(xlabel="bill length (mm)", ylabel="bill depth (mm)", title="Bills of three species")
axes.legend(frameon=False)
axes.spines[["top", "right"]].set_visible(False)
png = io.BytesIO()
figure.savefig(png, format="png", dpi=90)
PLOT = "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()
from codeagent_nb.notebook.panel.widget import AgentWidget
def with_plot(entries):
    return [{**entry, "images": [PLOT for _ in entry["images"]]} if entry.get("images") else entry for entry in entries]
"""
CODE = """\
import pandas as pd

penguins = pd.read_csv("penguins.csv").dropna()
means = penguins.groupby("species")["bill_depth"].mean()  # in millimetres
print(means.round(1).to_string())
"""
MENDED = CODE.replace("bill_depth", "bill_depth_mm")
TRACEBACK = """\
Traceback (most recent call last):
  File "cell 1", line 4, in <module>
    means = penguins.groupby("species")["bill_depth"].mean()
KeyError: 'Column not found: bill_depth'"""
TASK = {
    "id": "1",
    "kind": "task",
    "text": "Which penguin species has the deepest bill? Draw bill length against depth.",
}
FIRST = {
    "id": "2",
    "kind": "reply",
    "open": False,
    "text": f"I read the data and compare the **mean bill depth** of each species.\n\n```python\n{CODE}```",
}
FAILED = {
    "id": "3",
    "kind": "run",
    **block_fields("error"),
    "attempt": 1,
    "seconds": 1.42,
    "text": TRACEBACK,
    "images": [],
    "note": "",
}
REFLECTION = {
    "id": "4",
    "kind": "reflection",
    "open": False,
    "text": "The column is called `bill_depth_mm`, as the list of columns shows. Worth another try.",
}
SECOND = {"id": "5", "kind": "reply", "open": False, "text": f"With the right column:\n\n```python\n{MENDED}```"}
RUNNING = {**FAILED, "id": "6", **block_fields("running"), "attempt": 2, "seconds": None, "text": ""}
RAN = {
    **RUNNING,
    **block_fields("ok"),
    "seconds": 0.87,
    "text": "species\nAdelie       18.3\nChinstrap    18.4\nGentoo       15.0",
    "images": ["plot"],
}
ANSWER = {
    "id": "7",
    "kind": "reply",
    "open": False,
    "text": "**Chinstrap** has the deepest bill, barely ahead of Adelie; Gentoo's is the shallowest.\n\n"
    "| Species | Mean depth (mm) | Birds |\n|:--|--:|--:|\n| Chinstrap | 18.4 | 68 |\n| Adelie | 18.3 | 146 |\n"
    "| Gentoo | 15.0 | 119 |\n\nThe difference of 0.1 mm is *smaller than the spread* within each species.",
}
END = {
    "id": "8",
    "kind": "end",
    **run_fields("succeeded"),
    "text": "",
    "facts": ["2 attempts", "2.3 s of running", "1,204 tokens", "sandboxed"],
}
GAVE_UP = {
    "id": "8",
    "kind": "end",
    **run_fields("failed"),
    "text": "Three attempts failed, each with the same error.",
    "facts": ["3 attempts", "4.1 s of running"],
}
NOTE = {"id": "n", "kind": "note", "level": "warn", "text": "The code failed; the agent tries again (1 of 2)."}
APPROVAL = question_fields("a", [CodeBlock(CODE)], "sandbox, no network")
SCENES: dict[str, dict[str, Any]] = {
    "idle": {"state": "idle"},
    "thinking": {
        "state": "thinking",
        "status": "Writing code",
        "entries": [TASK, {**FIRST, "open": True, "text": FIRST["text"][:64]}],
    },
    "running": {
        "state": "running",
        "status": "Running attempt 2",
        "entries": [TASK, FIRST, FAILED, NOTE, REFLECTION, SECOND, RUNNING],
    },
    "waiting": {"state": "waiting", "status": "1 block of code", "entries": [TASK, FIRST], "approval": APPROVAL},
    "failed": {"state": "failed", "status": "3 attempts", "entries": [TASK, FIRST, FAILED, GAVE_UP]},
    "done": {
        "state": "done",
        "status": "in 9 s",
        "entries": [TASK, FIRST, FAILED, NOTE, REFLECTION, SECOND, RAN, ANSWER, END],
        "notebook": "sessions/penguin-bills.ipynb",
    },
}
STRIP = ("running", "waiting", "done")


def show(notebook: Notebook, scene: dict[str, Any], mode: str, width: int | None) -> None:
    """Make a panel with these traits in the cell's output."""
    traits = {"models": MODELS, "model": MODELS[0], **scene}
    entries = traits.pop("entries", [])
    layout = f"dict(width='{width}px')" if width else "{}"
    notebook.execute(
        f"panel = AgentWidget(mode={mode!r}, entries=with_plot({entries!r}), layout={layout}, **{traits!r})"
    )
    notebook.run_cell(0)
    notebook.page.locator(".cagent").wait_for()
    notebook.page.mouse.move(0, 0)
    notebook.page.wait_for_timeout(300)


def take_all(browser: Browser, server: Server) -> None:
    """Every scene, in each theme, wide and narrow; the strip of a cell in some."""
    notebook = Notebook(server, browser, device_scale_factor=2, reduced_motion="reduce")
    notebook.context.set_default_timeout(30_000)
    notebook.page.set_viewport_size({"width": 1040, "height": 1240})
    notebook.open("panel")
    notebook.page.keyboard.press("Control+B")  # the side bar
    notebook.execute(PLOT)
    panel = notebook.page.locator(".cagent")
    for theme in THEMES:
        notebook.theme(theme)  # type: ignore[arg-type]
        word = theme.split()[-1].lower()
        for name, scene in SCENES.items():
            for width, suffix in ((None, ""), (NARROW, "-narrow")):
                show(notebook, scene, "chat", width)
                notebook.screenshot(PICTURES / f"{name}-{word}{suffix}.png", panel)
        for name in STRIP:
            show(notebook, SCENES[name], "cell", None)
            notebook.screenshot(PICTURES / f"cell-{name}-{word}.png", panel)
    notebook.close()
    if notebook.errors:
        raise SystemExit("\n".join(notebook.errors))


def main() -> None:
    """Start a server and a browser, and take all pictures."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server("lab", Path(folder) / "jupyter")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        try:
            take_all(browser, server)
        finally:
            browser.close()
            server.close()


if __name__ == "__main__":
    main()
