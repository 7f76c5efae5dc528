"""What is shown in a trusted output cannot act: no script, nothing that loads, nothing that covers the page."""

import html
import json
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from codeagent_nb.events import BlockFinishedEvent, BlockOutputEvent, BlockStartedEvent, LateOutputEvent
from codeagent_nb.rendering.cleaning.html_outputs import CELLS_LIMIT, HTML_LIMIT, TAGS_LIMIT, clean_html
from codeagent_nb.rendering.fallback import guarded
from codeagent_nb.rendering.html import HIGHLIGHT_LIMIT, LEXERS, code_html, growing_html, markdown_html, text_html
from codeagent_nb.rendering.mime_bundles import SAVE_IT, TEXT_SHOWN, harmless_bundle
from codeagent_nb.rendering.shown_outputs import ShownOutputs
from kernel_executor import Append, BlockResult, Clear, CodeBlock, Update
from tests.support.charts import CHART, LOADING, ROWS
from tests.support.hostile_html import HOSTILE, assert_harmless, display, hostile, judged


@pytest.mark.parametrize("render", [markdown_html, clean_html, text_html, lambda text: code_html(text, "python")])
@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_alive_comes_through(render: Callable[[str], str], text: str) -> None:
    assert_harmless(render(text))


@settings(deadline=None)
@given(hostile)
def test_nothing_alive_comes_through_however_it_is_cut_and_mixed(text: str) -> None:
    for rendered in (
        markdown_html(text),
        growing_html(text),
        clean_html(text),
        text_html(text),
        code_html(text, "bash"),
    ):
        assert_harmless(rendered)


MIMES = [
    *("text/plain", "text/html", "text/markdown", "text/latex", "image/svg+xml", "image/png", "application/json"),
    *("application/javascript", "application/vnd.jupyter.widget-view+json", "application/vnd.plotly.v1+json"),
    *("application/vnd.vegalite.v5+json", "application/geo+json", "application/pdf", "text/html ", "TEXT/HTML", "x"),
]
ALLOWED = {
    *("text/plain", "text/html", "text/latex", "image/png", "application/json", "application/vnd.plotly.v1+json"),
}
contents = st.recursive(
    hostile | st.none() | st.booleans() | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(MIMES), contents, max_size=4),
    st.dictionaries(st.sampled_from([*MIMES, "isolated"]), contents, max_size=3) | st.text(max_size=3),
)
def test_a_display_of_any_shape_is_harmless(data: Any, metadata: Any) -> None:
    shown, sizes = harmless_bundle({"output_type": "display_data", "data": data, "metadata": metadata})
    assert shown.keys() <= ALLOWED
    assert_harmless(shown.get("text/html", ""))
    assert sizes.keys() <= {"image/png"}
    json.dumps([shown, sizes]).encode()


# Markdown and code


def test_html_in_markdown_is_shown_as_it_was_written() -> None:
    assert assert_harmless(markdown_html("a <b onclick=x>c</b> & d")) == "a <b onclick=x>c</b> & d\n"


def test_markdown_is_rendered() -> None:
    rendered = markdown_html("# T\n\n**b** ~~s~~ `c`\n\n- one\n\n| a |\n|--:|\n| 1 |\n\n[l](https://x.test/?a=1&b=2)")
    assert {"h1", "strong", "s", "code", "ul", "table", "th", "td", "a"} <= set(judged(rendered).tags)
    assert '<td style="text-align:right">1</td>' in rendered
    link = '<a href="https://x.test/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">l</a>'
    assert link in rendered


def test_pictures_are_named_and_not_loaded() -> None:
    assert markdown_html("![a plot](http://x.test/p.png)") == "<p><em>[a plot]</em></p>\n"
    assert markdown_html("![](http://x.test/p.png)") == "<p><em>[http://x.test/p.png]</em></p>\n"


def test_money_is_not_typeset_as_a_formula() -> None:
    rendered = markdown_html("from $5 to $10, with $x$")
    assert assert_harmless(rendered) == "from $5 to $10, with $x$\n"
    assert rendered.count('<span class="mathjax_ignore">$</span>') == 2


@pytest.mark.parametrize("language", [*LEXERS, "unheard-of", "lilypond", "console", '"><script>'])
@pytest.mark.parametrize("code", ["no end of line", "x = '<b>&'  # \"c\"\n\ndef f(): ...\n", "\tif\n  é\n"])
def test_code_is_shown_whole_in_every_language(language: str, code: str) -> None:
    assert assert_harmless(code_html(code, language)).rstrip() == code.rstrip()


