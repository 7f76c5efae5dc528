"""Asks the model for a word, for the doctor: a key can be wrong and a server gone. Starts what a task would."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import aclosing
from difflib import get_close_matches

from codeagent_nb.cli.findings import Finding
from codeagent_nb.errors import AgentError, ModelRefused, NoModelConfigured
from codeagent_nb.models.choose import choose_model
from codeagent_nb.models.embedded import weights
from codeagent_nb.models.embedded.client import LocalChatCompletionClient
from codeagent_nb.models.served import ask_server
from codeagent_nb.models.types import ChatCompletionClient, UserMessage

PATIENCE = 15.0
"""Seconds until a server's first word."""

PATIENCE_AT_HOME = 120.0
"""The same of the embedded model, which may have to be loaded from a slow disk."""

NONE = "codeagent-nb model fetch, or set OPENAI_API_KEY, or OPENAI_BASE_URL and CODEAGENT_MODEL"

QUESTION = "Reply with the word ok."
MOST_NAMED = 5


async def check_model(environment: Mapping[str, str]) -> Finding:
    """Ask the model that would be used for a word."""
    try:
        client = choose_model(None, environment, max_retries=0)
    except AgentError as error:
        return Finding("model", "broken", str(error).splitlines()[0], await _advice(error, NONE, environment))
    where = str(getattr(client, "where", type(client).__name__))
    patience = PATIENCE_AT_HOME if isinstance(client, LocalChatCompletionClient) else PATIENCE
    started = time.monotonic()
    try:
        async with asyncio.timeout(patience):
            await _first_word(client)
    except TimeoutError:
        fix = "check that the server runs, its address (OPENAI_BASE_URL), and the network; a large model may be loading"
        return Finding("model", "broken", f"{where} said nothing in {patience:.0f} s", fix)
    except AgentError as error:
        said, _, advice = str(error).partition(" -> ")
        return Finding("model", "broken", said, await _advice(error, advice, environment))
    finally:
        await client.close()
    here = "here" if _embedded_is_here(environment) else "not downloaded"
    took = time.monotonic() - started
    return Finding("model", "ok", f"{where} answers, after {took:.1f} s; the embedded model is {here}")


async def _first_word(client: ChatCompletionClient) -> None:
    # No limit of tokens is sent: what that argument is called depends on the model. What is not read is not made.
    async with aclosing(client.create_stream([UserMessage(content=QUESTION)])) as stream:
        await anext(stream, None)


async def _advice(error: AgentError, advice: str, environment: Mapping[str, str]) -> str:
    """Return what to do; where the model may be unknown, what the server has instead."""
    served = await ask_server(environment) if isinstance(error, ModelRefused | NoModelConfigured) else None
    wanted = environment.get("CODEAGENT_MODEL", "")
    if served and served.names and wanted not in served.names:
        near = get_close_matches(wanted, served.names, MOST_NAMED, 0.4) or served.names[:MOST_NAMED]
        return f"set CODEAGENT_MODEL to a model of this server, e.g. {', '.join(near)}; `codeagent-nb model list`"
    url = environment.get("OPENAI_BASE_URL", "").rstrip("/")
    if served and served.problem and "(HTTP 404)" in str(error) and url and not url.endswith("/v1"):
        return f"{advice} Most servers want /v1 at the end of OPENAI_BASE_URL."
    return advice


def _embedded_is_here(environment: Mapping[str, str]) -> bool:
    try:
        return weights.find(environment) is not None
    except AgentError:
        return False
