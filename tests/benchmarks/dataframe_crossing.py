"""How long a table of 1,000,000 x 20 takes into the managed kernel, as a ratio to writing and reading it as Arrow.

Interleaved, median of five. The way is: written as a file here, loaded by a block there, described there.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from pyarrow import feather

from codeagent_nb.session.session import SessionSettings, open_session
from codeagent_nb.session.variables import bring_variable

ROUNDS = 5


def table() -> pd.DataFrame:
    random = np.random.default_rng(7)
    return pd.DataFrame({f"column {number}": random.normal(size=1_000_000) for number in range(20)})


def arrow(frame: pd.DataFrame, path: Path) -> float:
    started = time.perf_counter()
    feather.write_feather(frame, str(path), compression="uncompressed")
    feather.read_feather(str(path))
    return time.perf_counter() - started


async def main() -> None:
    frame = table()
    with tempfile.TemporaryDirectory() as place:
        work = Path(place) / "work"
        (work / "data").mkdir(parents=True)
        async with open_session(SessionSettings(notebook=work / "session.ipynb")) as session:
            await bring_variable(session, "frame", frame)  # the kernel imports pandas
            ours, reference = [], []
            for _ in range(ROUNDS):
                reference.append(arrow(frame, Path(place) / "reference.arrow"))
                started = time.perf_counter()
                await bring_variable(session, "frame", frame)
                ours.append(time.perf_counter() - started)
    ratio = statistics.median(one / other for one, other in zip(ours, reference, strict=True))
    print(f"1,000,000 x 20: {statistics.median(ours):.2f} s, Arrow file {statistics.median(reference):.2f} s")
    print(f"ratio {ratio:.2f} (aim: at most 3)")


if __name__ == "__main__":
    asyncio.run(main())
