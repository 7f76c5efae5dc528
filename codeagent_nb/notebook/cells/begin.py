"""Begins to write cells, or says why that cannot be, and what is done instead. Knows who ran the cell."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from codeagent_nb.events import AgentEvent, CodeExecutionEvent
from codeagent_nb.notebook.arguments import CellOptions
from codeagent_nb.notebook.cells.page import Found, Page, PageError
from codeagent_nb.notebook.cells.sync import CellWriter
from codeagent_nb.projections.notebook_cell import code_cell
from kernel_executor.languages import normalize

NO_EXTENSION = (
    "No cells are written, for this front end lacks the extension codeagent-nb (in JupyterLab or Notebook 7, install "
    "the package where Jupyter itself is installed, and load the page again)"
)
SECONDS_SILENT = 120.0
"""A page that has not answered is not asked for so long: each time costs `HELLO_PATIENCE`."""

NOT_WRITTEN = "No cells are written"
READ_ONLY = "No cells are written, for this notebook is read-only (save a copy of it and run the cell there)"


@dataclass(frozen=True, slots=True)
class Writing:
    """Where cells are written.

    Args:
        writer: Who writes them; None where that cannot be.
        why_not: The reason, in one line.
        page: Where.
    """

    writer: CellWriter | None = None
    why_not: str = ""
    page: Page | None = None

    async def finish(self, saved_as: str) -> Sequence[str]:
        """Write what is left; return what a person should know of the cells that were not written.

        Args:
            saved_as: Where they are to be found.
        """
        if self.writer is None:
            return ()
        await self.writer.finish()
        return tuple(self.writer.notes(saved_as))


Begin = Callable[[], Awaitable[Writing]]
"""Begins to write the cells of a task."""


async def write_none() -> Writing:
    """Write no cells."""
    return Writing()


@dataclass(slots=True)
class FrontEnds:
    """The front ends of a notebook; one that lacks the extension is not asked each time, for nobody answers.

    Args:
        silent: When each of those that did not answer was asked last, by its session id.
    """

    silent: dict[str, float] = field(default_factory=dict)

    def below(self, parent: Mapping[str, Any], options: CellOptions) -> Begin:
        """Return what begins to write below a cell, as its line asks for it.

        Args:
            parent: The kernel's message that runs the cell.
            options: What the line asks for.
        """
        page = page_below(parent)
        if not options.cells:
            return partial(self.meet, page)
        return partial(self.begin, page, insists=options.insists, last_attempt_only=options.keep == "final")

    async def meet(self, page: Page) -> Writing:
        """Have the page know of a task that writes no cells: loaded again, it asks for what stands under its cell."""
        if self._may_answer(page):
            with suppress(PageError):  # then Jupyter shows what it can
                if self._heard(page, await page.find()):
                    page.leave()  # loaded again it would not know the comm, and Jupyter notes that as an error
                    return Writing(page=page)
            page.close()
        return Writing()

    def _may_answer(self, page: Page) -> bool:
        """Return whether a page is to be asked: it has our extension, or may have been too busy to say so."""
        asked = self.silent.get(page.client, -math.inf)
        return page.home is not None and time.monotonic() - asked > SECONDS_SILENT

    def _heard(self, page: Page, answer: object) -> bool:
        if answer is None:
            self.silent[page.client] = time.monotonic()
        else:
            self.silent.pop(page.client, None)
        return answer is not None

    async def begin(self, page: Page, *, insists: bool = False, last_attempt_only: bool = False) -> Writing:
        """Look for the page and begin.

        Args:
            page: The page; its anchor says the task itself, else a cell is written for it, too.
            insists: Whether the user has asked for cells, and is to know why there are none.
            last_attempt_only: True to take the failed attempts away at the end.
        """
        if not insists and not self._may_answer(page):
            return Writing()
        writing = await begin_writing(page, last_attempt_only=last_attempt_only)
        self._heard(page, None if writing.why_not == NO_EXTENSION else writing)
        return writing if insists or writing.why_not not in {NO_EXTENSION, READ_ONLY} else Writing()


async def begin_writing(page: Page, *, last_attempt_only: bool = False) -> Writing:
    """Look for the page and begin.

    Args:
        page: The page; its anchor says the task itself, else a cell is written for it, too.
        last_attempt_only: True to take the failed attempts away at the end.
    """
    try:
        found = await _find(page)
    except PageError as error:
        page.close()
        return Writing(None, f"{NOT_WRITTEN} ({str(error).rstrip('.')})")
    if found is None or found.read_only:
        page.close()
        return Writing(None, READ_ONLY if found else NO_EXTENSION)
    hidden = frozenset({"task", "variable"} if page.anchor else {"variable"})
    writer = CellWriter(page, found, hidden=hidden, last_attempt_only=last_attempt_only)
    return Writing(writer, page=page)


async def _find(page: Page) -> Found | None:
    try:
        if page.anchor is not None:
            return await page.find()
        # A panel may be in another window by now than the one whose cell has shown it.
        with suppress(PageError):
            if found := await page.find():
                return found
        return await page.find_another()
    except asyncio.CancelledError:
        page.close()
        raise


def page_below(parent: Mapping[str, Any]) -> Page:
    """Return the page that asked for a cell to be run, to write below that.

    Args:
        parent: The kernel's message that runs the cell; a front end that names no cell has no extension either.
    """
    return Page(_cell(parent), _client(parent), home=_cell(parent))


def page_at_end(parent: Mapping[str, Any]) -> Page:
    """Return the page that asked for a cell to be run, to write at the notebook's end.

    Args:
        parent: The kernel's message that runs the cell.
    """
    return Page(None, _client(parent), home=_cell(parent))


def _cell(parent: Mapping[str, Any]) -> str | None:
    cell = parent.get("metadata", {}).get("cellId")
    return str(cell) if cell else None


def _client(parent: Mapping[str, Any]) -> str:
    return str(parent.get("header", {}).get("session", ""))


def last_good_code(events: Iterable[AgentEvent]) -> str:
    """Return the code that succeeded, as one cell; empty if none did."""
    good = [event.result for event in events if isinstance(event, CodeExecutionEvent) and event.result.exit_code == 0]
    blocks = [one.block for result in good for one in result.blocks if one.status == "ok"]  # of all steps
    if python := [block.code.strip("\n") for block in blocks if normalize(block.language) in {"python", ""}]:
        return "\n\n".join(python)
    return code_cell(blocks[-1], "ok").source if blocks else ""
