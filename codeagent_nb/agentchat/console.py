"""AutoGen's `Console`: prints a stream to standard output as plain text. Knows messages; no agent, no team, no rich."""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TypeVar

from codeagent_nb.agentchat.participants import known_to_autogen
from codeagent_nb.events import (
    SEED_TYPES,
    AgentEvent,
    CodeExecutionEvent,
    ModelClientStreamingChunkEvent,
    ModelReplyEvent,
    TextMessage,
)
from codeagent_nb.loop.results import Response, TaskResult
from codeagent_nb.models.types import RequestUsage
from codeagent_nb.views.standard_streams import write

Last = TypeVar("Last", TaskResult, Response)

RULE = "-" * 10


async def Console(  # noqa: N802 - AutoGen's name
    stream: AsyncGenerator[AgentEvent | Last, None],
    *,
    no_inline_images: bool = False,  # noqa: ARG001 - AutoGen's; messages here hold no images
    output_stats: bool = False,
) -> Last:
    """Print what comes out of `run_stream` or `on_messages_stream`, and return what came last.

    Printed is what AutoGen would print; events that only this package has are left out. The stream is closed, and
    with it the run is cancelled, if this is.

    Args:
        stream: What to print.
        no_inline_images: Without effect.
        output_stats: Print tokens after each message, and a summary.

    Raises:
        ValueError: Neither a `TaskResult` nor a `Response` came.
    """
    printer = _Printer(stats=output_stats)
    last: Last | None = None
    async with aclosing(stream):
        async for item in stream:
            write(printer.text(item))
            if isinstance(item, TaskResult | Response):
                last = item
    if last is None:
        raise ValueError("No TaskResult or Response was processed.")
    return last


class _Printer:
    """Turns one item after the other into text."""

    def __init__(self, *, stats: bool) -> None:
        self._stats = stats
        self._started = time.monotonic()
        self._usage = RequestUsage()
        self._streamed: str | None = None
        self._line_is_open = False

    def text(self, item: AgentEvent | TaskResult | Response) -> str:
        """Return what is to be printed for the next item; nothing for a type of ours."""
        match item:
            case ModelClientStreamingChunkEvent():
                return self._chunk(item)
            case TaskResult():
                return self._summary({"Number of messages": _count(item.messages), "Finish reason": item.stop_reason})
            case Response(chat_message=message):
                said = self._message(message, _header(message.source))
                return said + self._summary({"Number of inner messages": _count(item.inner_messages)})
            case _ if isinstance(item, SEED_TYPES):
                return self._message(item, _header(f"{item.type} ({item.source})"))
            case ModelReplyEvent():  # another may follow with nothing in between that is printed
                return self._line_end()
            case _:
                return ""

    def _chunk(self, chunk: ModelClientStreamingChunkEvent) -> str:
        goes_on = self._line_is_open
        self._line_is_open = True
        self._streamed = (self._streamed or "") + chunk.content if goes_on else chunk.content
        return chunk.content if goes_on else _header(f"{chunk.type} ({chunk.source})") + chunk.content

    def _message(self, message: AgentEvent, header: str) -> str:
        text = _text_of(message)
        # What was printed piece by piece is not printed again; something else, a thought say, may come in between.
        if self._streamed is not None and text.strip() == self._streamed.strip():
            self._streamed = None
            return self._line_end() + self._tokens(message)
        return self._line_end() + f"{header}{text}\n" + self._tokens(message)

    def _line_end(self) -> str:
        end = "\n" if self._line_is_open else ""
        self._line_is_open = False
        return end

    def _tokens(self, message: AgentEvent) -> str:
        usage = message.models_usage if isinstance(message, TextMessage) else None
        if usage is None:
            return ""
        self._usage += usage
        tokens = f"[Prompt tokens: {usage.prompt_tokens}, Completion tokens: {usage.completion_tokens}]\n"
        return tokens if self._stats else ""

    def _summary(self, facts: Mapping[str, object]) -> str:
        if not self._stats:
            return ""
        all_facts = {
            **facts,
            "Total prompt tokens": self._usage.prompt_tokens,
            "Total completion tokens": self._usage.completion_tokens,
            "Duration": f"{time.monotonic() - self._started:.2f} seconds",
        }
        return _header("Summary") + "".join(f"{name}: {value}\n" for name, value in all_facts.items())


def _header(title: str) -> str:
    return f"{RULE} {title} {RULE}\n"


def _text_of(message: AgentEvent) -> str:
    if isinstance(message, CodeExecutionEvent):
        return message.result.output
    return str(getattr(message, "content", ""))


def _count(messages: Sequence[AgentEvent]) -> int:
    return sum(map(known_to_autogen, messages))
