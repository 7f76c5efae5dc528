"""Where tasks of a notebook are solved, by its settings and the line of a cell. Knows no session and no front end."""

from collections.abc import Mapping
from pathlib import Path

from codeagent_nb.approval import ApprovalMode
from codeagent_nb.elsewhere.choice import (
    SERVER,
    TRUSTED,
    ServerChoice,
    addresses_in,
    approval_there,
    kernel_variables,
    read_address,
    read_options,
)
from codeagent_nb.errors import SessionError
from codeagent_nb.notebook.settings import CodeAgent
from codeagent_nb.notebook.tasks import Place
from kernel_executor.folders.home import with_home
from kernel_executor.limits.resource_limits import ResourceLimits
from kernel_executor.network.gate import read_network


def place_of(settings: CodeAgent, environment: Mapping[str, str], named: str = "") -> Place:
    """Return where a task is solved.

    Args:
        settings: Those of the notebook.
        environment: May name a server.
        named: A server that the line of the cell names.

    Raises:
        SessionError: The environment names what is no server, or a gateway would refuse what goes along.
    """
    configured = settings.server or environment.get(SERVER, "")
    url = named or configured
    try:
        server = ServerChoice(
            url=read_address(url),
            kernel_id=settings.server_kernel,
            variables=kernel_variables(environment),
            hub_server=settings.hub_server,
            hub_options=read_options([each for each in settings.hub_options.split(",") if each.strip()]),
        )
    except ValueError as error:
        if url:
            raise SessionError(str(error)) from None
        server = None
    return Place(
        with_home(settings.folder) if settings.folder else Path.cwd(),
        settings.sandbox,
        ResourceLimits.read(settings.limits),
        read_network(settings.network),
        chosen=settings.folder,
        server=server,
        configured=configured,
        insists=bool(named),
    )


def approval_at(mode: ApprovalMode, url: str, settings: CodeAgent, environment: Mapping[str, str]) -> ApprovalMode:
    """Return when a person is asked before code runs.

    Args:
        mode: What the line or the settings say.
        url: The server it runs on; empty for this machine.
        settings: Those of the notebook, which may name servers that are trusted.
        environment: May name more of them.

    Raises:
        SessionError: What the environment names are no addresses.
    """
    try:
        trusted = addresses_in(f"{settings.trusted_servers},{environment.get(TRUSTED, '')}")
    except ValueError as error:
        raise SessionError(f"{TRUSTED}: {error}") from None
    return approval_there(mode, url, trusted)
