"""Asking at a real terminal: y, n, end of input, Ctrl-C; and without a terminal nobody is asked."""

import os
import select
import subprocess
import sys
import time

import pytest

ASK = """
import asyncio, fcntl, sys, termios
if sys.stdin.isatty():
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # Ctrl-C goes to the processes of the terminal's own session
from codeagent_nb.approval import ApprovalRequest
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.errors import ApprovalRequired
from codeagent_nb.views.terminal_approval import TerminalApprover
from kernel_executor import CodeBlock

async def main():
    blocks = (CodeBlock("print('asked')"),)
    ask = TerminalApprover(CleanConsole())
    for _ in range({times}):
        response = await ask(ApprovalRequest(code="", code_blocks=blocks, isolation="NOT sandboxed"))
        print("approved" if response.approved else "denied", response.reason, flush=True)

try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted", flush=True)
except ApprovalRequired as error:
    print("required", error, flush=True)
"""


class Terminal:
    """A process on a terminal of its own."""

    def __init__(self, times: int = 1) -> None:
        self.master, terminal = os.openpty()
        self.shown = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", ASK.format(times=times)],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)

    def read_until(self, text: str, count: int = 1) -> None:
        deadline = time.monotonic() + 20
        while self.shown.count(text) < count:
            came, _, _ = select.select([self.master], [], [], max(0.0, deadline - time.monotonic()))
            assert came, f"{text!r} did not come: {self.shown!r}"
            try:
                self.shown += os.read(self.master, 4096).decode(errors="replace")
            except OSError:  # EIO: the process has gone
                assert self.shown.count(text) >= count, self.shown

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def close(self) -> int:
        try:
            return self.process.wait(timeout=10)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            os.close(self.master)


PROMPT = "NOT sandboxed. Run this code (1 line)? [y/N, or what it shall do instead]"


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        ("y\n", "approved approved at the terminal"),
        ("YES\n", "approved approved at the terminal"),
        ("n\n", "denied not approved at the terminal"),
        ("\n", "denied not approved at the terminal"),
        ("yolo\n", "denied not approved at the terminal"),
        ("\x04", "denied not approved at the terminal"),
        ("no plots, please\n", "denied no plots, please"),
        ("no, use the median\n", "denied use the median"),
        ("n: use it\n", "denied use it"),
        ("no thanks\n", "denied not approved at the terminal"),
        ("No, stop.\n", "denied not approved at the terminal"),
        ("yes please\n", "denied not approved at the terminal"),
    ],
    ids=[
        "y",
        "yes",
        "n",
        "enter",
        "other",
        "end of input",
        "words",
        "no with words",
        "n with words",
        "thanks",
        "stop",
        "more than yes",
    ],
)
def test_only_a_yes_is_a_yes(keys: str, answer: str) -> None:
    terminal = Terminal()
    terminal.read_until(PROMPT)
    assert "asked" in terminal.shown, "the code is shown before the question"
    terminal.type(keys)
    terminal.read_until(answer)
    assert terminal.close() == 0


def test_one_can_be_asked_again() -> None:
    terminal = Terminal(times=2)
    terminal.read_until(PROMPT)
    terminal.type("y\n")
    terminal.read_until(PROMPT, 2)
    terminal.type("n\n")
    terminal.read_until("denied")
    assert terminal.close() == 0


@pytest.mark.timing
def test_ctrl_c_at_the_question_interrupts_at_once() -> None:
    terminal = Terminal()
    terminal.read_until(PROMPT)
    time.sleep(0.1)  # let it wait
    start = time.monotonic()
    terminal.type("\x03")
    terminal.read_until("interrupted")
    assert time.monotonic() - start < 2
    assert terminal.close() == 0


def test_without_a_terminal_the_flag_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASK.format(times=1)], input="y\n", capture_output=True, text=True, check=True, timeout=30
    )
    assert "required" in done.stdout
    assert "--yes" in done.stdout


def test_what_was_typed_before_the_question_is_no_answer_to_it() -> None:
    """A `y` typed while the model was thinking approved code that nobody had seen."""
    terminal = Terminal(times=2)
    terminal.type("y\ny\n")
    terminal.read_until(PROMPT)
    terminal.type("n\n")
    terminal.read_until("denied")
    terminal.read_until(PROMPT, count=2)
    terminal.type("n\n")
    terminal.read_until("denied", count=2)
    assert "approved at" not in terminal.shown.replace("not approved at", "")
    assert terminal.close() == 0
