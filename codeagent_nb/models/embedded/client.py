"""Owns the embedded model as a client: a server is joined when first asked, left by `close`. Knows no wire format."""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from codeagent_nb.errors import ModelUnavailable, NoModelConfigured, WeightsError
from codeagent_nb.init_arguments import remembers_arguments
from codeagent_nb.models.embedded import weights
from codeagent_nb.models.embedded.joining import JoinedServer, join_server
from codeagent_nb.models.embedded.server_process import ServerSettings
from codeagent_nb.models.openai.client import OpenAIChatCompletionClient
from codeagent_nb.models.types import HERE, CreateResult, LLMMessage, ModelInfo, RequestUsage

_INFO: ModelInfo = {"json_output": True, "structured_output": True, "family": "qwen2.5-coder-1.5b"}
_TIMEOUT = 900.0  # seconds to the first byte; a long prompt on a slow machine takes minutes


@dataclass(frozen=True, slots=True)
class _Running:
    server: JoinedServer
    client: OpenAIChatCompletionClient

    async def leave(self) -> None:
        await self.client.close()
        self.server.leave()


class LocalChatCompletionClient:
    """Run the embedded model (or any GGUF file) on this machine, in one process for all programs of a user.

    The first call starts it, which takes seconds, unless another notebook or command has; calls at once are queued.
    Nobody sees the prompts of another. Use `close` when done: it ends when the last one has left.

    Args:
        path: The GGUF file; by default what `weights.find` finds.
        context_size: In tokens, prompt and reply together.
        threads: Of the CPU; by default as many as this process may use.
        temperature: 0 gives the same reply to the same prompt.
        max_tokens: Of one reply; small models sometimes do not stop by themselves.
    """

    @remembers_arguments
    def __init__(
        self,
        path: Path | None = None,
        *,
        context_size: int = 8192,
        threads: int | None = None,
        temperature: float = 0.0,
        max_tokens: int = 2048,
    ) -> None:
        self._path = path
        self._context_size = context_size
        self._threads = threads or _usable_cpus()
        self._create_args: dict[str, Any] = {"temperature": temperature, "max_tokens": max_tokens, "seed": 0}
        self._running: _Running | None = None
        self._starting = asyncio.Lock()

    @property
    def model_info(self) -> ModelInfo:
        """What the model can do."""
        return _INFO

    @property
    def where(self) -> str:
        """The model, for people."""
        return f"{self._path.stem if self._path else weights.KNOWN_MODEL.name} (embedded)"

    @property
    def host(self) -> str:
        """Where prompts are sent."""
        return HERE

    @property
    def pid(self) -> int | None:
        """Return the process id of the server, None while there is none."""
        return self._running.server.lease.pid if self._running else None

    def cost(self, usage: RequestUsage) -> float:  # noqa: ARG002 - the port's
        """Return nothing: it runs on this machine."""
        return 0.0

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        json_output: type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """Yield pieces of text as they come, then exactly one `CreateResult`.

        Args:
            messages: The prompt.
            json_output: The reply is held to this model's schema while it is generated.
            extra_create_args: Further arguments of llama.cpp's server for this call.

        Raises:
            WeightsError: The model's file is not here.
            NoModelConfigured: xllamacpp is not installed.
            ModelUnavailable: The server did not start, or died; the next call starts it again.
            ModelRefused: The prompt is too long, or an argument is wrong.
        """
        running = await self._ensure_running()
        stream = running.client.create_stream(messages, json_output=json_output, extra_create_args=extra_create_args)
        try:
            async with aclosing(stream):
                async for item in stream:
                    yield item
        except ModelUnavailable as error:
            words = await running.server.last_words()
            raise ModelUnavailable(f"The embedded model gave no whole reply ({error}): {words}") from error

    async def close(self) -> None:
        """Leave the server, which ends a little later unless others use it; may be called twice."""
        async with self._starting:
            running, self._running = self._running, None
            if running is not None:
                await running.leave()

    async def _ensure_running(self) -> _Running:
        async with self._starting:
            if self._running is not None and not self._running.server.is_found:
                dead, self._running = self._running, None
                await dead.leave()
            if self._running is None:
                self._running = await self._start()
            return self._running

    async def _start(self) -> _Running:
        if find_spec("xllamacpp") is None:
            raise NoModelConfigured("The embedded model needs: pip install 'codeagent-nb[local]'")
        # The first look at a downloaded file hashes a gigabyte.
        path = await asyncio.to_thread(self._find_file)
        server = await join_server(ServerSettings(path, self._context_size, self._threads))
        client = OpenAIChatCompletionClient(
            path.stem,
            api_key=server.lease.token,
            base_url="http://localhost/v1",
            unix_socket=str(server.socket),
            timeout=_TIMEOUT,
            max_retries=0,
            model_info=_INFO,
            **self._create_args,
        )
        return _Running(server, client)

    def _find_file(self) -> Path:
        if self._path is not None:
            return weights.check_gguf(self._path)
        found = weights.find(os.environ)
        if found is None:
            raise WeightsError(
                "The embedded model's file is not here. Run `codeagent-nb model fetch` (1.1 GB), "
                "or set CODEAGENT_MODEL_PATH to a GGUF file."
            )
        return found


def _usable_cpus() -> int:
    # Containers narrow the affinity; more threads than that slow each other down.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
