"""Windows that show a notebook, in memory: they answer as the extension in `labextension/` does."""

import asyncio
import copy
import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
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
            is_open = window in self.front.windows and window.client == client  # else loaded again: the comm is dead
            if is_open and (answer := window.answer(self, message)):
                self.front.deliver(self, answer)

    def on_msg(self, callback: Callable[[dict[str, Any]], None]) -> None:
        self.callbacks.append(callback)

    def close(self, data: dict[str, Any] | None = None) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        for window, client in self.heard_by:
            if window.client == client:
                window.comm_closed(self, data or {})

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


@dataclass(slots=True)
class Task:
    """What a window remembers of a task; see `labextension/page/tasks.js`."""

    token: str
    anchor: str | None
    old: dict[str, list[str]]
    places: set[str]
    own: dict[str, tuple[str, int, Any]] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)
    reused: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    comm: Comm | None = None
    taken_back: bool = False


class RefusalError(Exception):
    """What the page does not do."""


class Window:
    """A window with a notebook."""

    def __init__(self, *sources: str, client: str = "w1") -> None:
        names = ["anchor", *(f"user-{number}" for number in range(1, len(sources)))]
        self.cells = [code(name, source) for name, source in zip(names, sources, strict=True)]
        self.client = client
        self.read_only = False
        self.running: str | None = None
        self.has_panel_task = False
        self.tasks: list[Task] = []
        self.past: list[Task] = []
        self.made_by: dict[str, dict[str, list[str]]] = {}
        self.steps: dict[str, list[str]] = {}
        self.gone: set[str] = set()
        self.detached: set[str] = set()
        self.adopted: set[str] = set()

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
        self.client, self.steps, self.running = client, {}, None
        for task in self.tasks:
            task.comm = None
            for cell_id, was in [*task.own.items()]:
                if cell_id not in self.ids:
                    continue
                now = state(self.cell(cell_id))
                if was[0].startswith(now[0]) and now[2] is None:
                    task.own[cell_id] = now
                elif not self._is_waiting(cell_id):
                    self._leave(task, cell_id)

    def edit(self, cell_id: str, text: str) -> None:
        self.cell(cell_id)["source"] = text
        self._take_mark(cell_id)

    def _take_mark(self, cell_id: str) -> None:
        """What the user edits or runs is the user's."""
        if cell_id in self.ids:
            self.cell(cell_id)["metadata"].get("codeagent", {}).pop("taken_back", None)

    def run(self, cell_id: str) -> None:
        """As the user does: until a task has begun, or another cell runs."""
        self.running = cell_id
        for task in self.tasks:
            if task.own.pop(cell_id, None):
                task.users.add(cell_id)
        for task in self.past:
            task.users.add(cell_id)
        self._take_mark(cell_id)

    def send_from_panel(self) -> None:
        self.has_panel_task = True

    # The extension

    def answer(self, comm: Comm, message: dict[str, Any]) -> dict[str, Any] | None:
        if message["to"] not in (None, self.client):
            return None
        last = comm.last.get(self.client)
        if last is None or last["re"] != message["seq"]:
            try:
                said = self._do(comm, message)
            except Exception as error:  # noqa: BLE001
                said = {"ok": False, "protocol": 4, "error": str(error)}
            if said is None:
                return None
            last = {"re": message["seq"], "client": self.client, **said}
            comm.last[self.client] = last
        return last

    def _do(self, comm: Comm, message: dict[str, Any]) -> dict[str, Any] | None:
        if message["op"] == "turn":
            return self.turn(message["token"], message["to"], taken_back=message["taken_back"])
        if message["op"] == "hello":
            return self.hello(comm, message)
        if message["op"] == "read":
            return {"ok": True, "sources": self.read(self._writing(comm), message["ids"])}
        return self.apply(comm, message["changes"])

    def turn(self, token: str, to: str | None, *, taken_back: bool) -> dict[str, Any] | None:
        task = next((task for task in self.past if task.token == token), None)
        if task is None and to is None:
            return None
        if task is None:
            raise RefusalError("no ended task has this token")
        task.taken_back = taken_back
        return {"ok": True, "marked": len([cell for cell in self.cells if self._settle(cell) is task])}

    def _settle(self, cell: Cell) -> Task | None:
        """Give a cell the mark that it has to bear; return the task that wrote it."""
        source, _, count = state(cell)
        writers = [
            task
            for task in (*self.past, *self.tasks)
            if (own := task.own.get(cell["id"])) and cell["id"] not in task.users and own[0] == source
            if count is None
        ]  # fmt: skip
        about = cell["metadata"].get("codeagent")
        if not writers or about is None or about.get("kept"):
            return None
        if writers[-1].taken_back:
            about["taken_back"] = True
        else:
            about.pop("taken_back", None)
        return writers[-1]

    def comm_closed(self, comm: Comm, data: dict[str, Any]) -> None:
        for task in [task for task in self.tasks if task.comm is comm]:
            task.comm = None
            if not data.get("goes_on"):
                self._end(task)

    def _end(self, task: Task) -> None:
        self.tasks.remove(task)
        self.past.append(task)
        made = self.made_by.setdefault(task.anchor, {}) if task.anchor else {}
        for cell_id, (source, *_) in task.own.items():
            made[cell_id] = [source, *made.get(cell_id, [])]
        for cell_id in task.users - task.reused:
            made.pop(cell_id, None)

    def hello(self, comm: Comm, message: dict[str, Any]) -> dict[str, Any] | None:
        named = [cell for cell in (message["anchor"], message["home"]) if cell]
        if message["to"] is None and not {*named} <= {*self.ids}:
            return None
        about = {"ok": True, "protocol": 4, "read_only": self.read_only, "ids": self.ids}
        if self.read_only and message["token"] is None:
            return {**about, "cells": [], "theirs": [], "marked": [], "token": ""}
        task = self._task(message["anchor"], message["token"])
        if task is None and message["to"] is None:
            return None
        if task is None:
            raise RefusalError("not asked for")
        task.comm = comm
        return {**about, "token": task.token, **self._survey(task)}

    def _task(self, anchor: str | None, token: str | None) -> Task | None:
        if token is not None:
            return next((task for task in self.tasks if task.token == token), None)
        if self.running != anchor if anchor else not self.has_panel_task:
            return None
        self.running, self.has_panel_task = None, False
        return self.begin(anchor)

    def begin(self, anchor: str | None) -> Task:
        old = dict(self.made_by.get(anchor, {})) if anchor else {}
        self.tasks.append(Task(uuid.uuid4().hex, anchor, old, {anchor} if anchor else set()))
        return self.tasks[-1]

    def _survey(self, task: Task) -> dict[str, Any]:
        ours, edited = [], set()
        for cell in self.cells:
            name = cell["id"]
            if name not in task.own and name not in task.old:
                continue
            is_made = cell["source"] in task.old.get(name, ()) and not cell["metadata"].get("codeagent", {}).get("kept")
            if self._is_ours(task, name) if name in task.own else is_made:
                ours.append(about(cell) | {"codeagent": cell["metadata"].get("codeagent")})
            elif name not in task.own:
                del task.old[name]
                task.kept.add(name)
                task.users.add(name)
            else:
                edited.add(name)
        known = {*task.own, *task.old, *task.users}
        marks = [(cell["id"], cell["metadata"].get("codeagent")) for cell in self.cells if cell["id"] not in known]
        marked = [name for name, mark in marks if isinstance(mark, dict) and mark.get("cell") == task.anchor]
        theirs = [about(cell) for cell in self.cells if cell["id"] in task.users | edited]
        return {"cells": ours, "theirs": theirs, "marked": marked if task.anchor else []}

    def _is_ours(self, task: Task, name: str) -> bool:
        return name in task.own and task.own[name] == state(self.cell(name))

    def _leave(self, task: Task, name: str) -> None:
        self.detached.add(name)
        task.own.pop(name, None)
        task.old.pop(name, None)
        task.users.add(name)
        if name in self.ids:
            self.cell(name)["metadata"].pop("codeagent", None)

    def apply(self, comm: Comm, changes: list[dict[str, Any]]) -> dict[str, Any]:
        return self.perform(self._writing(comm), changes)

    def _writing(self, comm: Comm) -> Task:
        task = next((task for task in self.tasks if task.comm is comm), None)
        if task is None:
            raise RefusalError("no task is running over this comm")
        return task

    def read(self, task: Task, ids: list[str]) -> dict[str, str]:
        return {name: self.cell(name)["source"] for name in ids if name in task.own and self._is_waiting(name)}

    def _is_waiting(self, name: str) -> bool:
        if name not in self.ids or self.cell(name)["cell_type"] != "code":
            return False
        return bool(self.cell(name)["metadata"].get("codeagent", {}).get("status") == "waiting")

    def perform(self, task: Task, changes: list[dict[str, Any]]) -> dict[str, Any]:
        if self.read_only:
            raise RefusalError("The notebook is read-only.")
        self._admit(task, changes)
        self.gone, self.detached, self.adopted = set(), set(), set()
        reused = {change["id"] for change in changes if change["do"] == "reuse"}
        for name in (task.kept & {*self.ids}) - reused:
            self.cell(name)["metadata"].pop("codeagent", None)
        task.kept = set()
        for change in changes:
            try:
                getattr(self, f"_{change['do']}")(task, change)
            except Exception:  # noqa: BLE001 - what cannot be made is the user's from then on, and holds up no other
                self._leave(task, change["id"])
        lists = {"gone": self.gone, "detached": self.detached, "adopted": self.adopted}
        return {"ok": True, **{name: sorted(ids) for name, ids in lists.items()}}

    def _admit(self, task: Task, changes: list[dict[str, Any]]) -> None:
        its, going = {*task.own, *task.users}, set()
        for change in changes:
            if change["do"] not in ("insert", "remove", "reuse", "source", "outputs", "append", "metadata"):
                raise RefusalError("no such change")
            if change["do"] == "insert":
                if (not change["after"] and task.anchor) or ({*change["after"]} & {*self.ids}) - its - task.places:
                    raise RefusalError("below other cells")
                new = {cell["id"] for cell in change["cells"]}
                if (new & {*self.ids}) - its - going:
                    raise RefusalError("the id of another cell")
                if any({*cell["metadata"]} - {"codeagent", "tags"} for cell in change["cells"]):
                    raise RefusalError("metadata")
                its |= new
            elif change["do"] == "remove" and change["id"] in task.old:
                going.add(change["id"])
            elif change["do"] == "reuse" and change["id"] in {*task.old, *its}:
                its.add(change["id"])
            elif change["id"] in {*self.ids} - its:
                raise RefusalError("another cell")

    def _remove(self, task: Task, change: dict[str, Any]) -> None:
        name = change["id"]
        if name not in self.ids:
            return
        cell = self.cell(name)
        is_kept = cell["metadata"].get("codeagent", {}).get("kept")
        is_ours = self._is_ours(task, name) if name in task.own else change["source"] in task.old.get(name, ())
        if cell["source"] == change["source"] and is_ours and not is_kept:
            self.delete(name)
            self.steps = {key: [one for one in ids if one != name] for key, ids in self.steps.items()}
        else:
            self._leave(task, name)

    def _insert(self, task: Task, change: dict[str, Any]) -> None:
        for wanted in change["cells"]:
            if wanted["id"] in self.ids:
                cell = self.cell(wanted["id"])
                same = (cell["source"], cell.get("outputs")) == (wanted["source"], wanted.get("outputs"))
                if not same or not self._is_ours(task, wanted["id"]):
                    self._leave(task, wanted["id"])
        fresh = [cell for cell in change["cells"] if cell["id"] not in self.ids]
        above = [name for name in change["after"] if name in self.ids]
        if change["after"] and not above:
            self.gone |= {cell["id"] for cell in fresh}
            return
        index = self.ids.index(above[0]) + 1 if above else len(self.cells)
        self.cells[index:index] = copy.deepcopy(fresh)
        self.steps.setdefault(change["undo"], []).extend(cell["id"] for cell in fresh)
        for cell in fresh:
            task.places.add(cell["id"])
            task.users.discard(cell["id"])
            task.own[cell["id"]] = state(self.cell(cell["id"]))

    def _reuse(self, task: Task, change: dict[str, Any]) -> None:
        name = change["id"]
        if name not in self.ids:
            self.gone.add(name)
        elif self.cell(name)["source"] != change["source"]:
            self._leave(task, name)
        else:
            task.places.add(name)
            task.reused.add(name)
            is_edited = name in task.own and not self._is_ours(task, name) and not self._is_waiting(name)
            if not is_users(self.cell(name)) and name not in task.users and not is_edited:
                self.adopted.add(name)
                task.own[name] = state(self.cell(name))

    def _metadata(self, task: Task, change: dict[str, Any]) -> None:
        if not (cell := self._editable(task, change["id"])):
            return
        cell["metadata"] |= change["metadata"]
        for name in [name for name, value in cell["metadata"].items() if value is None]:
            del cell["metadata"][name]

    def _edit(self, task: Task, change: dict[str, Any]) -> None:
        if not (cell := self._editable(task, change["id"])):
            return
        if change["do"] != "source" and cell["cell_type"] != "code":
            raise TypeError(f"Cell {cell['id']} is not one of code.")
        edit(cell, change)
        task.own[cell["id"]] = state(cell)

    def _editable(self, task: Task, name: str) -> Cell | None:
        if name not in self.ids:
            self.gone.add(name)
        elif self._is_ours(task, name):
            return self.cell(name)
        else:
            self._leave(task, name)
        return None

    _source = _outputs = _append = _edit


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


def about(cell: Cell) -> dict[str, Any]:
    return {name: cell[name] for name in ("id", "source", "cell_type")}


def is_users(cell: Cell) -> bool:
    mark = cell["metadata"].get("codeagent")
    return not mark or bool(mark.get("kept") or mark.get("ran")) or cell.get("execution_count") is not None


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


def add(outputs: list[Any], output: Any) -> None:
    """Add an output as Jupyter does: neighbours of one stream become one."""
    last = outputs[-1] if outputs else {}
    if output["output_type"] == "stream" and last.get("name") == output["name"]:
        last["text"] += output["text"]
    else:
        outputs.append(copy.deepcopy(output))
