"""The ways to a model where none can be used: the embedded one fetched, a key, a server on this machine.

Owns what was begun of each, for the whole notebook: several widgets show the same download. Knows no widget. A key that
is typed lives in memory only, in the mapping that `use` is given.
"""

import asyncio
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import invalidate_caches
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from codeagent_nb.errors import AgentError, NoModelList
from codeagent_nb.models.choose import DEFAULT_OPENAI_MODEL, LOCAL_NAME
from codeagent_nb.models.embedded import weights
from codeagent_nb.models.embedded.background_fetch import BackgroundFetch, Fetch, FetchState
from codeagent_nb.models.openai.addresses import OPENAI_URL, without_secrets
from codeagent_nb.models.served import served_models
from codeagent_nb.models.servers import FoundServer, checked_address, servers_here
from codeagent_nb.notebook.setup.card import Card
from codeagent_nb.notebook.setup.progress import progress_text

EMBEDDED_SERVER = "xllamacpp"
"""The package that serves the embedded model: the extra `local`."""

Use = Callable[[Mapping[str, str]], None]
"""Takes variables that stand before those of the environment."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of a server, and what came of it.

    Args:
        busy: Whether an answer is being waited for.
        error: Why there is none that is of use.
        models: Names to choose from.
    """

    busy: bool = False
    error: str = ""
    models: tuple[str, ...] = ()


class ModelSetup(Card):
    """Asks how to come by a model, and does it.

    Args:
        use: Called with what was chosen.
        environment: Where servers and keys are known from.
        reason: Why there is no model, in a sentence.
        fetch: What fetches the embedded model.
    """

    def __init__(self, use: Use, environment: Mapping[str, str], reason: str, fetch: Fetch = weights.fetch) -> None:
        super().__init__()
        self._use = use
        self._environment = environment
        self._reason = reason
        self._fetching = BackgroundFetch(fetch, self._on_fetch)
        self._fetch_state = self._fetching.state
        self._key = Asked()
        self._servers: Sequence[FoundServer] | None = None
        self._looking = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def status(self) -> str:
        """What it is about, or what is being done."""
        match self._fetch_state.phase:
            case "running" | "pausing":
                return "Downloading the model"
            case "paused":
                return "The download is paused"
        return "No model yet"

    @property
    def is_working(self) -> bool:
        """Whether the model is on its way."""
        return self._fetch_state.phase in {"running", "pausing"}

    def fields(self) -> dict[str, Any]:
        """Return what is shown; no key is in it."""
        return {
            "kind": "model",
            "title": "The agent needs a language model",
            "why": self._reason,
            "embedded": self._embedded(),
            "key": {
                "busy": self._key.busy,
                "error": self._key.error,
                "models": list(self._key.models),
                "url": without_secrets(self._environment.get("OPENAI_BASE_URL", "")),
                "usual": DEFAULT_OPENAI_MODEL,
            },
            "servers": {
                "looking": self._looking,
                "found": [
                    {"name": server.name, "url": server.url, "models": list(server.models), "locked": server.needs_key}
                    for server in self._servers or ()
                ],
                "looked": self._servers is not None,
            },
        }

    def _embedded(self) -> dict[str, Any]:
        state = self._fetch_state
        known = weights.KNOWN_MODEL
        return {
            "name": known.name,
            "size": f"{known.size / 1e9:.1f} GB",
            "here": (weights.cache_dir(self._environment) / known.filename).is_file(),
            "command": "" if find_spec(EMBEDDED_SERVER) else install_command(),
            "phase": state.phase,
            "share": state.done / state.total if state.total else 0.0,
            "text": progress_text(state),
            "error": state.error,
        }

    def handle(self, message: dict[str, Any]) -> None:
        """Do what was clicked."""
        match message.get("type"):
            case "setup-fetch" if find_spec(EMBEDDED_SERVER):
                self._fetching.start()
            case "setup-pause":
                self._fetching.pause()
            case "setup-installed":
                invalidate_caches()
                self.changed()
            case "setup-key" if not self._key.busy:
                texts = (str(message.get(name) or "").strip() for name in ("key", "url", "model"))
                self._begin(self._check_key(*texts))
            case "setup-look" if not self._looking:
                self._begin(self._look())
            case "setup-server":
                self._take_server(message.get("url"), message.get("model"))

    def pause(self) -> None:
        """Fetch no more for now: nobody waits for it."""
        self._fetching.pause()

    def _begin(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)  # or it might be collected in mid-run
        task.add_done_callback(self._tasks.discard)

    def _on_fetch(self, state: FetchState) -> None:
        try:
            self._loop.call_soon_threadsafe(self._show_fetch, state)
        except RuntimeError:  # the loop has ended, and with it all who could see this
            return

    def _show_fetch(self, state: FetchState) -> None:
        self._fetch_state = state
        if state.phase == "done" and not self.is_answered:
            self._finish({"CODEAGENT_MODEL": LOCAL_NAME, "CODEAGENT_MODEL_PATH": ""})
        self.changed()

    def _finish(self, chosen: Mapping[str, str]) -> None:
        if self.is_answered:  # a check of a key that ends late takes nothing from another answer
            return
        self._use(chosen)
        self.settle()

    async def _look(self) -> None:
        self._looking = True
        self.changed()
        try:
            self._servers = await servers_here(self._environment)
        finally:
            self._looking = False
            self.changed()

    def _take_server(self, url: Any, model: Any) -> None:
        """Use a server that was found, and a model it has: nothing else that a message may say."""
        for server in self._servers or ():
            if server.url == url and model in server.models:
                self._finish({"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "", "CODEAGENT_MODEL": str(model)})

    async def _check_key(self, key: str, address: str, model: str) -> None:
        """Try a key before it is used: one that is wrong is told where it can be corrected."""
        self._key = Asked(busy=True)
        self.changed()
        try:
            self._key = await self._tried(key, address, model)
        finally:
            self._key = replace(self._key, busy=False)
            self.changed()

    async def _tried(self, key: str, address: str, model: str) -> Asked:
        try:
            url = checked_address(address)
        except ValueError as error:
            return Asked(error=str(error))
        if not key and url in ("", OPENAI_URL):
            return Asked(error="type a key, or the address of a server that needs none")
        server = {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": url or OPENAI_URL}
        try:
            models = await served_models(server) or ()
        except NoModelList:  # it may have some
            models = ()
        except AgentError as error:
            return Asked(error=str(error).partition(" -> ")[0])  # what is advised is about variables
        wanted = model or _only_one(server["OPENAI_BASE_URL"], models)
        if not wanted:
            question = "choose one of its models" if models else "name the model: this server does not list any"
            return Asked(error=question, models=models)
        self._finish({**server, "CODEAGENT_MODEL": wanted})
        return Asked()


def _only_one(url: str, models: Sequence[str]) -> str:
    """Return the model that is meant if none is named, or ""."""
    if urlsplit(url).hostname == urlsplit(OPENAI_URL).hostname:
        return DEFAULT_OPENAI_MODEL
    return models[0] if len(models) == 1 else ""


def install_command() -> str:
    """Return the command for a terminal that installs what serves the embedded model into this very Python."""
    return f"{shlex.quote(sys.executable)} -m pip install 'codeagent-nb[local]'"
