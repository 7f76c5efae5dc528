"""An agent that lives in Jupyter: it writes code, runs it in a managed kernel, repairs it, and leaves a notebook."""

import codeagent_nb.first_imports  # noqa: F401 - first of all: even the next line could find a planted module

# isort: split
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codeagent_nb.agent import CodeExecutorAgent
    from codeagent_nb.approval import ApprovalRequest, ApprovalResponse
    from codeagent_nb.code_tool import PythonCodeExecutionTool
    from codeagent_nb.components import ComponentModel, dump_component, load_component
    from codeagent_nb.contexts import (
        BufferedChatCompletionContext,
        ChatCompletionContext,
        HeadAndTailChatCompletionContext,
        TokenLimitedChatCompletionContext,
        UnboundedChatCompletionContext,
    )
    from codeagent_nb.errors import AgentError, TerminatedException
    from codeagent_nb.events import (
        AgentEvent,
        CodeExecutionEvent,
        CodeGenerationEvent,
        HandoffMessage,
        ModelClientStreamingChunkEvent,
        RetryDecision,
        TextMessage,
        ThoughtEvent,
    )
    from codeagent_nb.log import EVENT_LOGGER_NAME
    from codeagent_nb.models.local import LocalChatCompletionClient
    from codeagent_nb.models.openai import OpenAIChatCompletionClient
    from codeagent_nb.models.replay import ReplayChatCompletionClient
    from codeagent_nb.models.types import (
        AssistantMessage,
        ChatCompletionClient,
        CreateResult,
        RequestUsage,
        SystemMessage,
        UserMessage,
    )
    from codeagent_nb.notebook.extension import panel
    from codeagent_nb.reply import Reply, extract_code_blocks, read_reply
    from codeagent_nb.results import Response, TaskResult
    from codeagent_nb.teams.assistant import AssistantAgent
    from codeagent_nb.teams.console import Console
    from codeagent_nb.teams.round_robin import RoundRobinGroupChat
    from codeagent_nb.teams.terminations import (
        MaxMessageTermination,
        StopMessage,
        TerminationCondition,
        TextMentionTermination,
        TextMessageTermination,
    )
    from codeagent_nb.teams.types import ChatAgent

    __version__: str

__all__ = [
    "EVENT_LOGGER_NAME",
    "AgentError",
    "AgentEvent",
    "ApprovalRequest",
    "ApprovalResponse",
    "AssistantAgent",
    "AssistantMessage",
    "BufferedChatCompletionContext",
    "ChatAgent",
    "ChatCompletionClient",
    "ChatCompletionContext",
    "CodeExecutionEvent",
    "CodeExecutorAgent",
    "CodeGenerationEvent",
    "ComponentModel",
    "Console",
    "CreateResult",
    "HandoffMessage",
    "HeadAndTailChatCompletionContext",
    "LocalChatCompletionClient",
    "MaxMessageTermination",
    "ModelClientStreamingChunkEvent",
    "OpenAIChatCompletionClient",
    "PythonCodeExecutionTool",
    "ReplayChatCompletionClient",
    "Reply",
    "RequestUsage",
    "Response",
    "RetryDecision",
    "RoundRobinGroupChat",
    "StopMessage",
    "SystemMessage",
    "TaskResult",
    "TerminatedException",
    "TerminationCondition",
    "TextMentionTermination",
    "TextMessage",
    "TextMessageTermination",
    "ThoughtEvent",
    "TokenLimitedChatCompletionContext",
    "UnboundedChatCompletionContext",
    "UserMessage",
    "dump_component",
    "extract_code_blocks",
    "load_component",
    "panel",
    "read_reply",
]

_HOMES = {
    "codeagent_nb.agent": ("CodeExecutorAgent",),
    "codeagent_nb.approval": ("ApprovalRequest", "ApprovalResponse"),
    "codeagent_nb.code_tool": ("PythonCodeExecutionTool",),
    "codeagent_nb.components": ("ComponentModel", "dump_component", "load_component"),
    "codeagent_nb.contexts": (
        *("BufferedChatCompletionContext", "ChatCompletionContext", "HeadAndTailChatCompletionContext"),
        *("TokenLimitedChatCompletionContext", "UnboundedChatCompletionContext"),
    ),
    "codeagent_nb.errors": ("AgentError", "TerminatedException"),
    "codeagent_nb.events": (
        *("AgentEvent", "CodeExecutionEvent", "CodeGenerationEvent", "HandoffMessage"),
        *("ModelClientStreamingChunkEvent", "RetryDecision", "TextMessage", "ThoughtEvent"),
    ),
    "codeagent_nb.log": ("EVENT_LOGGER_NAME",),
    "codeagent_nb.models.local": ("LocalChatCompletionClient",),
    "codeagent_nb.models.openai": ("OpenAIChatCompletionClient",),
    "codeagent_nb.models.replay": ("ReplayChatCompletionClient",),
    "codeagent_nb.models.types": (
        *("AssistantMessage", "ChatCompletionClient", "CreateResult", "RequestUsage", "SystemMessage", "UserMessage"),
    ),
    "codeagent_nb.notebook.extension": ("panel",),
    "codeagent_nb.reply": ("Reply", "extract_code_blocks", "read_reply"),
    "codeagent_nb.results": ("Response", "TaskResult"),
    "codeagent_nb.teams.assistant": ("AssistantAgent",),
    "codeagent_nb.teams.console": ("Console",),
    "codeagent_nb.teams.round_robin": ("RoundRobinGroupChat",),
    "codeagent_nb.teams.terminations": (
        *("MaxMessageTermination", "StopMessage", "TerminationCondition", "TextMentionTermination"),
        "TextMessageTermination",
    ),
    "codeagent_nb.teams.types": ("ChatAgent",),
    "kernel_executor": ("__version__",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: a notebook must not wait for what it does not need (design D13)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
    return value


def load_ipython_extension(shell: object) -> None:
    """Do what `%load_ext codeagent_nb` asks for."""
    import_module("codeagent_nb.notebook.extension").load(shell)


def unload_ipython_extension(shell: object) -> None:
    """Do what `%unload_ext codeagent_nb` asks for."""
    import_module("codeagent_nb.notebook.extension").unload(shell)
