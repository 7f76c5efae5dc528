"""The model that answers: the embedded one in a server of this run's own, or one of any OpenAI-compatible server."""

import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel

from codeagent_nb.models.choose import DEFAULT_OPENAI_MODEL, LOCAL_NAME, choose_model
from codeagent_nb.models.embedded import weights
from codeagent_nb.models.embedded.client import LocalChatCompletionClient
from codeagent_nb.models.embedded.joining import join_server
from codeagent_nb.models.embedded.server_process import ServerSettings
from codeagent_nb.models.types import ChatCompletionClient, CreateResult, LLMMessage, ModelInfo

TEMPERATURE = 0.0
CONTEXT_SIZE = 8192
"""Tokens, as `LocalChatCompletionClient` has it."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be asked.

    Args:
        name: What it is called in results.
        client: Makes a client. Each question has one of its own: none finds what another one has left in a cache, so a
            run that was cut goes on as if it had not been.
        embedded: Whether it runs on this machine, in a server of this run's own.
    """

    name: str
    client: Callable[[], ChatCompletionClient]
    embedded: bool = False


def usable_cpus() -> int:
    """Return how many threads the embedded model has; with another number of them its replies may be others."""
    return len(os.sched_getaffinity(0))


class Deterministic:
    """A client that asks at temperature 0, unless the agent asks for another one.

    Args:
        client: The one that is asked.
    """

    def __init__(self, client: ChatCompletionClient) -> None:
        self._client = client

    @property
    def model_info(self) -> ModelInfo:
        """What the model can do."""
        return self._client.model_info

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        json_output: type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """Ask; arguments and errors are those of the port."""
        how = {"temperature": TEMPERATURE, **(extra_create_args or {})}
        stream = self._client.create_stream(messages, json_output=json_output, extra_create_args=how)
        async with aclosing(stream):
            async for item in stream:
                yield item

    async def close(self) -> None:
        """Release what the client holds."""
        await self._client.close()


@asynccontextmanager
async def open_model(name: str) -> AsyncIterator[Model]:
    """Yield the model of a name; empty chooses as `codeagent-nb run` does, and the embedded one if nothing is set.

    Raises:
        NoModelConfigured: A name without a server, or the other way round.
        WeightsError: The embedded model's file cannot be had.
        ModelUnavailable: Its server does not start.
    """
    wanted = name or os.environ.get("CODEAGENT_MODEL", "")
    is_elsewhere = os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL")
    if wanted == LOCAL_NAME or not (wanted or is_elsewhere):
        async with _embedded() as model:
            yield model
    else:
        await choose_model(wanted or None, os.environ).close()  # what is wrong is said before the first question
        yield Model(wanted or DEFAULT_OPENAI_MODEL, lambda: Deterministic(choose_model(wanted or None, os.environ)))


@asynccontextmanager
async def _embedded() -> AsyncIterator[Model]:
    path = weights.find(os.environ) or weights.fetch()
    threads = usable_cpus()
    # Held for the whole run: between two questions it would end, or be started again.
    server = await join_server(ServerSettings(path, CONTEXT_SIZE, threads))
    try:
        client = partial(LocalChatCompletionClient, path, context_size=CONTEXT_SIZE, threads=threads)
        yield Model(path.stem, client, embedded=True)
    finally:
        server.leave()
