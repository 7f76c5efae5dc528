"""Carries out `run`, `demo` and `model`: sets a session up, prints what matters, returns an exit code."""

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from rich.panel import Panel
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.text import Text

import codeagent_nb
from codeagent_nb.cli.proving import verify_session
from codeagent_nb.cli.sending import told_as_chosen
from codeagent_nb.cli.serving import with_token
from codeagent_nb.errors import NoModelConfigured, SessionError
from codeagent_nb.events import RunFinishedEvent
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.models.choose import LOCAL_NAME, choose_model
from codeagent_nb.models.embedded import weights
from codeagent_nb.models.served import ask_server
from codeagent_nb.models.table import model_table
from codeagent_nb.old_notebooks.cleaning import clean
from codeagent_nb.session.beginning import NOTHING, Earlier
from codeagent_nb.session.session import SessionSettings, gone_on_note, new_notebook, open_session
from codeagent_nb.statuses import RUN_ENDS
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.console import ConsoleView
from codeagent_nb.views.terminal_approval import TerminalApprover
from kernel_executor import Isolation
from kernel_executor.text import cleaned

DEMO_TASK = (
    "Which penguin species is the heaviest on average? Print the mean body mass of each species in grams, rounded "
    "to one decimal, and draw a bar chart of these means."
)
DEMO_DATA = "penguins.csv"


async def run_task(
    console: CleanConsole,
    task: str,
    model: str | None,
    session_settings: SessionSettings,
    run_settings: RunSettings,
    *,
    secrets: Secrets,
    verify: bool = True,
    earlier: Earlier = NOTHING,
    privacy: str | None = None,
) -> int:
    """Solve a task, say where the notebook is, and prove it unless that is not wanted.

    Args:
        console: Where it is told.
        task: What to do.
        model: Name of the model; None looks at the environment.
        session_settings: How the session works.
        run_settings: How the task is solved, but for its model.
        secrets: What is shown nowhere.
        verify: Whether the notebook is proved.
        earlier: What the session goes on from.
        privacy: How much the model is sent; None leaves it to the environment, and to what was chosen before.

    Returns:
        The exit code.
    """
    async with AsyncExitStack() as stack:
        client = choose_model(model, os.environ)
        session_settings = await with_token(console, session_settings, secrets)
        stack.push_async_callback(client.close)
        views = [ConsoleView(console)]
        opening = open_session(session_settings, views=views, secrets=secrets, earlier=earlier)
        session = await stack.enter_async_context(opening)
        if earlier.is_something:
            console.print(Text(secrets.text(gone_on_note(session))), soft_wrap=True)
        if run_settings.approval == "never" and not session.executor.isolation.isolates:
            _warn_unsandboxed(console, session.executor.isolation)
        try:
            how = replace(run_settings, model=client, ask=TerminalApprover(console))
            how = told_as_chosen(console, how, privacy or "")
            await session.run(task, how)
        finally:
            console.print(Text.assemble("Notebook: ", (str(session.notebook), "bold")), soft_wrap=True)
            if place := session.executor.isolation.place:
                console.print(Text(f"Files that the code made are on {place}."), soft_wrap=True)
            if kept := await session.keep_held_files():
                console.print(Text.assemble("Files that were not saved: ", (str(kept), "bold")), soft_wrap=True)
    if verify:
        await verify_session(console, session, session_settings, secrets)
    finished = [event for event in session.log.events if isinstance(event, RunFinishedEvent)]
    return RUN_ENDS[finished[-1].status].exit_code


def _warn_unsandboxed(console: CleanConsole, isolation: Isolation) -> None:
    if isolation.place:
        console.print(Text(f"The code runs on {isolation.place} without being shown first.", "yellow"), soft_wrap=True)
        return
    text = f"The code runs WITHOUT A SANDBOX, with all your rights, because you allowed it.\n{isolation.reason}"
    console.print(Panel(Text(text), title="WARNING", border_style="bold red", style="red"))


def clean_notebook(console: CleanConsole, path: Path, complain: Callable[[str], None]) -> bool:
    """Quote the failed code of a notebook, clean its outputs and say what was done; return False if that failed.

    Args:
        console: Where it is said.
        path: The notebook.
        complain: Called with the reason if one cannot be cleaned; the others still are.
    """
    try:
        done = clean(path)
    except SessionError as error:
        complain(str(error))
        return False
    said = [f"{_cells(done.quoted)} quoted" if done.quoted else "nothing to quote"]
    said += [f"{_cells(done.left)} left alone: you have changed the code"] if done.left else []
    said += [f"outputs of {done.outputs} {'cell' if done.outputs == 1 else 'cells'} cleaned"] if done.outputs else []
    said += ["reload it if it is open in Jupyter"] if done.quoted or done.outputs else []
    console.print(Text(cleaned(f"{path}: {'; '.join(said)}.")), soft_wrap=True)
    return True


def _cells(number: int) -> str:
    return "1 failed cell" if number == 1 else f"{number} failed cells"


def prepare_demo(console: CleanConsole, model: str) -> None:
    """Fetch the embedded model if the demo needs it and it is not here.

    Outside the event loop: Ctrl-C must end a download at once, and a thread would have to be waited for.
    """
    if model == LOCAL_NAME:
        if find_spec("xllamacpp") is None:
            raise NoModelConfigured(
                "the demo uses the embedded model: pip install 'codeagent-nb[local]', or name a --model"
            )
        fetch_weights(console)


async def run_demo(console: CleanConsole, out: Path | None, model: str, secrets: Secrets) -> int:
    """Answer a question about penguins.

    Returns:
        The exit code.
    """
    notebook = out or new_notebook(Path("sessions"), "demo")
    # The demo's task is ours, so the waiver is given; where no sandbox works, it says so loudly.
    how = RunSettings(model=None, approval="never", timeout=120.0)
    settings = SessionSettings(notebook=notebook, files=(demo_data(),))
    return await run_task(console, DEMO_TASK, model, settings, how, secrets=secrets)


async def list_models(console: CleanConsole, secrets: Secrets) -> int:
    """Print the models that can be used here; return the exit code."""
    served = await ask_server(os.environ)
    console.print(model_table(os.environ, served, masked=secrets.text))
    return 0


def demo_data() -> Path:
    """Return the penguins: beside the package in a checkout, inside it in a wheel.

    Raises:
        SessionError: Neither is there.
    """
    package = Path(codeagent_nb.__file__).parent
    for path in (package / "data" / DEMO_DATA, package.parent / "notebooks" / "data" / DEMO_DATA):
        if path.is_file():
            return path
    raise SessionError(f"{DEMO_DATA} is missing from this installation: install codeagent-nb again")


def fetch_weights(console: CleanConsole) -> Path:
    """Fetch the embedded model unless it is here, with a progress bar; return its path."""
    if found := weights.find(os.environ):
        return found
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("embedded model", total=weights.KNOWN_MODEL.size)

        def show(done: int, total: int, what: str) -> None:
            progress.update(task, completed=done, total=total, description=what)

        return weights.fetch(progress=show)
