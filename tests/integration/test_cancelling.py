"""Cancelling, by every road: the code stops, its output was told, and the next block works."""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from contextvars import ContextVar
from itertools import groupby
from typing import Any

import pytest
import pytest_asyncio

from kernel_executor import (
    BlockFinished,
    BlockOutput,
    BlockResult,
    BlockStarted,
    CancellationToken,
    CodeBlock,
    CodeResult,
    ExecutionEvent,
    KernelCodeExecutor,
)
from tests.support.runs import run

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["auto", "none"])
async def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[KernelCodeExecutor]:
    folder = tmp_path_factory.mktemp("work")
    async with KernelCodeExecutor(timeout=20, sandbox=request.param, work_dir=folder) as executor:
        yield executor


async def assert_works(executor: KernelCodeExecutor) -> None:
    result = await run(executor, "print('next')")
    assert (result.status, result.outputs[0]["text"]) == ("ok", "next\n")


class Watcher:
    """Collects events and tells when the code has printed."""

    def __init__(self) -> None:
        self.events: list[ExecutionEvent] = []
        self.printed = asyncio.Event()

    def __call__(self, event: ExecutionEvent) -> None:
        self.events.append(event)
        if isinstance(event, BlockOutput):
            self.printed.set()

    @property
    def finished(self) -> list[BlockResult]:
        return [event.result for event in self.events if isinstance(event, BlockFinished)]


def slow(name: str) -> str:
    return f"import time\nprint('begun', flush=True)\ntime.sleep(1)\nopen({name!r}, 'w').close()"


@pytest.mark.timing
async def test_cancelling_the_task_stops_the_code_in_under_a_second(shared: KernelCodeExecutor) -> None:
    watcher = Watcher()
    task = asyncio.create_task(shared.execute_code_blocks([CodeBlock(slow("task"))], on_event=watcher))
    await watcher.printed.wait()
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 1.0
    [result] = watcher.finished
    assert (result.status, result.exit_code, result.state_lost) == ("interrupted", 130, False)
    assert result.outputs[0]["text"] == "begun\n"
    await assert_works(shared)
    await asyncio.sleep(1.2)
    assert not (shared.stage_dir / "task").exists(), "the code went on after it was cancelled"


