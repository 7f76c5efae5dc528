"""Widgets as a page keeps them: bounded whatever code sends, and nothing of what they say is lost before that."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from kernel_executor import Append, Update
from kernel_executor.outputs.message import Message
from kernel_executor.outputs.widgets import CAPTURED, MOST_KEPT, MOST_KEYS, MOST_MODELS, Widgets
from kernel_executor.outputs.words import VIEW


def comm(kind: str, model_id: Any, data: Any, buffers: tuple[bytes, ...] = ()) -> Message:
    content = {"comm_id": model_id, "data": data}
    weight = 300 + len(json.dumps(content, default=str)) + sum(map(len, buffers))
    return Message("iopub", kind, "block", content, weight, buffers)


def opened(widgets: Widgets, model_id: str, name: str = "LabelModel", **state: Any) -> None:
    widgets.take(comm("comm_open", model_id, {"state": {"_model_name": name, **state}}))


def changed(widgets: Widgets, model_id: str, **state: Any) -> None:
    widgets.take(comm("comm_msg", model_id, {"method": "update", "state": state}))


def view(widgets: Widgets, model_id: str) -> Append:
    data = {VIEW: {"model_id": model_id}, "text/plain": "Label()"}
    change = widgets.viewed(Append({"output_type": "display_data", "data": data, "metadata": {}}))
    assert isinstance(change, Append)
    return change


def printed(text: str, parent: str = "block") -> Message:
    return Message("iopub", "stream", parent, {"name": "stdout", "text": text}, 300 + len(text))


CLEAR = Message("iopub", "clear_output", "block", {"wait": False}, 300)


def test_a_display_of_a_widget_says_what_that_says_and_is_updated() -> None:
    widgets = Widgets()
    opened(widgets, "a", value="before")
    shown = view(widgets, "a")
    assert (shown.output["data"]["text/plain"], shown.display_id) == ("before", "widget-a")
    assert list(widgets.updates()) == []
    changed(widgets, "a", value="after")
    assert [(update.display_id, update.data["text/plain"]) for update in widgets.updates()] == [("widget-a", "after")]
    assert list(widgets.updates()) == []


def test_a_display_that_becomes_something_else_is_no_view_any_more() -> None:
    widgets = Widgets()
    opened(widgets, "a", value="before")
    view(widgets, "a")
    widgets.viewed(Update("widget-a", {"text/plain": "other"}, {}))
    changed(widgets, "a", value="after")
    assert list(widgets.updates()) == []


def test_states_are_told_once_and_only_of_widgets_that_are_shown() -> None:
    widgets = Widgets()
    opened(widgets, "shown", "HBoxModel", children=["IPY_MODEL_within"])
    opened(widgets, "within")
    opened(widgets, "hidden")
    view(widgets, "shown")
    assert set(widgets.take_states()) == {"shown", "within"}
    assert widgets.take_states() == {}
    changed(widgets, "within", value="new")
    changed(widgets, "hidden", value="new")
    assert set(widgets.take_states()) == {"within"}


def test_what_a_widget_takes_in_is_bounded_and_the_rest_stands_in_the_cell() -> None:
    widgets = Widgets()
    opened(widgets, "out", "OutputModel", msg_id="block", outputs=[])
    taken = [widgets.capture(printed("x" * 10_000)) for _ in range(400)]
    assert taken.index(False) * 10_000 < CAPTURED
    assert not any(taken[taken.index(False) :])
    assert widgets.capture(CLEAR)
    assert widgets.capture(printed("again"))
    assert widgets.take_captured() == {"out": [{"output_type": "stream", "name": "stdout", "text": "again"}]}


def test_output_of_other_requests_and_after_the_end_is_not_taken_in() -> None:
    widgets = Widgets()
    opened(widgets, "out", "OutputModel", msg_id="block", outputs=[])
    assert not widgets.capture(printed("x", parent="other"))
    changed(widgets, "out", msg_id="")
    assert not widgets.capture(printed("x"))
    assert not widgets.capture(CLEAR)


def test_a_flood_of_widgets_is_bounded_and_the_newest_stay() -> None:
    widgets = Widgets()
    for number in range(2 * MOST_MODELS):
        opened(widgets, str(number), value="x")
        view(widgets, str(number))
    kept = widgets.take_states()
    assert len(kept) <= MOST_MODELS
    assert str(2 * MOST_MODELS - 1) in kept


def test_a_flood_of_bytes_and_updates_is_bounded() -> None:
    widgets = Widgets()
    for number in range(10):
        opened(widgets, str(number), "ImageModel")
        for _ in range(20):
            data = {"method": "update", "state": {}, "buffer_paths": [["value"]]}
            widgets.take(comm("comm_msg", str(number), data, (b"x" * 900_000,)))
        view(widgets, str(number))
    sizes = [len(entry["buffers"][0]["data"]) for entry in widgets.take_states().values() if "buffers" in entry]
    assert 0 < sum(sizes) < 1.5 * MOST_KEPT
    for number in range(5_000):
        changed(widgets, "9", **{f"key{number}": "x" * 1_000})
    assert len(json.dumps(widgets.take_states())) < 2 * MOST_KEPT


def placed(widgets: Widgets, *path: Any) -> None:
    data = {"method": "update", "state": {}, "buffer_paths": [[*path]]}
    widgets.take(comm("comm_msg", "a", data, (b"",)))


def flooded(step: Callable[[Widgets, int], None], times: int) -> dict[str, Any]:
    widgets = Widgets()
    opened(widgets, "a")
    view(widgets, "a")
    for at in range(times):
        step(widgets, at)
    return widgets.take_states()


FLOODS: dict[str, tuple[Callable[[Widgets, int], None], int]] = {
    "long places of empty buffers": (lambda widgets, at: placed(widgets, f"{at}{'x' * 20_000}"), 400),
    "deep places of empty buffers": (lambda widgets, at: placed(widgets, "k", at, *[0] * 1_000), 400),
    "places that are large numbers": (lambda widgets, at: placed(widgets, "k", *[10**4_000] * 20, at), 400),
    "many places of empty buffers": (lambda widgets, at: placed(widgets, f"k{at}"), MOST_KEYS + 1),
    "long names of values": (lambda widgets, at: changed(widgets, "a", **{f"{at}{'x' * 20_000}": ""}), 400),
}


@pytest.mark.parametrize(("step", "times"), FLOODS.values(), ids=FLOODS)
def test_what_names_the_parts_of_a_widget_counts_as_kept(step: Callable[[Widgets, int], None], times: int) -> None:
    assert list(flooded(step, 10)) == ["a"]
    assert flooded(step, times) == {}


def test_a_widget_of_a_huge_id_is_not_kept() -> None:
    widgets = Widgets()
    opened(widgets, "x" * 1_000_000)
    view(widgets, "x" * 1_000_000)
    assert widgets.take_states() == {}


def test_widgets_within_themselves_are_read_once() -> None:
    widgets = Widgets()
    opened(widgets, "a", "VBoxModel", children=["IPY_MODEL_b", "IPY_MODEL_b"])
    opened(widgets, "b", "VBoxModel", children=["IPY_MODEL_a", "IPY_MODEL_a", "IPY_MODEL_text"])
    opened(widgets, "text", value="said")
    assert "said" in view(widgets, "a").output["data"]["text/plain"]


JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.sampled_from(["IPY_MODEL_a", "a", "block"])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    *("state", "method", "outputs", "output_type", "msg_id", "children", "value", "index", "max"),
                    *("buffer_paths", "_options_labels", "bar_style", "titles", "description", "data", VIEW),
                    *("model_id", "_model_name"),
                ]
            ),
            inner,
            max_size=6,
        ),
    ),
    max_leaves=20,
)


@given(st.lists(st.tuples(st.sampled_from(["comm_open", "comm_msg", "comm_close"]), JSON), max_size=6))
def test_whatever_code_sends_raises_nothing(messages: list[tuple[str, Any]]) -> None:
    widgets = Widgets()
    opened(widgets, "a", "OutputModel")
    view(widgets, "a")
    for kind, data in messages:
        widgets.take(comm(kind, "a", data, (b"x",)))
        widgets.capture(printed("x"))
        list(widgets.updates())
        widgets.take_states()
    widgets.take_captured()
