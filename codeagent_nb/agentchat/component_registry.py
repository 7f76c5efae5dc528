"""The classes that may be made from a config, and how to read what an object of each was made with.

The fields of a config are the constructor's own arguments with their types, so that none can be forgotten.
"""

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, get_origin

from pydantic import BaseModel, ConfigDict, create_model

from codeagent_nb.agent import CodeExecutorAgent
from codeagent_nb.agentchat import terminations
from codeagent_nb.agentchat.assistant import AssistantAgent
from codeagent_nb.agentchat.components import ComponentModel
from codeagent_nb.agentchat.round_robin import RoundRobinGroupChat
from codeagent_nb.init_arguments import arguments_of
from codeagent_nb.models.embedded.client import LocalChatCompletionClient
from codeagent_nb.models.openai.client import OpenAIChatCompletionClient
from codeagent_nb.prompt import contexts
from kernel_executor import DockerCommandLineCodeExecutor, KernelCodeExecutor, LocalCommandLineCodeExecutor

_CONFIG = ConfigDict(extra="forbid", allow_inf_nan=False, ser_json_inf_nan="constants", protected_namespaces=())
_MODEL_INFO = dict[str, bool | str] | None  # a `typing.TypedDict` is none to pydantic before Python 3.12
_IN_CODE = "it is no data; leave it out, and give it in code where the config is loaded"
_IN_ENVIRONMENT = "a config must not hold a key; put it into the environment as OPENAI_API_KEY, where it is found"


@dataclass(frozen=True)
class Component:
    """A class and what to know of its arguments.

    Args:
        made: The class.
        kind: AutoGen's `component_type`.
        parts: The arguments that are components themselves, or sequences of them, and their kind.
        unwritable: The arguments that cannot be in a config, and what to do instead.
        read: Returns the arguments an object was made with.
        types: Types for pydantic, where the constructor's own will not do.
    """

    made: type
    kind: str
    parts: Mapping[str, str] = field(default_factory=dict)
    unwritable: Mapping[str, str] = field(default_factory=dict)
    read: Callable[[Any], Mapping[str, Any]] = arguments_of
    types: Mapping[str, Any] = field(default_factory=dict)

    @property
    def provider(self) -> str:
        """Return the name in configs: the public one, wherever the class lives."""
        return f"{self.made.__module__.partition('.')[0]}.{self.made.__name__}"

    @cached_property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """Return the constructor's parameters."""
        return inspect.signature(self.made).parameters

    @cached_property
    def schema(self) -> type[BaseModel]:
        """Return what a config must look like."""
        shape = {
            name: (self._type(parameter), _default(parameter))
            for name, parameter in self.parameters.items()
            if name not in self.unwritable
        }
        model: type[BaseModel] = create_model(f"{self.made.__name__}Config", __config__=_CONFIG, **shape)  # type: ignore[call-overload]
        return model

    def _type(self, parameter: inspect.Parameter) -> Any:
        if parameter.kind is parameter.VAR_KEYWORD:
            return dict[str, Any]
        if parameter.name not in self.parts:
            return self.types.get(parameter.name, parameter.annotation)
        if parameter.kind is parameter.VAR_POSITIONAL or get_origin(parameter.annotation) is Sequence:
            return list[ComponentModel]
        return ComponentModel if parameter.default is parameter.empty else ComponentModel | None

    def refuse_unwritable(self, arguments: Mapping[str, Any], path: str) -> None:
        """Check that nothing was given that cannot be written.

        Raises:
            ValueError: Something was; it is named.
        """
        for name, advice in self.unwritable.items():
            given, default = arguments[name], self.parameters[name].default
            if given is not default and given is not None and given not in ([], ()):
                raise ValueError(f"argument {path + name!r} cannot be written: {advice}")

    def make(self, arguments: Mapping[str, Any]) -> object:
        """Call the constructor.

        Raises:
            ValueError: A further argument has the name of one that the constructor has; or what it raises itself.
        """
        positional: Sequence[Any] = ()
        named, further = dict(arguments), {}
        for name, parameter in self.parameters.items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                positional = named.pop(name, ())
            elif parameter.kind is parameter.VAR_KEYWORD:
                further = named.pop(name, {})
        if doubles := sorted(set(further) & set(self.parameters)):
            raise ValueError(f"{', '.join(doubles)}: an argument of its own, not a further one")
        return self.made(*positional, **named, **further)


def _default(parameter: inspect.Parameter) -> Any:
    if parameter.kind is parameter.VAR_KEYWORD:
        return {}
    return ... if parameter.default is parameter.empty else parameter.default


def _fields(value: Any) -> Mapping[str, Any]:
    return {part.name: getattr(value, part.name) for part in fields(value)}


def _of_executor(
    executor: KernelCodeExecutor | LocalCommandLineCodeExecutor | DockerCommandLineCodeExecutor,
) -> Mapping[str, Any]:
    # The time limit is the one that is set now: it may be changed.
    return {**_fields(executor.settings), "timeout": executor.timeout}


def _of_client(client: OpenAIChatCompletionClient) -> Mapping[str, Any]:
    arguments = arguments_of(client)
    is_found_again = arguments["api_key"] in ("", os.environ.get("OPENAI_API_KEY"))
    return {**arguments, "api_key": None} if is_found_again else arguments


def _context(made: type, **parts: str) -> Component:
    return Component(made, "chat_completion_context", parts=parts, read=_fields)


def _termination(made: type, **parts: str) -> Component:
    return Component(made, "termination", parts=parts)


_COMPONENTS = (
    Component(
        CodeExecutorAgent,
        "agent",
        parts={"code_executor": "code_executor", "model_client": "model", "model_context": "chat_completion_context"},
        unwritable=dict.fromkeys(("approval_func", "ask", "views", "log"), _IN_CODE),
    ),
    Component(AssistantAgent, "agent", parts={"model_client": "model", "model_context": "chat_completion_context"}),
    Component(KernelCodeExecutor, "code_executor", unwritable={"functions": _IN_CODE}, read=_of_executor),
    Component(
        DockerCommandLineCodeExecutor,
        "code_executor",
        unwritable=dict.fromkeys(("functions", "device_requests"), _IN_CODE),
        read=_of_executor,
    ),
    Component(
        LocalCommandLineCodeExecutor,
        "code_executor",
        unwritable=dict.fromkeys(("functions", "virtual_env_context"), _IN_CODE),
        read=_of_executor,
    ),
    Component(
        OpenAIChatCompletionClient,
        "model",
        unwritable={"api_key": _IN_ENVIRONMENT},
        read=_of_client,
        types={"model_info": _MODEL_INFO},
    ),
    Component(LocalChatCompletionClient, "model"),
    _context(contexts.UnboundedChatCompletionContext),
    _context(contexts.BufferedChatCompletionContext),
    _context(contexts.HeadAndTailChatCompletionContext),
    _context(contexts.TokenLimitedChatCompletionContext, model_client="model"),
    _termination(terminations.MaxMessageTermination),
    _termination(terminations.TextMentionTermination),
    _termination(terminations.TextMessageTermination),
    _termination(terminations.OrTerminationCondition, conditions="termination"),
    _termination(terminations.AndTerminationCondition, conditions="termination"),
    Component(RoundRobinGroupChat, "team", parts={"participants": "agent", "termination_condition": "termination"}),
)

TABLE: Mapping[str, Component] = {component.provider: component for component in _COMPONENTS}
"""By provider."""


def entry_of(component: object) -> Component | None:
    """Return what is known of an object's class; a class derived from a known one is another, with other arguments."""
    return next((entry for entry in _COMPONENTS if entry.made is type(component)), None)
