"""Writes a run's cells into the open notebook while it happens: sends what is new, waits for the answer, goes on.

What the user has changed, run, kept or deleted is the user's, and is left alone from then on. Knows the page and the
cells; no widgets.
"""

import asyncio
import logging
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from codeagent_nb.events import AgentEvent, LateOutputEvent
from codeagent_nb.notebook.cells.diff import Change, PageCell, changes_between
from codeagent_nb.notebook.cells.layout import PageCells, prefix_of
from codeagent_nb.notebook.cells.page import Found, Left, Page, PageError
from codeagent_nb.notebook.cells.same import may_become, same_at_start
from codeagent_nb.projections.notebook_cell import code_of
from codeagent_nb.projections.notebook_cells import CellsStory
from codeagent_nb.text import counted
from kernel_executor import CodeBlock, Output
from kernel_executor.aio.tasks import ended
from kernel_executor.text import cleaned

logger = logging.getLogger("codeagent_nb")

SECONDS_BETWEEN = 0.05
SECONDS_LOST = 5.0
"""Between two looks for a page that no longer answers."""
LOOKS_AFTER = 12
"""After the run: a page that is just being loaded again will show all of it."""

UNANSWERED = 3
"""Times a page may greet and then not answer: it may be slow, but the run must end."""

UNKNOWN: tuple[Output, ...] = ({"output_type": "unknown"},)
"""Equal to no outputs: all are sent again."""


REPLACED = "The code differs from the previous run. Run these cells before using their results."
"""Run All has sent the code of all cells to the notebook's kernel before the first of them is run."""


