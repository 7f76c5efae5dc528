"""The agent of one notebook: its session, its models, and the one task it may be working on. Knows no IPython.

The session (managed kernel, conversation, saved notebook) begins with the first task and lives until it is reset.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from codeagent_nb.errors import AgentError, SessionError
from codeagent_nb.events import AgentEvent, FilesEvent, TaskTurnedEvent
from codeagent_nb.log.event_log import View
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.loop.results import TaskResult
from codeagent_nb.models.types import ChatCompletionClient
from codeagent_nb.notebook.attaching import bring_along
from codeagent_nb.notebook.cells.written import WrittenTasks
from codeagent_nb.notebook.chosen_models import ChosenModels
from codeagent_nb.notebook.closing import close_all
from codeagent_nb.notebook.tasks import Place, Prepare, Task, as_it_is
from codeagent_nb.prompt.model_texts import wanted_text
from codeagent_nb.session.beginning import NOTHING, Earlier
from codeagent_nb.session.held_files import held_folder
from codeagent_nb.session.saving import save_session
from codeagent_nb.session.session import Session, SessionSettings, new_notebook, open_session
from codeagent_nb.session.undoing import NOTHING_DONE, NOTHING_UNDONE, Done
from kernel_executor import Fetched


class NotebookAgent:
    """Solves tasks one after another in one session. Belongs to one event loop.

    Args:
        name: What saved sessions are named after: the notebook.
        environment: That of `%load_ext`, which may hold secrets that are gone by the first task.
    """

    def __init__(self, name: str, environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.secrets = Secrets(os.environ, environment)  # for all its sessions: what was a secret stays one
        self._stack: AsyncExitStack | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.models = ChosenModels(os.environ)
        self._folder_chosen = self._server_configured = ""
        self._work: asyncio.Task[Any] | None = None
        self._one = asyncio.Lock()  # a task waits while another is taken back
        self._watchers: list[View] = []
        self._closing: asyncio.Task[None] | None = None
        self._going_on: set[asyncio.Task[Any]] = set()
        self._detach_last: list[Any] = []
        self.written = WrittenTasks(self)
        self.session: Session | None = None

    @property
    def busy(self) -> bool:
        """Whether a task is being worked on."""
        return self._work is not None

    def stop(self) -> None:
        """Stop the task that is being worked on, if there is one."""
        if self._work:
            self._work.cancel()

    def watch(self, view: View) -> Callable[[], None]:
        """Call a view with every event of this session and later ones; return a function that ends this."""
        self._watchers.append(view)
        if self.session:
            self.session.log.attach(view)

        def end() -> None:
            self._watchers.remove(view)
            if self.session:
                self.session.log.detach(view)

        return end

    @property
    def events(self) -> Sequence[AgentEvent]:
        """What happened in this session, oldest first."""
        return self.session.log.events if self.session else ()

    def use(self, chosen: Mapping[str, str]) -> None:
        """Put variables before those of the environment from now on, for models only.

        They are in no file and no process, and secret as those of the environment are.
        """
        self.secrets.learn(chosen)
        self.models.use(chosen)

    async def solve(
        self,
        task: Task,
        place: Place,
        *,
        views: Callable[[Session], Sequence[View]],
        prepare: Prepare = as_it_is,
    ) -> TaskResult:
        """Solve a task; open the session if there is none.

        Args:
            task: The task.
            place: Where a new session works.
            views: Returns the surfaces of this task; they also see late output until the next one.
            prepare: Completes them first.

        Raises:
            AgentError: Another task is being worked on, the model failed, a variable cannot be copied.
            KernelExecutorError: The kernel does not start.
        """
        self.refuse_if_busy()
        self._work, self.loop = asyncio.current_task(), asyncio.get_running_loop()
        try:
            async with self._one:
                task, place = await prepare(task, place)
                session = await self._open(place)
                self._attach(session, views(session))
                known = [await session.bring(task.files), await bring_along(session, task)]
                task.ready.set()
                context = "\n\n".join(filter(None, known))
                return await session.run(task.text, task.settings, context, wanted_text(task.results))
        finally:
            task.ready.set()
            self._work = None

    async def go_on(self, earlier: Earlier, place: Place) -> Session:
        """Go on from an earlier session in place of this one, which stays if that fails; the next task waits for it.

        Args:
            earlier: What it goes on from.
            place: Where it works.

        Raises:
            AgentError: A task is being worked on, or the session cannot be read, or is open elsewhere.
            KernelExecutorError: The kernel does not start.
        """
        self.refuse_if_busy()
        working = cast("asyncio.Task[Any]", asyncio.current_task())
        self._going_on.add(working)
        try:
            async with self._one:
                self.loop = asyncio.get_running_loop()
                stack, session = await self._opened(place, earlier)  # before the session of now ends: it may fail
                self._end_session(())
                self._take(stack, session, place)
                if self._closing:  # the next line may delete it, and must not find it open
                    await asyncio.wait({self._closing})
                return session
        finally:
            self._going_on.discard(working)

    def allow_network(self, name: str) -> None:
        """Allow the session's code to reach one more name.

        Raises:
            AgentError: There is no session, it is no name, or the session was opened without a network.
        """
        if self.session is None:
            raise AgentError(
                f"there is no session yet: `%config CodeAgent.network = '{name}'` lets the next one reach it"
            )
        try:
            self.session.executor.allow_network(name)
        except ValueError as error:
            raise AgentError(str(error)) from error

    def refuse_if_busy(self) -> None:
        """Refuse a second task at a time.

        Raises:
            AgentError: Another task is being worked on.
        """
        if self.busy:
            raise AgentError("the agent of this notebook is working on another task: wait for it, or stop it first")

    def _attach(self, session: Session, views: Sequence[View]) -> None:
        for detach in self._detach_last:
            detach()
        self._detach_last = [session.log.attach(view) for view in views]

    async def _open(self, place: Place) -> Session:
        return self.session or self._take(*await self._opened(place), place)

    async def _opened(self, place: Place, earlier: Earlier = NOTHING) -> tuple[AsyncExitStack, Session]:
        if self._closing:
            await asyncio.wait({self._closing})  # not the task itself: a stop meanwhile must not break off the closing
        async with AsyncExitStack() as stack:
            settings = SessionSettings(
                folder=place.folder,
                name=self.name,
                files=place.files,
                sandbox=place.sandbox,
                limits=place.limits,
                network=place.network,
                server=place.server,
            )
            session = await stack.enter_async_context(
                open_session(settings, views=[self.written, *self._watchers], secrets=self.secrets, earlier=earlier)
            )
            return stack.pop_all(), session

    def _take(self, stack: AsyncExitStack, session: Session, place: Place) -> Session:
        self._stack, self.session = stack, session
        self._folder_chosen, self._server_configured = place.chosen, place.configured
        place.on_open(session.folder)
        return session

    def works_in_another_folder(self, place: Place) -> bool:
        """Return whether the user has named another folder since the session began."""
        if self.session is None or self._folder_chosen == place.chosen:
            return False
        return self.session.folder != place.folder.expanduser().resolve()

    def runs_on_another_server(self, place: Place) -> bool:
        """Return whether the user has named another server, or none, since the session began."""
        if self.session is None:
            return False
        has_changed = place.insists or place.configured != self._server_configured
        return has_changed and (place.server.url if place.server else "") != self.session.server

    def server_of_next(self, place: Place) -> str:
        """Return the server that the next task's code runs on; empty for this machine."""
        if self.session and not self.runs_on_another_server(place):
            return self.session.executor.isolation.place
        return place.server.url if place.server else ""

    def leave_session(self, why: str) -> str:
        """Forget the conversation and end the kernel, for the next task works elsewhere; return what is said of it."""
        session, kept = self.session, self.held_folder
        self._end_session(())
        if session is None or not session.log.events:
            return ""
        lost = f" Files that were not saved: {kept}." if kept else ""
        return (
            f"{why}: the agent starts there with a new kernel and a new conversation. What it did before is saved as "
            f"{session.notebook}.{lost}"
        )

    def reset(self) -> None:
        """Forget the conversation and end the kernel; what was saved stays. The next task waits until that is done.

        Raises:
            AgentError: A task is being worked on.
        """
        self.refuse_if_busy()
        for working in self._going_on:
            working.cancel()
        self._end_session(self.models.take_all())

    def _end_session(self, models: Sequence[ChatCompletionClient]) -> None:
        earlier, stack = self._closing, self._stack
        self._stack, self.session, self._detach_last = None, None, []
        self.written.forget()
        self._closing = asyncio.ensure_future(close_all(earlier, stack, models))

    async def aclose(self) -> None:
        """End the kernel and the models; may be called twice."""
        self.reset()
        if self._closing:
            await asyncio.wait({self._closing})

    async def end(self) -> None:
        """Stop what is being worked on and close."""
        works = {work for work in (self._work, *self._going_on) if work}
        for work in works:
            work.cancel()
        if works:
            await asyncio.wait(works)
        await self.aclose()

    @property
    def held_folder(self) -> Path | None:
        """Where files that were not saved are going to be when the session ends; None if there are none."""
        session = self.session
        return held_folder(session.place) if session and session.executor.held_files else None

    async def take_files(self, names: Sequence[str]) -> FilesEvent:
        """Save files that stayed where the agent's code works; none means all that may be saved.

        Raises:
            AgentError: There is no session, or a task is being worked on.
        """
        self.refuse_if_busy()
        if self.session is None:
            raise AgentError("no files yet: give the agent a task first")
        return await self.session.take_files(names)

    async def fetch(self, name: str, limit: int | None) -> Fetched:
        """Copy a variable of the agent's kernel; the next task waits until that is done.

        Raises:
            AgentError: A task is being worked on, there is no session, or it cannot come.
        """
        self.refuse_if_busy()
        async with self._one:
            session = self._session_of("there are no variables yet: give the agent a task first")
            return await session.fetched(name, limit=limit)

    @property
    def last_task(self) -> Done | None:
        """The task that can be taken back now; None while one is being worked on."""
        return self.session.undoing.last if self.session and not self.busy else None

    async def undo(self, only: datetime | None = None) -> TaskTurnedEvent:
        """Take the last task back, with its variables; the next task waits until that is done.

        Args:
            only: When the task began that is meant; None means whichever is the last.

        Raises:
            AgentError: A task is being worked on, there is none, or its variables cannot be brought back.
        """
        self.refuse_if_busy()
        async with self._one:
            return await self._session_of(NOTHING_DONE).undo(only)

    async def redo(self) -> TaskTurnedEvent:
        """Take the task again that was taken back last; errors are those of `undo`."""
        self.refuse_if_busy()
        async with self._one:
            return await self._session_of(NOTHING_UNDONE).redo()

    def _session_of(self, why_not: str) -> Session:
        if self.session is None:
            raise SessionError(why_not)
        return self.session

    def save_copy(self) -> Path:
        """Save the session so far in its folder.

        Raises:
            AgentError: There is nothing to save, or it cannot be written.
        """
        folder = self.session.folder if self.session else Path()
        return self.save(new_notebook(folder, f"{self.name}-copy"))

    def save(self, path: Path) -> Path:
        """Save the session so far as a notebook of another name.

        Raises:
            AgentError: There is nothing to save, a file of that name exists, or it cannot be written.
        """
        if self.session is None:
            raise AgentError("there is nothing to save yet: give the agent a task first")
        return save_session(self.session, path)
