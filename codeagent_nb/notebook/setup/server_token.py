"""Who the user is on a server: asked on a card, or in an input line that shows nothing. Remembered in memory only.

A token is tried before it is used, so that one that is wrong can be corrected where it was typed.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from codeagent_nb.elsewhere.choice import SERVER, TOKEN, ServerChoice
from codeagent_nb.elsewhere.tokens import AskToken, find_token, is_accepted
from codeagent_nb.errors import SessionError
from codeagent_nb.notebook.setup.card import Card, Cards
from kernel_executor import KernelExecutorError
from kernel_executor.remote.server import Token

Learn = Callable[[Mapping[str, str]], object]
"""Is told what is secret from now on."""


class TokenQuestion(Card):
    """Asks for the token of a server.

    Args:
        url: The server.
        answer: Called with a token that the server takes.
        learn: Is told what was typed, before anything is done with it.
    """

    def __init__(self, url: str, answer: Callable[[str], None], learn: Learn) -> None:
        super().__init__()
        self._url = url
        self._answer = answer
        self._learn = learn
        self._error = ""
        self._trying: asyncio.Task[None] | None = None

    @property
    def status(self) -> str:
        """What it is about."""
        return "Who are you there?"

    @property
    def is_working(self) -> bool:
        """Whether a token is being tried."""
        return self._trying is not None

    def fields(self) -> dict[str, Any]:
        """Return what is shown; no token is in it."""
        return {
            "kind": "server",
            "title": f"The code is to run on {self._url}",
            "why": "It wants a token. What you type stays in this kernel's memory and is saved nowhere. The variable "
            f"{TOKEN} of the environment is taken without asking for a server that {SERVER} names there.",
            "busy": self.is_working,
            "error": self._error,
        }

    def handle(self, message: dict[str, Any]) -> None:
        """Try what was typed."""
        if message.get("type") == "server-token" and self._trying is None:
            typed = str(message.get("token") or "").strip()
            self._learn({TOKEN: typed})
            self._trying = self._loop.create_task(self._try(typed))
            self.changed()

    async def _try(self, typed: str) -> None:
        try:
            await is_accepted(self._url, typed)
        except (KernelExecutorError, SessionError) as error:
            self._error = str(error)
        else:
            self._answer(typed)
            self.settle()
        finally:
            self._trying = None
            self.changed()


class ServerTokens:
    """The tokens of one notebook's servers, as long as its kernel lives.

    Args:
        environment: Where one may stand.
        learn: Is told what is secret.
    """

    def __init__(self, environment: Mapping[str, str], learn: Learn) -> None:
        self._environment = environment
        self._learn = learn
        self._typed: dict[str, Token] = {}

    async def with_token(self, server: ServerChoice, cards: Cards | None, ask: AskToken) -> ServerChoice:
        """Return a server with who we are there.

        Args:
            server: The server.
            cards: Asks with a field; None where there are none.
            ask: Asks where there are no cards.

        Raises:
            SessionError: Nobody is there to type it, or it is none.
            KernelExecutorError: The server does not answer, or refuses it.
        """

        async def asked(url: str) -> str | None:
            return await self._ask_on(cards, url) if cards and await cards.is_shown() else await ask(url)

        token = self._typed.get(server.url) or await self._find(server.url, asked)
        self._typed[server.url] = token
        try:
            await is_accepted(server.url, token)
        except KernelExecutorError:
            del self._typed[server.url]  # the next task asks once more
            raise
        return replace(server, token=token)

    async def _find(self, url: str, ask: AskToken) -> Token:
        return await find_token(url, self._environment, ask, self._learn, is_typed=False)

    async def _ask_on(self, cards: Cards, url: str) -> str:
        typed: list[str] = []
        await cards.ask(TokenQuestion(url, typed.append, self._learn))
        return typed[-1]
