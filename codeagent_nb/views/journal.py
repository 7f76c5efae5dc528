"""The journal: every event as one line of JSON, appended as it happens. The session's truth; knows no notebook."""

from pathlib import Path

from pydantic import ValidationError

from codeagent_nb.errors import SessionError
from codeagent_nb.events import EVENT, AgentEvent, ModelClientStreamingChunkEvent


class JournalView:
    """Writes each event to a file at once; pieces of replies are left out, for the whole reply follows.

    Args:
        path: The file; made if it does not exist, appended to if it does.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)  # one write a line: a killed process leaves whole lines

    def on_event(self, event: AgentEvent) -> None:
        """Write one event."""
        if not isinstance(event, ModelClientStreamingChunkEvent):
            self._file.write(event.model_dump_json().encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def load_journal(path: Path) -> tuple[AgentEvent, ...]:
    """Read all events of a journal; a last line that was not finished is left out.

    Raises:
        SessionError: The file cannot be read, or a line in it is not an event.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SessionError(f"cannot read the journal {str(path)!r}: {error.strerror}") from error
    complete = content[: content.rfind(b"\n") + 1].splitlines()
    return tuple(_read_line(line, number, path) for number, line in enumerate(complete, start=1))


def _read_line(line: bytes, number: int, path: Path) -> AgentEvent:
    try:
        return EVENT.validate_json(line)
    except ValidationError as error:
        raise SessionError(f"line {number} of the journal {str(path)!r} is not an event: {error}") from error
