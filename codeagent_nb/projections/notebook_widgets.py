"""Which widgets a saved notebook shows, and their states in its metadata, as nbclient writes them. Pure.

Knows nbformat's shapes; which of the widgets are harmless is `rendering/widget_states.py`.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from codeagent_nb.rendering.widget_states import WIDGET_STATE, harmless_state, reached, whole
from kernel_executor import Output
from kernel_executor.outputs.widget_text import view_of

MOST_SAVED = 10_000_000
"""Characters of JSON of all states in one notebook; the oldest go first."""


class NotebookWidgets:
    """Keeps the states of widgets that blocks have shown."""

    def __init__(self) -> None:
        self._states: dict[str, Mapping[str, Any]] = {}
        self._sizes: dict[str, int] = {}
        self._whole: Mapping[str, Mapping[str, Any]] = {}

    def take(self, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Take in states of widgets, new or changed."""
        if not states:
            return
        for model_id, entry in states.items():
            self._forget(model_id)
            if clean := harmless_state(entry):
                self._states[model_id] = clean
                self._sizes[model_id] = len(json.dumps(clean))
        while sum(self._sizes.values()) > MOST_SAVED:
            self._forget(next(iter(self._states)))
        self._whole = whole(self._states)

    def _forget(self, model_id: str) -> None:
        self._states.pop(model_id, None)
        self._sizes.pop(model_id, None)

    def shown_in(self, outputs: Iterable[Output]) -> frozenset[str]:
        """Return the widgets in some outputs that can be shown."""
        return frozenset(shown for output in outputs if (shown := view_of(output.get("data", {}))) in self._whole)

    def metadata(self, shown: frozenset[str]) -> dict[str, Any]:
        """Return the part of a notebook's metadata on the widgets that its cells show; nothing if none does."""
        states = reached(shown, self._whole)
        if not states:
            return {}
        return {WIDGET_STATE: {"state": states, "version_major": 2, "version_minor": 0}}
