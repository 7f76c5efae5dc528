"""Copies variables of the agent's kernel into the notebook's, and says what came. Knows no widgets and no magics."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from IPython.core.error import UsageError

from codeagent_nb.errors import AgentError
from codeagent_nb.notebook.arguments import read_pull
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.views.standard_streams import say
from kernel_executor import Fetched, KernelExecutorError, NotFetched
from kernel_executor.text import cleaned

OF_ANOTHER = "`{name}` was not copied: it is of a session that has ended. %agent resume goes on with that."


@dataclass(frozen=True, slots=True)
class Home:
    """The notebook's own variables.

    Args:
        names: Those that there are.
        push: Adds some, as if a cell had assigned them.
    """

    names: Mapping[str, Any]
    push: Callable[[dict[str, Any]], object]


@dataclass(frozen=True, slots=True)
class Brought:
    """What came of bringing variables home.

    Args:
        came: A line for each that did.
        stayed: A line for each that did not, with the reason.
    """

    came: tuple[str, ...] = ()
    stayed: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join([*self.came, *self.stayed])


async def bring_home(
    agent: NotebookAgent, home: Home, names: Sequence[tuple[str, str]], limit: int | None = None
) -> Brought:
    """Copy variables, as far as they can come. One of the user's of the same name is replaced: so it was asked for.

    Args:
        agent: Has them.
        home: Where they are copied to.
        names: What each is called there, and here.
        limit: Bytes that each may have; None allows 1 GB.
    """
    came: list[str] = []
    stayed: list[str] = []
    for there, here in names:
        try:
            fetched = await agent.fetch(there, limit)
        except (AgentError, KernelExecutorError) as error:
            stayed.append(agent.secrets.text(f"{cleaned(str(error))}{_hint(error, there, here)}."))
            continue
        replaced = here in home.names
        home.push({here: fetched.value})
        came.append(agent.secrets.text(_row(fetched, here, replaced=replaced)))
    return Brought(tuple(came), tuple(stayed))


async def pull(agent: NotebookAgent, home: Home, line: str) -> None:
    """Do what a line `%agent pull` asks for.

    Raises:
        UsageError: It cannot be read, or one of them stayed where it is, and why.
    """
    asked = read_pull(line)
    brought = await bring_home(agent, home, asked.names, asked.limit)
    if brought.came:
        say("\n".join(brought.came))
    if brought.stayed:
        raise UsageError("\n".join(brought.stayed))


def _hint(error: Exception, there: str, here: str) -> str:
    """Return what to do about a variable that is too large."""
    cause = error.__cause__
    if not isinstance(cause, NotFetched) or not cause.size:
        return ""
    renamed = "" if here == there else f" as {here}"
    return f". It comes with %agent pull {there}{renamed} --limit {cause.size * 11 // 10**10 + 1}GB"


def _row(fetched: Fetched, here: str, *, replaced: bool) -> str:
    kind = " ".join(filter(None, [type(fetched.value).__name__, _size(fetched.value)]))
    notes = [*fetched.notes, *(["the one you had is replaced"] if replaced else [])]
    return f"`{here}` is in this notebook now: {kind}{''.join(f'; {note}' for note in notes)}"


def _size(value: Any) -> str:
    """Return the size of a value that came, which is one of known types."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return " × ".join(map(str, shape))  # noqa: RUF001
    return str(len(value)) if isinstance(value, list | dict | tuple | set | frozenset) else ""
