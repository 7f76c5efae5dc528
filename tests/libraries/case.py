"""One case: state that code makes, how it is changed, and how one sees that it is right and its library works."""

import asyncio
from dataclasses import dataclass

from kernel_executor import CodeBlock, KernelCodeExecutor, NoCheckpoint

LIMIT = 20.0
"""Seconds a case may take, all its restores together: what hangs is no limit that is told."""

DEATH = "import os\nos._exit(3)"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A case.

    Args:
        name: What it is, for people.
        setup: Makes the state; nothing in it may be printed.
        check: Fails unless the state is as `setup` left it, and the library works; may change the state.
        change: Changes the state.
        refused: What the reason tells if there is no checkpoint; empty if there is one.
        room: The heading it stands under.
        note: What else is to be known.
    """

    name: str
    setup: str
    check: str
    change: str = ""
    refused: str = ""
    room: str = ""
    note: str = ""


async def reason_of(case: Case, executor: KernelCodeExecutor) -> str:
    """Go through a case; return why there was no checkpoint, or nothing if the state came back each time.

    Raises:
        AssertionError: The state was not right, or the library did not work.
    """
    async with asyncio.timeout(LIMIT):
        await _does(executor, case.setup, "setup")
        try:
            kept = await executor.checkpoint()
        except NoCheckpoint as error:
            await _does(executor, case.check, "the kernel that was refused")
            return str(error)
        await _does(executor, case.check, "the kernel that the checkpoint was taken of")
        await _does(executor, case.change, "change")
        await executor.restore(kept)
        await _does(executor, case.check, "the first kernel that came back")
        await _does(executor, case.change, "change")
        await executor.restore(kept)
        died = (await executor.execute_code_blocks([CodeBlock(DEATH)])).blocks[0]
        why = f"{died.status} {died.state}: {executor._runner.why_no_checkpoint}"
        assert (died.status, died.state) == ("died", "restored"), why
        await _does(executor, case.check, "the kernel that came back by itself, from one that came back")
    return ""


async def _does(executor: KernelCodeExecutor, code: str, what: str) -> None:
    result = (await executor.execute_code_blocks([CodeBlock(code)])).blocks[0]
    assert result.status == "ok", f"{what}: {result.status} {result.ename} {result.evalue}\n" + "\n".join(
        [*result.traceback, *(str(output.get("text")) for output in result.outputs)]
    )
