"""What the widgets of a kernel hold, as a page would keep it: their states, and what Output widgets have taken in.

Executed code says it by comm messages, of which it can send a million: what is kept is bounded, the oldest goes first.
Pure; knows no kernel and no block.
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kernel_executor.outputs.fold import EVERYTHING, OutputFolder
from kernel_executor.outputs.message import Message
from kernel_executor.outputs.output_changes import Append, Clear, OutputChange, Update, read_change
from kernel_executor.outputs.widget_text import references, view_of, widget_text
from kernel_executor.types import Output

MOST_KEPT = 5_000_000
"""Bytes of all widgets' states together."""

MOST_MODELS = 2_000
MOST_KEYS = 500  # of one state; ipywidgets have about 30
MODEL_OVERHEAD = 1_000
PART_OVERHEAD = 50
LONGEST_ID = 200  # characters; those of ipywidgets have 32
CAPTURED = 2_000_000
"""Bytes that one Output widget takes in; what is more stands where it would without the widget."""

MOST_VIEWS = 200
"""Displays of widgets whose words are kept up to date."""

MOST_REQUESTS = 64
"""Requests of which it is known who takes in their output."""

VIEW_SIZE = 20_000  # characters of a display that is told again and again
VIEW_ID = "widget-"
"""Begins the id of a display of a widget that has none: code can name its own as it likes, but no other display's."""


@dataclass(slots=True)
class _Model:
    state: dict[str, Any]
    sizes: dict[str, int] = field(default_factory=dict)
    buffers: dict[tuple[str | int, ...], bytes] = field(default_factory=dict)
    captured: OutputFolder | None = None
    clear_next: bool = False
    listens_to: str = ""

    @property
    def weight(self) -> int:
        return MODEL_OVERHEAD + sum(self.sizes.values())

    @property
    def captured_size(self) -> int:
        return 0 if self.clear_next else self.sizes.get("outputs", 0)

    @property
    def is_output(self) -> bool:
        return self.state.get("_model_name") == "OutputModel"


@dataclass(slots=True)
class _View:
    model_id: str
    data: dict[str, Any]
    metadata: dict[str, Any]


