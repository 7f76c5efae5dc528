"""Who we are on a server: a token from the environment, or from a person who is asked. Keeps it nowhere.

A token stands in no cell, argument or address: those are in notebooks, histories, lists of processes and logs.
"""

import sys
import termios
from collections.abc import Awaitable, Callable, Mapping

from rich.text import Text

from codeagent_nb.elsewhere.choice import SERVER, TOKEN, TRUSTED, read_address, same_origin
from codeagent_nb.errors import SessionError
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.standard_streams import raw_standard_error
from codeagent_nb.views.terminal_approval import read_line
from kernel_executor import KernelExecutorError
from kernel_executor.remote.server import Server, Token

AskToken = Callable[[str], Awaitable[str | None]]
"""Asks a person for the token of a server; None if nobody is there."""

NOBODY = f"{{url}} wants a token, and nobody is there to type it: set the variable {TOKEN} where this program starts"

OF_ANOTHER = f" (the one that is set is for the server that {SERVER} names, and not for one that a notebook names)"


def token_of(environment: Mapping[str, str], url: str, *, is_typed: bool = True) -> str:
    """Return the environment's token for a server; empty if there is none for that one.

    Args:
        environment: Where it may stand. Where a server stands there, too, it is for that one alone.
        url: The server.
        is_typed: Whether the user has typed its address: a notebook that was sent may name any.
    """
    named = [environment.get(SERVER, ""), *([] if is_typed else environment.get(TRUSTED, "").split(","))]
    if is_typed and not environment.get(SERVER):
        return environment.get(TOKEN, "").strip()
    is_for_it = any(each.strip() and _is_of(url, each) for each in named)
    return environment.get(TOKEN, "").strip() if is_for_it else ""


def _is_of(url: str, named: str) -> bool:
    try:
        return same_origin(url, read_address(named))
    except ValueError:  # it names nothing
        return False


async def find_token(
    url: str,
    environment: Mapping[str, str],
    ask: AskToken,
    learn: Callable[[Mapping[str, str]], object],
    *,
    is_typed: bool = True,
) -> Token:
    """Return who we are on a server; a person is asked if it is not known and the server wants to know.

    Args:
        url: The server.
        environment: Where the token may stand.
        ask: Asks for it.
        learn: Is told what is secret from now on.
        is_typed: Whether the user has typed the address, as for `token_of`.

    Raises:
        SessionError: The server wants one, and there is none; or it is none.
        KernelExecutorError: The server does not answer.
    """
    secret = token_of(environment, url, is_typed=is_typed)
    if not secret and await _is_wanted(url):
        typed = await ask(url)
        if typed is None:
            raise SessionError(NOBODY.format(url=url) + (OF_ANOTHER if environment.get(TOKEN) else ""))
        secret = typed.strip()
    learn({TOKEN: secret})
    try:
        return Token(secret)
    except ValueError as error:
        raise SessionError(str(error)) from None


async def is_accepted(url: str, token: str | Token) -> None:
    """Try a token.

    Raises:
        SessionError: It is none.
        KernelExecutorError: The server refuses it, or does not answer.
    """
    try:
        from kernel_executor.remote.looking import look_at
    except ImportError as error:
        raise needs_packages(error) from error
    try:
        await look_at(Server(url), token if isinstance(token, Token) else Token(token))
    except ValueError as error:
        raise SessionError(str(error)) from None


async def _is_wanted(url: str) -> bool:
    try:
        from kernel_executor.remote.looking import needs_token
    except ImportError as error:
        raise needs_packages(error) from error
    return await needs_token(Server(url))


def needs_packages(error: ImportError) -> KernelExecutorError:
    """Return the error that says what to install."""
    from kernel_executor.remote.executor import NEEDS

    return KernelExecutorError(f"{NEEDS} ({error})")


async def ask_nobody(_: str) -> str | None:
    """Return None: a program executes the notebook."""
    return None


async def ask_at_the_terminal(url: str) -> str | None:
    """Ask for a token without showing it; None where there is no terminal."""
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    # Not getpass, which blocks the loop: Ctrl-C has to be heard meanwhile.
    before = termios.tcgetattr(sys.stdin)
    silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    console = CleanConsole(file=raw_standard_error())
    console.print(Text(f"Token for {url} (not shown): "), end="", soft_wrap=True)
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, silent)
    try:
        return (await read_line()).rstrip("\n")
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        console.print()
