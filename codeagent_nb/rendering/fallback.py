"""Says that something cannot be shown, in place of what could not be rendered. Pure; knows no shape of an output."""

import html
from collections.abc import Callable
from typing import Any


def guarded(show: Callable[[], tuple[dict[str, Any], dict[str, Any]]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return data and metadata of a display, or of one that says why there is none."""
    try:
        return show()
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a hostile output brings about, a panic of nh3 is no Exception:
        return cannot_be_shown(error)  # one that was raised on lost every later display of the run without a word


def cannot_be_shown(error: BaseException) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a display that says so. Only the type is named: the message may hold the whole output."""
    said = f"this output cannot be shown: {type(error).__name__}"
    return {"text/html": f"<div>{html.escape(said)}</div>", "text/plain": said}, {}
