"""Code holds its kernel's key and sockets, and can send any message in its name: the client neither falls nor hangs.

Nothing here can be prevented: who runs in a kernel can say what that kernel says. What must hold is that the client
stays alive and bounded, that the next block works or the loss is told, and that `stop` ends everything.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import psutil
import pytest
import pytest_asyncio

from kernel_executor import KernelCodeExecutor, OutputLimits
from tests.support.runs import run

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

TOOLS = """
import time
kernel = get_ipython().kernel
parent = kernel.get_parent()
def tell(kind, content, parent=parent):
    raw(b'topic', *kernel.session.serialize(kernel.session.msg(kind, content, parent)))
def raw(*frames):
    kernel.iopub_thread.send_multipart(list(frames))
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[KernelCodeExecutor]:
    limits = OutputLimits(head=10_000, tail=2_000, displays=5_000_000)
    async with KernelCodeExecutor(timeout=5, limits=limits) as executor:
        await run(executor, "1")
        yield executor


async def assert_works(executor: KernelCodeExecutor) -> None:
    assert (await run(executor, "print('next')")).outputs[-1]["text"] == "next\n"
    assert await executor.evaluate("1 + 1") == "2"


MESSAGES = {
    "stream without text": "tell('stream', {})",
    "stream with a list": "tell('stream', {'name': ['x'], 'text': ['y']})",
    "display of nothing": "tell('display_data', {})",
    "display with odd fields": "tell('display_data', {'data': [1], 'metadata': 'x', 'transient': 7})",
    "display with an odd id": "tell('display_data', {'data': {}, 'transient': {'display_id': [1]}})",
    "update without id": "tell('update_display_data', {'data': {'text/plain': 'x'}})",
    "result with an odd count": "tell('execute_result', {'execution_count': 'x', 'data': {'text/plain': 'y'}})",
    "error without fields": "tell('error', {})",
    "error with odd fields": "tell('error', {'ename': 1, 'evalue': None, 'traceback': [1, None, {}]})",
    "omission with odd numbers": "tell('codeagent_omission', {'stdout': 'many', 'stderr': -5, 'display': None})",
    "clear with odd wait": "tell('clear_output', {'wait': 'yes'})",
    "status without state": "tell('status', {})",
    "input with odd count": "tell('execute_input', {'execution_count': {}})",
    "reply on iopub": "tell('execute_reply', {'status': 'ok'})",
    "unknown type": "tell('no_such_type', {'a': 1})",
    "type that is no text": "tell(['x'], {})",
    "parent that is no text": "tell('stream', {'text': 'x'}, parent={'msg_id': ['x'], 'msg_type': 'x'})",
    "through ipykernel's own way": "kernel.session.send(kernel.iopub_socket, 'error', {}, parent)",
    "welcome again": "tell('iopub_welcome', {})",
    "garbage": "raw(b'garbage')",
    "garbage of many parts": "raw(*[b'x' * 10] * 50)",
    "empty": "raw(b'')",
    "unsigned": "raw(b'topic', b'<IDS|MSG>', b'0' * 64, b'{}', b'{}', b'{}', b'{}')",
    "signed, but no JSON": "raw(b't', b'<IDS|MSG>', kernel.session.sign([b'[', b'', b'', b'']), b'[', b'', b'', b'')",
    "signed, but no header": "x = [b'{}'] * 4; raw(b't', b'<IDS|MSG>', kernel.session.sign(x), *x)",
    "signed lists": "x = [b'[]'] * 4; raw(b't', b'<IDS|MSG>', kernel.session.sign(x), *x)",
    "deeply nested": "x = [b'[' * 100_000, b'{}', b'{}', b'{}']; raw(b't', b'<IDS|MSG>', kernel.session.sign(x), *x)",
    "not UTF-8": "x = [b'\\xff' * 9] * 4; raw(b't', b'<IDS|MSG>', kernel.session.sign(x), *x)",
}


@pytest.mark.parametrize("attack", MESSAGES.values(), ids=MESSAGES)
async def test_a_malformed_message_breaks_nothing(shared: KernelCodeExecutor, attack: str) -> None:
    result = await run(shared, f"{TOOLS}\nprint('before')\n{attack}\ntime.sleep(0.05)\nprint('after')")
    text = "".join(output["text"] for output in result.outputs if output["output_type"] == "stream")
    assert result.duration < 4
    assert "after\n" in text
    for output in result.outputs:
        assert_valid(output)
    await assert_works(shared)


def assert_valid(output: dict[str, object]) -> None:
    """What goes into a notebook must fit its format."""
    from nbformat.v4 import new_code_cell, new_notebook
    from nbformat.validator import validate

    validate(new_notebook(cells=[new_code_cell(outputs=[output])]))


async def test_malformed_output_of_an_ended_block_does_not_end_the_reader(shared: KernelCodeExecutor) -> None:
    """It went to the late listeners, raised in the reader's task, and every later request hung."""
    code = f"{TOOLS}\nimport threading\n"
    code += "def late():\n    time.sleep(0.2)\n    tell('stream', {})\n    tell('error', {'traceback': 7})\n"
    await run(shared, f"{code}threading.Thread(target=late).start()")
    await asyncio.sleep(0.5)
    await assert_works(shared)


