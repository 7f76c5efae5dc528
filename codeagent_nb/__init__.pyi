# The public names: what is listed here is imported when it is first used.

from .agent import CodeExecutorAgent as CodeExecutorAgent
from .agentchat.assistant import AssistantAgent as AssistantAgent
from .agentchat.code_tool import PythonCodeExecutionTool as PythonCodeExecutionTool
from .agentchat.components import (
    ComponentModel as ComponentModel,
)
from .agentchat.components import (
    dump_component as dump_component,
)
from .agentchat.components import (
    load_component as load_component,
)
from .agentchat.console import Console as Console
from .agentchat.participants import ChatAgent as ChatAgent
from .agentchat.round_robin import RoundRobinGroupChat as RoundRobinGroupChat
from .agentchat.terminations import (
    MaxMessageTermination as MaxMessageTermination,
)
from .agentchat.terminations import (
    StopMessage as StopMessage,
)
from .agentchat.terminations import (
    TerminationCondition as TerminationCondition,
)
from .agentchat.terminations import (
    TextMentionTermination as TextMentionTermination,
)
from .agentchat.terminations import (
    TextMessageTermination as TextMessageTermination,
)
from .approval import (
    ApprovalFunc as ApprovalFunc,
)
from .approval import (
    ApprovalMode as ApprovalMode,
)
from .approval import (
    ApprovalRequest as ApprovalRequest,
)
from .approval import (
    ApprovalResponse as ApprovalResponse,
)
from .errors import (
    AgentError as AgentError,
)
from .errors import (
    ApprovalRequired as ApprovalRequired,
)
from .errors import (
    ModelError as ModelError,
)
from .errors import (
    ModelRefused as ModelRefused,
)
from .errors import (
    ModelUnavailable as ModelUnavailable,
)
from .errors import (
    NoModelConfigured as NoModelConfigured,
)
from .errors import (
    ReplayScriptError as ReplayScriptError,
)
from .errors import (
    SessionError as SessionError,
)
from .errors import (
    TerminatedException as TerminatedException,
)
from .errors import (
    VariableRefused as VariableRefused,
)
from .errors import (
    WeightsError as WeightsError,
)
from .events import (
    SCHEMA_VERSION as SCHEMA_VERSION,
)
from .events import (
    AgentEvent as AgentEvent,
)
from .events import (
    ApprovalEvent as ApprovalEvent,
)
from .events import (
    BlockFinishedEvent as BlockFinishedEvent,
)
from .events import (
    BlockOutputEvent as BlockOutputEvent,
)
from .events import (
    BlockStartedEvent as BlockStartedEvent,
)
from .events import (
    ChatMessage as ChatMessage,
)
from .events import (
    CodeExecutionEvent as CodeExecutionEvent,
)
from .events import (
    CodeGenerationEvent as CodeGenerationEvent,
)
from .events import (
    CodeRefusedEvent as CodeRefusedEvent,
)
from .events import (
    ContextEvent as ContextEvent,
)
from .events import (
    FilesEvent as FilesEvent,
)
from .events import (
    GivenCodeFinishedEvent as GivenCodeFinishedEvent,
)
from .events import (
    HandoffMessage as HandoffMessage,
)
from .events import (
    KernelStateEvent as KernelStateEvent,
)
from .events import (
    LateOutputEvent as LateOutputEvent,
)
from .events import (
    MessageAddedEvent as MessageAddedEvent,
)
from .events import (
    ModelClientStreamingChunkEvent as ModelClientStreamingChunkEvent,
)
from .events import (
    ModelReplyEvent as ModelReplyEvent,
)
from .events import (
    RetryDecision as RetryDecision,
)
from .events import (
    RetryDecisionEvent as RetryDecisionEvent,
)
from .events import (
    RunFinishedEvent as RunFinishedEvent,
)
from .events import (
    RunStartedEvent as RunStartedEvent,
)
from .events import (
    RunStatus as RunStatus,
)
from .events import (
    TextMessage as TextMessage,
)
from .events import (
    ThoughtEvent as ThoughtEvent,
)
from .events import (
    VariableEvent as VariableEvent,
)
from .events import (
    ViewDetachedEvent as ViewDetachedEvent,
)
from .log.event_log import EVENT_LOGGER_NAME as EVENT_LOGGER_NAME
from .log.event_log import EventLog as EventLog
from .log.event_log import View as View
from .log.redaction import Secrets as Secrets
from .loop.results import Response as Response
from .loop.results import TaskResult as TaskResult
from .loop.run_settings import RunSettings as RunSettings
from .models.embedded.client import LocalChatCompletionClient as LocalChatCompletionClient
from .models.openai.client import OpenAIChatCompletionClient as OpenAIChatCompletionClient
from .models.replay import ReplayChatCompletionClient as ReplayChatCompletionClient
from .models.types import (
    AssistantMessage as AssistantMessage,
)
from .models.types import (
    ChatCompletionClient as ChatCompletionClient,
)
from .models.types import (
    CreateResult as CreateResult,
)
from .models.types import (
    RequestUsage as RequestUsage,
)
from .models.types import (
    SystemMessage as SystemMessage,
)
from .models.types import (
    UserMessage as UserMessage,
)
from .notebook.extension import panel as panel
from .prompt.contexts import (
    BufferedChatCompletionContext as BufferedChatCompletionContext,
)
from .prompt.contexts import (
    ChatCompletionContext as ChatCompletionContext,
)
from .prompt.contexts import (
    HeadAndTailChatCompletionContext as HeadAndTailChatCompletionContext,
)
from .prompt.contexts import (
    TokenLimitedChatCompletionContext as TokenLimitedChatCompletionContext,
)
from .prompt.contexts import (
    UnboundedChatCompletionContext as UnboundedChatCompletionContext,
)
from .reply.run_policy import Reply as Reply
from .reply.run_policy import extract_code_blocks as extract_code_blocks
from .reply.run_policy import read_reply as read_reply
from .session.session import Session as Session
from .session.session import SessionSettings as SessionSettings
from .session.session import open_session as open_session

def load_ipython_extension(shell: object) -> None: ...
def unload_ipython_extension(shell: object) -> None: ...
