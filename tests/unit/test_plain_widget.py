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


@pytest.mark.parametrize(("button", "answer"), [(0, "approve"), (1, "reject")])
def test_it_asks_and_tells_the_answer_with_the_code_as_it_was_edited(button: int, answer: str) -> None:
    widget, heard = listening(mode="cell")
    widget.approval = {"id": "7", "isolation": "sandboxed", "blocks": [{"language": "python", "code": "print(1)"}]}
    _, field, buttons = widget._form.children
    field.value = "print(2)"
    buttons.children[button].click()
    assert (heard[-1]["type"], heard[-1]["id"]) == (answer, "7")
    assert heard[-1].get("codes", ["print(2)"]) == ["print(2)"]
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
