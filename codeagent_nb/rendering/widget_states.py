"""Makes the states of widgets fit for a saved notebook: none of them runs, loads or covers anything. Pure.

Whoever opens a trusted notebook has its widgets made of their states. A widget may bring its own program (`_esm`),
write its text into the page as HTML, or copy what one widget says into another: only known ones pass, with known parts.
"""

import base64
import binascii
import re
from collections.abc import Container, Iterator, Mapping
from typing import Any

from codeagent_nb.rendering.cell_outputs import harmless_output
from codeagent_nb.rendering.cleaning.html_outputs import BEGIN, END, STYLE_VALUE, clean_html
from codeagent_nb.rendering.cleaning.mathematics import refused_in_mathematics
from codeagent_nb.rendering.nbformat_outputs import strict
from kernel_executor.outputs.html_text import html_text
from kernel_executor.outputs.widget_text import references
from kernel_executor.text import encodable

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"

MODULES = frozenset({"@jupyter-widgets/base", "@jupyter-widgets/controls", "@jupyter-widgets/output"})
KNOWN = re.compile(
    r"(?:[HV]?Box|GridBox|Accordion|Tab|Stack|Output|HTML|HTMLMath|Label|Image|Valid|Checkbox|Button|ToggleButtons?"
    r"|Text|Textarea|Combobox|Dropdown|Select|SelectMultiple|RadioButtons|ColorPicker|DatePicker|TimePicker|Play"
    r"|Selection(?:Range)?Slider|(?:Bounded)?(?:Int|Float)Text|(?:Int|Float)(?:Range)?Slider|FloatLogSlider"
    r"|(?:Int|Float)Progress|Layout|\w{0,30}Style)Model"
)
"""Not links, which copy what one widget says into another; nor sound, films, and what is of other packages."""

OF_STYLE = re.compile(r"(?:Layout|\w+Style)Model")
VERSION = re.compile(r"[\w.^~*-]{1,20}")
KEY = re.compile(r"\w{1,60}")
ICON = re.compile(r"[\w -]{0,60}")
MARKED_UP = ("description", "description_tooltip", "tooltip", "placeholder")
"""Written into the page as HTML by some versions of ipywidgets."""

WHOLLY_TEXT = frozenset({"icon", *MARKED_UP})
"""A list there becomes a text, too, when a page makes it one: what is in it would be HTML."""

OF_TEXT = frozenset({"HTMLModel", "HTMLMathModel", "LabelModel"})
MAY_BEGIN_A_TAG = re.compile(r"<(?![\s\d=])")
IN_QUOTES = re.compile(r"[^<>\"]*")
"""ipywidgets 7 writes an option of a Combobox between quotes into HTML."""

IN_A_SCRIPT = re.compile(r"<(?:/?script|!--)", re.IGNORECASE)
"""Ends the element in which nbconvert writes the states into a page."""

FIXED = {"_dom_classes": [], "msg_id": "", "description_allow_html": False, "tooltip_allow_html": False}
"""What lays a widget over the page, listens to a kernel, or lets text be HTML."""

PICTURES = {"png": b"\x89PNG", "jpeg": b"\xff\xd8\xff", "jpg": b"\xff\xd8\xff", "gif": b"GIF8", "webp": b"RIFF"}


