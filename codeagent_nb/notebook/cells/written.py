"""Knows which page has the cells of which task: has them marked when it is taken back, and answers what a page asks.

A page may ask for what `%agent undo` does, of the task that it names by its token, and only if that is the last one
that stands; and for what stands under the task's cell, once it was loaded again. Knows pages and their tokens.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from codeagent_nb.errors import AgentError
from codeagent_nb.events import AgentEvent, TaskTurnedEvent, TextMessage
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.notebook.cells.page import Comm, Page, PageError, listen
from codeagent_nb.session.undoing import NOT_THE_LAST, Done
from codeagent_nb.text import first_words, sentence, turned_note
from kernel_executor import Output

STORIES = 20
"""Tasks of which a page may ask what stands under their cell: it has asked long before there are so many new ones."""

NOT_MARKED = "Its cells in the notebook stay as they are: the page that has them does not answer."


class Turning(Protocol):
    """What is needed of the agent."""

    secrets: Secrets

    @property
    def last_task(self) -> Done | None:
        """The task that can be taken back now."""
        ...

    async def undo(self, only: datetime | None = None) -> TaskTurnedEvent:
        """Take the last task back, if it is the one that began then."""
        ...


class Story(Protocol):
    """What stands under a task's cell."""

    version: int
    is_over: bool

    @property
    def outputs(self) -> list[Output]:
        """All of it, as nbformat has outputs."""
        ...


class WrittenTasks:
    """The tasks of a session whose cells are in an open notebook; a view of its log.

    Args:
        agent: Takes tasks back.
    """

    def __init__(self, agent: Turning) -> None:
        self._agent = agent
        self._pages: dict[datetime, Page] = {}
        self._stories: deque[tuple[Page, Story]] = deque(maxlen=STORIES)
        self._stop: Callable[[], None] | None = None
        self._notes: list[asyncio.Task[str]] = []
        self._answers: set[asyncio.Task[None]] = set()

    def task(self, page: Page) -> "WrittenTask":
        """Return the view of one task, whose cells that page has."""
        return WrittenTask(page, self)

    def add(self, began: datetime, page: Page) -> None:
        """Take in that the cells of the task which began then are on that page."""
        self._pages[began] = page
        self._listen()

    def tell(self, page: Page, story: Story) -> None:
        """Answer that page when it asks for what stands under the task's cell."""
        self._stories.append((page, story))
        self._listen()

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._stop = self._stop or listen(lambda comm, asked: loop.call_soon_threadsafe(self._ask, comm, asked))

    def forget(self) -> None:
        """Forget all of them, and answer pages no more: the session has ended, unless a task is about to begin one."""
        self._pages.clear()
        if self._stop and all(story.is_over for _, story in self._stories):
            self._stop()
            self._stop = None

    def on_event(self, event: AgentEvent) -> None:
        """Have a task's cells marked once it is taken back, and the mark taken away once it is taken again."""
        if isinstance(event, TaskTurnedEvent) and (page := self._pages.get(event.began)):
            self._notes.append(asyncio.ensure_future(_turned(page, taken_back=event.state == "undone")))

    async def note(self) -> str:
        """Return what a person should know of cells that could not be marked, once all that was asked for is done."""
        notes, self._notes = self._notes, []
        return next(filter(None, await asyncio.gather(*notes)), "")

    def _ask(self, comm: Comm, asked: dict[str, Any]) -> None:
        answering = asyncio.ensure_future(self._answer(comm, asked))
        self._answers.add(answering)  # or it might be collected before it is done
        answering.add_done_callback(self._answers.discard)

    async def _answer(self, comm: Comm, asked: dict[str, Any]) -> None:
        token, last = asked.get("token"), self._agent.last_task
        if asked.get("do") == "story":
            comm.send(self._story(token, asked.get("known")))
            return
        page = self._pages.get(last.began) if last else None
        if last is None or page is None or not page.has(token):
            comm.send({"ok": False, "said": sentence(NOT_THE_LAST)})
        elif asked.get("do") == "look":
            comm.send({"ok": True, "task": self._agent.secrets.text(first_words(last.text))})
        elif asked.get("do") == "take back":
            comm.send(await self._taken_back(self._agent.undo(only=last.began)))

    def _story(self, token: object, known: object) -> dict[str, Any]:
        story = next((story for page, story in self._stories if page.has(token)), None)
        if story is None:
            return {"ok": False}
        version = str(story.version)
        more = {} if version == known and not story.is_over else {"outputs": story.outputs}
        return {"ok": True, "known": version, "over": story.is_over, **more}

    async def _taken_back(self, undoing: Coroutine[Any, Any, TaskTurnedEvent]) -> dict[str, Any]:
        try:
            said = " ".join(filter(None, [turned_note(await undoing), await self.note()]))
        except AgentError as error:
            return {"ok": False, "said": self._agent.secrets.text(sentence(str(error)))}
        return {"ok": True, "said": self._agent.secrets.text(said)}


@dataclass(slots=True)
class WrittenTask:
    """Notes when a task begins whose cells a page has; a view of that task."""

    page: Page
    tasks: WrittenTasks
    _has_begun: bool = False

    def on_event(self, event: AgentEvent) -> None:
        """Look for the message that begins the task."""
        if isinstance(event, TextMessage) and not self._has_begun:
            self._has_begun = True
            self.tasks.add(event.created_at, self.page)


async def _turned(page: Page, *, taken_back: bool) -> str:
    try:
        return "" if await page.turn(taken_back=taken_back) else NOT_MARKED
    except PageError as error:
        return f"Its cells in the notebook stay as they are: {error}."
