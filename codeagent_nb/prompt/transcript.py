"""The prompt as a projection of the event log (design D2, D15). Pure; asks nobody.

Because it is derived, the task is in it once, a retry's reason cannot be lost, and the raw results stay as they
are. It only ever grows at the end, so that the server's prefix cache holds for every call of a run.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from codeagent_nb import events
from codeagent_nb.events import AgentEvent
from codeagent_nb.log.standing import standing
from codeagent_nb.models.types import CODE_RUNNER, AssistantMessage, LLMMessage, SystemMessage, UserMessage
from codeagent_nb.prompt import model_texts as prompts
from codeagent_nb.prompt.contexts import UNBOUNDED, ChatCompletionContext
from codeagent_nb.prompt.images import images_of, shown
from codeagent_nb.prompt.prescribed import prescribed
from codeagent_nb.prompt.task_language import answer_in
from codeagent_nb.reply.pretended import told_reply
from codeagent_nb.text import fenced, given, own_frames
from kernel_executor import BlockResult, CodeResult, Output
from kernel_executor.text import as_text, plain, shorten

OUTPUT_BUDGET = 3_000  # characters, about 750 tokens
ERROR_BUDGET = 600  # characters, about 150 tokens: design D15

NAMES_TOLD = 20

TASK_SOURCE = "user"

TURNS = (
    *(events.NextStepEvent, events.ModelReplyEvent, events.CodeExecutionEvent, events.CodeRefusedEvent),
    *(events.TextMessage, events.HandoffMessage, events.MessageAddedEvent, events.RunStartedEvent),
)
"""Events after which something else is to be done."""


def selected(log: Iterable[AgentEvent], name: str, context: ChatCompletionContext) -> list[LLMMessage]:
    """Return what a context selects of the conversation; system message and pictures are the caller's matter."""
    messages = [*(context.initial_messages or ()), *(message for _, message in told_of(log, name))]
    # What one says at a stretch, a result and what follows from it, is one message, and counts as one.
    return list(context.select(_joined(messages, _one_source)))


def _instructions(system_message: str | None) -> list[LLMMessage]:
    return [SystemMessage(content=system_message)] if system_message else []


def _without_denied(log: Iterable[AgentEvent]) -> Iterator[AgentEvent]:
    """Yield events without the results that stand for code which was not approved: the denial tells it."""
    denied = False
    for event in log:
        if denied and isinstance(event, events.CodeExecutionEvent):
            denied = False
            continue
        if isinstance(event, events.ApprovalEvent):
            denied = not event.approved
        elif isinstance(event, events.RunStartedEvent):  # what was denied outside of a run has no result
            denied = False
        yield event


def told_of(log: Iterable[AgentEvent], name: str) -> Iterator[tuple[AgentEvent, LLMMessage]]:
    """Yield what the model is sent of the log, each message with its event."""
    edited = explained = ""
    told = set[str]()
    for event in _without_denied(standing(log)):
        if isinstance(event, events.CodeExecutionEvent):
            yield event, _result(event.result, edited, explained if explained not in told else "")
            told.add(explained)  # once is enough
            edited = explained = ""
        elif isinstance(event, events.ErrorExplainedEvent):
            explained = event.content
        elif isinstance(event, events.BlockStartedEvent):
            explained = ""  # it was of code that nobody told the model of
        elif isinstance(event, events.ApprovalEvent) and event.approved:
            edited = edited_code(event)
        elif not (isinstance(event, events.TextMessage) and event.source == name):
            yield from ((event, message) for message in _messages(event))


def _messages(event: AgentEvent) -> Sequence[LLMMessage]:
    """Return the model's message for an event."""
    match event:
        case events.TextMessage(source=source, content=content):
            return [UserMessage(content=content, source=source)]
        case events.HandoffMessage(source=source, content=content, context=context):
            return [*context, UserMessage(content=content, source=source)]
        case events.MessageAddedEvent(message=message):
            return [message]
        case events.ContextEvent(content=content):
            return [UserMessage(content=content)]
        case events.VariableEvent():
            return _loading(event)
        case events.ModelReplyEvent(purpose="generate" | "reflect"):
            return [AssistantMessage(content=told_reply(event))]
        case _:
            said = _of_the_code(event)
            return [UserMessage(content=said, source=CODE_RUNNER)] if said else []


