"""What `%agent status`, `history`, `undo`, `verify` and `help` say. Knows events and notebooks, no IPython."""

import os
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from textwrap import fill

from codeagent_nb.elsewhere.refusals import STAY_THERE, refuse_there
from codeagent_nb.errors import AgentError
from codeagent_nb.events import (
    AgentEvent,
    ErrorExplainedEvent,
    RunFinishedEvent,
    RunStartedEvent,
    TaskTurnedEvent,
    TextMessage,
)
from codeagent_nb.log.standing import standing
from codeagent_nb.loop.spent import Spent, spent
from codeagent_nb.notebook.kernel_status import kernel_rows
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.notebook.tasks import Place
from codeagent_nb.proof.reading import read_notebook
from codeagent_nb.proof.recording import record_verdict
from codeagent_nb.proof.replaying import ReplaySettings
from codeagent_nb.proof.telling import report
from codeagent_nb.proof.verifying import verify as verify_notebook
from codeagent_nb.text import (
    HOW_TO_TAKE,
    counted,
    delivered_text,
    first_words,
    held_rows,
    held_text,
    money_text,
    run_facts,
    sentence,
    turned_note,
)
from kernel_executor import KernelExecutorError

WIDTH = 96
"""Columns that a notebook shows without breaking a line in mid-word, on a screen of usual width."""

HELP = """\
%agent status         what the agent is doing, its model, how its code is isolated; what runs in its kernel, and where
                      it is, the variables, the memory
%agent history        the tasks of this session and how they ended
%agent why            the last error of the agent's code: the line, the values it names, names like a missing one
%agent sent           what this session has sent to models: when, to whom, how many bytes, of which kind
%agent sent N         the text of request N
%agent privacy        how much of your data the model is sent, and what else there is to choose
%agent privacy LEVEL  choose rows, statistics or schema for the server of the model; it is kept
%agent undo           take the last task back with its variables; files it delivered stay; again: the one before
%agent redo           take the task again that was taken back last, until another begins
%agent pull NAME      copy a variable of the agent's kernel into this notebook; it replaces yours of that name
%agent pull A as B    the same under another name; --limit 2GB lets it be larger than 1 GB
%agent files          files that the code made and that were not saved, and why
%agent files NAME     save such a file into the agent's folder; `all` saves all that may be
%agent folder         where the agent works, and so what it can read
%agent folder PATH    let it work in another folder, from the next task on
%agent allow NAME     let the code of this session reach a host, e.g. data.example.org
%agent reset          clear the conversation and shut the kernel down; saved sessions are kept
%agent save PATH      save the session so far as a notebook of another name
%agent sessions       the sessions of this folder; they lie in .codeagent/
%agent resume         go on with the last session of this notebook; its code runs again in the sandbox
%agent resume NAME    go on with another one: its name, its number in the list, or the path of a saved notebook
%agent fork N         go on in a new session with the first N tasks of this one
%agent rename NAME    call this session so
%agent delete NAME    delete a session; files that its code made stay
%agent verify         replay the saved session in a fresh sandboxed kernel, and compare what it shows
%agent verify PATH    the same for another notebook; the verdict is written into it
%agent model          models that can be used here; the one in use is marked
%agent model NAME     use another model from the next task on; `auto` chooses by the environment
%agent panel          a chat with the agent
%agent help           list these commands
%%agent               solve the task that the cell holds; an empty cell lists the options
%config CodeAgent     settings for all cells of this notebook
"""


def status(agent: NotebookAgent) -> str:
    """Return what the agent is doing."""
    if agent.session is None:
        return "No session yet: the first %%agent cell starts one."
    session = agent.session
    runs = [event for event in session.log.events if isinstance(event, RunFinishedEvent)]
    tokens = sum(run.usage.prompt_tokens + run.usage.completion_tokens for run in runs)
    cost = cost_text(spent(session.log.events)) if runs else ""
    models = [event.model for event in session.log.events if isinstance(event, RunStartedEvent)]
    rows = {
        "state": "working" if agent.busy else "ready for a task",
        "model": models[-1] if models else "",
        "code": session.executor.isolation.story,
        "folder": str(session.executor.work_dir),
        "saved in": os.path.relpath(session.notebook, session.folder),
        "so far": ", ".join(filter(None, [counted(len(runs), "task"), f"{tokens:,} tokens", cost])),
    }
    return _table(rows)


def cost_text(used: Spent) -> str:
    """Return what a session has cost; a price that is not known is none that is 0."""
    known = money_text(used.cost) if used.cost else ""
    if used.unpriced:
        return f"{known} and more: not every price is known" if known else "cost not known"
    return known or "no cost"


