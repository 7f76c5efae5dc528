"""Prove all studies, and look for all lies, of `tests/support/proof_cases.py`; write the result to docs/proof.md.

    PYTHONPATH=. python tools/prove.py [--write]

Exits with 1 if a true study is not proved, a lie is not found, or a reason is wrong.
"""

import asyncio
import os
import platform
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from codeagent_nb import __version__
from codeagent_nb.proof.evidence import WORDS
from codeagent_nb.proof.telling import headline
from tests.support.executed_notebooks import verified
from tests.support.proof_cases import LIES, STUDIES, made, told_right

DOCUMENT = Path(__file__).parents[1] / "docs" / "proof.md"

INTRODUCTION = """\
# Proof: what was tried

`codeagent-nb verify` replays a notebook in a fresh sandboxed kernel, compares its outputs with what is saved, and names
the reason of each difference. `make proof` runs {studies} true notebooks, and {lies} in each of which one lie was
planted after it had been proved, and writes this page. `make test` runs 15 of each.

Last run: {at}, version {version}, Python {python}, {seconds:.0f} s. {right} of {all} verdicts were right.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    name: str
    expected: str
    told: str
    right: bool


async def study(name: str, folder: Path) -> Row:
    """Prove a study."""
    verdict = await verified(await made(name, folder))
    expected = STUDIES[name].reasons
    words = ", ".join(WORDS[kind] for kind in sorted(expected, key=str)) or "proved"  # type: ignore[index]
    return Row(name, words, headline(verdict), verdict.reasons == expected)


async def lie(name: str, folder: Path) -> Row:
    """Prove a study, plant a lie, and look for it."""
    planted = LIES[name]
    path = await made(planted.study, folder)
    await verified(path)
    planted.plant(path)
    verdict = await verified(path)
    expected = f"{WORDS[planted.reason]}, cell {planted.cell}"  # type: ignore[index]
    return Row(f"{name} ({planted.study})", expected, headline(verdict), told_right(planted, verdict))


async def rows(names: Iterator[str], run: Callable[[str, Path], Awaitable[Row]]) -> list[Row]:
    """Run all of a kind."""
    found = []
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_STATE_HOME"] = f"{folder}/state"
            work = Path(folder) / "work"
            work.mkdir()
            row = await run(name, work)
        sys.stdout.write(f"{'ok ' if row.right else 'BAD'} {row.name}: {row.told}\n")
        sys.stdout.flush()
        found.append(row)
    return found


def table(title: str, what: str, found: list[Row]) -> str:
    """Return rows as Markdown."""
    lines = [f"## {title}", "", f"| {what} | expected | verdict | right |", "|---|---|---|---|"]
    lines += [f"| {row.name} | {row.expected} | {row.told} | {'yes' if row.right else '**no**'} |" for row in found]
    return "\n".join(lines)


async def main() -> int:
    """Run all; return the exit code."""
    began = time.monotonic()
    studies, lies = await rows(iter(STUDIES), study), await rows(iter(LIES), lie)
    every = [*studies, *lies]
    text = INTRODUCTION.format(
        studies=len(studies),
        lies=len(lies),
        at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        version=__version__,
        python=platform.python_version(),
        seconds=time.monotonic() - began,
        right=sum(row.right for row in every),
        all=len(every),
    )
    if "--write" in sys.argv:
        parts = [text, table("True notebooks", "study", studies), table("Planted lies", "lie (study)", lies)]
        DOCUMENT.write_text("\n".join(parts) + "\n")
    return int(not all(row.right for row in every))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
