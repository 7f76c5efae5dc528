"""Makes the outputs of executed code fit to be shown where outputs are trusted. Pure; knows nbformat's shapes.

The managed kernel is sandboxed, the user's browser is not: a script in an output would run there with all the rights
of the user's Jupyter. So HTML is cleaned, SVG becomes a picture, and what is a program is left out.
"""

import base64
from typing import Any

from codeagent_nb.rendering.html import markdown_html
from codeagent_nb.valid_outputs import valid_output
from kernel_executor import Output
from kernel_executor.in_kernel.guard import shorten

TEXT_SHOWN = 20_000  # characters of one output under a cell; the saved session has more

PASSED = frozenset(
    {
        *("text/plain", "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "application/json"),
        *("application/geo+json", "application/vnd.plotly.v1+json"),
    }
)
"""What front ends show without obeying it; `vnd.vega*` and `vnd.dataresource+json` too."""

PASSED_FAMILIES = ("application/vnd.vega", "application/vnd.dataresource")

HTML_STYLES = frozenset(
    {
        *("color", "background-color", "font-weight", "font-style", "font-size", "text-align", "text-decoration"),
        *("width", "height", "max-width", "padding", "margin", "border", "border-collapse", "vertical-align"),
        *("white-space",),
    }
)
LATEX_COMMANDS_REFUSED = ("\\href", "\\url", "\\require", "\\class", "\\cssId", "\\style", "\\includegraphics")


def harmless_bundle(output: Output) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return data and metadata of a display that shows this output; an error gives nothing, it is told otherwise."""
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
    sizes = {mime: size for mime, size in output["metadata"].items() if mime in data and mime.startswith("image/")}
    return data, sizes


def _shown(mime: str, content: Any) -> Any:
    match mime:
        case "text/plain":
            return shorten(_text(content), TEXT_SHOWN)
        case "text/html":
            return clean_html(_text(content))
        case "text/latex":
            text = _text(content)
            return None if any(command in text for command in LATEX_COMMANDS_REFUSED) else text
        case _ if mime in PASSED or mime.startswith(PASSED_FAMILIES):
            return content
    return None


def _text(content: Any) -> str:
    return "".join(content) if isinstance(content, list) else str(content)


def _svg_picture(svg: str) -> str:
    """An SVG in the page may hold scripts; in an `img` it is a picture."""
    return f'<img alt="" src="data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}">'


AS_HTML = {"text/markdown": markdown_html, "image/svg+xml": _svg_picture}
"""What is shown as HTML instead: Markdown that is trusted may hold HTML that is obeyed."""


def clean_html(text: str) -> str:
    """Return HTML without anything that runs, loads or covers: tables, text and embedded pictures stay."""
    import nh3

    return str(
        nh3.clean(
            text,
            attributes={
                **nh3.ALLOWED_ATTRIBUTES,
                "*": {"style", "class", "title"},
                "img": {"src", "alt", "width", "height"},
            },
            attribute_filter=_filter,
            url_schemes={"http", "https", "mailto", "data"},
            filter_style_properties=set(HTML_STYLES),
        )
    )


def _filter(_: str, attribute: str, value: str) -> str | None:
    is_data = value.strip().lower().startswith("data:")
    if attribute == "src":
        return value if value.strip().lower().startswith("data:image/") else None
    return None if is_data else value
