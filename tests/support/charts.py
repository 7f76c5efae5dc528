"""Charts of Vega-Lite: one that is shown, rows it may have, and what makes a chart load or compute something."""

from typing import Any

POINTS = [{"a": 1, "b": "https"}, {"a": 2, "b": "imagery"}]
CHART: dict[str, Any] = {
    "config": {"view": {"continuousWidth": 300}},
    "data": {"name": "data-1"},
    "datasets": {"data-1": POINTS},
    "mark": {"type": "bar", "tooltip": True},
    "encoding": {"x": {"field": "a", "type": "quantitative"}, "y": {"field": "b", "title": "the b"}},
    "params": [{"name": "p", "select": {"type": "interval", "encodings": ["x"]}, "bind": "scales"}],
}
NAMES = ("element", "test", "filter", "input", "init", "on", "zoom", "url", "patch", "signal")
NAMED = [dict.fromkeys(NAMES, "image")]
ROWS: list[dict[str, Any]] = [
    {"data": {"values": NAMED}},
    {"datasets": {"data-1": NAMED}},
    {"layer": [{"data": {"values": NAMED}}]},
]
"""Columns may be called as keys that compute."""

LOADING: list[dict[str, Any]] = [
    {"data": {"url": "x.csv"}},
    {"data": {"values": [{"image": "/secret"}]}},
    {"data": {"values": "a,image\n1,https:evil.test/x.png"}},
    {"datasets": {"data-1": "a,image\n1,x.png"}},
    {"layer": [{"mark": "bar", "data": {"values": "a,image\n1,x.png"}}]},
    {"layer": [{"mark": "bar", "data": {"values": [{"image": "x.png"}]}}]},
    {"spec": {"mark": "bar", "data": {"values": [], "url": "x.csv"}}},
    {"encoding": {"data": {"values": [{"expr": "1"}]}}},
    {"data": {"values": [{"url": "see https:evil.test/x.png"}]}},
    {"data": {"values": [{"href": ["x javascript:f()"]}]}},
    {"data": {"values": [{"a": "image"}]}, "title": "//evil.test"},
    {"mark": "image", "encoding": {"url": {"field": "a"}}},
    {"mark": {"type": "bar", "href": "x"}},
    {"encoding": {"tooltip": [{"field": "b", "title": "image"}]}},
    {"encoding": {"tooltip": [{"field": "a['im\\age']"}]}},
    {"transform": [{"calculate": "'im' + 'age'", "as": "x"}]},
    {"encoding": {"color": {"condition": {"test": "true", "value": "red"}}}},
    {"params": [{"name": "p", "expr": "1"}]},
    {"params": [{"name": "p", "bind": {"input": "range"}}]},
    {"config": {"signals": [{"name": "p", "update": "1"}]}},
    {"usermeta": {"embedOptions": {"patch": "x.json"}}},
    {"encoding": {"x": {"field": "a", "axis": {"labelExpr": "datum.value"}}}},
]
