"""Makes the outputs of executed code fit to be shown where outputs are trusted. Pure; knows nbformat's shapes.

The managed kernel is sandboxed, the user's browser is not: a script in an output would run there with all the rights
of the user's Jupyter. So HTML is cleaned, SVG becomes a picture, and what is a program is left out. What was taken out
is said. Everything that shows an output, and everything that saves one, comes here.
"""

import base64
import json
import re
from collections import Counter
from collections.abc import Container, Mapping
from typing import Any

from codeagent_nb.rendering.cleaning.figures import (
    VEGA_LITE,
    embedded_chart,
    harmless_plotly,
    harmless_vega_lite,
)
from codeagent_nb.rendering.cleaning.html_outputs import BEGIN, END, HTML_LIMIT, clean_html, is_much, with_line
from codeagent_nb.rendering.cleaning.mathematics import refused_in_mathematics
from codeagent_nb.rendering.cleaning.removed import removed_from_html, removed_line
from codeagent_nb.rendering.fallback import guarded
from codeagent_nb.rendering.html import markdown_html
from codeagent_nb.rendering.nbformat_outputs import strict, valid_output
from kernel_executor import Output
from kernel_executor.outputs.html_text import html_text
from kernel_executor.outputs.widget_text import view_of
from kernel_executor.outputs.words import VIEW, is_name, is_placeholder
from kernel_executor.text import encodable, shorten

TEXT_SHOWN = 20_000  # characters of one output under a cell; the saved session has more

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
"""nbconvert writes a picture into HTML as it stands."""

PASSED = frozenset({"application/json", "application/vnd.dataresource+json"})
"""What front ends show without obeying it. Not GeoJSON, whose popups are HTML that is obeyed. Not Vega, which computes
what it loads; of Vega-Lite only what computes nothing."""

PLOTLY = "application/vnd.plotly.v1+json"
CHART = "application/vnd.vegalite.v5+json"
"""The newest type of Vega-Lite that JupyterLab draws (4.6), so every chart gets it, also one of version 6."""
FIGURES = {
    PLOTLY: "An interactive figure; JupyterLab shows it, with the extension for it.",
    CHART: "An interactive chart; JupyterLab shows it.",
}
"""Stands in the place of what draws a figure by scripts, where nothing else is shown of it."""
SAVE_IT = "Have the code save it as a file such as chart.html, and open that in a browser."
LEFT_OUT = f"An interactive chart is left out here, because scripts draw it. {SAVE_IT}"
DRAWN = re.compile(r"application/vnd\.bokehjs_exec\.v\d+\+json")
SCRIPT = re.compile(r"<script\b|<iframe\b[^<>]{0,500}?\ssrcdoc\s*=", re.IGNORECASE)
PLACE = re.compile(r"<(?:div|canvas|span|table|svg|iframe)\b[^<>]{0,500}?\s(?:id|srcdoc)\s*=", re.IGNORECASE)
"""Where a script draws something; one that has no place does something else."""

NAMES: Mapping[str, str] = {
    "application/javascript": "a script",
    "text/javascript": "a script",
    "text/html": "its HTML, which is too large to be checked",
    "text/latex": "a formula that leads elsewhere",
    "application/vnd.jupyter.widget-view+json": "a widget",
    "application/geo+json": "a map",
    "application/pdf": "a PDF document",
    PLOTLY: "an interactive figure that loads from elsewhere",
    **dict.fromkeys(PICTURES, "a picture that is none"),
}
VEGA = re.compile(r"application/vnd\.vega(?:lite)?\.")
RENDERER_NOTE = re.compile(r"(?<=^<Vega)(Lite)?( \d+ object>)\s+If you see this message, .*", re.DOTALL)
"""Altair's advice to enable a renderer, which is no help where a chart was left out."""
NAMEABLE = re.compile(r"[\w.+/-]{1,80}")


def harmless_bundle(output: Output) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return data and metadata of a display that shows this output; an error gives nothing, it is told otherwise.

    Long text is cut. Never raises: an output is whatever executed code has made it.
    """
    return guarded(lambda: _bundle(shortened(valid_output(output))))


def whole_bundle(output: Output, models: Container[str] = ()) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the same of a valid output, with all of its text.

    Args:
        output: What was shown.
        models: Widgets whose states are known and harmless where it is shown; no other is.
    """
    return guarded(lambda: _bundle(output, models))


def shortened(output: Output, limit: int = TEXT_SHOWN) -> Output:
    """Return a valid output with its text cut to a limit."""
    match output["output_type"]:
        case "stream":
            return {**output, "text": shorten(output["text"], limit)}
        case "error":
            return output
    texts = {mime: shorten(_text(text), limit) for mime, text in output["data"].items() if mime in SHORTENED}
    return {**output, "data": {**output["data"], **texts}}


SHORTENED = frozenset({"text/plain", "text/markdown"})


def _bundle(output: Output, models: Container[str] = ()) -> tuple[dict[str, Any], dict[str, Any]]:
    match output["output_type"]:
        case "stream":
            return {"text/plain": output["text"]}, {}
        case "error":
            return {}, {}
    given = output["data"]
    data = {_type(mime): shown for mime, content in given.items() if (shown := _shown(mime, content)) is not None}
    if (model_id := view_of(given)) and model_id in models:
        data[VIEW] = {"model_id": model_id, "version_major": 2, "version_minor": 0}
    as_html = [render(_text(given[mime])) for mime, render in AS_HTML.items() if mime in given]
    if as_html and "text/html" not in data and not data.keys() & PICTURES:
        data["text/html"] = as_html[0]
    if chart := _embedded_chart(given):
        data = {mime: content for mime, content in data.items() if mime != "text/html"} | {CHART: chart}
    if (figure := next(filter(_is_figure, data), "")) and is_name(data.get("text/plain", "<>")):
        data["text/plain"] = FIGURES[figure]
    sizes = {mime: _size(output["metadata"].get(mime)) for mime in data if mime in PICTURES}
    data = _with_line(data, sizes, _lines(given, data))
    return data, {mime: size for mime, size in sizes.items() if size and mime in data}


