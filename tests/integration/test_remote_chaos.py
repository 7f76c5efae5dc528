"""Blocks over a connection that is cut, delayed, half closed and doubled at random: nothing twice, nothing made up.

`python -m tests.integration.test_remote_chaos 1000` runs more of it.
"""

import asyncio
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from kernel_executor import BlockResult, CodeBlock, KernelStartError, RemoteKernelExecutor
from tests.support.chaos_proxy import ChaosProxy, Deed
from tests.support.jupyter_server import JupyterServer, jupyter_server

pytestmark = [pytest.mark.integration, pytest.mark.timing, pytest.mark.timeout(600)]

BLOCK = """
import time
seen = globals().setdefault('seen', dict())
seen[{0}] = seen.get({0}, 0) + 1
for part in range(3):
    print('{0}.%d' % part, flush=True)
    time.sleep(0.01)
display('{0}.shown')
"""
EVERY: tuple[Deed, ...] = ("cut", "cut", "delay", "delay", "half-close", "swallow", "duplicate")


@dataclass(frozen=True)
class Ran:
    """A block that was run, when, and what was told of it."""

    number: int
    began: float
    ended: float
    result: BlockResult


def told(result: BlockResult) -> list[str]:
    """What of its output was told, piece by piece."""
    texts = [output.get("text") or output["data"]["text/plain"].strip("'") for output in result.outputs]
    return re.findall(r"\d+\.\w+", " ".join(texts))


def wanted(number: int) -> list[str]:
    return [f"{number}.{part}" for part in (0, 1, 2, "shown")]


async def run_block(executor: RemoteKernelExecutor, number: int) -> Ran:
    began = time.monotonic()
    while True:
        try:
            done = await executor.execute_code_blocks([CodeBlock(BLOCK.format(number))])
        except KernelStartError:  # nobody there: nothing was sent
            await asyncio.sleep(0.2)
        else:
            return Ran(number, began, time.monotonic(), done.blocks[0])


async def counts(server: JupyterServer, kernel_id: str) -> dict[int, int]:
    """What the kernel itself has counted, asked by another client, without the proxy."""
    async with RemoteKernelExecutor(server=server.url, token=server.token, kernel_id=kernel_id) as other:
        return dict(eval(await other.evaluate("seen") or "{}"))


async def run_blocks(
    server: JupyterServer, proxy: ChaosProxy, number: int, patience: float
) -> tuple[list[Ran], dict[int, int]]:
    await proxy.start()
    deeds, proxy.deeds = proxy.deeds, ()
    url = f"http://127.0.0.1:{proxy.port}"
    try:
        async with RemoteKernelExecutor(server=url, token=server.token, patience=patience) as executor:
            [kernel_id] = server.kernels()
            proxy.deeds = deeds
            ran = [await run_block(executor, index) for index in range(number)]
            proxy.deeds = ()
            assert server.kernels() == [kernel_id], "the same kernel all the time"
            return ran, await counts(server, kernel_id)
    finally:
        await proxy.stop()


def assert_nothing_twice_and_nothing_made_up(ran: Sequence[Ran], seen: dict[int, int]) -> None:
    assert {number: count for number, count in seen.items() if count != 1} == {}, "a block ran twice"
    for each in ran:
        pieces = told(each.result)
        assert len(set(pieces)) == len(pieces), "output was doubled"
        assert set(pieces) <= set(wanted(each.number)), "output of another block"
        if each.result.status == "ok":
            assert each.number in seen, "a block that is said to have run did not"
            assert pieces == wanted(each.number) or "Output incomplete" in each.result.note
        else:
            assert each.result.status == "unknown"


def proxy_of(server: JupyterServer, **settings: object) -> ChaosProxy:
    host, port = server.url.removeprefix("http://").split(":")
    return ChaosProxy(host, int(port), **settings)  # type: ignore[arg-type]


async def test_no_block_runs_twice_no_output_is_doubled_and_none_is_unknown_if_the_kernel_can_be_asked(
    server: JupyterServer,
) -> None:
    proxy = proxy_of(server, seed=1, deeds=EVERY)
    ran, seen = await run_blocks(server, proxy, 100, patience=30)
    assert_nothing_twice_and_nothing_made_up(ran, seen)
    assert [each.number for each in ran if each.result.status != "ok"] == []
    assert len(seen) == 100
    assert set(proxy.done) == set(EVERY)


