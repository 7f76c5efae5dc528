"""`%%agent --cells` in a real browser: what it writes into the notebook, and that the notebook stays the user's."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import nbformat
import pytest

from tests.browser.agent_cells import (
    AGAIN,
    SLEEP,
    TICK,
    assert_the_next_cell_runs,
    model,
    python,
    run_button,
    saved_session,
    shown,
    wait_until_done,
)
from tests.browser.jupyter import Notebook, Server, one_app

pytestmark = [pytest.mark.browser, pytest.mark.integration]

AGENT = "%%agent -m replay --cells\nDo it."
PLOT = python("import matplotlib.pyplot as plt\nprint('sum:', 6 * 7)\nplt.plot([1, 2]); plt.show()")


def made(notebook: Notebook) -> list[dict[str, Any]]:
    """The cells the agent made."""
    return [cell for cell in notebook.cells() if "codeagent" in cell["metadata"]]


def kinds(notebook: Notebook) -> list[str]:
    return [cell["metadata"]["codeagent"]["kind"] for cell in made(notebook)]


def sources(notebook: Notebook) -> list[str]:
    return [cell["source"] for cell in notebook.cells()]


def wait_for(notebook: Notebook, condition: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, notebook.cells()
        notebook.page.wait_for_timeout(30)


def command(notebook: Notebook, name: str) -> None:
    notebook.do(f"return app.commands.execute('{name}').then(() => 1)")


def run_agent(notebook: Notebook, *replies: str, delay: float = 0.0, below: str = AGAIN, wait: bool = True) -> None:
    """Open a notebook with a model, the agent's cell and one below, and run the first two."""
    notebook.open(model(*replies, chunk_delay=delay), AGENT, below)
    notebook.run_cell(0)
    notebook.run_cell(1, wait=wait)


def valid(node: dict[str, Any]) -> Any:
    notebook = nbformat.from_dict(node)
    nbformat.validate(notebook)
    return notebook


def test_each_step_becomes_cells_below_while_it_happens(notebook: Notebook) -> None:
    run_agent(notebook, python("print(oops)"), PLOT, "It is **42**.", delay=0.03, wait=False)
    wait_for(notebook, lambda: "print('sum:" in sources(notebook)[-2] and sources(notebook)[-2] != PLOT)
    assert made(notebook)[-1]["metadata"]["codeagent"]["status"] == "writing"
    assert notebook.cells()[1]["execution_count"] is None, "it is still running"
    wait_until_done(notebook, 1)
    failed, note, code, reflection = made(notebook)
    assert kinds(notebook) == ["quoted", "note", "code", "reflection"]
    assert failed["cell_type"] == "markdown"
    folded = notebook.cell(2).locator("details")
    assert folded.locator("summary").inner_text() == "Attempt 1 failed: NameError: name 'oops' is not defined"
    assert not folded.locator("pre").first.is_visible(), "it is folded"
    folded.locator("summary").click()
    assert folded.locator("pre").first.inner_text().strip() == "print(oops)"
    assert folded.locator("pre").first.is_visible()
    assert "Trying again" in note["source"]
    assert (code["execution_count"], code["outputs"][0]["text"]) == (None, "sum: 42\n")
    assert "image/png" in code["outputs"][1]["data"]
    assert reflection["source"] == "It is **42**."
    assert notebook.cell(5).locator("strong").inner_text() == "42", "the explanation is rendered"
    assert sources(notebook)[-1] == AGAIN, "all of it stands between the agent's cell and the next"
    assert "done" in shown(notebook, 1)
    assert "sum: 42" not in shown(notebook, 1), "it is told once"
    file = valid(notebook.save())
    assert [cell.metadata.get("codeagent", {}).get("kind") for cell in file.cells[2:-1]] == kinds(notebook)
    assert_the_next_cell_runs(notebook, 6)


HOSTILE = r'''
x = """
```
</details></summary><img src=x onerror="document.title='alive'"><h1 class="hostile">out</h1>
```` $</details>$ \\( </details> \\) \begin{x} </details><h1 class="hostile">out</h1>
"""
raise ValueError("</summary></details><h1 class='hostile'>` $x$ \\\\(y\\\\)</h1>\\n\\n" + x)'''


