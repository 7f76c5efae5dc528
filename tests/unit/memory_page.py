"""Windows that show a notebook, in memory: they answer as the extension in `labextension/` does."""

import asyncio
import copy
import json
import threading
from collections.abc import Callable
from typing import Any

Cell = dict[str, Any]


class Comm:
    """A comm to all windows that were open when it was opened."""

    def __init__(self, front: "Front") -> None:
        self.front, self.last = front, dict[str, Any]()
        self.heard_by = [(window, window.client) for window in front.windows]
        self.callbacks: list[Callable[[dict[str, Any]], None]] = []
        self.is_closed = False

    def send(self, data: dict[str, Any]) -> None:
        assert not self.is_closed
        message = json.loads(json.dumps(data, allow_nan=False))  # what cannot be sent is found here
        self.front.sent.append(message)
        for window, client in self.heard_by:
            is_open = window in self.front.windows and window.client == client  # else loaded anew: the comm is dead
            if is_open and (answer := window.answer(self, message)):
                self.front.deliver(self, answer)

    def on_msg(self, callback: Callable[[dict[str, Any]], None]) -> None:
        self.callbacks.append(callback)

    def close(self) -> None:
        self.is_closed = True

    def receive(self, answer: Any) -> None:
        for callback in () if self.is_closed else self.callbacks:
            callback({"content": {"data": answer}})


class Front:
    """All windows of a kernel.

    Attributes:
        lose: Says of each answer whether it is lost.
        delay: Seconds until an answer comes.
        on_thread: True to call back on another thread, as ipykernel does.
        sent: All messages.
    """

    def __init__(self, *windows: "Window") -> None:
        self.windows = list(windows)
        self.comms: list[Comm] = []
        self.lose: Callable[[Any], bool] = lambda _: False
        self.change: Callable[[Any], Any] = lambda answer: answer
        self.delay = 0.0
        self.on_thread = False
        self.sent: list[dict[str, Any]] = []

    def connect(self) -> Comm:
        self.comms.append(Comm(self))
        return self.comms[-1]

    def deliver(self, comm: Comm, answer: dict[str, Any]) -> None:
        if self.lose(answer):
            return
        answer = self.change(json.loads(json.dumps(answer)))
        if self.on_thread:
            threading.Thread(target=comm.receive, args=[answer]).start()
        elif self.delay:
            asyncio.get_running_loop().call_later(self.delay, comm.receive, answer)
        else:
            comm.receive(answer)

    def changes(self, kind: str) -> list[dict[str, Any]]:
        """Give all changes of a kind that were sent."""
        return [change for message in self.sent for change in message.get("changes", ()) if change["do"] == kind]


