"""Widgets in a saved notebook: as nbclient writes them, and none that could do something to who opens it."""

import base64
import json
import re
from typing import Any

import nbformat
import pytest
from hypothesis import given, strategies as st

from codeagent_nb.events import AgentEvent, BlockFinishedEvent, BlockStartedEvent, CodeExecutionEvent, RunStartedEvent
from codeagent_nb.rendering.widget_states import WIDGET_STATE, harmless_state, whole
from kernel_executor import BlockResult, CodeBlock
from kernel_executor.outputs.results import combine
from kernel_executor.outputs.words import VIEW
from tests.support.notebooks import notebook_of

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


def entry(name: str, module: str = "@jupyter-widgets/controls", buffers: Any = None, **state: Any) -> dict[str, Any]:
    view = name.replace("Model", "View")
    names = {"_model_name": name, "_model_module": module, "_model_module_version": "2.0.0", "_view_module": module}
    own = {"state": {**names, "_view_name": view, **state}}
    return own | ({"buffers": buffers} if buffers else {})


def buffer(data: str, path: Any = ("value",)) -> list[dict[str, Any]]:
    return [{"data": data, "encoding": "base64", "path": [*path]}]


def cleaned(name: str, **state: Any) -> dict[str, Any]:
    clean = harmless_state(entry(name, **state))
    assert clean is not None
    return dict(clean["state"])


def test_a_harmless_state_stays_as_it_is() -> None:
    whole_entry = entry("FloatProgressModel", value=5.0, max=5.0, layout="IPY_MODEL_l", _view_name="ProgressView")
    clean = harmless_state(whole_entry)
    assert clean == {
        "model_name": "FloatProgressModel",
        "model_module": "@jupyter-widgets/controls",
        "model_module_version": "2.0.0",
        "state": whole_entry["state"],
    }


REFUSED: dict[str, dict[str, Any]] = {
    "a program of its own": entry("AnyModel", "anywidget", _esm="alert(1)"),
    "a known name in another module": entry("LabelModel", "https://example.org/x.js"),
    "a view of another module": entry("LabelModel", _view_module="anywidget"),
    "text by the view of HTML": entry("LabelModel", value="<img src=x onerror=alert(1)>", _view_name="HTMLView"),
    "a link that copies text into HTML": entry("DirectionalLinkModel", source=["IPY_MODEL_a", "value"]),
    "a sound": entry("AudioModel", format="url"),
    "a picture that is loaded": entry("ImageModel", format="url", buffers=buffer("aHR0cHM6Ly9leGFtcGxlLm9yZw==")),
    "a picture that is none": entry("ImageModel", format="png", buffers=buffer("PHNjcmlwdD4=")),
    "bytes somewhere else": entry("ImageModel", format="png", buffers=buffer(PNG, ("_view_name",))),
    "bytes of what has none": entry("LabelModel", buffers=buffer(PNG)),
    "the end of a script": entry("TextModel", value="</ScRiPt><script>alert(1)</script>"),
    "a comment that hides the end": entry("DropdownModel", _options_labels=["<!--"]),
    "a version that is an address": entry("LabelModel", _model_module_version="//example.org"),
    "no state": {"state": None},
    "names that are no text": entry("LabelModel", _model_module=["x"]),
}


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_what_could_do_something_is_not_saved(refused: dict[str, Any]) -> None:
    assert harmless_state(refused) is None


PARTS = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.floats(), st.text(max_size=5), st.sampled_from(["HTMLModel", "IPY_MODEL_a"])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["_model_name", "_model_module", "_view_name", "outputs", "value", "format", "_dom_classes", "icon"]
)


@given(st.dictionaries(KEYS, PARTS), PARTS)
def test_a_state_of_any_shape_is_saved_or_not(state: dict[str, Any], buffers: Any) -> None:
    given_state = entry("HTMLModel")["state"] | state
    clean = harmless_state({"state": given_state, "buffers": buffers})
    json.dumps(clean, allow_nan=False)
    assert set(whole({"a": clean} if clean else {})) <= {"a"}


