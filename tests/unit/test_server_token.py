"""How a server's token is asked for in a notebook: on a card, in memory only."""

import asyncio
import json
from typing import Any

import pytest

from codeagent_nb.elsewhere.choice import SERVER, TOKEN, ServerChoice
from codeagent_nb.elsewhere.tokens import ask_nobody
from codeagent_nb.errors import SessionError
from codeagent_nb.notebook.setup.card import Cards
from codeagent_nb.notebook.setup.server_token import ServerTokens, TokenQuestion
from kernel_executor import KernelExecutorError
from tests.support.scripted_jupyter import ScriptedJupyter

SECRET = "planted-0123456789abcdef"


class Widget:
    state, status, card = "idle", "", None

    def __init__(self) -> None:
        self.callbacks: list[Any] = []
        self.shown: list[Any] = []

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "card":
            self.shown.append(value)
        super().__setattr__(name, value)

    def on_msg(self, callback: Any, remove: bool = False) -> None:
        self.callbacks.remove(callback) if remove else self.callbacks.append(callback)

    def type(self, token: str) -> None:
        for callback in self.callbacks:
            callback(self, {"type": "server-token", "id": self.shown[-1]["id"], "token": token}, [])


async def is_shown() -> bool:
    return True


async def shown_with(widget: Widget, **fields: Any) -> None:
    while not widget.card or any(widget.card[name] != value for name, value in fields.items()):  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_a_wrong_token_is_told_on_the_card_and_the_right_one_is_remembered() -> None:
    async with ScriptedJupyter(token=SECRET) as server:
        learned: list[Any] = []
        tokens, widget = ServerTokens({}, learned.append), Widget()
        choice = ServerChoice(url=server.url)
        asking = asyncio.create_task(tokens.with_token(choice, Cards(widget, is_shown), ask_nobody))
        await shown_with(widget, kind="server", error="")
        widget.type("wrong-0123456789")
        await shown_with(widget, busy=False, error=widget.shown[-1]["error"])
        while not widget.card["error"]:  # type: ignore[index] # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert "is the token right" in widget.card["error"]  # type: ignore[index]
        widget.type(f" {SECRET} ")
        found = await asking
        assert found.token.headers == {"Authorization": f"token {SECRET}"}
        assert {TOKEN: SECRET} in learned, "it is masked everywhere from then on"
        again = await tokens.with_token(choice, None, ask_nobody)
        assert again.token == found.token
        assert SECRET not in json.dumps(widget.shown) + repr(found)


async def test_a_server_that_wants_no_token_asks_nobody() -> None:
    async with ScriptedJupyter() as server:
        found = await ServerTokens({}, lambda _: None).with_token(ServerChoice(url=server.url), None, ask_nobody)
        assert found.token.headers == {}


async def test_where_nobody_is_there_it_is_said_how_to_give_one() -> None:
    async with ScriptedJupyter(token=SECRET) as server:
        with pytest.raises(SessionError, match=f"set the variable {TOKEN}"):
            await ServerTokens({}, lambda _: None).with_token(ServerChoice(url=server.url), None, ask_nobody)


async def test_a_token_that_is_refused_is_forgotten_and_not_repeated() -> None:
    async with ScriptedJupyter(token=SECRET) as server:
        tokens = ServerTokens({TOKEN: "wrong-0123456789", SERVER: server.url}, lambda _: None)
        with pytest.raises(KernelExecutorError, match="is the token right") as caught:
            await tokens.with_token(ServerChoice(url=server.url), None, ask_nobody)
        assert "wrong-0123456789" not in str(caught.value)


async def test_no_token_is_a_field_of_the_card() -> None:
    card = TokenQuestion("http://x", lambda _: None, lambda _: None)
    assert set(card.fields()) == {"kind", "title", "why", "busy", "error"}
