"""How long a table of 1,000,000 x 20 takes into the managed kernel and home, as ratios to an Arrow file's way.

Interleaved, median of five. The way in is: written as a file here, loaded by a block there, described there. The way
home is: written there, copied and sealed, checked in a sandboxed process, read here.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pandas as pd
from pyarrow import feather

from codeagent_nb.session.session import SessionSettings, open_session
from codeagent_nb.session.variables import bring_variable

ROUNDS = 5
AIM = 3.0


def table() -> pd.DataFrame:
    random = np.random.default_rng(7)
    return pd.DataFrame({f"column {number}": random.normal(size=1_000_000) for number in range(20)})


def arrow(frame: pd.DataFrame, path: Path) -> float:
    started = time.perf_counter()
    feather.write_feather(frame, str(path), compression="uncompressed")
    feather.read_feather(str(path))
    return time.perf_counter() - started


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


def tell(way: str, took: list[float], reference: list[float]) -> None:
    ratio = statistics.median(one / other for one, other in zip(took, reference, strict=True))
    print(f"1,000,000 x 20 {way}: {statistics.median(took):.2f} s, Arrow file {statistics.median(reference):.2f} s")
    print(f"ratio {ratio:.2f} (aim: at most {AIM:g})")


async def main() -> None:
    frame = table()
    with tempfile.TemporaryDirectory() as place:
        work = Path(place) / "work"
        (work / "data").mkdir(parents=True)
        async with open_session(SessionSettings(notebook=work / "session.ipynb")) as session:

            async def bring() -> None:
                await bring_variable(session, "frame", frame)

            async def fetch() -> None:
                home = await session.fetch("frame")
                assert home.shape == frame.shape

            await bring()  # the kernel imports pandas
            await fetch()
            reference, inward, outward = list[float](), list[float](), list[float]()
            for _ in range(ROUNDS):
                reference.append(arrow(frame, Path(place) / "reference.arrow"))
                inward.append(await timed(bring))
                outward.append(await timed(fetch))
            assert (await session.fetch("frame")).equals(frame)
    tell("in", inward, reference)
    tell("home", outward, reference)


if __name__ == "__main__":
    asyncio.run(main())
