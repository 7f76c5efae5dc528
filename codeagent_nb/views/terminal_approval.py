"""Asks a person at the terminal whether code may run. Knows stdin; nothing of the agent."""

import asyncio
import os
import sys
import termios
from dataclasses import dataclass

from rich.text import Text

from codeagent_nb.approval import ApprovalRequest, ApprovalResponse, answered, choices, refuse_unattended
from codeagent_nb.rendering.visible_code import shown_blocks
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.console import code_panel


@dataclass(frozen=True, slots=True)
class TerminalApprover:
    """Shows the code and waits for `y` or `n`; refuses where there is no terminal to ask at.

    Args:
        console: Where to show it.
    """

    console: CleanConsole

    async def __call__(self, request: ApprovalRequest) -> ApprovalResponse:
        """Ask.

        Raises:
            ApprovalRequired: Standard input is not a terminal.
        """
        if sys.stdin is None or not sys.stdin.isatty():
            return refuse_unattended(request)
        for block in shown_blocks(request.code_blocks):
            self.console.print(code_panel(block))
        termios.tcflush(sys.stdin, termios.TCIFLUSH)  # what was typed before the code was shown is no answer to it
        self.console.print(Text(f"{request.question} {choices(request)} ", style="bold yellow"), end="")
        return answered(await read_line(), request, "at the terminal")


async def read_line() -> str:
    """Read a line from the terminal.

    Not `input` in a thread: a thread that reads cannot be cancelled, and Ctrl-C would hang until Enter is pressed.
    """
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        loop.remove_reader(sys.stdin)
        if not line.done():
            # Not readline: Python would keep a second pasted line to itself, and the next question would wait for it.
            line.set_result(os.read(sys.stdin.fileno(), 4096).decode(errors="replace"))

    loop.add_reader(sys.stdin, read)
    try:
        return await line
    finally:
        loop.remove_reader(sys.stdin)
