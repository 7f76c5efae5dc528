"""A Jupyter server and a notebook in a real browser, as tests see them. Knows nothing of the agent.

How a test reads:

    def test_it(notebook: Notebook) -> None:        # once in JupyterLab, once in Notebook 7
        notebook.open("x = 1", "x + 1")             # a fresh file with these code cells, its kernel idle
        notebook.run_cell(0)
        notebook.run_cell(1)
        assert notebook.outputs(1)[0]["data"]["text/plain"] == "2"
        notebook.page.get_by_label("...").click()   # everything else is Playwright's own API

`@one_app` before a test runs it in JupyterLab alone. What must be set before the page loads (the subshell setting)
is set before `open`. Console errors and requests to the outside fail a test when it ends, see conftest.

Loading a page takes as long as most tests (5 of 7 s), so it is kept for the next test of the file, its
documents closed and its kernels ended, unless the test changed what the next would notice: see `Notebook.leave`.
"""

import ast
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import nbformat
import pytest
from nbformat import v4
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, ViewportSize, expect

PATIENCE = 20_000
"""Milliseconds, for what is looked for and for what is expected: five seconds, its own, are too few under load."""
expect.set_options(timeout=PATIENCE)

SOURCE = Path(__file__).parents[2] / "codeagent_nb" / "labextension"
VIEWPORT: ViewportSize = {"width": 1280, "height": 900}
THEMES = ("JupyterLab Light", "JupyterLab Dark")
BENIGN_ERRORS = (
    # Notebook 7.6 itself, on every page: it reads the schema of a plugin's settings that it does not ship.
    "uncaught: TypeError: Cannot read properties of undefined (reading 'schema')",
    # Jupyter's debugger, whose question to a kernel that goes or restarts gets no answer.
    "Could not restore the debugger state: Canceled future",
)
one_app = pytest.mark.parametrize("server", ["lab"], indirect=True)
"""Runs a test in JupyterLab alone, where the application makes no difference."""


@dataclass(frozen=True, slots=True)
class App:
    """A front end of Jupyter: its module, the flag that shows it to the page, and where it opens a notebook."""

    module: str
    expose: str
    path: str


APPS = {
    "lab": App("jupyterlab", "--LabApp.expose_app_in_browser=True", "lab/tree"),
    "notebook": App("notebook", "--JupyterNotebookApp.expose_app_in_browser=True", "notebooks"),
}


