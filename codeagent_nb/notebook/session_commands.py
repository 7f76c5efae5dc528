"""What `%agent allow`, `sessions`, `resume`, `fork`, `rename` and `delete` do and say. Knows no IPython."""

import shlex
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from codeagent_nb.errors import AgentError, SessionError
from codeagent_nb.notebook.commands import status
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.notebook.tasks import Place
from codeagent_nb.session.beginning import Earlier
from codeagent_nb.session.finding import (
    delete_session,
    earlier_in_notebook,
    earlier_of,
    find_session,
    fork_of,
    listed,
    rename_session,
    sessions_in,
)
from codeagent_nb.session.session import gone_on_note
from codeagent_nb.text import sentence
from codeagent_nb.views.standard_streams import say
from kernel_executor import KernelExecutorError
from kernel_executor.folders.home import with_home

QUOTES = "\"'"

Show = Callable[[Coroutine[Any, Any, str], str], None]
"""Shows what comes of something when it is there, and something else meanwhile."""


def session_commands(
    agent: NotebookAgent, place: Callable[[], Place], show: Show
) -> Mapping[str, Callable[[str], object]]:
    """Return the commands by name.

    Args:
        agent: The agent of the notebook.
        place: Returns where it works.
        show: Shows what comes of a command that takes its time.
    """

    def begin(work: Coroutine[Any, Any, str]) -> None:
        try:
            agent.refuse_if_busy()
        except AgentError:
            work.close()
            raise
        show(work, "Going on ...")

    return {
        "allow": partial(_allow, agent),
        "sessions": lambda _: say(agent.secrets.text(listed(sessions_in(_folder(agent, place())), _open_name(agent)))),
        "resume": lambda rest: begin(_told(agent, resume(agent, place(), rest))),
        "fork": lambda rest: begin(_told(agent, fork(agent, place(), rest))),
        "rename": lambda rest: say(agent.secrets.text(_rename(agent, place(), rest))),
        "delete": lambda rest: say(agent.secrets.text(_delete(agent, place(), rest.strip(QUOTES)))),
    }


def _allow(agent: NotebookAgent, names: str) -> None:
    if not names:
        raise SessionError("%agent allow NAME: name what code may reach, e.g. %agent allow data.example.org")
    for name in names.replace(",", " ").split():
        agent.allow_network(name)
    say(status(agent))


def _folder(agent: NotebookAgent, place: Place) -> Path:
    return agent.session.folder if agent.session else place.folder


def _open_name(agent: NotebookAgent) -> str:
    return agent.session.name if agent.session else ""


async def resume(agent: NotebookAgent, place: Place, rest: str) -> str:
    """Go on with an earlier session; return what is to be known of it.

    Args:
        agent: The agent of the notebook.
        place: Where it works.
        rest: What stands behind `%agent resume`.

    Raises:
        AgentError: There is no such session, it cannot be read, or is open elsewhere.
        KernelExecutorError: The kernel does not start.
    """
    wanted = rest.strip(QUOTES)
    if wanted.endswith(".ipynb"):
        path = with_home(wanted).absolute()
        return await _gone_on(agent, earlier_in_notebook(path), replace(place, folder=path.parent))
    found = find_session(_folder(agent, place), wanted, agent.name)
    if found.name == _open_name(agent):
        return f"{found.shown} is the session of now."
    return await _gone_on(agent, earlier_of(found), replace(place, folder=found.work_dir))


async def fork(agent: NotebookAgent, place: Place, rest: str) -> str:
    """Go on in a new session with the first tasks of this one; as `resume`."""
    number, _, wanted = rest.strip().partition(" ")
    if not number.isdecimal() or len(number) > 6:
        raise SessionError("%agent fork N: say after how many tasks, e.g. %agent fork 2; %agent history numbers them")
    found = find_session(_folder(agent, place), wanted.strip(f" {QUOTES}") or _open_name(agent), agent.name)
    return await _gone_on(agent, fork_of(found, int(number)), replace(place, folder=found.work_dir))


GOING_ON: Mapping[str, Callable[[NotebookAgent, Place, str], Coroutine[Any, Any, str]]] = {
    "resume": resume,
    "fork": fork,
}
"""What takes its time, by name: the code of the session runs again."""


async def _gone_on(agent: NotebookAgent, earlier: Earlier, place: Place) -> str:
    return agent.secrets.text(gone_on_note(await agent.go_on(earlier, place)))


async def _told(agent: NotebookAgent, work: Coroutine[Any, Any, str]) -> str:
    try:
        return await work
    except (AgentError, KernelExecutorError) as error:
        return agent.secrets.text(sentence(str(error)))


def _rename(agent: NotebookAgent, place: Place, rest: str) -> str:
    try:
        words = shlex.split(rest)
    except ValueError:
        words = []
    if len(words) not in {1, 2}:
        raise SessionError("%agent rename NAME: say what this session is to be called, in quotes if that has blanks")
    wanted = words[0] if len(words) > 1 else _open_name(agent)
    found = find_session(_folder(agent, place), wanted, agent.name)
    return f"{found.name} is called {rename_session(found, words[-1])} now."


def _delete(agent: NotebookAgent, place: Place, wanted: str) -> str:
    if not wanted:
        raise SessionError("%agent delete NAME: say which session; %agent sessions lists them")
    found = find_session(_folder(agent, place), wanted)
    delete_session(found)
    return f"{found.shown} is deleted. Files that its code made are where they were."
