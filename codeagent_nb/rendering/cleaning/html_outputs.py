"""Cleans the HTML of outputs: nothing in it runs, loads or covers the page. Pure; knows no other kind of output."""

import html
import re
from collections.abc import Iterator

from codeagent_nb.rendering.cleaning.addresses import is_data
from codeagent_nb.rendering.cleaning.style_sheets import sheets_of, with_styles_in_place

STYLES = frozenset(
    {
        *("color", "background", "background-color", "font-weight", "font-style", "font-size", "font-family"),
        *("text-align", "text-decoration", "text-transform", "line-height", "white-space", "vertical-align"),
        *("width", "height", "max-width", "min-width", "padding", "border", "border-collapse", "border-radius"),
        *("border-spacing", "border-width", "border-style", "border-color", "caption-side", "table-layout"),
        *(f"padding-{side}" for side in ("top", "right", "bottom", "left")),
        *(f"border-{side}" for side in ("top", "right", "bottom", "left")),
        *(
            f"border-{side}-{part}"
            for side in ("top", "right", "bottom", "left")
            for part in ("width", "style", "color")
        ),
    }
)
"""Nothing that lays one thing over another: an output must not pass for a part of Jupyter."""

STYLE_VALUE = re.compile(r"(?!.*(?:url|expression))[-\w .,%#()!]+", re.IGNORECASE)
"""Without quotes, escapes, comments and addresses: what is left reads the same to every browser."""

STYLE_FUNCTION = re.compile(r"([\w-]*)\(")
STYLE_FUNCTIONS = frozenset(
    {
        *("rgb", "rgba", "hsl", "hsla", "hwb", "lab", "lch", "oklab", "oklch", "color-mix"),
        *("linear-gradient", "radial-gradient", "conic-gradient", "repeating-linear-gradient"),
        *("calc", "min", "max", "clamp"),
    }
)
"""Not `var` and `attr`, whose values stand elsewhere, nor what takes a picture."""

CLASSES = frozenset({"dataframe", "mathjax_ignore", "tex2jax_ignore"})
"""Any other could be Jupyter's own: `jp-Dialog` covers the whole page."""

TAG = re.compile(r"<[^<>]*>")
NO_CELL = re.compile(r"<(?!/?t[rdh])")
TAGS_LIMIT = 5_000
CELLS_LIMIT = 100_000
"""Of HTML that is shown: cleaning 50,000 nested `div`s took 11 s, and whoever cleans is the user's kernel."""

HTML_LIMIT = 2_000_000  # characters

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


# Front ends typeset what stands between dollars, and TeX has commands of its own.
BEGIN, END = '<div class="mathjax_ignore tex2jax_ignore">', "</div>"


def clean_html(text: str) -> str:
    """Return HTML without anything that runs, loads or covers: tables, text and embedded pictures stay.

    What is clean comes out as it was.
    """
    if is_much(text):
        return ""
    if text.startswith(BEGIN) and text.endswith(END):
        text = text[len(BEGIN) : -len(END)]
    cleaned = _cleaned(_with_styles(text))
    if len(cleaned) > 2 * HTML_LIMIT:
        return ""
    is_seen = "<img" in cleaned or TAG.sub("", cleaned).strip()
    return f"{BEGIN}{cleaned}{END}" if is_seen else ""


def with_line(cleaned: str, line: str) -> str:
    """Return cleaned HTML with a line of plain text under it."""
    return f"{cleaned.removesuffix(END)}<div><em>{html.escape(line)}</em></div>{END}"


def is_much(text: str) -> bool:
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


def _with_styles(text: str) -> str:
    """Return HTML with the styles of its style sheets in its elements; only `_cleaned` makes it harmless."""
    sheets = sheets_of(text)
    if not sheets:
        return text
    import nh3

    marked = nh3.clean(text, attributes=_attributes({"style", "class", "title", "id"}), url_schemes=SCHEMES)
    return with_styles_in_place(marked, sheets, allowed_styles)


def _cleaned(text: str) -> str:
    import nh3

    attributes = _attributes({"style", "class", "title"})
    cleaned = nh3.clean(text, attributes=attributes, attribute_filter=_filter, url_schemes=SCHEMES)
    return NO_PICTURE.sub("", cleaned)


NO_PICTURE = re.compile(r'<img(?![^<>]* src="[^"])[^<>]*>')
"""What is left of one that was elsewhere, as nh3 writes it; shown it would be a broken one."""
SCHEMES = {"http", "https", "mailto", "data"}


def _attributes(everywhere: set[str]) -> dict[str, set[str]]:
    import nh3

    return {
        **{tag: set(names) - {"cite"} for tag, names in nh3.ALLOWED_ATTRIBUTES.items()},
        "*": everywhere,
        "img": {"src", "alt", "width", "height"},
    }


def _filter(_: str, attribute: str, value: str) -> str | None:
    match attribute:
        case "style":
            return allowed_styles(value) or None
        case "class":
            return " ".join(name for name in value.split() if name in CLASSES) or None
    if attribute == "src":
        return value if value.strip().lower().startswith("data:image/") else None
    return None if is_data(value) else value


def allowed_styles(declarations: str) -> str:
    """Return those of some declarations that load nothing and lay nothing over the page."""
    return "; ".join(_allowed_styles(declarations))


def _allowed_styles(declarations: str) -> Iterator[str]:
    for declaration in declarations.split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name.lower() not in STYLES or not STYLE_VALUE.fullmatch(value):
            continue
        if all(function.lower() in STYLE_FUNCTIONS for function in STYLE_FUNCTION.findall(value) if function):
            yield f"{name}: {value}"
