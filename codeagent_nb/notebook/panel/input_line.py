"""How a person is asked where there are no buttons: the code is displayed, then the cell's own input line asks.

Knows IPython's display publisher and its input; no widgets.
"""

import asyncio
import getpass
import signal
from collections.abc import Callable
from dataclasses import dataclass

from codeagent_nb.approval import ApprovalRequest, ApprovalResponse, answered, choices
from codeagent_nb.errors import ApprovalRequired
from codeagent_nb.notebook.live_output import DisplayPublisher
from codeagent_nb.rendering.approval import approval_bundle

SECONDS_TO_SHOW = 0.3
"""The display and the question take different ways to the page; the display goes first, and has this much time."""


@dataclass(frozen=True, slots=True)
class InputLine:
    """Shows the code under the cell and asks in its input line.

    Args:
        publisher: Where the code is shown.
    """

    publisher: DisplayPublisher

    async def __call__(self, request: ApprovalRequest) -> ApprovalResponse:
        """Ask.

        Raises:
            ApprovalRequired: Nobody can be asked: the notebook is executed by a program.
        """
        if request.code_blocks:
            self.publisher.publish(dict(approval_bundle(request.code_blocks)), {})
            await asyncio.sleep(SECONDS_TO_SHOW)
        return _ask(request)


def _ask(request: ApprovalRequest) -> ApprovalResponse:
    above = " It stands above." if request.code_blocks else ""
    answer = _typed(input, f"{request.question}{above} {choices(request)} ")
    if answer is None:
        raise ApprovalRequired(
            f"this code needs approval ({request.isolation or 'asked for'}), and nobody is there to give it. Allow it "
            "with `%%agent --approval never`, or install bubblewrap, in which code need not be approved "
            "(`codeagent-nb doctor` says how)"
        )
    return answered(answer, request, "")


async def ask_in_the_input_line(url: str) -> str | None:
    """Ask for a server's token, which is not shown and stands in no output; None where nobody can be asked."""
    return _typed(getpass.getpass, f"Token for {url} (not shown): ")


def _typed(ask: Callable[[str], str], question: str) -> str | None:
    """Return what a person types into the cell's input line; None where a program executes the notebook."""
    from IPython.core.error import StdinNotImplementedError

    # In a cell that awaits, the kernel's interrupt only marks the cell, and this waits: as in any cell, let it raise.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return ask(question)
    except KeyboardInterrupt:  # the kernel's interrupt; here it would end the kernel's loop
        raise asyncio.CancelledError from None
    except (StdinNotImplementedError, EOFError):
        return None
    finally:
        signal.signal(signal.SIGINT, before)
