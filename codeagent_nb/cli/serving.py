"""Carries out `kernels`, and `run` on a server: its options, and who we are there. Knows the server by its address."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from codeagent_nb.elsewhere.choice import (
    SERVER,
    TOKEN,
    TRUSTED,
    ServerChoice,
    addresses_in,
    kernel_variables,
    read_address,
    read_options,
)
from codeagent_nb.elsewhere.refusals import NO_RESUME_THERE, NOT_THERE
from codeagent_nb.elsewhere.tokens import ask_at_the_terminal, find_token, needs_packages
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.session.session import SessionSettings
from codeagent_nb.views.clean_console import CleanConsole
from kernel_executor.remote.server import Server, Token

ServerOption = Annotated[
    str,
    typer.Option(
        "--server",
        help="Run the code in a kernel on this server (Jupyter Server, gateway, JupyterHub), not on this machine. "
        f"Its token is in {TOKEN}, or you are asked for it. Code is shown first, unless {TRUSTED} names the server.",
        envvar=SERVER,
        show_default="this machine",
        show_envvar=True,
    ),
]
ServerOnly = Annotated[
    str, typer.Option("--server", help="Look at this server, and at what a kernel on it is given.", show_default=False)
]
KernelId = Annotated[
    str,
    typer.Option(
        "--kernel",
        help="A kernel that runs on the server: it is used as it is, and never ended.",
        show_default="a new one",
    ),
]
KernelName = Annotated[
    str, typer.Option(help="Name of a kernel that the server starts.", show_default="the server's usual one")
]


HubServer = Annotated[
    str, typer.Option("--hub-server", help="A named server that a JupyterHub starts.", show_default="your usual one")
]
HubOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--hub-option",
        help="What it is started with, e.g. profile=large. Repeatable.",
        show_default="none",
    ),
]


def read_server(url: str, kernel_id: str, kernel_name: str, others: Mapping[str, bool]) -> ServerChoice | None:
    """Return the server that was chosen; None for this machine.

    Args:
        url: Its address, as it was given.
        kernel_id: A kernel that runs there.
        kernel_name: The name of one that is to be started there.
        others: Options that do not apply to a server, and whether they were given.

    Raises:
        typer.BadParameter: The options do not go together, or the address has a secret in it or is none.
    """
    if not url:
        if kernel_id or kernel_name:
            raise typer.BadParameter("name the --server that it is on", param_hint="--kernel")
        return None
    try:
        choice = ServerChoice(
            url=read_address(url),
            kernel_id=kernel_id,
            kernel_name=kernel_name,
            variables=kernel_variables(os.environ),
        )
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--server") from None
    if others.get("--continue"):
        raise typer.BadParameter(NO_RESUME_THERE.format(place=choice.url), param_hint="--continue")
    for option, given in others.items():
        if given:
            raise typer.BadParameter(NOT_THERE.format(option=option), param_hint=option)
    return choice


def on_hub(choice: ServerChoice | None, name: str, options: Sequence[str]) -> ServerChoice | None:
    """Return a server with which of a JupyterHub's is meant.

    Raises:
        typer.BadParameter: No server is chosen, or an option cannot be read.
    """
    if choice is None:
        if name or options:
            raise typer.BadParameter("name the --server that is the Hub", param_hint="--hub-server")
        return None
    try:
        return replace(choice, hub_server=name, hub_options=read_options(options))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--hub-option") from None


def trusted_servers(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the servers that the user trusts.

    Raises:
        typer.BadParameter: What the variable lists are no addresses.
    """
    try:
        return addresses_in(environment.get(TRUSTED, ""))
    except ValueError as error:
        raise typer.BadParameter(f"{TRUSTED}: {error}") from None


async def with_token(console: CleanConsole, settings: SessionSettings, secrets: Secrets) -> SessionSettings:
    """Return the settings of a session with who we are on its server; errors are those of `find_token`."""
    if settings.server is None:
        return settings

    def tell(line: str) -> None:
        console.print(Text(secrets.text(line), "dim"), soft_wrap=True)

    token = await token_for(settings.server.url, secrets)
    return replace(settings, server=replace(settings.server, token=token, tell=tell))


async def token_for(url: str, secrets: Secrets) -> Token:
    """Return who we are on a server; errors are those of `find_token`."""
    return await find_token(url, os.environ, ask_at_the_terminal, secrets.learn)


async def list_kernels(console: CleanConsole, url: str, secrets: Secrets) -> int:
    """Print the kernels of a server; return the exit code.

    Raises:
        KernelExecutorError: It refused, did not answer, or lists none.
    """
    try:
        from kernel_executor.remote.looking import kernels_on
    except ImportError as error:
        raise needs_packages(error) from error
    kernels = await kernels_on(Server(url), await token_for(url, secrets))
    if not kernels:
        console.print(Text(secrets.text(f"{url} has no kernels.")), soft_wrap=True)
        return 0
    table = Table(*(Column(name, overflow="fold") for name in ("id", "name", "state", "last activity", "clients")))
    for kernel in kernels:
        clients = "" if kernel.connections is None else str(kernel.connections)
        cells = (kernel.id, kernel.name, kernel.state, kernel.last_activity, clients)
        table.add_row(*map(Text, map(secrets.text, cells)))
    console.print(table)
    return 0
