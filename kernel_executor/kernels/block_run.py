"""One run of one block: sends it, collects its outputs, stops it when it must stop, and says how it ended.

Knows one kernel; nothing of other blocks, restarts or languages.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kernel_executor.kernels.collector import Collector, Ending
from kernel_executor.kernels.kernel import Kernel
from kernel_executor.kernels.supervisor import STATE_LOST
from kernel_executor.lifecycle import interrupt_ladder as ladder
from kernel_executor.lifecycle.interrupt_ladder import Patience
from kernel_executor.outputs.fold import OutputFolder, OutputLimits
from kernel_executor.outputs.message import Message
from kernel_executor.outputs.output_changes import OutputChange, read_error
from kernel_executor.outputs.results import exit_code, exits_well
from kernel_executor.outputs.widgets import Widgets
from kernel_executor.sockets.router import Fate
from kernel_executor.types import BlockResult, BlockStatus, CodeBlock, KernelState

LAST_WORDS = 1.0
"""Seconds to read what a killed kernel had already sent."""

AT_DEADLINE: Patience = (2.0, 1.0)
"""A kernel's variables are worth a little patience."""


NOT_KNOWN = "Whether this block ran to its end is not known"

FATES: Mapping[Fate, str] = {
    "lost": STATE_LOST,
    "kept": "{why}.",
    "unknown": "whether variables are kept shows when the kernel can be reached again.",
}
"""What is said of the variables of a kernel that was given up."""


