"""The extension gives code in a kernel no power over a notebook: it acts on cells of a task that the user began, alone.

Each test does by hand what any code in an ordinary kernel can do: it opens a comm to the page and asks. The honest
session, in the same notebook, still works.
"""

import json
from typing import Any

import pytest

from tests.browser.jupyter import Notebook, one_app
from tests.browser.raw_page import CLIENT, OK, apply, ask, attach, by_id, connect, edit, ids
from tests.support.page_changes import (
    append,
    code,
    display,
    insert,
    metadata,
    outputs,
    removal,
    reuse,
    source,
    stream,
)

pytestmark = [pytest.mark.browser, pytest.mark.integration]


def refused(notebook: Notebook, *changes: dict[str, Any]) -> str:
    """Have the page asked for something that it must not do; gives its reason. No cell is another then."""
    before = notebook.cells()
    answer = apply(notebook, *changes)
    assert answer["ok"] is False, answer
    assert notebook.cells() == before
    return str(answer["error"])


def hello_is_refused(notebook: Notebook, anchor: str | None) -> None:
    answer = ask(notebook, f"hello({anchor!r})")
    assert answer["ok"] is False, answer
    assert "has not been asked" in answer["error"]
    refused(notebook, insert([anchor] if anchor else [], code("evil", "1")))


def client_of(notebook: Notebook) -> str:
    return str(notebook.do("return panel.sessionContext.session.kernel.clientId"))


def test_no_task_begins_without_a_cell_that_the_user_runs(notebook: Notebook) -> None:
    notebook.open(f"{CLIENT}\nkernel = get_ipython().kernel\nparent = kernel.get_parent()", "mine = 1")
    notebook.run_cell(0)
    anchor = notebook.cells()[0]["id"]
    notebook.execute(f"to = {client_of(notebook)!r}; page = Page(); page.to = to")  # as a thread, a timer or a widget
    hello_is_refused(notebook, anchor)
    hello_is_refused(notebook, None)
    notebook.execute("page = Page()")
    assert ask(notebook, f"ask({{'op': 'hello', 'anchor': {anchor!r}}}, timeout=0.5)") is None
    # In the name of the cell that the user has run before.
    notebook.execute(
        "honest, kernel.get_parent = kernel.get_parent, lambda *_: parent\n"
        "page = Page(); kernel.get_parent = honest; page.to = to"
    )
    hello_is_refused(notebook, anchor)
    attach(notebook)
    assert apply(notebook, insert([anchor], code("c"))) == OK, "the control"
    notebook.execute("old, page = page, Page(); page.to = to")
    hello_is_refused(notebook, anchor)  # one cell that runs begins one task


@one_app
def test_a_cell_that_runs_begins_no_task_below_another_cell(notebook: Notebook) -> None:
    notebook.open("1", "2")
    first, other = (cell["id"] for cell in notebook.cells())
    client = client_of(notebook)
    notebook.execute_as(first, f"{CLIENT}\npage = Page(); page.to = {client!r}; answer = await page.hello({other!r})")
    assert notebook.value("answer")["ok"] is False
    hello_is_refused(notebook, other)


def test_the_users_cells_and_those_of_another_task_are_neither_changed_nor_removed(notebook: Notebook) -> None:
    first = connect(notebook, "a = 1", "b = 2", "c = 3")
    mine = str(notebook.cells()[2]["id"])
    apply(notebook, insert([first], code("theirs", "5", stream("x\n"))))
    notebook.execute("honest = page")
    anchor = attach(notebook, 2)
    for name, text in ((mine, "c = 3"), ("theirs", "5"), (anchor, "b = 2")):
        for change in (
            source(name, 0, "import os"),
            outputs(name, 0, stream("x")),
            append(name, 0, "x"),
            reuse(name, text),
            metadata(name, codeagent={"cell": anchor, "step": 1}),
            removal(name, text),
            insert([anchor], code(name, text)),
        ):
            # What is good in a request is not done either.
            refused(notebook, insert([anchor], code("mixed")), change)
    for place in ([mine], ["theirs"], []):
        refused(notebook, insert(place, code("evil", "import os")))
    assert apply(notebook, insert([anchor], code("d", "1")), source("d", 1, "2")) == OK
    notebook.execute("page = honest")
    assert apply(notebook, source("theirs", 1, "6")) == OK, "and the honest one goes on"
    assert ids(notebook) == ["-", "-", "-", "d", "-"]


