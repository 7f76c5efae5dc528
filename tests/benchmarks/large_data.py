"""Everyday work on 2 GB of data: whether it meets a limit of the sandbox, how long it takes, what the watch costs.

    python tests/benchmarks/large_data.py [bubblewrap | landlock] [--limits memory=6.4GB] [--only Polars]

Needs pandas, scikit-learn, DuckDB, Polars; `make large` installs them into an environment of its own. Each block runs
bare and in a sandbox, in turn. Ends with 1 if a block met a limit or failed; what Landlock does not have is told as
such and is no limit.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from kernel_executor import BlockResult, CodeBlock, KernelCodeExecutor, ResourceLimits
from kernel_executor.limits import usage
from kernel_executor.limits.resource_limits import ASK
from kernel_executor.limits.watch import ResourceWatch
from kernel_executor.sandbox.policy import SandboxMode
from kernel_executor.sandbox.refusals import NO_PROCESSES, NO_SHARING

SECONDS = 600.0
"""A block takes tens; what takes longer is stuck."""

MECHANISMS: tuple[SandboxMode, ...] = ("bubblewrap", "landlock")

DATA = {
    "make a table of 2 GB as Parquet": """
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
rng = np.random.default_rng(0)
def piece(rows=1_000_000):
    numbers = {name: rng.random(rows) for name in ("x", "y", "z")}
    return pa.table({"key": rng.integers(0, 1_000_000, rows), "group": rng.integers(0, 100, rows), **numbers})
with pq.ParquetWriter("table.parquet", piece(1).schema, compression="none", use_dictionary=False) as writer:
    for _ in range(50):
        writer.write_table(piece())
""",
    "make a table of 2 GB as CSV": """
import io, numpy as np, pandas as pd
rng = np.random.default_rng(0)
table = pd.DataFrame(rng.random((500_000, 4)), columns=list("wxyz")).assign(key=rng.integers(0, 1_000, 500_000))
text = table.to_csv(index=False, header=False)
with open("table.csv", "w") as file:
    file.write("w,x,y,z,key\\n")
    while file.tell() < 2_000_000_000:
        file.write(text)
""",
}

PANDAS = {
    "pandas: groupby, merge, to_parquet": """
import os, pandas as pd
table = pd.read_parquet("table.parquet")
means = table.groupby("group")["x"].mean().rename("mean").reset_index()
merged = table.merge(means, on="group")
assert len(merged) == len(table) == 50_000_000
merged.to_parquet("merged.parquet", compression=None)
os.remove("merged.parquet")
""",
    "pandas: read_csv in chunks": """
import pandas as pd
chunks = pd.read_csv("table.csv", chunksize=1_000_000)
sums = sum(chunk.groupby("key")["x"].sum() for chunk in chunks)
assert len(sums) == 1_000
""",
}

SKLEARN = {
    "scikit-learn: two processes, an array of 2 GB": """
import numpy as np
from sklearn.linear_model import SGDRegressor
from sklearn.model_selection import cross_val_score
X = np.random.default_rng(0).random((5_000_000, 100), dtype=np.float32)
y = X[:, 0] + 1
scores = cross_val_score(SGDRegressor(max_iter=2, tol=None), X, y, cv=2, n_jobs=2, error_score="raise")
assert min(scores) > 0.9, scores
""",
    "scikit-learn: a forest in two threads": """
import numpy as np
from sklearn.ensemble import RandomForestRegressor
X = np.random.default_rng(0).random((5_000_000, 100), dtype=np.float32)
y = X[:, 0] + 1
RandomForestRegressor(4, max_depth=5, max_samples=20_000, max_features=10, n_jobs=2).fit(X, y)
""",
    "joblib: two processes share an array of 2 GB": """
import numpy as np
from joblib import Parallel, delayed
X = np.random.default_rng(0).random(250_000_000)
sums = Parallel(n_jobs=2)(delayed(np.sum)(X[first::8]) for first in range(2))
sums = Parallel(n_jobs=2)(delayed(np.dot)(X, X) for _ in range(4))
assert min(sums) > 8e7
""",
}

PROCESSES = {
    "multiprocessing: 8 forks share 2 GB": """
import multiprocessing, numpy as np, time
X = np.random.default_rng(0).random(250_000_000)
def total(first):
    until, sums = time.monotonic() + 1, 0
    while time.monotonic() < until:
        sums = X[first : first + 5_000_000].sum()
    return sums
with multiprocessing.get_context("fork").Pool(8) as pool:
    sums = pool.map(total, range(0, 250_000_000, 5_000_000), chunksize=1)
assert len(sums) == 50
""",
    "multiprocessing: 8 forks write what they share": """
