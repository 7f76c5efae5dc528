"""The real page does what its stand-in does: the same conversations, one after another in one notebook."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.browser.jupyter import Notebook
from tests.browser.raw_page import CLIENT, edit
from tests.support.page_contract import CONVERSATIONS, Change, User, play

pytestmark = [pytest.mark.browser, pytest.mark.integration]

CELLS = "panel.content.model.sharedModel"


class RealPage:
    """A conversation at the end of an open notebook; ids get a prefix there, as other conversations have the same."""

    def __init__(self, notebook: Notebook, number: int) -> None:
        self.notebook, self.prefix = notebook, f"n{number}-"
        self.first = len(notebook.cells())
        cells = [{"cell_type": "code", "id": self.prefix + name, "source": text, "metadata": {}, "outputs": []}
                 for name, text in (("anchor", "0"), ("user-1", "1"), ("user-2", "2"))]  # fmt: skip
        notebook.do(f"{CELLS}.insertCells({CELLS}.cells.length, value)", cells)
        self.greet("page = Page()")

    def greet(self, begin: str) -> dict[str, Any]:
        anchor = f"{self.prefix}anchor"
        self.notebook.execute_as(anchor, f"{begin}\nanswer = await page.hello({anchor!r})")
        return self.plain(self.notebook.value("answer"))

    def ask(self, changes: Sequence[Change]) -> dict[str, Any]:
        self.notebook.execute(f"answer = await page.apply(*{[self.named(change) for change in changes]!r})")
        return self.plain(self.notebook.value("answer"))

    def read(self, ids: Sequence[str]) -> dict[str, Any]:
        asked = {"op": "read", "ids": [self.prefix + name for name in ids]}
        self.notebook.execute(f"answer = await page.ask({asked!r})")
        return self.plain(self.notebook.value("answer"))

    def user(self, turn: User) -> None:
        index = [cell["id"] for cell in self.notebook.cells()].index(self.prefix + turn.cell)
        if turn.does == "edit":
            edit(self.notebook, self.prefix + turn.cell, turn.text)
        elif turn.does == "run":
            self.notebook.run_cell(index)
        else:
            self.notebook.do("panel.content.activeCellIndex = value; panel.content.deselectAll()", index)
            self.notebook.do("return app.commands.execute('notebook:delete-cell').then(() => 1)")

    def again(self, *, another: bool) -> dict[str, Any]:
        goes_on = "old.comm.close({'goes_on': True}); page.token = old.token"
        return self.greet(f"old, page = page, Page(); {'old.comm.close()' if another else goes_on}")

    def turn(self, *, taken_back: bool) -> dict[str, Any]:
        asked = f"{{'op': 'turn', 'token': page.token, 'taken_back': {taken_back}}}"
        self.notebook.execute(
            f"page.comm.close(); other = Page(); other.to = page.to; answer = await other.ask({asked}); "
            "other.comm.close()"
        )
        return self.plain(self.notebook.value("answer"))

    def cells(self) -> list[dict[str, Any]]:
        return [self.plain(cell) for cell in self.notebook.cells()[self.first :]]

    def named(self, change: Change) -> Change:
        """Return a change with the ids that cells have in this notebook."""
        more: Change = {}
        if "id" in change:
            more["id"] = self.prefix + change["id"]
        if "after" in change:
            more["after"] = [self.prefix + name for name in change["after"]]
        if "cells" in change:
            more["cells"] = [cell | {"id": self.prefix + cell["id"]} for cell in change["cells"]]
        return change | more

    def plain(self, value: Any) -> Any:
        """Return what the page says, with the ids of the conversation."""
        if isinstance(value, dict):
            return {key.removeprefix(self.prefix): self.plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.plain(item) for item in value]
        return value.removeprefix(self.prefix) if isinstance(value, str) else value


def test_the_page_does_what_its_stand_in_does(notebook: Notebook) -> None:
    notebook.open("'the first'")
    notebook.execute(CLIENT)
    wrong = {}
    for number, (name, turns) in enumerate(CONVERSATIONS.items()):
        try:
            play(turns, RealPage(notebook, number))
        except AssertionError as error:
            wrong[name] = str(error)[:1500]
    assert not wrong, "\n".join(f"{name}: {why}" for name, why in wrong.items())
