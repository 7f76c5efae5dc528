"""A session: one folder, one kernel, one conversation, one journal, one notebook. Ties them together; decides nothing.

The folder is that of the notebook, so that the saved notebook runs again where it lies (design D7).
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from codeagent_nb.agent import CodeExecutorAgent
from codeagent_nb.errors import SessionError
from codeagent_nb.events import FilesEvent, TaskTurnedEvent, TextMessage
from codeagent_nb.log.event_log import EventLog, View
from codeagent_nb.log.journal import JournalView
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.log.standing import standing
from codeagent_nb.loop.driver import execution_event
from codeagent_nb.loop.one_run import OneAtATime
from codeagent_nb.loop.results import TaskResult
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.projections.language_info import QUESTION, read_language_info
from codeagent_nb.session.files import bring_files, check_files, describe_files
from codeagent_nb.session.results import NewVariables, fetch
from codeagent_nb.session.undoing import Undoing
from codeagent_nb.views.notebook_file import NotebookView
from kernel_executor import (
    ExecutionEvent,
    Fetched,
    KernelExecutorError,
    ManagedExecutor,
    ResourceLimits,
    create_code_executor,
)
from kernel_executor.factory import ExecutorName
from kernel_executor.folders.home import with_home
from kernel_executor.folders.safe_files import OpenFolder, open_folder
from kernel_executor.folders.work_folder import open_work_folder
from kernel_executor.kernels.executor import DATA_STACK
from kernel_executor.network.gate import Network
from kernel_executor.sandbox.policy import SandboxMode
from kernel_executor.stage.ownership import state_folder

AGENT_NAME = "codeagent"

EMPTY = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
"""A notebook before the first task: one that is killed then leaves one that opens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """What stays the same for a whole session.

    Args:
        notebook: Where the notebook is saved; its folder is the code's working folder.
        files: Files the tasks are about.
        sandbox: As for `KernelCodeExecutor`.
        executor: What runs the code, as for `create_code_executor`.
        image: Of a container.
        limits: How much of the machine sandboxed code may use.
        network: What it may reach, as for `KernelCodeExecutor`.
    """

    notebook: Path
    files: tuple[Path, ...] = ()
    sandbox: SandboxMode = "auto"
    executor: ExecutorName = "kernel"
    image: str = ""
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    network: Network = "none"


@dataclass(frozen=True, slots=True)
class Session:
    """An open session. Made by `open_session`."""

    notebook: Path
    journal: Path
    agent: CodeExecutorAgent
    executor: ManagedExecutor[Any]
    log: EventLog
    context: str
    """What the model reads about the files, with the first task."""
    language_info: Mapping[str, Any]
    """What the kernel says of its language, for a saved notebook."""
    undoing: Undoing
    """Knows what can be taken back."""
    one: OneAtATime = field(default_factory=lambda: OneAtATime("this session"))

    async def run(self, task: str, settings: RunSettings, context: str = "") -> TaskResult:
        """Solve a task; the notebook is complete when this returns or raises. Errors are those of the agent.

        Args:
            task: What to do.
            settings: How it is solved.
            context: What the model reads about files that were brought for it.
        """
        with self.one.work():
            first = not any(isinstance(event, TextMessage) for event in standing(self.log.events))
            known = "\n\n".join(filter(None, [self.context if first else "", context]))
            before, position = await self.undoing.keep(), len(self.log.events)
            news = await NewVariables.before(self.executor)
            try:
                result = await self.agent.run(task=task, context=known, settings=settings)
            finally:
                self.undoing.add(before, position)
            if event := await news.after(result.messages):
                self.log.publish(event)
            return result

    async def undo(self) -> TaskTurnedEvent:
        """Take the last task back, with its variables: they are as before it. Files it delivered stay.

        May be called again, for the task before, as long as the executor keeps the checkpoints (20).

        Raises:
            AgentError: A task is being worked on.
            SessionError: There is nothing to take back, or its variables cannot be brought back, and why.
        """
        with self.one.work():
            return await self.undoing.undo()

    async def redo(self) -> TaskTurnedEvent:
        """Take the task again that was taken back last, with its variables; a new task ends this. Errors are as above.

        Raises:
            SessionError: There is nothing to take again.
        """
        with self.one.work():
            return await self.undoing.redo()

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
        names = await asyncio.to_thread(bring_files, files, self.notebook.parent)
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
        """Copy what stayed where code works to `held_folder`, for the stage is about to go.

        Returns:
            The folder; None if nothing stayed behind, or it cannot be kept.
        """
        if not self.executor.held_files:
            return None
        folder = held_folder(self.notebook)
        with suppress(KernelExecutorError, OSError):  # at the end; the session itself is saved
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            names = [file.name for file in self.executor.held_files]
            if (await self.executor.take_files(names, folder)).delivered:
                return folder
            folder.rmdir()
        return None

    def on_late_output(self, event: ExecutionEvent) -> None:
        """Publish output that came after its block."""
        self.log.publish(execution_event(event, attempt=0))


