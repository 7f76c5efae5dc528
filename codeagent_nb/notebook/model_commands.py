"""What `%agent model` says: the models there are, and what is wrong with one that was chosen. Knows no IPython."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from io import StringIO
from typing import TypeGuard

from codeagent_nb.log.redaction import Secrets
from codeagent_nb.models.choose import LOCAL_NAME
from codeagent_nb.models.served import Served
from codeagent_nb.models.table import IN_USE, model_table
from codeagent_nb.models.types import ChatCompletionClient
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