class Widgets:
    """Keeps what the widgets of a kernel hold, and says what of it is new."""

    def __init__(self) -> None:
        self._models: dict[str, _Model] = {}
        self._weight = 0
        self._listeners: dict[str, list[str]] = {}  # by request, the Output widgets that take in its output
        self._views: dict[str, _View] = {}
        self._changed: set[str] = set()  # since their states were last taken
        self._unsent: set[str] = set()  # Output widgets of whose contents the kernel does not know

    def take(self, message: Message) -> None:
        """Take in what a comm message says; one that was too much to be kept changes nothing."""
        model_id, data = message.content.get("comm_id"), message.content.get("data")
        state = data.get("state") if isinstance(data, dict) else None
        if not isinstance(model_id, str) or not isinstance(data, dict) or not isinstance(state, dict):
            return
        if len(model_id) > LONGEST_ID or data.get("method") == "echo_update":  # what a page has said, which is us
            return
        if message.type == "comm_open":
            self._forget(model_id)
            self._models[model_id] = _Model({})
            self._weight += MODEL_OVERHEAD
        if model := self._models.get(model_id):
            self._weight -= model.weight
            self._update(model_id, model, state, message, data.get("buffer_paths"))
            self._weight += model.weight
        self._drop_oldest()

    def _update(self, model_id: str, model: _Model, state: dict[str, Any], message: Message, paths: Any) -> None:
        model.state.update(state)
        self._changed.add(model_id)
        texts = sum(len(value) for value in state.values() if isinstance(value, str)) + sum(map(len, state))
        others = sum(not isinstance(value, str) for value in state.values()) or 1
        share = max(0, message.weight - texts) // others
        sizes = ((key, len(value) if isinstance(value, str) else share) for key, value in state.items())
        model.sizes |= {key: len(key) + size for key, size in sizes}
        model.buffers = {path: kept for path, kept in model.buffers.items() if path[0] not in state}
        if isinstance(paths, list):
            for path, buffer in zip(paths, message.buffers, strict=False):
                if isinstance(path, list) and path and all(isinstance(part, str | int) for part in path):
                    model.buffers[tuple(path)] = buffer
        if model.buffers:
            model.sizes["buffers of all"] = sum(_size(path) + len(kept) for path, kept in model.buffers.items())
        if max(len(model.state), len(model.buffers)) > MOST_KEYS:
            self._forget(model_id)
        elif model.is_output:
            self._update_output(model_id, model, state)

    def _update_output(self, model_id: str, model: _Model, state: dict[str, Any]) -> None:
        if "outputs" in state:
            model.captured = _filled(model.state.pop("outputs"))
        if "msg_id" in state:
            self._stop_listening(model_id, model)
            request = state["msg_id"]
            if isinstance(request, str) and request:
                model.listens_to = request
                self._listeners.setdefault(request, []).append(model_id)
                if len(self._listeners) > MOST_REQUESTS:
                    self._listeners.pop(next(iter(self._listeners)))

    def _stop_listening(self, model_id: str, model: _Model) -> None:
        listening = self._listeners.get(model.listens_to, [])
        if model_id in listening:
            listening.remove(model_id)
        if not listening:
            self._listeners.pop(model.listens_to, None)
        model.listens_to = ""

    def _forget(self, model_id: str) -> None:
        if model := self._models.pop(model_id, None):
            self._weight -= model.weight
            self._stop_listening(model_id, model)
            self._changed.discard(model_id)
            self._unsent.discard(model_id)

    def _drop_oldest(self) -> None:
        while self._weight > MOST_KEPT or len(self._models) > MOST_MODELS:
            self._forget(next(iter(self._models)))

    def capture(self, message: Message) -> bool:
        """Take in an output of a request that an Output widget listens to; return whether one has.

        An update of a display reaches all there are of it, wherever they stand.
        """
        if not self._listeners and message.type != "update_display_data":
            return False
        if message.type == "update_display_data":
            self._update_captured(message)
            return False
        listening = self._listeners.get(message.parent_id)
        model = self._models.get(listening[-1]) if listening else None
        if not listening or not model or message.is_left_out:
            return False
        if message.type != "clear_output" and model.captured_size + message.weight > CAPTURED:
            return False
        if change := read_change(message):
            self._weight -= model.weight
            _apply(model, self.viewed(change), message.weight)
            self._weight += model.weight
            self._changed.add(listening[-1])
            self._unsent.add(listening[-1])
            self._drop_oldest()
        return change is not None

    def _update_captured(self, message: Message) -> None:
        holding = [(model_id, model) for model_id, model in self._models.items() if model.captured]
        if holding and message.weight <= VIEW_SIZE and (change := read_change(message)):
            for model_id, model in holding:
                before = model.captured.outputs if model.captured else ()
                if model.captured and model.captured.apply(change) and model.captured.outputs != before:
                    self._changed.add(model_id)
                    self._unsent.add(model_id)

    def viewed(self, change: OutputChange) -> OutputChange:
        """Return a change in which a display of a widget says what that says, under an id by which it is updated."""
        match change:
            case Append(output={"data": data, "metadata": metadata}, display_id=given) if shown := view_of(data):
                display_id = given or f"{VIEW_ID}{shown}"
                data = self._in_words(shown, data)
                self._watch(display_id, shown, data, metadata)
                return replace(change, output={**change.output, "data": data}, display_id=display_id)
            case Update(display_id=display_id, data=data, metadata=metadata):
                self._views.pop(display_id, None)
                if shown := view_of(data):
                    data = self._in_words(shown, data)
                    self._watch(display_id, shown, data, metadata)
                    return replace(change, data=data)
        return change

    def _in_words(self, model_id: str, data: dict[str, Any]) -> dict[str, Any]:
        said = widget_text(model_id, self._state)
        return {**data, "text/plain": said} if said else data

    def _watch(self, display_id: str, model_id: str, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        if len(display_id) + len(str(metadata)) + sum(len(str(part)) for part in data.values()) > VIEW_SIZE:
            return
        self._views[display_id] = _View(model_id, data, metadata)
        if len(self._views) > MOST_VIEWS:
            self._views.pop(next(iter(self._views)))

    def updates(self) -> Iterator[Update]:
        """Yield the displays of widgets that say something else now."""
        for display_id, view in tuple(self._views.items()):
            data = self._in_words(view.model_id, view.data)
            if data.get("text/plain") != view.data.get("text/plain"):
                view.data = data
                yield Update(display_id, data, view.metadata)

    def take_states(self) -> dict[str, dict[str, Any]]:
        """Return the states of displayed widgets that have changed since the last call, as a notebook holds them."""
        shown: set[str] = set()
        wanted = [view.model_id for view in self._views.values()]
        while wanted:
            model_id = wanted.pop()
            if model_id in self._models and model_id not in shown:
                shown.add(model_id)
                wanted += references(self._state(model_id))
        changed = [model_id for model_id in self._models if model_id in shown & self._changed]
        self._changed -= shown
        return {model_id: self._saved(model_id) for model_id in changed}

    def take_captured(self) -> dict[str, list[Output]]:
        """Return what Output widgets hold of which the kernel does not know; a page tells it."""
        unsent, self._unsent = self._unsent, set()
        models = [(model_id, self._models[model_id]) for model_id in unsent]
        return {model_id: [*model.captured.outputs] for model_id, model in models if model.captured}

    def _saved(self, model_id: str) -> dict[str, Any]:
        model, state = self._models[model_id], dict(self._state(model_id))
        names = {key: state.get(f"_{key}") for key in ("model_name", "model_module", "model_module_version")}
        buffers = [
            {"data": base64.b64encode(kept).decode(), "encoding": "base64", "path": [*path]}
            for path, kept in model.buffers.items()
        ]
        return {**names, "state": state, **({"buffers": buffers} if buffers else {})}

    def _state(self, model_id: str) -> Mapping[str, Any]:
        model = self._models.get(model_id)
        if model is None:
            return {}
        return {**model.state, "outputs": [*model.captured.outputs]} if model.captured else model.state


def _size(path: tuple[str | int, ...]) -> int:
    """Return how much the place of a buffer takes up; code names it as it likes."""
    return PART_OVERHEAD * (1 + len(path)) + sum(
        len(part) if isinstance(part, str) else part.bit_length() // 8 for part in path
    )


def _filled(outputs: Any) -> OutputFolder:
    """Return what code itself has put into an Output widget, as far as that is outputs."""
    folder = OutputFolder(EVERYTHING)
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, dict) and isinstance(kind := output.get("output_type"), str):
            folder.add(Message("iopub", kind, "", output))
    return folder


def _apply(model: _Model, change: OutputChange, weight: int) -> None:
    if isinstance(change, Clear) and change.wait:
        model.clear_next = True
        return
    if isinstance(change, Clear) or model.clear_next or model.captured is None:
        model.captured, model.clear_next = OutputFolder(EVERYTHING), False
        model.sizes["outputs"] = 0
    if not isinstance(change, Clear):
        model.captured.apply(change)
        model.sizes["outputs"] = model.captured_size + weight
