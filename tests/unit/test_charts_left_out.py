"""Interactive charts where nothing may run: shown if they load and compute nothing, and else it is said."""

import json
from typing import Any

import pytest

from codeagent_nb.rendering.mime_bundles import CHART, LEFT_OUT, harmless_bundle

SPEC = {
    "$schema": "https://vega.github.io/schema/vega-lite/v6.1.0.json",
    "config": {"view": {"continuousWidth": 300}},
    "data": {"name": "data-1"},
    "datasets": {"data-1": [{"a": 1}]},
    "mark": {"type": "bar"},
    "encoding": {"x": {"field": "a", "type": "ordinal"}},
}


def altair(spec: Any) -> str:
    """As Altair's own page is made, by the functions that its template calls."""
    return (
        '<style>#v {width: 100%}</style><div id="v"></div><script>(function(spec, embedOpt){ load(); '
        f'}})({json.dumps(spec)}, {{"mode": "vega-lite"}});</script>'
    )


def bundle(**data: Any) -> dict[str, Any]:
    given = {name.replace("__", "+").replace("_", "/", 1): value for name, value in data.items()}
    return harmless_bundle({"output_type": "display_data", "data": given, "metadata": {}})[0]


def test_a_chart_of_altair_is_shown_without_the_page_that_draws_it() -> None:
    """vega/altair#809: `alt.Chart(...)` was all there was to see."""
    shown = bundle(text_html=altair(SPEC), text_plain="alt.Chart(...)")
    assert shown[CHART] == {key: value for key, value in SPEC.items() if key != "$schema"}
    assert "text/html" not in shown
    assert "alt.Chart" not in shown["text/plain"]


LOADING: dict[str, dict[str, Any]] = {
    "from elsewhere": {**SPEC, "data": {"url": "https://example.org/x.csv"}},
    "an expression": {**SPEC, "transform": [{"calculate": "1", "as": "x"}]},
    "a link": {**SPEC, "encoding": {"href": {"field": "a"}}},
}


@pytest.mark.parametrize("spec", LOADING.values(), ids=LOADING)
def test_a_chart_of_altair_that_loads_or_computes_is_left_out_aloud(spec: dict[str, Any]) -> None:
    shown = bundle(text_html=altair(spec), text_plain="alt.Chart(...)")
    assert set(shown) == {"text/plain"}
    assert LEFT_OUT in shown["text/plain"]


@pytest.mark.parametrize(
    "page",
    [
        altair(SPEC).replace('"mode": "vega-lite"', '"mode": "vega"'),
        altair(SPEC)[:-40],
        "<div id=v></div><script>})({" + '"a":[' * 100_000 + "</script>",
        "<div id=v></div><script>" + "})({" * 50_000 + "</script>",
    ],
)
def test_a_page_that_only_looks_like_altairs_is_left_out_aloud(page: str) -> None:
    assert LEFT_OUT in bundle(text_html=page)["text/plain"]


# As these libraries send them, shortened; each from a report that nothing was seen.
CHARTS: dict[str, dict[str, Any]] = {
    # bokeh#7005
    "bokeh": {"application/javascript": "(function(){})()", "application/vnd.bokehjs_exec.v0+json": ""},
    # folium#2203
    "folium": {
        "text/plain": "<folium.folium.Map at 0x7f23bce62d90>",
        "text/html": "<div><span>Make this Notebook Trusted to load map: File -> Trust Notebook</span>"
        '<iframe srcdoc="&lt;!DOCTYPE html&gt;"></iframe></div>',
    },
    # indexable-inc/index#704
    "itables": {
        "text/html": '<table id="t"><tbody><tr><td>Loading ITables v2.4 from the internet... (need help?)</td></tr>'
        '</tbody></table><script type="module">import x</script>',
    },
    # vega/altair#3435: a page of its own
    "altair.to_html": {
        "text/html": '<!DOCTYPE html><html><body><div id="vis"></div><script>vegaEmbed()</script></body></html>'
    },
    # C2DH/journal-of-digital-history#541: a page of Plotly's
    "plotly.to_html": {
        "text/html": '<div><div id="p" class="plotly-graph-div"></div><script>Plotly.newPlot("p", [])</script></div>'
    },
    # streamlit#1514, from branca#81: a map in a frame of its own
    "branca": {"text/html": '<iframe width="100%" srcdoc="&lt;script&gt;" ></iframe>'},
}


@pytest.mark.parametrize("data", CHARTS.values(), ids=CHARTS)
def test_a_chart_that_scripts_draw_is_left_out_aloud(data: dict[str, Any]) -> None:
    shown, _ = harmless_bundle({"output_type": "display_data", "data": data, "metadata": {}})
    assert set(shown) == {"text/plain"}
    assert shown["text/plain"].count(LEFT_OUT) == 1
    assert "Loading" not in shown["text/plain"]


def test_a_message_that_something_loads_is_not_shown_where_nothing_does() -> None:
    """bokeh#10002: "Loading BokehJS ..." stood there for ever."""
    assert bundle(text_html="<style>x {}</style><div><span>Loading BokehJS ...</span></div>") == {}


NO_CHARTS: dict[str, dict[str, Any]] = {
    "a table with a script": {"text/html": "<table id=t><tr><td>1</td></tr></table><script>sort()</script>"},
    "a script that draws nothing": {"text/html": "<script>alert(1)</script>", "text/plain": "x"},
    "a page of another site": {"text/html": '<iframe src="https://example.org"></iframe>', "text/plain": "x"},
    "a script by itself": {"application/javascript": "alert(1)", "text/plain": "x"},
    "a sound": {"text/html": "<audio controls></audio>", "text/plain": "x"},
    "a picture beside a script": {"image/png": "iVBO", "text/html": "<div id=a></div><script>x</script>"},
}


@pytest.mark.parametrize("data", NO_CHARTS.values(), ids=NO_CHARTS)
def test_what_is_no_chart_is_not_said_to_be_one(data: dict[str, Any]) -> None:
    shown, _ = harmless_bundle({"output_type": "display_data", "data": data, "metadata": {}})
    assert "chart" not in json.dumps(shown)
