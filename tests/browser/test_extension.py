"""The extension in a real browser: changes that a kernel asks for are made in the open notebook, and only those."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from statistics import median
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Locator

from tests.browser.jupyter import Notebook, one_app
from tests.browser.raw_page import OK, apply, ask, attach, by_id, connect, edit, ids
from tests.support.page_changes import append, code, display, insert, markdown, outputs, source, stream

pytestmark = [pytest.mark.browser, pytest.mark.integration]


def test_jupyter_lists_it_as_enabled_after_nothing_but_the_installation() -> None:
    command = [sys.executable, "-m", "jupyter", "labextension", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    (line,) = [line for line in (done.stdout + done.stderr).splitlines() if "codeagent-nb" in line]
    assert re.sub(r"\x1b\[\d*m", "", line).split()[:4] == [
        "codeagent-nb",
        f"v{version('codeagent-nb')}",
        "enabled",
        "OK",
    ]


def test_cells_come_below_the_asking_cell_with_all_that_belongs_to_them(notebook: Notebook) -> None:
    anchor = connect(notebook)
    cells = [markdown("m", "# Title\n\nSome *words*."), code("c", "6 * 7", stream("out\n")), code("d", "pass")]
    assert apply(notebook, insert(["nowhere", anchor], *cells)) == OK
    assert ids(notebook) == ["-", "m", "c", "d", "-"]
    made = by_id(notebook, "c")
    assert (made["cell_type"], made["source"], made["execution_count"]) == ("code", "6 * 7", None)
    assert made["outputs"] == [stream("out\n")]
    assert made["metadata"]["codeagent"] == {"cell": "run", "step": 1}
    assert by_id(notebook, "m")["cell_type"] == "markdown"
    notebook.cell(1).locator("h1", has_text="Title").wait_for()
    assert notebook.cell(2).locator(".jp-InputPrompt").inner_text() == "[ ]:"


def test_the_notebook_is_dirty_then_and_can_be_saved_as_a_valid_one(notebook: Notebook) -> None:
    anchor = connect(notebook)
    notebook.save()
    assert notebook.do("return panel.context.model.dirty") is False
    apply(notebook, insert([anchor], markdown("m", "Words."), code("c", "1", stream("a\n"), display(text_plain="1"))))
    apply(notebook, outputs("c", 2, stream("b\n")), append("c", 2, "c\n"), source("c", 1, "2"))
    assert notebook.do("return panel.context.model.dirty") is True
    saved = notebook.save()
    assert notebook.do("return panel.context.model.dirty") is False
    nbformat.validate(saved)
    cell = saved["cells"][2]
    assert "".join(cell["source"]) == "12"
    assert ["".join(output.get("text", "-")) for output in cell["outputs"]] == ["a\n", "-", "b\nc\n"]
    assert cell["metadata"]["codeagent"] == {"cell": "run", "step": 1}


def press(notebook: Notebook, key: str) -> None:
    """A key in command mode."""
    notebook.do("panel.content.mode = 'command'; app.shell.activateById(panel.id); panel.content.activate()")
    notebook.page.keyboard.press(key)
    notebook.page.wait_for_timeout(100)


def test_z_takes_back_the_changes_of_one_key_however_late_they_came_and_never_the_users(notebook: Notebook) -> None:
    anchor = connect(notebook)
    notebook.do("return app.commands.execute('notebook:insert-cell-below').then(() => 1)")
    users = ["-", "-", "-"]
    assert ids(notebook) == users
    apply(notebook, insert([anchor], code("c", "1", stream("one\n"))))
    notebook.page.wait_for_timeout(700)  # Yjs would begin a new step after 500 ms
    apply(notebook, outputs("c", 1, display(text_plain="two")), source("c", 1, "+1"))
    apply(notebook, insert(["c"], markdown("m", "Words.")))
    apply(notebook, insert(["m"], code("d", "2"), undo="b"))
    assert ids(notebook) == ["-", "c", "m", "d", "-", "-"]
    press(notebook, "z")
    assert ids(notebook) == ["-", "c", "m", "-", "-"]
    press(notebook, "z")
    assert ids(notebook) == users
    press(notebook, "Shift+Z")
    assert ids(notebook) == ["-", "c", "m", "-", "-"]
    assert by_id(notebook, "c")["source"] == "1+1"
    assert by_id(notebook, "c")["outputs"] == [stream("one\n"), display(text_plain="two")]
    notebook.cell(1).locator(".jp-OutputArea-output", has_text="two").wait_for()
    press(notebook, "z")
    press(notebook, "z")
    assert ids(notebook) == ["-", "-"], "the user's own step was apart"


@one_app
def test_what_the_user_does_right_after_is_a_step_of_its_own(notebook: Notebook) -> None:
    anchor = connect(notebook)
    notebook.execute(f"change = {insert([anchor], code('c'))!r}; await page.apply(change)")
    notebook.do("return app.commands.execute('notebook:insert-cell-below').then(() => 1)")
    apply(notebook, insert(["c"], code("d")))
    assert ids(notebook) == ["-", "-", "c", "d", "-"]
    press(notebook, "z")
    assert ids(notebook) == ["-", "-", "c", "-"], "the step below the user's stays closed"
    press(notebook, "z")
    assert ids(notebook) == ["-", "c", "-"]
    press(notebook, "z")
    assert ids(notebook) == ["-", "-"]


def test_cells_are_replaced_in_one_step_and_a_cell_of_the_user_is_not_removed(notebook: Notebook) -> None:
    anchor = connect(notebook)
    apply(notebook, insert([anchor], code("c", "draft"), code("d", "draft")))
    edit(notebook, "d", "mine")
    removals: list[dict[str, Any]] = [
        {"do": "remove", "id": name, "source": "draft", "undo": "b"} for name in ("c", "d", "never")
    ]
    answer = apply(notebook, *removals, insert([anchor], code("e", "final"), undo="b"))
    assert answer == {**OK, "detached": ["d"]}
    assert ids(notebook) == ["-", "e", "d", "-"]
    press(notebook, "z")
    assert ids(notebook) == ["-", "c", "d", "-"]


def test_source_and_outputs_come_bit_by_bit(notebook: Notebook) -> None:
    anchor = connect(notebook)
    apply(notebook, insert([anchor], code("c")))
    assert apply(notebook, source("c", 0, "x = 1\n"), source("c", 6, "print(x)"), source("c", 4, "2\nprint(x)")) == OK
    assert by_id(notebook, "c")["source"] == "x = 2\nprint(x)"
    assert apply(notebook, outputs("c", 0, stream("a")), append("c", 0, "b")) == OK
    assert apply(notebook, outputs("c", 1, stream("e", "stderr"), display(text_html="<b>x</b>"))) == OK
    assert by_id(notebook, "c")["outputs"] == [stream("ab"), stream("e", "stderr"), display(text_html="<b>x</b>")]
    notebook.cell(1).locator(".jp-OutputArea-output b", has_text="x").wait_for()
    assert apply(notebook, outputs("c", 0, stream("new"), display(text_plain="y"))) == OK
    assert apply(notebook, outputs("c", 1, stream("er", "stderr"))) == OK
    assert apply(notebook, append("c", 1, "ror")) == OK
    assert by_id(notebook, "c")["outputs"] == [stream("new"), stream("error", "stderr")]
    assert notebook.cell(1).locator(".jp-OutputArea-output").count() == 2
    assert apply(notebook, outputs("c", 0)) == OK
    assert by_id(notebook, "c")["outputs"] == []


@one_app
@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_a_cell_that_the_user_has_converted_is_the_users(notebook: Notebook, kind: str) -> None:
    anchor = connect(notebook)
    apply(notebook, insert([anchor], code("c"), code("d")))
    notebook.do("panel.content.activeCellIndex = 1; panel.content.deselectAll()")
    notebook.do("return app.commands.execute(`notebook:change-cell-to-${value}`).then(() => 1)", kind)
    assert by_id(notebook, "c")["cell_type"] == kind
    changes = [source("c", 0, "x"), outputs("c", 0, stream("x")), outputs("d", 0, stream("x"))]
    assert apply(notebook, *changes) == {**OK, "detached": ["c"]}
    assert by_id(notebook, "d")["outputs"] == [stream("x")]
    assert apply(notebook, insert([anchor], code("c"))) == {**OK, "detached": ["c"]}


@one_app
def test_in_a_notebook_of_an_older_format_the_ids_of_cells_are_saved_from_the_first_one_on(notebook: Notebook) -> None:
    notebook.open("1", "2")
    file = notebook.server.root / notebook.path
    old = json.loads(file.read_text())
    cells = [{key: value for key, value in cell.items() if key != "id"} for cell in old["cells"]]
    file.write_text(json.dumps({**old, "nbformat_minor": 4, "cells": cells}))
    notebook.reload()
    anchor = attach(notebook)
    apply(notebook, source("nowhere", 0, "x"), insert(["nowhere"], code("c")))
    assert notebook.save()["nbformat_minor"] == 4, "not without need"
    apply(notebook, insert([anchor], code("c"), code("d")))
    saved = notebook.save()
    nbformat.validate(saved)
    assert saved["nbformat_minor"] == 5
    assert [cell["id"] for cell in saved["cells"]][:3] == [anchor, "c", "d"]
    press(notebook, "z")
    assert ids(notebook) == ["-", "-"]
    assert notebook.save()["nbformat_minor"] == 5


@one_app
def test_carriage_returns_do_what_they_do_in_a_running_cell(notebook: Notebook) -> None:
    anchor = connect(notebook)
    apply(notebook, insert([anchor], code("c", "bar()", stream("  0%"))))
    for text in ("\r 50%", "\r100%", "\ndone\n", "a\rb"):
        assert apply(notebook, append("c", 0, text)) == OK
    assert by_id(notebook, "c")["outputs"] == [stream("100%\ndone\nb")]
    notebook.save()
    assert "".join(notebook.save()["cells"][1]["outputs"][0]["text"]) == "100%\ndone\nb"


def tell(words: str) -> None:
    """Say how long it took; seen with `-s` or `-rP`."""
    sys.stdout.write(f"\n{words}\n")


def test_a_thousand_outputs_come_in_order(notebook: Notebook) -> None:
    anchor = connect(notebook)
    apply(notebook, insert([anchor], code("c"), code("d")))
    started = time.monotonic()
    many = [
        outputs("c", start, *(display(text_plain=str(i)) for i in range(start, start + 50)))
        for start in range(0, 1000, 50)
    ]
    for change in many:
        assert apply(notebook, change) == OK
    tell(f"1,000 outputs: {time.monotonic() - started:.2f} s")
    assert [output["data"]["text/plain"] for output in by_id(notebook, "c")["outputs"]] == [str(i) for i in range(1000)]


@one_app
def test_a_thousand_pieces_of_a_stream_come_in_order(notebook: Notebook) -> None:
    anchor = connect(notebook)
    apply(notebook, insert([anchor], code("c", "", stream("0\n"))))
    notebook.execute(
        "import time; started = time.monotonic()\n"
        "for i in range(1, 1000):\n"
        "    answer = await page.apply({'do': 'append', 'id': 'c', 'index': 0, 'text': f'{i}\\n'})\n"
        "    assert answer['ok'] and not answer['detached'], answer\n"
        "seconds = time.monotonic() - started"
    )
    tell(f"1,000 messages: {notebook.value('seconds'):.2f} s")
    assert by_id(notebook, "c")["outputs"] == [stream("".join(f"{i}\n" for i in range(1000)))]


@pytest.mark.timing
def test_a_hundred_cells_in_one_message(notebook: Notebook) -> None:
    anchor = connect(notebook)
    times = []
    for run in "abc":
        cells = [code(f"{run}{i}", f"print({i})", stream(f"{i}\n")) for i in range(50)]
        cells += [markdown(f"{run}m{i}", f"Some *words* {i}.") for i in range(50)]
        notebook.execute(
            "import time; started = time.monotonic()\n"
            f"answer = await page.apply({insert([anchor], *cells)!r}, timeout=30)\n"
            "seconds = time.monotonic() - started"
        )
        assert notebook.value("answer")["ok"]
        times.append(notebook.value("seconds"))
    tell(f"100 cells: {', '.join(f'{seconds:.2f}' for seconds in times)} s")
    assert len(notebook.cells()) == 302
    assert median(times) <= 1.5


@one_app
def test_a_message_that_comes_again_is_done_once_and_answered_twice(notebook: Notebook) -> None:
    anchor = connect(notebook)
    apply(notebook, insert([anchor], code("c", "", stream("a"))))
    first = ask(notebook, f"apply({append('c', 0, 'b')!r})")
    again = ask(notebook, f"apply({append('c', 0, 'b')!r}, seq=page.seq)")
    assert again == first
    assert by_id(notebook, "c")["outputs"] == [stream("ab")]


def users_edit(notebook: Notebook) -> None:
    edit(notebook, "c", "mine")


def users_run(notebook: Notebook) -> None:
    notebook.run_cell(1)


def users_long_run(notebook: Notebook) -> None:
    apply(notebook, source("c", 0, "import time; time.sleep(1)"))
    notebook.run_cell(1, wait=False)


@pytest.mark.parametrize("does", [users_edit, users_run, users_long_run])
def test_a_cell_that_the_user_has_changed_or_run_is_left_alone(
    notebook: Notebook, does: Callable[[Notebook], None]
) -> None:
    anchor = connect(notebook)
    apply(notebook, insert([anchor], code("c", "5"), code("d", "6")))
    does(notebook)
    before = by_id(notebook, "c")["source"]
    changes = [outputs("c", 0, stream("x")), source("c", 0, "y")]
    assert apply(notebook, *changes, source("d", 1, "7")) == {**OK, "detached": ["c"]}
    notebook.wait_idle()
    cell = by_id(notebook, "c")
    assert cell["source"] == before
    assert stream("x") not in cell["outputs"]
    assert by_id(notebook, "d")["source"] == "67"
    tags = {"do": "metadata", "id": "c", "metadata": {"tags": ["raises-exception"]}}
    assert apply(notebook, tags) == {**OK, "detached": ["c"]}
    assert not {"tags", "codeagent"} & set(by_id(notebook, "c")["metadata"]), "it bears no mark of ours"


PLACE = """
    const content = panel.content, view = content.outerNode.getBoundingClientRect();
    const find = (id) => content.widgets.find((cell) => cell.model.id === id).node.getBoundingClientRect();
    """


def place(notebook: Notebook, name: str) -> dict[str, Any]:
    """Where the user is, and how far a cell is from the top of what is seen."""
    return dict(
        notebook.do(
            PLACE + "const editor = content.activeCell.editor, cursor = editor?.getCursorPosition();"
            "return { active: content.activeCell.model.id, mode: content.mode, cursor,"
            "top: Math.round(find(value).top - view.top), "
            "selected: content.widgets.filter((cell) => content.isSelected(cell)).map((cell) => cell.model.id),"
            "focus: document.activeElement === content.activeCell.node || !!editor?.hasFocus() }",
            name,
        )
    )


MANY = [f"x{i} = {i}\n# a line" for i in range(40)]


@pytest.mark.parametrize("mode", ["edit", "command"])
def test_the_users_place_stays_while_cells_come_and_go_above_and_below(notebook: Notebook, mode: str) -> None:
    anchor = connect(notebook, *MANY)
    mine = str(notebook.cells()[26]["id"])
    notebook.do("panel.content.activeCellIndex = 25; return panel.content.scrollToItem(25, 'start').then(() => 1)")
    notebook.cell(25).locator(".cm-line").nth(1).click()
    if mode == "command":
        notebook.page.keyboard.press("Escape")
        notebook.page.keyboard.press("Shift+ArrowDown")
    notebook.page.wait_for_timeout(300)
    active = str(notebook.do("return panel.content.activeCell.model.id"))
    before = place(notebook, active)
    assert before["mode"] == mode
    assert before["focus"]
    above = [code("c", "1", stream("x\n" * 20)), markdown("m", "# Title\n\nText\n\n- x\n- y"), code("d", "2")]
    apply(notebook, insert([anchor], *above))
    notebook.execute("first = page")
    attach(notebook, 29)
    apply(notebook, insert([mine], code("e", "3", stream("x\n" * 20))))
    notebook.execute("page = first")
    apply(notebook, outputs("d", 0, stream("x\n" * 20)), append("c", 0, "x\n" * 5), source("c", 1, "\n1" * 9))
    for _ in range(3):
        notebook.page.wait_for_timeout(200)
        assert place(notebook, active) == before
    apply(notebook, {"do": "remove", "id": "d", "source": "2", "undo": "a"})
    notebook.page.wait_for_timeout(500)
    assert place(notebook, active) == before


def test_what_the_user_reads_stays_in_sight_while_the_active_cell_is_far_away(notebook: Notebook) -> None:
    anchor = connect(notebook, *MANY)
    read = str(notebook.cells()[25]["id"])
    notebook.cell(1).locator(".cm-line").first.click()
    notebook.page.keyboard.press("Escape")
    notebook.do("panel.content.outerNode.scrollTop += 1100")
    notebook.page.wait_for_timeout(500)
    before = place(notebook, read)
    assert 0 < before["top"] < 800
    apply(notebook, insert([anchor], code("c", "1\n" * 30, stream("x\n" * 20)), markdown("m", "# Title\n\nText")))
    notebook.page.wait_for_timeout(500)
    assert place(notebook, read) == before
    apply(notebook, append("c", 0, "x\n" * 30))
    notebook.page.wait_for_timeout(500)
    assert place(notebook, read) == before


@one_app
def test_where_the_active_cell_is_removed_the_one_below_is_active(notebook: Notebook) -> None:
    anchor = connect(notebook, "1", "2", "3")
    apply(notebook, insert([anchor], code("c", "5"), code("d", "6")))
    notebook.do("panel.content.activeCellIndex = 2; panel.content.mode = 'edit'")
    removals = [{"do": "remove", "id": name, "source": text, "undo": "a"} for name, text in (("c", "5"), ("d", "6"))]
    assert apply(notebook, *removals) == OK
    assert notebook.do("return [panel.content.activeCellIndex, panel.content.mode]") == [1, "command"]


@one_app
def test_the_focus_stays_where_it_is(notebook: Notebook) -> None:
    anchor = connect(notebook)
    notebook.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<input id=elsewhere>')")
    notebook.page.locator("#elsewhere").focus()
    apply(notebook, insert([anchor], code("c", "1")), source("c", 1, "2"), outputs("c", 0, stream("x")))
    notebook.page.wait_for_timeout(300)
    assert notebook.page.evaluate("document.activeElement.id") == "elsewhere"


SCRIPT = "<b>bold</b><script>window.ran = (window.ran || 0) + 1</script>"


def test_outputs_run_nothing_and_yet_the_notebook_stays_trusted(notebook: Notebook) -> None:
    anchor = connect(notebook)
    bold = display(text_html='<div class="mathjax_ignore"><b style="color: red">bold</b></div>')
    apply(notebook, insert([anchor], code("c", "1", display(text_html=SCRIPT, text_plain="words"))))
    apply(notebook, outputs("c", 1, display(text_html=SCRIPT, text_plain="words"), bold))
    notebook.cell(1).locator("b", has_text="bold").wait_for()
    assert notebook.cell(1).locator("b").evaluate("(b) => b.style.color") == "red"
    press(notebook, "z")
    press(notebook, "Shift+Z")
    notebook.cell(1).locator("b", has_text="bold").wait_for()
    assert notebook.page.evaluate("window.ran") is None
    assert [output["data"] for output in by_id(notebook, "c")["outputs"]][:2] == [{"text/plain": "words"}] * 2
    assert by_id(notebook, "c")["metadata"]["trusted"] is True, "else all that the user ran is not, once it is saved"


def test_only_the_window_that_is_named_acts(notebook: Notebook) -> None:
    anchor = connect(notebook)
    other = notebook.new_page()
    notebook.visit(other)
    client = notebook.do("return panel.sessionContext.session.kernel.clientId")
    attach(notebook)  # both windows hear of this
    assert notebook.value("page.to") == client
    assert apply(notebook, insert([anchor], code("c"))) == OK
    other.wait_for_timeout(300)
    assert ids(notebook) == ["-", "c", "-"]
    names = "const [panel] = [...window.jupyterapp.shell.widgets('main')].filter((w) => w.context);"
    assert other.evaluate(f"() => {{ {names} return panel.content.model.cells.length }}") == 2
    # Jupyter's own: the one window hears that a comm of the other's widget manager was closed.
    notebook.errors[:] = [error for error in notebook.errors if not error.startswith("Comm not found")]


@one_app
def test_a_notebook_in_another_tab_stays_as_it_is(notebook: Notebook) -> None:
    anchor = connect(notebook)
    first = notebook.path
    notebook.server.root.joinpath("other.ipynb").write_text(notebook.server.root.joinpath(first).read_text())
    notebook.page.evaluate(
        "window.jupyterapp.commands.execute('docmanager:open', { path: 'other.ipynb' }).then(() => 1)"
    )
    notebook.path = "other.ipynb"
    notebook.wait_idle()
    other = ids(notebook)
    notebook.path = first
    assert apply(notebook, insert([anchor], code("c", "1"))) == OK
    assert apply(notebook, outputs("c", 0, stream("x"))) == OK
    assert ids(notebook) == ["-", "c", "-"]
    notebook.path = "other.ipynb"
    assert ids(notebook) == other
    assert notebook.do("return app.shell.currentWidget === panel"), "the other tab stays in front"
    notebook.path = first


def test_after_a_reload_the_page_goes_on_with_the_task_and_answers_no_old_address(notebook: Notebook) -> None:
    anchor = connect(notebook)
    apply(notebook, insert([anchor], code("c", "1"), code("d", "1"), code("e", "1")))
    notebook.save()
    notebook.reload()
    assert ask(notebook, "apply(timeout=1)") is None, "the old comm is gone with the page"
    notebook.execute("old = page; page = Page(); page.to = old.to")
    assert ask(notebook, "apply(timeout=1)") is None, "nobody has the old address"
    notebook.execute("page.to, page.token = None, old.token")
    answer = ask(notebook, f"hello({anchor!r})")
    assert answer["ids"] == [cell["id"] for cell in notebook.cells()]
    assert answer["cells"] == [{"id": name, "source": "1", "cell_type": "code"} for name in "cde"]
    assert (answer["protocol"], answer["read_only"], answer["theirs"]) == (4, False, [])
    edit(notebook, "d", "mine")
    notebook.do("panel.content.activeCellIndex = 3; return app.commands.execute('notebook:run-cell').then(() => 1)")
    changes = [source("d", 1, "2"), source("e", 1, "2")]
    assert apply(notebook, *changes) == {**OK, "detached": ["d", "e"]}, "the user's since it was shown"
    assert apply(notebook, source("c", 1, "2"), outputs("c", 0, stream("a")), append("c", 0, "b")) == OK
    assert by_id(notebook, "c")["source"] == "12"
    assert "".join(notebook.save()["cells"][1]["outputs"][0]["text"]) == "ab"


@one_app
def test_a_page_whose_notebook_is_another_one_does_not_answer(notebook: Notebook) -> None:
    connect(notebook)
    anchor, home = (cell["id"] for cell in notebook.cells())
    notebook.execute("token, page = page.token, Page()")
    assert ask(notebook, "hello('elsewhere')") is None
    for here in [(anchor, home), (None, home), (anchor, None)]:
        assert hello(notebook, *here)["ok"]
    for elsewhere in [("elsewhere", home), (anchor, "elsewhere"), (None, "elsewhere")]:
        assert hello(notebook, *elsewhere) is None


def hello(notebook: Notebook, anchor: str | None, home: str | None) -> Any:
    message = f"'op': 'hello', 'anchor': {anchor!r}, 'home': {home!r}, 'to': None, 'token': token"
    return ask(notebook, f"ask({{{message}}}, timeout=0.5)")


@one_app
def test_a_read_only_notebook_is_not_changed(notebook: Notebook) -> None:
    anchor = connect(notebook)
    notebook.do("panel.context.model.readOnly = true")
    assert ask(notebook, f"hello({anchor!r})")["read_only"] is True
    answer = apply(notebook, insert([anchor], code("c")))
    assert answer == {"ok": False, "error": "The notebook is read-only."}
    assert ids(notebook) == ["-", "-"]


MARK = ".codeagent-generated"


def test_what_the_agent_made_is_marked_until_it_is_kept_also_after_a_reload(notebook: Notebook) -> None:
    anchor = connect(notebook)
    apply(notebook, insert([anchor], code("c", "5"), code("d", "6", step=2), markdown("m", "Words.")))
    notebook.do("panel.content.activeCellIndex = 2")
    command(notebook, "keep-step")
    notebook.page.locator(MARK).nth(1).wait_for()
    assert marked(notebook) == ["c", "m"]
    notebook.save()
    notebook.reload()
    notebook.page.locator(MARK).nth(1).wait_for()
    assert marked(notebook) == ["c", "m"]
    move = "return app.commands.execute('notebook:move-cell-up').then(() => 1)"
    notebook.do(f"panel.content.activeCellIndex = 1; {move}")
    assert marked(notebook) == ["c", "m"]


def marked(notebook: Notebook) -> list[str]:
    marks = "panel.content.widgets.filter((cell) => cell.node.matches(value)).map((cell) => cell.model.id)"
    return list(notebook.do(f"return {marks}", MARK))


def activate(notebook: Notebook, index: int) -> None:
    """Click beside a cell, as a user who wants to have it active."""
    notebook.cell(index).locator(".jp-InputPrompt").click()


def step_button(notebook: Notebook, name: str) -> Locator:
    return notebook.page.locator(".jp-cell-toolbar").get_by_role("button", name=re.compile(name))


def test_a_step_is_kept_by_a_button_in_its_cells(notebook: Notebook) -> None:
    anchor = connect(notebook)
    apply(notebook, insert([anchor], code("c", "5"), markdown("m", "Words."), code("d", "6", step=2)))
    activate(notebook, 1)
    step_button(notebook, "Keep the").click()
    assert by_id(notebook, "c")["metadata"]["codeagent"] == {"cell": "run", "step": 1, "kept": True}
    assert by_id(notebook, "m")["metadata"]["codeagent"]["kept"] is True
    assert marked(notebook) == ["d"], "another step"
    step_button(notebook, "Keep the").wait_for(state="hidden")
    step_button(notebook, "Remove").wait_for(state="hidden")
    activate(notebook, 3)
    step_button(notebook, "Keep the").wait_for()
    activate(notebook, 0)
    step_button(notebook, "Keep the").wait_for(state="hidden")


def test_a_step_is_removed_by_a_button_and_comes_back_by_one_undo(notebook: Notebook) -> None:
    anchor = connect(notebook)
    apply(notebook, insert([anchor], code("c", "5"), markdown("m", "Words."), code("d", "6", step=2), code("e", "7")))
    activate(notebook, 1)
    step_button(notebook, "Remove").click()
    assert ids(notebook) == ["-", "d", "-"]
    assert notebook.do("return panel.content.activeCellIndex") == 1
    press(notebook, "z")
    assert ids(notebook) == ["-", "c", "m", "d", "e", "-"]


@one_app
def test_of_a_step_only_what_the_user_has_neither_edited_nor_kept_is_removed(notebook: Notebook) -> None:
    anchor = connect(notebook)
    cells = [code("c", "5"), code("d", "6"), code("e", "7"), code("f", "8")]
    apply(notebook, insert([anchor], *cells), source("d", 1, "6"))
    edit(notebook, "c", "mine")
    kept = "{ ...cell.getMetadata('codeagent'), kept: true }"
    notebook.do(f"const cell = panel.content.widgets[3].model; cell.setMetadata('codeagent', {kept})")
    notebook.do("panel.content.activeCellIndex = 2")
    command(notebook, "remove-step")
    assert ids(notebook) == ["-", "c", "e", "-"]


@one_app
def test_what_the_user_has_kept_during_the_run_stays_kept_and_there(notebook: Notebook) -> None:
    anchor = connect(notebook)
    apply(notebook, insert([anchor], code("c", "5")))
    notebook.do("panel.content.activeCellIndex = 1")
    command(notebook, "keep-step")
    done = {"cell": "run", "step": 1, "done": True}
    assert apply(notebook, {"do": "metadata", "id": "c", "metadata": {"codeagent": done}}) == OK
    assert by_id(notebook, "c")["metadata"]["codeagent"] == {**done, "kept": True}
    assert marked(notebook) == []
    removal = {"do": "remove", "id": "c", "source": "5", "undo": "a"}
    assert apply(notebook, removal) == {**OK, "detached": ["c"]}
    assert "codeagent" not in by_id(notebook, "c")["metadata"]


def agent_button(notebook: Notebook) -> Locator:
    return notebook.page.locator(".jp-NotebookPanel-toolbar").get_by_role("button", name="Agent")


ACTIVE = """([path, index]) => [...window.jupyterapp.shell.widgets('main')]
    .find((widget) => widget.context?.path === path).content.activeCellIndex === index"""


def test_the_button_opens_the_panel_once_and_brings_a_dead_one_to_life(notebook: Notebook) -> None:
    notebook.open("1", "2")
    agent_button(notebook).click()
    panel = notebook.cell(1).locator(".cagent")
    panel.wait_for()
    assert notebook.cells()[1]["source"] == "import codeagent_nb\ncodeagent_nb.panel()"
    notebook.wait_idle()
    count = notebook.cells()[1]["execution_count"]
    notebook.do("panel.content.activeCellIndex = 2")
    agent_button(notebook).click()
    notebook.page.wait_for_function(ACTIVE, arg=[notebook.path, 1])
    notebook.page.wait_for_timeout(500)
    assert len(notebook.cells()) == 3
    assert notebook.cells()[1]["execution_count"] == count, "it lives: it is not run again"
    notebook.restart()
    agent_button(notebook).click()
    notebook.wait_for_value("'codeagent_nb.notebook.panel.panel' in __import__('sys').modules")
    notebook.wait_idle()
    panel.wait_for()
    assert len(notebook.cells()) == 3
    # The old kernel takes leave of its widgets when the page has let go of them already: Jupyter's own complaint.
    notebook.errors[:] = [error for error in notebook.errors if not error.startswith("Comm not found")]


OPEN = "import codeagent_nb\ncodeagent_nb.panel()"


@one_app
def test_no_cell_is_taken_for_the_panels_that_the_agent_wrote_or_that_does_more(notebook: Notebook) -> None:
    anchor = connect(notebook, "1", f"{OPEN}\nran = 1", "# codeagent_nb.panel()")
    apply(notebook, insert([anchor], code("c", OPEN), code("d", "%agent panel"), code("e", "codeagent_nb.panel()")))
    notebook.do("panel.content.activeCellIndex = 0")
    agent_button(notebook).click()
    notebook.cell(1).locator(".cagent").wait_for()
    notebook.wait_idle()
    assert ids(notebook) == ["-", "-", "c", "d", "e", "-", "-"]
    assert [cell["execution_count"] for cell in notebook.cells()[2:]] == [None] * 5
    assert notebook.value("'ran' in globals()") is False


@one_app
@pytest.mark.parametrize("text", ["%agent panel\n", "codeagent_nb.panel()"])
def test_the_panels_cell_may_be_written_in_short_and_runs_after_a_restart(notebook: Notebook, text: str) -> None:
    notebook.open("1", text)
    agent_button(notebook).click()
    notebook.cell(1).locator(".cagent").wait_for()
    notebook.wait_idle()
    notebook.restart()
    agent_button(notebook).click()
    notebook.wait_for_value("'codeagent_nb.notebook.panel.panel' in __import__('sys').modules")
    notebook.wait_idle()
    notebook.cell(1).locator(".cagent").wait_for()
    assert [cell["source"] for cell in notebook.cells()] == ["1", text]
    assert [output["output_type"] for output in notebook.outputs(1)] == ["display_data"]
    notebook.errors[:] = [error for error in notebook.errors if not error.startswith("Comm not found")]


def command(notebook: Notebook, name: str) -> None:
    notebook.do("return app.commands.execute(`codeagent-nb:${value}`).then(() => 1)", name)


def is_enabled(notebook: Notebook, name: str) -> bool:
    return bool(notebook.do("return app.commands.isEnabled(`codeagent-nb:${value}`)", name))


FAKE = """from IPython.core.magic import register_cell_magic
@register_cell_magic
def agent(line, cell):
    global asked
    asked = [line, cell]
