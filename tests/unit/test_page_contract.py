"""The stand-in for the page does what the page does: the conversations that the real one is tested with, too."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest

from tests.support.page_contract import CONVERSATIONS, Change, User, play
from tests.unit.memory_page import Comm, Front, Window


class Stand:
    """A window in memory, with a task below its first cell."""

    def __init__(self) -> None:
        self.window = Window("0", "1", "2")
        self.front = Front(self.window)
        self.numbers = count(1)
        self.greet(None)

    def greet(self, token: str | None) -> dict[str, Any]:
        self.comm: Comm = self.front.connect()
        self.answers = list[Any]()
        self.comm.on_msg(lambda message: self.answers.append(message["content"]["data"]))
        if token is None:
            self.window.run("anchor")
        answer = self.send(op="hello", anchor="anchor", home=None, token=token)
        self.token = answer["token"]
        return answer

    def send(self, **message: Any) -> dict[str, Any]:
        self.comm.send({"seq": next(self.numbers), "to": self.window.client, **message})
        return dict(self.answers.pop())

    def ask(self, changes: Sequence[Change]) -> dict[str, Any]:
        return self.send(op="apply", changes=list(changes))

    def read(self, ids: Sequence[str]) -> dict[str, Any]:
        return self.send(op="read", ids=list(ids))

    def user(self, turn: User) -> None:
        if turn.does == "delete":
            self.window.delete(turn.cell)
        elif turn.does == "edit":
            self.window.edit(turn.cell, turn.text)
        else:
            self.window.run(turn.cell)
            self.window.cell(turn.cell)["execution_count"] = 1

    def again(self, *, another: bool) -> dict[str, Any]:
        self.comm.close(None if another else {"goes_on": True})
        return self.greet(None if another else self.token)

    def turn(self, *, taken_back: bool) -> dict[str, Any]:
        self.comm.close()
        self.comm = self.front.connect()
        self.comm.on_msg(lambda message: self.answers.append(message["content"]["data"]))
        return self.send(op="turn", token=self.token, taken_back=taken_back)

    def cells(self) -> list[dict[str, Any]]:
        return self.window.cells


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_the_stand_in_does_what_the_page_does(name: str) -> None:
    play(CONVERSATIONS[name], Stand())
