"""Measure what a block costs on a server on loopback, beside jupyter-kernel-client on the same server, in turn.

`make servers` runs it; the other client is in the environment of the servers.
"""

import asyncio
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from kernel_executor import CodeBlock, RemoteKernelExecutor
from tests.support.jupyter_server import JupyterServer, jupyter_server
from tests.support.places import NEEDS, open_place

ROUNDS = 60
PYTHON = os.environ.get("CODEAGENT_SERVERS_PYTHON", "build/servers/bin/python")

THEIRS = f"""
import os, statistics, time
from jupyter_kernel_client import JupyterKernelClient
with JupyterKernelClient(server_url=os.environ["URL"], token=os.environ["TOKEN"]) as kernel:
    times = []
    for _ in range({ROUNDS}):
        started = time.perf_counter()
        kernel.execute("x = 1")
        times.append(time.perf_counter() - started)
print(statistics.median(times))
"""


async def ours(server: JupyterServer) -> float:
    """Return the median of blocks through our executor, in seconds."""
    times = []
    async with RemoteKernelExecutor(server=server.url, token=server.token) as executor:
        for _ in range(ROUNDS):
            started = time.perf_counter()
            await executor.execute_code_blocks([CodeBlock("x = 1")])
            times.append(time.perf_counter() - started)
    return statistics.median(times)


def theirs(server: JupyterServer) -> float:
    """Return the same through the other client."""
    environment = {**os.environ, "URL": server.url, "TOKEN": server.token}
    command = [PYTHON, "-c", THEIRS]
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Print both, twice, and their ratio."""
    with tempfile.TemporaryDirectory() as folder, jupyter_server(Path(folder) / "server") as server:
        for _ in range(2):
            one, other = asyncio.run(ours(server)), theirs(server)
            print(f"a block on a server, median of {ROUNDS}: {one * 1e3:.1f} ms", end=" ")
            print(f"against {other * 1e3:.1f} ms by jupyter-kernel-client: ratio {one / other:.2f}")
    if all(path.exists() for path in NEEDS["hub"]):
        with tempfile.TemporaryDirectory() as folder, open_place("hub", Path(folder)) as server:
            print(f"a block through a Hub's proxy, median of {ROUNDS}: {asyncio.run(ours(server)) * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