@given(
    st.text(alphabet=st.characters(exclude_characters="\r\x00", exclude_categories=["Cs"])), st.sampled_from([*LEXERS])
)
def test_any_code_is_shown_whole(code: str, language: str) -> None:
    assert html.unescape(re.sub("<[^>]*>", "", code_html(code, language))).rstrip() == code.rstrip()


def test_python_is_highlighted_in_the_colours_of_the_notebook() -> None:
    rendered = code_html("def f(): return 'x'", "python")
    assert '<b style="color:var(--jp-mirror-editor-keyword-color,#008000)">def</b>' in rendered
    assert "<b" not in code_html("#" * (HIGHLIGHT_LIMIT + 1), "python")


# Outputs


def test_text_is_shown_and_long_text_is_cut() -> None:
    stream = {"output_type": "stream", "name": "stdout", "text": "<b>x</b>\n"}
    assert harmless_bundle(stream) == ({"text/plain": "<b>x</b>\n"}, {})
    (shown, _) = harmless_bundle(display(text__plain=["x" * 30_000, "y"]))
    assert len(shown["text/plain"]) < TEXT_SHOWN + 100
    assert "characters left out" in shown["text/plain"]


def test_an_error_is_told_otherwise() -> None:
    assert harmless_bundle({"output_type": "error", "ename": "E", "evalue": "", "traceback": []}) == ({}, {})


def test_a_dataframe_stays_a_table() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2], "<b>": ["x<script>", "costs $5"]})
    cleaned = clean_html(frame._repr_html_())
    judge = judged(cleaned)
    assert '<table class="dataframe">' in cleaned
    assert (judge.tags.count("th"), judge.tags.count("td")) == (5, 4)
    assert {"<b>", "x<script>", "costs $5"} <= set(judge.text)
    assert 'style="text-align: right"' in cleaned
    assert '<div class="mathjax_ignore tex2jax_ignore">' in cleaned  # or dollars in it would be a formula


def test_a_styled_dataframe_keeps_its_colours() -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("jinja2")
    styled = pandas.DataFrame({"a": [1, 2]}).style.map(
        lambda value: f"background-color: {'red' if value > 1 else 'lime'}"
    )
    cleaned = clean_html(styled.bar(subset=["a"], color="blue").set_caption("c").to_html())
    assert_harmless(cleaned)
    assert '<td style="background-color: lime' in cleaned
    assert "linear-gradient(90deg, blue 100.0%, transparent 100.0%)" in cleaned


def test_an_embedded_picture_stays_and_a_linked_one_does_not() -> None:
    assert '<img src="data:image/png;base64,AA==" width="10">' in clean_html(
        '<img src="data:image/png;base64,AA==" width=10 onload=x>'
    )
    assert "evil" not in clean_html('x <img src="//evil.test/x.png">')


def test_what_shows_nothing_gives_way_to_text() -> None:
    script = display(text__html="<div><script>plot()</script></div>", text__plain="<Figure>")
    assert harmless_bundle(script) == ({"text/plain": "<Figure>\n[Removed from this output: 1 script.]"}, {})


@pytest.mark.parametrize("text", ["<div>" * (TAGS_LIMIT + 1), "<td>" * (CELLS_LIMIT + 1)])
def test_html_that_would_take_long_to_clean_is_left_out(text: str) -> None:
    assert clean_html(f"{text}x") == ""


def test_a_thousand_rows_of_twenty_columns_are_still_shown() -> None:
    row = "<tr>" + "<td>1</td>" * 20 + "</tr>"
    assert clean_html(f"<table>{row * 1_000}</table>").count("<td>") == 20_000


def test_markdown_and_svg_are_shown_as_html_unless_there_is_a_picture_or_html() -> None:
    markdown, _ = harmless_bundle(display(text__markdown="**b** <script>"))
    assert markdown["text/html"] == "<p><strong>b</strong> &lt;script&gt;</p>\n"
    svg, _ = harmless_bundle(display(image__svg_xml="<svg onload='alert(1)'/>"))
    assert list(svg) == ["text/html"]
    assert judged(svg["text/html"]).tags == ["img"]
    both, _ = harmless_bundle(display(image__svg_xml="<svg/>", image__png="AA=="))
    assert list(both) == ["image/png"]


