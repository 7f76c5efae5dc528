"""The faults of docs/design.md against every executor: what must hold for all, and one table of what differs.

One executor of each kind for all rows: each fault must leave it as good as new.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from kernel_executor import (
    BlockFinished,
    BlockOutput,
    BlockResult,
    CancellationToken,
    CodeBlock,
    CodeResult,
    ExecutionEvent,
    KernelState,
    NotFetched,
    NotStarted,
    OutputLimits,
)
from tests.integration.executor_kinds import EVERYWHERE, FORKED, KERNELS, SCRIPTS, Executor

pytestmark = [pytest.mark.integration, pytest.mark.timing, pytest.mark.asyncio(loop_scope="module")]

SOON = 6.0
"""Seconds for what takes 0.2 to 0.6 on a quiet machine, where 1 of patience may be meant."""

LIMITS = OutputLimits(head=10_000, tail=2_000)

SLEEP = f"600.{os.getpid():07}"
"""Seconds that nothing else on this machine sleeps: processes left behind are found by it, those in containers too."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A fault, and what must hold.

    Args:
        code: What runs.
        language: Its language.
        timeout: The time limit.
        within: Seconds it may take.
        status: How the block ends.
        exit_code: What it counts as.
        says: What is in its output.
        note: What is in its note.
        state: What becomes of variables, those of calls before.
        leaves: Whether a process it started may go on until the executor is started afresh.
    """

    code: str
    language: str = "python"
    timeout: float = 20.0
    within: float = SOON
    status: str = "ok"
    exit_code: int = 0
    says: str = ""
    note: str = ""
    state: KernelState = "kept"
    leaves: bool = False


def endless(code: str, *, timeout: float = 0.8, within: float = SOON, **settings: Any) -> Row:
    """Code that only the time limit ends, and that has to be back within so many seconds of it."""
    settings = {"says": "before\n", **settings}
    return Row(code=code, timeout=timeout, within=timeout + within, status="timeout", exit_code=124, **settings)


BEFORE = "print('before', flush=True)\n"

BOMB = f"""
import os, time
for _ in range(100):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp('sleep', ['sleep', '{SLEEP}'])
        os._exit(0)
    os.wait()
print('before', flush=True)
while True:
    try: time.sleep(0.1)
    except BaseException: pass
"""

GROUP = """
import asyncio, concurrent.futures
async def fail(): raise ValueError('in a task')
async def main():
    async with asyncio.TaskGroup() as group: group.create_task(fail())
