"""Compares what a cell has shown with what it shows when it is replayed, cleaned with cleaned. Pure.

Knows outputs; nothing of kernels, files, or why something differs.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Literal

from codeagent_nb.proof.numbers import TINY, TextDifference, Window, compare_texts
from codeagent_nb.proof.pictures import UnreadablePicture, compare_pictures
from codeagent_nb.rendering.cell_outputs import harmless_output
from codeagent_nb.volatile import settled
from kernel_executor import Output
from kernel_executor.text import shorten

What = Literal["text", "number", "picture", "table", "data", "error", "missing", "extra"]

PICTURES = re.compile(r"image/(?:png|jpeg|gif|webp|bmp)")
SVG = "image/svg+xml"
HTML = "text/html"
JSON = re.compile(r"application/(?:.*\+)?json")
WIDGET = "application/vnd.jupyter.widget-view+json"

TIMING = re.compile(r"^(?:CPU times: .*|Wall time: .*|[^±\n]* ± .* per loop .*)$", re.MULTILINE)
"""What `%time`, `%%time` and `%timeit` print."""

WARNING = re.compile(r"^\S.*:\d+: (?:\w+\.)*\w*Warning: .*\n(?:[ \t].*\n?)*", re.MULTILINE)
PROGRESS = re.compile(r"^.*(?:\d%\||\d(?:it/s|s/it)\b|\r).*$\n?", re.MULTILINE)

IDS = re.compile(
    r"\bT_[0-9a-f]{5}(?=[\"_\s#])|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|(?<=\bid=\")[^\"]*[0-9a-f]{6}[^\"]*|(?<=[f(]#)[^\"()#]{0,200}[0-9a-f]{6}[^\"()#]{0,200}|(?<=ef=\"#)[^\")]*[0-9a-f]{6}[^\")]*|<dc:date>[^<]*"
)
"""Names that libraries draw by lot for what they show in HTML and SVG."""

SVG_IN_HTML = re.compile(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)")

EXCERPT = 120  # characters


@dataclass(frozen=True, slots=True)
class Difference:
    """How a cell's outputs differ from those of its replay.

    Args:
        what: What differs.
        saved: What stands in the notebook.
        now: What the replay has shown.
    """

    what: What
    saved: str
    now: str


@dataclass(slots=True)
class Comparison:
    """What came of comparing a cell's outputs.

    Args:
        difference: The first difference.
        set_aside: What was not compared, and why.
    """

    difference: Difference | None = None
    set_aside: list[str] = field(default_factory=list)

    def differ(self, what: What, saved: str, now: str) -> None:
        """Take a difference in; the first one counts."""
        self.difference = self.difference or Difference(what, shorten(saved, EXCERPT), shorten(now, EXCERPT))

    def aside(self, what: str) -> None:
        """Take in that something was not compared."""
        if what not in self.set_aside:
            self.set_aside.append(what)


CLOCK = "readings of the clock"
NOISE = f"numbers below {TINY:g}, which rounding makes of zero"


def compare_outputs(saved: Sequence[Output], now: Sequence[Output], window: Window) -> Comparison:
    """Compare what a notebook says a cell has shown with what a replay has shown.

    Args:
        saved: From the notebook.
        now: From the replay.
        window: When the replay ran.
    """
    done = Comparison()
    ones, others = _Parts.of(saved), _Parts.of(now)
    _compare_text(done, "text", _without_timing(ones.stdout, done), _without_timing(others.stdout, done), window)
    _compare_stderr(done, ones.stderr, others.stderr, window)
    _compare_errors(done, ones.errors, others.errors, window)
    for one, other in zip_longest(ones.displays, others.displays):
        if one is None:
            done.differ("extra", "", _shown(other))
        elif other is None:
            done.differ("missing", _shown(one), "")
        else:
            _compare_displays(done, one, other, window)
    for one, other, clean in zip(ones.raw, others.raw, ones.displays, strict=False):
        _compare_taken_out(done, one, other, clean, window)
    return done


@dataclass(slots=True)
class _Parts:
    """Outputs, sorted: how two streams interleave is chance."""

    stdout: str = ""
    stderr: str = ""
    errors: list[Output] = field(default_factory=list)
    displays: list[Output] = field(default_factory=list)
    raw: list[Output] = field(default_factory=list)
    """The displays again, as they were before they were cleaned."""

    @classmethod
    def of(cls, outputs: Sequence[Output]) -> "_Parts":
        parts = cls()
        for given in outputs:
            output = harmless_output(harmless_output(given))  # what is saved was cleaned already
            match output["output_type"]:
                case "stream" if output["name"] == "stderr":
                    parts.stderr += output["text"]
                case "stream":
                    parts.stdout += output["text"]
                case "error":
                    parts.errors.append(output)
                case _:
                    parts.displays.append(output)
                    parts.raw.append(given)
        return parts


def _without_timing(text: str, done: Comparison) -> str:
    if not TIMING.search(text):
        return text
    done.aside("timings of %time")
    return TIMING.sub("[timing]", text)


LEFT_OUT = re.compile(r"\n\[\.\.\. (?P<count>\d[\d,]{0,20}) characters left out \.\.\.\]\n")
"""Stands where output was cut; a notebook that was run elsewhere has all of it."""


def _cut_alike(one: str, other: str) -> tuple[str, str]:
    """Return two texts without what was cut out of one of them, if the other has as much as it says there."""
    for first, second, swapped in ((one, other, False), (other, one, True)):
        if (cut := LEFT_OUT.search(first)) and not LEFT_OUT.search(second):
            head, tail = first[: cut.start()], first[cut.end() :]
            if len(second) - len(head) - len(tail) != int(cut["count"].replace(",", "")):
                continue
            alike = f"{second[: len(head)]}{second[len(second) - len(tail) :]}"
            return (alike, head + tail) if swapped else (head + tail, alike)
    return one, other


def _compare_text(done: Comparison, what: What, saved: str, now: str, window: Window) -> None:
    if saved == now:
        return
    whole = (saved, now)
    saved, now = _cut_alike(saved, now)
    if (saved, now) != whole:
        done.aside("the middle of output that was cut")
    compared = compare_texts(settled(saved), settled(now), window)
    if compared.clock:
        done.aside(CLOCK)
    if compared.noise:
        done.aside(NOISE)
    if compared.difference:
        _differ_in_text(done, what, compared.difference)


def _differ_in_text(done: Comparison, what: What, found: TextDifference) -> None:
    done.differ("number" if found.is_number and what == "text" else what, found.saved, found.now)


def _compare_stderr(done: Comparison, saved: str, now: str, window: Window) -> None:
    """Compare what went to standard error, but for warnings and progress bars.

    A warning comes once a process: an attempt that failed, and is not in the notebook, may have had it.
    """
    one, other = (PROGRESS.sub("", WARNING.sub("", text)) for text in (saved, now))
    if (one, other) != (saved, now) and saved != now:
        done.aside("warnings and progress bars")
    _compare_text(done, "text", one, other, window)


def _compare_errors(done: Comparison, saved: Sequence[Output], now: Sequence[Output], window: Window) -> None:
    """Compare exceptions by name and text; tracebacks name files and lines of libraries."""
    for one, other in zip_longest(saved, now):
        told = [f"{error['ename']}: {error['evalue']}" if error else "" for error in (one, other)]
        if one and other:
            _compare_text(done, "error", told[0], told[1], window)
        else:
            done.differ("error", *told)


def _compare_displays(done: Comparison, saved: Output, now: Output, window: Window) -> None:
    one, other = saved["data"], now["data"]
    for mime in dict.fromkeys([*one, *other]):
        if mime == WIDGET:
            done.aside("widgets")
        elif mime not in other:
            done.differ("missing", f"{mime}: {one[mime]}", "")
        elif mime not in one:
            done.differ("extra", "", f"{mime}: {other[mime]}")
        else:
            _compare_values(done, mime, one[mime], other[mime], window)


def _compare_taken_out(done: Comparison, saved: Output, now: Output, clean: Output, window: Window) -> None:
    """Take in what differs only in what cleaning takes out, such as the data of a chart that a script draws.

    It is set aside, not a difference: scripts have names in them that are drawn by lot. What was saved clean states
    nothing of it.
    """
    for mime, content in saved.get("data", {}).items():
        other = now.get("data", {}).get(mime)
        if mime != WIDGET and other is not None and content not in (other, clean["data"].get(mime)):
            raw = Comparison()
            _compare_values(raw, mime, content, other, window)
            if raw.difference and not done.difference:
                done.aside(f"what cleaning takes out of {mime}")


def _compare_values(done: Comparison, mime: str, saved: Any, now: Any, window: Window) -> None:
    if saved == now:
        return
    if PICTURES.fullmatch(mime):
        try:
            if how := compare_pictures(str(saved), str(now)):
                done.differ("picture", how, "")
        except UnreadablePicture as error:
            done.differ("picture", f"the bytes differ, and {error}", "")
    elif JSON.fullmatch(mime):
        _compare_json(done, saved, now, window)
    elif mime in {HTML, SVG}:
        what: What = "picture" if mime == SVG or SVG_IN_HTML.search(str(saved)) else "table"
        _compare_text(done, what, _plain_ids(str(saved)), _plain_ids(str(now)), window)
    else:
        _compare_text(done, "text", str(saved), str(now), window)


def _plain_ids(text: str) -> str:
    return IDS.sub("…", SVG_IN_HTML.sub(_decoded, text))


def _decoded(match: re.Match[str]) -> str:
    return base64.b64decode(match.group(1) + "==").decode(errors="replace")


def _compare_json(done: Comparison, saved: Any, now: Any, window: Window) -> None:
    match saved, now:
        case dict(), dict():
            _compare_members(done, saved, now, window)
        case list(), list() if len(saved) == len(now):
            for one, other in zip(saved, now, strict=True):
                _compare_json(done, one, other, window)
        case (str(), str()) | (int() | float(), int() | float()):
            _compare_text(done, "data", str(saved), str(now), window)
        case _ if saved != now:
            done.differ("data", str(saved), str(now))


def _compare_members(done: Comparison, saved: Mapping[str, Any], now: Mapping[str, Any], window: Window) -> None:
    for name in dict.fromkeys([*saved, *now]):
        if name not in saved or name not in now:
            done.differ("data", str(saved.get(name, "")), str(now.get(name, "")))
        else:
            _compare_json(done, saved[name], now[name], window)


def _shown(output: Output | None) -> str:
    data = output["data"] if output else {}
    return str(data.get("text/plain") or ", ".join(data))


def text_of(outputs: Sequence[Output]) -> str:
    """Return outputs as one text that is the same whenever they say the same; its digest is kept in a record."""
    parts = _Parts.of(outputs)
    errors = [f"{error['ename']}: {error['evalue']}" for error in parts.errors]
    shown = [sorted((mime, str(value)) for mime, value in display["data"].items()) for display in parts.displays]
    return repr((parts.stdout, parts.stderr, errors, shown))