def test_latex_with_a_link_or_an_attribute_is_left_out() -> None:
    assert harmless_bundle(display(text__latex=["$x", "^2$"]))[0] == {"text/latex": "$x^2$"}
    for command in (
        r"\href{javascript:1}{x}",
        r"\mmlToken{mi}[href='javascript:1']{x}",
        r"\csname href\endcsname{x}{y}",
    ):
        said = "[Removed from this output: a formula that leads elsewhere.]"
        assert harmless_bundle(display(text__latex=command))[0] == {"text/plain": said}


def test_pictures_keep_a_size_that_makes_sense_and_nothing_else() -> None:
    size = {"image/png": {"width": 300, "height": 200.5, "isolated": True, "unconfined": True}, "isolated": True}
    assert harmless_bundle(display(size, image__png="AA=="))[1] == {"image/png": {"width": 300, "height": 200.5}}
    for nonsense in ({"width": -1}, {"width": "1px"}, {"height": True}, {"width": 1e9}, "wide", None, [1]):
        assert harmless_bundle(display({"image/png": nonsense}, image__png="AA=="))[1] == {}


PLOTLY = "application/vnd.plotly.v1+json"


def plotly(figure: Any) -> Any:
    shown, _ = harmless_bundle({"output_type": "display_data", "data": {PLOTLY: figure}, "metadata": {}})
    return shown.get(PLOTLY)


def test_a_plotly_figure_is_shown_without_its_configuration() -> None:
    figure = {
        "data": [{"type": "bar", "x": ["a: b", "1/2"], "y": [1.5]}],
        "layout": {"title": {"text": "Sales: <b>x</b>"}},
    }
    assert plotly({**figure, "config": {"plotlyServerURL": "https://evil.test"}}) == figure


@pytest.mark.parametrize(
    "address",
    [
        *(
            "https://evil.test/x.png",
            "//evil.test/x",
            "\\\\evil.test\\x",
            " ht\ntps:evil.test",
            "\x01https:evil",
            "/logout",
        ),
        *("../logout", "mapbox://x", "<a href='http://x.test'>x</a>", "data:text/html,x"),
    ],
)
def test_a_plotly_figure_with_an_address_in_it_is_left_out(address: str) -> None:
    assert plotly({"data": [], "layout": {"images": [{"source": address}]}}) is None
    assert plotly({"data": [], "layout": {"updatemenus": [{"buttons": [{"args": [{address: 1}]}]}]}}) is None


def test_a_plotly_figure_may_hold_an_embedded_picture() -> None:
    figure = {"data": [{"type": "image", "source": "data:image/png;base64,//8="}], "layout": {}}
    assert plotly(figure) == figure


def test_numbers_of_a_plotly_figure_may_look_like_an_address() -> None:
    numbers = {"dtype": "f8", "bdata": "/8//AAAA//8=", "shape": "2, 2"}
    figure = {"data": [{"type": "heatmap", "z": numbers}], "layout": {}}
    assert plotly(figure) == figure
    for other in ({**numbers, "bdata": "//evil.test/x"}, {**numbers, "source": "x"}, {"bdata": [numbers["bdata"]]}):
        assert plotly({"data": [{"type": "heatmap", "z": other}], "layout": {}}) is None


@pytest.mark.parametrize("kind", ["scattergeo", "choropleth", "scattermapbox", "densitymap", "choroplethmap"])
def test_a_map_of_plotly_is_left_out_for_it_loads_its_tiles(kind: str) -> None:
    assert plotly({"data": [{"type": kind, "lon": [1], "lat": [2]}], "layout": {}}) is None
    template = {"data": {kind: [{"type": kind}], "bar": [{"type": "bar"}]}, "layout": {"mapbox": {"style": "light"}}}
    shown = plotly({"data": [{"type": "bar", "y": [1]}], "layout": {"template": template}})
    assert shown["layout"]["template"]["data"] == {"bar": [{"type": "bar"}]}


def test_a_picture_in_a_plotly_figure_stands_in_it() -> None:
    assert plotly({"data": [], "layout": {"images": [{"source": "x.png"}]}}) is None
    assert (
        plotly({"data": [], "layout": {"updatemenus": [{"buttons": [{"args": [{"images[0].source": "x"}]}]}]}}) is None
    )


@pytest.mark.parametrize("figure", ["{}", [1], None, 1.5])
def test_a_plotly_figure_of_another_type_is_left_out(figure: Any) -> None:
    assert plotly(figure) is None


def test_half_a_character_is_replaced() -> None:
    shown, _ = harmless_bundle(
        display(text__html="<b>\ud800</b>", text__plain=["\ud800"], application__json={"\ud800": 1})
    )
    json.dumps(shown, ensure_ascii=False).encode()


