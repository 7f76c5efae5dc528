"""`%load_ext codeagent_nb`: adds the magics and, where there is a kernel, lets cells be awaited; and undoes it."""

import atexit
import os
import shlex
from contextlib import suppress
from pathlib import Path

from IPython.core.error import UsageError
from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import InteractiveShell

from codeagent_nb.errors import SessionError
from codeagent_nb.log.place import last_session_of
from codeagent_nb.notebook.input_transformer import TopLevelCells, await_agent_cells, await_commands
from codeagent_nb.notebook.magics import AgentMagics, has_kernel
from codeagent_nb.notebook.open_notebook import notebook_name
from codeagent_nb.old_notebooks.finding import notebooks_with_failed_code
from codeagent_nb.views.standard_streams import say
from kernel_executor.text import cleaned

SECONDS_TO_LOOK = 0.2
"""For notebooks of version 0.1: loading must not be slower for them."""


def load(shell: InteractiveShell) -> None:
    """Add `%%agent`, `%agent` and `%config CodeAgent`; loading twice changes nothing."""
    if _loaded(shell):
        return
    magics = AgentMagics(shell)
    shell.register_magics(magics)
    shell.configurables.append(magics.settings)
    atexit.register(magics.end_at_exit)
    if has_kernel(shell):
        cells, commands = TopLevelCells(await_agent_cells), TopLevelCells(await_commands)
        # Before IPython's own: they take prompts and indentation out of the body.
        shell.input_transformers_cleanup.insert(0, cells)
        shell.input_transformers_post.append(commands)
        for transformer in (cells, commands):
            shell.events.register("pre_run_cell", transformer.begin)
            shell.events.register("post_run_cell", transformer.end)
    if old := notebooks_with_failed_code(Path(), seconds=SECONDS_TO_LOOK):
        names = " ".join(shlex.quote(cleaned(path.name)) for path in old)
        say(f"Notebooks here have failed code that Run All would run; to quote it: codeagent-nb clean {names}")
    if _has_earlier_session():  # by no name: Run All twice has to give the same notebook
        say("An earlier session of this notebook is here: %agent resume goes on with it.")


def _has_earlier_session() -> bool:
    """Return whether there is a session of this notebook that can be used."""
    with suppress(SessionError, OSError):  # `%agent sessions` says what is wrong with it
        return bool(last_session_of(Path.cwd(), notebook_name(os.environ)))
    return False


def unload(shell: InteractiveShell) -> None:
    """Take everything away again; the session ends.

    Raises:
        UsageError: A task is being worked on.
    """
    magics = _loaded(shell)
    if magics is None:
        return
    if commands := magics.used_commands:
        commands.reset()
        commands.close_panels()
    atexit.unregister(magics.end_at_exit)
    shell.configurables.remove(magics.settings)
    for transformers in (shell.input_transformers_cleanup, shell.input_transformers_post):
        for cells in [found for found in transformers if isinstance(found, TopLevelCells)]:
            transformers.remove(cells)
            shell.events.unregister("pre_run_cell", cells.begin)
            shell.events.unregister("post_run_cell", cells.end)
    shell.magics_manager.registry.pop(AgentMagics.__name__)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("agent", None)


def _loaded(shell: InteractiveShell) -> AgentMagics | None:
    found = shell.magics_manager.registry.get(AgentMagics.__name__)
    return found if isinstance(found, AgentMagics) else None


def panel(model: str = "") -> None:
    """Show a chat with the agent of this notebook; `%load_ext` is done if it was not.

    Args:
        model: The model that is chosen at first: a name, `local`, or that of a variable which holds a client.

    Raises:
        UsageError: This is no notebook.
    """
    shell = get_ipython()
    if shell is None:
        raise UsageError("codeagent_nb.panel() shows a panel in a notebook, and this is not one")
    load(shell)
    if magics := _loaded(shell):
        magics.commands.panel(model)
