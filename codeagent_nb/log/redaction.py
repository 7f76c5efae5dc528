"""Takes secrets out of events, and what cannot be kept. Owns the secrets that were seen; must not know surfaces.

An event is kept, shown and sent only after it has been here: it holds no value of a secret variable, however that is
disguised for the eye, and it can be written as JSON and read back, whatever executed code has put into its outputs.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from itertools import accumulate
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from codeagent_nb.events import AgentEvent, Purpose, RunStatus
from codeagent_nb.masking.finding import Finder, between
from codeagent_nb.masking.outputs import with_parts, written_parts
from codeagent_nb.masking.values import MIN_LENGTH, of_environment, weak_names
from codeagent_nb.models.types import FinishReason, ImageType
from kernel_executor import BlockResult, BlockStatus, Output
from kernel_executor.text import encodable

MAX_DEPTH = 100  # levels of a display that is nested too deeply to be written
LEAST_NUMBER = 10 ** (MIN_LENGTH - 1)
MOST_NUMBER = 10**300  # Python writes none of more than 4,300 digits
KEPT = frozenset({"type", "created_at"})

CUT = re.compile(r"""(["']?\ ?\.\.\.|\n)""")
"""Where a preview cuts a value: 37 of a key's 50 letters are as good as the key, and are not found as such."""

OF_EXCEPTIONS = (
    "filename",
    "filename2",
    "text",
    "msg",
    "message",
    "body",
    "code",
    "value",
    "reason",
    "object",
    "name",
    "path",
)
"""What Python's own exceptions hold beside `args` and what is in `vars`."""

VOCABULARY = frozenset(
    {
        *(word for literal in (RunStatus, Purpose, FinishReason, BlockStatus, ImageType) for word in get_args(literal)),
        *("output_type", "name", "text", "data", "metadata", "ename", "evalue", "traceback", "execution_count"),
        *("SystemMessage", "UserMessage", "AssistantMessage"),
        *("stream", "display_data", "execute_result", "error", "stdout", "stderr"),
    }
)
"""Words that give an event its shape. A password that is one of them stays, or the event could not be read."""


class Redactor:
    """Replaces secret values by the name of their variable.

    Args:
        secrets: Names and values; a name has several if it was changed.
    """

    def __init__(self, secrets: Iterable[tuple[str, str]]) -> None:
        self.finder = Finder(secrets)

    @property
    def longest(self) -> int:
        """Bytes of the longest secret in `secret_in`."""
        return self.finder.longest_bytes

    def text(self, text: str) -> str:
        """Return `text` without secret values."""
        return self.finder.masked(text)

    def preview(self, text: str) -> str:
        """Return a text in which values were cut to fit, without secrets and without what a cut has left of one."""
        return "".join(map(self._without_beginning, CUT.split(self.text(text))))

    def _without_beginning(self, piece: str) -> str:
        begun = self.finder.beginning(piece)
        return piece if begun is None or begun.letters < MIN_LENGTH else f"{piece[: begun.start]}[redacted]"

    def secret_in(self, data: bytes) -> str:
        """Return the name of a variable whose value is in `data`, or ""; none is longer than `longest` bytes."""
        return self.finder.name_in_bytes(data)

    def name_in(self, text: str) -> str:
        """Return the name of a variable whose value can be read in a text, or ""."""
        return self.finder.name_in(text)

    def event(self, event: AgentEvent) -> AgentEvent:
        """Return an event that can be written, without secret values anywhere in it."""
        try:
            event.model_dump_json()
        except PydanticSerializationError:  # half a character, or a display 300 levels deep
            event = _rebuilt(event, lambda parts: [encodable(part) for part in parts])
        if self.finder.knows_none or not self.finder.is_in_one_of(tuple(_texts(event))):
            return event
        return _rebuilt(event, self._masked)

    def take_out_of(self, error: BaseException) -> None:
        """Take secrets out of what an exception holds, its causes aside: OSError has names of files, and so on."""
        for name in {"args": None, **dict.fromkeys(OF_EXCEPTIONS), **vars(error)}:
            with suppress(AttributeError, TypeError):  # it has none, or it cannot be set
                if not name.startswith("__") and (held := getattr(error, name)) is not None:
                    self._set_without(error, name, held)

    def _set_without(self, error: BaseException, name: str, held: Any) -> None:
        kept = self._without(held) if isinstance(held, str | bytes | list | tuple | dict | set | frozenset) else held
        if kept is not held:
            setattr(error, name, kept)

    def _without(self, held: Any) -> Any:
        """Return a value, or one without secrets, in which whatever else tells one is as it would be printed."""
        if not self.finder.is_in(said := repr(held)):
            return held
        match held:
            case str():
                return self.text(held)
            case dict():
                return {self._without(key): self._without(value) for key, value in held.items()}
            case list() | set() | frozenset():
                return type(held)(map(self._without, held))
            case tuple():
                return tuple(map(self._without, held))
        return self.text(said)

    def _masked(self, parts: Sequence[str]) -> list[str]:
        """Return texts that are shown one after another without the secrets in them."""
        whole = "".join(parts)
        hits = self.finder.hits(whole)
        if not hits:
            return list(parts)
        ends = accumulate(map(len, parts))
        return [between(whole, hits, end - len(part), end) for part, end in zip(parts, ends, strict=True)]


class Secrets:
    """The one owner of what is secret: every value that was seen, though a variable may have been changed since.

    Whoever shows text is given this; nobody makes a redactor of the environment of the moment, which knows less.

    Args:
        environment: Where secrets are looked for, again and again.
        earlier: What it was before, if somebody has seen that: what was a secret then is one now.
    """

    def __init__(self, environment: Mapping[str, str], earlier: Mapping[str, str] | None = None) -> None:
        self._environment = environment
        self._seen: dict[tuple[str, str], None] = dict.fromkeys(of_environment(earlier or {}))
        self.redactor = Redactor(self._seen)
        self._looked_at: Mapping[str, str] = {}
        self.look()

    def look(self) -> Redactor:
        """Look for secrets that are new; return what takes out all of them."""
        now = dict(self._environment)
        if now == self._looked_at:  # a tenth of the time, and every text that is shown asks for it
            return self.redactor
        self._looked_at = now
        return self.learn(now)

    def learn(self, environment: Mapping[str, str]) -> Redactor:
        """Take the secrets of another environment as secrets, too; return what takes out all of them."""
        known = len(self._seen)
        self._seen |= dict.fromkeys(of_environment(environment))
        if len(self._seen) > known:
            self.redactor = Redactor(self._seen)
        return self.redactor

    def text(self, text: str) -> str:
        """Return `text` without secret values."""
        return self.look().text(text)

    def preview(self, text: str) -> str:
        """Return a text in which values were cut to fit, without secrets and without what a cut has left of one."""
        return self.look().preview(text)

    def name_in(self, text: str) -> str:
        """Return the name of a variable whose value can be read in a text, or ""."""
        return self.look().name_in(text)

    def take_out_of(self, error: BaseException) -> None:
        """Take secrets out of an exception and of those it comes from: a traceback prints them all."""
        redactor, found, wanted = self.look(), set[int](), [error]
        while wanted:
            one = wanted.pop()
            if id(one) in found:
                continue
            found.add(id(one))
            redactor.take_out_of(one)
            if notes := getattr(one, "__notes__", None):
                notes[:] = [redactor.text(str(note)) for note in notes]
            more = one.exceptions if isinstance(one, BaseExceptionGroup) else ()
            wanted += [other for other in (one.__cause__, one.__context__, *more) if other]

    @property
    def names(self) -> Sequence[str]:
        """The variables whose values are taken out."""
        return sorted({name for name, _ in self._seen})

    @property
    def weak(self) -> Sequence[str]:
        """The variables named like keys whose values are too weak to be taken out."""
        return weak_names(self._environment)


Change = Callable[[Sequence[str]], Sequence[str]]
"""Changes texts that are shown one after another."""


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a value; those that are shown one after another as one."""
    if isinstance(value, str):
        yield value
    elif _is_lines(value):
        yield "".join(value)
    else:
        if isinstance(value, BlockResult):
            yield from ("".join(part.text for part in parts) for parts in written_parts(_shown_by(value)))
        for part in _parts(value):
            yield from _texts(part)
            if isinstance(value, dict | list | tuple) and (digits := _digits(part)):
                yield digits


def _digits(value: Any) -> str:
    """Return a number of a display as it is written, or "" if it is too short to be a secret."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return repr(value) if is_number and LEAST_NUMBER <= abs(value) < MOST_NUMBER else ""


def _item(value: Any, change: Change, depth: int) -> Any:
    """Return what is in a container changed; a number there may become text, one in a field of ours may not."""
    if digits := _digits(value):
        said = change([digits])[0]
        return value if said == digits else said
    return _changed(value, change, depth)


def _is_lines(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, str) for item in value)


