"""What every surface shows of an output, and what is saved: cleaned by one function, and it says what was taken out."""

import json
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings, strategies as st

from codeagent_nb.events import BlockFinishedEvent, BlockStartedEvent, GivenCodeFinishedEvent, TextMessage
from codeagent_nb.rendering.cell_outputs import harmless_output, shown_output
from codeagent_nb.rendering.cleaning.html_outputs import clean_html
from codeagent_nb.rendering.mime_bundles import FIGURES, PLOTLY, harmless_bundle
from kernel_executor import BlockResult, CodeBlock
from tests.browser.hostile_outputs import outputs
from tests.support.hostile_html import assert_harmless, display, hostile, judged
from tests.support.notebooks import notebook_of

ELSEWHERE = "http://elsewhere.test"


def session(*shown: Any) -> list[Any]:
    result = BlockResult(block=CodeBlock("x"), status="ok", exit_code=0, outputs=shown)
    return [
        BlockStartedEvent(source="a", retry_attempt=0, block_id="1", block=CodeBlock("x")),
        BlockFinishedEvent(source="a", retry_attempt=0, block_id="1", result=result),
        GivenCodeFinishedEvent(source="a", exit_code=0),
    ]


# What is saved


def test_the_notebook_has_what_is_clean_and_the_events_have_what_was_shown() -> None:
    shown = display(text__html=f"<b>rows</b><img src='{ELSEWHERE}/?rows'>")
    events = session(shown)
    (cell,) = notebook_of(events).cells
    assert cell.outputs[0] == nbformat.from_dict(harmless_output(shown))
    assert ELSEWHERE not in json.dumps(cell.outputs)
    assert f"{ELSEWHERE}/?rows" in events[1].model_dump_json()


def test_every_word_of_a_long_output_is_saved() -> None:
    text = "word " * 30_000
    for shown in ({"output_type": "stream", "name": "stdout", "text": text}, display(text__plain=text)):
        (cell,) = notebook_of(session(shown)).cells
        assert text in "".join(cell.outputs[0].get("text", cell.outputs[0].get("data", {}).get("text/plain")))


HOSTILE_OUTPUTS = outputs(ELSEWHERE)


@pytest.mark.parametrize("name", HOSTILE_OUTPUTS)
def test_every_surface_shows_and_saves_the_same(name: str) -> None:
    shown = HOSTILE_OUTPUTS[name]
    cleaned = harmless_output(shown)
    assert shown_output(shown) == cleaned
    assert harmless_bundle(shown) == (cleaned["data"], cleaned["metadata"])
    assert_harmless(cleaned["data"].get("text/html", ""))
    assert cleaned["data"].keys() <= {"text/html", "text/plain", "application/json", "image/png"}


async def test_a_task_is_as_harmless_as_an_answer() -> None:
    (cell,) = notebook_of([TextMessage(source="user", content=f"![x]({ELSEWHERE}/?q) <img src=x>")]).cells
    assert cell.source == f"## Task\n\n&#33;[x]({ELSEWHERE}/?q) &lt;img src=x>"


def nested(depth: int) -> Any:
    value: Any = "deep"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "output",
    [
        *(display(**{name: nested(5_000)}) for name in ("application__json", "text__plain", "text__html")),
        {"output_type": "display_data", "data": {}, "metadata": {"a": nested(5_000)}},
        {"output_type": "display_data", "data": {1: 2, "application/json": {2: {3}}}, "metadata": {3: 4}},
        {"output_type": "execute_result"},
        {"output_type": ["stream"]},
        {},
    ],
)
def test_an_output_of_any_shape_becomes_a_valid_one(output: Any) -> None:
    for clean in (harmless_output, shown_output):
        cleaned = nbformat.v4.new_output(**clean(output))
        nbformat.validate(cleaned, ref="output", version=4, version_minor=5)


def test_what_is_nested_too_deeply_is_said_in_its_place() -> None:
    for depth, said in ((100, "deep"), (101, "left out: nested more than 100 deep")):
        assert said in json.dumps(harmless_output(display(application__json=nested(depth))))


class Odd:
    def __str__(self) -> str:
        raise OSError


def test_an_output_that_cannot_be_read_is_said_to_be_so() -> None:
    cleaned = harmless_output({"output_type": "stream", "text": Odd()})
    assert cleaned["data"]["text/plain"] == "this output cannot be shown: OSError"


# What was taken out is said


@pytest.mark.parametrize(
    ("html", "line"),
    [
        ("<p>x</p><img src='//e.test/x'>", "1 reference to a picture elsewhere"),
        ("<p>x</p><img src=a><img srcset='b 2x'>", "2 references to pictures elsewhere"),
        ("x<script>1</script><b onclick=f()>y</b>", "2 scripts"),
        ("x<iframe src=a></iframe>", "1 embedded page"),
        ("<style>p{background:url(x)}</style><p>x</p>", "1 style that loads from elsewhere"),
        ("<p title=a style='color:red;background:url(x)'>url(x)</p>", "1 style that loads from elsewhere"),
        ('<p style=background:url(x)>x</p><p style="background:image-set(y)">x', "2 styles that load from elsewhere"),
        ("<p>x</p><style>@import 'y'", "1 style that loads from elsewhere"),
        ("x<form><input></form>", "2 parts of a form"),
        ("<a href='javascript:f()'>x</a>", "1 link that could run code"),
        ("x<link rel=stylesheet href=y>", "1 reference to another file or page"),
        ("x<svg><path d='M0'></svg>", "1 drawing"),
    ],
)
def test_what_was_taken_out_of_html_is_said(html: str, line: str) -> None:
    shown, _ = harmless_bundle(display(text__html=html))
    assert f"Removed from this output: {line}." in assert_harmless(shown["text/html"])


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"application/javascript": "f()"}, "a script"),
        ({"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}, "a widget"),
        ({"application/pdf": "JVBERi0="}, "a PDF document"),
        ({"application/x-odd": "x"}, "content of type application/x-odd"),
        ({"<img src=x>": "x"}, "content of an unknown type"),
        ({"image/png": '"><img src=x>'}, "a picture that is none"),
    ],
)
def test_what_is_not_shown_at_all_is_said(data: Any, line: str) -> None:
    output = {"output_type": "display_data", "data": {**data, "text/plain": "x"}, "metadata": {}}
    assert harmless_bundle(output)[0] == {"text/plain": f"x\n[Removed from this output: {line}.]"}