# Which outputs have changed


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def began(block_id: str = "1") -> BlockStartedEvent:
    return BlockStartedEvent(source="x", retry_attempt=0, block_id=block_id, block=CodeBlock("x"))


def showed(change: Any, kind: Any = BlockOutputEvent, block_id: str = "1") -> Any:
    return kind(source="x", block_id=block_id, change=change)


def ended(*outputs: Any, block_id: str = "1") -> BlockFinishedEvent:
    result = BlockResult(block=CodeBlock("x"), status="ok", exit_code=0, outputs=outputs)
    return BlockFinishedEvent(source="x", retry_attempt=0, block_id=block_id, result=result)


def news(outputs: ShownOutputs, *events: Any) -> list[tuple[str, Any]]:
    for event in events:
        outputs.take(event)
    return [(key, output and output.get("text", output.get("data"))) for key, output in outputs.news()]


def test_only_what_changed_is_news() -> None:
    outputs = ShownOutputs()
    assert news(outputs, began(), showed(Append(stream("10 %\r")))) == [("1-0", "10 %")]
    assert news(outputs, showed(Append(stream("20 %")))) == [("1-0", "20 %")]
    assert news(outputs, showed(Append(display(text__plain="x")))) == [("1-1", {"text/plain": "x"})]
    assert news(outputs) == []
    assert news(outputs, showed(Clear(wait=True))) == []
    assert news(outputs, showed(Append(stream("new")))) == [("1-0", "new"), ("1-1", None)]
    assert news(outputs, ended(stream("new"))) == []


def test_what_the_limits_held_back_comes_at_the_end() -> None:
    outputs = ShownOutputs()
    news(outputs, began(), showed(Append(stream("head"))))
    assert news(outputs, ended(stream("head\n[... 9 characters left out ...]\ntail")))[0][1].endswith("tail")


def test_a_block_whose_beginning_was_missed_is_shown_when_it_ends() -> None:
    assert news(ShownOutputs(), showed(Append(stream("lost"))), ended(stream("all"))) == [("1-0", "all")]


def test_a_thread_may_update_a_display_after_its_block() -> None:
    outputs = ShownOutputs()
    first = display(text__plain="0 %")
    news(outputs, began(), showed(Append(first, "bar")), ended(first), began("2"), ended(stream("other"), block_id="2"))
    later = showed(Update("bar", {"text/plain": "100 %"}, {}), LateOutputEvent)
    assert news(outputs, later) == [("1-0", {"text/plain": "100 %"})]
    assert news(outputs, showed(Append(stream("late")), LateOutputEvent)) == [("1-1", "late")]


VEGA_LITE = [
    "application/vnd.vegalite.v5+json",
    "application/vnd.vegalite.v6+json",
    "application/vnd.vegalite.v6.1.0+json",
    "application/vnd.vegalite.v6.json",
]


@pytest.mark.parametrize("mime", VEGA_LITE)
def test_a_chart_of_vega_lite_whose_data_stand_in_it_is_shown(mime: str) -> None:
    chart = {**CHART, "$schema": "https://vega.github.io/schema/vega-lite/v5.json"}
    output = {"output_type": "display_data", "data": {mime: chart, "text/plain": "x"}, "metadata": {mime: {"a": 1}}}
    assert harmless_bundle(output) == ({VEGA_LITE[0]: CHART, "text/plain": "x"}, {})


def test_columns_of_a_chart_may_be_called_as_keys_that_compute() -> None:
    for data in ROWS:
        chart = {**CHART, **data}
        output = {"output_type": "display_data", "data": {VEGA_LITE[0]: chart}, "metadata": {}}
        assert harmless_bundle(output)[0][VEGA_LITE[0]] == chart


@pytest.mark.parametrize("part", LOADING)
def test_a_chart_of_vega_lite_that_loads_or_computes_is_shown_as_text(part: dict[str, Any]) -> None:
    """Its tooltips load the address in a field called `image`, and an expression may make such a field."""
    output = {
        "output_type": "display_data",
        "data": {VEGA_LITE[0]: {**CHART, **part}, "text/plain": "c"},
        "metadata": {},
    }
    said = f"c\n[Removed from this output: an interactive figure that loads or computes. {SAVE_IT}]"
    assert harmless_bundle(output) == ({"text/plain": said}, {})


