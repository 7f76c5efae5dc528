"""The types that users of `codeagent_nb` see: agent, models, contexts, teams. Checked by `make typing`, never run."""

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, assert_never, assert_type

from codeagent_nb import (
    EVENT_LOGGER_NAME,
    SCHEMA_VERSION,
    AgentError,
    AgentEvent,
    AnswerQuestionedEvent,
    AnswerTracedEvent,
    ApprovalEvent,
    ApprovalFunc,
    ApprovalMode,
    ApprovalRequest,
    ApprovalRequired,
    ApprovalResponse,
    AssistantAgent,
    AssistantMessage,
    BlockFinishedEvent,
    BlockOutputEvent,
    BlockStartedEvent,
    Budget,
    BufferedChatCompletionContext,
    CassetteChatCompletionClient,
    ChatAgent,
    ChatCompletionClient,
    ChatCompletionContext,
    ChatMessage,
    CodeExecutionEvent,
    CodeExecutorAgent,
    CodeGenerationEvent,
    CodeRefusedEvent,
    ComponentModel,
    Console,
    ContextEvent,
    CreateResult,
    Earlier,
    ErrorExplainedEvent,
    EventLog,
    FilesEvent,
    GivenCodeFinishedEvent,
    HandoffMessage,
    HeadAndTailChatCompletionContext,
    KernelStateEvent,
    LateOutputEvent,
    LocalChatCompletionClient,
    MaxMessageTermination,
    MessageAddedEvent,
    ModelClientStreamingChunkEvent,
    ModelError,
    ModelRefused,
    ModelReplyEvent,
    ModelRequestEvent,
    ModelUnavailable,
    NewVariablesEvent,
    NextStepEvent,
    NoModelConfigured,
    NoModelList,
    OpenAIChatCompletionClient,
    Price,
    PriceUnknown,
    PromptChanged,
    PythonCodeExecutionTool,
    RecordingChatCompletionClient,
    ReplayChatCompletionClient,
    ReplayScriptError,
    Reply,
    RequestUsage,
    Response,
    RetryDecision,
    RetryDecisionEvent,
    RoundRobinGroupChat,
    RunFinishedEvent,
    RunSettings,
    RunStartedEvent,
    RunStatus,
    Secrets,
    Session,
    SessionError,
    SessionSettings,
    StopMessage,
    SystemMessage,
    TaskResult,
    TaskTurnedEvent,
    TerminatedException,
    TerminationCondition,
    TextMentionTermination,
    TextMessage,
    TextMessageTermination,
    ThoughtEvent,
    TokenLimitedChatCompletionContext,
    TracedNumber,
    UnboundedChatCompletionContext,
    UserMessage,
    VariableEvent,
    VariableRefused,
    View,
    ViewDetachedEvent,
    WeightsError,
    __version__,
    dump_component,
    earlier_session,
    extract_code_blocks,
    load_component,
    open_session,
    panel,
    read_reply,
)
from kernel_executor import CancellationToken, CodeBlock, CodeExecutor, CodeResult, KernelCodeExecutor, LiveVariable

assert_type(__version__, str)
logging.getLogger(EVENT_LOGGER_NAME)


def approve(request: ApprovalRequest) -> ApprovalResponse:
    assert_type(request.code, str)
    assert_type(request.code_blocks, tuple[CodeBlock, ...])
    return ApprovalResponse(approved=True)


async def approve_later(request: ApprovalRequest) -> ApprovalResponse:
    return ApprovalResponse(approved=False, reason=request.isolation)


async def an_agent(executor: KernelCodeExecutor, client: OpenAIChatCompletionClient) -> None:
    agent = CodeExecutorAgent(
        "coder",
        executor,
        model_client=client,
        model_context=BufferedChatCompletionContext(buffer_size=10),
        max_retries_on_error=2,
        retry_by="status",
        approval_func=approve,
        ask=approve_later,
    )
    assert_type(agent, CodeExecutorAgent)
    assert_type(client.cost(RequestUsage()), float | None)
    result = await agent.run(task="Count.", cancellation_token=CancellationToken(), settings=RunSettings(model=client))
    assert_type(result, TaskResult)
    assert_type(result.stop_reason, str | None)
    stream = agent.run_stream(task=[TextMessage(source="user", content="Count.")])
    assert_type(stream, AsyncGenerator[AgentEvent | TaskResult, None])
    response = await agent.on_messages([TextMessage(source="user", content="Count.")])
    assert_type(response, Response)
    assert_type(response.chat_message, TextMessage | HandoffMessage)
    assert_type(await agent.execute_code_block([CodeBlock("1")]), CodeResult)
    assert_type(await agent.save_state(), Mapping[str, Any])
    assert_type(CodeExecutorAgent.load_component(agent.dump_component()), CodeExecutorAgent)


