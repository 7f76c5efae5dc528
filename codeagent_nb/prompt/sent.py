"""What is sent with one call to a model: made of the log, now or once more later; its sizes by kind. Pure.

The text of a request is on disk once, as the log: the event of a request keeps only how it was made, and a digest.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

from codeagent_nb import events
from codeagent_nb.events import AgentEvent, Asking
from codeagent_nb.models.types import LLMMessage, UserMessage
from codeagent_nb.prompt.afresh import without_failed_tries
from codeagent_nb.prompt.contexts import UNBOUNDED, ChatCompletionContext
from codeagent_nb.prompt.gate import gated
from codeagent_nb.prompt.transcript import prompt, told_of

KINDS = ("instructions", "task", "code", "descriptions", "outputs", "errors", "pictures")


def messages_of(
    log: Sequence[AgentEvent],
    purpose: events.Purpose,
    name: str,
    asking: Asking,
    *,
    context: ChatCompletionContext = UNBOUNDED,
    without_secrets: Callable[[str], str],
) -> list[LLMMessage]:
    """Return all messages of one call.

    Args:
        log: All events before it, oldest first.
        purpose: What it is for.
        name: The agent's.
        asking: How else it is made.
        context: Selects what is sent of the conversation.
        without_secrets: Takes secrets out of a text: what single events do not hold, two of them in one message may.
    """
    messages = prompt(
        _told_log(log, purpose, name, asking),
        purpose,
        name,
        asking.system_message,
        asking.complaint,
        context=context,
        vision=asking.vision,
    )
    return [message.model_copy(update={"content": without_secrets(message.content)}) for message in messages]


def _told_log(log: Sequence[AgentEvent], purpose: events.Purpose, name: str, asking: Asking) -> Sequence[AgentEvent]:
    told = gated(log, asking.privacy, name)
    return without_failed_tries(told) if asking.is_afresh and purpose == "generate" else told


def digest_of(messages: Sequence[LLMMessage]) -> str:
    """Return what tells the messages of one request from those of any other."""
    parts = [part for message in messages for part in (message.type, message.content, *_images(message))]
    return sha256("\0".join(f"{len(part)}:{part}" for part in parts).encode(errors="replace")).hexdigest()


def sizes_of(
    messages: Sequence[LLMMessage], log: Sequence[AgentEvent], purpose: events.Purpose, name: str, asking: Asking
) -> Mapping[str, int]:
    """Return how many bytes of a request are of which kind; what is of none of the others is of the instructions.

    Args:
        messages: What is sent.
        log: What it was made of, and how, as for `messages_of`.
        purpose: What for.
        name: The agent's.
        asking: How else.
    """
    sizes: Counter[str] = Counter({"pictures": sum(map(_pictures, messages))})
    for event, message in told_of(_told_log(log, purpose, name, asking), name):
        sizes[_kind_of(event)] += len(message.content.encode(errors="replace"))
    whole = sum(len(message.content.encode(errors="replace")) for message in messages)
    rest = whole - sum(size for kind, size in sizes.items() if kind != "pictures")
    sizes["instructions"] += rest  # what a context leaves out is taken from there
    return {kind: sizes[kind] for kind in KINDS if sizes[kind] > 0}


def _images(message: LLMMessage) -> tuple[str, ...]:
    return tuple(image.data for image in message.images) if isinstance(message, UserMessage) else ()


def _pictures(message: LLMMessage) -> int:
    return sum(map(len, _images(message)))


def _kind_of(event: AgentEvent) -> str:
    match event:
        case events.TextMessage() | events.HandoffMessage():
            return "task"
        case events.ModelReplyEvent():
            return "code"
        case events.ContextEvent() | events.VariableEvent():
            return "descriptions"
        case events.CodeExecutionEvent(result=result):
            return "outputs" if result.exit_code == 0 else "errors"
        case _:
            return "instructions"
