"""`%%agent`, `%agent` and the settings, as IPython knows them. What they do is `magic_commands.py`.

That is imported when it is first needed: `%load_ext` must not keep a notebook waiting for what it may never use.
"""

import os
from functools import cached_property
from typing import TYPE_CHECKING

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class

from codeagent_nb.notebook.settings import CodeAgent

if TYPE_CHECKING:
    from codeagent_nb.notebook.magic_commands import MagicCommands


def has_kernel(shell: InteractiveShell) -> bool:
    """Return whether a shell is that of a Jupyter kernel."""
    return getattr(shell, "kernel", None) is not None


@magics_class
class AgentMagics(Magics):  # type: ignore[misc]
    """The magics of one notebook or terminal.

    Args:
        shell: IPython's shell; one with a kernel has a loop in which cells are awaited.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.settings = CodeAgent(parent=shell)
        self._environment = dict(os.environ)  # a key that is gone by the first task is still a key

    @cached_property
    def commands(self) -> "MagicCommands":
        """What the magics do."""
        from codeagent_nb.notebook.magic_commands import MagicCommands

        return MagicCommands(self.shell, self.settings, self._environment)

    @property
    def used_commands(self) -> "MagicCommands | None":
        """The same if anything has been asked of them yet."""
        return self.__dict__.get("commands")

    @line_cell_magic  # type: ignore[untyped-decorator]
    def agent(self, line: str, cell: str | None = None) -> None:
        """Run a task, or with one `%` a command; `%agent help` lists them."""
        if cell is None:
            self.commands.command(line)
        elif has_kernel(self.shell):
            # A cell of its own never comes here: it is awaited. See `input_transformer.py`.
            raise UsageError("%%agent must be the first line of its cell, and cannot run under another magic")
        else:
            self.commands.run_in_terminal(line, cell)

    async def run_cell(self, line: str, body: str) -> None:
        """Run an `%%agent` cell; it is awaited in the kernel's own loop."""
        await self.commands.run_cell(line, body)

    async def pull(self, line: str) -> None:
        """Copy variables of the agent's kernel into this one; it is awaited, as a cell is."""
        await self.commands.pull(line)

    async def resume(self, line: str) -> None:
        """Go on with an earlier session; the next line has its variables."""
        await self.commands.go_on("resume", line)

    async def fork(self, line: str) -> None:
        """Go on in a new session with the first tasks of this one."""
        await self.commands.go_on("fork", line)

    def end_at_exit(self) -> None:
        """End the session when the process does."""
        if commands := self.used_commands:
            commands.end_at_exit()