def _embedded_chart(given: Mapping[str, Any]) -> Any:
    page = _text(given.get("text/html", ""))
    is_read = page and not any(_is_figure(_type(mime)) for mime in given) and len(page) <= HTML_LIMIT
    return harmless_vega_lite(embedded_chart(page)) if is_read else None


def _lines(given: Mapping[str, Any], shown: Mapping[str, Any]) -> str:
    """Return in one line what of an output is not shown."""
    removed = removed_line(_removed(given, shown))
    if _is_undrawn(given, shown):
        return f"{LEFT_OUT} {removed}" if removed else LEFT_OUT
    is_gone = any(map(VEGA.match, given)) and not any(map(_is_figure, shown)) and not shown.keys() & PICTURES
    return f"{removed} {SAVE_IT}" if is_gone else removed


def _is_undrawn(given: Mapping[str, Any], shown: Mapping[str, Any]) -> bool:
    """Whether scripts would draw what an output shows, and nothing of it is seen without."""
    if any(mime in PICTURES or mime == VIEW or _is_figure(mime) for mime in shown) or "text/html" in shown:
        return False
    page = _text(given.get("text/html", ""))
    return any(map(DRAWN.fullmatch, given)) or bool(SCRIPT.search(page) and PLACE.search(page))


def _shown(mime: str, content: Any) -> Any:
    match mime:
        case "text/plain":
            return RENDERER_NOTE.sub(r"\1\2", _text(content))
        case "text/html":
            cleaned = clean_html(_text(content))
            # What is not seen, or stands for what scripts would draw, would hide the other representations.
            return cleaned if "<img" in cleaned or not is_placeholder(html_text(cleaned)) else None
        case "text/latex":
            text = _text(content)
            return None if refused_in_mathematics(text) else text
        case "application/vnd.plotly.v1+json":
            return harmless_plotly(content)
        case _ if mime in PICTURES:
            text = _text(content)
            return text if BASE64.fullmatch(text) else None
        case _ if VEGA_LITE.fullmatch(mime):
            return harmless_vega_lite(_chart(content))
        case _ if mime in PASSED:
            return encodable(content)
    return None


def _chart(content: Any) -> Any:
    """Return a chart, also one in text: Altair 6 names the type `v6.json`, and only `+json` may be more than text."""
    try:
        return strict(json.loads(content)) if isinstance(content, str) else content
    except (ValueError, RecursionError):
        return None


def _text(content: Any) -> str:
    return str(encodable("".join(content) if isinstance(content, list) else str(content)))


def _size(metadata: Any) -> dict[str, Any]:
    """Return how large a picture is to be shown."""
    given = metadata if isinstance(metadata, dict) else {}
    known = {side: given[side] for side in ("width", "height") if type(given.get(side)) in {int, float}}
    return {side: size for side, size in known.items() if 0 < size <= 10_000}


def _removed(given: Mapping[str, Any], shown: Mapping[str, Any]) -> Counter[str]:
    """Return what of an output is not shown, by kind."""
    html = _text(given.get("text/html", ""))
    is_drawn = any(map(_is_figure, shown))
    gone = {mime for mime in given if _type(mime) not in shown and mime not in AS_HTML and given[mime]}
    if html and not is_much(html):
        gone -= {"text/html"}
    # What draws a figure that is shown is not missed.
    missed = Counter() if is_drawn or is_much(html) else removed_from_html(html)
    return missed + Counter(_name(mime) for mime in sorted(gone) if not (is_drawn and mime == "text/html"))


def _is_figure(mime: str) -> bool:
    return mime in FIGURES


def _type(mime: str) -> str:
    """Return the type under which a front end shows what has another one."""
    return CHART if VEGA_LITE.fullmatch(mime) else mime


def _name(mime: str) -> str:
    if VEGA.match(mime):
        return "an interactive figure that loads or computes"
    return NAMES.get(mime, f"content of type {mime}" if NAMEABLE.fullmatch(mime) else "content of an unknown type")


def _with_line(data: dict[str, Any], sizes: Mapping[str, Mapping[str, Any]], line: str) -> dict[str, Any]:
    """Return a bundle with a line on what was taken out, where it is seen: in HTML if any is shown, or by a picture."""
    if not line:
        return data
    picture = next((mime for mime in data if mime in PICTURES), None)
    if "text/html" in data:
        return {**data, "text/html": with_line(data["text/html"], line)}
    if picture:
        size = "".join(f' {side}="{number}"' for side, number in sizes[picture].items())
        source = f"data:{picture};base64,{''.join(data[picture].split())}"
        others = {mime: content for mime, content in data.items() if mime not in PICTURES}
        return {**others, "text/html": with_line(f'{BEGIN}<img alt="" src="{source}"{size}>{END}', line)}
    text = data.get("text/plain", "")
    return {**data, "text/plain": f"{text}{chr(10) if text else ''}[{line}]"}


def _svg_picture(svg: str) -> str:
    """An SVG in the page may hold scripts; in an `img` it is a picture."""
    return f'<img alt="" src="data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}">'


AS_HTML = {"text/markdown": markdown_html, "image/svg+xml": _svg_picture}
"""What is shown as HTML instead: Markdown that is trusted may hold HTML that is obeyed."""