def test_beside_a_picture_it_is_seen_too() -> None:
    output = {
        "output_type": "display_data",
        "data": {"image/png": "AA==\n", "application/javascript": "f()"},
        "metadata": {"image/png": {"width": 10}},
    }
    shown, sizes = harmless_bundle(output)
    assert (list(shown), sizes) == (["text/html"], {})
    assert '<img alt="" src="data:image/png;base64,AA==" width="10">' in shown["text/html"]
    assert "Removed from this output: a script." in assert_harmless(shown["text/html"])


WORDS = '<td style="color: red">use url(http://x) and @import here</td>'


def test_of_ordinary_outputs_nothing_is_said() -> None:
    for html in (
        "<b>x</b>",
        '<img src="data:image/png;base64,AA==">',
        "<style>td{color:red}</style><p>only: x</p>",
        WORDS,
    ):
        assert "Removed" not in harmless_bundle(display(text__html=html))[0]["text/html"]


def test_a_figure_alone_says_where_it_is_seen() -> None:
    figure = {"data": [{"type": "bar", "y": [1]}], "layout": {}}
    data = {"application/vnd.plotly.v1+json": figure, "text/html": "<div></div><script>draw()</script>"}
    shown, _ = harmless_bundle({"output_type": "display_data", "data": data, "metadata": {}})
    assert shown == {"application/vnd.plotly.v1+json": figure, "text/plain": FIGURES[PLOTLY]}


# Style sheets


GREAT_TABLE = """
<div id="gt9"><style>
#gt9 table { font-family: Arial, Roboto; } /* ; } */
#gt9 .gt_table { border-collapse: collapse; color: #333; position: fixed }
#gt9 .gt_row, #gt9 .gt_group { padding-left: 5px; border-top: 1px solid #D3D3D3 }
#gt9 thead > tr > th.gt_col { font-weight: bold }
#gt9 > td { color: blue }
.other .gt_row { color: green }
#gt9 .gt_row:hover { color: yellow }
#gt9 .gt_row { background-image: url(https://e.test) }
@media print { #gt9 .gt_row { color: purple } }
</style>
<table class="gt_table"><thead><tr><th class="gt_col">a</th></tr></thead>
<tbody><tr><td class="gt_row" style="color: red">1</td></tr></tbody></table></div>
"""


def test_a_table_with_a_style_sheet_keeps_its_looks() -> None:
    cleaned = clean_html(GREAT_TABLE)
    assert_harmless(cleaned)
    assert '<table style="font-family: Arial, Roboto; border-collapse: collapse; color: #333">' in cleaned
    assert '<th style="font-weight: bold">' in cleaned
    assert '<td style="padding-left: 5px; border-top: 1px solid #D3D3D3; color: red">' in cleaned
    assert "gt" not in cleaned.replace("&gt;", "")


def test_the_weightier_rule_wins() -> None:
    sheet = "<style>#a td{color:red} td{color:green} .c{color:blue}</style>"
    cleaned = clean_html(f'{sheet}<table id="a"><tr><td class="c">x</td></tr></table>')
    assert '<td style="color: green; color: blue; color: red">' in cleaned


def test_the_looks_of_a_styler_are_kept() -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("jinja2")
    styles = [{"selector": "th", "props": "background-color: #223"}, {"selector": "td.col0", "props": "color: lime"}]
    styled = pandas.DataFrame({"a": [1]}).style.set_table_styles(styles)
    cleaned = clean_html(styled.to_html())
    assert judged(cleaned).tags.count("th") == cleaned.count('<th style="background-color: #223">') > 0
    assert '<td style="color: lime">1</td>' in cleaned


selectors = st.lists(
    st.sampled_from(["#a", ".c", "td", "p", "*", ">", " ", ",", ":hover", "{", "}", "[x]", "+", "a.c#a"]), max_size=6
).map("".join)
values = st.sampled_from(
    [
        *("color:red", "position:fixed", "background:url(//e)", "background:\\75rl(//e)", 'color:"x', "color:red}<b>"),
        *("width:calc(1px)", "color:var(--x)", "background:image-set(x)", "color:attr(x)", "color:red;/*", "@import x"),
    ]
)
sheets = st.lists(st.tuples(selectors, st.lists(values, max_size=3).map(";".join)), max_size=4).map(
    lambda rules: "<style>" + "".join(f"{head}{{{body}}}" for head, body in rules) + "</style>"
)
BODY = '<p id="a" class="c">x<b id=\'a" onclick="1\'>y</b><table class="c"><tr><td id="a" style="color:red">z</table>'


@settings(deadline=None)
@given(sheets, hostile)
def test_no_style_sheet_brings_anything_alive(sheet: str, text: str) -> None:
    assert_harmless(clean_html(sheet + BODY + text))


@settings(deadline=None)
@given(hostile)
def test_what_is_clean_stays_as_it_is(text: str) -> None:
    cleaned = clean_html(text)
    assert clean_html(cleaned) == cleaned
