"""What `%agent model` says: the models there are, and what is wrong with one that was chosen. Knows no IPython."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from io import StringIO
from typing import TypeGuard

from codeagent_nb.log.redaction import Secrets
from codeagent_nb.models.choose import LOCAL_NAME, usable_models
from codeagent_nb.models.served import Served, ask_server
from codeagent_nb.models.table import IN_USE, model_table
from codeagent_nb.models.types import ChatCompletionClient
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.views.clean_console import CleanConsole

WIDTH = 100
"""Characters: in a window of 1280 pixels beside the file browser, JupyterLab breaks lines at 104."""
MOST_NAMED = 5

HOW_TO_SWITCH = (
    "`%agent model NAME` uses another one from the next task on, `%agent model auto` chooses by the environment."
)


def models_text(
    environment: Mapping[str, str], served: Served | None, *, used: str, clients: Sequence[str], secrets: Secrets
) -> str:
    """Return the list of models.

    Args:
        environment: Names the server.
        served: What that server said.
        used: The name that `%config CodeAgent.model` has; empty for what the environment says.
        clients: Variables that hold a model.
        secrets: What is not shown.
    """
    text = StringIO()
    named = "" if used in clients else used or None  # a variable is no model of the server
    table = model_table(environment, served, used=named, switch="%agent model", masked=secrets.text)
    CleanConsole(file=text, width=WIDTH, force_terminal=False).print(table)
    variables = [f"{IN_USE if name == used else ' '} {name}, a variable of this notebook" for name in clients]
    return "\n".join([text.getvalue().rstrip(), *variables, HOW_TO_SWITCH])


def not_served(name: str, served: Served | None) -> str:
    """Return what is to be said of a model that the server does not have, as far as it says."""
    if name == LOCAL_NAME or served is None or name in served.names:
        return ""
    if served.problem:
        return f"Whether there is such a model is not known: {served.problem}"
    near = get_close_matches(name, served.names, MOST_NAMED, 0.5) or served.names[:MOST_NAMED]
    return (
        f"The server does not list {name!r}; it has {', '.join(near)}{' ...' if len(served.names) > len(near) else ''}."
    )


def is_client(value: object) -> TypeGuard[ChatCompletionClient]:
    """Return whether a value is a model's client."""
    # By its type only: a protocol's own check asks the object, and runs its properties.
    return all(hasattr(type(value), name) for name in ("create_stream", "model_info", "close"))


def clients_in(names: Mapping[str, object]) -> list[str]:
    """Return the variables that hold a model."""
    return [name for name, value in names.items() if not name.startswith("_") and is_client(value)]


def names_of_models(agent: NotebookAgent, first: str, names: Mapping[str, object]) -> list[str]:
    """Return the models that can be chosen, one before the others."""
    usable = usable_models(agent.models.environment)
    return list(dict.fromkeys(filter(None, [first, *usable, *clients_in(names)])))


async def listed(agent: NotebookAgent, chosen: str, *, used: str, names: Mapping[str, object]) -> str:
    """Return the models that can be used here; of one that was chosen, only what is wrong with it.

    Args:
        agent: Has the environment that names the server.
        chosen: The one that was chosen; empty lists all.
        used: The name that `%config CodeAgent.model` has.
        names: The notebook's variables.
    """
    environment, clients = agent.models.environment, clients_in(names)
    served = await ask_server(environment)
    if chosen:
        return "" if chosen in clients else agent.secrets.text(not_served(chosen, served))
    return models_text(environment, served, used=used, clients=clients, secrets=agent.secrets)
