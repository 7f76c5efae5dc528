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
    """Debian's Chromium, without its windows where that is installed; Playwright's own is not needed."""
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")  # its first process works half as much
    if path is None:
        pytest.skip("no chromium on the PATH (Debian: apt-get install chromium)")
    return path


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, Server]]:
    """The servers that were started, by the name of their application."""
    started: dict[str, Server] = {}
    yield started
    for server in started.values():
        server.close()


@pytest.fixture(scope="session", params=list(APPS))
def server(
    request: pytest.FixtureRequest,
    chromium: str,
    servers: dict[str, Server],
    tmp_path_factory: pytest.TempPathFactory,
) -> Server:
    """A server of each front end, started when it is first needed: a worker goes from one to the other and back."""
    if find_spec(APPS[request.param].module) is None:
        pytest.skip(f"{APPS[request.param].module} is not installed")
    if request.param not in servers:
        servers[request.param] = Server(request.param, tmp_path_factory.mktemp(request.param) / "jupyter")
    return servers[request.param]


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


IN_BOTH = {
    "test_edited_code_is_what_runs_and_what_is_recorded",
    "test_in_the_background_output_stays_under_its_cell_and_stop_works",
    "test_the_reply_is_shown_while_it_comes_and_all_of_the_story_in_the_end",
    "test_whatever_code_tries_what_is_seen_is_what_runs",
    "test_after_a_reload_it_goes_on_in_the_new_page",
    "test_each_step_becomes_cells_below_while_it_happens",
    "test_undo_takes_back_a_step_and_redo_brings_it_again",
    "test_after_a_reload_the_page_goes_on_with_the_task_and_answers_no_old_address",
    "test_only_the_window_that_is_named_acts",
    "test_the_button_opens_the_panel_once_and_brings_a_dead_one_to_life",
    "test_the_users_place_stays_while_cells_come_and_go_above_and_below",
    "test_what_the_user_reads_stays_in_sight_while_the_active_cell_is_far_away",
    "test_z_takes_back_the_changes_of_one_key_however_late_they_came_and_never_the_users",
    "test_the_page_does_what_its_stand_in_does",
    "test_a_task_is_answered_in_the_panel_and_its_plot_stands_below",
    "test_a_saved_session_that_is_trusted_asks_for_nothing",
    "test_every_text_can_be_read",
    "test_cells_of_a_task_that_was_taken_back_say_so_until_it_is_taken_again",
    "test_z_offers_to_take_the_last_task_back_with_its_variables",
}
"""Tests that `make test` runs in Notebook 7, too: of each surface one, and what depends on the application around it.

The page's code is the same in both. `make browser` runs all tests in both.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is repeated in Notebook 7."""
    for item in items:
        called = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if called.get("server") == "notebook" and getattr(item, "originalname", "") not in IN_BOTH:
            item.add_marker(pytest.mark.repeated)
