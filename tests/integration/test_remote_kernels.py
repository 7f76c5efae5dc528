"""A kernel on a Jupyter Server: started, found, ended, lost, and what is told of it."""

import asyncio
import hashlib
import io
import json
import logging
import os
import re
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from kernel_executor import (
    BlockOutput,
    CodeBlock,
    CodeResult,
    ExecutionEvent,
    KernelExecutorError,
    KernelStartError,
    LateOutput,
    OutputLimits,
    RemoteKernelExecutor,
)
from tests.support.jupyter_server import JupyterServer, jupyter_server

pytestmark = pytest.mark.integration


def executor_on(server: JupyterServer, **settings: Any) -> RemoteKernelExecutor:
    return RemoteKernelExecutor(server=server.url, token=server.token, **{"timeout": 20, **settings})


@pytest.fixture
async def executor(server: JupyterServer) -> AsyncIterator[RemoteKernelExecutor]:
    async with executor_on(server) as executor:
        yield executor


async def run(executor: RemoteKernelExecutor, code: str, language: str = "python", **settings: Any) -> CodeResult:
    return await executor.execute_code_blocks([CodeBlock(code, language)], **settings)


async def test_stopping_ends_the_kernel_on_the_server(server: JupyterServer) -> None:
    before = server.kernels()
    async with executor_on(server) as executor:
        assert server.kernels() == [*before, executor.kernel_id]
    assert server.kernels() == before


async def test_what_is_asked_of_the_guard_leaves_no_name_and_no_number(executor: RemoteKernelExecutor) -> None:
    result = await run(
        executor, "print([name for name in dir() if 'codeagent' in name or name in ('names', 'arrive')])"
    )
    assert result.output == "[]"
    assert result.blocks[0].execution_count == 1


async def test_nothing_is_written_to_the_servers_disk(server: JupyterServer, executor: RemoteKernelExecutor) -> None:
    before = {path.name for path in server.root.rglob("*")}
    await run(executor, "print(1)")
    await run(executor, "echo hi", "sh")
    assert {path.name for path in server.root.rglob("*")} == before


async def test_the_isolation_says_that_it_is_not_ours_and_where_the_code_runs(
    server: JupyterServer, executor: RemoteKernelExecutor
) -> None:
    assert not executor.isolation.isolates
    assert server.url in executor.isolation.summary
    assert server.token not in executor.isolation.summary


async def test_a_kernel_that_was_found_keeps_its_variables_and_is_never_ended(
    server: JupyterServer, executor: RemoteKernelExecutor
) -> None:
    await run(executor, "kept = 7")
    async with executor_on(server, kernel_id=executor.kernel_id) as other:
        assert other.kernel_id == executor.kernel_id
        assert (await run(other, "print(kept)\nmore = 8")).output == "7"
    assert executor.kernel_id in server.kernels()
    assert (await run(executor, "print(more)")).output == "8"


async def test_code_that_does_not_stop_in_a_kernel_that_was_found_is_left_running_and_that_is_told(
    server: JupyterServer, executor: RemoteKernelExecutor
) -> None:
    await run(executor, "kept = 7")
    stubborn = (
        "import time\nstop = time.time() + 5\nwhile time.time() < stop:\n"
        "    try: time.sleep(0.05)\n    except BaseException: pass"
    )
    async with executor_on(server, kernel_id=executor.kernel_id) as other:
        [block] = (await run(other, stubborn, timeout=0.5)).blocks
        assert (block.status, block.state_lost) == ("timeout", False)
        assert "was not started here" in block.note
        assert (await run(other, "print(kept)")).output == "7", "when it has ended by itself"
    assert executor.kernel_id in server.kernels()


async def test_a_block_that_waits_for_another_clients_code_neither_interrupts_it_nor_runs_later(
    server: JupyterServer, executor: RemoteKernelExecutor
) -> None:
    async with executor_on(server, kernel_id=executor.kernel_id) as other:
        slow = asyncio.create_task(run(executor, "import time; time.sleep(6); print('whole')"))
        await asyncio.sleep(0.5)
        [block] = (await run(other, "late = 1", timeout=0.5)).blocks
        assert (block.status, block.state_lost) == ("timeout", False)
        assert "has not begun" in block.note
        assert (await slow).output == "whole"
        assert (await run(other, "print('late' in globals())")).output == "False"


async def test_another_clients_output_is_neither_bounded_nor_shown(server: JupyterServer) -> None:
    limits = OutputLimits(head=100, tail=50)
    async with executor_on(server) as first, executor_on(server, kernel_id=first.kernel_id, limits=limits) as second:
        assert len((await run(first, "print('x' * 5_000)")).output) == 5_000
        assert (await run(second, "print('y')")).output == "y"


