"""Runs blocks as scripts in a work folder, one at a time. Knows no sandbox and no container."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kernel_executor.aio.tasks import acquired, uninterrupted
from kernel_executor.events import BlockFinished, BlockOutput, BlockStarted
from kernel_executor.lifecycle.in_order import unheard
from kernel_executor.lifecycle.listeners import Listener
from kernel_executor.network.gate import Gate
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.outputs.output_changes import Append, OutputChange
from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.scripts.run import ScriptProcess, ScriptRun
from kernel_executor.scripts.script import Script, ScriptRefused, script_of
from kernel_executor.stage.stage import Stage, checked, shown_by
from kernel_executor.types import BlockResult, CodeBlock

CANNOT_RUN = 1


@dataclass(frozen=True, slots=True)
class ScriptFolder:
    """Where scripts are written.

    Args:
        work_dir: The user's folder, resolved.
        stage: What stands for it while code runs; None if code runs in the folder itself.
        taken: What was in the folder at the start and is not overwritten, where there is no stage.
        granted: Files and folders in it that the user lets be changed.
        keep: Whether scripts without a name of their own stay after the run.
    """

    work_dir: Path
    stage: Stage | None = None
    taken: frozenset[str] = frozenset()
    granted: frozenset[str] = frozenset()
    keep: bool = False

    @property
    def path(self) -> Path:
        """The folder that scripts are written to."""
        return self.stage.place.files if self.stage else self.work_dir

    def folder_of(self, name: str) -> Path:
        """Return the folder that a script of a name is written to: what is granted is the user's own file."""
        return self.work_dir if self._is_granted(name) else self.path

    @property
    def seen_at(self) -> PurePosixPath:
        """Where that is for the code, from the folder it runs in."""
        return PurePosixPath(self.stage.place.below if self.stage else "")

    def is_protected(self, name: str) -> bool:
        """Return whether a file, by its path in the folder, is not overwritten."""
        if self._is_granted(name):
            return False
        return self.stage.is_users(name) if self.stage else PurePosixPath(name).parts[0] in self.taken

    def _is_granted(self, name: str) -> bool:
        return any(str(path) in self.granted for path in (PurePosixPath(name), *PurePosixPath(name).parents))


class ScriptRunner:
    """Runs blocks as scripts.

    Args:
        folder: Where they are written.
        limits: How much output of one is kept.
        languages: The languages of blocks that run.
        launch: Starts one.
        isolation: What holds them, as probed.
        explained: Adds what holds a script has to do with its error.
        gate: What decides which names of the network they reach; None if they reach none.
    """

    def __init__(
        self,
        folder: ScriptFolder,
        *,
        limits: OutputLimits,
        languages: tuple[str, ...],
        launch: Callable[[Script], Awaitable[ScriptProcess]],
        isolation: Isolation,
        explained: Callable[[BlockResult, Isolation], BlockResult],
        gate: Gate | None = None,
    ) -> None:
        self._folder = folder
        self._limits = limits
        self._launch = launch
        self.languages = languages
        self.isolation = isolation
        self._explained = explained
        self.gate = gate
        self._current: ScriptRun | None = None
        self._busy = asyncio.Lock()
        self._unwanted = self._closed = False

    @property
    def work_dir(self) -> Path:
        """The user's folder."""
        return self._folder.work_dir

    @property
    def stage(self) -> Stage | None:
        """What stands for it while code runs."""
        return self._folder.stage

    async def interrupt(self) -> None:
        """Stop the script that is running or being started, if one is; it ends as `interrupted`."""
        self._unwanted = self._busy.locked()
        if self._current:
            await self._current.interrupt()

    async def restart(self) -> None:
        """Do nothing: no state but files stays between blocks."""

    async def aclose(self) -> None:
        """Stop the script that is running or being started, if one is; it ends as `interrupted`."""
        self._closed = True
        await self.interrupt()
        async with self._busy:  # what it needs is taken away next
            pass

    async def run_block(self, index: int, block: CodeBlock, timeout: float | None, on_event: Listener) -> BlockResult:
        """Run one block and tell its events; a script that cannot be written or started is an error of the block.

        Args:
            index: Its position in the call.
            block: What to run.
            timeout: Seconds; None sets no limit.
            on_event: Told what happens.

        Raises:
            CancelledError: We were cancelled; the script has been stopped.
        """
        async with self._busy:
            self._unwanted = False
            return await self._run(index, block, timeout, on_event)

    async def _run(self, index: int, block: CodeBlock, timeout: float | None, on_event: Listener) -> BlockResult:
        try:
            script = script_of(block, self._folder)
            script.write()
        except ScriptRefused as refusal:
            return _refused(index, block, str(refusal), on_event)
        process: ScriptProcess | None = None
        try:
            if script.kept and self.stage:
                self.stage.outbox.name_file(script.name)
            process = await acquired(self._launch(script), _kill)
        except OSError as error:
            return _refused(index, block, f"The script cannot be started: {error.strerror or error}.", on_event)
        finally:
            if process is None:
                script.discard()
        return await self._attend(index, block, script, process, timeout, on_event)

    async def evaluate(self, expression: str, timeout: float) -> str | None:
        """Return the `repr` of a Python expression, in a script of its own; None if it fails or takes longer."""
        block = CodeBlock(f"print(repr({expression}), end='')")
        result = await self.run_block(0, block, timeout, unheard)
        texts = [output["text"] for output in result.outputs if output.get("name") == "stdout"]
        return "".join(texts) if result.status == "ok" else None

    async def _attend(  # noqa: PLR0917 - each is another thing
        self,
        index: int,
        block: CodeBlock,
        script: Script,
        process: ScriptProcess,
        timeout: float | None,
        on_event: Listener,
    ) -> BlockResult:
        def on_change(block_id: str, change: OutputChange) -> None:
            on_event(BlockOutput(block_id, change))

        run = self._current = ScriptRun(block, process, self._limits, on_change, shown=shown_by(self.stage))
        on_event(BlockStarted(run.id, index, block))
        try:
            if self._closed or self._unwanted:  # it was being started
                await uninterrupted(run.interrupt())
            await run.attend(timeout)
        finally:
            self._current = None
            script.discard()  # before what is left in the folder is looked at
            result = self._explained(await checked(self.stage, run.result()), self.isolation)
            on_event(BlockFinished(run.id, index, result))
        return result


def names_in(folder: Path, paths: Sequence[Path]) -> frozenset[str]:
    """Return those of some paths that are in a folder, relative to it."""
    return frozenset(path.relative_to(folder).as_posix() for path in paths if path.is_relative_to(folder))


async def _kill(process: ScriptProcess) -> None:
    await process.kill()


def _refused(index: int, block: CodeBlock, why: str, on_event: Listener) -> BlockResult:
    output = {"output_type": "stream", "name": "stderr", "text": f"{why}\n"}
    result = BlockResult(block=block, status="error", exit_code=CANNOT_RUN, outputs=(output,))
    for event in (BlockStarted("", index, block), BlockOutput("", Append(output)), BlockFinished("", index, result)):
        on_event(event)
    return result
