"""What the tests of the agent in a notebook share: cells with scripted models, and waiting for what is shown."""

import re
import time
from pathlib import Path

from playwright.sync_api import Locator

from tests.browser.jupyter import Notebook

LOAD = "%load_ext codeagent_nb\nfrom codeagent_nb import ReplayChatCompletionClient\n"
AGAIN = "print('next')"


def model(*replies: str, chunk_delay: float = 0.0, name: str = "replay", cells: bool = False) -> str:
    """The source of a cell that makes a scripted model; tasks show all under their cell unless `cells`."""
    load = LOAD if cells else f"{LOAD}%config CodeAgent.cells = False\n"
    return f"{load}{name} = ReplayChatCompletionClient({list(replies)!r}, chunk_delay={chunk_delay})"


def python(code: str) -> str:
    return f"I write code.\n\n```python\n{code}\n```"


SLEEP = python("import time\nprint('begun', flush=True)\ntime.sleep(60)\nopen('done', 'w').close()")
TICK = python("import time\nfor i in range(600):\n    print('tick', i, flush=True)\n    time.sleep(0.1)")


def shown(notebook: Notebook, index: int) -> str:
    """Everything under a cell, as text and HTML."""
    return "\n".join(str(output.get("data", output)) for output in notebook.outputs(index))


def wait_until_shown(notebook: Notebook, index: int, text: str, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while text not in shown(notebook, index):
        assert time.monotonic() < deadline, f"{text!r} is not in {shown(notebook, index)!r}"
        notebook.page.wait_for_timeout(30)


def wait_until_done(notebook: Notebook, index: int, seconds: float = 15) -> None:
    """Wait for a cell's end; the kernel calls itself idle between the messages of a cell that awaits."""
    deadline = time.monotonic() + seconds
    while notebook.cells()[index]["execution_count"] is None:
        assert time.monotonic() < deadline, f"the cell still runs and shows {shown(notebook, index)!r}"
        notebook.page.wait_for_timeout(20)


def saved_session(notebook: Notebook) -> str:
    [saved] = notebook.server.root.glob(f".codeagent/sessions/{Path(notebook.path).stem}-*/session.ipynb")
    return saved.read_text()


def run_button(notebook: Notebook, index: int) -> Locator:
    return notebook.cell(index).get_by_role("button", name=re.compile("^Run"))


def edit_code(place: Locator, code: str) -> None:
    """Edit the first block of code that is to be approved, and have it shown again."""
    place.get_by_role("button", name="Edit").first.click()
    place.get_by_label("Approve code").get_by_role("textbox").first.fill(code)
    place.get_by_role("button", name="Review the edited code").click()


def assert_the_next_cell_runs(notebook: Notebook, index: int) -> None:
    notebook.run_cell(index)
    assert notebook.outputs(index)[-1]["text"] == "next\n"