class CellWriter:
    """A view that writes cells.

    Args:
        page: Where they go.
        found: What it said of its notebook.
        hidden: Kinds of cells that are not written: the task, where the cell above says it.
        last_attempt_only: True to take the failed attempts away at the end.
    """

    def __init__(
        self,
        page: Page,
        found: Found,
        *,
        hidden: frozenset[str],
        last_attempt_only: bool = False,
    ) -> None:
        self._page = page
        self._last_attempt_only = last_attempt_only
        self._run = uuid.uuid4().hex[:8]
        self._story = CellsStory()
        self._earlier = found.cells
        self._kept = frozenset(cell.id for cell in found.theirs)
        self._standing = found.made
        """What the run makes as long as it is not known to make something else."""
        self._unknown = _made_before(found, page.anchor)
        self._refused = ""
        self._replaced: set[str] = set()
        self._hidden = hidden
        self._cells = self._page_cells({*found.ids} - {cell.id for cell in self._standing})
        self._taken = {*found.ids} - {cell.id for cell in self._earlier}
        self._known: dict[str, PageCell] = {}
        self._sent: dict[str, list[PageCell]] = {}
        self._gone: set[str] = set()
        self._detached: set[str] = set()
        self._reused: set[str] = set()
        self._approved: dict[str, str] = {}
        self._moved: Found | None = None
        self._writing: asyncio.Task[None] | None = None
        self._looks = LOOKS_AFTER
        self._unanswered = 0
        self._changed = self._asks = self._over = self._lost = self._finished = False

    def _page_cells(self, taken: set[str]) -> PageCells:
        # Where cells are replaced, one step takes back what replaces them, and brings them back.
        one_step = bool(self._earlier)
        return PageCells(self._page.anchor, self._run, frozenset(taken), one_step=one_step, hidden=self._hidden)

    def on_event(self, event: AgentEvent) -> None:
        """Take one event in; write soon. What comes when all is written is in the saved session alone."""
        if self._finished or (self._over and not isinstance(event, LateOutputEvent)):
            return
        self._story.take(event)
        self._changed = True
        if self._writing is None and not self._lost:
            self._writing = asyncio.ensure_future(self._write_all())

    async def finish(self) -> None:
        """Write what is left, and end the conversation with the page."""
        self._over = self._changed = True
        if self._writing:
            await ended(self._writing)
        self._lost = False  # a last look
        self._writing = self._writing or asyncio.ensure_future(self._write_all())  # late output may have begun it
        await ended(self._writing)

    async def as_they_stand(self, code_blocks: Sequence[CodeBlock]) -> tuple[CodeBlock, ...] | None:
        """Return code that waits for approval as it stands in its cells, where the user may have edited it.

        Args:
            code_blocks: The code as it was written, or as it was edited elsewhere.

        Returns:
            None if nobody can say what stands there; without the code of cells that the user has taken away.
        """
        if self._standing:  # what is asked about has to stand there
            self._asks = self._changed = True
            self._writing = self._writing or asyncio.ensure_future(self._write_all())
        if self._writing:
            await ended(self._writing)
        waiting = [cell for cell in self._wanted() if cell.metadata["codeagent"].get("status") == "waiting"]
        ids = [cell.id for cell in waiting]
        if len(waiting) != len(code_blocks) or not self._sent.keys() & ids:
            return tuple(code_blocks)  # it stands nowhere
        if (sources := await self._read(ids)) is None:
            return None
        stand = ((cell, sources.get(cell.id, cell.source)) for cell in waiting)
        self._approved = edited = {cell.id: text for cell, text in stand if text != cell.source}
        return tuple(
            code_of(edited[cell.id]) if cell.id in edited else block
            for cell, block in zip(waiting, code_blocks, strict=True)
            if cell.id in sources or cell.id in self._detached  # half-written, it was taken over: what was shown runs
        )

    async def _read(self, ids: Sequence[str]) -> dict[str, str] | None:
        with suppress(PageError):
            if not self._lost and (sources := await self._page.read(ids)) is not None:
                return sources
            if found := await self._look():  # loaded again, it has another address
                self._moved = found
                return await self._page.read(ids)
        return None

    async def _write_all(self) -> None:
        try:
            while self._changed and not self._lost:
                if not self._over:
                    await asyncio.sleep(SECONDS_BETWEEN)
                await self._write()
        except Exception as error:  # noqa: BLE001 - a page that fails must not end the run; the note at its end tells
            self._lost = self._changed = True
            self._refused = str(error).rstrip(".") if isinstance(error, PageError) else ""
            logger.warning("the agent's cells could not be written into the notebook: %s", cleaned(str(error)))
        finally:
            self._writing = None
            if self._over and self._lost:
                self._page.leave()
            elif self._over:
                self._page.close()
                self._finished = True

    async def _write(self) -> None:
        self._changed = False
        if moved := self._moved:
            self._moved = None
            self._go_on_in(moved)
        if self._standing and not await self._leave_standing():
            return
        await self._adopt_approved()
        wanted = self._replacing([cell for cell in self._wanted() if cell.id not in self._gone])
        users = self._detached | self._reused
        theirs = [cell for cell in wanted if cell.id in users]  # nothing of them changes, but where they are
        known = [*self._known.values(), *theirs]
        changes = [*self._replacement(wanted), *changes_between(known, wanted, self._page.anchor)]
        if not changes:
            return
        self._remember(wanted)
        self._replaced |= {cell.source for cell in self._earlier}
        left = await self._page.apply(changes)
        if left is None:
            await self._find_again({cell.id for cell in wanted})
            return
        self._gone |= left.gone
        self._leave_to_the_user(left.detached)
        self._known = {cell.id: cell for cell in wanted if cell.id not in self._gone | self._detached | self._reused}
        self._unanswered = 0
        if wanted:
            self._earlier = []

    async def _leave_standing(self) -> bool:
        """Leave what an earlier run made where it is, as far and as long as this one may make the same.

        Returns:
            Whether there is something to be written now.
        """
        must_write = self._over or self._asks
        if self._last_attempt_only and not must_write:
            return False
        wanted = self._wanted()
        settled = wanted if self._over else self._cells.settled(self._story)
        same = same_at_start(self._standing, settled)
        if not must_write and same == len(settled) and may_become(self._standing[same:], wanted[same:]):
            return False
        return await self._reuse(settled[:same])

    async def _reuse(self, same: Sequence[PageCell]) -> bool:
        """Go on with what stands there, but for what the user has kept or runs; return whether the page did."""
        left = await self._page.apply([_reuse(cell.id, cell.source) for cell in same]) if same else Left()
        if left is None:
            await self._find_again({cell.id for cell in same})
            return False
        self._gone |= left.gone
        self._detached |= left.detached
        self._known = {cell.id: _as_unknown(cell, cell.source) for cell in same if cell.id in left.adopted}
        self._reused = {cell.id for cell in same} - self._known.keys() - self._gone - self._detached
        self._remember(same)
        again = {cell.id for cell in same}
        self._standing, self._earlier = (), [cell for cell in self._earlier if cell.id not in again]
        self._cells = self._page_cells(self._taken - again)
        return True

    async def _adopt_approved(self) -> None:
        """Go on with cells that the user has edited before approving them."""
        if not self._approved:
            return
        wanted = {cell.id: cell for cell in self._wanted()}
        approved = {cell.id: cell.source for cell in wanted.values() if self._approved.get(cell.id) == cell.source}
        if not approved or not (left := await self._page.apply([_reuse(*one) for one in approved.items()])):
            return
        self._approved = {}
        self._known |= {name: _as_unknown(wanted[name], approved[name]) for name in left.adopted & wanted.keys()}

    def _wanted(self) -> list[PageCell]:
        failed = self._story.failed_steps if self._over and self._last_attempt_only else ()
        return self._cells.of(self._story, without_failed=failed, over=self._over)

    def _replacing(self, wanted: list[PageCell]) -> list[PageCell]:
        """Leave what an earlier run made where it is, as long as there is nothing but notes to put in its place."""
        has_more = any(cell.metadata["codeagent"]["kind"] != "note" for cell in wanted)
        return wanted if has_more or not self._earlier else []

    def _replacement(self, wanted: Sequence[PageCell]) -> Iterator[Change]:
        for cell in self._earlier if wanted else ():
            yield {"do": "remove", "id": cell.id, "source": cell.source, "undo": self._run}

    def _leave_to_the_user(self, ids: Iterable[str]) -> None:
        """Change these no more; the page takes our mark off them."""
        self._detached |= {*ids}

    async def _find_again(self, wanted: set[str]) -> None:
        """Look for a page: this one was closed or loaded again, or another window has the notebook, too."""
        self._changed = True
        client = self._page.client
        self._unanswered += 1
        found = await self._look() if self._unanswered <= UNANSWERED else None
        if found is None:
            self._page.leave()
            self._lost, self._unanswered = True, 0
            self._looks -= self._over
            if self._looks:
                asyncio.get_running_loop().call_later(SECONDS_LOST, self._look_again)
            return
        if self._page.client == client:  # else they may be missing because they were not saved
            self._gone |= (self._known.keys() & wanted) - {*found.ids}
        self._go_on_in(found)

    def _go_on_in(self, found: Found) -> None:
        """Go on from what a page has, which may lack some of what was sent, or be the next life of the last."""
        theirs = {cell.id for cell in found.theirs} & self._sent.keys()
        self._leave_to_the_user(theirs - self._kept - self._approved.keys())
        if self._standing:  # nothing was written yet
            self._standing = found.made
            return
        self._known = {cell.id: cell for cell in self._still_there(found)}
        sources = {there.id: there.source for there in found.cells}
        not_replaced = [cell for cell in self._earlier if sources.get(cell.id) == cell.source]
        self._earlier = [cell for cell in not_replaced if cell.id not in self._known]

    async def _look(self) -> Found | None:
        """Ask the page first that has the cells; loaded again, it has another address."""
        return await self._page.find() or await self._page.find_another()

    def _look_again(self) -> None:
        if self._lost:
            self._lost = False
            self._writing = self._writing or asyncio.ensure_future(self._write_all())

    def _remember(self, cells: Sequence[PageCell]) -> None:
        """Keep what was sent, each cell as it was last before it became another: a page may have saved any of it."""
        for cell in cells:
            forms = self._sent.setdefault(cell.id, [])
            if forms and cell.source.startswith(forms[-1].source):
                forms.pop()
            forms.append(cell)

    def _still_there(self, found: Found) -> Iterator[PageCell]:
        """Yield the cells that the page has; it may have been saved, and loaded, in the midst of one."""
        earlier = {(cell.id, cell.source) for cell in self._earlier}
        for there in found.cells:
            forms = self._sent.get(there.id, [])
            if not forms or there.id in self._gone | self._detached | self._reused:
                continue
            if any(cell.source.startswith(there.source) for cell in forms):  # it may lack its end
                yield _as_unknown(forms[-1], there.source)
            elif (there.id, there.source) not in earlier:  # else it has not been replaced yet
                self._leave_to_the_user([there.id])

    def notes(self, saved_as: str) -> Iterator[str]:
        """Yield what a person should know of the cells that were not written.

        Args:
            saved_as: Where they are to be found.
        """
        if self._lost and self._refused:
            yield f"The page did not take all ({self._refused}): what is missing in it is in {saved_as}."
        elif self._lost:
            yield f"The notebook was closed or did not answer: what is missing in it is in {saved_as}."
        if left := self._gone | self._detached:
            few = counted(len(left), "cell")
            what = "that you changed or deleted while the agent was writing: left alone"
            yield f"{few} {what}. What the agent wrote is in {saved_as}."
        code = {cell.source for cell in self._known.values() if cell.cell_type == "code"}
        if self._replaced and code - self._replaced:
            yield REPLACED
        if self._kept - self._reused and (self._known or self._gone or self._detached):
            few = counted(len(self._kept - self._reused), "cell")
            yield f"{few} of an earlier run that you had changed or kept: left alone."
        if self._unknown and self._known:
            few = counted(self._unknown, "cell")
            yield f"{few} of an earlier run not written in this browser: left alone; the button Remove takes them away."


def _reuse(name: str, source: str) -> Change:
    return {"do": "reuse", "id": name, "source": source}


def _as_unknown(cell: PageCell, source: str) -> PageCell:
    """Return a cell of which only the text is known: all else is sent again."""
    return replace(cell, source=source, metadata={}, outputs=() if cell.cell_type == "markdown" else UNKNOWN)


def _made_before(found: Found, anchor: str | None) -> int:
    """Return how many cells bear the mark of an earlier run of the same cell, and are none that this browser wrote."""
    # A copy that was pasted elsewhere has the same metadata, and an id of its own.
    return sum(name.startswith(f"{prefix_of(anchor)}-") for name in found.marked) if anchor else 0
