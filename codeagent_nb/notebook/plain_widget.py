"""The panel and the strip made of ipywidgets, for where anywidget is missing; fields and messages of `AgentWidget`.

It shows a reply when it is whole, not as it comes, and code that is to be approved cannot be edited. Knows neither the
agent nor its events.
"""

import html
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from codeagent_nb.rendering.approval import block_html
from codeagent_nb.rendering.html import markdown_html, text_html
from codeagent_nb.visible_code import Line, Part

BUSY = frozenset({"thinking", "running", "waiting"})
WIDE = {"width": "100%"}


class PlainWidget:
    """Buttons, a text field and HTML.

    Args:
        mode: `chat` or `cell`, as for `AgentWidget`.
        state: What the agent is doing.
        status: A word on that.
        models: Names to choose from.
        model: The one that is chosen.
    """

    def __init__(
        self, *, mode: str = "chat", state: str = "idle", status: str = "", models: Sequence[str] = (), model: str = ""
    ) -> None:
        self._listeners: list[Callable[[Any, Any, Any], None]] = []
        self._values: dict[str, Any] = {"state": state, "status": status, "approval": None, "entries": []}
        self.notebook = ""
        self._word, self._log, self._form = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.VBox()
        self._stop = self._button("Stop", lambda: {"type": "stop"}, "danger")
        self._field = ipywidgets.Textarea(placeholder="What should the agent do?", layout=WIDE)
        self._send = self._button("Send", self._take_task, "primary")
        self._models = ipywidgets.Dropdown(options=list(models), value=model or None, description="Model")
        save = self._button("Save notebook", lambda: {"type": "save"})
        head, foot = [self._word, self._stop], [self._send, save, *([self._models] if len(models) > 1 else [])]
        chat = [self._log, self._form, self._field, ipywidgets.HBox(foot)]
        self._box = ipywidgets.VBox([ipywidgets.HBox(head), *(chat if mode == "chat" else [self._form])])
        self._show_state()

    @property
    def model(self) -> str:
        """The model that is chosen."""
        return str(self._models.value or "")

    @property
    def state(self) -> str:
        """What the agent is doing."""
        return str(self._values["state"])

    @state.setter
    def state(self, state: str) -> None:
        self._values["state"] = state
        self._show_state()

    @property
    def status(self) -> str:
        """A word on that."""
        return str(self._values["status"])

    @status.setter
    def status(self, status: str) -> None:
        self._values["status"] = status
        self._show_state()

    @property
    def approval(self) -> dict[str, Any] | None:
        """What is asked, if something is."""
        asked: dict[str, Any] | None = self._values["approval"]
        return asked

    @approval.setter
    def approval(self, asked: dict[str, Any] | None) -> None:
        self._values["approval"] = asked
        self._form.children = self._questions(asked) if asked else ()

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The transcript."""
        return list(self._values["entries"])

    @entries.setter
    def entries(self, entries: list[dict[str, Any]]) -> None:
        self._values["entries"] = entries
        self._log.value = "".join(_entry_html(entry) for entry in entries)

    def on_msg(self, callback: Callable[[Any, Any, Any], None], remove: bool = False) -> None:
        """Call back with what the user does; ipywidgets do not tell that they are shown, so this says so at once."""
        if remove:
            self._listeners.remove(callback)
        else:
            self._listeners.append(callback)
            callback(self, {"type": "ready"}, [])

    def send(self, message: dict[str, Any]) -> None:
        """Leave out pieces of a reply: the whole follows."""

    def close(self) -> None:
        """Take everything off the screen."""
        self._box.close()

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data = self._box._repr_mimebundle_()
        return (data, {}) if isinstance(data, dict) else data

    def _button(self, text: str, message: Callable[[], dict[str, Any]], style: str = "") -> Any:
        button = ipywidgets.Button(description=text, button_style=style)
        button.on_click(lambda _: self._tell(message()))
        return button

    def _tell(self, message: dict[str, Any]) -> None:
        for listener in tuple(self._listeners):
            listener(self, message, [])

    def _take_task(self) -> dict[str, Any]:
        text, self._field.value = self._field.value, ""
        return {"type": "send", "text": text}

    def _questions(self, asked: dict[str, Any]) -> tuple[Any, ...]:
        run = self._button("Run it", lambda: {"type": "approve", "id": asked["id"]}, "primary")
        reject = self._button("Reject", lambda: {"type": "reject", "id": asked["id"], "reason": ""})
        said = ipywidgets.HTML(f"<b>Run this code?</b> {html.escape(asked['isolation'])}")
        code = ipywidgets.HTML("".join(_block_html(block) for block in asked["blocks"]), layout=WIDE)
        return (said, code, ipywidgets.HBox([run, reject]))

    def _show_state(self) -> None:
        word = self.status or self.state.capitalize()
        self._word.value = f"<b>{html.escape(word)}</b>"
        self._stop.disabled = self.state not in BUSY
        self._send.disabled = self.state in BUSY


def _block_html(block: dict[str, Any]) -> str:
    lines = tuple(Line(number, tuple(Part(*part) for part in parts)) for number, parts in block["lines"])
    return block_html(block["title"], block["notes"], lines)


def _entry_html(entry: dict[str, Any]) -> str:
    match entry["kind"]:
        case "task":
            return f"<hr><b>{html.escape(entry['text'])}</b>"
        case "reply" | "reflection":
            return markdown_html(entry["text"])
        case "run":
            note = f"{entry['status']} {entry['note']}".strip()
            return f"<i>{html.escape(note)}</i>{text_html(entry['text']) if entry['text'] else ''}"
        case "end":
            return f"<i>{html.escape(' · '.join([entry['status'], *entry['facts']]))}</i>"
        case _:
            return f"<i>{html.escape(entry['text'])}</i>"