def test_code_that_failed_cannot_break_out_of_its_fold(notebook: Notebook) -> None:
    run_agent(notebook, f"~~~~~~python\n{HOSTILE}\n~~~~~~", python("print(1)"), "One.")
    quoted = made(notebook)[0]
    assert quoted["metadata"]["codeagent"]["kind"] == "quoted"
    cell = notebook.cell(2)
    cell.locator("summary").first.click()
    assert cell.locator("details").count() == 1
    assert cell.locator("h1, img").count() == 0
    rendered = cell.locator(".jp-RenderedMarkdown").inner_text()
    inside = cell.locator("details").inner_text()
    assert rendered.strip() == inside.strip(), "nothing stands outside of it"
    assert 'class="hostile">out' in inside
    assert notebook.page.title() != "alive"


def test_undo_takes_back_an_attempt_that_was_replaced_by_its_quotation(notebook: Notebook) -> None:
    run_agent(notebook, python("print(oops)"), python("print(1)"), "It is 1.")
    before = made(notebook)
    for left in (["quoted", "note", "code"], ["quoted", "note"], []):
        command(notebook, "notebook:undo-cell-action")
        assert kinds(notebook) == left
    for _ in range(3):
        command(notebook, "notebook:redo-cell-action")
    assert made(notebook) == before


def test_what_it_wrote_runs_in_the_users_own_kernel(notebook: Notebook) -> None:
    run_agent(notebook, python("total = sum(range(5))\ntotal"), "```bash\necho from bash\n```", "Ten.")
    notebook.run_cell(2)
    assert notebook.outputs(2)[0]["data"]["text/plain"] == "10"
    assert notebook.value("total") == 10


def test_undo_takes_back_a_step_and_redo_brings_it_again(notebook: Notebook) -> None:
    run_agent(notebook, python("print(1)"), "It is 1.")
    before = made(notebook)
    command(notebook, "notebook:undo-cell-action")
    assert kinds(notebook) == ["code"]
    command(notebook, "notebook:undo-cell-action")
    assert kinds(notebook) == []
    assert len(notebook.cells()) == 3
    command(notebook, "notebook:redo-cell-action")
    command(notebook, "notebook:redo-cell-action")
    assert made(notebook) == before


def test_running_it_again_replaces_what_it_made_in_one_step(notebook: Notebook) -> None:
    run_agent(notebook, python("print(1)"), "It is 1.", python("print(2)"), "It is 2.")
    first = sources(notebook)
    assert first[2:-1] == ["print(1)", "It is 1."]
    notebook.run_cell(1)
    assert sources(notebook)[2:-1] == ["print(2)", "It is 2."]
    command(notebook, "notebook:undo-cell-action")
    assert sources(notebook) == first
    command(notebook, "notebook:redo-cell-action")
    assert sources(notebook)[2:-1] == ["print(2)", "It is 2."]


def forgive_jupyter(notebook: Notebook) -> None:
    """Jupyter complains of the comms that an earlier or another page had, of its own widgets, and after a restart."""
    own = (
        "Comm not found",
        "Could not restore the debugger state: Canceled future",
        # A widget that was closed while the page was loaded: seen on a machine under load.
        "uncaught: Error: [anywidget] Failed to initialize model",
        "Error: widget model not found",
    )
    notebook.errors[:] = [error for error in notebook.errors if not error.startswith(own)]


def edit(notebook: Notebook, index: int, text: str) -> None:
    notebook.do("panel.content.model.sharedModel.getCell(value[0]).setSource(value[1])", [index, text])


def test_a_cell_the_user_changed_is_kept_when_it_runs_again(notebook: Notebook) -> None:
    run_agent(notebook, python("print(1)"), "It is 1.", python("print(2)"), "It is 2.")
    edit(notebook, 2, "print(1)  # mine")
    notebook.run_cell(1)
    assert sources(notebook)[2:-1] == ["print(2)", "It is 2.", "print(1)  # mine"]
    assert "kept" in shown(notebook, 1)
    assert len({cell["id"] for cell in notebook.cells()}) == len(notebook.cells())
    notebook.run_cell(1)
    assert "print(1)  # mine" in sources(notebook)


def restart_and_run_all(notebook: Notebook) -> list[dict[str, Any]]:
    notebook.restart()
    notebook.do("app.commands.execute('notebook:run-all-cells')")
    last = len(notebook.cells()) - 1
    wait_for(notebook, lambda: "next" in str(notebook.cells()[-1].get("outputs")), 30)
    notebook.wait_idle()
    assert last == len(notebook.cells()) - 1 or last == 2
    return [{**cell, "outputs": []} if cell["source"] == AGENT else cell for cell in notebook.cells()]