async def test_a_late_listener_that_raises_does_not_end_the_reader(shared: KernelCodeExecutor) -> None:
    reported: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))

    def listen(_: object) -> None:
        raise RuntimeError("broken view")

    remove = shared.on_late_output(listen)
    await run(shared, "import threading\nthreading.Timer(0.2, print, ['late']).start()")
    await asyncio.sleep(0.7)
    remove()
    asyncio.get_running_loop().set_exception_handler(None)
    assert [str(error) for error in reported] == ["broken view"]
    await assert_works(shared)


async def test_a_made_up_idle_and_reply_do_not_wedge_the_executor(shared: KernelCodeExecutor) -> None:
    """The block seems to have ended; its successor waits for the code that still runs, and ends it at its limit."""
    fake = "tell('status', {'execution_state': 'idle'})\n"
    result = await run(shared, f"{TOOLS}{fake}print('late')\nwhile True: time.sleep(0.1)")
    assert result.status in {"error", "ok"}
    assert result.duration < 3
    started = time.monotonic()
    await run(shared, "print('next')")
    assert time.monotonic() - started < 10
    await assert_works(shared)


async def test_a_huge_message_does_not_fill_the_clients_memory(shared: KernelCodeExecutor) -> None:
    await run(shared, "kept = 7")
    before = psutil.Process().memory_info().rss
    result = await run(shared, f"{TOOLS}\nraw(b'x' * 201_000_000)\ntime.sleep(1)")
    assert psutil.Process().memory_info().rss - before < 64_000_000
    assert result.duration < 20
    assert (result.status, result.state) == ("died", "restored"), "outputs may be missing: that must not look well"
    assert "the connection to it failed" in result.note
    await assert_works(shared)
    assert await shared.evaluate("kept") == "7"


async def test_an_endless_stream_of_messages_does_not_fill_the_clients_memory(shared: KernelCodeExecutor) -> None:
    """These go past the kernel's own guard, so the client's must hold."""
    before = psutil.Process().memory_info().rss
    bundle = "{'data': {'text/html': 'x' * 100_000}, 'metadata': {}}"
    send = "frames = kernel.session.serialize(kernel.session.msg('display_data', " + bundle + ", parent))"
    # It rests now and then, or ZeroMQ drops what has to wait in the kernel.
    rest = "if i % 50 == 0: time.sleep(0.05)"
    code = f"{TOOLS}\nimport time\nfor i in range(1_500):\n    {send}\n    raw(b't', *frames)\n    {rest}"
    result = await run(shared, code)
    assert psutil.Process().memory_info().rss - before < 64_000_000, "150 MB came"
    assert len(str(result.outputs)) < 15_000_000
    assert result.truncated.display > 20_000_000
    await assert_works(shared)


async def test_a_connection_that_fails_is_told_and_replaced() -> None:
    """A reader that had ended took all answers with it, and every request hung for its whole limit.

    And a closed socket's file that was still watched kept the next kernel's, of the same number, from being heard.
    """
    async with KernelCodeExecutor(timeout=30) as executor:
        await run(executor, "kept = 7")
        task = asyncio.create_task(run(executor, "import time; time.sleep(1)"))
        await asyncio.sleep(0.3)
        kernel = executor._runner._keeper._kernel
        connections = kernel._router._transport._connections  # type: ignore[union-attr, attr-defined]
        connections["iopub"].socket.shutdown(socket.SHUT_RDWR)
        result = await task
        assert (result.status, result.state) == ("died", "restored")
        assert "connection" in result.note
        await assert_works(executor)
        assert await executor.evaluate("kept") == "7"


async def test_a_made_up_reply_of_an_odd_form_raises_nothing(shared: KernelCodeExecutor) -> None:
    whose = "parent, ident=kernel._parent_ident['shell']"
    reply = f"kernel.session.send(kernel.shell_stream, 'execute_reply', {{'status': {{}}}}, {whose})"
    idle = "tell('status', {'execution_state': 'idle'})"
    result = await run(shared, f"{TOOLS}\n{reply}\nkernel.shell_stream.flush()\n{idle}\ntime.sleep(0.2)")
    assert result.duration < 3
    await assert_works(shared)


BREAK_SHELL = """
import os, socket, threading, time
def later():
    time.sleep(0.2)
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            end = socket.socket(fileno=os.dup(fd))
            if str(end.getsockname()).endswith("/k-1"):
                end.getpeername()
                os.write(fd, b"\\x02" + (10**9).to_bytes(8, "big") + b"x" * 10)
        except OSError:
            pass
threading.Thread(target=later).start()
"""
"""Says on the connection of the shell channel that a gigabyte follows, and ZeroMQ ends it."""


async def test_a_connection_that_code_breaks_does_not_hold_the_event_loop() -> None:
    """ZeroMQ then had nobody to send the next request to, and waited for somebody, with all of the process."""
    async with KernelCodeExecutor(timeout=5, sandbox="none") as executor:
        await run(executor, f"kept = 7\n{BREAK_SHELL}")
        await asyncio.sleep(0.5)
        result = await run(executor, "print('in a new kernel', 'kept' in globals())")
        assert (result.status, result.state) == ("ok", "lost"), (
            "what breaks its connection does not run again by itself"
        )
        assert "the connection to it failed" in result.note
        await assert_works(executor)
