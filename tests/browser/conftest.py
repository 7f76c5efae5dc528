"""The browser's fixtures: one server for each front end, a browser for each module, a page for each test."""

import shutil
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.jupyter import APPS, Notebook, Server

QUIET = (  # alone on its machine, and as light as it can be
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # What must not be asked for is noted, and not sent either. Playwright's own way, a route, stops each of the 130
    # requests of a page, those to this machine, too, until Playwright has looked at it: a sixth of a page's time.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Debian's Chromium; Playwright's own is not needed."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium on the PATH (Debian: apt-get install chromium)")
    return path


@pytest.fixture(scope="session", params=list(APPS))
def server(request: pytest.FixtureRequest, chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of each front end; tests are sorted so that only one runs at a time."""
    if find_spec(APPS[request.param].module) is None:
        pytest.skip(f"{APPS[request.param].module} is not installed")
    server = Server(request.param, tmp_path_factory.mktemp(request.param) / "jupyter")
    yield server
    server.close()


# Not for the whole session: Playwright's loop would count as running in tests of asyncio that come later.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def kept(browser: Browser) -> Iterator[dict[str, Notebook]]:
    """The page that a test left for the next one, if it did, by the name of its application."""
    pages: dict[str, Notebook] = {}
    yield pages
    for notebook in pages.values():
        notebook.close()


@pytest.fixture
def own_page(server: Server, kept: dict[str, Notebook]) -> Iterator[None]:
    """For what is read as a page loads: the test gets a page of its own, and the next one, too."""
    def give_up() -> None:
        if server.app in kept:
            kept.pop(server.app).close()

    give_up()
    yield
    give_up()


@pytest.fixture
def notebook(
    request: pytest.FixtureRequest, server: Server, browser: Browser, kept: dict[str, Notebook]
) -> Iterator[Notebook]:
    """A page for a notebook. At the end: no error in the console, nothing asked for outside this machine."""
    notebook = kept.pop(server.app, None) or Notebook(
        server, browser, permissions=["clipboard-read", "clipboard-write"]
    )
    notebook.begin()
    failed = request.session.testsfailed
    yield notebook
    errors = list(notebook.errors)  # not what a front end says of kernels that are taken from it
    if request.session.testsfailed == failed and errors == [] and notebook.leave():
        kept[server.app] = notebook
    else:
        notebook.close()
    assert errors == []
    assert notebook.outside_requests() == []


REPEATED = {"test_extension_attacks", "test_widget"}
"""Files whose tests Notebook 7 repeats, with the same page code; `make attacks` runs those, but for its own themes.

The widget is drawn in Notebook 7 by test_agent_cell and test_panel, too.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the repetitions in Notebook 7 to `make attacks`."""
    for item in items:
        called = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if item.path.stem in REPEATED and "notebook" in called.values() and "theme" not in called:
            item.add_marker(pytest.mark.attacks)