def test_restarting_and_running_all_twice_gives_the_same_notebook(notebook: Notebook) -> None:
    replies = [python("print(oops)"), PLOT, "It is **42**."]
    notebook.open(model(*replies), AGENT, AGAIN)
    notebook.wait_until_settled()
    restart_and_run_all(notebook)  # from now on there is an earlier session, and %load_ext says so
    first = restart_and_run_all(notebook)
    assert [cell["source"] for cell in first[2:-1]] != []
    second = restart_and_run_all(notebook)
    assert [cell["execution_count"] for cell in second if cell["source"] == AGAIN] != [None]
    counted = {"execution_count": None}  # the cells that were replaced have run, too
    assert [cell | counted if cell["source"] == AGAIN else cell for cell in second] == [
        cell | counted if cell["source"] == AGAIN else cell for cell in first
    ]
    third = restart_and_run_all(notebook)
    assert third == second
    valid(notebook.save())
    forgive_jupyter(notebook)


DEEDS = [
    "import os; os.remove('mine.csv')",
    "import os; os.system('sed -i s/1/9/ mine.csv; rm -rf notes')",
    "import os\ntry:\n    os.rename('mine.csv', 'yours.csv')\nexcept OSError:\n    pass",
]


def test_code_that_would_destroy_a_file_of_the_users_never_runs_in_their_kernel(notebook: Notebook) -> None:
    """It ended well where it was held, so it once became a cell, and ran at the next Restart & Run All."""
    mine, notes = notebook.server.root / "mine.csv", notebook.server.root / "notes" / "old.txt"
    notes.parent.mkdir(exist_ok=True)
    mine.write_text("a\n1\n")
    notes.write_text("old")
    replies = [*map(python, DEEDS), python("print(open('mine.csv').read())"), "It is 1."]
    # Or a person would be asked whether the file may be changed.
    notebook.open(f"{model(*replies)}\n%config CodeAgent.approval = 'never'", AGENT, AGAIN)
    notebook.wait_until_settled()
    for _ in range(2):
        restart_and_run_all(notebook)
        made_code = [cell["source"] for cell in made(notebook) if cell["cell_type"] == "code"]
        assert made_code == ["print(open('mine.csv').read())"]
        assert (mine.read_text(), notes.read_text()) == ("a\n1\n", "old")
    statuses = [cell["metadata"]["codeagent"].get("status") for cell in made(notebook)]
    assert statuses.count("refused") == len(DEEDS)
    forgive_jupyter(notebook)


def test_cells_the_user_edits_or_deletes_meanwhile_are_left_alone(notebook: Notebook) -> None:
    slow = python("import time\nfor i in range(40):\n    print('tick', i, flush=True)\n    time.sleep(0.05)")
    run_agent(notebook, slow, "Done.", wait=False)
    wait_for(notebook, lambda: "tick 3" in str(notebook.cells()[2].get("outputs")))
    edit(notebook, 2, "mine = 1")
    wait_until_done(notebook, 1)
    cell = notebook.cells()[2]
    assert cell["source"] == "mine = 1"
    assert "tick 39" not in str(cell["outputs"])
    assert kinds(notebook) == ["reflection"], "the mark of what is the agent's is gone"
    assert "left alone" in shown(notebook, 1)
    assert "tick 39" in saved_session(notebook)


@one_app
def test_a_cell_deleted_while_it_runs_does_not_come_back(notebook: Notebook) -> None:
    slow = python("import time\nfor i in range(40):\n    print('tick', i, flush=True)\n    time.sleep(0.05)")
    run_agent(notebook, slow, "Done.", wait=False)
    wait_for(notebook, lambda: "tick 3" in str(notebook.cells()[2].get("outputs")))
    notebook.do("panel.content.model.sharedModel.deleteCell(2)")
    wait_until_done(notebook, 1)
    assert kinds(notebook) == ["reflection"]
    assert "tick 39" in saved_session(notebook)


