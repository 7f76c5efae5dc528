"""Brings back the variables of an earlier session: its good cells run again in the sandbox (design D22).

Knows no surface. What could not be brought back is published, by name.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codeagent_nb.events import KernelStateEvent
from codeagent_nb.log.event_log import EventLog
from codeagent_nb.projections.notebook_cell import SHELL, Cell
from codeagent_nb.projections.notebook_cells import CellsStory
from codeagent_nb.text import counted, first_words, one_line
from kernel_executor import BlockResult, CodeBlock, ManagedExecutor
from kernel_executor.kernels.code_facts import names_made
from kernel_executor.text import as_text, shorten

LEAST_SECONDS = 60.0
SLOWER = 3.0
"""Times as long as a cell took that it may take again: the machine may be busy."""

ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+")

BARE = "code of an earlier session runs in a sandbox only, and none holds it here"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came of it.

    Args:
        ran: How many cells ran again and ended well.
        missing: What is not there any more: variables, or code that makes none.
        why: Why not.
        otherwise: What came of code that showed something else than before: random numbers, the time.
    """

    ran: int = 0
    missing: tuple[str, ...] = ()
    why: str = ""
    otherwise: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = [f"{counted(self.ran, 'cell')} of code ran again."]
        said += [f"Not there any more: {', '.join(self.missing)} ({self.why})."] if self.missing else []
        said += [f"Other than before, by what was shown: {', '.join(self.otherwise)}."] if self.otherwise else []
        return " ".join(said)


async def rebuild(executor: ManagedExecutor[Any], log: EventLog) -> Rebuilt:
    """Run the good cells of a session again and publish what they did not bring back.

    Args:
        executor: Where; it has run nothing yet.
        log: What happened in the session.

    Raises:
        KernelExecutorError: The kernel does not start.
    """
    cells = good_cells(log) if executor.keeps_variables else []
    if not cells:
        return Rebuilt()
    blocks = [block_of(cell) for cell in cells]
    if not executor.isolation.isolates:
        rebuilt = Rebuilt(missing=_names(blocks), why=BARE)
    else:
        took = [float(cell.about.get("seconds") or 0) for cell in cells]
        results = await executor.execute_again(blocks, timeout=max(LEAST_SECONDS, SLOWER * max(took)))
        rebuilt = _told(results, [as_text(cell.outputs) for cell in cells])
    if rebuilt.missing:
        log.publish(KernelStateEvent(source="executor", state="lost", reason=rebuilt.why, names=rebuilt.missing))
    return rebuilt


def good_cells(log: EventLog) -> list[Cell]:
    """Return the cells of code that stand: what failed or was taken back is none of them."""
    story = CellsStory()
    for event in log.events:
        story.take(event)
    return [cell for cell in story.lasting if cell.cell_type == "code"]


def block_of(cell: Cell) -> CodeBlock:
    """Return the code of a cell as it ran."""
    is_shell = cell.source.startswith(SHELL)
    return CodeBlock(cell.source.removeprefix(SHELL), "bash") if is_shell else CodeBlock(cell.source, "python")


def _told(results: Sequence[BlockResult], shown: Sequence[str]) -> Rebuilt:
    failed = [result for result in results if result.status != "ok"]
    made_later = {id(result): _made_after(result, results) for result in failed}
    missing = [name for result in failed for name in _names([result.block]) if name not in made_later[id(result)]]
    first = f"{failed[0].ename}: {one_line(failed[0].evalue or '')}" if failed and failed[0].ename else ""
    why = first or (failed[0].note or failed[0].status if failed else "")
    other = [result.block for result, before in zip(results, shown, strict=True) if _differs(result, before)]
    gone = tuple(dict.fromkeys(missing))
    return Rebuilt(len(results) - len(failed), gone, shorten(why, 200).rstrip("."), _names(other))


def _differs(result: BlockResult, before: str) -> bool:
    """Return whether code that ran well showed another text; where an object lies in memory tells nothing."""
    now = as_text(result.outputs)
    return result.status == "ok" and ADDRESS.sub("", now) != ADDRESS.sub("", before)


def _made_after(failed: BlockResult, results: Sequence[BlockResult]) -> frozenset[str]:
    """Return the names that code which ran well after a failure has made all the same."""
    later = results[next(place for place, result in enumerate(results) if result is failed) :]
    return frozenset[str]().union(*(names_made(result.block) for result in later if result.status == "ok"))


def _names(blocks: Sequence[CodeBlock]) -> tuple[str, ...]:
    """Return the names that code makes; for code that makes none, its beginning."""
    found = [sorted(names_made(block)) or [f"`{first_words(block.code)}`"] for block in blocks]
    return tuple(dict.fromkeys(name for names in found for name in names))