async def test_a_block_is_unknown_only_if_nobody_could_be_asked_for_longer_than_our_patience(
    server: JupyterServer,
) -> None:
    proxy = proxy_of(server, seed=2, every=0.4, away=1.5, deeds=("away", "delay", "cut"))
    patience = 0.7
    ran, counted = await run_blocks(server, proxy, 30, patience=patience)
    assert_nothing_twice_and_nothing_made_up(ran, counted)
    unknown = [each for each in ran if each.result.status == "unknown"]
    assert unknown, "the proxy was away, and nothing is unknown"
    # What the client could see: a slow server answers a cut connection as late as one behind an outage. Half of our
    # patience, since the proxy's clock is not the client's.
    gaps = [(began, ended) for began, ended in proxy.without_channels() if ended - began > patience / 2]
    for each in unknown:
        assert any(began < each.ended and each.began < ended for began, ended in gaps), (each, gaps)
        assert "not known" in each.result.note
        assert not each.result.state_lost


async def test_a_kernel_is_guarded_though_the_answer_to_that_is_cut(server: JupyterServer) -> None:
    proxy = proxy_of(server, cut_before=b"execute_reply")
    await proxy.start()
    try:
        url = f"http://127.0.0.1:{proxy.port}"
        async with RemoteKernelExecutor(server=url, token=server.token, patience=30) as executor:
            assert proxy.cut_before == b"", "it was cut while the kernel started"
            proxy.cut_before = b"execute_reply"
            [block] = (await executor.execute_code_blocks([CodeBlock(BLOCK.format(1))])).blocks
            assert proxy.cut_before == b""
            assert (block.status, told(block), block.note) == ("ok", wanted(1), "")
    finally:
        await proxy.stop()


async def test_a_block_that_could_not_be_stopped_without_a_connection_is_unknown_and_its_kernel_is_found_again(
    server: JupyterServer,
) -> None:
    proxy = proxy_of(server)
    await proxy.start()
    try:
        url = f"http://127.0.0.1:{proxy.port}"
        async with RemoteKernelExecutor(server=url, token=server.token, patience=60) as executor:
            await executor.execute_code_blocks([CodeBlock("kept = 7")])
            async with proxy.outage():
                code = CodeBlock("import time; time.sleep(8); late = 8")
                [block] = (await executor.execute_code_blocks([code], timeout=0.5)).blocks
            assert (block.status, block.state_lost) == ("unknown", False)
            assert "could not be ended" in block.note
            [block] = (await executor.execute_code_blocks([CodeBlock("print(kept, 'late' in globals())")])).blocks
            assert (block.status, block.state_lost) == ("ok", False)
            assert block.outputs[0]["text"].startswith("7 ")
    finally:
        await proxy.stop()


def is_doubtful(result: BlockResult) -> bool:
    return result.status == "unknown" or bool(result.note)


async def test_where_the_kernel_cannot_be_asked_doubt_is_told_and_nothing_runs_twice(server: JupyterServer) -> None:
    """A kernel of another language: what a cut has taken is not had again, and that is not kept quiet."""
    proxy = proxy_of(server, seed=3, every=0.3, deeds=("cut", "cut", "delay"))
    await proxy.start()
    deeds, proxy.deeds = proxy.deeds, ()
    results: list[BlockResult] = []
    try:
        url = f"http://127.0.0.1:{proxy.port}"
        settings = {"server": url, "token": server.token, "kernel_name": "echo", "path": "", "patience": 30}
        async with RemoteKernelExecutor(**settings) as executor:  # type: ignore[arg-type]
            proxy.deeds = deeds
            while len(results) < 40 or (len(results) < 1_000 and not any(map(is_doubtful, results))):
                code = "\n".join(f"{len(results)}.{part}" for part in range(4))
                results += (await executor.execute_code_blocks([CodeBlock(code, "echo")])).blocks
    finally:
        await proxy.stop()
    ran = (server.root / "ran.txt").read_text().splitlines()
    assert len(set(ran)) == len(ran), "a block ran twice"
    for number, result in enumerate(results):
        pieces = told(result)
        wanted = [f"{number}.{part}" for part in range(4)]
        assert len(set(pieces)) == len(pieces)
        assert set(pieces) <= set(wanted)
        if result.status == "ok":
            assert f"{number}.0" in ran
            assert pieces == wanted or "Output incomplete" in result.note
        else:
            assert result.status == "unknown"
    doubtful = list(filter(is_doubtful, results))
    assert doubtful, "nothing was cut"
    assert len(doubtful) < len(results)


async def run_many(number: int) -> None:
    with tempfile.TemporaryDirectory() as folder, jupyter_server(Path(folder) / "server") as server:
        proxy = proxy_of(server, seed=int(time.time()), deeds=EVERY)
        ran, seen = await run_blocks(server, proxy, number, patience=60)
        assert_nothing_twice_and_nothing_made_up(ran, seen)
        ends = [each.result.status for each in ran]
        incomplete = sum("Output incomplete" in each.result.note for each in ran)
        sys.stdout.write(
            f"{number} blocks, seed {proxy.seed}: {ends.count('ok')} ok ({incomplete} with output incomplete), "
            f"{ends.count('unknown')} unknown; what happened: {proxy.done}\n"
        )


if __name__ == "__main__":
    asyncio.run(run_many(int(sys.argv[1])))