def test_parts_that_could_do_something_are_taken_out() -> None:
    assert cleaned("HTMLModel", value="<b onclick=x>5/5</b><script>alert(1)</script>")["value"] == "<b>5/5</b>"
    assert "onerror" not in cleaned("HTMLMathModel", value="<img src=x onerror=alert(1)>")["value"]
    assert cleaned("HTMLModel", value=" 5/5 [00:00&lt;00:00]")["value"] == " 5/5 [00:00&lt;00:00]"
    assert cleaned("LabelModel", value=r"$\href{javascript:alert(1)}{x}$")["value"] == ""
    assert cleaned("LabelModel", value="a < b")["value"] == "a < b"
    assert cleaned("IntSliderModel", description="<img src=x onerror=alert(1)>n")["description"] == "n"
    assert cleaned("ButtonModel", description_allow_html=True)["description_allow_html"] is False
    assert cleaned("VBoxModel", _dom_classes=["jp-Dialog"])["_dom_classes"] == []
    assert cleaned("ButtonModel", icon='x" onclick="')["icon"] == ""
    style = cleaned("LabelStyleModel", background="url(https://example.org)", text_color="red", _view_name="StyleView")
    assert (style["background"], style["text_color"]) == (None, "red")


IMG = "<img src=x onerror=alert(1)>"
NO_TEXT: dict[str, tuple[str, str, Any]] = {
    "HTML in a list": ("HTMLModel", "value", [IMG]),
    "HTML in a list in a list": ("HTMLMathModel", "value", [[IMG]]),
    "HTML in a dict": ("HTMLModel", "value", {"a": IMG}),
    "mathematics in a list": ("LabelModel", "value", [r"$\href{javascript:alert(1)}{x}$"]),
    "a description": ("IntSliderModel", "description", [IMG]),
    "an old tooltip": ("IntSliderModel", "description_tooltip", [IMG]),
    "a tooltip": ("ButtonModel", "tooltip", [IMG]),
    "a placeholder": ("TextModel", "placeholder", [IMG]),
    "an icon": ("ButtonModel", "icon", ['x" onclick="alert(1)']),
    "a width": ("LayoutModel", "width", ["url(https://example.org)"]),
    "a colour": ("ButtonStyleModel", "button_color", {"a": "url(https://example.org)"}),
    "mathematics that tags hide": ("IntSliderModel", "description", r"$\hr<b></b>ef{javascript:alert(1)}{x}$"),
}


@pytest.mark.parametrize(("name", "key", "value"), NO_TEXT.values(), ids=NO_TEXT)
def test_a_list_is_not_saved_where_a_page_makes_a_text_of_it(name: str, key: str, value: Any) -> None:
    view_name = "LayoutView" if name == "LayoutModel" else "StyleView" if "Style" in name else name[:-5] + "View"
    assert not cleaned(name, _view_name=view_name, **{key: value})[key]


def test_lists_stay_where_a_widget_has_them() -> None:
    assert cleaned("IntRangeSliderModel", value=[1, 2])["value"] == [1, 2]
    assert cleaned("DatePickerModel", value={"year": 2024, "month": 1, "date": 2})["value"]["year"] == 2024
    assert cleaned("DropdownModel", _options_labels=["a", "b"])["_options_labels"] == ["a", "b"]


@pytest.mark.parametrize(
    "description",
    [
        "&lt;img src=x onerror=alert(1)&gt;<b>",
        "<b>&#60;img src=x onerror=alert(1)&#62;</b>",
        "&#x3c;svg/onload=alert(1)&#x3E;<i></i>",
        "<br>&LT;script&GT;alert(1)&LT;/script&GT;",
        "<b>&lt</b>img src=x onerror=alert(1)>",
        "<<b></b>img src=x onerror=alert(1)>",
    ],
)
def test_a_description_does_not_become_html_again(description: str) -> None:
    assert not re.search(r"<[a-zA-Z/!?]", cleaned("IntSliderModel", description=description)["description"])


def test_a_description_keeps_a_sign_that_begins_no_tag() -> None:
    assert cleaned("IntSliderModel", description="<b>R&amp;D</b> 1 < 2")["description"] == "R&D 1 < 2"


def test_options_of_a_combobox_do_not_end_their_quotes() -> None:
    assert cleaned("ComboboxModel", options=["a & b", '"><img src=x>', ['">'], "x<y"])["options"] == ["a & b"]
    assert cleaned("ComboboxModel", options={"a": '"><img src=x>'})["options"] == []
    assert cleaned("ComboboxModel", options='"><img src=x>')["options"] == []


