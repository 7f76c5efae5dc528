"""What is saved loads nothing: opened trusted and untrusted, in both applications, and as nbconvert's HTML (attack 14).

The same outputs as the code has shown them do get out: each has its control.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4
from nbformat.sign import NotebookNotary
from playwright.sync_api import Browser, Page

from codeagent_nb.events import (
    AgentEvent,
    BlockFinishedEvent,
    BlockStartedEvent,
    CodeExecutionEvent,
    GivenCodeFinishedEvent,
    RunStartedEvent,
    TextMessage,
)
from codeagent_nb.views.notebook_file import NotebookView
from kernel_executor import BlockResult, CodeBlock, CodeResult
from tests.browser.elsewhere import Elsewhere, elsewhere
from tests.browser.hostile_outputs import (
    HELD,
    HELD_BY_LAB,
    HELD_BY_NBCONVERT,
    HELD_REPLIES,
    PRINTED,
    REPLIES,
    filled,
    outputs,
)
from tests.browser.jupyter import Notebook, Server, one_app

pytestmark = [pytest.mark.browser, pytest.mark.integration]

END = {"output_type": "stream", "name": "stdout", "text": "This is the end."}
ASKED_BY_NBCONVERT = ("https://cdnjs.cloudflare.com/", "https://cdn.jsdelivr.net/", "https://unpkg.com/")
"""Its pages ask for libraries, whatever is in the notebook; the tests do not let them."""


LAST_CODE_IS_TRUSTED = "const { cells } = panel.content.model; return cells.get(cells.length - 1).trusted"


@pytest.fixture
def there() -> Iterator[Elsewhere]:
    with elsewhere() as there:
        yield there


def session(there: Elsewhere) -> list[AgentEvent]:
    """Events of a session that showed every hostile output, quoted hostile code and said hostile words."""
    events: list[AgentEvent] = [RunStartedEvent(source="a", model="m", isolation="i", max_retries_on_error=0)]
    for name, text in {**REPLIES, **HELD_REPLIES}.items():
        events += [TextMessage(source=source, content=filled(text, f"{there.url}/{name}")) for source in ("user", "a")]
        events += attempt(name, "error", [filled(text, f"{there.url}/{name}")], "x = 1")
    events += attempt("reply_printed", "error", [filled(text, f"{there.url}/reply_printed") for text in PRINTED], "x")
    events += attempt("reply_code", "error", ["", ""], *(filled(text, f"{there.url}/reply_code") for text in PRINTED))
    for name, output in outputs(there.url).items():
        events += block(name, output)
    return [*events, *block("end", END), GivenCodeFinishedEvent(source="a", exit_code=0)]


def block(name: str, *shown: Any, status: Any = "ok", code: str = "show()") -> list[AgentEvent]:
    ran = CodeBlock(code)
    result = BlockResult(block=ran, status=status, exit_code=int(status != "ok"), outputs=shown, ename=name)
    return [
        BlockStartedEvent(source="a", retry_attempt=0, block_id=f"{name}-{id(ran)}", block=ran),
        BlockFinishedEvent(source="a", retry_attempt=0, block_id=f"{name}-{id(ran)}", result=result),
    ]


def attempt(name: str, status: Any, printed: list[str], *codes: str) -> list[AgentEvent]:
    """Events of an attempt whose blocks print something; the last one fails."""
    told: list[AgentEvent] = []
    for number, text in enumerate(printed):
        shown = {"output_type": "stream", "name": "stdout", "text": text}
        last = number == len(printed) - 1
        told += block(name, shown, status=status if last else "ok", code=codes[min(number, len(codes) - 1)])
    return [*told, CodeExecutionEvent(source="a", retry_attempt=0, result=CodeResult(exit_code=1, output=""))]


def saved(there: Elsewhere, path: Path) -> None:
    NotebookView(path, session(there))


def uncleaned(there: Elsewhere, path: Path) -> None:
    """Save the same outputs and words as they are."""
    words = [v4.new_markdown_cell(filled(text, f"{there.url}/{name}")) for name, text in REPLIES.items()]
    shown = {name: output for name, output in outputs(there.url).items() if name not in HELD}
    cells = [v4.new_code_cell("x", outputs=[nbformat.from_dict(output)]) for output in [*shown.values(), END]]
    notebook = v4.new_notebook(cells=[*words, *cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


def trust(server: Server, path: Path) -> None:
    notary = NotebookNotary(data_dir=str(server.folder / "data"))
    notary.sign(nbformat.read(path, as_version=4))
    notary.store.close()


def opened(notebook: Notebook, path: Path) -> None:
    """Open a notebook in the application and wait until all of it has been drawn; its kernel is not needed."""
    notebook.server.set_setting("@jupyterlab/notebook-extension:tracker", windowingMode="none")
    notebook.path = path.name
    notebook.look()
    notebook.page.get_by_text(END["text"]).wait_for(timeout=60_000)
    notebook.page.wait_for_timeout(1_000)


def test_a_saved_session_that_is_trusted_asks_for_nothing(notebook: Notebook, there: Elsewhere) -> None:
    path = notebook.server.root / "saved.ipynb"
    saved(there, path)
    trust(notebook.server, path)
    opened(notebook, path)
    assert notebook.do(LAST_CODE_IS_TRUSTED) is True
    assert there.asked == set()


@one_app
def test_a_saved_session_that_is_not_trusted_asks_for_nothing(notebook: Notebook, there: Elsewhere) -> None:
    saved(there, notebook.server.root / "saved.ipynb")
    opened(notebook, notebook.server.root / "saved.ipynb")
    assert notebook.do(LAST_CODE_IS_TRUSTED) is False
    assert there.asked == set()


@pytest.mark.attacks
@pytest.mark.parametrize("server", ["notebook"], indirect=True)
def test_nor_in_notebook_7(notebook: Notebook, there: Elsewhere) -> None:
    saved(there, notebook.server.root / "saved.ipynb")
    opened(notebook, notebook.server.root / "saved.ipynb")
    assert there.asked == set()


@one_app
def test_the_same_outputs_uncleaned_do_ask(server: Server, browser: Browser, there: Elsewhere) -> None:
    path = server.root / "uncleaned.ipynb"
    uncleaned(there, path)
    trust(server, path)
    notebook = Notebook(server, browser)  # the other one would mind what goes wrong in its page
    try:
        opened(notebook, path)
        assert_asked(notebook.page, there, HELD_BY_LAB)
    finally:
        notebook.close()


def assert_asked(page: Page, there: Elsewhere, held: frozenset[str]) -> None:
    """Wait until all but a few outputs have asked for what they name."""
    deadline = time.monotonic() + 15
    names = {*outputs(""), *REPLIES} - HELD.keys() - held
    while names - there.asked and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    assert names - there.asked == set()


def converted(path: Path) -> Path:
    """Convert a notebook to HTML, as `jupyter nbconvert --to html` does."""
    from nbconvert.exporters import HTMLExporter

    page, _ = HTMLExporter().from_filename(str(path))
    path.with_suffix(".html").write_text(page)
    return path.with_suffix(".html")


@contextmanager
def shown_alone(browser: Browser, path: Path, asked: list[str]) -> Iterator[Page]:
    """Open a page of a file in a browser; what it asks for is added to a list, and comes from this machine or not."""
    context = browser.new_context()
    try:
        context.route("https://*/**", lambda route: route.abort())
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        page.get_by_text(END["text"]).wait_for(timeout=60_000)
        page.wait_for_timeout(1_000)
        yield page
    finally:
        context.close()


@pytest.mark.filterwarnings("ignore:Your element with mimetype")  # nbconvert, of JSON
def test_a_saved_session_converted_to_html_asks_for_nothing(browser: Browser, there: Elsewhere, tmp_path: Path) -> None:
    saved(there, tmp_path / "saved.ipynb")
    asked: list[str] = []
    with shown_alone(browser, converted(tmp_path / "saved.ipynb"), asked):
        assert there.asked == set()
        assert [url for url in asked if not url.startswith(("file:", "data:", *ASKED_BY_NBCONVERT))] == []


@pytest.mark.filterwarnings("ignore:Your element with mimetype")
def test_the_same_outputs_uncleaned_and_converted_do_ask(browser: Browser, there: Elsewhere, tmp_path: Path) -> None:
    uncleaned(there, tmp_path / "uncleaned.ipynb")
    with shown_alone(browser, converted(tmp_path / "uncleaned.ipynb"), []) as page:
        assert_asked(page, there, HELD_BY_NBCONVERT)
