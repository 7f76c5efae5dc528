"""The only place that makes a rich console: whatever is printed there, a terminal only shows it. Knows no surface.

rich writes a text's control characters as they are. Cleaned are the segments that rich renders, before it adds its own
colours and cursor movements, so nothing that is printed can be forgotten.
"""

import os
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from kernel_executor.text import cleaned


class CleanConsole(Console):
    """A console on which text cannot steer the terminal, nor hide where a link leads; brackets in it are brackets.

    Styles are given with `Text`: as markup, `pip install 'codeagent-nb[data]'` was shown without its `[data]`.

    It falls silent when its reader goes away, as in `codeagent-nb run ... | head`: rich would raise SystemExit from
    within a view and end the run without a word.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"emoji": False, "markup": False, "force_jupyter": False, **options})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render an object; rich renders every part of every object by this method."""
        for segment in super().render(renderable, options):
            yield segment if segment.is_control else _clean(segment)

    def on_broken_pipe(self) -> None:
        """Print nothing from now on; the run goes on, and its notebook is saved."""
        self.quiet = True
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, sys.stdout.fileno())  # or Python complains when it flushes at exit
        os.close(devnull)


def _clean(segment: Segment) -> Segment:
    style = segment.style.update_link(None) if segment.style and segment.style.link else segment.style
    return Segment(cleaned(segment.text), style)
