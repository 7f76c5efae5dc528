"""Failures of the agent's own machinery. Failures of executed code are data, not exceptions.

AgentError
 +- ModelError                     the model could not give a reply
 |   +- ModelUnavailable           server gone, time-out, 5xx or 429 after all retries, stream broken off
 |   +- ModelRefused               the server understood and said no: bad key, unknown model, bad request
 |   |   +- NoModelList            a server does not say which models it has; it may have some
 |   +- ReplayScriptError          a replayed script was not consumed exactly
 |       +- PromptChanged          a recording has no reply to what is asked now
 +- NoModelConfigured              nothing says which model to use
 +- WeightsError                   the embedded model's file cannot be had, or is not the right one
 +- PriceUnknown                   a budget limits the cost, and what the model costs is not known
 +- ApprovalRequired               unsandboxed code must be approved, and there is nobody to ask
 +- SessionError                   a session's notebook or journal cannot be read or written
 +- VariableRefused                a variable of the notebook cannot be copied into the managed kernel
 +- TerminatedException            a termination condition that was met was asked again
"""

from kernel_executor.text import cleaned


class AgentError(Exception):
    """Base of all faults of this package. What it quotes, a server say, steers no terminal that shows it."""

    def __str__(self) -> str:
        return cleaned(super().__str__())


class ModelError(AgentError):
    """The model could not give a reply."""


class ModelUnavailable(ModelError):  # noqa: N818 - named after the state
    """The server cannot be reached, is overloaded, or broke off in mid-reply."""


class ModelRefused(ModelError):  # noqa: N818 - named after the event
    """The server refused the request: bad key, unknown model, malformed request."""


class NoModelList(ModelRefused):
    """A server does not say which models it has; it may have some."""


class ReplayScriptError(ModelError):
    """The script of a replay client and the calls made to it do not match."""


class PromptChanged(ReplayScriptError):  # noqa: N818 - named after the event
    """A recording of calls has no reply to a request: the prompt is another than when it was recorded."""


class NoModelConfigured(AgentError):  # noqa: N818 - named after the state
    """No model was named, no key is set and no embedded model is installed."""


class WeightsError(AgentError):
    """The file of the embedded model cannot be had, or is not the right one."""


class PriceUnknown(AgentError):  # noqa: N818 - named after the state
    """A budget limits the cost of a task, and what its model costs is not known."""


class ApprovalRequired(AgentError):  # noqa: N818 - named after the state
    """Code that no sandbox holds needs an approval, and nobody can be asked."""


class SessionError(AgentError):
    """A session's notebook or journal cannot be read or written."""


class VariableRefused(AgentError):  # noqa: N818 - named after the event
    """A variable of the notebook cannot be copied into the managed kernel."""


class TerminatedException(AgentError):  # noqa: N818 - AutoGen's name
    """A termination condition that was met was asked again before it was reset."""
