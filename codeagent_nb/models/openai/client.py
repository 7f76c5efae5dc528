"""Owns the calls to any OpenAI-compatible server: streaming, retries, fallbacks. Knows no agent."""

import asyncio
import logging
import os
import re
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel

from codeagent_nb.errors import ModelRefused
from codeagent_nb.init_arguments import remembers_arguments
from codeagent_nb.models.openai import faults, listing, stream, wire
from codeagent_nb.models.openai.addresses import LOOPBACK, OPENAI_URL, host_of, is_address
from codeagent_nb.models.openai.faults import Backoff, Fault
from codeagent_nb.models.prices import list_cost
from codeagent_nb.models.types import HERE, CreateResult, LLMMessage, ModelInfo, RequestUsage

if TYPE_CHECKING:
    import openai

logger = logging.getLogger("codeagent_nb")

__all__ = ["Backoff", "OpenAIChatCompletionClient"]

_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")

_DEFAULT_BACKOFF = Backoff()
_FULL_INFO: ModelInfo = {"function_calling": True, "json_output": True, "structured_output": True}


class OpenAIChatCompletionClient:
    """Stream replies from OpenAI, or from any server that speaks its chat-completions API.

    Args:
        model: Name of the model, as the server knows it.
        api_key: By default that of `OPENAI_API_KEY`.
        base_url: By default that of `OPENAI_BASE_URL`, else OpenAI's own.
        timeout: Seconds without a byte from the server before a try is given up.
        connect_timeout: Seconds to reach the server.
        max_retries: Further tries after the first, as long as no text has been yielded.
        backoff: How long to wait between tries.
        model_info: What the model can do; by default everything but vision.
        unix_socket: Path of the socket that the server listens on, where it has no port; `base_url` gives the rest.
        create_args: Further arguments of every call, e.g. `temperature`, `seed`, `max_tokens`; those that the
            SDK does not know are sent as well.
    """

    @remembers_arguments
    def __init__(
        self,
        model: str,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = 120.0,
        connect_timeout: float = 10.0,
        max_retries: int = 4,
        backoff: Backoff = _DEFAULT_BACKOFF,
        model_info: ModelInfo | None = None,
        unix_socket: str | None = None,
        **create_args: Any,
    ) -> None:
        self._model = model
        # A file written on Windows leaves the end of its line with the key.
        self._api_key = (api_key or os.environ.get("OPENAI_API_KEY") or "").strip()
        self._base_url = base_url or os.environ.get("OPENAI_BASE_URL") or None
        self._unix_socket = unix_socket
        self._timeouts = (timeout, connect_timeout)
        self._max_retries = max_retries
        self._backoff = backoff
        self._info: ModelInfo = model_info if model_info is not None else {**_FULL_INFO, "family": model}
        self._create_args = create_args
        self._http: openai.DefaultAsyncHttpxClient | None = None
        self._sdk: openai.AsyncOpenAI | None = None
        # What this server turned out to understand; weakened when it refuses, for all later calls.
        self._json_mode = wire.JsonMode.SCHEMA
        self._asks_usage = self._has_system_role = True
        self._left_out: set[str] = set()

    @property
    def model_info(self) -> ModelInfo:
        """What the model can do."""
        return self._info

    @property
    def where(self) -> str:
        """The model and the server's host, for people."""
        return f"{self._model!r} at {self._host}"

    @property
    def host(self) -> str:
        """Where prompts are sent: the server's host, or `this machine` for a server on loopback or a socket file."""
        return HERE if self._is_here else self._host

    @property
    def _is_here(self) -> bool:
        return self._unix_socket is not None or self._host in LOOPBACK

    @property
    def _host(self) -> str:
        return host_of(self._base_url or OPENAI_URL)

    def cost(self, usage: RequestUsage) -> float | None:
        """Return what a call costs at list price, in US dollars; None if that is not known."""
        return list_cost(self._model, self._base_url or OPENAI_URL, usage)

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
            json_output: Ask for JSON of this model's schema, in the strongest way the server understands.
            extra_create_args: Further arguments of this call; they win over those of the client.

        Raises:
            ModelUnavailable: No reply after all tries, or the stream broke off in mid-reply.
            ModelRefused: The server said no: bad key, unknown model, malformed request.
        """
        fault_types, attempt = faults.fault_types(), 1
        while True:
            reply = stream.PartialReply()
            request = self._request(messages, json_output, extra_create_args or {})
            try:
                async with _event_lines(self._open_sdk(), request) as lines:
                    async for line in lines:
                        if text := reply.feed(line):
                            yield text
                        if reply.done:
                            break
                if text := reply.end():
                    yield text
                fault = Fault(reply.why_none)
            except fault_types as error:
                fault = faults.read_fault(error, self._api_key)
            if reply.finished and not reply.is_empty:
                yield reply.result()
                return
            attempt += await self._recover(reply, request, fault, attempt)

    async def served_models(self) -> tuple[str, ...]:
        """Return the names of the models that the server offers, in its order.

        Raises:
            ModelUnavailable: The server cannot be reached, or is overloaded.
            ModelRefused: It does not accept the key.
            NoModelList: It does not say which models it has.
        """
        self._check_settings()
        return await listing.models_at(self._open_http(), self._base_url or OPENAI_URL, self._api_key)

    async def close(self) -> None:
        """Release the connections; may be called twice."""
        http, self._http, self._sdk = self._http, None, None
        if http is not None:
            await http.aclose()

    def _open_sdk(self) -> "openai.AsyncOpenAI":
        if self._sdk is None:
            import openai

            self._check_settings()
            parts = urlsplit(self._base_url or OPENAI_URL)
            self._sdk = openai.AsyncOpenAI(
                api_key=self._api_key,
                # The SDK would put the path behind a query: /v1/?api-version=1chat/completions.
                base_url=parts._replace(query="", fragment="").geturl(),
                default_query=dict(parse_qsl(parts.query)),
                timeout=self._timeout(),
                max_retries=0,  # ours also cover streams that break before their first word
                http_client=self._open_http(),
            )
        return self._sdk

    def _open_http(self) -> "openai.DefaultAsyncHttpxClient":
        if self._http is None:
            import openai

            # A proxy of the environment must not come between us and a server on this machine.
            is_local = self._host in LOOPBACK
            self._http = openai.DefaultAsyncHttpxClient(
                timeout=self._timeout(), trust_env=not is_local, **self._transport()
            )
        return self._http

    def _timeout(self) -> "openai.Timeout":
        import openai

        return openai.Timeout(self._timeouts[0], connect=self._timeouts[1])

    def _transport(self) -> dict[str, Any]:
        if self._unix_socket is None:
            return {}
        import openai

        # openai 2 stands on httpx, openai 3 on httpx2.
        http = sys.modules[openai.DefaultAsyncHttpxClient.__mro__[1].__module__]
        return {"transport": http.AsyncHTTPTransport(uds=self._unix_socket)}

    def _check_settings(self) -> None:
        if not self._api_key:
            raise ModelRefused(f"{self.where} needs a key -> Set OPENAI_API_KEY, or pass api_key.")
        # No header can hold others; what refuses them there quotes the whole key, escaped so that no mask finds it.
        if not (self._api_key.isascii() and self._api_key.isprintable()):
            raise ModelRefused(
                f"{self.where}: the key has characters that no key has, such as curly quotes or the end of a line "
                "-> Set OPENAI_API_KEY, or pass api_key, as the provider gave it."
            )
        if self._base_url and not is_address(self._base_url):
            raise ModelRefused(
                f"{self.where}: that is not the address of a server -> Set OPENAI_BASE_URL to one that starts with "
                "http:// or https://, e.g. http://localhost:11434/v1."
            )

    def _request(
        self, messages: Sequence[LLMMessage], shape: type[BaseModel] | None, extra: Mapping[str, Any]
    ) -> dict[str, Any]:
        body = wire.without_arguments({**self._create_args, **extra}, self._left_out)
        prompt = wire.to_wire(messages, has_system_role=self._has_system_role)
        if shape is not None:
            prompt, wanted = wire.ask_for_json(prompt, shape, self._json_mode)
            body |= wanted
        if self._asks_usage:
            body["stream_options"] = {"include_usage": True}
        # In `extra_body` the SDK sends arguments that it does not know, too (`top_k`, `cache_prompt`).
        return {"model": self._model, "messages": prompt, "stream": True, "extra_body": body}

    async def _recover(self, reply: stream.PartialReply, request: Mapping[str, Any], fault: Fault, attempt: int) -> int:
        """Make ready for the next try, or raise; return how many tries this one counts as."""
        if reply.text:
            raise faults.broken_off(self.where, fault)
        if self._weakened(request, fault):
            return 0
        await asyncio.sleep(self._next_wait(fault, attempt))
        return 1

    def _weakened(self, request: Mapping[str, Any], fault: Fault) -> bool:
        """Ask for less from now on if the server refused just that; say whether there was less to ask for."""
        asked = request["extra_body"]
        if "stream_options" in asked and fault.rejects("stream_options"):
            self._asks_usage = False
            return True
        if self._has_system_role and fault.rejects_system_role:
            self._has_system_role = False
            return True
        if "response_format" in asked and fault.rejects("response_format", "json_schema", "json_object"):
            # Another call may have weakened it meanwhile; going by what *this* one asked skips no mode.
            weaker = wire.JsonMode(asked["response_format"]["type"]).weaker()
            self._json_mode = weaker or self._json_mode
            return weaker is not None
        return self._without(
            fault.unsupported([name for name in asked if name not in {"response_format", "stream_options"}])
        )

    def _without(self, argument: str) -> bool:
        """Leave an argument out from now on, of the user's or ours: a model that reasons takes no `temperature`."""
        if not argument:
            return False
        logger.warning("%s does not take %r, so it is left out from now on", self.where, argument)
        self._left_out.add(argument)
        return True

    def _next_wait(self, fault: Fault, attempt: int) -> float:
        if not fault.passing:
            raise faults.refused(self.where, fault)
        asked = fault.retry_after
        if attempt > self._max_retries or (asked or 0.0) > self._backoff.longest_asked:
            raise faults.unavailable(self.where, fault, attempt)
        return self._backoff.wait(attempt) if asked is None else asked


@asynccontextmanager
async def _event_lines(
    sdk: "openai.AsyncOpenAI", request: Mapping[str, Any]
) -> AsyncIterator[AsyncGenerator[str, None]]:
    """Send the request and give the reply's lines; the connection is closed on leaving, in any case."""
    # The SDK's own event stream hides whether `[DONE]` was seen, hence the raw lines.
    completions = sdk.chat.completions.with_streaming_response
    async with completions.create(**request) as response, aclosing(_lines(response.iter_bytes())) as lines:
        yield lines


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[str, None]:
    """Split at the ends of lines that an event stream has; httpx splits within JSON, at U+2028 and its like, too."""
    rest, is_first = b"", True
    async for chunk in chunks:
        *ended, rest = _LINE_END.split(rest + chunk)
        for line in ended:
            text = line.decode(errors="replace")
            yield text.removeprefix("\ufeff") if is_first else text
            is_first = False
    yield rest.decode(errors="replace").rstrip("\r")