@pytest.mark.timing
async def test_a_token_stops_the_code_as_cancelling_the_task_does(shared: KernelCodeExecutor) -> None:
    watcher, token = Watcher(), CancellationToken()
    task = asyncio.create_task(shared.execute_code_blocks([CodeBlock(slow("token"))], token, on_event=watcher))
    await watcher.printed.wait()
    started = time.monotonic()
    await asyncio.to_thread(token.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 1.0
    assert [result.status for result in watcher.finished] == ["interrupted"]
    await assert_works(shared)


async def test_a_token_that_was_cancelled_before_runs_nothing(shared: KernelCodeExecutor) -> None:
    watcher, token = Watcher(), CancellationToken()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await shared.execute_code_blocks([CodeBlock("open('early', 'w').close()")], token, on_event=watcher)
    await assert_works(shared)
    assert not (shared.stage_dir / "early").exists()
    assert watcher.events == []


@pytest.mark.timing
async def test_code_that_swallows_the_cancellation_is_killed_in_about_a_second(shared: KernelCodeExecutor) -> None:
    watcher = Watcher()
    await run(shared, "kept = 7")
    # It tells of itself from within the `try`: told before it, a quick interrupt came before the loop (seen in CI).
    code = (
        "import time\nwhile True:\n    try:\n        print(1, flush=True)\n        time.sleep(0.1)\n"
        "    except BaseException: pass"
    )
    task = asyncio.create_task(shared.execute_code_blocks([CodeBlock(code)], on_event=watcher))
    await watcher.printed.wait()
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 2.0
    [result] = watcher.finished
    assert (result.status, result.state) == ("interrupted", "restored")
    await assert_works(shared)
    assert await shared.evaluate("kept") == "7"


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancellation_before_the_kernel_has_begun_is_not_lost(shared: KernelCodeExecutor, turns: int) -> None:
    """A SIGINT that comes before the code would be ignored, and the code would run after it."""
    watcher = Watcher()
    name = f"unbegun{turns}"
    task = asyncio.create_task(shared.execute_code_blocks([CodeBlock(slow(name))], on_event=watcher))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await assert_works(shared)
    assert all(result.status == "interrupted" for result in watcher.finished)
    await asyncio.sleep(1.2)
    assert not (shared.stage_dir / name).exists()


async def test_a_call_that_waits_its_turn_can_be_cancelled(shared: KernelCodeExecutor) -> None:
    first = asyncio.create_task(run(shared, "import time\ntime.sleep(0.5)\nprint('first')"))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(run(shared, "open('second', 'w').close()"))
    await asyncio.sleep(0.05)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    assert (await first).outputs[0]["text"] == "first\n"
    assert not (shared.stage_dir / "second").exists()
    await assert_works(shared)


@pytest.mark.timing
async def test_a_call_can_be_cancelled_while_the_kernel_is_being_replaced(sandbox: str) -> None:
    async with KernelCodeExecutor(sandbox=sandbox, checkpoints=False) as executor:  # type: ignore[arg-type]
        await run(executor, "import os\nos._exit(1)")
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await run(executor, "open('replaced', 'w').close()")
        assert time.monotonic() - started < 0.3
        await assert_works(executor)
        assert not (executor.stage_dir / "replaced").exists()


@pytest.mark.timing
@pytest.mark.parametrize("moment", [0.0, 0.001, 0.005, 0.02])
async def test_a_call_can_be_cancelled_while_the_kernel_comes_back(shared: KernelCodeExecutor, moment: float) -> None:
    """Before its first block: the kernel has died while nobody looked."""
    await run(shared, "kept = 7")
    kernel: Any = shared._runner._keeper._kernel
    os.kill(kernel.process.pid, signal.SIGKILL)
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(moment):
            await run(shared, "open('back', 'w').close()")
    assert time.monotonic() - started < 0.3
    await assert_works(shared)
    assert not (shared.stage_dir / "back").exists()
    assert await shared.evaluate("kept") == "7"


@pytest.mark.timing
@pytest.mark.parametrize("moment", [0.0, 0.01, 0.03])
async def test_a_call_can_be_cancelled_while_its_kernel_comes_back(shared: KernelCodeExecutor, moment: float) -> None:
    """After its last block: the block ends as it would have, and the call as cancelled."""
    watcher = Watcher()
    await run(shared, "kept = 7")
    code = CodeBlock("print('begun', flush=True)\nkept = 8\nimport os\nos._exit(1)")
    task = asyncio.create_task(shared.execute_code_blocks([code], on_event=watcher))
    kernel: Any = shared._runner._keeper._kernel
    while kernel.death is None:  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(0.001)
    await asyncio.sleep(moment)
    task.cancel()
    started = time.monotonic()
    await asyncio.wait({task})
    assert time.monotonic() - started < 1.0
    assert [result.state for result in watcher.finished] == ["restored"]
    await assert_works(shared)
    assert await shared.evaluate("kept") == "7"


async def test_two_calls_at_once_run_one_after_another_with_their_own_output(shared: KernelCodeExecutor) -> None:
    """Two stock-client calls at once steal each other's messages (3 of 3 trials)."""
    code = "import time\nfor i in range(50): print({0!r}, flush=True); time.sleep(0.002)"
    results = await asyncio.gather(*(run(shared, code.format(name)) for name in "ab"))
    assert ["".join(output["text"] for output in result.outputs) for result in results] == ["a\n" * 50, "b\n" * 50]


async def test_an_interrupt_ends_the_block_and_not_the_call(shared: KernelCodeExecutor) -> None:
    watcher = Watcher()
    task = asyncio.create_task(shared.execute_code_blocks([CodeBlock(slow("interrupt"))], on_event=watcher))
    await watcher.printed.wait()
    await shared.interrupt()
    result = await task
    assert (result.exit_code, result.blocks[0].status) == (130, "interrupted")
    assert "variables are kept" in result.output
    await shared.interrupt()  # nothing runs: nothing happens
    await assert_works(shared)


async def test_a_cell_that_runs_a_cell_can_be_interrupted(shared: KernelCodeExecutor) -> None:
    task = asyncio.create_task(run(shared, "get_ipython().run_cell('1')\nimport time\ntime.sleep(20)"))
    await asyncio.sleep(0.3)
    await shared.interrupt()
    result = await task
    assert (result.status, result.state_lost) == ("interrupted", False)
    assert result.duration < 1.5


async def test_the_stream_tells_every_event_and_the_result_last(shared: KernelCodeExecutor) -> None:
    items = [item async for item in shared.stream_code_blocks([CodeBlock("print(1)"), CodeBlock("1 / 0")])]
    kinds = [kind for kind, _ in groupby(map(type, items))]  # a slow machine may tell a line in pieces
    assert kinds == [BlockStarted, BlockOutput, BlockFinished, BlockStarted, BlockOutput, BlockFinished, CodeResult]
    assert items[-1].exit_code == 1  # type: ignore[union-attr]


@pytest.mark.timing
async def test_closing_the_stream_early_stops_the_code(shared: KernelCodeExecutor) -> None:
    stream = shared.stream_code_blocks([CodeBlock(slow("stream"))])
    async for event in stream:
        if isinstance(event, BlockOutput):
            break
    started = time.monotonic()
    await stream.aclose()
    assert time.monotonic() - started < 1.0
    await assert_works(shared)
    await asyncio.sleep(1.2)
    assert not (shared.stage_dir / "stream").exists()


@pytest.mark.parametrize("error", [RuntimeError("broken view"), asyncio.CancelledError("broken view")])
@pytest.mark.parametrize("kind", [BlockStarted, BlockOutput, BlockFinished])
async def test_a_listener_that_raises_is_detached_and_reported_and_breaks_nothing(
    shared: KernelCodeExecutor, kind: type, error: BaseException
) -> None:
    """It once ended the collecting of messages: the kernel went on, and the call raised the listener's error."""
    reported: list[BaseException] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(context["exception"]))

    def listen(event: ExecutionEvent) -> None:
        if isinstance(event, kind):
            raise error

    try:
        code = CodeBlock("print(1, flush=True)\nimport time; time.sleep(0.2)\nprint(2)")
        result = await shared.execute_code_blocks([code], on_event=listen)
    finally:
        loop.set_exception_handler(None)
    assert result.output == "1\n2"
    assert reported == [error]
    await assert_works(shared)


