"""Copies variables of a notebook into the managed kernel. What loads them runs as any block and is a cell.

Knows no IPython; how a variable becomes a file is `variable_files`' business.
"""

import asyncio
from contextlib import suppress
from functools import partial
from threading import Event
from typing import Any

from codeagent_nb.describing.asking import description_of, told
from codeagent_nb.describing.describe_less import describe_variable_less
from codeagent_nb.errors import VariableRefused
from codeagent_nb.events import VariableEvent
from codeagent_nb.log.standing import standing
from codeagent_nb.loop.driver import roll_back
from codeagent_nb.models.privacy import LessTold
from codeagent_nb.session.session import Session
from codeagent_nb.session.variable_files import WrittenVariable, refused, write_variable
from kernel_executor import CodeBlock, KernelExecutorError
from kernel_executor.ports import CopyingExecutor
from kernel_executor.text import shorten

DESCRIPTION_BUDGET = 3_000  # characters of one variable, about 750 tokens
LOAD_TIMEOUT = 120.0  # seconds; the task's own limit is for the task's own code


async def bring_variable(session: Session, name: str, value: Any) -> None:
    """Copy a variable into the session's kernel and tell the model what it is; its file is kept with the session.

    Raises:
        VariableRefused: It cannot be copied; it says why and what to do.
    """
    await _bring(session, name, value)


async def attach_variable(session: Session, name: str, value: Any) -> None:
    """Copy a variable that a task names, unless the kernel has one of that name and it is the same in the notebook.

    What the agent has made of it since stays, and so does a variable of that name that is the agent's own.

    Raises:
        VariableRefused: It cannot be copied.
    """
    events = standing(session.log.events)
    given = [event.code for event in events if isinstance(event, VariableEvent) and event.name == name]
    is_there = await session.executor.evaluate(f"{name!r} in globals()") == "True"  # it may have been lost, or deleted
    if is_there and not given:
        return
    await _bring(session, name, value, attached=True, loaded=given[-1] if is_there else "")


async def _bring(session: Session, name: str, value: Any, *, attached: bool = False, loaded: str = "") -> None:
    """Copy a variable, unless what would load it is what has loaded it."""
    try:
        written = await _write(session, name, value)
        if written.code == loaded:
            return
        try:
            await _load(session, written, value, attached=attached)
        finally:
            _forget(session, written)
    except VariableRefused as error:
        session.log.secrets.take_out_of(error)  # an object's error may say anything
        raise


async def _load(session: Session, written: WrittenVariable, value: Any, *, attached: bool) -> None:
    await roll_back(session.executor, session.log)  # else it would take the variable back, too
    await _copy_there(session, written, value)
    result = await session.executor.execute_code_blocks([CodeBlock(written.code)], timeout=LOAD_TIMEOUT)
    block = result.blocks[-1]
    if block.status != "ok":
        late = f"had not loaded it after {LOAD_TIMEOUT:.0f} s" if block.status == "timeout" else ""
        failed = f"could not load it ({shorten(f'{block.ename}: {block.evalue}', 400)})"
        raise refused(written.name, value, f"the managed kernel {late or failed}")
    session.log.publish(
        VariableEvent(
            source="notebook",
            name=written.name,
            code=written.code,
            description=await _describe(session, written),
            less=await _describe_less(session, written.name, value),
            execution_count=block.execution_count,
            path=written.path,
            attached=attached,
        )
    )


async def _copy_there(session: Session, written: WrittenVariable, value: Any) -> None:
    """Copy a variable's file to where code works, if that is another machine."""
    if isinstance(session.executor, CopyingExecutor):
        try:
            await session.executor.upload(session.executor.work_dir / written.path, written.path)
        except KernelExecutorError as error:
            raise refused(written.name, value, f"its file could not be copied to the server ({error})") from error


async def _write(session: Session, name: str, value: Any) -> WrittenVariable:
    """Write in a thread: an object's own code may take its time, and Stop must be heard meanwhile."""
    stop = Event()
    secrets = session.log.secrets
    write = partial(write_variable, name, value, session.data, session.executor.work_dir, secrets, stop=stop)
    writing = asyncio.get_running_loop().run_in_executor(None, write)
    try:
        await asyncio.wait({writing})  # cancelled, it leaves the thread to itself: nothing can end an object's sleep
    except asyncio.CancelledError:
        stop.set()
        writing.add_done_callback(lambda done: None if done.exception() else _forget(session, done.result()))
        raise
    try:
        return writing.result()
    except (KeyboardInterrupt, SystemExit) as error:  # of the object's own code; here it would end the loop
        raise refused(name, value, f"it cannot be pickled ({type(error).__name__})") from error


def _forget(session: Session, written: WrittenVariable) -> None:
    """Take away a file that no cell of the session loads."""
    if not any(isinstance(event, VariableEvent) and event.code == written.code for event in session.log.events):
        with suppress(OSError):
            (session.executor.work_dir / written.path).unlink()


async def _describe_less(session: Session, name: str, value: Any) -> LessTold:
    """Describe a variable where it comes from: what a kernel says is whatever the code that ran there makes of it."""
    describe = partial(describe_variable_less, name, value, DESCRIPTION_BUDGET)
    try:
        statistics, schema = [await asyncio.to_thread(describe, level) for level in ("statistics", "schema")]
    except Exception:  # noqa: BLE001 - of a library that this process has in another version; its name is told
        return LessTold()
    text = session.log.secrets.preview
    return LessTold(statistics=text(statistics), schema=text(schema))


async def _describe(session: Session, written: WrittenVariable) -> str:
    call = description_of("describe_variable", repr(written.name), written.name, str(DESCRIPTION_BUDGET))
    answer = await session.executor.evaluate(call)
    description = session.log.secrets.preview(told(answer, DESCRIPTION_BUDGET + 200))
    return description or f"The variable `{written.name}` is there."
