"""How a command ends: its exit code, and one clear message where something failed. Knows no command."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import typer
from rich.text import Text

from codeagent_nb.cli.exit_codes import EXIT_INTERRUPTED, exit_code_of
from codeagent_nb.errors import AgentError
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.standard_streams import raw_standard_error
from kernel_executor import KernelExecutorError

T = TypeVar("T")


def exit_with(work: Callable[[Secrets], Coroutine[Any, Any, int]]) -> None:
    """Run a command to its end; Ctrl-C cancels it, waits for its clean-up, and gives 130."""
    raise typer.Exit(guarded(lambda secrets: asyncio.run(_until_terminated(work(secrets)))))


async def _until_terminated(work: Coroutine[Any, Any, int]) -> int:
    """Run to the end; SIGTERM is a Ctrl-C that comes from a program, SIGHUP one of a terminal that was closed."""
    if current := asyncio.current_task():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup`
                asyncio.get_running_loop().add_signal_handler(number, current.cancel)
    return await work


def guarded(work: Callable[[Secrets], T]) -> T:
    """Return what work returns; our own errors become one clear message and an exit code.

    Anything else is a bug and shows its traceback.
    """
    secrets = Secrets(os.environ)  # of the whole command
    try:
        return work(secrets)
    except (KeyboardInterrupt, asyncio.CancelledError):
        complain("Interrupted; what was done so far is saved.", secrets)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except (AgentError, KernelExecutorError, OSError) as error:
        complain(str(error), secrets)
        raise typer.Exit(exit_code_of(error)) from None


def complain(message: str, secrets: Secrets) -> None:
    """Print what failed, without secrets, to standard error."""
    CleanConsole(file=raw_standard_error()).print(Text(secrets.text(message), style="bold red"), soft_wrap=True)
