"""What is sent to the page: it makes the wanted cells of the known ones, and says no more than that."""

import json
from typing import Any

from hypothesis import given, settings, strategies as st

from codeagent_nb.notebook.cells.diff import NEIGHBOURS, PageCell, changes_between, utf16_length
from tests.unit.memory_page import Window, add


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def display(text: str) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}


def joined(outputs: list[Any]) -> tuple[Any, ...]:
    """Neighbours of one stream are one output, as in every notebook."""
    found: list[Any] = []
    for output in outputs:
        add(found, output)
    return tuple(found)


def cell(name: str, source: str = "", *outputs: Any, undo: str = "") -> PageCell:
    metadata = {"codeagent": {"cell": "anchor"}}
    return PageCell(
        id=name,
        cell_type="code",
        source=source,
        metadata=metadata,
        outputs=outputs,
        undo=undo,
    )


sources = st.text(alphabet="ab\n é😀🧪", max_size=8)
outputs = st.lists(
    st.builds(stream, st.text("xy\n😀", min_size=1, max_size=4), st.sampled_from(["stdout", "stderr"]))
    | st.builds(display, st.sampled_from("pq")),
    max_size=4,
).map(joined)
metadata = st.dictionaries(st.just("tags"), st.integers(0, 2), max_size=2)


@st.composite
def two_states(draw: Any) -> tuple[list[PageCell], list[PageCell]]:
    """What is known and what is wanted: some cells are in both, in the same order."""
    known, wanted = [], []
    for number in range(draw(st.integers(0, 7))):
        is_code, undo = draw(st.booleans()), draw(st.sampled_from(["1", "2"]))
        where = draw(st.sampled_from([[known], [wanted], [known, wanted]]))
        for cells in where:
            more: dict[str, Any] = {}
            if is_code:
                more = {"outputs": draw(outputs)}
            cells.append(
                PageCell(
                    id=f"cell-{number}",
                    cell_type="code" if is_code else "markdown",
                    source=draw(sources),
                    metadata={"codeagent": {"n": number}, **draw(metadata)},
                    undo=undo,
                    **more,
                )
            )
    return known, wanted


def shown(known: list[PageCell], anchor: str | None) -> Window:
    """A window that shows these cells, as it was told before."""
    window = Window("%%agent", "mine")
    window.begin(anchor)
    told(window, changes_between([], known, anchor))
    return window


def told(window: Window, changes: list[dict[str, Any]]) -> dict[str, Any]:
    """Have the window's only task ask for changes."""
    return window.perform(window.tasks[0], changes)


def nodes(cells: list[PageCell]) -> list[Any]:
    return [json.loads(json.dumps(cell.node)) for cell in cells]


@settings(deadline=None)
@given(two_states())
def test_what_is_known_becomes_what_is_wanted(states: Any) -> None:
    known, wanted = states
    window = shown(known, "anchor")
    assert told(window, changes_between(known, wanted, "anchor")) == {
        "ok": True,
        "gone": [],
        "detached": [],
        "adopted": [],
    }
    assert window.cells[1:-1] == nodes(wanted)
    assert (window.cells[0]["source"], window.cells[-1]["source"]) == ("%%agent", "mine")


@settings(deadline=None)
@given(two_states())
def test_without_an_anchor_they_stand_at_the_end(states: Any) -> None:
    _, wanted = states
    grown = [cell("first", "x", undo="1"), *wanted]
    window = shown(grown[:1], None)
    told(window, changes_between(grown[:1], grown, None))
    assert window.cells[2:] == nodes(grown)


@settings(deadline=None)
@given(two_states())
def test_changes_that_are_made_twice_are_made_once_but_for_text_that_is_added(states: Any) -> None:
    known, wanted = states
    window = shown(known, "anchor")
    changes = changes_between(known, wanted, "anchor")
    told(window, changes)
    again = [change for change in changes if change["do"] != "append"]
    more_outputs = {change["id"] for change in changes if change["do"] == "append"}
    told(window, [change for change in again if not (change["do"] == "outputs" and change["id"] in more_outputs)])
    assert window.cells[1:-1] == nodes(wanted)