class Window:
    """A window with a notebook."""

    def __init__(self, *sources: str, client: str = "w1") -> None:
        names = ["anchor", *(f"user-{number}" for number in range(1, len(sources)))]
        self.cells = [code(name, source) for name, source in zip(names, sources, strict=True)]
        self.client = client
        self.read_only = False
        self.written: dict[str, tuple[str, int, Any]] = {}
        self.steps: dict[str, list[str]] = {}
        self.gone: set[str] = set()
        self.detached: set[str] = set()

    # The user

    @property
    def ids(self) -> list[str]:
        return [cell["id"] for cell in self.cells]

    @property
    def made(self) -> list[Cell]:
        return [cell for cell in self.cells if "codeagent" in cell["metadata"]]

    def cell(self, cell_id: str) -> Cell:
        return next(cell for cell in self.cells if cell["id"] == cell_id)

    def delete(self, *ids: str) -> None:
        self.cells = [cell for cell in self.cells if cell["id"] not in ids]

    def undo(self) -> None:
        self.delete(*self.steps.popitem()[1])

    def reload(self, saved: list[Cell] | None = None, client: str = "w2") -> None:
        self.cells = copy.deepcopy(self.cells if saved is None else saved)
        self.written, self.client, self.steps = {}, client, {}

    # The extension

    def answer(self, comm: Comm, message: dict[str, Any]) -> dict[str, Any] | None:
        if message["to"] not in (None, self.client):
            return None
        last = comm.last.get(self.client)
        if last is None or last["re"] != message["seq"]:
            try:
                said = self.hello(message) if message["op"] == "hello" else self.apply(message["changes"])
            except Exception as error:  # noqa: BLE001
                said = {"ok": False, "error": str(error)}
            if said is None:
                return None
            last = {"re": message["seq"], "client": self.client, **said}
            comm.last[self.client] = last
        return last

    def hello(self, message: dict[str, Any]) -> dict[str, Any] | None:
        named = [cell for cell in (message["anchor"], message["home"]) if cell]
        if message["to"] is None and not {*named} <= {*self.ids}:
            return None
        ours = [(cell, cell["metadata"]["codeagent"]) for cell in self.made]
        cells = [
            {
                "id": cell["id"],
                "source": cell["source"],
                "codeagent": about,
                "execution_count": cell.get("execution_count"),
            }
            for cell, about in ours
        ]
        return {"ok": True, "protocol": 1, "read_only": self.read_only, "ids": self.ids, "cells": cells}

    def apply(self, changes: list[dict[str, Any]]) -> dict[str, Any]:
        if self.read_only:
            raise RuntimeError("The notebook is read-only.")
        self.gone, self.detached = set(), set()
        for change in changes:
            getattr(self, f"_{change['do']}")(change)
        return {"ok": True, "gone": sorted(self.gone), "detached": sorted(self.detached)}

    def _remove(self, change: dict[str, Any]) -> None:
        if change["id"] not in self.ids:
            return
        if self.cell(change["id"])["source"] == change["source"]:
            self.delete(change["id"])
            self.steps = {key: [one for one in ids if one != change["id"]] for key, ids in self.steps.items()}
        else:
            self.detached.add(change["id"])

    def _insert(self, change: dict[str, Any]) -> None:
        fresh = [cell for cell in change["cells"] if cell["id"] not in self.ids]
        above = [name for name in change["after"] if name in self.ids]
        if change["after"] and not above:
            self.gone |= {cell["id"] for cell in fresh}
            return
        index = self.ids.index(above[0]) + 1 if above else len(self.cells)
        self.cells[index:index] = copy.deepcopy(fresh)
        self.steps.setdefault(change["undo"], []).extend(cell["id"] for cell in fresh)
        for wanted in change["cells"]:
            cell = self.cell(wanted["id"])
            same = (cell["source"], cell.get("outputs")) == (wanted["source"], wanted.get("outputs"))
            self._note(cell) if same else self.detached.add(wanted["id"])

    def _metadata(self, change: dict[str, Any]) -> None:
        if change["id"] not in self.ids:
            self.gone.add(change["id"])
            return
        metadata = self.cell(change["id"])["metadata"]
        metadata |= change["metadata"]
        for name in [name for name, value in metadata.items() if value is None]:
            del metadata[name]

    def _edit(self, change: dict[str, Any]) -> None:
        if change["id"] not in self.ids:
            self.gone.add(change["id"])
            return
        cell = self.cell(change["id"])
        if self.written.get(cell["id"], state(cell)) != state(cell):
            self.detached.add(cell["id"])
            return
        if change["do"] != "source" and cell["cell_type"] != "code":
            raise TypeError(f"Cell {cell['id']} is not one of code.")
        edit(cell, change)
        self._note(cell)

    _source = _outputs = _append = _count = _edit

    def _note(self, cell: Cell) -> None:
        self.written[cell["id"]] = state(cell)


def code(name: str, source: str) -> Cell:
    """A cell of the user's."""
    return {
        "cell_type": "code",
        "id": name,
        "source": source,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }


def state(cell: Cell) -> tuple[str, int, Any]:
    return cell["source"], len(cell.get("outputs", ())), cell.get("execution_count")


def edit(cell: Cell, change: dict[str, Any]) -> None:
    match change:
        case {"do": "source", "from": start, "text": text}:
            units = cell["source"].encode("utf-16-le")
            assert 2 * start <= len(units)
            cell["source"] = units[: 2 * start].decode("utf-16-le") + text  # half a character cannot be decoded
        case {"do": "outputs", "from": start, "outputs": outputs}:
            assert start <= len(cell["outputs"])
            del cell["outputs"][start:]
            for output in outputs:
                add(cell["outputs"], output)
        case {"do": "append", "index": index, "text": text}:
            assert index == len(cell["outputs"]) - 1
            assert cell["outputs"][-1]["output_type"] == "stream"
            cell["outputs"][-1]["text"] += text
        case {"do": "count"}:
            cell["execution_count"] = change["execution_count"]


def add(outputs: list[Any], output: Any) -> None:
    """Add an output as Jupyter does: neighbours of one stream become one."""
    last = outputs[-1] if outputs else {}
    if output["output_type"] == "stream" and last.get("name") == output["name"]:
        last["text"] += output["text"]
    else:
        outputs.append(copy.deepcopy(output))