async def kernel_status(agent: NotebookAgent) -> str:
    """Return what the kernel is doing, without disturbing it; it may have no kernel, and nothing is said then."""
    if agent.session is None or not agent.session.executor.keeps_variables:
        return ""
    return agent.secrets.text(_table(kernel_rows(await agent.session.executor.inspect())))


def _table(rows: Mapping[str, str]) -> str:
    return "\n".join(_row(f"{name:12}", value) for name, value in rows.items())


def _row(name: str, value: str) -> str:
    """Return a row, wrapped between words; a path or a name stays whole."""
    indent = " " * len(name)
    wrapped = fill(
        value, WIDTH, initial_indent=name, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return wrapped or name.rstrip()


def folder(agent: NotebookAgent, place: Place) -> str:
    """Return where the agent works, or will."""
    if agent.session is None:
        return f"The next task works in {place.folder.expanduser().resolve()}."
    now = f"The agent works in {agent.session.folder}."
    if not agent.works_in_another_folder(place):
        return now
    return f"{now} The next task works in {place.folder.expanduser().resolve()}, with a new kernel."


def files(agent: NotebookAgent) -> str:
    """List the files that stayed where the agent's code works."""
    if agent.session and (place := agent.session.executor.isolation.place):
        return STAY_THERE.format(place=place)
    held = agent.session.executor.held_files if agent.session else ()
    if not held:
        return "Every file that the code made was saved."
    return "\n".join(["Not saved:", *(f"  {row}" for row in held_rows(held)), f"{HOW_TO_TAKE}."])


async def take_files(agent: NotebookAgent, names: Sequence[str]) -> str:
    """Save files that stayed where the agent's code works; return what was saved, or why not."""
    try:
        event = await agent.take_files(names)
    except AgentError as error:
        return agent.secrets.text(str(error))
    return "\n".join(filter(None, [delivered_text(event), held_text(event)])) or "There is nothing to save."


def refuse_elsewhere(agent: NotebookAgent, why: str) -> None:
    """Refuse what the session cannot do where its code runs.

    Args:
        agent: The agent of this notebook.
        why: What a session on a server is told.

    Raises:
        SessionError: It runs on a server.
    """
    refuse_there(agent.session.executor.isolation.place if agent.session else "", why)


async def turned(agent: NotebookAgent, turning: Awaitable[TaskTurnedEvent]) -> str:
    """Return what came of taking a task back, or again."""
    try:
        said = [turned_note(await turning), await agent.written.note()]
    except AgentError as error:
        said = [sentence(str(error))]
    return agent.secrets.text(" ".join(filter(None, said)))


async def verify(agent: NotebookAgent, path: str) -> str:
    """Return what a replay of the saved session, or of another notebook, came to.

    Args:
        agent: The agent of this notebook.
        path: The other notebook, into which the verdict is written; empty means the session's, which is written with
            each task and would lose it.
    """
    session = agent.session
    if not path and session is None:
        return "No session yet: the first %%agent cell starts one."
    try:
        notebook = read_notebook(Path(path).expanduser() if path or session is None else session.notebook)
        verdict = await verify_notebook(notebook, ReplaySettings(secrets=agent.secrets))
        if path:
            record_verdict(notebook, verdict)
    except (AgentError, KernelExecutorError) as error:
        return agent.secrets.text(f"Not verified: {error}")
    return agent.secrets.text("\n".join(report(verdict)))


def why(events: Sequence[AgentEvent]) -> str:
    """Return what was seen where the agent's code failed last."""
    seen = next((event.details for event in reversed(standing(events)) if isinstance(event, ErrorExplainedEvent)), "")
    return seen or "Nothing is known of an error: no code of this session has failed, or nothing was seen there."


def history(events: Sequence[AgentEvent]) -> str:
    """List the tasks of a session and how they ended."""
    rows = [f"{number:3}  {row}" for number, row in enumerate(_rows(events), start=1)]
    return "\n".join(rows) or "No tasks yet."


def _rows(events: Sequence[AgentEvent]) -> list[str]:
    turned = {event.began: event.state for event in events if isinstance(event, TaskTurnedEvent)}
    task, began, rows = "", datetime.min.replace(tzinfo=UTC), []
    for event in events:
        match event:
            case TextMessage(source="user", content=content):
                task, began = content, event.created_at
            case RunFinishedEvent():
                status = "taken back" if turned.get(began) == "undone" else event.status
                rows.append(f"{status:10} {', '.join(run_facts(event))}\n     {first_words(task)}")
    return rows
