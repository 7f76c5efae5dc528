"""Keeps results line by line, so that a run which was cut, even by SIGKILL within a line, goes on. Knows no agent.

A line with an `id` is the result of a question; each start of a run writes one without, which says how it is run.
"""

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from tests.evaluation.causes import Cause


class NoResults(Exception):  # noqa: N818 - named after the state
    """Results cannot be read or written; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How a run is made. Two of one file differ if something was changed while it was cut.

    Args:
        configuration: Its name.
        changes: What that is, in words.
        model: The model's name.
        seed: What the questions are drawn by.
        count: How many.
        timeout: Seconds for each.
        commit: Of the repository, with `+` if files are changed.
        versions: Of what takes part.
        embedded: Whether the model is the embedded one, on this machine.
        date: When it began.
    """

    configuration: str
    changes: str
    model: str
    seed: int
    count: int
    timeout: float
    commit: str = ""
    versions: str = ""
    embedded: bool = False
    date: str = ""

    @property
    def stem(self) -> str:
        """What its files are called."""
        model = re.sub(r"[^\w.-]+", "-", self.model).strip("-.")
        return f"{self.configuration}-{model}-{self.seed}-{self.count}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came of a question.

    Args:
        id: The question's.
        level: How hard it is.
        right: By the strict score.
        cause: Why not, in a word.
        tags: The values that were given, by name.
        prompt_tokens: Of all calls.
        completion_tokens: Of all calls.
        calls: Of the model.
        tries: How often it wrote code.
        seconds: From the start of the session to its end.
        had_error: Whether any code failed when it ran.
        errors: The types of these errors, in order.
        status: How the agent says that the run ended.
        fault: What ended it from outside.
        words: The agent's closing words.
    """

    id: str
    level: str
    right: bool
    cause: Cause
    tags: dict[str, str] = field(default_factory=dict)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    calls: int = 0
    tries: int = 0
    seconds: float = 0.0
    had_error: bool = False
    errors: tuple[str, ...] = ()
    status: str = ""
    fault: str = ""
    words: str = ""

    @property
    def tokens(self) -> int:
        """Of all calls, prompts and replies."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Results:
    """What a file holds.

    Args:
        starts: How the run was made, each time that it was started.
        rows: The last result of each question, in the order in which they were asked first.
    """

    starts: tuple[Start, ...]
    rows: tuple[Row, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file; the piece of a line at its end, if its writer was killed, is no result.

        Raises:
            NoResults: It cannot be read, or is no such file.
        """
        try:
            lines = path.read_bytes().split(b"\n")[:-1]
            found = [json.loads(line) for line in lines if line.strip()]
            starts = [_made(Start, each) for each in found if "id" not in each]
            rows = {each["id"]: _made(Row, each) for each in found if "id" in each}
        except OSError as error:
            raise NoResults(f"{path} cannot be read: {error.strerror}") from error
        except (AttributeError, TypeError, ValueError) as error:
            raise NoResults(f"{path} does not hold results ({error})") from error
        if not starts:
            raise NoResults(f"{path} does not hold results (nothing says how they were made)")
        return cls(tuple(starts), tuple(rows.values()))

    @property
    def done(self) -> frozenset[str]:
        """The questions that have a result."""
        return frozenset(row.id for row in self.rows)


class Writer:
    """Appends lines to a file, each at once and as a whole; made by `writing`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def add(self, line: Start | Row) -> None:
        """Append one, and wait until it is on the disk."""
        data = json.dumps(asdict(line)).encode() + b"\n"
        while data:
            data = data[os.write(self._descriptor, data) :]
        os.fsync(self._descriptor)


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """Open a file of results to go on with it; the piece of a line at its end is taken away.

    Raises:
        NoResults: It cannot be written, or another run writes it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise NoResults(f"{path} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.truncate(descriptor, path.read_bytes().rfind(b"\n") + 1)
        yield Writer(descriptor)
    except BlockingIOError as error:
        raise NoResults(f"{path} is being written by another run") from error
    finally:
        os.close(descriptor)


def _made(kind: Any, values: dict[str, Any]) -> Any:
    """Make a value of what a line holds; what a later version added to it is left out."""
    names = {each.name for each in fields(kind)}
    known = {name: value for name, value in values.items() if name in names}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in known.items()})
