"""A session: one folder, one kernel, one agent, one journal, one notebook. Ties them together; decides nothing.

The folder is that of the notebook, so that the saved notebook runs again where it lies (design D7).
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from codeagent_nb.agent import CodeExecutorAgent
from codeagent_nb.approval import ApprovalFunc, ApprovalMode
from codeagent_nb.errors import SessionError
from codeagent_nb.events import TaskResult
from codeagent_nb.files import bring_files, check_files, describe_files
from codeagent_nb.log import View
from codeagent_nb.models.types import ChatCompletionClient
from codeagent_nb.policy import RetryBy
from codeagent_nb.views.journal import JournalView
from codeagent_nb.views.notebook import NotebookView
from kernel_executor import KernelCodeExecutor
from kernel_executor.sandbox import SandboxMode
from kernel_executor.work_folder import open_work_folder

AGENT_NAME = "codeagent"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """How a session works.

    Args:
        notebook: Where the notebook is saved; its folder is the code's working folder.
        files: Files the task is about.
        timeout: Seconds a block may take.
        max_retries: Attempts after the first.
        retry_by: Who decides on a retry.
        sandbox: As for `KernelCodeExecutor`.
        approval: Whether a person is asked before code runs.
    """

    notebook: Path
    files: tuple[Path, ...] = ()
    timeout: float | None = 60.0
    max_retries: int = 3
    retry_by: RetryBy = "status"
    sandbox: SandboxMode = "auto"
    approval: ApprovalMode = "auto"


@dataclass(frozen=True, slots=True)
class Session:
    """An open session. Made by `open_session`."""

    notebook: Path
    journal: Path
    executor: KernelCodeExecutor
    agent: CodeExecutorAgent
    context: str

    async def run(self, task: str) -> TaskResult:
        """Solve a task; the notebook is complete when this returns or raises. Errors are those of the agent."""
        known = self.context if not self.agent.log.events else ""
        return await self.agent.run(task=task, context=known)


@asynccontextmanager
async def open_session(
    settings: SessionSettings, model: ChatCompletionClient, *, ask: ApprovalFunc, views: Sequence[View] = ()
) -> AsyncGenerator[Session, None]:
    """Open a session; on leaving, the kernel and the model are stopped and the notebook is saved a last time.

    Args:
        settings: How it works.
        model: Who writes the code; closed on leaving.
        ask: How a person is asked for approval.
        views: Further surfaces.

    Raises:
        SessionError: The notebook exists already, cannot be written, or a file cannot be brought.
        KernelExecutorError: The kernel does not start.
    """
    async with AsyncExitStack() as stack:
        stack.push_async_callback(model.close)
        _check(settings)
        folder = _open_folder(settings.notebook)
        notebook = folder / settings.notebook.name
        journal = folder / f"{notebook.stem}.journal.jsonl"
        claimed = stack.enter_context(ExitStack())
        for path in (journal, notebook):
            _claim(path)
            claimed.callback(path.unlink, missing_ok=True)  # or a session that never began would keep the name
        names = bring_files(settings.files, folder)
        # Journal and notebook are there before the kernel starts: what is there at start is read-only in the sandbox.
        notebook_view = NotebookView(notebook)
        journal_view = stack.enter_context(closing(JournalView(journal)))
        # Once more with the kernel gone: nothing it did to the file, and no late output, is left out.
        stack.callback(notebook_view.save)
        executor = KernelCodeExecutor(timeout=settings.timeout, work_dir=folder, sandbox=settings.sandbox)
        await stack.enter_async_context(executor)
        agent = CodeExecutorAgent(
            AGENT_NAME,
            executor,
            model_client=model,
            max_retries_on_error=settings.max_retries,
            retry_by=settings.retry_by,
            approval=settings.approval,
            ask=ask,
            views=[journal_view, notebook_view, *views],
        )
        # A view that failed once, on a full disk say, is told nothing more; at the end it is tried with everything.
        stack.callback(lambda: notebook_view.catch_up(agent.log.events))
        claimed.pop_all()  # the kernel runs: from here on there is something to keep
        executor.on_late_output(agent.on_late_output)
        context = await describe_files(executor, names)
        yield Session(notebook, journal, executor, agent, context)


def _open_folder(notebook: Path) -> Path:
    try:
        return open_work_folder(notebook.expanduser().absolute().parent).path
    except OSError as error:
        raise SessionError(f"cannot use the folder of --out {str(notebook)!r}: {error.strerror or error}") from error


def _check(settings: SessionSettings) -> None:
    """Refuse what cannot work before anything is made."""
    if settings.notebook.suffix != ".ipynb":
        raise SessionError(f"--out {str(settings.notebook)!r}: the name of a notebook ends in .ipynb")
    check_files(settings.files)


def _claim(path: Path) -> None:
    """Make a file of the session, so that no earlier or parallel one is overwritten."""
    try:
        path.open("x").close()
    except FileExistsError as error:
        why = "exists already and is not overwritten: choose another name with --out"
        raise SessionError(f"{str(path)!r} {why}") from error
    except OSError as error:
        raise SessionError(f"cannot write {str(path)!r} ({error.strerror}): choose another place with --out") from error