import multiprocessing, numpy as np, time
X = np.random.default_rng(0).random(250_000_000)
def double(number):
    part = X[number * 31_250_000 :][:31_250_000]
    part *= 2
    time.sleep(2)
    return part.sum()
with multiprocessing.get_context("fork").Pool(8) as pool:
    sums = pool.map(double, range(8), chunksize=1)
assert sum(sums) > 2e8
""",
    "multiprocessing: 2 GB of shared memory": """
import numpy as np, time
from multiprocessing import get_context, shared_memory
block = shared_memory.SharedMemory(create=True, size=2_000_000_000)
def fill(number):
    np.frombuffer(block.buf, np.float64)[number * 62_500_000 :][:62_500_000] = number
    time.sleep(1)
workers = [get_context("fork").Process(target=fill, args=(number,)) for number in range(4)]
for each in workers: each.start()
for each in workers: each.join()
block.unlink()
time.sleep(1)
total = np.frombuffer(block.buf, np.float64).sum()
assert total == 6 * 62_500_000
block.close()
""",
    "multiprocessing: 2 GB in an Array": """
import multiprocessing, numpy as np, time
context = multiprocessing.get_context("fork")
array = context.RawArray("d", 250_000_000)
def fill(number):
    np.frombuffer(array)[number * 62_500_000 :][:62_500_000] = number
    time.sleep(1)
workers = [context.Process(target=fill, args=(number,)) for number in range(4)]
for each in workers: each.start()
for each in workers: each.join()
total = np.frombuffer(array).sum()
assert total == 6 * 62_500_000
""",
    "concurrent.futures: 4 processes, 2 GB in pieces": """
import numpy as np
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
def make(seed):
    return np.random.default_rng(seed).random(12_500_000)
with ProcessPoolExecutor(4, mp_context=get_context("fork")) as pool:
    pieces = list(pool.map(make, range(20)))
assert sum(map(len, pieces)) == 250_000_000
""",
}

DUCKDB = {
    "DuckDB: sort 2 GB in 500 MB": """
import duckdb, os
base = duckdb.connect()
base.execute("SET memory_limit = '500MB'; SET preserve_insertion_order = false")
base.execute("COPY (FROM 'table.parquet' ORDER BY x) TO 'sorted.parquet' (COMPRESSION uncompressed)")
assert os.path.getsize("sorted.parquet") > 1e9
base.close(); os.remove("sorted.parquet")
""",
    "DuckDB: aggregate 2 GB in 500 MB": """
import duckdb
base = duckdb.connect(config={"memory_limit": "500MB", "threads": "1"})
base.execute("CREATE VIEW numbers AS FROM 'table.parquet'")
groups = 'SELECT key, "group", avg(x), max(y) FROM numbers GROUP BY ALL'
[count] = base.execute(f"SELECT count(*) FROM ({groups})").fetchone()
assert count > 30_000_000, count
""",
    "DuckDB: a database of 2 GB": """
import duckdb, os
base = duckdb.connect("base.duckdb", config={"memory_limit": "500MB"})
base.execute("CREATE TABLE numbers AS FROM 'table.parquet'")
found = base.execute("SELECT key, avg(x), max(y) FROM numbers GROUP BY key").fetchall()
assert len(found) == 1_000_000
base.close(); os.remove("base.duckdb")
""",
}

POLARS = {
    "Polars: scan and collect, streaming": """
import polars as pl
lazy = pl.scan_parquet("table.parquet").group_by("key").agg(pl.col("x").mean(), pl.col("y").max())
assert lazy.collect(engine="streaming").height == 1_000_000
lazy = pl.scan_csv("table.csv").group_by("key").agg(pl.all().mean())
assert lazy.collect(engine="streaming").height == 1_000
""",
    "Polars: sort and sink": """
import os, polars as pl
pl.scan_parquet("table.parquet").sort("x").sink_parquet("sorted.parquet", compression="uncompressed")
os.remove("sorted.parquet")
""",
}

ARROW = {
    "pyarrow: write and read a dataset": """
import pyarrow.dataset as ds, shutil
plain = ds.ParquetFileFormat().make_write_options(compression="none", use_dictionary=False)
rows = {"max_rows_per_file": 5_000_000, "max_rows_per_group": 1_000_000}
ds.write_dataset(ds.dataset("table.parquet"), "set", format="parquet", file_options=plain, **rows)
read = ds.dataset("set").to_table(filter=ds.field("x") > 0.5)
assert 24_000_000 < len(read) < 26_000_000
shutil.rmtree("set")
""",
    "pyarrow: map a file of 2 GB": """
