"""Has a JupyterHub start a user's server, and stop it. Knows the Hub's API; no kernels and no websocket.

A Hub is told apart from a server by asking: `hub/api` is answered by a Hub only.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from kernel_executor.aio.tasks import uninterrupted
from kernel_executor.outputs.clean_text import cleaned
from kernel_executor.remote.rest import Api, ServerError
from kernel_executor.remote.server import Server, Token

PATIENCE = 900.0
"""Seconds to start a server: a cluster may have to add a machine and load an image. A Hub gives up by itself, too."""

LOOK_EVERY = 1.0
"""Seconds between two looks whether it is there, or gone."""

STOPPING = 30.0
"""Seconds to wait until a server is gone; the Hub stops it in any case."""

NO_HUB = range(400, 500)
"""Answers of who is no Hub, to what only a Hub knows."""

REFUSED = frozenset({401, 403})


@dataclass(frozen=True, slots=True, kw_only=True)
class HubOptions:
    """Which server of a user's a Hub is to start, and how.

    Args:
        name: Of a named server; empty means the one named in the address, or the user's usual one.
        options: What the Hub's own form would ask, such as `{"profile": "large"}`.
        on_progress: Called with each line that the Hub tells while it starts.
    """

    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    on_progress: Callable[[str], object] = field(default=lambda _: None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenHub:
    """A Hub, and whose server is meant.

    Args:
        base: Its address.
        version: Of the program.
        user: Whose server; empty if nobody told.
        name: Of a named server.
    """

    base: str
    version: str
    user: str
    name: str

    def api(self, token: Token) -> Api:
        """Return the Hub's own API."""
        return Api(Server(f"{self.base}/hub"), token)

    @property
    def parts(self) -> tuple[str, ...]:
        """The server's place in the API."""
        return ("users", self.user, "servers", self.name) if self.name else ("users", self.user, "server")


async def find_hub(server: Server, token: Token, options: HubOptions) -> SeenHub | None:
    """Return the Hub that is at an address, None if a server is.

    Args:
        server: The Hub's address, or that of a user's server.
        token: Who we are there.
        options: May name a server.

    Raises:
        ServerError: It did not answer, or the token is none of a user's.
    """
    base, user, name = _read(server)
    version = await hub_version(server)
    if not version:
        return None
    api = Api(Server(f"{base}/hub"), token)
    try:
        if not user:
            told = await api.insist("GET", "user")
            user = str(told.get("name") or "") if isinstance(told, dict) else ""
            if not user or told.get("kind") != "user":
                raise ServerError(f"{base} does not say whose token this is: is it one of a user's?")
        return SeenHub(base=base, version=version, user=user, name=options.name or name)
    finally:
        await api.aclose()


async def hub_version(server: Server) -> str:
    """Return the version of the Hub that is at an address; empty if none is.

    Raises:
        ServerError: Nobody answered.
    """
    base, _, _ = _read(server)
    api = Api(Server(f"{base}/hub"), Token(""))  # a Hub tells it to everybody
    try:
        told = await api.insist("GET")
    except ServerError as error:
        if error.status in NO_HUB or 200 <= error.status < 400:
            return ""
        raise ServerError(str(error).replace(f"{base}/hub", str(server)), error.status) from None
    finally:
        await api.aclose()
    version = told.get("version") if isinstance(told, dict) else None
    return cleaned(version)[:40] if isinstance(version, str) else ""


def _read(server: Server) -> tuple[str, str, str]:
    """Return the address of a Hub, the user and the named server that an address would mean if it were a Hub's."""
    parts = urlsplit(str(server))
    before, _, after = f"{parts.path}/".partition("/user/")
    user, name, *_ = [*map(unquote, after.split("/")), "", ""] if after else ["", ""]
    before = before.rstrip("/")
    path = before.partition("/hub/")[0] if "/hub/" in f"{before}/" else before
    return urlunsplit((parts.scheme, parts.netloc, path.removesuffix("/hub"), "", "")), user, name


@dataclass(frozen=True, slots=True)
class Reached:
    """A server whose kernels can be used.

    Args:
        server: Its address.
        leave: Stops it, if it was started for this, and nobody else has a kernel there.
    """

    server: Server
    leave: Callable[[], Awaitable[None]]


