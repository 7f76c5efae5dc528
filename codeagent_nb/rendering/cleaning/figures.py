"""Lets those interactive figures pass that load nothing and compute nothing: Plotly, Vega-Lite. Pure.

An address that is looked up tells somebody what is in it, and so does a map: its tiles say which place was looked at.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from codeagent_nb.rendering.cleaning.addresses import holds_address, is_address
from codeagent_nb.rendering.cleaning.mathematics import refused_in_mathematics
from kernel_executor.text import encodable

PLOTLY_MAP = re.compile(r"(?:scatter|choropleth|density)(?:geo|mapbox|map)|choropleth", re.IGNORECASE)
"""Kinds of traces that load outlines or tiles, without an address in the figure."""

VEGA_LITE = re.compile(r"application/vnd\.vegalite\.v([456])(?:\.[0-9.]+)?[+.]json")
"""Altair 6 writes `v6.json`, earlier versions `v5+json`."""
CHART_BEGINS = re.compile(r"\}\)\((?=\{)")
CHART_ENDS = re.compile(r"\s*,\s*\{\s*\"mode\":\s*\"vega-lite\"")
"""Around what Altair's page gives to the function that embeds it: that is how it shows charts in all front ends."""

VEGA_REFUSED = frozenset(
    {
        *("url", "href", "transform", "expr", "signal", "test", "filter", "calculate", "labelExpr", "usermeta"),
        *("loader", "projection", "patch", "events", "on", "element", "input", "signals", "update", "init", "clear"),
        *("translate", "zoom"),
    }
)
"""Keys of a chart that load, or hold expressions: an expression may build what a text must not be."""
VEGA_PARTS = frozenset({"layer", "hconcat", "vconcat", "concat", "spec"})
"""Keys under which a chart has charts."""
VEGA_VIEWS = VEGA_PARTS | {"facet", "repeat"}
VEGA_BINDS = ("scales", "legend")
NUMBERS_KEYS = frozenset({"dtype", "bdata", "shape"})
BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
NO_LETTER = re.compile(r"[^a-z]")
FIELD_END = re.compile(r"[.\[\]]")


def harmless_plotly(figure: Any) -> Any:
    """Return a figure of Plotly without its configuration; None if it might load something."""
    if not isinstance(figure, dict):
        return None
    shown = {part: figure[part] for part in ("data", "layout", "frames") if part in figure}
    if isinstance(shown.get("layout"), dict):
        shown["layout"] = _without_map_templates(shown["layout"])
    texts = [*_texts(shown)]
    refused = any(is_address(text) or PLOTLY_MAP.fullmatch(text) or refused_in_mathematics(text) for text in texts)
    return None if refused or any(map(_is_picture_elsewhere, _items(shown))) else encodable(shown)


def _without_map_templates(layout: dict[str, Any]) -> dict[str, Any]:
    """Every template has defaults for maps, which say nothing where there is no map."""
    template = layout.get("template")
    if not isinstance(template, dict) or not isinstance(template.get("data"), dict):
        return layout
    traces = {kind: styles for kind, styles in template["data"].items() if not PLOTLY_MAP.fullmatch(str(kind))}
    return {**layout, "template": {**template, "data": traces}}


def _is_picture_elsewhere(item: tuple[str, Any]) -> bool:
    key, value = item
    is_source = key.rpartition(".")[2] == "source" and isinstance(value, str)
    return is_source and not value.startswith("data:image/")


def harmless_vega_lite(chart: Any) -> Any:
    """Return a chart of Vega-Lite whose data stand in it; None if it might load or compute something.

    Its tooltips load the address in a field called `image`, whatever made the field; seen in JupyterLab 4.6.
    """
    if not isinstance(chart, dict) or ("mark" not in chart and not chart.keys() & VEGA_VIEWS):
        return None
    shown = {key: value for key, value in chart.items() if key != "$schema"}
    view, rows = _without_rows(shown)
    if isinstance(datasets := view.get("datasets"), dict):
        view, rows = {**view, "datasets": [*datasets]}, [*rows, *datasets.values()]
    if any(is_address(text) or _names_an_image(text) for text in _texts(view)) or any(map(_computes, _items(view))):
        return None
    return None if any(map(_is_refused_data, rows)) else encodable(shown)


def embedded_chart(page: str) -> Any:
    """Return the chart of Vega-Lite that a page of Altair draws by a script; None if there is none."""
    found = CHART_BEGINS.search(page)
    if not found:
        return None
    try:
        chart, end = json.JSONDecoder().raw_decode(page, found.end())
    except (ValueError, RecursionError):
        return None
    return chart if CHART_ENDS.match(page, end) else None


def _without_rows(view: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """Return a chart without the rows of its data, and these: a column may be called as a key that computes."""
    shown, rows = dict(view), []
    if isinstance(data := view.get("data"), dict) and "values" in data:
        shown["data"] = {key: value for key, value in data.items() if key != "values"}
        rows.append(data["values"])
    for key in VEGA_PARTS & view.keys():
        given = view[key] if isinstance(view[key], list) else [view[key]]
        parted = [_without_rows(part) if isinstance(part, dict) else (part, []) for part in given]
        shown[key] = [part for part, _ in parted]
        rows += [values for _, found in parted for values in found]
    return shown, rows


def _is_refused_data(rows: Any) -> bool:
    """Whether data may load something; a text is refused unread, for its columns have their names in it."""
    if isinstance(rows, str) or any(map(is_address, _texts(rows))):
        return True
    for key, value in _items(rows):
        if _names_an_image(key) or (key in ("href", "url") and any(map(holds_address, _texts(value)))):
            return True
    return False


def _names_an_image(text: str) -> bool:
    return any(NO_LETTER.sub("", part) == "image" for part in FIELD_END.split(text.lower()))


def _computes(item: tuple[str, Any]) -> bool:
    key, value = item
    return key in VEGA_REFUSED or (key == "bind" and value not in VEGA_BINDS)


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    match value:
        case dict():
            for key, item in value.items():
                yield str(key), item
                yield from _items(item)
        case list():
            for item in value:
                yield from _items(item)


def _has_numbers(value: dict[Any, Any]) -> bool:
    """Whether Plotly reads this as an array: base64 may begin with a slash, or have two of them in a row."""
    numbers = value.get("bdata")
    return value.keys() <= NUMBERS_KEYS and isinstance(numbers, str) and bool(BASE64.fullmatch(numbers))


def _texts(value: Any) -> Iterator[str]:
    """Yield the keys and texts in JSON, but not numbers in base64."""
    match value:
        case str():
            yield value
        case dict():
            has_numbers = _has_numbers(value)
            for key, item in value.items():
                yield str(key)
                yield from () if has_numbers and key == "bdata" else _texts(item)
        case list():
            for item in value:
                yield from _texts(item)
