"""A bare client of the extension's protocol: it runs in a notebook's kernel, sends, and waits for the answer.

Below it what tests of the page do with it.
"""

from typing import Any

from tests.browser.jupyter import Notebook

CLIENT = '''
import asyncio
from comm import create_comm

class Page:
    """One comm. `ask` sends a message and gives the answer; answers come on another thread."""

    kept = []  # a comm that is forgotten is closed, and a page that does not know it complains in its console

    def __init__(self, protocol=4):
        self.kept.append(self)
        self.comm = create_comm(target_name="codeagent_cells", data={"protocol": protocol})
        self.loop = asyncio.get_running_loop()
        self.answers = asyncio.Queue()
        self.seq = 0
        self.to = self.token = None
        receive = lambda message: self.loop.call_soon_threadsafe(self.answers.put_nowait, message["content"]["data"])
        self.comm.on_msg(receive)

    async def ask(self, message, timeout=5, seq=None):
        if seq is None:
            self.seq += 1
        self.comm.send({"seq": seq or self.seq, "to": self.to, **message})
        try:
            while True:
                answer = await asyncio.wait_for(self.answers.get(), timeout)
                if answer["re"] == (seq or self.seq):
                    return answer
        except asyncio.TimeoutError:
            return None

    async def hello(self, anchor=None):
        answer = await self.ask({"op": "hello", "anchor": anchor, "token": self.token})
        if answer and answer["ok"]:
            self.to, self.token = answer["client"], answer.get("token")
        return answer

    async def apply(self, *changes, **options):
        return await self.ask({"op": "apply", "changes": changes}, **options)
'''

OK = {"ok": True, "gone": [], "detached": [], "adopted": []}


def connect(notebook: Notebook, *sources: str) -> str:
    """Open a notebook and a comm to its page; gives the id of the first cell."""
    notebook.open(*(sources or ("1", "2")))
    return attach(notebook)


def attach(notebook: Notebook, index: int = 0) -> str:
    """Begin a task with a cell of an open notebook, the first if no other is named; gives the cell's id."""
    anchor = str(notebook.do("return panel.content.model.cells.get(value).id", index))
    notebook.execute_as(anchor, f"{CLIENT}\npage = Page()\nanswer = await page.hello({anchor!r})")
    assert notebook.value("answer")["ok"], notebook.value("answer")
    return anchor


def ask(notebook: Notebook, call: str) -> Any:
    notebook.execute(f"answer = await page.{call}")
    return notebook.value("answer")


def apply(notebook: Notebook, *changes: dict[str, Any]) -> dict[str, Any]:
    """Have changes made, and give what the page says to it."""
    answer = ask(notebook, f"apply(*{list(changes)!r})")
    assert answer is not None, "the page did not answer"
    return {key: value for key, value in answer.items() if key not in ("re", "client", "protocol")}


def ids(notebook: Notebook) -> list[str]:
    """The names of the cells; those of the user are "-"."""
    names = [cell["id"] for cell in notebook.cells()]
    return [name if len(name) < 6 else "-" for name in names]


def by_id(notebook: Notebook, name: str) -> dict[str, Any]:
    [cell] = [cell for cell in notebook.cells() if cell["id"] == name]
    return cell


def edit(notebook: Notebook, name: str, text: str) -> None:
    """Replace a cell's source, as a user would."""
    change = "panel.content.model.sharedModel.cells.find((cell) => cell.id === value[0]).setSource(value[1])"
    notebook.do(change, [name, text])
