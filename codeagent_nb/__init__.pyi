# The public names: what is listed here is imported when it is first used.

from .agent import CodeExecutorAgent as CodeExecutorAgent
from .agentchat.assistant import AssistantAgent as AssistantAgent
from .agentchat.code_tool import PythonCodeExecutionTool as PythonCodeExecutionTool
from .agentchat.components import (
    ComponentModel as ComponentModel,
    dump_component as dump_component,
    load_component as load_component,
)
from .agentchat.console import Console as Console
from .agentchat.participants import ChatAgent as ChatAgent
from .agentchat.round_robin import RoundRobinGroupChat as RoundRobinGroupChat
from .agentchat.terminations import (
    MaxMessageTermination as MaxMessageTermination,
    StopMessage as StopMessage,
    TerminationCondition as TerminationCondition,
    TextMentionTermination as TextMentionTermination,
    TextMessageTermination as TextMessageTermination,
)
from .approval import (
    ApprovalFunc as ApprovalFunc,
    ApprovalMode as ApprovalMode,
    ApprovalRequest as ApprovalRequest,
    ApprovalResponse as ApprovalResponse,
)
from .errors import (
    AgentError as AgentError,
    ApprovalRequired as ApprovalRequired,
    ModelError as ModelError,
    ModelRefused as ModelRefused,
    ModelUnavailable as ModelUnavailable,
    NoModelConfigured as NoModelConfigured,
    NoModelList as NoModelList,
    PriceUnknown as PriceUnknown,
    PromptChanged as PromptChanged,
    ReplayScriptError as ReplayScriptError,
    SessionError as SessionError,
    TerminatedException as TerminatedException,
    VariableRefused as VariableRefused,
    WeightsError as WeightsError,
)
from .events import (
    SCHEMA_VERSION as SCHEMA_VERSION,
    AgentEvent as AgentEvent,
    AnswerQuestionedEvent as AnswerQuestionedEvent,
    AnswerTracedEvent as AnswerTracedEvent,
    ApprovalEvent as ApprovalEvent,
    BlockFinishedEvent as BlockFinishedEvent,
    BlockOutputEvent as BlockOutputEvent,
    BlockStartedEvent as BlockStartedEvent,
    ChatMessage as ChatMessage,
    CodeExecutionEvent as CodeExecutionEvent,
    CodeGenerationEvent as CodeGenerationEvent,
    CodeRefusedEvent as CodeRefusedEvent,
    ContextEvent as ContextEvent,
    ErrorExplainedEvent as ErrorExplainedEvent,
    FilesEvent as FilesEvent,
    GivenCodeFinishedEvent as GivenCodeFinishedEvent,
    HandoffMessage as HandoffMessage,
    KernelStateEvent as KernelStateEvent,
    LateOutputEvent as LateOutputEvent,
    MessageAddedEvent as MessageAddedEvent,
    ModelClientStreamingChunkEvent as ModelClientStreamingChunkEvent,
    ModelReplyEvent as ModelReplyEvent,
    ModelRequestEvent as ModelRequestEvent,
    NewVariablesEvent as NewVariablesEvent,
    NextStepEvent as NextStepEvent,
    RetryDecisionEvent as RetryDecisionEvent,
    RunFinishedEvent as RunFinishedEvent,
    RunStartedEvent as RunStartedEvent,
    RunStatus as RunStatus,
    TaskTurnedEvent as TaskTurnedEvent,
    TextMessage as TextMessage,
    ThoughtEvent as ThoughtEvent,
    TracedNumber as TracedNumber,
    VariableEvent as VariableEvent,
    ViewDetachedEvent as ViewDetachedEvent,
)
from .log.event_log import EVENT_LOGGER_NAME as EVENT_LOGGER_NAME, EventLog as EventLog, View as View
from .log.redaction import Secrets as Secrets
from .loop.budget import Budget as Budget
from .loop.decisions import RetryDecision as RetryDecision
from .loop.results import Response as Response, TaskResult as TaskResult
from .loop.run_settings import RunSettings as RunSettings
from .models.cassette import (
    CassetteChatCompletionClient as CassetteChatCompletionClient,
    RecordingChatCompletionClient as RecordingChatCompletionClient,
)
from .models.embedded.client import LocalChatCompletionClient as LocalChatCompletionClient
from .models.openai.client import OpenAIChatCompletionClient as OpenAIChatCompletionClient
from .models.prices import Price as Price
from .models.replay import ReplayChatCompletionClient as ReplayChatCompletionClient
from .models.types import (
    AssistantMessage as AssistantMessage,
    ChatCompletionClient as ChatCompletionClient,
    CreateResult as CreateResult,
    RequestUsage as RequestUsage,
    SystemMessage as SystemMessage,
    UserMessage as UserMessage,
)
from .notebook.extension import panel as panel
from .prompt.contexts import (
    BufferedChatCompletionContext as BufferedChatCompletionContext,
    ChatCompletionContext as ChatCompletionContext,
    HeadAndTailChatCompletionContext as HeadAndTailChatCompletionContext,
    TokenLimitedChatCompletionContext as TokenLimitedChatCompletionContext,
    UnboundedChatCompletionContext as UnboundedChatCompletionContext,
)
from .reply.run_policy import Reply as Reply, extract_code_blocks as extract_code_blocks, read_reply as read_reply
from .session.beginning import Earlier as Earlier
from .session.finding import earlier_session as earlier_session
from .session.session import Session as Session, SessionSettings as SessionSettings, open_session as open_session
from .version import __version__ as __version__

def load_ipython_extension(shell: object) -> None: ...
def unload_ipython_extension(shell: object) -> None: ...