async def events(agent: CodeExecutorAgent) -> None:
    async with aclosing(agent.run_stream(task="Count.")) as stream:
        async for event in stream:
            if isinstance(event, TaskResult):
                assert_type(event.messages, tuple[Any, ...])
                continue
            assert_type(event.source, str)
            assert_type(event.created_at, datetime)
            match event:
                case CodeGenerationEvent():
                    assert_type(event.code_blocks, tuple[CodeBlock, ...])
                case CodeExecutionEvent():
                    assert_type(event.result, CodeResult)
                case TextMessage():
                    assert_type(event.models_usage, RequestUsage | None)
                case HandoffMessage():
                    assert_type(event.target, str)
                case ThoughtEvent() | ModelClientStreamingChunkEvent():
                    assert_type(event.content, str)
                case _ if event.type == "RunFinishedEvent":  # `type` tells the events of the union apart
                    assert_type(event.usage, RequestUsage)
                    assert_type(event.cost, float | None)
                case _:
                    pass


def models(local: LocalChatCompletionClient, remote: OpenAIChatCompletionClient) -> None:
    replay = ReplayChatCompletionClient(["Hello.", CreateResult(content="Hi."), AgentError("no")])
    recorder, cassette = RecordingChatCompletionClient(remote, "calls.json"), CassetteChatCompletionClient("calls.json")
    clients: list[ChatCompletionClient] = [local, remote, replay, recorder, cassette]
    assert_type(PromptChanged("another prompt"), PromptChanged)
    stream = clients[0].create_stream(
        [SystemMessage(content="Be brief."), UserMessage(content="Hi"), AssistantMessage(content="Hello")]
    )
    assert_type(stream, AsyncGenerator[str | CreateResult, None])
    assert_type(RequestUsage() + RequestUsage(prompt_tokens=1), RequestUsage)
    assert_type(RetryDecision(reason="It failed.", retry=True).retry, bool)


def contexts() -> Sequence[ChatCompletionContext]:
    return [
        UnboundedChatCompletionContext(),
        BufferedChatCompletionContext(buffer_size=2, initial_messages=[UserMessage(content="Hi")]),
        HeadAndTailChatCompletionContext(head_size=1, tail_size=2),
        TokenLimitedChatCompletionContext(token_limit=1000),
    ]


async def teams(coder: CodeExecutorAgent, client: ChatCompletionClient) -> None:
    critic = AssistantAgent("critic", client, model_context=UnboundedChatCompletionContext())
    agents: list[ChatAgent] = [coder, critic]
    until = (TextMentionTermination("APPROVE") | MaxMessageTermination(10)) & TextMessageTermination("critic")
    assert_type(until, TerminationCondition)
    assert_type(await until([]), StopMessage | None)
    team = RoundRobinGroupChat(agents, termination_condition=until, max_turns=4)
    assert_type(await team.run(task="Count."), TaskResult)
    # Console returns what its stream ends with.
    assert_type(await Console(team.run_stream(task="Count.")), TaskResult)
    assert_type(await Console(coder.on_messages_stream([])), Response)


async def components_and_tools(executor: CodeExecutor, agent: CodeExecutorAgent) -> None:
    model = dump_component(agent)
    assert_type(model, ComponentModel)
    assert_type(load_component(CodeExecutorAgent, model.model_dump()), CodeExecutorAgent)
    tool = PythonCodeExecutionTool(executor)
    assert_type((await tool.run("1 + 1")).output, str)
    assert_type(tool.schema, dict[str, Any])


def replies() -> None:
    reply = read_reply("```python\n1\n```", finish_reason="stop")
    assert_type(reply, Reply)
    assert_type(reply.blocks, tuple[CodeBlock, ...])
    assert_type(extract_code_blocks(reply.text), list[CodeBlock])
    panel("local")