@one_app
def test_nothing_is_hidden_trusted_frozen_or_tagged_by_request(notebook: Notebook) -> None:
    anchor = connect(notebook)
    apply(notebook, insert([anchor], code("c", "5")))
    for evil in (
        {"jupyter": {"source_hidden": True}},
        {"jupyter": {"outputs_hidden": True}},
        {"collapsed": True},
        {"trusted": True},
        {"editable": False},
        {"deletable": False},
        {"tags": ["hide-cell"]},
        {"tags": ["raises-exception", "parameters"]},
        {"codeagent": None},
        {"codeagent": {"cell": "run", "kept": True}},
        {"codeagent": {"cell": {"nested": 1}}},
        {"codeagent": {"cell": "x" * 100_000}},
        {"__proto__": {"trusted": True}},
    ):
        cell = code("evil", "import os")
        refused(notebook, insert([anchor], cell | {"metadata": cell["metadata"] | evil}))
        refused(notebook, metadata("c", **evil))
    assert apply(notebook, metadata("c", tags=["raises-exception"])) == OK
    assert by_id(notebook, "c")["metadata"]["tags"] == ["raises-exception"]
    assert apply(notebook, metadata("c", tags=None)) == OK


SET = "window.ran = 1"
EVIL = (
    f"<script>{SET}</script>",
    f'<img src=x onerror="{SET}">',
    f'<a href="javascript:{SET}">x</a>',
    f"<svg><script>{SET}</script></svg>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={SET}></style></mglyph></table></mtext></math>",
    f'<iframe srcdoc="<script>parent.{SET}</script>"></iframe>',
    '<b data-commandlinker-command="notebook:restart-run-all">x</b>',
    '<div class="jp-Dialog">x</div>',
    '<div style="position: fixed; inset: 0">x</div>',
    '<b style="background: url(https://evil.example/x)">x</b>',
    '<img src="https://evil.example/x.png">',
    '<img src="data:text/html,x">',
    "<form action=/api/kernels><button>x</button></form>",
    f'<noscript><p title="</noscript><img src=x onerror={SET}>"></noscript>',
    f"<!--><img src=x onerror={SET}>-->",
)


def test_no_output_that_could_act_is_trusted(notebook: Notebook) -> None:
    anchor = connect(notebook)
    kinds = {
        "application/javascript": SET,
        "text/markdown": f"<img src=x onerror='{SET}'>",
        "image/svg+xml": f"<svg xmlns='http://www.w3.org/2000/svg' onload='{SET}'/>",
        "application/vnd.jupyter.widget-view+json": {"model_id": "x"},
        "application/geo+json": {},
    }
    evil = [{"output_type": "display_data", "data": {kind: content}, "metadata": {}} for kind, content in kinds.items()]
    evil += [display(text_html=html, text_plain="words") for html in EVIL]
    isolated = {"output_type": "display_data", "data": {"text/html": "<b>x</b>"}}
    evil.append({**isolated, "metadata": {"isolated": True, "text/html": {"isolated": True}}})
    assert apply(notebook, insert([anchor], code("c", "1", *evil))) == OK
    assert apply(notebook, outputs("c", 0, *evil)) == OK
    notebook.cell(1).locator(".jp-OutputArea-output").last.wait_for()
    notebook.page.wait_for_timeout(300)
    assert notebook.page.evaluate("window.ran") is None
    shown = by_id(notebook, "c")["outputs"]
    assert [output["data"] for output in shown[len(kinds) : -1]] == [{"text/plain": "words"}] * len(EVIL)
    assert not any(output["data"] for output in shown[: len(kinds)])
    assert (shown[-1]["data"], shown[-1]["metadata"]) == ({"text/html": "<b>x</b>"}, {})
    for output in ({"output_type": "evil"}, stream("x", "stdin"), display() | {"data": 1}, {"output_type": "error"}):
        refused(notebook, outputs("c", 0, output))


def test_nothing_is_changed_when_the_task_has_ended(notebook: Notebook) -> None:
    anchor = connect(notebook)
    apply(notebook, insert([anchor], code("c", "5")))
    notebook.execute("old = page; old.comm.close(); page = Page(); page.to, page.token = old.to, old.token")
    hello_is_refused(notebook, anchor)  # with the token of what has ended
    refused(notebook, source("c", 1, "x"))
    refused(notebook, removal("c", "5"))
    attach(notebook)
    refused(notebook, source("c", 1, "x"))  # of an earlier task: replaced whole, or left
    assert apply(notebook, removal("c", "5"), insert([anchor], code("c", "6"))) == OK
    token = notebook.value("page.token")
    notebook.restart()
    notebook.execute(f"{CLIENT}\npage = Page(); page.to, page.token = {client_of(notebook)!r}, {token!r}")
    hello_is_refused(notebook, anchor)
    notebook.errors[:] = [error for error in notebook.errors if not error.startswith("Comm not found")]


