"""Makes the outputs of executed code fit to be shown where outputs are trusted. Pure; knows nbformat's shapes.

The managed kernel is sandboxed, the user's browser is not: a script in an output would run there with all the rights
of the user's Jupyter. So HTML is cleaned, SVG becomes a picture, and what is a program is left out.
"""

import base64
import html
import re
from collections.abc import Iterator
from typing import Any

from codeagent_nb.rendering.guarded import guarded
from codeagent_nb.rendering.html import markdown_html
from codeagent_nb.valid_outputs import valid_output
from kernel_executor import Output
from kernel_executor.in_kernel.guard import encodable, shorten

TEXT_SHOWN = 20_000  # characters of one output under a cell; the saved session has more

PASSED = frozenset(
    {
        *("text/plain", "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "application/json"),
        *("application/vnd.dataresource+json", "application/vnd.plotly.v1+json"),
    }
)
"""What front ends show without obeying it. Not GeoJSON, whose popups are HTML that is obeyed. Not Vega: its tooltips
load the address in a field called `image`; seen in JupyterLab 4.6. So rows of data could be sent away."""

HTML_STYLES = frozenset(
    {
        *("color", "background", "background-color", "font-weight", "font-style", "font-size", "text-align"),
        *("text-decoration", "width", "height", "max-width", "padding", "border", "border-collapse", "vertical-align"),
        *("white-space",),
    }
)
"""Nothing that lays one thing over another: an output must not pass for a part of Jupyter."""

STYLE_VALUE = re.compile(r"(?!.*(?:url|expression))[-\w .,%#()!]+", re.IGNORECASE)
"""Without quotes, escapes, comments and addresses: what is left reads the same to every browser."""

CLASSES = frozenset({"dataframe", "mathjax_ignore", "tex2jax_ignore"})
"""Any other could be Jupyter's own: `jp-Dialog` covers the whole page."""

TAG = re.compile(r"<[^<>]*>")
NO_CELL = re.compile(r"<(?!/?t[rdh])")
TAGS_LIMIT = 5_000
CELLS_LIMIT = 100_000
"""Of HTML that is shown: cleaning 50,000 nested `div`s took 11 s, and whoever cleans is the user's kernel."""

HTML_LIMIT = 2_000_000  # characters
STYLE_SHEETS_LIMIT = 200_000  # characters; the colours of 2,500 cells, each another one

FORMATTING = re.compile(r"<(b|big|code|em|font|i|s|small|strike|strong|tt|u)([\s/>])", re.IGNORECASE)
REOPENED_LIMIT = 500_000
"""Every tag may open all of these again that were never closed, as browsers do: 20 kB became 14 MB, 450 kB 5.5 s."""

SPACE = r"[ \t\n\f\r]"
MANY_ATTRIBUTES = re.compile(
    rf"""<[a-z][^ \t\n\f\r/>]*+
    (?:(?:{SPACE}|/)*+ [^ \t\n\f\r/>][^ \t\n\f\r/>=]*+
    (?:{SPACE}*+={SPACE}*+ (?:"[^"]*+"|'[^']*+'|[^ \t\n\f\r>"'][^ \t\n\f\r>]*+)?+)?+){{101}}""",
    re.IGNORECASE | re.VERBOSE,
)
"""Each attribute is compared with all before it: 20,000 of one tag took 0.12 s, 300,000 would take half a minute."""

LATEX_COMMANDS_REFUSED = (
    *("\\href", "\\url", "\\require", "\\class", "\\cssId", "\\style", "\\includegraphics", "\\mmlToken"),
    *("\\csname", "\\data", "\\bbox"),
)
ADDRESS = re.compile(r"\.{0,2}/|(?:https?|ftp|wss?|file|blob|filesystem|data(?!:image/)):", re.IGNORECASE)
NO_PART_OF_AN_ADDRESS = re.compile(r"[\x00-\x20]")
"""Browsers leave these out of an address, or of its beginning."""


def harmless_bundle(output: Output) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return data and metadata of a display that shows this output; an error gives nothing, it is told otherwise.

    Never raises: an output is whatever executed code has made it.
    """
    return guarded(lambda: _bundle(output))


def _bundle(output: Output) -> tuple[dict[str, Any], dict[str, Any]]:
    output = valid_output(output)
    match output["output_type"]:
        case "stream":
            return {"text/plain": shorten(output["text"], TEXT_SHOWN)}, {}
        case "error":
            return {}, {}
    data = {mime: shown for mime, content in output["data"].items() if (shown := _shown(mime, content)) is not None}
    as_html = [render(_text(output["data"][mime])) for mime, render in AS_HTML.items() if mime in output["data"]]
    if as_html and "text/html" not in data and "image/png" not in data:
        data["text/html"] = as_html[0]
    sizes = {mime: _size(output["metadata"].get(mime)) for mime in data if mime.startswith("image/")}
    return data, {mime: size for mime, size in sizes.items() if size}


def _shown(mime: str, content: Any) -> Any:
    match mime:
        case "text/plain":
            return shorten(_text(content), TEXT_SHOWN)
        case "text/html":
            return clean_html(_text(content)) or None  # else the other representations would not be seen
        case "text/latex":
            text = _text(content)
            return None if any(command in text for command in LATEX_COMMANDS_REFUSED) else text
        case "application/vnd.plotly.v1+json":
            return _plotly(content)
        case _ if mime in PASSED:
            return encodable(content)
    return None


def _text(content: Any) -> str:
    return str(encodable("".join(content) if isinstance(content, list) else str(content)))


def _size(metadata: Any) -> dict[str, Any]:
    """Return how large a picture is to be shown."""
    given = metadata if isinstance(metadata, dict) else {}
    known = {side: given[side] for side in ("width", "height") if type(given.get(side)) in {int, float}}
    return {side: size for side, size in known.items() if 0 < size <= 10_000}


def _plotly(figure: Any) -> Any:
    """Return a figure that loads nothing: an address that is looked up tells somebody what is in it."""
    if not isinstance(figure, dict):
        return None
    shown = {part: figure[part] for part in ("data", "layout", "frames") if part in figure}
    return None if any(map(_is_address, _texts(shown))) else encodable(shown)


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, item in value.items():
                yield from _texts([key, item])
        case list():
            for item in value:
                yield from _texts(item)


def _is_address(text: str) -> bool:
    flat = NO_PART_OF_AN_ADDRESS.sub("", text).replace("\\", "/")
    return bool(ADDRESS.match(flat)) or ("//" in flat and not flat.lower().startswith("data:image/"))


def _svg_picture(svg: str) -> str:
    """An SVG in the page may hold scripts; in an `img` it is a picture."""
    return f'<img alt="" src="data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}">'


def _markdown(text: str) -> str:
    return markdown_html(shorten(text, TEXT_SHOWN))


AS_HTML = {"text/markdown": _markdown, "image/svg+xml": _svg_picture}
"""What is shown as HTML instead: Markdown that is trusted may hold HTML that is obeyed."""


def clean_html(text: str) -> str:
    """Return HTML without anything that runs, loads or covers: tables, text and embedded pictures stay."""
    if _is_much(text):
        return ""
    import nh3

    cleaned = nh3.clean(
        _with_styles_in_place(text),
        attributes={
            **{tag: names - {"cite"} for tag, names in nh3.ALLOWED_ATTRIBUTES.items()},
            "*": {"style", "class", "title"},
            "img": {"src", "alt", "width", "height"},
        },
        attribute_filter=_filter,
        url_schemes={"http", "https", "mailto", "data"},
    )
    if len(cleaned) > 2 * HTML_LIMIT:
        return ""
    # Front ends typeset what stands between dollars, and TeX has commands of its own.
    is_seen = "<img" in cleaned or TAG.sub("", cleaned).strip()
    return f'<div class="mathjax_ignore tex2jax_ignore">{cleaned}</div>' if is_seen else ""


def _is_much(text: str) -> bool:
    """Whether HTML would take long to clean, or become much more than it is."""
    tags = text.count("<")
    if len(text) > HTML_LIMIT or max(tags, text.count("&")) > CELLS_LIMIT:  # 2,000,000 of `&` took 30 s
        return True
    if len(NO_CELL.findall(text)) > TAGS_LIMIT or _reopened(text) * tags > REOPENED_LIMIT:
        return True
    return bool(MANY_ATTRIBUTES.search(text))


def _reopened(text: str) -> int:
    """Return how many tags may be open without being closed: of those that are alike browsers remember three."""
    found: list[tuple[str, str]] = FORMATTING.findall(text)
    plain = {name.lower() for name, end in found if end == ">"}
    return 3 * len(plain) + sum(end != ">" for _, end in found)


STYLE_SHEET = re.compile(r"<style[^<>]*>([^<]*)</style>", re.IGNORECASE)
STYLED = re.compile(r'\sid="(T_\w+)"')
"""As pandas' Styler names the cells of its tables."""


def _with_styles_in_place(text: str) -> str:
    """Move the colours of a pandas Styler from its style sheet, which is left out, to its cells."""
    styles = _styles_by_id(text)
    # One long rule for an id that stands there a thousand times: 76 kB became 160 MB. Half the colours would mislead.
    if not styles or sum(len(styles.get(name, "")) for name in STYLED.findall(text)) > HTML_LIMIT:
        return text

    def place(tag: re.Match[str]) -> str:
        return STYLED.sub(lambda found: f' style="{styles.get(found[1], "")}"', tag[0])

    return TAG.sub(place, text)


def _styles_by_id(text: str) -> dict[str, str]:
    """Return what the style sheets say of each id; nothing if that is too much."""
    sheets = STYLE_SHEET.findall(text)
    if sum(map(len, sheets)) > STYLE_SHEETS_LIMIT:
        return {}
    styles: dict[str, str] = {}
    room = HTML_LIMIT
    for sheet in sheets:
        for rule in sheet.split("}"):  # a pattern for whole rules was quadratic: 6.9 s for 40,000 letters without one
            head, _, declarations = rule.rpartition("{")
            style = html.escape(" ".join(declarations.split()))
            for selector in head.rpartition("{")[2].split(","):
                name = selector.strip().removeprefix("#")
                room -= len(style)  # of an id named a thousand times in one rule, too
                if room < 0:
                    return {}
                styles[name] = styles.get(name, "") + style
    return styles


def _filter(_: str, attribute: str, value: str) -> str | None:
    match attribute:
        case "style":
            return "; ".join(_styles(value)) or None
        case "class":
            return " ".join(name for name in value.split() if name in CLASSES) or None
    is_data = NO_PART_OF_AN_ADDRESS.sub("", value).lower().startswith("data:")
    if attribute == "src":
        return value if value.strip().lower().startswith("data:image/") else None
    return None if is_data else value


def _styles(declarations: str) -> Iterator[str]:
    for declaration in declarations.split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name.lower() in HTML_STYLES and STYLE_VALUE.fullmatch(value):
            yield f"{name}: {value}"
