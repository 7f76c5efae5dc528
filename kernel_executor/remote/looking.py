"""Looks at a server: which it is, which kernels it has and starts. Changes nothing there, and knows no websocket."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kernel_executor.outputs.clean_text import cleaned
from kernel_executor.remote.hub import HubOptions, SeenHub, find_hub, hub_version, user_server
from kernel_executor.remote.rest import Api, ServerError
from kernel_executor.remote.server import Server, Token

FORBIDDEN = frozenset({401, 403})

LONGEST = 200
"""Characters of a text of the server's that is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningKernel:
    """A kernel that a server has.

    Args:
        id: What `kernel_id` takes.
        name: Of its kernelspec.
        state: As the server tells it: `idle`, `busy`, `starting`.
        last_activity: When it was used last, as the server writes it.
        connections: How many clients it has; None where the server does not tell.
    """

    id: str
    name: str
    state: str
    last_activity: str
    connections: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenServer:
    """What a server tells of itself.

    Args:
        address: Where it is.
        version: Of the program; empty if it does not tell.
        usual: The kernelspec that a kernel is started from if none is named.
        kernelspecs: The language of each kernelspec.
        kernels: Those it has; None if it does not list them.
        hub: The JupyterHub it is behind, and whose server it is; then the rest is empty if that does not run.
    """

    address: str
    version: str
    usual: str
    kernelspecs: Mapping[str, str]
    kernels: tuple[RunningKernel, ...] | None
    hub: str = ""


async def look_at(server: Server, token: Token) -> SeenServer:
    """Ask a server what it is.

    Raises:
        ServerError: It refused, did not answer, or is no Jupyter server.
    """
    hub = await find_hub(server, token, HubOptions())
    if hub is None:
        return await _look_at(server, token)
    running = await _server_of(hub, server, token)
    named = f"JupyterHub {hub.version}, the server{f' {hub.name}' if hub.name else ''} of {_text(hub.user)}"
    if running is None:
        return SeenServer(
            address=hub.base, version="", usual="", kernelspecs={}, kernels=(), hub=f"{named} does not run"
        )
    return replace(await _look_at(running, token), hub=f"{named} runs")


async def _server_of(hub: SeenHub, server: Server, token: Token) -> Server | None:
    try:
        return await user_server(hub, token)
    except ServerError as error:
        if error.status in FORBIDDEN and "/user/" in str(server):
            return server  # a token for that server alone
        raise


async def _look_at(server: Server, token: Token) -> SeenServer:
    api = Api(server, token)
    try:
        usual, languages = await api.kernelspecs()
        return SeenServer(
            address=str(server),
            version=_text(await api.version()),
            usual=_text(usual),
            kernelspecs={_text(name): _text(language) for name, language in languages.items()},
            kernels=await _listed(api),
        )
    finally:
        await api.aclose()


async def kernels_on(server: Server, token: Token) -> tuple[RunningKernel, ...]:
    """Return the kernels that a server has.

    Raises:
        ServerError: It refused, did not answer, or lists none.
    """
    if hub := await find_hub(server, token, HubOptions()):
        running = await _server_of(hub, server, token)
        if running is None:
            return ()
        server = running
    api = Api(server, token)
    try:
        return tuple(map(_read, await api.kernels()))
    finally:
        await api.aclose()


async def needs_token(server: Server) -> bool:
    """Return whether a server does nothing for who has no token.

    Raises:
        ServerError: It did not answer.
    """
    if await hub_version(server):
        return True
    api = Api(server, Token(""))
    try:
        await api.kernelspecs()
    except ServerError as error:
        # One sends what has no token to a page to log in.
        if error.status in FORBIDDEN or 300 <= error.status < 400:
            return True
        raise
    finally:
        await api.aclose()
    return False


async def _listed(api: Api) -> tuple[RunningKernel, ...] | None:
    try:
        return tuple(map(_read, await api.kernels()))
    except ServerError as error:
        if error.status in FORBIDDEN:  # a Kernel Gateway lists none unless it is told to
            return None
        raise


def _read(told: Mapping[str, Any]) -> RunningKernel:
    connections = told.get("connections")
    return RunningKernel(
        id=_text(told.get("id")),
        name=_text(told.get("name")),
        state=_text(told.get("execution_state")),
        last_activity=_text(told.get("last_activity")),
        connections=connections if type(connections) is int else None,
    )


def _text(value: object) -> str:
    return cleaned(value)[:LONGEST] if isinstance(value, str) else ""