def errors() -> None:
    faults: list[type[AgentError]] = [TerminatedException]
    assert_type(faults[0]("why"), AgentError)


async def mistakes(executor: CodeExecutor, agent: CodeExecutorAgent) -> None:
    """What a type checker must refuse: it says so where an `ignore` is not needed."""
    CodeExecutorAgent("coder", executor, approval="perhaps")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    CodeExecutorAgent("coder", executor, retry_by="luck")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await agent.run(task=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await Console(executor)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def of_every_kind(event: AgentEvent) -> str:  # noqa: C901, PLR0912 - one line a kind of event
    """The union is closed: a checker knows when a kind is forgotten."""
    match event:
        case TextMessage():
            return event.source
        case HandoffMessage():
            return event.source
        case ThoughtEvent():
            return event.source
        case ModelClientStreamingChunkEvent():
            return event.source
        case CodeGenerationEvent():
            return event.source
        case CodeExecutionEvent():
            return event.source
        case RunStartedEvent():
            return event.source
        case ContextEvent():
            return event.source
        case MessageAddedEvent():
            return event.source
        case VariableEvent():
            return event.source
        case ModelRequestEvent():
            return event.host
        case ModelReplyEvent():
            return event.source
        case CodeRefusedEvent():
            return event.source
        case ApprovalEvent():
            return event.source
        case BlockStartedEvent():
            return event.source
        case BlockOutputEvent():
            return event.source
        case BlockFinishedEvent():
            return event.source
        case LateOutputEvent():
            return event.source
        case NewVariablesEvent():
            assert_type(event.variables, tuple[LiveVariable, ...])
            return event.source
        case FilesEvent():
            return event.source
        case GivenCodeFinishedEvent():
            return event.source
        case ErrorExplainedEvent():
            assert_type(event.content, str)
            return event.source
        case KernelStateEvent():
            return event.source
        case TaskTurnedEvent():
            return event.source
        case RetryDecisionEvent():
            return event.source
        case NextStepEvent():
            assert_type(event.step, int)
            return event.source
        case AnswerQuestionedEvent():
            assert_type(event.reason, str)
            return event.source
        case AnswerTracedEvent():
            assert_type(event.untraced, tuple[TracedNumber, ...])
            return event.source
        case ViewDetachedEvent():
            return event.source
        case RunFinishedEvent():
            return event.source
        case _:
            assert_never(event)


class Surface:
    def on_event(self, event: AgentEvent) -> None:
        assert_type(event.source, str)


def refuse(request: ApprovalRequest) -> ApprovalResponse:
    raise ApprovalRequired(request.isolation)


async def a_session(mode: ApprovalMode, asked: ApprovalFunc, client: ChatCompletionClient) -> RunStatus:
    view: View = Surface()
    secrets = Secrets({"API_KEY": "x"})
    log = EventLog(secrets)
    assert_type(log.events, tuple[AgentEvent, ...])
    version: int = SCHEMA_VERSION
    assert version
    settings = RunSettings(model=client, timeout=None, approval=mode, ask=asked, approval_func=refuse)
    assert_type(Budget.read("tokens=20000"), Budget)
    limited = replace(
        settings, budget=Budget(tokens=20_000, cost=0.5), session_budget=Budget(seconds=60), price=Price(0.4, 1.6)
    )
    try:
        earlier = earlier_session(Path(), "study")
        assert_type(earlier, Earlier)
        settings_of_it = SessionSettings(notebook=Path("a.ipynb"))
        async with open_session(settings_of_it, views=[view], secrets=secrets, earlier=earlier) as session:
            assert_type(session, Session)
            assert_type(await session.fetch("clean"), Any)
            assert_type(await session.run("Count.", limited), TaskResult)
    except NoModelList as error:
        unlisted: ModelRefused = error
        raise unlisted from None
    except (ModelRefused, ModelUnavailable, ReplayScriptError) as error:
        failed: ModelError = error
        raise failed from None
    except (NoModelConfigured, PriceUnknown, SessionError, VariableRefused, WeightsError) as error:
        wrong: AgentError = error
        raise wrong from None
    said: ChatMessage = TextMessage(source="user", content="x")
    assert_type(said.content, str)
    return "answered"
