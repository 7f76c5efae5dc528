"""What left in a session: which requests, to whom, how large, and the text of each. Pure.

The text is made of the log once more, as it was for the request; a digest tells whether it is the same.
"""

from collections.abc import Iterator, Sequence

from codeagent_nb.events import AgentEvent, ModelRequestEvent
from codeagent_nb.models.types import HERE, LLMMessage, UserMessage
from codeagent_nb.prompt.sent import digest_of, messages_of
from codeagent_nb.text import counted
from kernel_executor.sizes import size_text

OTHERWISE = (
    "This is not exactly what was sent: a secret was taken out of it since, a context chose from it, or it was sent by "
    "another version.\n\n"
)
HOW = "{command} N shows the text of one. A server that did not answer may have been sent it more than once."
NO_REQUESTS = "Nothing was sent to a model in this session."


def sent_table(log: Sequence[AgentEvent], command: str) -> str:
    """Return a line for each request, and what all of them sent to whom.

    Args:
        log: The events of a session.
        command: What shows one of them, before its number.
    """
    requests = [event for event in log if isinstance(event, ModelRequestEvent)]
    if not requests:
        return NO_REQUESTS
    rows = [f"{number:3}  {_row(request)}" for number, request in enumerate(requests, start=1)]
    hosts = dict.fromkeys(request.host for request in requests)
    totals = [_total([request for request in requests if request.host == host], host) for host in hosts]
    return "\n".join([*rows, *totals, HOW.format(command=command)])


def _row(request: ModelRequestEvent) -> str:
    kinds = ", ".join(f"{kind} {size_text(size)}" for kind, size in request.sizes.items())
    when = request.created_at.astimezone().strftime("%H:%M:%S")
    return f"{when}  {request.purpose:8}  {request.asking.privacy:10}  {request.host}  {_size(request)}: {kinds}"


def _size(request: ModelRequestEvent) -> str:
    return size_text(sum(request.sizes.values()))


def _total(requests: Sequence[ModelRequestEvent], host: str) -> str:
    size = size_text(sum(size for request in requests for size in request.sizes.values()))
    stays = ", which is nowhere else" if host == HERE else ""
    return f"{size} in {counted(len(requests), 'request')} to {host}{stays}."


def request_text(log: Sequence[AgentEvent], number: int) -> str:
    """Return the text of a request, message by message.

    Args:
        log: The events of a session.
        number: Its number in the list, from 1.

    Raises:
        ValueError: There is no such request.
    """
    places = [place for place, event in enumerate(log) if isinstance(event, ModelRequestEvent)]
    if not 1 <= number <= len(places):
        raise ValueError(f"there is no request {number}")
    place = places[number - 1]
    request = log[place]
    assert isinstance(request, ModelRequestEvent)  # noqa: S101 - it is one of those
    messages = messages_of(log[:place], request.purpose, request.source, request.asking, without_secrets=str)
    is_it = digest_of(messages) == request.digest
    return ("" if is_it else OTHERWISE) + "\n\n".join(part for message in messages for part in _told(message))


def _told(message: LLMMessage) -> Iterator[str]:
    who = message.type.removesuffix("Message").lower()
    yield f"--- {who}\n{message.content}"
    if isinstance(message, UserMessage):
        yield from (f"[{image.mime}, {size_text(len(image.data))}]" for image in message.images)