async def reach(server: Server, token: Token, options: HubOptions) -> Reached:
    """Return a server; where the address is a Hub's, the user's own is started if it does not run.

    Raises:
        ServerError: The Hub refused, the server did not start, or nobody answers.
        CancelledError: We were cancelled; a server that was starting is stopped.
    """
    hub = await find_hub(server, token, options)
    if hub is None:
        return Reached(server, _leave_alone)
    api = hub.api(token)
    try:
        try:
            model = await _model(api, hub)
        except ServerError as error:
            if error.status in REFUSED and "/user/" in str(server) and not options.name:
                return Reached(server, _leave_alone)  # a token for that server alone; whether it runs shows soon
            raise
        if model.get("ready"):
            return Reached(_address(hub, model), _leave_alone)
        if model.get("pending"):  # somebody else has it started, and may be waiting for it
            return Reached(await _ready(api, hub, options), _leave_alone)
        try:
            await _asked_for(api, hub, options)
            started = await _ready(api, hub, options)
        except BaseException:
            await uninterrupted(_stop(api, hub))
            raise
        return Reached(started, lambda: _leave(hub, token, started))
    finally:
        await api.aclose()


async def _leave_alone() -> None:
    """Leave a server that was there before."""


async def user_server(hub: SeenHub, token: Token) -> Server | None:
    """Return the address of the user's server if it runs; starts none."""
    api = hub.api(token)
    try:
        model = await _model(api, hub)
        return _address(hub, model) if model.get("ready") else None
    finally:
        await api.aclose()


async def _model(api: Api, hub: SeenHub) -> dict[str, Any]:
    """Return what the Hub knows of the server; empty if it does not run."""
    told = await api.insist("GET", "users", hub.user)
    servers = told.get("servers") if isinstance(told, dict) else None
    model = servers.get(hub.name) if isinstance(servers, dict) else None
    return model if isinstance(model, dict) else {}


def _address(hub: SeenHub, model: Mapping[str, Any]) -> Server:
    parts = urlsplit(hub.base)
    path = str(model.get("url") or "")
    if not path.startswith("/") or "/user/" not in path:
        raise ServerError(f"{hub.base} does not say where the server is")
    # With an end that is taken off: a named server may be called `lab`, which is taken off an address that is typed.
    return Server(urlunsplit((parts.scheme, parts.netloc, f"{path.rstrip('/')}/api", "", "")))


async def _ready(api: Api, hub: SeenHub, options: HubOptions) -> Server:
    """Wait until the server is ready, and return its address."""
    last = ""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                async with aclosing(_messages(api, hub)) as messages:
                    async for last in messages:
                        options.on_progress(last)
                model = await _model(api, hub)
                if model.get("ready"):
                    return _address(hub, model)
                if not model.get("pending"):
                    raise ServerError(f"{hub.base} could not start the server: {last or 'it does not say why'}")
                await asyncio.sleep(LOOK_EVERY)
    except TimeoutError:
        raise ServerError(f"{hub.base} had not started the server after {PATIENCE:.0f} s: {last}") from None


async def _asked_for(api: Api, hub: SeenHub, options: HubOptions) -> None:
    """Have the server started."""
    options.on_progress(f"{hub.base} starts a server{f' named {hub.name}' if hub.name else ''} for {hub.user}")
    try:
        await api.ask("POST", *hub.parts, body=dict(options.options), timeout=60.0)
    except ServerError as error:
        # Asked for by somebody else meanwhile, or by us, with an answer that was lost: it is pending or there then.
        model = await _model(api, hub)
        if not (model.get("ready") or model.get("pending")):
            raise error from None


async def _messages(api: Api, hub: SeenHub) -> AsyncGenerator[str, None]:
    """Yield what the Hub tells while the server starts; ends when it is ready, has failed, or nothing is heard."""
    with suppress(ServerError):  # whether it is there, the next look shows
        async with aclosing(api.events(*hub.parts, "progress")) as events:
            async for event in events:
                if text := cleaned(str(event.get("message") or ""))[:300]:
                    yield text
                if event.get("ready") or event.get("failed"):
                    return


async def _leave(hub: SeenHub, token: Token, server: Server) -> None:
    """Stop a server that we have had started, unless somebody has a kernel there."""
    there, api = Api(server, token), hub.api(token)
    try:
        with suppress(ServerError):  # then it is gone, or the Hub ends it when it has been idle
            if not await there.kernels():
                await _stop(api, hub)
    finally:
        await there.aclose()
        await api.aclose()


async def _stop(api: Api, hub: SeenHub) -> None:
    """Stop the server and wait until it is gone, as far as that takes no long time."""
    with suppress(ServerError, TimeoutError):
        await api.ask("DELETE", *hub.parts)
        async with asyncio.timeout(STOPPING):
            while await _model(api, hub):  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(LOOK_EVERY)
