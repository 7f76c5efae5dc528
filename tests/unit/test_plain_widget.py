"""The widget without anywidget: it has the same fields, sends the same messages, and shows nothing that is alive."""

import sys
from typing import Any

import pytest

from codeagent_nb.notebook.choose_widget import make_widget
from codeagent_nb.notebook.plain_widget import PlainWidget
from codeagent_nb.notebook.widget import AgentWidget
from tests.unit.test_rendering import HOSTILE, assert_harmless


def listening(**fields: Any) -> tuple[PlainWidget, list[dict[str, Any]]]:
    widget, heard = PlainWidget(**fields), []
    widget.on_msg(lambda _, message, __: heard.append(message))
    return widget, heard


def test_it_is_used_where_anywidget_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(make_widget(mode="cell"), AgentWidget)
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "codeagent_nb.notebook.widget")
    assert isinstance(make_widget(mode="cell"), PlainWidget)


def test_it_takes_the_fields_of_the_other_one() -> None:
    widget = PlainWidget(mode="chat", models=["a", "b"], model="b", state="thinking", status="")
    for name in ("state", "status", "approval", "entries", "model", "notebook"):
        assert hasattr(widget, name)
        assert name in AgentWidget.class_trait_names()


def test_it_tells_what_the_user_does() -> None:
    widget, heard = listening(mode="chat")
    widget._field.value = "Multiply."
    widget._send.click()
    widget.state = "running"
    widget._stop.click()
    assert heard == [{"type": "ready"}, {"type": "send", "text": "Multiply."}, {"type": "stop"}]
    assert widget._field.value == ""


@pytest.mark.parametrize(
    ("button", "answer"), [(0, {"type": "approve", "id": "7"}), (1, {"type": "reject", "id": "7", "reason": ""})]
)
def test_it_shows_all_of_the_code_and_tells_the_answer(button: int, answer: dict[str, str]) -> None:
    widget, heard = listening(mode="cell")
    blocks = [{"title": "python", "notes": ["odd"], "lines": [[1, [["x", False], ["⟨U+202E⟩", True]]]], "code": "x"}]
    widget.approval = {"id": "7", "isolation": "sandboxed", "blocks": blocks}
    _, code, buttons = widget._form.children
    assert "⟨U+202E⟩" in code.value
    assert "odd" in code.value
    buttons.children[button].click()
    assert heard[-1] == answer
    widget.approval = None
    assert widget._form.children == ()


def test_nothing_alive_is_shown_in_any_entry() -> None:
    text = "\n\n".join(HOSTILE)
    run = {"status": text, "note": text, "attempt": 1, "seconds": 1.0, "images": []}
    entries = [
        {"id": kind, "kind": kind, "text": text, "open": False, "facts": [text], "level": "info", **run}
        for kind in ("task", "reply", "reflection", "run", "note", "end")
    ]
    widget = PlainWidget(mode="chat")
    widget.entries = entries
    assert_harmless(widget._log.value.replace("<hr>", ""))
