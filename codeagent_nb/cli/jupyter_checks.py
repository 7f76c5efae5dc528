"""Looks at Jupyter, for the doctor: its applications, our extension in them, the widgets. Starts nothing.

It looks at this environment. Jupyter may be installed in another one; then it is that one's extension that counts.
"""

import json
import re
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from jupyter_core.paths import jupyter_config_path, jupyter_path

from codeagent_nb.cli.findings import Finding
from codeagent_nb.version import __version__

OURS = "codeagent-nb"
APPLICATIONS = {"jupyterlab": (4, 4), "notebook": (7, 4)}
"""The oldest versions that are tested."""

WIDGETS = ("anywidget", "ipywidgets")


def check_applications() -> Finding:
    """Look for JupyterLab and Notebook, and whether they are new enough for cells that the agent writes."""
    found = {name: installed(name) for name in APPLICATIONS}
    said = ", ".join(f"{name} {number}" for name, number in found.items() if number)
    if not said:
        detail = "neither JupyterLab nor Notebook is in this environment; %%agent works where another one's runs"
        return Finding("Jupyter", "weak", detail, "pip install jupyterlab")
    old = [name for name, number in found.items() if number and numbers(number) < APPLICATIONS[name]]
    if old:
        return Finding("Jupyter", "weak", f"{said}: too old for cells of the agent", f"pip install -U {' '.join(old)}")
    return Finding("Jupyter", "ok", said)


def check_extension(
    data: Sequence[str] | None = None, settings: Sequence[str] | None = None, expected: str = __version__
) -> Finding:
    """Look for our extension of JupyterLab and Notebook: there, of this version, and enabled.

    Args:
        data: Folders in which extensions are looked for, the first wins; Jupyter's by default.
        settings: Folders in which they may be disabled; Jupyter's by default.
        expected: The version that it should have.
    """
    places = jupyter_path("labextensions") if data is None else data
    package = next((path for place in places if (path := Path(place) / OURS / "package.json").is_file()), None)
    again = "pip install --force-reinstall --no-deps codeagent-nb"
    if package is None:
        detail = "not installed: the agent cannot write cells into the notebook"
        return Finding("extension", "weak", detail, again)
    found = _read(package).get("version")
    if found != expected:
        detail = f"version {found} in {package.parent}, and this is {expected}: cells may not be written"
        return Finding("extension", "weak", detail, f"{again}, then reload the page")
    if where := next(_disabled_in(jupyter_config_path() if settings is None else settings, places), None):
        return Finding("extension", "weak", f"disabled in {where}", f"jupyter labextension enable {OURS}")
    return Finding("extension", "ok", f"version {found}, enabled")


def check_widgets() -> Finding:
    """Look for what buttons and the panel are made of."""
    found = {name: installed(name) for name in WIDGETS}
    wanting = [name for name, number in found.items() if not number or numbers(number) < needed(name)]
    said = ", ".join(f"{name} {number or 'is missing'}" for name, number in found.items())
    if wanting:
        return Finding("widgets", "weak", f"{said}: no buttons, no panel", f"pip install -U {' '.join(wanting)}")
    return Finding("widgets", "ok", said)


def installed(name: str) -> str:
    """Return the version of a distribution, "" if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def numbers(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a version."""
    return tuple(map(int, re.findall(r"\d+", (re.match(r"[\d.]*", text) or [""])[0])))


def needed(name: str) -> tuple[int, ...]:
    """Return the oldest version of a distribution that this one works with, as far as it says."""
    lines = requires(OURS) if installed(OURS) else None
    pattern = re.compile(rf"{name}\s*\(?>=\s*([\d.]+)")
    return next((numbers(found[1]) for line in lines or () if (found := pattern.match(line))), ())


def _disabled_in(settings: Sequence[str], data: Sequence[str]) -> Iterator[Path]:
    """Yield the files that disable our extension, or a part of it."""
    applications = [Path(place).parent / "lab" / "settings" for place in data]
    for folder in [*(Path(place) / "labconfig" for place in settings), *applications]:
        path = folder / "page_config.json"
        disabled = _read(path).get("disabledExtensions")
        chosen = [name for name, off in disabled.items() if off] if isinstance(disabled, dict) else disabled
        if isinstance(chosen, list) and any(str(name).partition(":")[0] == OURS for name in chosen):
            yield path


def _read(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