def test_what_an_output_widget_holds_is_cleaned_like_any_output() -> None:
    held = [{"output_type": "display_data", "data": {"text/html": "<i onclick=x>y</i>"}, "metadata": {}}, 7]
    [output] = cleaned("OutputModel", _model_module="@jupyter-widgets/output", outputs=held, msg_id="m")["outputs"]
    assert "onclick" not in json.dumps(output)
    assert "<i>y</i>" in output["data"]["text/html"]


def test_a_widget_that_needs_one_that_is_not_saved_is_not_saved() -> None:
    states = {
        "a": {"state": {"children": ["IPY_MODEL_b"]}},
        "b": {"state": {"children": ["IPY_MODEL_gone"]}},
        "c": {"state": {"layout": "IPY_MODEL_d"}},
        "d": {"state": {}},
    }
    assert set(whole(states)) == {"c", "d"}


def test_a_long_chain_of_widgets_is_gone_through_once() -> None:
    chain = {str(at): {"state": {"children": [f"IPY_MODEL_{at + 1}"]}} for at in range(3_000)}
    assert whole(chain) == {}
    assert len(whole(chain | {"3000": {"state": {}}})) == 3_001


def story(outputs: list[dict[str, Any]], widgets: dict[str, Any], status: Any = "ok") -> list[AgentEvent]:
    block = CodeBlock("1")
    result = BlockResult(
        block=block, status=status, exit_code=int(status != "ok"), outputs=tuple(outputs), widgets=widgets
    )
    return [
        RunStartedEvent(source="coder", model="m", isolation="none", max_retries_on_error=0),
        BlockStartedEvent(source="executor", retry_attempt=0, block_id="b", block=block),
        BlockFinishedEvent(source="executor", retry_attempt=0, block_id="b", result=result),
        CodeExecutionEvent(source="coder", retry_attempt=0, result=combine([result])),
    ]


def view(model_id: str) -> dict[str, Any]:
    data = {VIEW: {"model_id": model_id, "version_major": 2, "version_minor": 0}, "text/plain": "5/5"}
    return {"output_type": "display_data", "data": data, "metadata": {}}


def test_a_saved_notebook_holds_the_widgets_that_its_cells_show() -> None:
    widgets = {
        "box": entry("HBoxModel", children=["IPY_MODEL_picture"]),
        "picture": entry("ImageModel", format="png", buffers=buffer(PNG)),
        "unused": entry("LabelModel"),
    }
    notebook = notebook_of(story([view("box")], widgets))
    saved = notebook.metadata.widgets[WIDGET_STATE]
    assert (saved.version_major, saved.version_minor) == (2, 0)
    assert set(saved.state) == {"box", "picture"}
    assert saved.state.picture.buffers == buffer(PNG)
    [output] = notebook.cells[0].outputs
    assert output.data[VIEW].model_id == "box"
    assert output.data["text/plain"] == "5/5"
    nbformat.validate(notebook)


def test_a_widget_whose_state_is_not_saved_is_text() -> None:
    notebook = notebook_of(story([view("box")], {"box": entry("HBoxModel", children=["IPY_MODEL_gone"])}))
    assert "widgets" not in notebook.metadata
    assert notebook.cells[0].outputs[0].data == {"text/plain": "5/5\n[Removed from this output: a widget.]"}


def test_widgets_of_a_failed_attempt_are_not_saved() -> None:
    notebook = notebook_of(story([view("label")], {"label": entry("LabelModel")}, status="error"))
    assert "widgets" not in notebook.metadata


def test_a_later_state_takes_the_place_of_an_earlier_one() -> None:
    events = [
        *story([view("label")], {"label": entry("LabelModel", value="0/5")}),
        *story([], {"label": entry("LabelModel", value="5/5")})[1:],
    ]
    saved = notebook_of(events).metadata.widgets[WIDGET_STATE]
    assert saved.state.label.state.value == "5/5"


def test_states_of_a_notebook_are_bounded() -> None:
    events = [
        event
        for number in range(30)
        for event in story([view(f"{number}")], {f"{number}": entry("TextareaModel", value="x" * 1_000_000)})[
            number > 0 :
        ]
    ]
    notebook = notebook_of(events)
    states = notebook.metadata.widgets[WIDGET_STATE].state
    assert "29" in states
    assert len(json.dumps(states)) < 11_000_000