CALLER = ContextVar("CALLER", default="nobody")


async def test_a_listener_is_called_in_the_context_of_the_call(shared: KernelCodeExecutor) -> None:
    """Jupyter finds the cell to show something in by such a variable, tracing finds its span."""
    CALLER.set("this test")
    heard: list[str] = []
    await shared.execute_code_blocks([CodeBlock("print(1)")], on_event=lambda _: heard.append(CALLER.get()))
    assert set(heard) == {"this test"}
    assert len(heard) >= 3


async def test_an_interrupt_at_any_moment_costs_neither_the_reply_nor_the_kernel(shared: KernelCodeExecutor) -> None:
    """In the last millisecond of a cell it cost the reply in a quarter of the trials, and now and then the kernel."""
    chance = random.Random(1)
    await run(shared, "kept = 1")
    for _ in range(200):
        task = asyncio.create_task(run(shared, "print('hello')"))
        await asyncio.sleep(chance.uniform(0, 0.004))
        await shared.interrupt()
        result = await task
        assert (result.status, result.state_lost) in {("ok", False), ("interrupted", False)}
        assert result.ename in {None, "KeyboardInterrupt"}
    assert await shared.evaluate("kept") == "1"


@pytest.mark.timing
async def test_evaluating_can_be_cancelled_and_does_not_block_the_next_block(shared: KernelCodeExecutor) -> None:
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await shared.evaluate("__import__('time').sleep(10)")
    assert await shared.evaluate("__import__('time').sleep(10)", timeout=0.2) is None
    await assert_works(shared)
    assert time.monotonic() - started < 3.0


async def test_evaluating_can_be_stopped_at_once_and_the_kernel_is_kept(shared: KernelCodeExecutor) -> None:
    """A SIGINT before ipykernel has begun is ignored: it waited for its end then, and the kernel was ended."""
    chance = random.Random(1)
    await run(shared, "kept = 1")
    for _ in range(50):
        timeout = chance.uniform(0, 0.003)
        assert await shared.evaluate("__import__('time').sleep(10)", timeout=timeout) is None
    assert await shared.evaluate("kept") == "1"


SWALLOWS = """
        while True:
            try:
                while True:
                    try: time.sleep(0.1)
                    except BaseException: pass
            except BaseException: pass  # what came between the end of one try and the next
"""
IGNORES = """
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        time.sleep(60)
"""


@pytest.mark.parametrize("stubbornness", [SWALLOWS, IGNORES], ids=["swallows", "ignores"])
async def test_evaluating_what_cannot_be_stopped_ends_the_kernel_and_says_so(
    shared: KernelCodeExecutor, stubbornness: str
) -> None:
    code = f"import signal, time\nclass Stubborn:\n    def __repr__(self):{stubbornness}\nstubborn = Stubborn()"
    assert (await run(shared, code)).status == "ok"
    # Not less: before `__repr__` has begun, on a busy machine, it is no stubborn expression yet.
    assert await shared.evaluate("stubborn", timeout=1.0) is None
    result = await run(shared, "type(stubborn).__name__")
    assert (result.state, result.outputs[0]["data"]["text/plain"]) == ("restored", "'Stubborn'")
    assert "had died before this block" in result.note


@pytest.mark.parametrize("expression", ["1 / 0", "nonsense(", "", "undefined"])
async def test_evaluating_what_fails_gives_none(shared: KernelCodeExecutor, expression: str) -> None:
    assert await shared.evaluate(expression) is None


async def test_evaluating_leaves_no_trace(shared: KernelCodeExecutor) -> None:
    first = await run(shared, "'x'")
    assert await shared.evaluate("1 + 1") == "2"
    second = await run(shared, "_")
    assert second.execution_count == (first.execution_count or 0) + 1
    assert second.outputs[0]["data"]["text/plain"] == "'x'"


async def test_the_files_above_are_written_where_they_are_looked_for(shared: KernelCodeExecutor) -> None:
    """The absence of a file proves something only if the code would have made it there."""
    await run(shared, slow("there").replace("sleep(1)", "sleep(0)"))
    assert (shared.stage_dir / "there").exists()
