"""The panel's traits, and its front end as one text. Knows neither the agent nor its events: others fill the traits."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import traitlets

STATIC = Path(__file__).parent / "static"
LIBRARIES = {
    "marked": ("marked.umd.js",),
    "DOMPurify": ("purify.min.js",),
    "hljs": (
        "highlight.core.min.js",
        *(f"highlight.{language}.min.js" for language in ("python", "bash", "json", "sql", "r")),
    ),
}
"""Names in the front end, and the vendored files each is made of."""
SCRIPTS = (
    "dom.js",
    "markdown.js",
    "entries.js",
    "transcript.js",
    "approval.js",
    "folder_card.js",
    "model_card.js",
    "server_card.js",
    "cards.js",
    "composer.js",
    "kernel.js",
    "widget.js",
)
"""Each may use what those before it define."""
STATES = ("idle", "unset", "setup", "thinking", "running", "waiting", "done", "failed")


def as_constant(name: str, sources: list[str]) -> str:
    """Wrap a library so that it is one constant and nothing of it leaks: no global, no AMD module.

    The first file is CommonJS or has a default export; the rest (grammars) find it by its name.
    """
    first, count = re.subn(r"export\s*\{\s*(\w+) as default\s*\};?\s*$", r"module.exports = \1;", sources[0].strip())
    if not count and "module.exports" not in first:
        raise ValueError(f"The library {name} exports nothing: its file must be a UMD or an ES build.")
    head = f"const {name} = (() => {{ const module = {{ exports: {{}} }}, exports = module.exports, define = undefined;"
    rest = [f"((hljs) => {{\n{source}\n}})(module.exports);" for source in sources[1:]]
    return "\n".join([head, f"(() => {{\n{first}\n}})();", *rest, "return module.exports; })();"])


def compose(libraries: dict[str, list[str]], scripts: list[str]) -> str:
    """Make one ES module of libraries and scripts; the last script has the export."""
    return "\n".join([*(as_constant(name, sources) for name, sources in libraries.items()), *scripts])


@cache
def front_end() -> str:
    """Read and compose the module that the page loads."""
    vendor = STATIC / "vendor"
    libraries = {name: [_read(vendor / file) for file in files] for name, files in LIBRARIES.items()}
    return compose(libraries, [_read(STATIC / file) for file in SCRIPTS])


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


class AgentWidget(anywidget.AnyWidget):  # type: ignore[misc]
    """The chat panel (`mode="chat"`), or the strip under a running cell (`mode="cell"`).

    It shows what is in its traits and sends what the user does as messages: `ready`, `send`, `stop`, `approve`,
    `reject`, `save`, `undo`, `redo`, `look`, and those of cards (`notebook/setup`): a key that is typed comes so, and
    is no trait. Text of an open entry is streamed with messages `delta` (more) and `text` (all of it); `restore` gives
    a task back, and `kernel` answers `look`.
    """

    _esm = front_end()
    _css = _read(STATIC / "widget.css")

    mode: Any = traitlets.Enum(("chat", "cell"), "chat").tag(sync=True)
    state: Any = traitlets.Enum(STATES, "idle").tag(sync=True)
    status: Any = traitlets.Unicode("").tag(sync=True)
    entries: Any = traitlets.List(traitlets.Dict()).tag(sync=True)
    approval: Any = traitlets.Instance(dict, allow_none=True).tag(sync=True)
    card: Any = traitlets.Instance(dict, allow_none=True).tag(sync=True)
    models: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)
    model: Any = traitlets.Unicode("").tag(sync=True)
    notebook: Any = traitlets.Unicode("").tag(sync=True)
    place: Any = traitlets.Unicode("").tag(sync=True)
    turn: Any = traitlets.Enum(("", "undo", "redo"), "").tag(sync=True)
