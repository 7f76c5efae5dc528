"""A session: one folder, one kernel, one conversation, one journal, one notebook. Ties them together; decides nothing.

Its files lie in `.codeagent/`, in the folder its code works in (`log/place.py`), but for a notebook that is to be seen.
"""

import os
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

from codeagent_nb.agent import CodeExecutorAgent
from codeagent_nb.elsewhere.choice import ServerChoice
from codeagent_nb.elsewhere.refusals import NO_UNDO, refuse_there, refuse_to_go_on
from codeagent_nb.errors import SessionError
from codeagent_nb.events import FilesEvent, TaskTurnedEvent, TextMessage
from codeagent_nb.log.event_log import EventLog, View
from codeagent_nb.log.place import SessionPlace, moment
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.log.standing import standing
from codeagent_nb.loop.driver import execution_event
from codeagent_nb.loop.one_run import OneAtATime
from codeagent_nb.loop.results import TaskResult
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.projections.language_info import QUESTION, read_language_info
from codeagent_nb.session.beginning import AGENT_NAME, NOTHING, Begun, Earlier, begin, leave, open_folder_of
from codeagent_nb.session.earlier import is_task
from codeagent_nb.session.executing import another_for, executor_for
from codeagent_nb.session.files import bring_to, check_files, describe_files
from codeagent_nb.session.files_told import FilesTold
from codeagent_nb.session.held_files import keep_held_files
from codeagent_nb.session.rebuilding import Rebuilt, rebuild
from codeagent_nb.session.results import NewVariables, fetch
from codeagent_nb.session.telling_files import tell_files
from codeagent_nb.session.undoing import Undoing
from codeagent_nb.text import counted
from kernel_executor import (
    ExecutionEvent,
    Fetched,
    ManagedExecutor,
    ResourceLimits,
)
from kernel_executor.factory import ExecutorName
from kernel_executor.network.gate import Network
from kernel_executor.sandbox.policy import SandboxMode


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """What stays the same for a whole session.

    Args:
        notebook: Where the notebook is saved; its folder is the code's working folder. None keeps it with the session,
            in `.codeagent/`.
        folder: The code's working folder where no notebook is named.
        name: What the session is named after where no notebook is named.
        files: Files the tasks are about.
        sandbox: As for `KernelCodeExecutor`.
        executor: What runs the code, as for `create_code_executor`.
        image: Of a container.
        limits: How much of the machine sandboxed code may use.
        network: What it may reach, as for `KernelCodeExecutor`.
        server: Where the code runs instead of on this machine.
    """

    notebook: Path | None = None
    folder: Path = Path()
    name: str = "codeagent"
    files: tuple[Path, ...] = ()
    sandbox: SandboxMode = "auto"
    executor: ExecutorName = "kernel"
    image: str = ""
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    network: Network = "none"
    server: ServerChoice | None = None

    @property
    def stem(self) -> str:
        """What the session is named after."""
        return self.notebook.stem if self.notebook else self.name