class Server:
    """One Jupyter server in a process group of its own, with every folder it could write to under one folder.

    Args:
        app: Which front end, a key of `APPS`.
        folder: An empty folder; `root` is what the server serves, `settings` the user's settings.
        environment: More variables for the server and so for its kernels.
    """

    def __init__(self, app: str, folder: Path, environment: dict[str, str] | None = None) -> None:
        self.app = app
        self.folder = folder
        self.root = folder / "root"
        self.settings = folder / "settings"
        self.token = secrets.token_urlsafe(16)
        self._make_folders()
        with (folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self.root,
                env={**os.environ, **self._environment(), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.url = self._wait_until_it_answers()

    def close(self) -> None:
        """End the server, its kernels first: they are in process groups of their own."""
        self.end_kernels()
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def end_kernels(self) -> None:
        """End every session of the server, and with it its kernel."""
        for session in self.request("GET", "api/sessions"):
            self.request("DELETE", f"api/sessions/{session['id']}")

    def request(self, method: str, path: str) -> Any:
        """Ask the server's own REST API."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(self.url + path, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def set_setting(self, plugin: str, **values: Any) -> None:
        """Write a user's settings of a plugin ("@jupyterlab/...:plugin"); they count from the next page load."""
        package, _, name = plugin.partition(":")
        file = self.settings / package / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        known = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**known, **values}))

    def has_settings(self) -> bool:
        """Return whether the user has changed any setting."""
        return any(self.settings.rglob("*.jupyterlab-settings"))

    def forget_settings(self) -> None:
        """Remove all settings of the user."""
        for file in self.settings.rglob("*.jupyterlab-settings"):
            file.unlink()

    def _make_folders(self) -> None:
        for folder in (self.root, self.settings, self.folder / "home"):
            folder.mkdir(parents=True)
        config = self.folder / "config" / "labconfig"
        config.mkdir(parents=True)
        news = {"@jupyterlab/apputils-extension:announcements": True}  # its pop-up covers a corner of the page
        (config / "page_config.json").write_text(json.dumps({"disabledExtensions": news}))
        if SOURCE.exists():  # in a checkout its own files are tested, not those of the last installation
            shutil.copytree(SOURCE, self.folder / "data" / "labextensions" / "codeagent-nb")

    def _environment(self) -> dict[str, str]:
        places = {
            "HOME": "home",
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        folders = {name: str(self.folder / place) for name, place in places.items()}
        return {**folders, "JUPYTER_PREFER_ENV_PATH": "0"}  # the extension in "data" counts, not an installed one

    def _command(self) -> list[str]:
        app = APPS[self.app]
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": "0",
            "ServerApp.open_browser": "False",
            "ServerApp.root_dir": str(self.root),
            "ServerApp.allow_root": "True",  # as in containers of CI
            "ServerApp.terminals_enabled": "False",
            "IdentityProvider.token": self.token,
        }
        return [sys.executable, "-m", app.module, app.expose, *(f"--{name}={value}" for name, value in options.items())]

    def _wait_until_it_answers(self) -> str:
        """Its port is known from the file it writes; on a busy machine that is there before anybody listens."""
        information = self.folder / "runtime" / f"jpserver-{self._process.pid}.json"
        deadline = time.monotonic() + 60
        while self._process.poll() is None and time.monotonic() < deadline:
            if information.exists() and (text := information.read_text()).endswith("}"):
                url = str(json.loads(text)["url"])
                if _answers(f"{url}api"):
                    return url
            time.sleep(0.05)
        log = (self.folder / "server.log").read_text()
        self._process.kill()
        self._process.wait()
        raise RuntimeError(f"The Jupyter server did not start. It said:\n{log}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10):
            return True
    except urllib.error.HTTPError:  # it does
        return True
    except OSError:
        return False


class Notebook:
    """A notebook in a page of a browser.

    Attributes:
        page: Playwright's page; locate and click through it.
        server: The server; files of the notebook's folder are in `server.root`.
        errors: The console errors and uncaught exceptions of the page, benign ones left out.
        requests: Every URL the page asked for.
    """

    def __init__(self, server: Server, browser: Browser, **context: Any) -> None:
        self.server = server
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.path = ""
        self._kept = False
        self._loads = 0
        self.context = browser.new_context(viewport=VIEWPORT, **context)
        self.context.set_default_timeout(PATIENCE)
        self.page = self.new_page()
        self.page.on("load", self._on_load)

    def new_page(self) -> Page:
        """Another tab of the same browser, watched like the first."""
        page = self.context.new_page()
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._note(f"uncaught: {error.stack or error}"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda socket: self.requests.append(socket.url))
        return page

    def open(self, *sources: str, name: str | None = None) -> None:
        """Write a notebook with these code cells, open it, and wait for its kernel."""
        self.path = name or f"{secrets.token_hex(4)}.ipynb"
        node = v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])
        node.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(node, self.server.root / self.path)
        self.visit()

    def visit(self, page: Page | None = None) -> None:
        """Open the notebook in a page (its own, unless told), and wait for the kernel."""
        self.look(page)
        self.wait_idle(page=page)

    def look(self, page: Page | None = None) -> None:
        """Open the notebook in a page, and wait for nothing."""
        page = page or self.page
        if self._kept and page is self.page and not self.server.has_settings():
            page.evaluate(_OPEN, self.path)
            return
        query = f"?token={self.server.token}" + ("&reset" if self.server.app == "lab" else "")
        page.goto(f"{self.server.url}{APPS[self.server.app].path}/{self.path}{query}")

    def reload(self) -> None:
        """Load the page again; the kernel lives on."""
        self.page.reload()
        self.wait_idle()

    def run_cell(self, index: int, *, wait: bool = True) -> None:
        """Run a cell as the user would; with `wait`, until the kernel has done it."""
        self.do("panel.content.activeCellIndex = value; panel.content.deselectAll();", index)
        run = "app.commands.execute('notebook:run-cell')"
        self.do(f"return {run}.then(() => 1)" if wait else run)

    def execute(self, code: str) -> None:
        """Run code in the kernel beside the cells, as a front end would; an error of it is raised here."""
        self._ask(code, {})

    def execute_as(self, cell: str, code: str) -> None:
        """Run code as the front end does when the user runs the cell with this id, and that code is in it."""
        self.do(
            "const content = { code: value[1], store_history: false };"
            "return panel.sessionContext.session.kernel.requestExecute(content, false, { cellId: value[0] })"
            ".done.then(() => 1)",
            [cell, code],
        )

    def value(self, expression: str) -> Any:
        """Have the kernel evaluate an expression; its value comes back through JSON."""
        answer = self._ask("", {"value": f"__import__('json').dumps({expression})"})["user_expressions"]["value"]
        if answer["status"] != "ok":
            raise RuntimeError(f"The kernel could not evaluate {expression}: {answer['ename']}: {answer['evalue']}")
        return json.loads(ast.literal_eval(answer["data"]["text/plain"]))

    def wait_for_value(self, expression: str, *, timeout: float = 10) -> Any:
        """Wait until an expression is true in the kernel, and give its value; fails with the last one seen."""
        deadline = time.monotonic() + timeout
        while not (value := self.value(expression)):
            assert time.monotonic() < deadline, f"{expression} is still {value!r}"
            self.page.wait_for_timeout(50)
        return value

    def cells(self) -> list[dict[str, Any]]:
        """The cells as they would be saved."""
        return list(self.do("return panel.content.model.toJSON().cells"))

    def outputs(self, index: int) -> list[dict[str, Any]]:
        """The outputs of a code cell."""
        return list(self.cells()[index]["outputs"])

    def cell(self, index: int) -> Locator:
        """A cell in the page."""
        return self.page.locator(f'.jp-Cell[data-windowed-list-index="{index}"]')

    def wait_idle(self, *, page: Page | None = None, timeout: float = 60) -> None:
        """Wait until the kernel is connected and has nothing to do."""
        (page or self.page).wait_for_function(
            _WITH_PANEL + _KERNEL_IDLE + "}", arg=[self.path, None], timeout=timeout * 1000
        )

    def wait_until_settled(self) -> None:
        """Wait until the page has asked all that Jupyter asks at a beginning; before any cell has run."""
        self.do(_SETTLED)

    def interrupt(self) -> None:
        """Interrupt the kernel, as the stop button of the toolbar does."""
        self.do("app.commands.execute('notebook:interrupt-kernel')")

    def restart(self) -> None:
        """Restart the kernel, without the dialog, and wait for it."""
        self.do("return panel.sessionContext.session.kernel.restart().then(() => 1)")
        self.wait_idle()

    def save(self) -> dict[str, Any]:
        """Save the notebook, and give what is in the file then."""
        self.do("return panel.context.save().then(() => 1)")
        return dict(json.loads((self.server.root / self.path).read_text()))

    def theme(self, name: Literal["JupyterLab Light", "JupyterLab Dark"]) -> None:
        """Change the theme of the open page."""
        # The one that is shown would be loaded again, and for a moment there would be none.
        change = "app.commands.execute('apputils:change-theme', { theme: value }).then(() => 1)"
        self.do(f"return document.body.dataset.jpThemeName === value || {change}", name)
        self.page.locator(f'body[data-jp-theme-name="{name}"]').wait_for(state="attached")

    def comms_over_subshells(self, value: Literal["disabled", "perComm", "perCommTarget"]) -> None:
        """Say how comm messages travel; before `open`."""
        self.server.set_setting("@jupyterlab/apputils-extension:kernels-settings", commsOverSubshells=value)

    def screenshot(self, path: Path, of: Locator | None = None) -> None:
        """Take a picture, of the page or of one thing in it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        (of or self.page).screenshot(path=path, animations="disabled")

    def outside_requests(self) -> list[str]:
        """What the page asked for anywhere else than on this machine."""
        return [url for url in self.requests if urlsplit(url).hostname not in (None, "127.0.0.1")]

    def leave(self) -> bool:
        """Close the documents and end the kernels; return whether the next test may have the page.

        It may not if settings were changed, if it was loaded again (documents come back then), if there is another
        page, or if a dialog or a notification is left.
        """
        if self.server.has_settings() or self._loads > 1 or len(self.context.pages) > 1:
            return False
        left = self.page.evaluate(_CLOSE_ALL)
        self.server.end_kernels()
        self.page.set_viewport_size(VIEWPORT)
        self.page.mouse.move(0, 0)
        self._kept = True
        return left == 0

    def begin(self) -> None:
        """Forget what was noted of a kept page before this test."""
        self.errors.clear()
        self.requests.clear()

    def close(self) -> None:
        """Close the page, end the kernels, forget settings."""
        self.context.close()
        self.server.end_kernels()
        self.server.forget_settings()

    def do(self, statements: str, value: Any = None) -> Any:
        """Run JavaScript that knows `app`, `panel` (the notebook's widget) and `value`."""
        return self.page.evaluate(_WITH_PANEL + statements + "}", [self.path, value])

    def _ask(self, code: str, expressions: dict[str, str]) -> dict[str, Any]:
        reply = self.do(
            "const content = { code: value[0], user_expressions: value[1], store_history: false };"
            "return panel.sessionContext.session.kernel.requestExecute(content)"
            ".done.then((message) => JSON.stringify(message.content))",
            [code, expressions],
        )
        answer: dict[str, Any] = json.loads(reply)
        if answer["status"] != "ok":
            raise RuntimeError(f"The code failed in the kernel: {answer.get('ename')}: {answer.get('evalue')}")
        return answer

    def _on_load(self, _: Page) -> None:
        self._loads += 1

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._note(f"{message.text} ({message.location.get('url', '')})")

    def _note(self, error: str) -> None:
        if not error.startswith(BENIGN_ERRORS):
            self.errors.append(error)


# Notebook 7 opens a document in this page, as it does with its first one, if no other is named to open it beside.
_OPEN = """async (path) => {
    const options = { ref: '_noref' };
    await window.jupyterapp.commands.execute('docmanager:open', { path, factory: 'Notebook', options });
    const address = new URL(window.location.href);
    address.pathname = address.pathname.replace(/[^/]*$/, path);  // what a reload opens
    window.history.replaceState(null, '', address);
}"""
_CLOSE_ALL = """() => {
    for (const widget of [...window.jupyterapp.shell.widgets('main')]) {
        if (widget.context?.model) widget.context.model.dirty = false;  // or it asks whether to save
        widget.close();
    }
    return document.querySelectorAll('.jp-Dialog, .Toastify__toast').length;
}"""
_WITH_PANEL = """([path, value]) => {
    const app = window.jupyterapp;
    const panel = app && [...app.shell.widgets('main')].find((widget) => widget.context?.path === path);
    """
# A page is idle between the things it asks at a beginning. A restart in there breaks them off, and once in fifty on a
# busy machine Jupyter (4.6.6, without our extension too) then stays in "starting" forever. The map of what has no
# answer yet is private; without it, a slow kernel would look like a settled one. (What a cell asked stays in it.)
_SETTLED = """const kernel = panel.sessionContext.session.kernel;
    const settled = async () => {
        for (let quiet = 0; quiet < 10; quiet++) {
            await new Promise((resolve) => setTimeout(resolve, 30));
            if (kernel.status !== 'idle' || kernel._futures.size > 0) quiet = 0;
        }
    };
    return settled();
    """
_KERNEL_IDLE = """const kernel = panel?.sessionContext?.session?.kernel;
    return panel?.content?.model && panel.context.isReady && kernel?.connectionStatus === 'connected'
        && kernel.status === 'idle';
    """
