"""Floods that pass the kernel's guard by, signed with its key: this process stays small and its event loop free.

`tests/benchmarks/floods.py` measures more of them, as numbers. Memory is that of a process of its own, at its peak;
the loop's time is that at work, for on a busy machine everybody waits.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kernel_executor import KernelCodeExecutor
from tests.support.runs import run

pytestmark = [pytest.mark.integration]

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "floods.py"

FLOODS = [
    "45 MB of lists in metadata",
    "40 x 20 MB of display",
    "lists side by side",
    "late displays, 150 MB",
    "commands on the socket",
]

LONG = [
    "300,000 tiny displays",
    "40 x 20 MB of metadata",
    "40 x 20 MB of text",
    "40 x 19 MB with an emoji",
    "3 million parts",
    "3 million parts before a message",
    "a million tiny messages",
    "200,000 on two streams in turn",
    "300,000 updates",
    "300,000 clears",
    "300,000 errors",
    "300,000 comm messages",
    "300,000 unsigned",
    "a million lists in content",
    "numbers of 4,000 digits",
    "many mime types",
    "390,000 long numbers",
    "590,000 backspaces",
    "late text, 150 MB",
    "late lines, printed",
]


def measure(name: str) -> dict[str, Any]:
    command = [sys.executable, str(BENCHMARK), "--one", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("name", [*FLOODS, *(pytest.param(name, marks=pytest.mark.attacks) for name in LONG)])
def test_a_flood_neither_fills_this_process_nor_holds_its_loop(name: str) -> None:
    told = measure(name)
    assert told["grown"] < 64_000_000
    assert told["worked"] < 1.0, "a fifth of that was measured at most"
    assert told["after"] in {"ok", "died"}


PICTURE = "display({'image/png': 'iVBO' * 1_250_000}, raw=True)"
ROW = '<tr><td class="a">1,2 [3] {4}</td></tr>'
TABLE = f"display({{'text/html': {ROW!r} * 26_000, 'text/plain': 'x'}}, raw=True)"
LINES = "for number in range(100_000): print(number)"


@pytest.mark.asyncio
async def test_honest_output_arrives_whole() -> None:
    async with KernelCodeExecutor(timeout=60) as executor:
        result = await run(executor, f"{PICTURE}\n{TABLE}\n{LINES}")
        picture, table, text = result.outputs
        assert picture["data"]["image/png"] == "iVBO" * 1_250_000
        assert table["data"]["text/html"] == ROW * 26_000
        # 588,890 characters: beginning and end of them are kept.
        assert text["text"].startswith("0\n1\n2\n")
        assert text["text"].endswith("\n99998\n99999\n")
        assert not result.truncated


@pytest.mark.asyncio
async def test_a_block_is_stopped_in_time_under_a_flood() -> None:
    """Interrupts go another way than the flood, and the loop has time for them."""
    code = (
        "kernel = get_ipython().kernel\nparent = kernel.get_parent()\n"
        "frames = kernel.session.serialize(kernel.session.msg('stream', {'name': 'stdout', 'text': 'x'}, parent))\n"
        "import time\nwhile True:\n    kernel.iopub_thread.send_multipart([b't', *frames])\n    time.sleep(0.0001)"
    )
    async with KernelCodeExecutor(timeout=60) as executor:
        await run(executor, "1")
        task = asyncio.create_task(run(executor, code))
        await asyncio.sleep(2)
        task.cancel()
        _, late = await asyncio.wait({task}, timeout=20)
        assert not late
