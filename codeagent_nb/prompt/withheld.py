"""What is told of executed code at the levels of privacy below `rows`. Pure.

At `schema` nothing that code has a hand in is told: how each block ended, and the kind of its error, from closed lists.
At `statistics` a text is told that `masked_text.py` has masked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from codeagent_nb import events
from codeagent_nb.events import AgentEvent
from codeagent_nb.models.privacy import Privacy
from codeagent_nb.prompt import model_texts as prompts
from codeagent_nb.prompt.known_errors import known_name
from codeagent_nb.prompt.masked_text import masked_output, masked_words, words_of
from codeagent_nb.text import own_frames
from kernel_executor import BlockResult, BlockStatus, CodeResult, Output
from kernel_executor.text import as_text, plain, shorten

LOOKED_AT = 20_000
"""Characters of one block's output; the model reads fewer."""

NOTES: Mapping[BlockStatus, str] = {
    "ok": "",
    "error": "",
    "timeout": "It took longer than it may.",
    "interrupted": "It was stopped.",
    "died": "The kernel died.",
    "skipped": "A block was not run.",
    "refused": "It did what it may not do.",
    "unknown": "Whether it ran is not known.",
}
"""In place of a block's own note, which may name what code has made."""


class Withholding(Protocol):
    """Tells less of what code did."""

    def learn(self, told: AgentEvent) -> None:
        """Take in what the model is sent."""
        ...

    def result(self, result: CodeResult) -> CodeResult:
        """Return a result with what may be told of it."""
        ...

    def explained(self, event: events.ErrorExplainedEvent) -> str:
        """Return what may be told of where code failed."""
        ...


def withholding_at(level: Privacy) -> Withholding:
    """Return what tells less at a level below `rows`."""
    return EndsOnly() if level == "schema" else NumbersAndKnownWords()


class EndsOnly:
    """Tells how code ended, and nothing else."""

    def learn(self, told: AgentEvent) -> None:
        """Need nothing of it."""

    def result(self, result: CodeResult) -> CodeResult:
        """Return the ends of the blocks; a word for their output, whether they have any or not."""
        blocks = [_end(block) for block in result.blocks]
        shown = [replace(blocks[0], outputs=_stream(prompts.NOT_SENT)), *blocks[1:]] if blocks else []
        return CodeResult(_code(result.exit_code), "", tuple(shown))

    def explained(self, event: events.ErrorExplainedEvent) -> str:
        """Return the kind of the error."""
        return _kind(event.less.schema)


class NumbersAndKnownWords:
    """Tells numbers, and words that the model has been sent before."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def learn(self, told: AgentEvent) -> None:
        """Take in the words that the model is sent with an event."""
        for text in _texts(told):
            self._known.update(words_of(text))

    def result(self, result: CodeResult) -> CodeResult:
        """Return a result with outputs in which only numbers and known words are left."""
        return CodeResult(_code(result.exit_code), "", tuple(map(self._block, result.blocks)))

    def explained(self, event: events.ErrorExplainedEvent) -> str:
        """Return the kind of the error, and what was seen there but for values."""
        error, *seen = event.less.statistics.splitlines() or [""]
        message = error.partition(": ")[2]
        return masked_words("\n".join([f"{known_name(event.less.schema)}: {message}", *seen]), self._known)

    def _block(self, block: BlockResult) -> BlockResult:
        end = _end(block)
        if block.ename is not None:
            frames = [masked_words(frame, self._known) for frame in own_frames("\n".join(block.traceback))]
            message = masked_words(plain(block.evalue or ""), self._known)
            end = replace(end, evalue=message, traceback=("\n\n".join(frames),))
        return replace(end, outputs=self._masked(block.outputs), late=self._masked(block.late))

    def _masked(self, outputs: Sequence[Output]) -> tuple[Output, ...]:
        text = as_text([_plainly(output) for output in outputs if output["output_type"] != "error"], prompts.WORDLESS)
        return _stream(masked_output(shorten(text, LOOKED_AT), self._known))


def _plainly(output: Output) -> Output:
    """Return a display as the text that a library writes for people: the cells of a table of HTML stand in no lines."""
    data = output.get("data")
    if not isinstance(data, dict):
        return output
    return {**output, "data": {mime: value for mime, value in data.items() if mime in TOLD}}


TOLD = ("text/plain", "image/png", "image/jpeg")
"""Of pictures only that they were shown: what is told is a stream, which has none."""


def _end(block: BlockResult) -> BlockResult:
    """Return a block without anything that code has a hand in but its end."""
    return BlockResult(
        block=block.block,
        status=block.status,
        exit_code=_code(block.exit_code),
        ename=None if block.ename is None else known_name(block.ename),
        evalue=None if block.ename is None else prompts.MESSAGE_NOT_SENT,
        note=NOTES[block.status],
    )


def _code(exit_code: int) -> int:
    """Return whether it went well: code may choose any number."""
    return min(1, abs(exit_code))


def _kind(ename: str) -> str:
    return f"{known_name(ename)}: {prompts.MESSAGE_NOT_SENT}"


def _stream(text: str) -> tuple[Output, ...]:
    return ({"output_type": "stream", "name": "stdout", "text": text},) if text else ()


def _texts(told: AgentEvent) -> Sequence[str]:
    """Return what the model reads of an event, but for what code did."""
    match told:
        case events.TextMessage() | events.HandoffMessage() | events.ContextEvent() | events.ModelReplyEvent():
            return (told.content,)
        case events.MessageAddedEvent():
            return (told.message.content,)
        case events.VariableEvent():
            return (told.name, told.code, told.description)
        case events.ApprovalEvent():
            return (told.reason, *(block.code for block in told.code_blocks))
        case _:
            return ()