@dataclass(frozen=True, slots=True)
class Session:
    """An open session. Made by `open_session`."""

    place: SessionPlace
    notebook: Path
    """Where it is saved."""
    agent: CodeExecutorAgent
    executor: ManagedExecutor[Any]
    log: EventLog
    rebuilt: Rebuilt
    """What came of the code of before, which ran again."""
    context: str
    """What the model reads about the files, with the first task."""
    language_info: Mapping[str, Any]
    """What the kernel says of its language, for a saved notebook."""
    undoing: Undoing
    """Knows what can be taken back."""
    files_told: FilesTold
    """Describes the files for those models that are not told all."""
    server: str = ""
    """The server that was chosen for its code; empty for this machine."""
    one: OneAtATime = field(default_factory=lambda: OneAtATime("this session"))

    @property
    def name(self) -> str:
        """Its name among the sessions of its folder."""
        return self.place.name

    @property
    def folder(self) -> Path:
        """The folder that its code works in."""
        return self.place.work_dir

    @property
    def journal(self) -> Path:
        """Its journal."""
        return self.place.journal

    @property
    def data(self) -> Path:
        """The folder of the variables it was given."""
        return self.place.data

    async def run(self, task: str, settings: RunSettings, context: str = "", typed: str = "") -> TaskResult:
        """Solve a task; the notebook is complete when this returns or raises. Errors are those of the agent.

        Args:
            task: What to do.
            settings: How it is solved.
            context: What the model reads about files that were brought for it, where it is told all.
            typed: What the user has asked for besides; told at each level of privacy.
        """
        with self.one.work():
            has_begun = any(isinstance(event, TextMessage) for event in standing(self.log.events))
            texts = ["" if has_begun else self.context, context]
            before, position = await self.undoing.keep(), len(self.log.events)
            if self.executor.isolation.place:  # on a server no code sees the folder
                pass
            elif settings.level == "rows":
                await tell_files(self.executor, self.log, self.folder, task, "\n".join(texts))
            else:
                await self.files_told.add_named(task, self.folder)
            known = await self.files_told.context(texts, typed, settings.level)
            news = await NewVariables.before(self.executor)
            try:
                result = await self.agent.run(task=task, context=known, settings=settings)
            finally:
                self.undoing.add(before, position)
            await news.tell(result.messages, self.log)
            return result

    async def undo(self, only: datetime | None = None) -> TaskTurnedEvent:
        """Take the last task back, with its variables: they are as before it. Files it delivered stay.

        May be called again, for the task before, as long as the executor keeps the checkpoints (20).

        Args:
            only: When the task began that is meant, as its message says; None means whichever is the last.

        Raises:
            AgentError: A task is being worked on.
            SessionError: There is nothing to take back, or its variables cannot be brought back, and why.
        """
        self._refuse_to_turn()
        with self.one.work():
            return await self.undoing.undo(only)

    async def redo(self) -> TaskTurnedEvent:
        """Take the task again that was taken back last, with its variables; a new task ends this. Errors are as above.

        Raises:
            SessionError: There is nothing to take again.
        """
        self._refuse_to_turn()
        with self.one.work():
            return await self.undoing.redo()

    def _refuse_to_turn(self) -> None:
        refuse_there(self.executor.isolation.place, NO_UNDO)

    async def fetch(self, name: str, *, limit: int | None = None) -> Any:
        """Return a copy of a variable of the agent's kernel.

        Tables, columns and indexes of pandas, Polars and Arrow, NumPy's arrays, numbers, text, bytes, dates, lists,
        dicts and the like come as they are, figures as a `Picture`. Nothing of it is code: it was written as data, and
        checked in a sandbox before it was read.

        Args:
            name: Its name there.
            limit: Bytes that it may have; None allows 1 GB.

        Raises:
            AgentError: A task is being worked on.
            VariableRefused: There is none of that name, or it cannot come: a model, say, or what is too large. The
                message says which part of it, and why.
            KernelExecutorError: The kernel had died and could not be started again.
        """
        return (await self.fetched(name, limit=limit)).value

    async def fetched(self, name: str, *, limit: int | None = None) -> Fetched:
        """Do the same; return what is known of the variable with it."""
        with self.one.work():
            return await fetch(self.executor, self.log, name, limit)

    async def bring(self, files: Sequence[Path]) -> str:
        """Copy files into the session's folder unless they lie there; return what the model reads about them.

        Raises:
            SessionError: One does not exist, or another file has its name there.
        """
        if not files:
            return ""
        check_files(files)
        names = await bring_to(self.executor, files, self.folder)
        self.files_told.add(names)
        await self.executor.execute_code_blocks([])  # with each call, code sees what is new in the folder
        return await describe_files(self.executor, names, self.log.secrets)

    async def take_files(self, names: Sequence[str], into: Path | None = None) -> FilesEvent:
        """Copy files that stayed where code works into the session's folder, or another one.

        Args:
            names: Their paths, as they were told; none means all.
            into: Another folder, which exists.
        """
        wanted = names or [file.name for file in self.executor.held_files]
        event = execution_event(await self.executor.take_files(wanted, into), attempt=0)
        self.log.publish(event)
        return cast("FilesEvent", event)

    async def keep_held_files(self) -> Path | None:
        """Copy what stayed where code works to a folder of the user's, for the stage is about to go.

        Returns:
            The folder; None if nothing stayed behind, or it cannot be kept.
        """
        return await keep_held_files(self.executor, self.place)

    def on_late_output(self, event: ExecutionEvent) -> None:
        """Publish output that came after its block."""
        self.log.publish(execution_event(event, attempt=0))


