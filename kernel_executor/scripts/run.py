"""One run of one script: collects its output, stops it when it must stop, and says how it ended.

Knows a process that writes to two streams and ends; nothing of where it runs.
"""

import asyncio
import codecs
import time
import uuid
from collections.abc import Callable
from typing import Literal, Protocol

from kernel_executor.lifecycle import interrupt_ladder as ladder
from kernel_executor.lifecycle.interrupt_ladder import Patience
from kernel_executor.outputs.exit_codes import KILLED, describe_exit, is_of_signal
from kernel_executor.outputs.fold import OutputFolder, OutputLimits
from kernel_executor.outputs.output_changes import Append, OutputChange
from kernel_executor.types import BlockResult, BlockStatus, CodeBlock

AT_DEADLINE: Patience = (1.0,)
"""A script has no state to save: AutoGen's took 12 s to end one that ignores SIGTERM, and 25 s with a grandchild."""

LAST_PATIENCE = 10.0  # seconds for what was killed to be gone

TIMED_OUT = 124  # as of timeout(1)
CANCELLED = 125  # as of AutoGen's command line executors

StreamName = Literal["stdout", "stderr"]

Tell = Callable[[StreamName, bytes], None]
"""Is given what a process writes, piece by piece."""


class ScriptProcess(Protocol):
    """A running script, wherever it runs."""

    async def attend(self, tell: Tell) -> int:
        """Pass on what it writes until it has ended; return its exit code, 128 + N if signal N ended it.

        What the script has left running has ended, too, when this returns.
        """
        ...

    @property
    def cause(self) -> str:
        """Why it was ended, a clause, where its exit code does not tell; known when it has ended."""
        ...

    async def interrupt(self) -> None:
        """Send SIGINT to it and to what it started."""
        ...

    async def kill(self) -> None:
        """End it and everything it started."""
        ...


class ScriptRun:
    """A script on its way. Use `attend`, then `result`.

    Args:
        block: What runs.
        process: The process that runs it.
        limits: How much of its output is kept.
        on_change: Told each change of its outputs.
        shown: Gives texts of its outputs as they are to be shown.
    """

    def __init__(
        self,
        block: CodeBlock,
        process: ScriptProcess,
        limits: OutputLimits,
        on_change: Callable[[str, OutputChange], None],
        *,
        shown: Callable[[str], str] | None = None,
    ) -> None:
        self.id = uuid.uuid4().hex
        self._block = block
        self._process = process
        self._folder = OutputFolder(limits, shown)
        self._on_change = on_change
        self._started = time.monotonic()
        self._stopped: BlockStatus | None = None
        # Output is bytes in pieces: a letter may be cut in two, and what is no UTF-8 must not end the run.
        self._decoders = {name: codecs.getincrementaldecoder("utf-8")("replace") for name in ("stdout", "stderr")}
        self._work = asyncio.ensure_future(process.attend(self._take))

    async def attend(self, timeout: float | None) -> None:
        """Wait for the end; stop the script at the deadline or when cancelled.

        Args:
            timeout: Seconds; None waits forever.

        Raises:
            CancelledError: We were cancelled; the script has been stopped and `result` tells so.
        """
        try:
            await ladder.attend(self._work, timeout, self._stop, AT_DEADLINE)
        finally:
            if self._work.cancelled():  # perhaps before it began, for the loop is closing: nobody else ends the script
                await self._process.kill()

    async def interrupt(self) -> None:
        """Interrupt the script, and kill it if it does not end; it ends as `interrupted`."""
        await self._stop("interrupted", ladder.ON_CANCEL)

    async def _stop(self, why: BlockStatus, patience: Patience) -> None:
        self._stopped = why
        if not await ladder.interrupt(self._work, self._process.interrupt, patience):
            await self._process.kill()
            await asyncio.wait({self._work}, timeout=LAST_PATIENCE)
            self._work.cancel()  # nothing ends it: a container that is paused, say
            await asyncio.wait({self._work})

    def _take(self, name: StreamName, chunk: bytes) -> None:
        self._write(name, self._decoders[name].decode(chunk))

    def _write(self, name: str, text: str) -> None:
        change = self._folder.apply(Append({"output_type": "stream", "name": name, "text": text})) if text else None
        if change:
            self._on_change(self.id, change)

    def result(self) -> BlockResult:
        """Return how it ended; call after `attend` has returned or was cancelled.

        Raises:
            KernelExecutorError: What runs the script has failed.
        """
        code = KILLED if self._work.cancelled() else self._work.result()
        for name, decoder in self._decoders.items():
            self._write(name, decoder.decode(b"", final=True))
        self._folder.finish()
        status = self._stopped or _status(code)
        return BlockResult(
            block=self._block,
            status=status,
            exit_code={"timeout": TIMED_OUT, "interrupted": CANCELLED}.get(status, code),
            outputs=self._folder.outputs,
            duration=time.monotonic() - self._started,
            truncated=self._folder.truncated,
            note=self._note(status, code),
        )

    def _note(self, status: BlockStatus, code: int) -> str:
        match status:
            case "timeout":
                return f"Stopped at the time limit, after {time.monotonic() - self._started:.1f} s."
            case "interrupted":
                return "Interrupted."
            case "died":
                cause = self._process.cause
                return f"The script was ended: {cause}." if cause else f"The script was ended by {describe_exit(code)}."
            case _:
                return ""


def _status(code: int) -> BlockStatus:
    if code == 0:
        return "ok"
    return "died" if is_of_signal(code) else "error"