"""


def test_a_question_about_a_cell_waits_for_its_words(notebook: Notebook) -> None:
    quoting = "print('''\n````\n''', df)"
    notebook.open("df = 1", quoting)
    notebook.run_cell(0)
    notebook.do("panel.content.activeCellIndex = 1")
    command(notebook, "ask-about-cell")
    notebook.wait_idle()
    load, asking = notebook.cells()[2:]
    assert load["source"] == "%load_ext codeagent_nb"
    assert load["execution_count"] == 2
    expected = f"%%agent -i df\n\n\nThe cell:\n\n`````python\n{quoting}\n`````"
    assert (asking["source"], asking["execution_count"]) == (expected, None)
    notebook.page.keyboard.type("Why?")
    assert notebook.cells()[3]["source"] == expected.replace("\n\n\nThe", "\nWhy?\n\nThe")
    notebook.do("panel.content.activeCellIndex = 1")
    command(notebook, "ask-about-cell")
    assert len(notebook.cells()) == 5, "it is loaded already"
    press(notebook, "Escape")
    press(notebook, "z")
    assert len(notebook.cells()) == 4


LOAD = "%load_ext codeagent_nb"


@one_app
def test_after_a_restart_the_users_cell_that_loads_the_agent_is_run_again(notebook: Notebook) -> None:
    notebook.open(f" {LOAD}\n", "2")
    notebook.run_cell(0)
    notebook.restart()
    notebook.do("panel.content.activeCellIndex = 1")
    command(notebook, "ask-about-cell")
    notebook.wait_for_value("get_ipython().find_cell_magic('agent') is not None")
    notebook.wait_idle()
    assert [cell["execution_count"] for cell in notebook.cells()] == [1, None, None]
    assert notebook.do("return [panel.content.activeCellIndex, panel.content.mode]") == [2, "edit"]


@one_app
def test_only_a_cell_of_the_user_that_does_nothing_else_is_run_to_load_the_agent(notebook: Notebook) -> None:
    anchor = connect(notebook, f"# {LOAD}", f"{LOAD}\nran = 1", "2")
    apply(notebook, insert([anchor], code("c", LOAD)))
    notebook.do("panel.content.activeCellIndex = 3")
    command(notebook, "ask-about-cell")
    notebook.wait_for_value("get_ipython().find_cell_magic('agent') is not None")
    notebook.wait_idle()
    assert [cell["source"] for cell in notebook.cells()][4] == LOAD
    assert [cell["execution_count"] for cell in notebook.cells()] == [None] * 4 + [1, None]
    assert notebook.value("'ran' in globals()") is False


def test_an_error_goes_to_the_agent_at_once(notebook: Notebook) -> None:
    notebook.open(FAKE, "def f():\n    1 / 0\nf()", "2")
    notebook.run_cell(0)
    notebook.do("panel.content.activeCellIndex = 1")
    assert not is_enabled(notebook, "fix-error")
    notebook.run_cell(1)
    notebook.do("panel.content.activeCellIndex = 1")
    assert is_enabled(notebook, "fix-error")
    command(notebook, "fix-error")
    line, task = notebook.wait_for_value("globals().get('asked')")
    assert line == ""
    assert task.startswith("Fix the error in this cell, and run it again.\n\nThe cell:\n\n```python\ndef f():\n")
    assert "The error:\n\n```text\nZeroDivisionError: division by zero\n\n" in task
    assert "\x1b" not in task
    assert task.rstrip().endswith("division by zero\n```")
    assert notebook.cells()[2]["source"] == f"%%agent\n{task}".rstrip("\n")
    assert len(notebook.cells()) == 4


@one_app
def test_a_long_error_is_cut_to_its_end(notebook: Notebook) -> None:
    notebook.open(FAKE, "raise ValueError('x' * 5000 + '`' * 7 + 'end')")
    notebook.run_cell(0)
    notebook.run_cell(1)
    notebook.do("panel.content.activeCellIndex = 1")
    command(notebook, "fix-error")
    _, task = notebook.wait_for_value("globals().get('asked')")
    assert task.rstrip().endswith("`" * 7 + "end\n" + "`" * 8)
    assert 2_300 < len(task[task.index("The error:") :]) < 2_400


@one_app
def test_a_kernel_without_the_package_is_named(notebook: Notebook) -> None:
    notebook.open("1")
    notebook.execute("import sys; sys.modules['codeagent_nb'] = None")
    agent_button(notebook).click()
    words = "is not installed in this notebook's kernel: run %pip install codeagent-nb there."
    notebook.page.get_by_text(words).first.wait_for()
    assert len(notebook.cells()) == 1


@one_app
def test_the_commands_are_in_the_palette_and_for_python_only(notebook: Notebook) -> None:
    notebook.open("1")
    notebook.do("app.commands.execute('apputils:activate-command-palette')")
    notebook.page.locator(".lm-CommandPalette-input").fill("the agent")
    notebook.page.locator(".lm-CommandPalette-itemLabel", has_text="Open the Agent Panel").wait_for()
    notebook.page.keyboard.press("Escape")
    assert is_enabled(notebook, "ask-about-cell")
    notebook.do("panel.content.model.setMetadata('language_info', { name: 'R' })")
    assert not is_enabled(notebook, "ask-about-cell")
    assert not is_enabled(notebook, "open-panel")
    agent_button(notebook).and_(notebook.page.locator("[aria-disabled=true], :disabled")).wait_for()