@asynccontextmanager
async def open_session(
    settings: SessionSettings, *, views: Sequence[View] = (), secrets: Secrets | None = None
) -> AsyncGenerator[Session, None]:
    """Open a session; on leaving, the kernel is stopped and the notebook is saved a last time.

    Args:
        settings: How it works.
        views: Further surfaces.
        secrets: What is shown nowhere; None takes those of the process's environment.

    Raises:
        SessionError: The notebook exists already, cannot be written, or a file cannot be brought.
        KernelExecutorError: The kernel does not start.
    """
    async with AsyncExitStack() as stack:
        _check(settings)
        place = _open_folder(settings.notebook)
        stack.callback(place.close)
        notebook = place.path / settings.notebook.name
        journal = place.path / f"{notebook.stem}.journal.jsonl"
        claimed = stack.enter_context(ExitStack())
        for path, content in ((journal, b""), (notebook, EMPTY)):
            _claim(place, path.name, content)
            claimed.callback(place.remove, path.name)  # or a session that never began would keep the name
        names = await asyncio.to_thread(bring_files, settings.files, place.path)
        notebook_view = NotebookView(notebook, folder=place)
        journal_view = stack.enter_context(closing(JournalView(journal, place)))
        # Once more with the kernel gone: nothing it did to the file, and no late output, is left out.
        stack.callback(notebook_view.save)
        executor = create_code_executor(
            settings.executor,
            work_dir=place.path,
            sandbox=settings.sandbox,
            image=settings.image,
            hidden=(notebook, journal),  # they change with every step, and tell code nothing
            resource_limits=settings.limits,
            network=settings.network,
            preload=DATA_STACK,  # while the model writes
        )
        await stack.enter_async_context(executor)
        log = EventLog(secrets or Secrets(os.environ))
        all_views: Sequence[View] = (journal_view, notebook_view, *views)
        for view in all_views:
            log.attach(view)
        # A view that failed once, on a full disk say, is told nothing more; at the end it is tried with everything.
        stack.callback(lambda: notebook_view.catch_up(log.events))
        claimed.pop_all()  # the kernel runs: from here on there is something to keep
        notebook_view.take_language(language_info := read_language_info(await executor.evaluate(QUESTION)))
        context = await describe_files(executor, names, log.secrets)
        agent = CodeExecutorAgent(AGENT_NAME, executor, log=log)
        session = Session(notebook, journal, agent, executor, log, context, language_info, Undoing(executor, log))
        executor.on_late_output(session.on_late_output)
        stack.push_async_callback(session.keep_held_files)
        yield session


def held_folder(notebook: Path) -> Path:
    """Return where files are kept that a session's code made and that were not saved.

    It is in the user's state folder; without a home that can be written to, as in some hubs, beside the notebook.
    """
    state = state_folder()
    if state is None:
        return notebook.with_suffix(".not-saved")
    place = sha256(os.fsencode(notebook.parent)).hexdigest()[:8]  # two folders may hold notebooks of one name
    return state.with_name("not-saved") / f"{notebook.stem}-{place}"


def new_notebook(folder: Path, name: str = "codeagent") -> Path:
    """Return a name that no earlier session has."""
    moment = datetime.now().astimezone()
    return folder / f"{name}-{moment:%Y%m%d-%H%M%S}-{moment.microsecond // 1000:03}.ipynb"


def _open_folder(notebook: Path) -> OpenFolder:
    """Open the folder once: its name, or that of one above it, may be given to another one while the session lives."""
    try:
        return open_folder(open_work_folder(with_home(notebook).absolute().parent).path)
    except OSError as error:
        raise SessionError(f"cannot use the folder of --out {str(notebook)!r}: {error.strerror or error}") from error


def _check(settings: SessionSettings) -> None:
    """Refuse what cannot work before anything is made."""
    if settings.notebook.suffix != ".ipynb":
        raise SessionError(f"--out {str(settings.notebook)!r}: the name of a notebook ends in .ipynb")
    check_files(settings.files)


def _claim(folder: OpenFolder, name: str, content: bytes = b"") -> None:
    """Make a file of the session, so that no earlier or parallel one is overwritten."""
    path = folder.path / name
    try:
        with os.fdopen(folder.create(name), "wb") as file:
            file.write(content)
    except FileExistsError as error:
        why = "exists already and is not overwritten: choose another name (--out)"
        raise SessionError(f"{str(path)!r} {why}") from error
    except OSError as error:
        raise SessionError(f"cannot write {str(path)!r} ({error.strerror}): choose another folder (--out)") from error
