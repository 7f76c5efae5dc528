"""Where the command line prints. Knows rich only."""

import os
import sys

from rich.console import Console


class PatientConsole(Console):
    """A console that falls silent when its reader goes away, as in `codeagent-nb run ... | head`.

    rich would raise SystemExit from within a view and end the run without a word. The method is its hook for this.
    """

    def on_broken_pipe(self) -> None:
        """Print nothing from now on; the run goes on, and its notebook is saved."""
        self.quiet = True
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, sys.stdout.fileno())  # or Python complains when it flushes at exit
        os.close(devnull)
