"""Asks the configured server which models it has. Knows the port to a server; no surface."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from codeagent_nb.errors import AgentError, ModelUnavailable
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
        names = await served_models(env)
    except AgentError as error:
        return Served(problem=str(error))
    return None if names is None else Served(names, "" if names else "the server has no models")


async def served_models(env: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the models of the server that the environment names, None where it names none.

    Raises:
        NoModelConfigured: Its address is none.
        ModelUnavailable: It cannot be reached, or takes too long.
        ModelRefused: It does not accept the key.
        NoModelList: It does not say which models it has.
    """
    client = server_client(env)
    if client is None:
        return None
    try:
        async with asyncio.timeout(PATIENCE):
            return await client.served_models()
    except TimeoutError:
        raise ModelUnavailable(f"no list of its models within {PATIENCE:.0f} s") from None
    finally:
        await client.close()