def test_stop_leaves_what_ran_marked_as_stopped(notebook: Notebook) -> None:
    run_agent(notebook, SLEEP, wait=False)
    wait_for(notebook, lambda: "begun" in str(notebook.cells()[2].get("outputs")))
    notebook.cell(1).get_by_role("button", name="Stop").click()
    wait_until_done(notebook, 1)
    cell = made(notebook)[0]
    assert cell["metadata"]["codeagent"]["status"] == "interrupted" or cell["cell_type"] == "markdown"
    assert_the_next_cell_runs(notebook, len(notebook.cells()) - 1)


@one_app
def test_code_that_waits_for_approval_stands_there_and_goes_if_it_is_rejected(notebook: Notebook) -> None:
    notebook.open(model(python("print(1)")), "%%agent -m replay --cells -a always\nDo it.", AGAIN)
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    run_button(notebook, 1).wait_for()
    wait_for(notebook, lambda: sources(notebook)[2] == "print(1)")
    assert made(notebook)[0]["metadata"]["codeagent"]["status"] == "waiting"
    notebook.cell(1).get_by_role("button", name=re.compile("^Reject")).click()
    wait_until_done(notebook, 1)
    assert made(notebook) == [] or kinds(notebook) == ["answer"]
    assert "Not approved" in shown(notebook, 1)


def test_a_thousand_outputs_come_in_order_and_none_is_lost(notebook: Notebook) -> None:
    run_agent(notebook, python("for i in range(1000):\n    display(i)"), "Done.")
    outputs = made(notebook)[0]["outputs"]
    assert [int(output["data"]["text/plain"]) for output in outputs] == list(range(1000))


def test_another_window_on_the_same_notebook_does_not_write_a_second_time(notebook: Notebook) -> None:
    notebook.open(model(python("print(1)"), "It is 1."), AGENT, AGAIN)
    other = notebook.new_page()
    notebook.visit(other)
    notebook.run_cell(0)
    notebook.run_cell(1)
    assert kinds(notebook) == ["code", "reflection"]
    notebook.page.wait_for_timeout(500)
    count = (
        "([path]) => { const app = window.jupyterapp; const panel = [...app.shell.widgets('main')].find((widget) => "
    )
    count += "widget.context?.path === path); return panel.content.model.cells.length }"
    assert other.evaluate(count, [notebook.path]) == 3
    forgive_jupyter(notebook)


def test_after_a_reload_it_goes_on_in_the_new_page(notebook: Notebook) -> None:
    run_agent(notebook, TICK.replace("600", "150"), "Done.", wait=False)
    wait_for(notebook, lambda: "tick 3" in str(notebook.cells()[2].get("outputs")))
    notebook.save()
    notebook.page.reload()
    notebook.page.wait_for_function("() => window.jupyterapp")
    wait_for(notebook, lambda: opened(notebook) and "reflection" in kinds(notebook), 60)
    code = made(notebook)[0]
    assert code["outputs"][0]["text"] == "".join(f"tick {i}\n" for i in range(150))
    valid(notebook.save())
    forgive_jupyter(notebook)


def opened(notebook: Notebook) -> bool:
    return bool(notebook.do("return Boolean(panel?.content?.model && panel.context.isReady)"))


@one_app  # Notebook 7 has no tabs of its own
def test_in_another_tab_meanwhile_only_the_owning_notebook_changes(notebook: Notebook) -> None:
    run_agent(notebook, python("print(1)"), TICK.replace("600", "5"), "Done.", delay=0.05, wait=False)
    notebook.do("app.commands.execute('docmanager:new-untitled', { type: 'notebook' })")
    notebook.page.wait_for_timeout(200)
    other = notebook.do(
        "return app.serviceManager.contents.newUntitled({ type: 'notebook' })"
        ".then(({ path }) => app.commands.execute('docmanager:open', { path })).then((w) => w.context.path)"
    )
    wait_for(notebook, lambda: "reflection" in kinds(notebook), 20)
    cells = notebook.do(
        "return [...app.shell.widgets('main')].find((w) => w.context?.path === value).content.model.cells.length", other
    )
    assert cells <= 1


@one_app
def test_the_users_place_is_kept_while_cells_come(notebook: Notebook) -> None:
    run_agent(notebook, python("print(1)"), "It is 1.", delay=0.03, wait=False)
    notebook.do("panel.content.activeCellIndex = 0")
    wait_until_done(notebook, 1)
    assert notebook.do("return panel.content.activeCellIndex") == 0
    assert notebook.do("return panel.content.mode") == "command"