def _of_the_code(event: AgentEvent) -> str:
    """Return the model's message about the outcome of its code, or ""."""
    match event:
        case events.CodeRefusedEvent(nothing_ran=True, reason=reason) if reason.endswith(prompts.OWN_WORDS):
            return next(said for end, said in prompts.REFUSALS if reason.endswith(end)).format(reason=reason)
        case events.CodeRefusedEvent(nothing_ran=True):
            reasons = dict.fromkeys(refusal.reason for refusal in event.refused)
            return prompts.REFUSED.format(reason="; ".join(map(prompts.advised, reasons)) or event.reason)
        case events.CodeGenerationEvent(damage=damage) if damage:
            return prompts.REPAIRED.format(damage=damage)
        case events.RetryDecisionEvent(retry=True, reason=reason):
            return prompts.RETRY.format(reason=reason)
        case events.AnswerQuestionedEvent(content=content):
            return content
        case events.KernelStateEvent():
            return _state(event)
        case events.TaskTurnedEvent():
            return prompts.TAKEN_BACK
        case events.ApprovalEvent(approved=False, reason=reason):
            return prompts.DENIED.format(reason=given(reason))
        case events.RunFinishedEvent(status="cancelled" | "error" | "exhausted"):
            return prompts.ENDED_EARLY
        case _:
            return ""


def _state(event: events.KernelStateEvent) -> str:
    if event.state in {"rolled_back", "restored"}:
        return prompts.ROLLED_BACK
    names = ", ".join(event.names[:NAMES_TOLD])
    if event.state == "lost":
        return prompts.LOST_SOME.format(names=names) if names else prompts.LOST
    return prompts.KEPT.format(names=f": {names}" if names else "")


def _result(result: CodeResult, edited: str, explained: str) -> UserMessage:
    return UserMessage(content=edited + observation(result, explained), source=CODE_RUNNER, images=images_of(result))


def _loading(event: events.VariableEvent) -> list[LLMMessage]:
    return [
        UserMessage(content=prompts.LOAD_VARIABLE.format(name=event.name)),
        AssistantMessage(content=fenced(event.code, "python")),
        UserMessage(content=prompts.VARIABLE_LOADED.format(description=event.description), source=CODE_RUNNER),
    ]


def question(purpose: events.Purpose, log: Sequence[AgentEvent], complaint: str = "") -> list[LLMMessage]:
    """Return what is asked at the end of the transcript, for this call only."""
    said = (event.content for event in reversed(log) if isinstance(event, events.TextMessage | events.HandoffMessage))
    task = next(said, "")
    if purpose == "generate":
        # Not behind a try of that step in vain: what is to be done then, the transcript says.
        is_next = next(
            (isinstance(event, events.NextStepEvent) for event in reversed(log) if isinstance(event, TURNS)), False
        )
        return [_asked(prompts.NEXT_STEP, answer_in(task))] if is_next else []
    if purpose == "decide":
        again = [prompts.DECIDE_AGAIN.format(complaint=complaint)] if complaint else []
        return [_asked(prompts.DECIDE, *again)]
    results = [event.result for event in _without_denied(log) if isinstance(event, events.CodeExecutionEvent)]
    if not results or results[-1].exit_code != 0:
        return [_asked(prompts.REFLECT_AFTER_FAILURE, answer_in(task))]
    form = prescribed(task)
    return [
        _asked(prompts.REFLECT_AFTER_SUCCESS, prompts.IN_THIS_FORM.format(form=form) if form else "", answer_in(task))
    ]


def _asked(*parts: str) -> UserMessage:
    return UserMessage(content="\n".join(filter(None, parts)))