concurrent.futures.ThreadPoolExecutor().submit(asyncio.run, main()).result()
"""  # in a thread, for a kernel has a running loop

FAULTS: Mapping[str, Row] = {
    "sleep forever": endless(BEFORE + "import time; time.sleep(1000)"),
    "busy loop": endless(BEFORE + "while True: pass"),
    "waiting for a child": endless(BEFORE + f"import subprocess; subprocess.run(['sleep', '{SLEEP}'])"),
    "sh sleeps forever": endless(f"echo before; sleep {SLEEP}", language="sh"),
    "swallows interrupts": endless(
        "import time\nprint('before', flush=True)\nwhile True:\n"
        "    try: time.sleep(0.05)\n    except BaseException: pass",
    ),
    "ignores signals": endless(
        "import signal, time\nfor number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)\n"
        "print('before', flush=True)\nwhile True: time.sleep(1)",
    ),
    "sh ignores signals": endless(f"trap '' INT TERM; echo before; sleep {SLEEP}; sleep {SLEEP}", language="sh"),
    "fork bomb": endless(BOMB, timeout=3.0),
    "sh waits for a grandchild": endless(f"echo before; sleep {SLEEP} & wait", language="sh", timeout=2.0),
    "a grandchild holds the pipes forever": endless(
        f"import subprocess\nprint('before', flush=True)\n"
        f"subprocess.Popen(['sleep', '{SLEEP}'], start_new_session=True).wait()",
        timeout=2.0,
    ),
    "endless big prints": endless("print('before')\nwhile True: print('x' * 99_999)"),
    "endless small prints": endless("print('before')\nwhile True: print('x')"),
    "endless sh output": endless("echo before; yes", language="sh"),
    "sh leaves a grandchild": Row(code=f"sleep {SLEEP} & echo before", language="sh", timeout=2, says="before\n"),
    "a grandchild holds the pipes": Row(
        code=f"import subprocess\nprint('before')\nsubprocess.Popen(['sleep', '{SLEEP}'], start_new_session=True)",
        timeout=2,
        says="before\n",
    ),
    "exit()": Row(code="print('before')\nexit()\nprint('after')", says="before\n"),
    "sys.exit(0)": Row(code="import sys\nprint('before')\nsys.exit(0)", says="before\n"),
    "sys.exit(3)": Row(code="import sys\nprint('before')\nsys.exit(3)", status="error", exit_code=3, says="before\n"),
    "os._exit(3)": Row(
        code=BEFORE + "import os, time; time.sleep(0.1); os._exit(3)", status="error", exit_code=3, says="before\n"
    ),
    "kills itself": Row(
        code=BEFORE + "import os, signal, time; time.sleep(0.1); os.kill(os.getpid(), signal.SIGKILL)",
        status="died",
        exit_code=137,
        says="before\n",
        note="SIGKILL, perhaps out of memory",
    ),
    "segfault": Row(
        code=BEFORE + "import ctypes, time; time.sleep(0.1); ctypes.string_at(0)",
        status="died",
        exit_code=139,
        says="before\n",
        note="SIGSEGV",
    ),
    "sh exit 5": Row(code="echo before; exit 5", language="sh", status="error", exit_code=5, says="before\n"),
    "sh kills itself": Row(
        code="echo before; kill -9 $$", language="sh", status="died", exit_code=137, says="before\n"
    ),
    "input()": Row(code="input()", status="error", exit_code=1, says="Error"),
    "getpass": Row(code="import getpass; getpass.getpass()", status="error", exit_code=1, says="Error"),
    "sys.stdin.read()": Row(code="import sys; print(repr(sys.stdin.read()))", says="''\n"),
    "sh read": Row(code="read line || echo nothing", language="sh", says="nothing\n"),
    "ExceptionGroup": Row(
        code="raise ExceptionGroup('several', [ValueError('one'), KeyError('two')])",
        status="error",
        exit_code=1,
        says="ValueError: one",
    ),
    "TaskGroup": Row(code=GROUP, status="error", exit_code=1, says="ValueError: in a task"),
    "deep recursion": Row(
        code="def f(): f()\nf()", timeout=60, within=40, status="error", exit_code=1, says="RecursionError"
    ),
    "output that is no UTF-8": Row(
        code="import os; os.write(1, b'caf\\xe9 \\xff\\n')\nprint('ok')", says="caf\N{REPLACEMENT CHARACTER}"
    ),
    "sh output that is no UTF-8": Row(
        code="printf 'caf\\351\\nok\\n'", language="sh", says="\N{REPLACEMENT CHARACTER}"
    ),
    "a letter in two pieces": Row(
        code="import os, time\nfor piece in (b'\\xc3', b'\\xa9\\n'): os.write(1, piece); time.sleep(0.1)", says="é\n"
    ),
    "order of the streams": Row(
        code="import sys, time\nfor name in 'abcd':\n"
        "    print(name, file=sys.stderr if name in 'bd' else sys.stdout, flush=True); time.sleep(0.1)",
        says="a\nb\nc\nd\n",
    ),
    "NUL in code": Row(code="print('a')\0", status="error", exit_code=1, says="cannot hold a NUL character"),
    "NUL in sh": Row(code="echo a\0b", language="sh", status="error", exit_code=1, says="cannot hold a NUL character"),
    "lone surrogate in code": Row(code="print('a\ud800b')", says="a?b\n"),
    "lone surrogate in sh": Row(code="echo 'a\ud800b'", language="sh", says="a?b\n"),
    "empty code": Row(code=""),
    "only a comment": Row(code="# nothing"),
    "empty sh": Row(code="", language="sh"),
    "syntax error": Row(code="print('a'", status="error", exit_code=1, says="SyntaxError"),
    "unknown language": Row(code="let x", language="javascript", status="skipped", exit_code=1, note="'javascript'"),
    "100 MB in one print": Row(code="print('before' + 'x' * 100_000_000)", within=17, says="left out"),
}

ROWS: Mapping[str, Row] = {
    **FAULTS,
    "interrupted": Row(
        code="import time\nprint('before\\n', end='', flush=True)\ntime.sleep(3)\nopen(NAME, 'w').close()",
        within=2.5,
        status="interrupted",
        exit_code=130,
        says="before\n",
        note="Interrupted",
    ),
    "read-only folder": Row(code="open('new.csv', 'w')", status="ok", exit_code=0, says=""),
}


@dataclass(frozen=True)
class Difference:
    """Why a row holds otherwise, and what of it."""

    why: str
    changes: Mapping[str, Any]


def of(names: Sequence[str], kinds: Sequence[str], why: str, **changes: Any) -> dict[tuple[str, str], Difference]:
    return {(name, kind): Difference(why, changes) for name in names for kind in kinds}


STUBBORN = ("swallows interrupts", "ignores signals", "fork bomb")
DEATHS = ("os._exit(3)", "kills itself", "segfault")
GRANDCHILDREN = ("a grandchild holds the pipes forever", "sh leaves a grandchild", "a grandchild holds the pipes")

DIFFERENCES: Mapping[tuple[str, str], Difference] = {
    **{
        key: Difference(
            "its variables are worth 3 s of patience, and are lost with it",
            {"within": ROWS[key[0]].timeout + 3 + SOON, "state": "lost"},
        )
        for key in of(STUBBORN, KERNELS, "")
    },
    **{
        key: Difference(
            "its variables are worth 3 s of patience, and come back from a checkpoint",
            {"within": ROWS[key[0]].timeout + 3 + SOON, "state": "restored"},
        )
        for key in of(STUBBORN, FORKED, "")
    },
    **of(
        GRANDCHILDREN,
        KERNELS,
        "what a cell leaves running may be a server that the next one uses; it ends with the kernel",
        leaves=True,
    ),
    **of(["os._exit(3)"], KERNELS, "the kernel is gone with the code", status="died", state="lost", note="code 3"),
    **of(["kills itself", "segfault"], KERNELS, "the kernel is gone with the code", state="lost"),
    **of(["os._exit(3)"], FORKED, "a fork of it has its variables", status="died", state="restored", note="code 3"),
    **of(["kills itself", "segfault"], FORKED, "a fork of it has its variables", state="restored"),
    **of(
        DEATHS,
        ["remote kernel"],
        "a server looks every 3 s whether its kernel lives, and does not tell how it ended",
        status="died",
        exit_code=1,
        state="lost",
        note="its process ended",
        within=12,
    ),
    **of(["sh kills itself"], KERNELS, "only the shell died: the kernel and its variables live", status="error"),
    **of(["NUL in code"], KERNELS, "Python reads the code itself, and says so in its own words", says="null byte"),
    **of(
        ["segfault"],
        ["container scripts"],
        "the image has the smallest Python, without ctypes",
        code=BEFORE + "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    ),
    **of(["TaskGroup"], ["container scripts"], "nor has it asyncio", says="No module named 'asyncio'"),
    **of(
        ["interrupted"],
        SCRIPTS,
        "the code of AutoGen's executors of scripts; a kernel's is that of SIGINT",
        exit_code=125,
    ),
    **(
        of(
            ["read-only folder"],
            ["bare kernel", "bare scripts"],
            "they have no stage, and write into the folder itself",
            status="error",
            exit_code=1,
            says="Permission denied",
        )
        if os.geteuid()  # root may write anywhere
        else {}
    ),
}


def expected(name: str, kind: str) -> Row:
    difference = DIFFERENCES.get((name, kind))
    return replace(ROWS[name], **difference.changes) if difference else ROWS[name]


@pytest.fixture(scope="module", params=EVERYWHERE)
def kind(request: pytest.FixtureRequest) -> str:
    """Run a test with every executor there is."""
    for word, needed in {"container": "engine", "remote": "server"}.items():
        if word in request.param:
            request.getfixturevalue(needed)
    return str(request.param)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(kind: str) -> AsyncIterator[Executor]:
    async with EVERYWHERE[kind](timeout=20, limits=LIMITS) as executor:
        yield executor


async def run(executor: Executor, code: str, language: str = "python", timeout: float | None = 20) -> CodeResult:
    return await executor.execute_code_blocks([CodeBlock(code, language)], timeout=timeout)


def text(result: CodeResult) -> str:
    outputs = result.blocks[-1].outputs
    return "".join(output["text"] for output in outputs if output["output_type"] == "stream")


async def assert_works_soon(executor: Executor, seconds: float = SOON) -> None:
    started = time.monotonic()
    result = await run(executor, "print('next')")
    assert (result.blocks[-1].status, text(result)) == ("ok", "next\n")
    assert time.monotonic() - started < seconds


def left() -> list[int]:
    """What still sleeps, on this machine and in its containers."""
    return [process.pid for process in psutil.process_iter(["cmdline"]) if SLEEP in (process.info["cmdline"] or ())]


async def none_left(seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while left() and time.monotonic() < deadline:  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(0.02)
    return not left()


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_is_told_truly_and_leaves_the_executor_as_good_as_new(
    shared: Executor, kind: str, name: str
) -> None:
    row = expected(name, kind)
    await run(shared, f"set_before = {name!r}")
    started = time.monotonic()
    result = await run(shared, row.code, row.language, timeout=row.timeout)
    took = time.monotonic() - started
    block = result.blocks[-1]
    assert (block.status, result.exit_code) == (row.status, row.exit_code), result.output[-2_000:]
    assert row.says in f"{result.output}\n"
    assert row.note in block.note
    assert (block.state, block.state_lost) == (row.state, row.state == "lost")
    assert len(text(result)) < 2 * (LIMITS.head + LIMITS.tail)
    assert took < row.within
    await assert_works_soon(shared)
    if kind in KERNELS:
        assert await shared.evaluate("set_before") == (None if row.state == "lost" else repr(name))
    if row.leaves:
        assert left(), "nothing was left: this is no difference any more"
        await shared.restart()
    assert await none_left()


async def test_every_difference_is_one() -> None:
    for (name, of_kind), difference in DIFFERENCES.items():
        assert of_kind in EVERYWHERE
        assert difference.why
        assert replace(ROWS[name], **difference.changes) != ROWS[name], f"{name}: as for the others"


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


def assert_interrupted(result: BlockResult, kind: str) -> None:
    row = expected("interrupted", kind)
    assert (result.status, result.exit_code) == (row.status, row.exit_code)
    assert result.outputs[0]["text"] == row.says
    assert row.note in result.note


def slow(name: str) -> CodeBlock:
    """Code that says when it has begun, and makes a file if nobody stops it."""
    return CodeBlock(ROWS["interrupted"].code.replace("NAME", repr(name)))


@pytest.mark.parametrize("how", ["task", "token"])
async def test_cancelling_stops_the_code_and_its_output_was_told(shared: Executor, kind: str, how: str) -> None:
    watcher, token = Watcher(), CancellationToken()
    task = asyncio.create_task(shared.execute_code_blocks([slow(how)], token, on_event=watcher))
    await watcher.printed.wait()
    started = time.monotonic()
    token.cancel() if how == "token" else task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < ROWS["interrupted"].within
    [result] = watcher.finished
    assert_interrupted(result, kind)
    assert not result.state_lost
    await assert_works_soon(shared)
    await asyncio.sleep(max(0.0, 3.2 - (time.monotonic() - started)))
    assert not (shared.stage_dir / how).exists(), "the code went on after it was cancelled"


async def test_a_token_that_was_cancelled_before_runs_nothing(shared: Executor) -> None:
    watcher, token = Watcher(), CancellationToken()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await shared.execute_code_blocks([slow("early")], token, on_event=watcher)
    assert watcher.events == []
    await assert_works_soon(shared)


async def test_a_call_that_waits_its_turn_can_be_cancelled(shared: Executor) -> None:
    first = asyncio.create_task(run(shared, "import time\ntime.sleep(0.5)\nprint('first')"))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(run(shared, "open('second', 'w').close()"))
    await asyncio.sleep(0.05)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    assert text(await first) == "first\n"
    assert not (shared.stage_dir / "second").exists()
    await assert_works_soon(shared)


async def test_a_cancellation_at_any_moment_is_not_lost(shared: Executor) -> None:
    """While the script is written, the process starts, or the kernel has not begun yet."""
    delays = (0.0, 0.005, 0.02, 0.05, 0.1)
    for delay in delays:
        task = asyncio.create_task(shared.execute_code_blocks([slow(f"moment {delay}")]))
        await asyncio.sleep(delay)
        task.cancel()
        started = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - started < SOON
        await assert_works_soon(shared)
    await asyncio.sleep(3.2)
    assert [delay for delay in delays if (shared.stage_dir / f"moment {delay}").exists()] == []


async def test_code_that_swallows_the_cancellation_is_killed_and_the_next_block_works(
    shared: Executor, kind: str
) -> None:
    watcher = Watcher()
    await run(shared, "set_before = 7")
    code = (
        "import time\nwhile True:\n    try: print('before\\n', end='', flush=True); time.sleep(0.1)\n"
        "    except BaseException: pass"
    )
    task = asyncio.create_task(shared.execute_code_blocks([CodeBlock(code)], on_event=watcher))
    await watcher.printed.wait()
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < SOON
    [result] = watcher.finished
    why = (await shared.inspect()).why_no_checkpoint  # "lost" is true where none could be taken; seen once, in CI
    assert (result.status, result.state) == ("interrupted", expected("swallows interrupts", kind).state), why
    await assert_works_soon(shared)
    if kind in KERNELS:
        assert await shared.evaluate("set_before") == ("7" if kind in FORKED else None)


async def test_an_interrupt_ends_the_block_and_not_the_call(shared: Executor, kind: str) -> None:
    watcher = Watcher()
    task = asyncio.create_task(shared.execute_code_blocks([slow("interrupt")], on_event=watcher))
    await watcher.printed.wait()
    started = time.monotonic()
    await shared.interrupt()
    result = await task
    assert time.monotonic() - started < ROWS["interrupted"].within
    assert_interrupted(result.blocks[0], kind)
    assert not result.blocks[0].state_lost
    await shared.interrupt()  # nothing runs: nothing happens
    await assert_works_soon(shared)


async def test_closing_the_stream_early_stops_the_code(shared: Executor) -> None:
    stream = shared.stream_code_blocks([slow("stream")])
    async for event in stream:
        if isinstance(event, BlockOutput):
            break
    started = time.monotonic()
    await stream.aclose()
    assert time.monotonic() - started < ROWS["interrupted"].within
    await assert_works_soon(shared)


async def test_two_calls_at_once_run_one_after_another_with_their_own_output(shared: Executor) -> None:
    code = "import time\nfor i in range(50): print({0!r}, flush=True); time.sleep(0.002)"
    results = await asyncio.gather(*(run(shared, code.format(name)) for name in "ab"))
    assert [text(result) for result in results] == ["a\n" * 50, "b\n" * 50]


async def test_the_first_line_is_told_long_before_the_end(shared: Executor) -> None:
    seen: list[float] = []
    code = CodeBlock("import time\nprint('first', flush=True)\ntime.sleep(1.0)\nprint('last')")
    await shared.execute_code_blocks(
        [code], on_event=lambda event: seen.append(time.monotonic()) if isinstance(event, BlockOutput) else None
    )
    assert seen[-1] - seen[0] > 0.5


async def test_blocks_run_in_order_until_one_fails(shared: Executor) -> None:
    blocks = [CodeBlock("print('one')"), CodeBlock("echo two", "sh"), CodeBlock("1 / 0"), CodeBlock("print('never')")]
    result = await shared.execute_code_blocks(blocks)
    assert [block.status for block in result.blocks] == ["ok", "ok", "error"]
    assert result.exit_code == 1
    assert result.output.startswith("one\ntwo\n")
    assert "ZeroDivisionError" in result.output
    assert "never" not in result.output


async def test_files_stay_and_variables_stay_where_it_says_so(shared: Executor) -> None:
    await run(shared, "kept = 7\nopen('kept', 'w').write('in a file')")
    assert (shared.stage_dir / "kept").read_text() == "in a file"
    result = await run(shared, "print(open('kept').read(), 'kept' in globals())")
    assert text(result) == f"in a file {shared.keeps_variables}\n"
    await shared.restart()
    assert text(await run(shared, "print(open('kept').read(), 'kept' in globals())")) == "in a file False\n"


async def test_a_variable_comes_home_or_it_is_said_why_not(shared: Executor, kind: str) -> None:
    await shared.execute_code_blocks([CodeBlock("found = {'a': [1, 2.5], 'b': b'c'}", "python")])
    if kind in SCRIPTS:
        with pytest.raises(NotFetched, match="keep no variables"):
            await shared.fetch("found")
    else:
        assert (await shared.fetch("found")).value == {"a": [1, 2.5], "b": b"c"}


async def test_an_expression_is_evaluated_in_time_or_not_at_all(shared: Executor) -> None:
    assert await shared.evaluate("[1 + 1, 'é']") == "[2, 'é']"
    assert await shared.evaluate("1 / 0") is None
    started = time.monotonic()
    assert await shared.evaluate("__import__('time').sleep(10)", timeout=0.3) is None
    assert time.monotonic() - started < SOON
    await assert_works_soon(shared)


async def test_stopping_while_a_block_runs_ends_it_as_interrupted_and_leaves_nothing(kind: str) -> None:
    executor = EVERYWHERE[kind](timeout=20)
    await executor.start()
    folder = executor.work_dir
    code = f"import subprocess\nprint('before\\n', end='', flush=True)\nsubprocess.run(['sleep', '{SLEEP}'])"
    watcher = Watcher()
    task = asyncio.create_task(executor.execute_code_blocks([CodeBlock(code)], on_event=watcher))
    waiting = asyncio.create_task(run(executor, "print(1)"))
    await watcher.printed.wait()
    started = time.monotonic()
    await executor.stop()
    result = await task
    assert time.monotonic() - started < SOON
    assert_interrupted(result.blocks[0], kind)
    with pytest.raises(NotStarted, match=r"executor\.start"):
        await waiting
    assert await none_left()
    assert not folder.exists() or "remote" in kind, "a folder on a server is not ours to remove"
    await executor.stop()


async def test_in_a_read_only_folder_code_runs_and_what_it_made_is_not_lost(kind: str, tmp_path: Path) -> None:
    row = expected("read-only folder", kind)
    tmp_path.chmod(0o555)
    try:
        async with EVERYWHERE[kind](timeout=20, work_dir=tmp_path) as executor:
            result = await run(executor, row.code)
            held = [file.reason for file in executor.held_files]
            assert held == ["it cannot be copied (Permission denied)"] or not os.geteuid() or "bare" in kind
            assert (executor.stage_dir / "new.csv").exists() or row.status == "error"
    finally:
        tmp_path.chmod(0o755)
    assert (result.blocks[-1].status, result.exit_code) == (row.status, row.exit_code)
    assert row.says in result.output
