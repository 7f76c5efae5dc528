"""Starting a kernel on a server that answers late, wrongly or not at all: real HTTP on this machine, no kernel."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import pytest

from kernel_executor.errors import KernelStartError

pytest.importorskip("httpx2")
pytest.importorskip("websockets")
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.remote import starting
from kernel_executor.remote.kernel import RemoteKernelPlan, find_kernel
from kernel_executor.remote.rest import Api, ServerError
from kernel_executor.remote.server import Server, Token
from kernel_executor.remote.starting import start_kernel


class Kernels:
    """A server's kernels; each is in its list some time after it was asked for, even if nobody waits for the answer."""

    def __init__(self, seconds: float = 0.0, proxy_status: int = 0, times: int = 1) -> None:
        self.seconds, self.proxy_status, self.times = seconds, proxy_status, times
        self.asked = asyncio.Event()
        self.questions = 0
        self.started: list[str] = []
        self.ended: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def left(self) -> set[str]:
        return set(self.started) - set(self.ended)

    async def _start(self, kernel_id: str) -> None:
        await asyncio.sleep(self.seconds)
        self.started.append(kernel_id)

    async def stop(self) -> None:
        """Start no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def answer(self, method: str, path: str, body: bytes) -> tuple[int, str]:
        kernel_id = path.rpartition("/")[2]
        if method == "POST":
            wanted = json.loads(body)["kernel_id"]
            task = asyncio.ensure_future(self._start(wanted))
            self._tasks.append(task)
            self.asked.set()
            self.questions += 1
            if self.proxy_status and self.times:
                self.times -= 1
                return self.proxy_status, "<html>too slow</html>"
            await asyncio.shield(task)
            return 201, json.dumps({"id": wanted})
        if kernel_id not in self.left:
            return 404, "{}"
        if method == "DELETE":
            self.ended.append(kernel_id)
            return 204, ""
        return 200, json.dumps({"id": kernel_id})


Answer = Callable[[str, str, bytes], Awaitable[tuple[int, str]]]


@asynccontextmanager
async def api_on(answer: Answer) -> AsyncIterator[Api]:
    """Serve answers on this machine."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, path, _ = head.split(" ", 2)
        length = [int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length:")]
        status, text = await answer(method, path, await reader.readexactly(sum(length)))
        size = "" if status == 204 else f"Content-Length: {len(text)}\r\n"
        writer.write(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{size}Connection: close\r\n\r\n{text}".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    api = Api(Server(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), Token("secret"))
    try:
        yield api
    finally:
        await api.aclose()
        server.close()


def plan_on(api: Api, folder: Path) -> RemoteKernelPlan:
    return RemoteKernelPlan(
        api=api,
        token=Token("secret"),
        name="python3",
        language="python",
        path="",
        env={},
        kernel_id=None,
        work_dir=folder,
        limits=OutputLimits(),
        patience=5.0,
    )


@pytest.mark.parametrize("proxy_status", [0, 504], ids=["the server is asked itself", "a proxy gave up"])
async def test_a_start_that_is_cancelled_leaves_no_kernel(tmp_path: Path, proxy_status: int) -> None:
    kernels = Kernels(seconds=0.2, proxy_status=proxy_status)
    async with api_on(kernels.answer) as api:
        launch = asyncio.create_task(plan_on(api, tmp_path).launch())
        await kernels.asked.wait()
        launch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await launch
    assert len(kernels.started) == 1
    assert kernels.left == set()


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_where_a_proxy_gave_up_the_kernel_that_starts_behind_it_is_the_one(status: int) -> None:
    kernels = Kernels(seconds=0.2, proxy_status=status)
    async with api_on(kernels.answer) as api:
        assert await start_kernel(api, "mine", "python3", "", {}) == "mine"
    assert kernels.started == ["mine"]


async def test_a_kernel_that_may_start_after_all_is_named_and_not_asked_for_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A second question starts a second process, and the first one is in no server's list."""
    monkeypatch.setattr(starting, "SLOW_START", 0.1)
    kernels = Kernels(seconds=30.0, proxy_status=504)
    async with api_on(kernels.answer) as api:
        with pytest.raises(ServerError, match=r"HTTP 504.*Should it start kernel mine yet.*kernel_id='mine'"):
            await start_kernel(api, "mine", "python3", "", {})
    assert kernels.questions == 1
    await kernels.stop()


async def test_a_kernel_that_starts_behind_an_error_is_ended() -> None:
    kernels = Kernels(seconds=0.2, proxy_status=500)
    async with api_on(kernels.answer) as api:
        with pytest.raises(ServerError, match="HTTP 500"):
            await start_kernel(api, "mine", "python3", "", {})
    assert kernels.started == kernels.ended == ["mine"]


ODD = {
    "a page to log in": "<html><form>password</form></html>",
    "a text": "ok",
    "JSON that is cut off": '{"kernelspecs": {',
    "JSON that is too deep": "[" * 100_000,
    "nothing": "",
    "null": "null",
    "a list": "[]",
    "a number": "3",
    "a string": '"kernelspecs"',
    "true": "true",
    "an object without kernels": "{}",
    "a list of kernels": '{"kernelspecs": []}',
    "null for kernels": '{"kernelspecs": null}',
    "a kernel that is null": '{"default": null, "kernelspecs": {"python3": null}}',
    "a kernel that is a list": '{"default": "python3", "kernelspecs": {"python3": []}}',
    "a kernel without a description": '{"default": "python3", "kernelspecs": {"python3": {}}}',
    "a kernel whose description is null": '{"default": "python3", "kernelspecs": {"python3": {"spec": null}}}',
    "a kernel whose description is a text": '{"default": "python3", "kernelspecs": {"python3": {"spec": "x"}}}',
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
async def test_an_answer_that_no_jupyter_server_gives_is_told_as_an_error_of_ours(text: str) -> None:
    async def answer(_method: str, _path: str, _body: bytes) -> tuple[int, str]:
        return 200, text

    async with api_on(answer) as api:
        with pytest.raises(KernelStartError, match=r"no Jupyter server|no kernel named"):
            await find_kernel(api, None, None)


async def test_a_kernel_that_is_described_wrongly_does_not_hide_the_others() -> None:
    async def answer(_method: str, _path: str, _body: bytes) -> tuple[int, str]:
        return 200, json.dumps({"default": "r", "kernelspecs": {"x": None, "r": {"spec": {"language": "R"}}}})

    async with api_on(answer) as api:
        assert await find_kernel(api, None, None) == ("r", "r")


async def test_null_for_a_kernel_tells_that_there_is_none() -> None:
    async def answer(_method: str, _path: str, _body: bytes) -> tuple[int, str]:
        return 200, "null"

    async with api_on(answer) as api:
        assert await api.kernel("some") is None


@pytest.mark.parametrize("text", ["<html>", "[]", "3", "true", '""', ""])
async def test_what_is_no_answer_about_a_kernel_does_not_tell_that_it_is_there(text: str) -> None:
    async def answer(_method: str, _path: str, _body: bytes) -> tuple[int, str]:
        return 200, text

    async with api_on(answer) as api:
        with pytest.raises(ServerError, match="no Jupyter server"):
            await api.kernel("some")


async def test_a_token_that_is_sent_back_is_not_in_the_error_that_the_library_makes_of_it() -> None:
    async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        [line] = [line for line in head.split(b"\r\n") if line.lower().startswith(b"authorization")]
        writer.write(line + b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(repeat, "127.0.0.1", 0)
    api = Api(Server(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), Token("s3cr3t-0123"))
    with pytest.raises(ServerError, match="token") as caught:
        await api.interrupt("some")
    await api.aclose()
    server.close()
    assert "s3cr3t" not in str(caught.value)
