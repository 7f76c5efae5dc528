"""What is asked of a server by HTTP: its kernels, and its files. Knows no websocket and no messages.

`httpx2` is imported here and only here.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Any

import httpx2

from kernel_executor.errors import KernelExecutorError
from kernel_executor.outputs.clean_text import cleaned
from kernel_executor.remote.server import Server, Token

TIMEOUT = httpx2.Timeout(30.0, connect=10.0)
START_TIMEOUT = 300.0
"""Seconds a gateway may take to start a kernel: a cluster may have to find a machine first."""

QUIET = httpx2.Timeout(30.0, connect=10.0)
"""Of a stream: a Hub says that it is there every 8 s."""

ATTEMPTS = 4
PAUSE = 0.3
"""Seconds, doubled each time."""

PARTING = 2.0
"""Seconds to end a kernel when our event loop is closing."""

SAID = 300
"""Characters of an answer that an error repeats."""


class ServerError(KernelExecutorError):
    """A server did not do what it was asked.

    Args:
        message: What happened.
        status: Of its answer in HTTP; 0 if there was none.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """A server's REST API.

    Args:
        server: The server.
        token: Who we are there.
    """

    def __init__(self, server: Server, token: Token) -> None:
        self.server = server
        self._token = token
        # No redirections: they would take the token elsewhere.
        self._client = httpx2.AsyncClient(headers=token.headers, timeout=TIMEOUT, follow_redirects=False)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def ask(
        self, method: str, *parts: str, body: Any = None, params: Mapping[str, str] | None = None, timeout: float = 30.0
    ) -> Any:
        """Ask once.

        Raises:
            ServerError: It refused, or did not answer.
        """
        address = self.server.address(*parts)
        try:
            answer = await self._client.request(
                method, address, json=body, params=params, timeout=httpx2.Timeout(timeout, connect=10.0)
            )
        except httpx2.ConnectError as error:
            raise self._error(f"{self.server} cannot be reached: {error}", NOT_SENT) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self._error(f"{self.server} did not answer: {type(error).__name__} {error}") from None
        if answer.is_success:
            try:
                return answer.json() if answer.content else ""
            except NO_JSON:  # a page to log in, or a proxy's
                raise self._not_understood(method, "/".join(parts), answer.status_code) from None
        raise self._error(self._explained(method, "/".join(parts), answer), answer.status_code)

    def _error(self, text: str, status: int = 0) -> ServerError:
        """Return an error without the token: libraries repeat a header they refuse, and servers what they were sent."""
        return ServerError(self._token.absent_from(text), status)

    def _not_understood(self, method: str, what: str, status: int = 200) -> ServerError:
        text = f"{self.server} answered {method} {what or 'api'} with what no Jupyter server answers"
        return self._error(f"{text}: is that the address of one?", status)

    def _explained(self, method: str, what: str, answer: httpx2.Response) -> str:
        status = answer.status_code
        said = cleaned(self._token.absent_from(_message(answer)))[:SAID]
        if status in {401, 403} and TOLD_WHY.search(said):
            return f"{self.server} refused {method} {what} (HTTP {status}): {LIMIT if said == RESOURCES else said}"
        if status in {401, 403}:
            return f"{self.server} refused {method} {what} (HTTP {status}): is the token right, and still valid?"
        if answer.is_redirect:
            return f"{self.server} wants to send us elsewhere (HTTP {status}): is that the address of a Jupyter server?"
        return f"{self.server} answered HTTP {status} to {method} {what}{f': {said}' if said else ''}"

    async def insist(self, method: str, *parts: str, **settings: Any) -> Any:
        """Ask for what does no harm if it is done twice, again and again where nobody answered.

        Raises:
            ServerError: It refused, or did not answer.
        """
        for attempt in range(ATTEMPTS):
            try:
                return await self.ask(method, *parts, **settings)
            except ServerError as error:
                if attempt + 1 == ATTEMPTS or (error.status > 0 and error.status not in PASSING):
                    raise
                await asyncio.sleep(PAUSE * 2**attempt)
        raise AssertionError

    async def events(self, *parts: str) -> AsyncGenerator[Mapping[str, Any], None]:
        """Yield the events of a stream, as a Hub tells its progress.

        Raises:
            ServerError: It refused, or broke off.
        """
        try:
            async with self._client.stream("GET", self.server.address(*parts), timeout=QUIET) as answer:
                if not answer.is_success:
                    raise self._error(f"{self.server} answered HTTP {answer.status_code}", answer.status_code)
                async for line in answer.aiter_lines():
                    with suppress(ValueError, RecursionError):
                        if line.startswith("data:") and isinstance(told := json.loads(line[5:]), dict):
                            yield told
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self._error(f"{self.server} did not answer: {type(error).__name__} {error}") from None

    async def version(self) -> str:
        """Return the server's version; empty if it does not tell."""
        told = await self.insist("GET")
        return _text(told, "version")

    async def kernelspecs(self) -> tuple[str, dict[str, str]]:
        """Return the name of the usual kernel, and the language of each that is described.

        Raises:
            ServerError: It refused, or did not answer, or with something else.
        """
        told = await self.insist("GET", "kernelspecs")
        specs = told.get("kernelspecs") if isinstance(told, dict) else None
        if not isinstance(specs, dict):
            raise self._not_understood("GET", "kernelspecs")
        inner = {name: each.get("spec") for name, each in specs.items() if isinstance(each, dict)}
        languages = {name: _text(spec, "language").lower() for name, spec in inner.items() if isinstance(spec, dict)}
        return _text(told, "default"), languages

    async def kernel(self, kernel_id: str) -> dict[str, Any] | None:
        """Return what the server knows of a kernel; None if it has none of that id.

        Raises:
            ServerError: It refused, or did not answer, or with something else.
        """
        try:
            told = await self.insist("GET", "kernels", kernel_id)
        except ServerError as error:
            if error.status == 404:
                return None
            raise
        if told is not None and not isinstance(told, dict):
            raise self._not_understood("GET", f"kernels/{kernel_id}")
        return told  # in gateway mode a server answers null, and HTTP 200, for one that it does not have

    async def kernels(self) -> list[dict[str, Any]]:
        """Return what the server knows of each of its kernels.

        Raises:
            ServerError: It refused, or did not answer, or with something else.
        """
        told = await self.insist("GET", "kernels")
        if not isinstance(told, list):
            raise self._not_understood("GET", "kernels")
        return [each for each in told if isinstance(each, dict)]

    async def post_kernel(self, wanted: Mapping[str, Any]) -> str:
        """Ask once for a kernel; return its id, empty if the server names none."""
        told = await self.ask("POST", "kernels", body=dict(wanted), timeout=START_TIMEOUT)
        return _text(told, "id")

    async def end(self, kernel_id: str) -> bool:
        """End a kernel; return whether it was there. One that is gone is well."""
        try:
            await self.insist("DELETE", "kernels", kernel_id)
        except ServerError as error:
            if error.status != 404:
                raise
            return False
        return True

    async def interrupt(self, kernel_id: str) -> None:
        """Interrupt a kernel, once."""
        await self.ask("POST", "kernels", kernel_id, "interrupt", body={}, timeout=5.0)

    async def contents(self, method: str, path: str, body: Any = None) -> Any:
        """Ask for a file, or write one; where there are none, the status is 404 or 405."""
        params = {"content": "1", "format": "base64", "type": "file"} if method == "GET" else None
        return await self.insist(method, "contents", *path.split("/"), body=body, params=params, timeout=300.0)

    def end_now(self, kernel_id: str) -> None:
        """End a kernel while the event loop is closing and nothing can be awaited any more."""
        with suppress(httpx2.HTTPError):  # nobody is left to tell
            httpx2.delete(self.server.address("kernels", kernel_id), headers=self._token.headers, timeout=PARTING)


TOLD_WHY = re.compile(r"limit|\bnot authorized|\bnot in the set of users|\bscopes\b", re.IGNORECASE)
"""In what a server says with a 403 whose cause is another one than a wrong token."""

RESOURCES, LIMIT = "Resource Limit", "it has as many kernels as it allows; end one, or wait until others have"
"""What an Enterprise Gateway says, and what it means."""

NOT_SENT = -1
"""In the place of a status: nobody took the question."""

PASSING = frozenset({502, 503, 504})
"""What proxies answer while a server is away for a moment."""


NO_JSON = (ValueError, RecursionError)


def _text(told: Any, name: str) -> str:
    """Return a text of an answer; empty if it is none."""
    value = told.get(name) if isinstance(told, dict) else None
    return value if isinstance(value, str) else ""


def _message(answer: httpx2.Response) -> str:
    try:
        told = answer.json()
        return _text(told, "message") or _text(told, "reason")
    except NO_JSON:
        return ""  # a page of HTML says nothing that the status does not
