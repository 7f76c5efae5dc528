"""What `%agent status`, `history`, `verify` and `help` say. Knows events and notebooks, no IPython."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from codeagent_nb.errors import AgentError
from codeagent_nb.events import AgentEvent, RunFinishedEvent, RunStartedEvent, TextMessage
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.notebook.tasks import Place
from codeagent_nb.proof.reading import read_notebook
from codeagent_nb.proof.recording import record_verdict
from codeagent_nb.proof.replaying import ReplaySettings
from codeagent_nb.proof.telling import report
from codeagent_nb.proof.verifying import verify as verify_notebook
from codeagent_nb.text import HOW_TO_TAKE, held_rows
from kernel_executor import KernelExecutorError

HELP = """\
%agent status         what the agent is doing, its model, how its code is isolated
%agent history        the tasks of this session and how they ended
%agent files          files that the code made and that were not saved, and why
%agent files NAME     save such a file into the agent's folder; `all` saves all that may be
%agent folder         where the agent works, and so what it can read
%agent folder PATH    let it work in another folder, from the next task on
%agent allow NAME     let the code of this session reach a host, e.g. data.example.org
%agent reset          clear the conversation and shut the kernel down; saved sessions are kept
%agent save PATH      save the session so far as a notebook of another name
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
    models = [event.model for event in session.log.events if isinstance(event, RunStartedEvent)]
    rows = {
        "state": "working" if agent.busy else "ready for a task",
        "model": models[-1] if models else "",
        "code": session.executor.isolation.story,
        "folder": str(session.executor.work_dir),
        "saved in": session.notebook.name,
        "so far": f"{len(runs)} {'task' if len(runs) == 1 else 'tasks'}, {tokens:,} tokens",
    }
    return "\n".join(f"{name:10}{value}" for name, value in rows.items())


def folder(agent: NotebookAgent, place: Place) -> str:
    """Return where the agent works, or will."""
    if agent.session is None:
        return f"The next task works in {place.folder.expanduser().resolve()}."
    now = f"The agent works in {agent.session.notebook.parent}."
    if not agent.works_in_another_folder(place):
        return now
    return f"{now} The next task works in {place.folder.expanduser().resolve()}, with a new kernel."


def files(agent: NotebookAgent) -> str:
    """List the files that stayed where the agent's code works."""
    held = agent.session.executor.held_files if agent.session else ()
    if not held:
        return "Every file that the code made was saved."
    return "\n".join(["Not saved:", *(f"  {row}" for row in held_rows(held)), f"{HOW_TO_TAKE}."])


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


def history(events: Sequence[AgentEvent]) -> str:
    """List the tasks of a session and how they ended."""
    lines = list(_history(events))
    return "\n".join(lines) or "No tasks yet."


def _history(events: Sequence[AgentEvent]) -> Iterator[str]:
    task, number = "", 0
    for event in events:
        match event:
            case TextMessage(source="user", content=content):
                task = content
            case RunFinishedEvent():
                number += 1
                first = " ".join(task.split())
                short = first if len(first) <= 70 else first[:69] + "…"
                yield f"{number:3}  {event.status:10} {', '.join(event.facts)}\n     {short}"