async def test_failed_attempts_in_a_kernel_that_was_found_stay_and_the_reason_is_told(
    server: JupyterServer, executor: RemoteKernelExecutor
) -> None:
    async with executor_on(server, kernel_id=executor.kernel_id) as other:
        await run(other, "left = 1\n1 / 0")
        back = await other.roll_back()
        assert back
        assert (back.state, back.names) == ("kept", ("left",))
        assert "not started here" in back.reason


async def test_failed_attempts_in_a_kernel_of_ours_are_taken_back(executor: RemoteKernelExecutor) -> None:
    await run(executor, "good = 1")
    await run(executor, "bad = 1\n1 / 0")
    back = await executor.roll_back()
    assert back
    assert back.state == "rolled_back"
    assert (await run(executor, "print('good' in globals(), 'bad' in globals())")).output == "True False"


async def test_a_kernel_that_the_server_has_ended_is_told_with_what_was_lost(
    server: JupyterServer, executor: RemoteKernelExecutor
) -> None:
    await run(executor, "kept = 7")
    server.ask("DELETE", f"kernels/{executor.kernel_id}")
    await asyncio.sleep(5.1)  # until then it counts as heard of
    [block] = (await run(executor, "print('kept' in globals())")).blocks
    assert (block.status, block.state_lost) == ("ok", True)
    assert "all variables are lost" in block.note


async def test_a_kernel_that_is_culled_is_told_as_such(tmp_path: Path) -> None:
    arguments = ["--MappingKernelManager.cull_idle_timeout=1", "--MappingKernelManager.cull_interval=1"]
    arguments.append("--MappingKernelManager.cull_connected=True")
    with jupyter_server(tmp_path / "server", arguments) as server:
        async with executor_on(server) as executor:
            await run(executor, "kept = 7")
            deadline = time.monotonic() + 20
            while server.kernels() and time.monotonic() < deadline:  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(0.2)
            await asyncio.sleep(5.1)
            [block] = (await run(executor, "print('kept' in globals())")).blocks
            assert (block.status, block.state_lost) == ("ok", True)
            assert re.search(r"server.*idle", block.note)


async def test_a_kernel_that_died_between_two_blocks_is_told(executor: RemoteKernelExecutor) -> None:
    code = (
        "import os, threading, time\nkept = 7\nthreading.Thread(target=lambda: (time.sleep(0.3), os._exit(3))).start()"
    )
    await run(executor, code)
    await asyncio.sleep(6.0)  # a server looks every 3 s
    [block] = (await run(executor, "print('kept' in globals())")).blocks
    assert (block.status, block.state_lost) == ("ok", True)
    assert "its process ended" in block.note


async def test_late_output_is_attributed_to_its_block(executor: RemoteKernelExecutor) -> None:
    late: list[ExecutionEvent] = []
    started: list[ExecutionEvent] = []
    executor.on_late_output(late.append)
    late_print = "threading.Thread(target=lambda: (time.sleep(0.5), print('late'))).start()"
    code = f"import threading, time\n{late_print}\nprint('now')"
    await run(executor, code, on_event=started.append)
    await run(executor, "print('next')")
    await asyncio.sleep(1.2)
    block_id = next(event.block_id for event in started if isinstance(event, BlockOutput))
    told = [event for event in late if isinstance(event, LateOutput)]
    assert {event.block_id for event in told} == {block_id}
    assert "".join(event.change.output["text"] for event in told) == "late\n"  # type: ignore[union-attr]


async def test_thousands_of_small_outputs_arrive_in_spite_of_the_servers_limits(executor: RemoteKernelExecutor) -> None:
    code = "import IPython.display as d\nfor i in range(4_000): d.display(i)"
    [block] = (await run(executor, code, timeout=60)).blocks
    assert (block.status, block.note) == ("ok", "")
    assert [output["data"]["text/plain"] for output in block.outputs] == [str(i) for i in range(4_000)]


async def test_many_prints_are_cut_as_at_home_and_not_by_the_server(executor: RemoteKernelExecutor) -> None:
    [block] = (await run(executor, "for i in range(50): print(str(i % 10) * 999_999)", timeout=60)).blocks
    assert (block.status, block.note) == ("ok", "")
    text = "".join(output["text"] for output in block.outputs)
    assert text.startswith("0" * 100_000)
    assert text.endswith("9" * 90_000 + "\n")
    assert "rate exceeded" not in text
    assert block.truncated.stdout == 50_000_000 - 600_000


