"""The command line: `codeagent-nb`. Reads arguments, prints, chooses exit codes; all work is done elsewhere."""

from codeagent_nb.cli.app import main

__all__ = ["main"]