def test_after_a_reload_an_old_id_opens_nothing(notebook: Notebook) -> None:
    anchor = connect(notebook)
    apply(notebook, insert([anchor], code("c", "5")))
    token = notebook.value("page.token")
    notebook.execute("page.comm.close()")
    notebook.save()
    notebook.reload()
    for old in (token, None, "x" * 32):
        notebook.execute(f"page = Page(); page.to, page.token = {client_of(notebook)!r}, {old!r}")
        hello_is_refused(notebook, anchor)
        refused(notebook, source("c", 1, "x"))
    attach(notebook)
    assert [cell["id"] for cell in notebook.value("answer")["cells"]] == ["c"], "what runs again replaces its own"
    refused(notebook, source("c", 1, "x"))
    assert apply(notebook, removal("c", "5")) == OK
    notebook.errors[:] = [error for error in notebook.errors if not error.startswith("Comm not found")]


@one_app
def test_the_mark_in_a_notebooks_file_makes_no_cell_the_agents(notebook: Notebook) -> None:
    notebook.open("1", "mine = 1")
    file = notebook.server.root / notebook.path
    saved = json.loads(file.read_text())
    anchor = saved["cells"][0]["id"]
    saved["cells"][1]["metadata"]["codeagent"] = {"cell": anchor, "step": "1", "kind": "code", "trusted": True}
    saved["cells"][1]["id"] = f"{anchor}-forged"
    file.write_text(json.dumps(saved))
    notebook.reload()
    attach(notebook)
    answer = notebook.value("answer")
    assert (answer["cells"], answer["marked"]) == ([], [f"{anchor}-forged"])
    refused(notebook, removal(f"{anchor}-forged", "mine = 1"))
    refused(notebook, source(f"{anchor}-forged", 0, "x"))
    assert apply(notebook, insert([anchor], code("c"))) == OK
    assert len(notebook.cells()) == 3


@one_app
def test_code_in_the_kernel_of_another_notebook_reaches_nothing_here(notebook: Notebook) -> None:
    anchor = connect(notebook)
    apply(notebook, insert([anchor], code("c", "5")))
    first, client, token = notebook.path, client_of(notebook), notebook.value("page.token")
    before = notebook.cells()
    notebook.server.root.joinpath("stranger.ipynb").write_text(json.dumps(notebook.save()))
    notebook.do("return app.commands.execute('docmanager:open', { path: 'stranger.ipynb' }).then(() => 1)")
    notebook.path = "stranger.ipynb"
    notebook.wait_idle()
    notebook.execute(CLIENT)
    for to in (client, client_of(notebook), None):
        notebook.execute(f"page = Page(); page.to, page.token = {to!r}, {token!r}")
        answer = ask(notebook, f"ask({{'op': 'hello', 'anchor': {anchor!r}, 'token': page.token}}, timeout=0.5)")
        assert answer is None or not answer["ok"]
        answer = ask(notebook, f"apply({source('c', 1, 'x')!r}, timeout=0.5)")
        assert answer is None or not answer["ok"]
    notebook.path = first
    assert notebook.cells() == before
    assert apply(notebook, source("c", 1, "6")) == OK


def test_a_cell_that_the_user_has_taken_is_not_taken_back(notebook: Notebook) -> None:
    anchor = connect(notebook)
    apply(notebook, insert([anchor], code("c", "5"), code("d", "6"), code("e", "7")))
    edit(notebook, "c", "mine")
    notebook.run_cell(2)
    edit(notebook, "d", "6")  # the count says that it ran; the text is ours
    taken = {**OK, "detached": ["c", "d"]}
    assert apply(notebook, source("c", 0, "x"), source("d", 0, "x")) == taken
    edit(notebook, "c", "5")
    assert apply(notebook, insert([anchor], code("c", "5"), code("d", "6"))) == taken
    assert apply(notebook, removal("c", "5"), removal("d", "6")) == taken
    assert apply(notebook, metadata("c", tags=None), metadata("d", codeagent={"cell": "x"})) == taken
    assert [by_id(notebook, name)["source"] for name in "cde"] == ["5", "6", "7"]
    assert apply(notebook, source("e", 1, "8")) == OK