def _parts(value: Any) -> Iterable[Any]:
    match value:
        case dict():
            return (*value.keys(), *value.values())
        case list() | tuple():
            return value
        case BaseModel():
            return [getattr(value, name) for name in type(value).model_fields if name not in KEPT]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return _fields(value).values()
    return ()


def _shown_by(result: BlockResult) -> tuple[Output, ...]:
    """Return all outputs that a reader of a result finds one after another."""
    return (*result.outputs, *result.late)


def _fields(value: Any) -> dict[str, Any]:
    return {part.name: getattr(value, part.name) for part in fields(value)}


def _rebuilt(event: AgentEvent, change: Change) -> AgentEvent:
    parts = {name: _changed(getattr(event, name), change) for name in type(event).model_fields if name not in KEPT}
    return event.model_copy(update=parts)


def _changed(value: Any, change: Change, depth: int = 0) -> Any:
    """Return a value with every text in it changed."""
    if depth > MAX_DEPTH:
        return "[nested too deeply]"
    match value:
        case str():
            return value if value in VOCABULARY else change([value])[0]
        case dict():
            return {_changed(key, change): _item(item, change, depth + 1) for key, item in value.items()}
        case _ if _is_lines(value):
            return type(value)(_one_by_one(change(value), change))
        case list() | tuple():
            return type(value)(_item(item, change, depth + 1) for item in value)
        case BaseModel():
            names = type(value).model_fields
            return value.model_copy(update={name: _changed(getattr(value, name), change, depth + 1) for name in names})
        case BlockResult():
            shown, count = with_parts(_shown_by(value), change), len(value.outputs)
            whole = replace(value, outputs=shown[:count], late=shown[count:])
            return replace(whole, **{name: _changed(part, change, depth + 1) for name, part in _fields(whole).items()})
        case _ if is_dataclass(value) and not isinstance(value, type):
            parts = _fields(value)
            return replace(value, **{name: _changed(part, change, depth + 1) for name, part in parts.items()})
        case _:
            return value


def _one_by_one(texts: Sequence[str], change: Change) -> list[str]:
    return [text if text in VOCABULARY else change([text])[0] for text in texts]