@pytest.fixture
def without_extension(server: Server, own_page: None) -> Iterator[None]:
    """The front end as it is where the package is not installed beside it."""
    config = server.folder / "config" / "labconfig" / "page_config.json"
    before = config.read_text()
    config.write_text(before.replace('{"disabledExtensions": {', '{"disabledExtensions": {"codeagent-nb": true, '))
    yield
    config.write_text(before)


@pytest.mark.usefixtures("without_extension")
def test_without_the_extension_the_code_goes_into_the_next_cell(notebook: Notebook) -> None:
    run_agent(notebook, python("print(oops)"), python("x = 6 * 7\nprint(x)"), "It is **42**.")
    wait_for(notebook, lambda: len(notebook.cells()) == 4)
    assert sources(notebook)[2] == "x = 6 * 7\nprint(x)"
    assert made(notebook) == []
    notices = [line for line in shown(notebook, 1).splitlines() if "lacks the extension" in line]
    assert len(notices) == 1
    assert "<strong>42</strong>" in shown(notebook, 1), "the story is told under the cell"
    # The kernel asked for something nobody knows; Jupyter says so.
    assert all("comm" in error for error in notebook.errors), notebook.errors
    notebook.errors.clear()


@one_app
def test_a_read_only_notebook_is_left_as_it_is(notebook: Notebook) -> None:
    notebook.open(model(python("print(1)"), "It is 1."), AGENT, AGAIN)
    notebook.do("panel.context.model.readOnly = true")
    notebook.run_cell(0)
    notebook.run_cell(1)
    assert made(notebook) == []
    assert "read-only" in shown(notebook, 1)
    assert "It is 1." in shown(notebook, 1)


def test_the_setting_makes_cells_the_default_and_the_panel_puts_them_at_the_end(notebook: Notebook) -> None:
    setup = model(python("print(1)"), "It is 1.") + "\n%config CodeAgent.cells = True"
    notebook.open(setup, "%agent panel", AGAIN)
    notebook.run_cell(0)
    notebook.run_cell(1)
    task = notebook.cell(1).get_by_label("Task for the agent")
    task.fill("Print one.")
    task.press("Enter")
    wait_for(notebook, lambda: "reflection" in kinds(notebook))
    assert kinds(notebook) == ["task", "code", "reflection"]
    assert sources(notebook)[3:] == ["Print one.", "print(1)", "It is 1."]
    assert notebook.outputs(1)[1:] == [], "outputs are in the cells, not below the panel"


LIVE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
HOSTILE_CODE = f"""
from IPython.display import display
live = {LIVE!r}
display({{"text/html": live, "text/plain": live}}, raw=True)
display({{"application/javascript": "document.title='owned'"}}, raw=True)
display({{"text/markdown": live + "![x](https://evil.example/a.png)"}}, raw=True)
svg = "<svg xmlns='http://www.w3.org/2000/svg' onload=\\"document.title='owned'\\"></svg>"
display({{"image/svg+xml": svg}}, raw=True)
print("\\x1b[31mred\\x1b[0m \\u202eevil\\u202c", live)
display({{"text/plain": "x" * 5_000_000}}, raw=True)
"""
HOSTILE_WORDS = f"""
{LIVE}
</script>
![gone](https://evil.example/pixel.png) [![gone](https://evil.example/pixel.png)](https://evil.example)

![gone][pixel] <https://evil.example>

[pixel]: https://evil.example/pixel.png

```html
{LIVE}
```
\u202eevil\u202c
"""


def test_nothing_hostile_runs_or_is_loaded(notebook: Notebook) -> None:
    run_agent(notebook, python(HOSTILE_CODE), HOSTILE_WORDS)
    notebook.page.wait_for_timeout(1000)
    assert notebook.page.title() != "owned"
    assert kinds(notebook) == ["code", "reflection"]
    assert notebook.cell(3).locator(".jp-RenderedMarkdown img").count() == 0, notebook.cell(3).inner_html()
    valid(notebook.save())
    notebook.reload()
    notebook.page.wait_for_timeout(500)
    assert notebook.page.title() != "owned"


@one_app
def test_five_megabytes_of_words_break_nothing(notebook: Notebook) -> None:
    run_agent(notebook, python("print(1)"), "x" * 5_000_000)
    assert kinds(notebook) == ["code", "reflection"]
    assert len(made(notebook)[1]["source"]) < 60_000
    assert_the_next_cell_runs(notebook, 4)