@one_app
def test_a_flood_is_bounded(notebook: Notebook) -> None:
    anchor = connect(notebook)
    notebook.execute(f"anchor, cell = {anchor!r}, {code('c', '1')!r}")
    many = "{'do': 'insert', 'after': [anchor], 'cells': [cell | {'id': f'n{i}'} for i in range(10_000)], 'undo': 'a'}"
    assert ask(notebook, f"apply({many}, timeout=20)")["ok"] is False
    single = (
        "*({'do': 'insert', 'after': [anchor], 'cells': [cell | {'id': f'n{i}'}], 'undo': 'a'} for i in range(501))"
    )
    assert ask(notebook, f"apply({single}, timeout=20)")["ok"] is False
    assert len(notebook.cells()) == 2
    assert apply(notebook, insert([anchor], *(code(f"a{i}", "") for i in range(20)))) == OK
    notebook.execute("cells = [cell | {'id': f'n{i}'} for i in range(481)]")
    more = "apply({'do': 'insert', 'after': [anchor], 'cells': cells, 'undo': 'a'}, timeout=20)"
    assert ask(notebook, more)["ok"] is False
    assert len(notebook.cells()) == 22
    for huge in ("'x' * 3_000_000", "'x' * 1_000_000 * 3"):
        change = f"{{'do': 'source', 'id': 'a1', 'from': 0, 'text': {huge}}}"
        assert ask(notebook, f"apply({change}, timeout=20)")["ok"] is False
    lots = "{'do': 'outputs', 'id': 'a1', 'from': 0, 'outputs': [{'output_type': 'stream'}] * 20_000}"
    assert ask(notebook, f"apply({lots}, timeout=20)")["ok"] is False
    assert apply(notebook, source("a1", 0, "x")) == OK


ODD = ("1", "1.5", "-1", "True", "[]", "{}", "['c d']", "{'id': 'c'}", "''", "'__proto__'", "'a b'", "'x' * 1_000_000")
FIELDS = ("'seq'", "'op'", "'anchor'", "'home'", "'token'", "'changes'")


@one_app
def test_what_has_another_shape_is_refused_and_no_error_of_jupyters(notebook: Notebook) -> None:
    anchor = connect(notebook)
    apply(notebook, insert([anchor], code("c", "5")))
    before = notebook.cells()
    notebook.execute(
        f"odd = [None, {', '.join(ODD)}]\n"
        f"anchor, cell, wrong = {anchor!r}, {code('d', '1')!r}, []\n"
        "base = {'id': 'c', 'source': '5', 'undo': 'a', 'from': 0, 'text': '', 'outputs': [], 'index': 0,\n"
        "        'execution_count': 1, 'metadata': {}, 'after': [anchor], 'cells': [cell]}\n"
        "keys = {'remove': ['id', 'source', 'undo'], 'source': ['id', 'from', 'text'],\n"
        "        'append': ['id', 'index', 'text'],\n"
        "        'outputs': ['id', 'from', 'outputs'], 'count': ['id'], 'metadata': ['id', 'metadata'],\n"
        "        'insert': ['after', 'cells', 'undo'], 'other': ['id'], '__proto__': ['id']}\n"
        "def is_odd(key, value):\n"
        "    kind = {'id': str, 'source': str, 'undo': str, 'text': str, 'outputs': list, 'metadata': dict}.get(key)\n"
        "    return key in ('id', 'after', 'cells') or kind is None or not isinstance(value, kind)\n"
        "tries = [{**base, 'do': do, key: value} for do, names in keys.items() for key in names\n"
        "         for value in odd if is_odd(key, value) and not (key in ('from', 'index') and value == 1)\n"
        "         and not (key in ('after', 'cells') and value == [])]\n"
        "tries += [{**base, 'do': 'insert', 'cells': [cell | {name: value}]}\n"
        "          for name in ('id', 'cell_type', 'metadata')\n"
        "          for value in odd if not (name == 'metadata' and value in ({}, None))]\n"
        "for change in tries:\n"
        "    answer = await page.ask({'op': 'apply', 'changes': [change]})\n"
        "    if answer is None or answer['ok']:\n"
        "        wrong.append(str(change)[:300])\n"
        "for change in odd:\n"
        "    for message in ({'op': 'apply', 'changes': [change]}, {'op': change}, {'op': 'hello', 'anchor': change},\n"
        "                    {'op': 'hello', 'token': change}, {'op': 'hello', 'home': change},\n"
        "                    {'op': 'turn', 'token': change, 'taken_back': change}):\n"
        "        page.seq += 1\n"
        "        page.comm.send({'seq': page.seq, 'to': page.to, **message})\n"
        "    page.comm.send({'seq': change, 'to': page.to, 'op': 'apply'})\n"
        "    page.comm.send({'seq': 1, 'to': change, 'op': 'hello'})\n"
        "    if isinstance(change, (dict, type(None))):\n"
        "        page.comm.send(change)\n"
    )
    assert notebook.value("wrong") == []
    assert apply(notebook) == OK, "the page still answers"
    assert notebook.cells() == before
    for protocol in ("1", "2", "None", "'x'", "{}"):
        notebook.execute_as(
            anchor, f"page = Page({protocol}); page.to = {client_of(notebook)!r}; answer = await page.hello({anchor!r})"
        )
        answer = notebook.value("answer")
        assert (answer["ok"], answer["protocol"]) == (False, 4)
        assert "version 4" in answer["error"]
    attach(notebook)
    assert apply(notebook, insert([anchor], code("e"))) == OK
