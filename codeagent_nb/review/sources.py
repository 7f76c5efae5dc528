"""What an answer may take its numbers from: what the code has shown, the task, what is known of the data. Pure."""

import re
from collections.abc import Iterator, Sequence

from codeagent_nb import events
from codeagent_nb.events import AgentEvent
from codeagent_nb.rendering.nbformat_outputs import valid_output
from codeagent_nb.tracing.sources import Source
from kernel_executor import BlockResult, Output
from kernel_executor.text import as_text

FOLDER = "folder"
"""The source of the event that lists files."""

TASK = "the task"
SIZE = re.compile(r"\([\d,]+ bytes\)")
"""Of a file: nobody asks for it, and many an answer has a number like it."""

DESCRIPTION = "what is known of the data"
CODE = "the code's output"


def sources_of(log: Sequence[AgentEvent], agent: str) -> list[Source]:
    """Return what numbers may come from, the latest first; the answers of the agent itself are none.

    Args:
        log: The events that stand, oldest first.
        agent: Its name.
    """
    return [source for event in reversed(log) for source in _sources(event, agent) if source.text.strip()]


def _sources(event: AgentEvent, agent: str) -> Iterator[Source]:
    match event:
        case events.CodeExecutionEvent(result=result):
            for block in reversed(result.blocks):
                yield from _of_block(block)
        case events.ErrorExplainedEvent(details=details):
            yield Source(CODE, details)
        case events.ContextEvent(content=content):
            yield Source(DESCRIPTION, SIZE.sub("", content))
        case events.VariableEvent(name=name, description=description):
            yield Source(f"`{name}`", description)
        case events.TextMessage(source=source, content=content) if source != agent:
            yield Source(TASK, content)
        case events.HandoffMessage(source=source, content=content, context=context) if source != agent:
            yield Source(TASK, "\n".join([content, *(str(message.content) for message in context)]))
        case events.MessageAddedEvent(message=message):
            yield Source(TASK, str(message.content))


def _of_block(block: BlockResult) -> Iterator[Source]:
    name = f"[{block.execution_count}]" if block.execution_count else CODE
    shown = [valid_output(output) for output in (*block.outputs, *block.late)]
    # Not a traceback: the numbers of its lines are nobody's results.
    yield Source(name, as_text([output for output in shown if output["output_type"] != "error"]))
    yield from (Source.of_html(name, page) for page in map(_page, shown) if page)
    yield Source(name, block.evalue or "")


def _page(output: Output) -> str:
    """Return the HTML that a person sees in place of an output's text."""
    return "".join(output.get("data", {}).get("text/html", ""))  # a text, or its lines