def gone_on_note(session: Session) -> str:
    """Return what a person should know of a session that goes on."""
    return f"Going on with {session.name} ({counted(sum(map(is_task, session.log.events)), 'task')}). {session.rebuilt}"


@asynccontextmanager
async def open_session(
    settings: SessionSettings,
    *,
    views: Sequence[View] = (),
    secrets: Secrets | None = None,
    earlier: Earlier = NOTHING,
) -> AsyncGenerator[Session, None]:
    """Open a session; on leaving, the kernel is stopped and the notebook is saved a last time.

    Args:
        settings: How it works.
        views: Further surfaces.
        secrets: What is shown nowhere; None takes those of the process's environment.
        earlier: What it goes on from; its good code runs again in the sandbox, and `Session.rebuilt` tells what came of
            that.

    Raises:
        SessionError: The notebook exists already, something cannot be written or read, a file cannot be brought.
        KernelExecutorError: The kernel does not start.
    """
    async with AsyncExitStack() as stack:
        files = stack.enter_context(_files(settings, earlier, secrets or Secrets(os.environ)))
        # Once more with the kernel gone: nothing it did to the file, and no late output, is left out.
        stack.callback(files.notebook.save)
        executor = executor_for(settings, files.place, files.notebook.path)
        # Into a folder of this machine before the kernel starts: it sees what is there then.
        names = await bring_to(executor, settings.files, files.place.work_dir) if settings.server is None else []
        await stack.enter_async_context(executor)
        names = names or await bring_to(executor, settings.files, files.place.work_dir)
        all_views: Sequence[View] = (files.journal, files.notebook, *views)
        for view in all_views:
            files.log.attach(view)
        # A view that failed once, on a full disk say, is told nothing more; at the end it is tried with everything.
        stack.callback(lambda: files.notebook.catch_up(files.log.events))
        files.undo.pop_all()  # the kernel runs: from here on there is something to keep
        another = partial(another_for, settings, files.place, files.notebook.path)
        files_told = FilesTold(executor, files.log, another, names)
        session = await _session(files, executor, names, files_told, settings.server.url if settings.server else "")
        executor.on_late_output(session.on_late_output)
        stack.push_async_callback(session.keep_held_files)
        yield session


@contextmanager
def _files(settings: SessionSettings, earlier: Earlier, secrets: Secrets) -> Iterator[Begun]:
    """Open the files of a session; take away at the end what it has not used."""
    _check(settings)
    notebook = settings.notebook
    with ExitStack() as stack:
        work_dir = stack.enter_context(closing(open_folder_of(notebook, settings.folder)))
        files = begin(work_dir, settings.stem, notebook.name if notebook else "", earlier, secrets, stack=stack)
        try:
            refuse_to_go_on(settings.server.url if settings.server else "", files.log.events)
            yield files
        finally:
            leave(files.place, is_empty=not files.log.events)


async def _session(
    files: Begun, executor: ManagedExecutor[Any], names: Sequence[str], files_told: FilesTold, server: str
) -> Session:
    """Return a session whose kernel runs and has the variables of before."""
    log = files.log
    files.notebook.take_language(language_info := read_language_info(await executor.evaluate(QUESTION)))
    return Session(
        place=files.place,
        notebook=files.notebook.path,
        agent=CodeExecutorAgent(AGENT_NAME, executor, log=log),
        executor=executor,
        log=log,
        rebuilt=await rebuild(executor, log),
        context=await describe_files(executor, names, log.secrets),
        language_info=language_info,
        undoing=Undoing(executor, log),
        files_told=files_told,
        server=server,
    )


def new_notebook(folder: Path, name: str = "codeagent") -> Path:
    """Return a name that no earlier session has."""
    return folder / f"{name}-{moment()}.ipynb"


def _check(settings: SessionSettings) -> None:
    """Refuse what cannot work before anything is made."""
    if settings.notebook and settings.notebook.suffix != ".ipynb":
        raise SessionError(f"--out {str(settings.notebook)!r}: the name of a notebook ends in .ipynb")
    check_files(settings.files)
