"""Asks the configured server which models it has. Knows the port to a server; no surface."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from codeagent_nb.errors import AgentError
from codeagent_nb.models.choose import server_client

PATIENCE = 5.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a server said of its models.

    Args:
        names: Theirs, in its order.
        problem: Why there are none.
    """

    names: tuple[str, ...] = ()
    problem: str = ""


async def ask_server(env: Mapping[str, str]) -> Served | None:
    """Return what the server that the environment names offers, None where it names none."""
    try:
        client = server_client(env)
    except AgentError as error:
        return Served(problem=str(error))
    if client is None:
        return None
    try:
        async with asyncio.timeout(PATIENCE):
            return Served(await client.served_models())
    except TimeoutError:
        return Served(problem=f"no list of its models within {PATIENCE:.0f} s")
    except AgentError as error:
        return Served(problem=str(error))
    finally:
        await client.close()