def harmless_state(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the entry of a model as a notebook may hold it; None if it is of a kind that could do something."""
    state = entry.get("state")
    if not isinstance(state, dict) or not _is_known(state):
        return None
    name, buffers = state["_model_name"], entry.get("buffers", [])
    if buffers and not (name == "ImageModel" and _is_picture(state, buffers)):
        return None
    kept = {key: _part(name, key, value) for key, value in state.items() if KEY.fullmatch(str(key))}
    kept |= {key: fixed for key, fixed in FIXED.items() if key in kept}
    if any(IN_A_SCRIPT.search(text) for text in _texts(kept)):
        return None
    names = {key: kept[f"_{key}"] for key in ("model_name", "model_module", "model_module_version")}
    return {**names, "state": kept, **({"buffers": buffers} if buffers else {})}


def whole(states: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the entries whose models name no model that is missing: such a one cannot be made."""
    named_by: dict[str, list[str]] = {}
    for key, entry in states.items():
        for named in references(entry["state"]):
            named_by.setdefault(named, []).append(key)
    missing = [named for named in named_by if named not in states]
    left_out: set[str] = set()
    while missing:  # each is looked at once: of a chain of boxes, the last one takes all others with it
        for key in named_by.get(missing.pop(), ()):
            if key not in left_out:
                left_out.add(key)
                missing.append(key)
    return {key: entry for key, entry in states.items() if key not in left_out}


def reached(models: Container[str], states: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the entries of some models and of all that these name."""
    wanted = [key for key in states if key in models]
    found: dict[str, Mapping[str, Any]] = {}
    while wanted:
        key = wanted.pop()
        if key not in found and key in states:
            found[key] = states[key]
            wanted += references(states[key]["state"])
    return found


def _is_known(state: Mapping[str, Any]) -> bool:
    name, view = state.get("_model_name"), state.get("_view_name")
    if not isinstance(name, str) or not KNOWN.fullmatch(name):
        return False
    modules = [state.get("_model_module"), state.get("_view_module") or state.get("_model_module")]
    versions = [state.get("_model_module_version"), state.get("_view_module_version") or "1.0"]
    # A label that is shown by the view of HTML would be HTML.
    kind = name.removesuffix("Model").removeprefix("Bounded")
    views = (None, f"{kind}View", "ProgressView" if kind.endswith("Progress") else "StyleView")
    is_ours = all(isinstance(module, str) and module in MODULES for module in modules)
    return is_ours and view in views and all(isinstance(one, str) and VERSION.fullmatch(one) for one in versions)


def _part(name: str, key: str, value: Any) -> Any:
    """Return a part of a state as it may be saved."""
    if key == "outputs":
        return (
            [harmless_output(output) for output in value if isinstance(output, dict)] if isinstance(value, list) else []
        )
    value = encodable(strict(value))
    if key == "options" and name == "ComboboxModel":
        options = value if isinstance(value, list) else []
        return [one for one in options if isinstance(one, str) and IN_QUOTES.fullmatch(one)]
    is_style = OF_STYLE.fullmatch(name) is not None and not key.startswith("_")
    if isinstance(value, list | dict):
        return _container(name, key, value, is_style)
    if not isinstance(value, str):
        return value
    if is_style:
        return value if STYLE_VALUE.fullmatch(value) else None
    if refused_in_mathematics(value) or (key == "icon" and not ICON.fullmatch(value)):
        return ""
    if key == "value" and name in {"HTMLModel", "HTMLMathModel"}:
        return clean_html(value).removeprefix(BEGIN).removesuffix(END)
    return _without_tags(value) if key in MARKED_UP and "<" in value else value


def _container(name: str, key: str, value: list[Any] | dict[str, Any], is_style: bool) -> Any:
    """Return a list or dict of a state, where a page does not make a text of it."""
    if is_style:
        return None
    if key in WHOLLY_TEXT or (key == "value" and name in OF_TEXT):
        return ""
    return value


def _without_tags(value: str) -> str:
    """Return the text of HTML, of which none is made again: `&lt;b&gt;` is read as `<b>`."""
    text = html_text(value)
    return "" if refused_in_mathematics(text) else MAY_BEGIN_A_TAG.sub("&lt;", text)


def _is_picture(state: Mapping[str, Any], buffers: Any) -> bool:
    """Whether bytes are a picture of the format that they are said to be; one of format `url` is loaded."""
    begins = PICTURES.get(str(state.get("format")).lower())
    if not begins or not isinstance(buffers, list) or len(buffers) != 1:
        return False
    [buffer] = buffers
    if not isinstance(buffer, dict) or buffer.get("path") != ["value"] or buffer.get("encoding") != "base64":
        return False
    try:
        return base64.b64decode(str(buffer.get("data")), validate=True).startswith(begins)
    except (binascii.Error, ValueError):
        return False


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, part in value.items():
                yield str(key)
                yield from _texts(part)
        case list():
            for part in value:
                yield from _texts(part)