@pytest.mark.parametrize("size", [0, 1, 255_999, 256_000, 256_001, 3_000_000])
async def test_files_go_there_and_come_back_as_they_were(
    executor: RemoteKernelExecutor, tmp_path: Path, size: int
) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(os.urandom(size))
    await executor.upload(source, "folder/there.bin")
    code = "import hashlib; print(hashlib.sha256(open('folder/there.bin', 'rb').read()).hexdigest())"
    assert (await run(executor, code)).output == hashlib.sha256(source.read_bytes()).hexdigest()
    back = await executor.download("folder/there.bin")
    assert back == executor.work_dir / "there.bin"
    assert back.read_bytes() == source.read_bytes()


async def test_a_file_that_is_not_there_is_named(executor: RemoteKernelExecutor, tmp_path: Path) -> None:
    with pytest.raises(KernelExecutorError, match=r"nothing\.csv"):
        await executor.download("nothing.csv", tmp_path / "here")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        await executor.upload(tmp_path / "missing")


@pytest.mark.parametrize("protocol", ["", "v1.kernel.websocket.jupyter.org"])
async def test_both_protocols_are_spoken(tmp_path: Path, protocol: str) -> None:
    setting = f"--ZMQChannelsWebsocketConnection.kernel_ws_protocol={protocol}"
    with jupyter_server(tmp_path / "server", [setting]) as server:
        async with executor_on(server) as executor:
            [block] = (await run(executor, "import sys\nprint('é' * 3)\n_ = sys.stderr.write('x')\n{'a': 1}")).blocks
            assert [output.get("text") or output["data"]["text/plain"] for output in block.outputs] == [
                "ééé\n",
                "x",
                "{'a': 1}",
            ]
            assert (await run(executor, "echo hi", "sh")).output == "hi"


async def test_a_kernel_of_another_language_runs_without_our_guard(server: JupyterServer) -> None:
    async with executor_on(server, kernel_name="echo") as executor:
        assert executor.languages == ("echo",)
        assert (await run(executor, "one\ntwo", "echo")).output == "one\ntwo"
        assert (await run(executor, "echo hi", "sh")).blocks[0].status == "skipped"
        with pytest.raises(KernelExecutorError, match="is the kernel a Python kernel"):
            await executor.download("x")


async def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(KernelStartError, match=r"127\.0\.0\.1:9 cannot be reached"):
        await RemoteKernelExecutor(server="http://127.0.0.1:9", token="x").start()


async def test_a_kernel_that_is_not_there_is_named_with_those_that_are(server: JupyterServer) -> None:
    with pytest.raises(KernelStartError, match=r"no kernel named 'fortran'. It has: .*python3"):
        await executor_on(server, kernel_name="fortran").start()
    with pytest.raises(KernelStartError, match="no kernel 0-0-0-0-0"):
        await executor_on(server, kernel_id="0-0-0-0-0").start()


async def test_a_wrong_token_is_told_without_it(server: JupyterServer) -> None:
    wrong = server.token[::-1]
    with pytest.raises(KernelStartError, match="is the token right") as caught:
        await RemoteKernelExecutor(server=server.url, token=wrong).start()
    assert wrong not in "".join(traceback.format_exception(caught.value))


@pytest.fixture
def everything_logged() -> Iterator[io.StringIO]:
    """All that any logger says, at the lowest level."""
    text, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(text), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(level)


async def test_the_token_is_in_no_log_event_result_repr_or_exception(
    tmp_path: Path, everything_logged: io.StringIO
) -> None:
    seen: list[str] = []
    with jupyter_server(tmp_path / "server", ["--log-level=DEBUG"]) as server:
        executor = executor_on(server, patience=0.5)
        async with executor:
            result = await run(executor, "import os; print(1); 1 / 0", on_event=lambda event: seen.append(repr(event)))
            in_kernel = await executor.evaluate("str(get_ipython().user_ns) + str(__import__('sys').argv)")
            seen += [repr(result), repr(executor), repr(executor.settings), repr(vars(executor)), str(in_kernel)]
            seen += [repr(vars(executor._runner.plan.api)), repr(executor._runner.plan)]
            token, log = server.token, server.log
            os.kill(server.pid, 9)
            [block] = (await run(executor, "print(2)", timeout=20)).blocks
            seen.append(repr(block))
            with pytest.raises(KernelExecutorError) as caught:
                await run(executor, "print(3)")
            error = caught.value.with_traceback(caught.value.__traceback__ and caught.value.__traceback__.tb_next)
            told = traceback.TracebackException.from_exception(error, capture_locals=True)  # our own have the token
            seen.append("".join(told.format()))
    seen += [everything_logged.getvalue(), log.read_text()]
    assert block.status == "unknown"
    assert "Authorization" not in everything_logged.getvalue()
    assert [text[max(0, text.find(token) - 200) :][:400] for text in seen if token in text] == []
    assert "channels" in seen[-1], "the server has logged its requests"
    assert json.dumps(seen)