def prompt(
    log: Sequence[AgentEvent],
    purpose: events.Purpose,
    name: str,
    system_message: str | None,
    complaint: str = "",
    *,
    context: ChatCompletionContext = UNBOUNDED,
    vision: bool = False,
) -> list[LLMMessage]:
    """Return all messages of one call to the model.

    Args:
        log: All events, oldest first.
        purpose: What the call is for.
        name: The agent's name.
        system_message: Instructions to begin with, if any; always sent.
        complaint: What was wrong with the last answer to the same question.
        context: Selects what is sent of the conversation.
        vision: True to send pictures, too.
    """
    conversation = shown(selected(log, name, context), vision=vision)
    messages = [*_instructions(system_message), *conversation, *question(purpose, log, complaint)]
    return _joined(messages, _one_voice)


def _joined(messages: Iterable[LLMMessage], alike: Callable[[LLMMessage, LLMMessage], bool]) -> list[LLMMessage]:
    """Make one message of neighbours that are alike."""
    joined: list[LLMMessage] = []
    for message in messages:
        if joined and alike(joined[-1], message):
            joined[-1] = _join(joined[-1], message)
        else:
            joined.append(message)
    return joined


def _join(first: LLMMessage, second: LLMMessage) -> LLMMessage:
    content = f"{first.content}\n\n{second.content}"
    if isinstance(first, UserMessage) and isinstance(second, UserMessage):
        return first.model_copy(update={"content": content, "images": first.images + second.images})
    return first.model_copy(update={"content": content})


def _one_source(first: LLMMessage, second: LLMMessage) -> bool:
    """Return whether the same one said both, with words of his own."""
    return isinstance(first, UserMessage) and isinstance(second, UserMessage) and first.source == second.source


def _one_voice(first: LLMMessage, second: LLMMessage) -> bool:
    """Return whether the model may take both as said by one: many chat templates insist on taking turns.

    Who else speaks, in a team, keeps a message of his own, or nobody could tell who spoke.
    """
    if isinstance(first, UserMessage) and isinstance(second, UserMessage):
        return first.source == second.source or {first.source, second.source} <= {TASK_SOURCE, CODE_RUNNER}
    return type(first) is type(second)


def edited_code(event: events.ApprovalEvent) -> str:
    """Return what the model reads of code that the user has changed before it ran; empty if it was not."""
    if not event.edited:
        return ""
    return prompts.EDITED + "".join(f"{fenced(block.code, block.language)}\n" for block in event.code_blocks)


def observation(result: CodeResult, explained: str = "") -> str:
    """Describe for the model what its code did: head and tail of the output, a short error, the state of the kernel.

    Args:
        result: What it gave.
        explained: What was seen where it failed, in place of the error's last lines.
    """
    output = _text_of(output for block in result.blocks for output in block.outputs)
    late = _text_of(output for block in result.blocks for output in block.late)
    notes = [
        *([prompts.LATE.format(output=late)] if late else []),
        *(block.note for block in result.blocks if block.note),
    ]
    if result.exit_code == 0:
        said = prompts.RAN.format(output=output) if output else prompts.NO_OUTPUT
        return "\n".join([said, *notes])
    error = "\n".join(filter(None, [short_error(result.blocks[-1], explained) if result.blocks else "", *notes]))
    printed = f" Output before that:\n{output}" if output else ""
    said = prompts.UNKNOWN if result.is_unknown else prompts.FAILED
    return said.format(exit_code=result.exit_code, output=printed, error=error).strip()


def _text_of(outputs: Iterable[Output]) -> str:
    """Return what code showed, cut, without tracebacks, with a word for what is not text."""
    text = as_text([output for output in outputs if output["output_type"] != "error"], prompts.WORDLESS)
    return shorten(text, OUTPUT_BUDGET).strip("\n")


def short_error(block: BlockResult, explained: str = "") -> str:
    """Return the frames of the model's own code and the last lines of an error, or what is said in their place.

    That is about 150 tokens at most, 250 with an explanation. Long error texts overran a small model's context (three
    of 2,800 tokens, measured), and library frames do not help it.
    """
    if block.ename is None:
        return ""
    last = explained or shorten(f"{block.ename}: {plain(block.evalue or '')}", ERROR_BUDGET // 2)
    own = own_frames("\n".join(block.traceback))
    return "\n".join([*([shorten("\n".join(own), ERROR_BUDGET // 2)] if own else []), last])
