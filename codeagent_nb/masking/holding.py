"""Owns what is held back of events that come in pieces: replies being written, outputs of code. Must not know views.

A key may come in two pieces, on two streams, or the second half after the block has ended.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from codeagent_nb.events import (
    AgentEvent,
    BlockOutputEvent,
    BlockStartedEvent,
    LateOutputEvent,
    ModelClientStreamingChunkEvent,
    ModelReplyEvent,
    RunStartedEvent,
)
from codeagent_nb.masking.finding import Finder
from codeagent_nb.masking.strand import Strand
from kernel_executor import Append, Update

BLOCKS_KNOWN = 100  # whose late output is read together with what they printed before

Piece = ModelClientStreamingChunkEvent | BlockOutputEvent | LateOutputEvent


@dataclass(slots=True)
class _Place:
    """Where pieces add up: a reply, or the outputs of a block."""

    last: Piece
    strand: Strand = field(default_factory=Strand)
    of_displays: dict[str, Strand] = field(default_factory=dict)
    """By MIME type: two displays of HTML are read together, as two of plain text are. Plain text is in `strand`."""

    def take(self, finder: Finder, event: Piece, text: str, stream: str = "") -> list[AgentEvent]:
        self.last = event
        return [_with_text(event, *piece) for piece in self.strand.take(finder, text, stream)]

    def let_go(self, finder: Finder) -> list[AgentEvent]:
        return [_with_text(self.last, *piece) for piece in self.strand.let_go(finder)]


class HoldBack:
    """Passes events on; an end of a text that may be the beginning of a secret waits for what comes next.

    What waits goes out before an event of another kind, and then at least the rest of the secret is masked.
    """

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}

    def take(self, event: AgentEvent, finder: Finder) -> Sequence[AgentEvent]:
        """Take an event in; return what may be passed on, in order."""
        match event:
            case ModelClientStreamingChunkEvent(source=source, content=text):
                return self._place(f"reply of {source}", event).take(finder, event, text)
            case BlockOutputEvent(block_id=block, change=change) | LateOutputEvent(block_id=block, change=change):
                place = self._place(block, event)
                if isinstance(change, Append) and change.output["output_type"] == "stream":
                    return place.take(finder, event, change.output["text"], change.output["name"])
                return [*place.let_go(finder), _shown(place, finder, event)]
        held = [*self._let_go(finder)]
        self._forget(event)
        return [*held, event]

    def _place(self, key: str, event: Piece) -> _Place:
        return self._places.setdefault(key, _Place(event))

    def _let_go(self, finder: Finder) -> Iterator[AgentEvent]:
        for place in self._places.values():
            yield from place.let_go(finder)

    def _forget(self, event: AgentEvent) -> None:
        if isinstance(event, ModelReplyEvent | RunStartedEvent):
            self._places = {key: place for key, place in self._places.items() if not key.startswith("reply of ")}
        if isinstance(event, BlockStartedEvent):
            self._places = dict([*self._places.items()][-BLOCKS_KNOWN:])


def _shown(place: _Place, finder: Finder, event: BlockOutputEvent | LateOutputEvent) -> AgentEvent:
    """Return a display as it may be passed on; it is shown at once, and read together with the text before it."""
    change = event.change
    if isinstance(change, Append) and isinstance(data := change.output.get("data"), dict):
        shown = {
            mime: _whole(place, finder, mime, part) if _is_text(mime, part) else part for mime, part in data.items()
        }
        return event.model_copy(update={"change": replace(change, output={**change.output, "data": shown})})
    if isinstance(change, Update):
        shown = {mime: finder.masked(part) if _is_text(mime, part) else part for mime, part in change.data.items()}
        return event.model_copy(update={"change": replace(change, data=shown)})
    return event


def _is_text(mime: str, part: Any) -> bool:
    """Return whether a part of a display is text; a picture is megabytes of letters that nobody reads."""
    return isinstance(part, str) and (not mime.startswith("image/") or mime == "image/svg+xml")


def _whole(place: _Place, finder: Finder, mime: str, text: str) -> str:
    strand = place.strand if mime == "text/plain" else place.of_displays.setdefault(mime, Strand())
    pieces = [*strand.take(finder, text), *strand.let_go(finder)]
    return "".join(part for _, part in pieces)


def _with_text(event: Piece, stream: str, text: str) -> AgentEvent:
    if isinstance(event, ModelClientStreamingChunkEvent):
        return event.model_copy(update={"content": text})
    return event.model_copy(update={"change": Append({"output_type": "stream", "name": stream, "text": text})})
