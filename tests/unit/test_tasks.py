"""Work that is awaited, streamed, cancelled; in a thread, and where Python is about to end and starts none, at once."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Callable

import pytest

from kernel_executor.aio.cancellation import CancellationToken
from kernel_executor.aio.tasks import streamed, together, uninterrupted

AT_EXIT = """
import asyncio, atexit
from kernel_executor.aio.tasks import in_thread
loop = asyncio.new_event_loop()
loop.run_until_complete(in_thread(int))  # the threads that Python ends first
def work():
    {work}
async def last():
    try:
        print(await in_thread(work))
    except OSError as error:
        print("failed:", error)
atexit.register(lambda: (loop.run_until_complete(last()), loop.close()))
"""


def at_exit(work: str) -> str:
    command = [sys.executable, "-W", "error", "-c", AT_EXIT.format(work=work)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_work_is_done_when_python_ends() -> None:
    assert at_exit("return 'done'") == "done\n"


def test_its_failure_reaches_who_awaits_it_then() -> None:
    assert at_exit("raise OSError('no space')") == "failed: no space\n"


async def test_of_two_things_at_once_the_first_has_ended_when_the_second_fails() -> None:
    ended: list[str] = []

    async def first() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append("first")

    async def second() -> None:
        await asyncio.sleep(0)
        raise ValueError("second")

    with pytest.raises(ValueError, match="second"):
        await together(first(), second())
    assert ended == ["first"]


async def test_two_things_at_once_give_both_results() -> None:
    assert await together(asyncio.sleep(0, 1), asyncio.sleep(0, 2)) == (1, 2)


Publish = Callable[[int], None]


class Cleaning:
    """Work whose clean-up takes a while, in several steps."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cleaned = False

    async def work(self, publish: Publish) -> str:
        publish(1)
        try:
            await asyncio.sleep(60)
        finally:
            self.begun.set()
            await uninterrupted(self._clean())
        return "never"

    async def _clean(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0.001)
        self.cleaned = True


async def once_begun(cleaning: Cleaning, closer: asyncio.Task[None], times: int) -> None:
    """Cancel who closes a stream, again and again, while the work cleans up."""
    await cleaning.begun.wait()
    for _ in range(times):
        closer.cancel()
        await asyncio.sleep(0.002)


@pytest.mark.parametrize("times", [0, 1, 2, 5])
async def test_a_stream_that_is_closed_returns_when_the_clean_up_is_done_however_often_it_is_cancelled(
    times: int,
) -> None:
    cleaning = Cleaning()
    stream = streamed(cleaning.work, None)
    assert await anext(stream) == 1

    async def close() -> None:
        try:
            await stream.aclose()
        finally:
            assert cleaning.cleaned

    closer = asyncio.ensure_future(close())
    await once_begun(cleaning, closer, times)
    await asyncio.wait({closer})
    assert cleaning.cleaned
    assert closer.cancelled() == bool(times), "a cancellation is passed on"


@pytest.mark.parametrize("times", [1, 2, 5])
async def test_who_reads_a_stream_and_is_cancelled_goes_on_when_the_clean_up_is_done(times: int) -> None:
    cleaning = Cleaning()

    async def read() -> None:
        try:
            async for _ in streamed(cleaning.work, None):
                pass
        finally:
            assert cleaning.cleaned

    reader = asyncio.ensure_future(read())
    await asyncio.sleep(0.01)
    reader.cancel()
    await once_begun(cleaning, reader, times)
    await asyncio.wait({reader})
    assert reader.cancelled()
    assert cleaning.cleaned


async def test_a_time_limit_while_a_stream_is_closed_waits_for_the_clean_up() -> None:
    cleaning = Cleaning()
    stream = streamed(cleaning.work, None)
    await anext(stream)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.005):
            await stream.aclose()
    assert cleaning.cleaned


async def test_a_cancelled_token_ends_a_stream_when_the_clean_up_is_done() -> None:
    cleaning, token = Cleaning(), CancellationToken()
    stream = streamed(cleaning.work, token)
    await anext(stream)
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await anext(stream)
    assert cleaning.cleaned


async def test_a_stream_that_breaks_off_in_its_reader_cleans_up() -> None:
    cleaning = Cleaning()

    async def read() -> None:
        async with contextlib.aclosing(streamed(cleaning.work, None)) as stream:
            async for _ in stream:
                raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        await read()
    assert cleaning.cleaned


async def test_a_failure_of_the_clean_up_is_nothing_to_who_closes() -> None:
    async def work(publish: Publish) -> None:
        publish(1)
        try:
            await asyncio.sleep(60)
        finally:
            raise OSError("no space")

    stream = streamed(work, None)
    await anext(stream)
    await stream.aclose()  # who closes wants neither result nor error


async def test_events_come_in_order_and_the_result_last() -> None:
    assert [event async for event in streamed(quick, None)] == [1, 2, "done"]


async def quick(publish: Publish) -> str:
    publish(1)
    await asyncio.sleep(0)
    publish(2)
    return "done"
