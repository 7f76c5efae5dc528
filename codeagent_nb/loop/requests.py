"""The events of what is sent to a model and of what was seen where code failed, and words in place of a reply. Pure."""

from collections.abc import Callable, Sequence

from codeagent_nb import events
from codeagent_nb.events import AgentEvent, Asking
from codeagent_nb.explaining.explanation import for_model, for_person, without_values
from codeagent_nb.models.privacy import LessTold
from codeagent_nb.models.types import CreateResult, LLMMessage, host_of_model
from codeagent_nb.prompt.model_texts import FAILED_UNSEEN, RAN_UNSEEN, UNKNOWN_UNSEEN
from codeagent_nb.prompt.sent import digest_of, sizes_of
from kernel_executor import BlockResult, FailedLine


def request_event(  # noqa: PLR0917 - what a request is made of
    name: str,
    purpose: events.Purpose,
    model: object,
    asking: Asking,
    log: Sequence[AgentEvent],
    messages: Sequence[LLMMessage],
) -> events.ModelRequestEvent:
    """Return the event that tells of a request, which may be answered or not.

    Args:
        name: The agent's.
        purpose: What for.
        model: To whom.
        asking: How it is made of the log.
        log: All events before it.
        messages: What is sent.
    """
    return events.ModelRequestEvent(
        source=name,
        purpose=purpose,
        host=host_of_model(model),
        asking=asking,
        sizes=dict(sizes_of(messages, log, purpose, name, asking)),
        digest=digest_of(messages),
    )


def closing_unseen(log: Sequence[AgentEvent]) -> CreateResult:
    """Return closing words where the model was sent nothing that code showed: it could only make values up."""
    results = [event.result for event in log if isinstance(event, events.CodeExecutionEvent)]
    if results and any(block.status == "unknown" for block in results[-1].blocks):
        return CreateResult(content=UNKNOWN_UNSEEN)
    went_well = bool(results) and results[-1].exit_code == 0
    return CreateResult(content=RAN_UNSEEN if went_well else FAILED_UNSEEN)


def explained_event(
    attempt: int, block: BlockResult, seen: FailedLine | None, preview: Callable[[str], str]
) -> events.ErrorExplainedEvent | None:
    """Return the event that tells what was seen where code failed; None if it is no more than the error says.

    Args:
        attempt: The number of the attempt.
        block: What failed.
        seen: What was seen.
        preview: Takes secrets out of texts in which values were cut.
    """
    # Values and messages were cut before anybody looked for secrets in them: what is left of a key is still one.
    texts = (for_model(block, seen), for_person(block, seen), for_model(block, without_values(seen)))
    content, details, statistics = map(preview, texts)
    if "\n" not in details:  # only the line that names the error
        return None
    less = LessTold(statistics=statistics, schema=block.ename or "")
    return events.ErrorExplainedEvent(
        source="executor", retry_attempt=attempt, content=content, less=less, details=details
    )