class BlockRun:
    """A block on its way through a kernel. Use `begin`, then `attend`, then `result`.

    Args:
        block: What runs.
        kernel: Where.
        limits: How much of its output is kept.
        on_change: Told each change of its outputs.
        shown: Gives texts of its outputs as they are to be shown.
        widgets: What the kernel's widgets hold.
    """

    def __init__(
        self,
        block: CodeBlock,
        kernel: Kernel,
        limits: OutputLimits,
        on_change: Callable[[OutputChange], None],
        *,
        shown: Callable[[str], str] | None = None,
        widgets: Widgets | None = None,
    ) -> None:
        self._block = block
        self._kernel = kernel
        self._widgets = widgets or Widgets()
        self._folder = OutputFolder(limits, shown, self._widgets.viewed)
        self._shown = shown or str
        self._collector = Collector(self._folder, on_change, kernel.give_up, self._widgets)
        self._started = time.monotonic()
        self._stopped: BlockStatus | None = None
        self._killed = self._abandoned = False
        self._news = ""
        self._state_before: KernelState = "kept"
        self.id = ""

    async def begin(self, code: str, news: str = "", state: KernelState = "lost") -> None:
        """Send the code; `id` is known afterwards.

        Args:
            code: What the kernel is to run.
            news: What there is to tell of what became of variables before.
            state: What became of them, if there is.
        """
        self._news, self._state_before = news, state
        request = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,  # or a request that waits behind an error comes back "aborted"
        }
        self.id = await self._kernel.request("execute_request", request, self._collector.take)

    async def attend(self, timeout: float | None) -> None:
        """Wait for the end; stop the block at the deadline or when cancelled.

        Args:
            timeout: Seconds; None waits forever.

        Raises:
            CancelledError: We were cancelled; the block has been stopped and `result` tells so.
        """
        try:
            await ladder.attend(self._collector.ended, timeout, self._stop, AT_DEADLINE)
        finally:
            self._collector.close()
            self._kernel.release(self.id)
            await self._tell_captured()

    async def _tell_captured(self) -> None:
        """Send the kernel what its Output widgets hold, as a page does: code may ask them."""
        for model_id, outputs in self._widgets.take_captured().items():
            if self._kernel.death is None:
                data = {"method": "update", "state": {"outputs": outputs}, "buffer_paths": []}
                await self._kernel.post("comm_msg", {"comm_id": model_id, "data": data})

    async def interrupt(self) -> None:
        """Interrupt the block; it ends as `interrupted` if it lets itself be interrupted."""
        self._stopped = "interrupted"
        await self._kernel.interrupt()

    def abandon(self) -> None:
        """Note that the kernel is about to be ended under this block; it ends as `interrupted`."""
        self._stopped = "interrupted"
        self._abandoned = True

    async def _stop(self, why: BlockStatus, patience: Patience) -> None:
        self._stopped = why
        ended = self._collector.ended
        await ladder.let_begin(self._collector.begun, ended)
        if not await ladder.interrupt(ended, self._kernel.interrupt, patience):
            self._killed = True
            await self._kernel.kill()
            await asyncio.wait({ended}, timeout=LAST_WORDS)
        ended.cancel()

    def result(self, restored: str = "") -> BlockResult:
        """Return how it ended; call after `attend` has returned or was cancelled.

        Args:
            restored: How the variables of a kernel that is gone came back, a clause; empty if they did not.
        """
        ended = self._collector.ended
        ending = ended.result() if ended.done() and not ended.cancelled() else Ending()
        self._folder.finish()
        error = self._find_error(ending)
        status = self._status(ending, error)
        return BlockResult(
            block=self._block,
            status=status,
            exit_code=exit_code(status, error, ending.death.exit_code if ending.death else 0, self._block.language),
            outputs=self._folder.outputs,
            execution_count=self._collector.execution_count,
            ename=error.get("ename"),
            evalue=self._shown(error["evalue"]) if error.get("evalue") else None,
            traceback=tuple(map(self._shown, error.get("traceback") or ())),
            duration=time.monotonic() - self._started,
            truncated=self._folder.truncated,
            state=self._state_after(ending, restored),
            note=" ".join(
                filter(None, [self._news, self._note(status, self._told(ending, restored), ending), self._incomplete])
            ),
            widgets=self._widgets.take_states(),
        )

    @property
    def late(self) -> Sequence[Message]:
        """What came after the end."""
        return self._collector.late

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody wants the kernel any more."""
        return self._abandoned

    @property
    def killed_kernel(self) -> bool:
        """Whether the kernel is gone after this block."""
        return self._killed or self._kernel.death is not None

    def _find_error(self, ending: Ending) -> dict[str, Any]:
        """The reply decides: AutoGen reads the outputs and calls a failed TaskGroup a success (measured)."""
        reply = ending.reply or {}
        shown = [output for output in self._folder.outputs if output["output_type"] == "error"]
        if reply.get("status") in ("error", "aborted"):  # tuples: code can send what has no hash
            # When showing a result fails, ipykernel 7.4 replies with an exception it does not have.
            return shown[-1] if shown and reply.get("ename") in (None, "NoneType") else read_error(reply)
        if ending.reply is None and ending.death is None and not ending.lost:
            return shown[-1] if shown else {"ename": "NoReply", "evalue": "the kernel ended the block without a reply"}
        return {}

    def _status(self, ending: Ending, error: dict[str, Any]) -> BlockStatus:
        if not self._abandoned and (ending.lost or (ending.death and ending.death.fate == "unknown")):
            return "unknown"  # also if it was to be stopped: nobody knows whether it was
        if self._stopped == "timeout" or (self._stopped and (error or ending.death)):
            return self._stopped
        if ending.death:
            return "died"
        return "error" if error and not exits_well(error) else "ok"

    def _note(self, status: BlockStatus, state: str, ending: Ending) -> str:
        if self._abandoned:
            return "Interrupted: the executor was stopped."
        if status == "died":
            return f"The kernel died ({ending.death}); {state}"
        if status == "unknown":
            why = ending.lost or str(ending.death)
            return f"{NOT_KNOWN} ({why}); it is not run again by itself. {state.capitalize()}"
        if status == "timeout":
            return f"Stopped at the time limit, after {time.monotonic() - self._started:.1f} s; {state}"
        return f"Interrupted; {state}" if status == "interrupted" else ""

    def _loses_state(self, ending: Ending) -> bool:
        return ending.death.fate == "lost" if ending.death else self._killed

    def _state_after(self, ending: Ending, restored: str) -> KernelState:
        if self._loses_state(ending):
            return "restored" if restored else "lost"
        return self._state_before if self._news else "kept"

    def _told(self, ending: Ending, restored: str) -> str:
        """Return a clause about the variables."""
        if self._loses_state(ending):
            return restored or STATE_LOST
        return FATES[ending.death.fate].format(why=ending.death) if ending.death else "variables are kept."

    @property
    def _incomplete(self) -> str:
        lost = self._collector.lost_output
        return f"Output incomplete: {lost}." if lost else ""