import os, pyarrow as pa, pyarrow.compute as pc, pyarrow.parquet as pq
with pa.OSFile("table.arrow", "wb") as sink, pa.ipc.new_file(sink, pq.read_schema("table.parquet")) as writer:
    for batch in pq.ParquetFile("table.parquet").iter_batches(1_000_000):
        writer.write_batch(batch)
with pa.memory_map("table.arrow") as source:
    table = pa.ipc.open_file(source).read_all()
    assert 24e6 < pc.sum(table["x"]).as_py() < 26e6
    del table
os.remove("table.arrow")
""",
}

BLOCKS = DATA | PANDAS | SKLEARN | PROCESSES | DUCKDB | POLARS | ARROW


@dataclass
class Cost:
    """What looks of the watch take of its thread, in seconds, and how many of them asked what forks share."""

    looks: int = 0
    fair: int = 0
    worked: float = 0.0
    longest: float = 0.0

    def begin(self) -> None:
        """Count from 0."""
        self.looks = self.fair = 0
        self.worked = self.longest = 0.0

    def __str__(self) -> str:
        times = f"{self.worked * 1e3:.0f} ms of work, {self.longest * 1e3:.1f} at most"
        return f"{self.looks} looks, {times}; {self.fair} at all pages of a process"


def measured() -> Cost:
    """Return what is counted up by each look of any watch from now on."""
    cost, look, fairly = Cost(), ResourceWatch.look, usage.proportional_memory

    def timed(watch: ResourceWatch) -> str:
        before = time.thread_time()
        cause = look(watch)
        worked = time.thread_time() - before
        cost.looks += 1
        cost.worked += worked
        cost.longest = max(cost.longest, worked)
        return cause

    def counted(pid: int) -> usage.Memory | None:
        cost.fair += 1
        return fairly(pid)

    ResourceWatch.look = timed  # type: ignore[assignment, method-assign]
    usage.proportional_memory = counted
    return cost


def judged(result: BlockResult) -> str:
    """Return how a block ended, for the table."""
    if result.status == "ok":
        return "ok"
    if NO_PROCESSES in result.note or NO_SHARING in result.note:
        return "has none"
    return "LIMIT" if ASK in result.note else f"FAILED: {result.status}"


def told(result: BlockResult, cost: Cost) -> str:
    """Return what there is to know besides."""
    said = "" if result.status == "ok" else f"; {result.note} {result.ename}: {str(result.evalue)[:200]}"
    return f"{cost}{said}".replace("\n", " ")


async def run(executor: KernelCodeExecutor, code: str) -> BlockResult:
    """Run a block; what libraries keep for later is not the next block's to bear."""
    [result] = (await executor.execute_code_blocks([CodeBlock(code)])).blocks
    await executor.restart()
    return result


async def compare(mechanism: SandboxMode, limits: ResourceLimits, chosen: list[str], folder: Path) -> bool:
    """Print a line for each block; return whether one met a limit or failed."""
    met, cost = False, measured()
    async with (
        KernelCodeExecutor(work_dir=folder / "bare", sandbox="none", timeout=SECONDS) as bare,
        KernelCodeExecutor(
            work_dir=folder / "held", sandbox=mechanism, timeout=SECONDS, resource_limits=limits
        ) as held,
    ):
        print(f"\n{held.isolation.summary}\n\n| block | seconds | ratio to bare | status | note |", flush=True)
        print("| --- | ---: | ---: | --- | --- |")
        for name in chosen:
            reference = await run(bare, BLOCKS[name])
            cost.begin()
            result = await run(held, BLOCKS[name])
            ratio = f"{result.duration / reference.duration:.2f}" if reference.status == result.status == "ok" else "-"
            line = f"| {name} | {result.duration:.1f} | {ratio} | {judged(result)} | {told(result, cost)} |"
            print(line, flush=True)
            if reference.status != "ok":
                print(f"| (bare) | {reference.duration:.1f} | | {reference.status} | {str(reference.evalue)[:200]!r} |")
            met |= judged(result) not in {"ok", "has none"}
    return met


async def main() -> int:
    """Compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("mechanisms", nargs="*", help=" or ".join(MECHANISMS))
    parser.add_argument(
        "--limits", default="", type=ResourceLimits.read, help="e.g. memory=6.4GB, as on less of a machine"
    )
    parser.add_argument("--only", default="", help="a word in the names of the blocks that are to run")
    given = parser.parse_args()
    chosen = [*DATA, *(name for name in BLOCKS if name not in DATA and given.only in name)]
    met = False
    for mechanism in MECHANISMS:
        if mechanism in (given.mechanisms or MECHANISMS):
            with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="codeagent-bench-") as folder:
                met |= await compare(mechanism, given.limits, chosen, Path(folder))
    return int(met)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
