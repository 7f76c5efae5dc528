"""Where tasks of a notebook are solved, by its settings and the line of a cell. Knows no session and no front end."""

from collections.abc import Mapping
from pathlib import Path

from codeagent_nb.elsewhere.choice import (
    SERVER,
    TRUSTED,
    ServerChoice,
    addresses_in,
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
        address = read_address(url)
        # What is set of one server is not asked of another one that a line names.
        is_its = settings if not named or (configured and read_address(configured) == address) else None
        options = is_its.hub_options.split(",") if is_its else []
        server = ServerChoice(
            url=address,
            kernel_id=is_its.server_kernel if is_its else "",
            variables=kernel_variables(environment),
            hub_server=is_its.hub_server if is_its else "",
            hub_options=read_options([each for each in options if each.strip()]),
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
        trusted=_trusted(settings, environment),
        insists=bool(named),
    )


def _trusted(settings: CodeAgent, environment: Mapping[str, str]) -> tuple[str, ...]:
    try:
        return addresses_in(f"{settings.trusted_servers},{environment.get(TRUSTED, '')}")
    except ValueError as error:
        raise SessionError(f"{TRUSTED}: {error}") from None