@pytest.mark.parametrize("mime", ["application/vnd.vega.v5+json", *VEGA_LITE])
@pytest.mark.parametrize("chart", [{"marks": []}, {}, "text", None])
def test_a_chart_of_another_kind_is_shown_as_text(mime: str, chart: Any) -> None:
    output = {"output_type": "display_data", "data": {mime: chart, "text/plain": "alt.Chart(...)"}, "metadata": {}}
    shown, _ = harmless_bundle(output)
    assert list(shown) == ["text/plain"]
    assert shown["text/plain"].startswith("alt.Chart(...)")


# HTML that is made to take long, or to become much


RULE = f"<style>#T_a{{{'color:red;' * 4_000}}}</style>"
SAME = ' id="T_a"' * 90
MANY = [
    f"<b>{'x' * HTML_LIMIT}</b>",
    "&" * (CELLS_LIMIT + 1),
    f"<b {' '.join(f'a{number}' for number in range(200))}>x</b>",
    "<b " + "".join(f'a{number}=b="x ' for number in range(200)) + ">x</b>",
    f"<p>{''.join(f'<b title={number}>' for number in range(900))}</p>{'<p>x</p>' * 900}",
    f"<table>{''.join(f'<b title={number}>' for number in range(20))}{'<tr>x' * 90_000}",
    f"<table>{'<b><i><s><u><em><tt><code><font><small><big>' * 3}{'<tr>x' * 90_000}",
]


@pytest.mark.parametrize("text", MANY, ids=range(len(MANY)))
def test_html_that_would_become_much_gives_way_to_text(text: str) -> None:
    said = "t\n[Removed from this output: its HTML, which is too large to be checked.]"
    assert harmless_bundle(display(text__html=text, text__plain="t")) == ({"text/plain": said}, {})


@pytest.mark.parametrize(
    "text",
    [
        RULE + '<td id="T_a">x</td>' * 4_000,
        RULE + f"<td{SAME}>x</td>" * 90,
        f"<style>{'#T_a,' * 20_000}{{{'color:red;' * 9_000}}}</style>x",
        f"<style>{'a' * 190_000}</style>x",
        f"<style>{'#T_a{color:red}' * 20_000}</style><b id='T_a'>x</b>",
    ],
    ids=range(5),
)
def test_a_style_sheet_that_would_become_much_is_left_out(text: str) -> None:
    cleaned = clean_html(text)
    assert "x" in assert_harmless(cleaned)
    assert "color" not in cleaned
    assert len(cleaned) < len(text) + 100


def test_a_style_sheet_without_a_rule_ends() -> None:
    """No speed, but what made it slow: a pattern that begins again at each letter. 40,000 took 6.9 s."""
    ended = threading.Event()
    text = f"<style>{'a' * 199_000}</style><b>x</b>"
    threading.Thread(target=lambda: (clean_html(text), ended.set()), daemon=True).start()
    assert ended.wait(30)  # it was three minutes


def test_colours_are_put_into_tags_only() -> None:
    cleaned = clean_html('<style>#T_a{color:red}</style><p id="T_a">say id="T_a" here</p>')
    assert '<p style="color:red">' in cleaned.replace("color: red", "color:red")
    assert assert_harmless(cleaned) == 'say id="T_a" here'


def test_a_table_with_a_link_and_bold_words_in_every_row_is_still_shown() -> None:
    row = (
        "<tr>" + "<td>1 &amp; 2</td>" * 20 + f'<td><a href="https://x.test" title="{"t " * 300}"><b>x</b></a></td></tr>'
    )
    assert clean_html(f"<table>{row * 1_000}</table>").count("<a ") == 1_000


@pytest.mark.parametrize("error", [MemoryError(), RecursionError(), ValueError("secret"), BaseException("a panic")])
def test_what_cannot_be_rendered_is_named(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(_: str) -> str:
        raise error

    monkeypatch.setattr("codeagent_nb.rendering.mime_bundles.clean_html", fail)
    shown, _ = harmless_bundle(display(text__html="<b>x</b>"))
    assert shown["text/plain"] == f"this output cannot be shown: {type(error).__name__}"
    assert assert_harmless(shown["text/html"]) == shown["text/plain"]


def test_an_interrupt_is_no_fault_of_an_output() -> None:
    def interrupted() -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guarded(interrupted)


def test_a_growing_reply_is_rendered_but_not_highlighted() -> None:
    text = "**b**\n\n```python\ndef f(): '<b>'\n```\n\n    indented = 1\n"
    growing = growing_html(text)
    assert assert_harmless(growing) == assert_harmless(markdown_html(text))
    assert "--jp-mirror-editor" not in growing
    assert "--jp-mirror-editor" in markdown_html(text)
