"""Shows figures that code leaves open under a backend of matplotlib that only writes files. Knows IPython's display.

Agg comes from the environment (images of containers, CI), from a `matplotlibrc`, from `matplotlib.use`. Stock ipykernel
then shows nothing and says nothing: the code "succeeded", and there is no plot (pymovements#414).
"""

from __future__ import annotations

import sys
from typing import Any
from weakref import WeakSet


class LeftOpen:
    """Figures are left open, not closed as inline does it: the next block may save or change them."""

    def __init__(self) -> None:
        self._shown: WeakSet[Any] = WeakSet()

    def show(self, *_: object) -> None:
        """Show each figure that is new or changed; never raise. To be called after a cell."""
        try:
            managers = _managers()
            if not managers or not _writes_files_only():
                return
            for manager in managers:
                self._show(manager.canvas.figure)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - drawing runs code of anybody's artists
            print(f"A figure was left open and could not be shown: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201

    def _show(self, figure: Any) -> None:
        if figure in self._shown and not figure.stale:
            return
        from IPython.core.pylabtools import print_figure
        from IPython.display import display

        picture = print_figure(figure, fmt="png", base64=True)  # None of an empty one
        if picture:
            display({"image/png": picture, "text/plain": repr(figure)}, raw=True)
        self._shown.add(figure)
        figure.stale = False  # to draw it has set its colours, and so marked it as changed


def _managers() -> list[Any]:
    """Return pyplot's figures; nothing is imported for that.

    The module is there before its classes are while another thread imports it, and without them in a stub.
    """
    known = getattr(sys.modules.get("matplotlib._pylab_helpers"), "Gcf", None)
    return [*known.get_all_fig_managers()] if known else []


def _writes_files_only() -> bool:
    """Return whether the backend is one of matplotlib's own without a screen: inline and ipympl show figures.

    Asked of pyplot: `rcParams["backend"]` may name one that was never loaded.
    """
    module = getattr(sys.modules.get("matplotlib.pyplot"), "_backend_mod", None)
    name = str(getattr(getattr(module, "__spec__", None), "name", ""))
    package, _, backend = name.rpartition(".backend_")
    framework = getattr(getattr(module, "FigureCanvas", None), "required_interactive_framework", None)
    return package == "matplotlib.backends" and framework is None and backend not in IN_A_PAGE


IN_A_PAGE = ("nbagg", "webagg")
