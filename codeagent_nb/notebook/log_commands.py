"""What `%agent history`, `why`, `sent` and `privacy` do: they tell of the log and of what leaves. Knows no IPython."""

from collections.abc import Callable, Mapping

from codeagent_nb.errors import SessionError
from codeagent_nb.models.privacy import LEVELS, SENT, VARIABLE, level_for
from codeagent_nb.models.types import ChatCompletionClient, host_of_model
from codeagent_nb.notebook import commands
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.prompt.ledger import request_text, sent_table
from codeagent_nb.session.privacy_choices import KEPT, PrivacyChoices, setting_for
from codeagent_nb.text import sentence
from codeagent_nb.views.standard_streams import say


def log_commands(
    agent: NotebookAgent, choices: PrivacyChoices, model: Callable[[], ChatCompletionClient], given: str
) -> Mapping[str, Callable[[str], object]]:
    """Return the commands by name.

    Args:
        agent: The agent of the notebook.
        choices: What was chosen for which server.
        model: Returns the model of the next task.
        given: What `%config CodeAgent.privacy` says.
    """
    return {
        "history": lambda _: say(commands.history(agent.events)),
        "why": lambda _: say(commands.why(agent.events)),
        "sent": lambda rest: say(agent.secrets.text(sent(agent, rest))),
        "privacy": lambda rest: say(agent.secrets.text(privacy(agent, choices, model(), given, rest))),
    }


def sent(agent: NotebookAgent, number: str) -> str:
    """Return what left in this session, or the text of one request.

    Args:
        agent: The agent of the notebook.
        number: Of the request, as the list numbers them; empty lists them.

    Raises:
        SessionError: There is no such request.
    """
    if not number:
        return sent_table(agent.events, "%agent sent")
    try:
        return request_text(agent.events, int(number))
    except ValueError as error:
        raise SessionError("%agent sent N: say which request; %agent sent numbers them") from error


def privacy(agent: NotebookAgent, choices: PrivacyChoices, model: ChatCompletionClient, given: str, wanted: str) -> str:
    """Return how much the model of the next task is told; choose it, if one is named.

    Args:
        agent: The agent of the notebook.
        choices: What was chosen for which server.
        model: That model.
        given: What `%config CodeAgent.privacy` says.
        wanted: The level to choose; empty chooses nothing.

    Raises:
        SessionError: There is no such level, or the environment names none.
    """
    host = host_of_model(model)
    if wanted and wanted not in LEVELS:
        raise SessionError(f"%agent privacy LEVEL: one of {', '.join(LEVELS)}")
    for level in LEVELS:
        if level == wanted:
            choices.choose(host, level)
    try:
        level = level_for(setting_for(given, agent.models.environment, host, choices), model)
    except ValueError as error:
        raise SessionError(str(error)) from error
    over = f" {sentence(_what_wins(given))}" if wanted and level != wanted else ""
    return "\n".join([f"The model at {host} is sent: {level}.{over}", *_levels(), KEPT])


def _what_wins(given: str) -> str:
    return f"{'%config CodeAgent.privacy' if given else VARIABLE} wins over what is chosen here"


def _levels() -> list[str]:
    return [f"  %agent privacy {level:10}  sends {what}." for level, what in SENT.items()]