@given(two_states())
def test_nothing_is_sent_where_nothing_changed(states: Any) -> None:
    _, wanted = states
    assert changes_between(wanted, wanted, "anchor") == []


def test_a_source_is_sent_from_where_it_changed_counted_as_the_browser_counts() -> None:
    (change,) = changes_between([cell("c", "a😀b")], [cell("c", "a😀c")], "anchor")
    assert change == {"do": "source", "id": "c", "from": 3, "text": "c"}
    (change,) = changes_between([cell("c", "😀")], [cell("c", "😁")], "anchor")
    assert change == {"do": "source", "id": "c", "from": 0, "text": "😁"}  # never half a character
    assert utf16_length("a😀é\ud800") == 5


def test_text_is_added_only_where_one_stream_grew() -> None:
    def kinds(before: list[Any], after: list[Any]) -> list[str]:
        return [change["do"] for change in changes_between([cell("c", "", *before)], [cell("c", "", *after)], "anchor")]

    assert kinds([stream("a")], [stream("ab")]) == ["append"]
    assert kinds([stream("a")], [stream("ab"), display("p")]) == ["append", "outputs"]
    assert kinds([display("p"), stream("a")], [display("p"), stream("ab")]) == ["append"]
    assert kinds([stream("a")], [stream("b")]) == ["outputs"]
    assert kinds([stream("a")], [stream("ab", "stderr")]) == ["outputs"]
    assert kinds([stream("a"), display("p")], [stream("ab"), display("p")]) == ["outputs"]
    assert kinds([display("p")], [display("pq")]) == ["outputs"]
    assert kinds([stream("a")], []) == ["outputs"]
    assert kinds([stream("a")], [stream("a")]) == []


def test_a_long_stream_is_not_sent_again_when_it_grows() -> None:
    (change,) = changes_between([cell("c", "", stream("x" * 9_000))], [cell("c", "", stream("x" * 9_001))], "anchor")
    assert change == {"do": "append", "id": "c", "index": 0, "text": "x"}


def test_metadata_are_sent_as_far_as_they_changed_and_taken_away() -> None:
    before = PageCell(id="c", cell_type="markdown", source="", metadata={"a": 1, "b": 2, "c": 3})
    after = PageCell(id="c", cell_type="markdown", source="", metadata={"a": 1, "b": 4})
    (change,) = changes_between([before], [after], "anchor")
    assert change == {"do": "metadata", "id": "c", "metadata": {"b": 4, "c": None}}


def test_cells_of_one_step_come_together_and_each_step_apart() -> None:
    wanted = [cell("a", undo="1"), cell("b", undo="1"), cell("c", undo="2")]
    changes = changes_between([], wanted, "anchor")
    assert [([node["id"] for node in change["cells"]], change["undo"], change["after"]) for change in changes] == [
        (["a", "b"], "1", ["anchor"]),
        (["c"], "2", ["b", "a", "anchor"]),
    ]


def test_a_new_cell_finds_its_place_though_the_user_deleted_many_above_it() -> None:
    known = [cell(f"c{number}") for number in range(2 * NEIGHBOURS)]
    (change,) = changes_between(known, [*known, cell("new")], "anchor")
    assert change["after"] == [*(f"c{number}" for number in range(2 * NEIGHBOURS - 1, NEIGHBOURS - 1, -1)), "anchor"]


def test_what_is_no_longer_wanted_goes_only_as_it_was_written() -> None:
    window = shown([cell("a", "draft"), cell("b", "draft")], "anchor")
    window.cell("b")["source"] = "mine"
    said = told(window, changes_between([cell("a", "draft"), cell("b", "draft")], [], "anchor"))
    assert said["detached"] == ["b"]
    assert window.ids == ["anchor", "b", "user-1"]
