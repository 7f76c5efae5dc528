r"""Folds what a kernel sends into the outputs a notebook stores. Pure; knows no kernel and no block.

The rules are Jupyter's: neighbouring text of one stream is one output, `\r` and `\b` overwrite as on a terminal,
`clear_output(wait=True)` clears when the next output comes, `update_display_data` changes every display of that id.
"""

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kernel_executor.in_kernel import OMISSION_MESSAGE
from kernel_executor.in_kernel.guard import DISPLAY_OVERHEAD, DISPLAYS
from kernel_executor.in_kernel.text import HeadTail, left_out
from kernel_executor.outputs import words
from kernel_executor.outputs.carriage_return import overwrite, settle
from kernel_executor.outputs.message import Message
from kernel_executor.outputs.output_changes import Append, Change, Clear, OutputChange, Update, read_change, with_texts
from kernel_executor.types import Output, Truncation


@dataclass(frozen=True, slots=True)
class OutputLimits:
    """How much of one block's output is kept.

    Args:
        head: Characters of each stream kept from its beginning.
        tail: Characters of each stream kept from its end.
        display: Bytes of one representation of a display.
        displays: Bytes of all displays of a block, a thousand more for each; an endless loop of them must end. Our own
            process may need three times as many for a moment.
    """

    head: int = 500_000
    tail: int = 100_000
    display: int = 15_000_000
    displays: int = 15_000_000

    @property
    def display_room(self) -> int:
        """Bytes of memory that displays may take here: more than the kernel counts, and its note must fit."""
        return self.displays + self.displays // 4 + 2 * DISPLAY_OVERHEAD


EVERYTHING = OutputLimits(head=sys.maxsize, tail=0, display=sys.maxsize, displays=sys.maxsize)
"""For outputs that were bounded before."""

BUNDLES = DISPLAYS | {"error"}
"""Messages that are counted as displays."""

FREE_PIECES = 1_000
PIECE = 20
"""Characters that a piece of text counts at least, after so many: each is an event that somebody keeps."""

MOST_OMITTED = 10**15
"""Of what a kernel says it has left out: Python writes no number of more than 4,300 digits."""

NEW_OUTPUT = 100
"""And if it begins a new output: a million letters in turn on two streams became 400 MB of outputs."""


@dataclass(slots=True)
class _Stream:
    """Text of one stream output under construction: finished lines, and the line the cursor is on."""

    name: str
    lines: list[str]
    pending: str = ""

    def write(self, text: str) -> None:
        line_end = text.rfind("\n") + 1
        if line_end:
            self.lines.append(overwrite(self.pending + text[:line_end]))
            self.pending = ""
        self.pending += text[line_end:]
        if self.pending.count("\r") + self.pending.count("\b") > 32:
            self.pending = settle(self.pending)

    def output(self) -> Output:
        text = "".join(self.lines) + overwrite(self.pending)
        return {"output_type": "stream", "name": self.name, "text": text}


class OutputFolder:
    """Collects changes and gives the outputs as a notebook would store them.

    The kernel's own guard bounds text already; here it is bounded again, for kernels without it.

    Args:
        limits: How much is kept.
        shown: Gives texts as they are to be shown.
        viewed: Gives changes as they are to be read, if they show what is known elsewhere.
    """

    def __init__(
        self,
        limits: OutputLimits = OutputLimits(),
        shown: Callable[[str], str] | None = None,
        viewed: Callable[[OutputChange], OutputChange] | None = None,
    ) -> None:
        self.revision = 0
        """Another number after every change that may have changed the outputs."""
        self._limits = limits
        self._shown = shown
        self._viewed = viewed
        self._outputs: list[Output | _Stream] = []
        self._display_ids: list[str | None] = []
        self._clear_next = False
        self._budgets: dict[str, HeadTail] = {}
        self._omitted = {"stdout": 0, "stderr": 0, "display": 0}
        self._display_room = limits.display_room
        self._is_told = False  # that displays were left out
        self._pieces = 0

    def add(self, message: Message) -> OutputChange | None:
        """Take one message in; return the change it made, cut to the limits, or None."""
        if message.type == OMISSION_MESSAGE:
            self._note_omission(message.content)
            return None
        if message.type in BUNDLES and (message.is_left_out or message.weight > self._display_room):
            return self._leave_out(message.weight)
        if message.type == "stream" and message.is_left_out:
            self._omitted["stdout"] += message.weight
            return self._write("stdout", left_out(message.weight, "bytes"))
        change = read_change(message)
        return self._apply(change, message.weight) if change else None

    def apply(self, change: OutputChange) -> OutputChange | None:
        """Take one change in; return it as far as the limits let it pass."""
        return self._apply(change, 0)

    def _apply(self, change: OutputChange, weight: int) -> OutputChange | None:
        self.revision += 1
        change = self._readable(self._viewed(change) if self._viewed else change)
        match change:
            case Clear():
                return self._note_clear(change)
            case Update(data=data):
                return self._update(change) if self._has_room(data.values(), weight) else self._leave_out(0)
            case Append(output=output) if output["output_type"] == "stream":
                self._clear_if_due()
                return self._write(output["name"], output["text"])
            case Append(output=output):
                parts = output["traceback"] if output["output_type"] == "error" else output["data"].values()
                return self._show(change) if self._has_room(parts, weight) else self._leave_out(0)

    def refresh(self, change: Update) -> Update:
        """Take in what displays say now that were counted before, and are as large as then."""
        self.revision += 1
        return self._update(self._readable(change))

    def _readable(self, change: Change) -> Change:
        return with_texts(change, self._shown) if self._shown else change

    def _has_room(self, parts: Iterable[Any], weight: int) -> bool:
        """Count a display or an error."""
        # What came as a message is weighed already: `repr` of 400,000 numbers held the loop for 0.5 s.
        size = max(weight, DISPLAY_OVERHEAD) if weight else DISPLAY_OVERHEAD + _size_of(parts)
        if size > self._display_room:
            self._omitted["display"] += size
            return False
        self._display_room -= size
        return True

    def _leave_out(self, size: int) -> Append | None:
        """Note once, in its place, that a display is missing, and count all that are."""
        self._omitted["display"] += size
        if self._is_told:
            return None
        self._is_told = True
        note = f"[displays left out: more than {self._limits.displays:,} bytes a block, or too many parts]"
        return self._show(Append({"output_type": "display_data", "data": {"text/plain": note}, "metadata": {}}))

    def _show(self, change: Append) -> Append:
        self._clear_if_due()
        self._outputs.append(change.output)
        self._display_ids.append(change.display_id)
        return change

    def _write(self, name: str, text: str) -> Append | None:
        limits = self._limits
        # Room for the kernel's own cut and its note, so that text is not cut twice.
        budget = self._budgets.setdefault(name, HeadTail(limits.head + limits.tail + 1_000, limits.tail))
        self._pieces += 1
        if self._pieces > FREE_PIECES:
            is_new = bool(self._outputs) and not self._clear_next and not self._continues(name)
            budget.spend((NEW_OUTPUT if is_new else PIECE) - len(text))
        passed = budget.take(text)
        if not passed:
            return None
        self._stream(name).write(passed)
        return Append({"output_type": "stream", "name": name, "text": passed})

    def _continues(self, name: str) -> bool:
        last = self._outputs[-1] if self._outputs else None
        return isinstance(last, _Stream) and last.name == name

    def _stream(self, name: str) -> _Stream:
        last = self._outputs[-1] if self._outputs else None
        if not isinstance(last, _Stream) or last.name != name:
            last = _Stream(name, [])
            self._outputs.append(last)
            self._display_ids.append(None)
        return last

    def _update(self, change: Update) -> Update:
        for index, display_id in enumerate(self._display_ids):
            output = self._outputs[index]
            if display_id == change.display_id and isinstance(output, dict):
                self._outputs[index] = {**output, "data": change.data, "metadata": change.metadata}
        return change

    def _note_clear(self, change: Clear) -> Clear | None:
        """Clear now or later; where there is nothing to clear, nothing has changed: a loop of it is endless."""
        if not (self._outputs or self._clear_next or any(budget.holds for budget in self._budgets.values())):
            return None
        if not change.wait:
            self._clear()
            return change
        was_due, self._clear_next = self._clear_next, True
        return None if was_due else change

    def _clear_if_due(self) -> None:
        if self._clear_next:
            self._clear()

    def _clear(self) -> None:
        self._clear_next = False
        self._outputs.clear()
        self._display_ids.clear()
        for budget in self._budgets.values():
            budget.forget()

    def _note_omission(self, content: dict[str, Any]) -> None:
        for key in self._omitted:
            count = content.get(key)
            self._omitted[key] += min(count, MOST_OMITTED) if isinstance(count, int) and count > 0 else 0

    def finish(self) -> None:
        """Return what the limits held back; call once, when the block has ended."""
        self.revision += 1
        for name, budget in self._budgets.items():
            self._omitted[name] += budget.omitted
            if held_back := budget.release():
                self._stream(name).write(held_back)

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The outputs so far, as nbformat dicts."""
        return tuple(item.output() if isinstance(item, _Stream) else item for item in self._outputs)

    @property
    def truncated(self) -> Truncation:
        """What was left out so far."""
        return Truncation(**{key: self._omitted[key] for key in ("stdout", "stderr", "display")})


def _size_of(parts: Iterable[Any]) -> int:
    return sum(len(part) if isinstance(part, str) else len(repr(part)) for part in parts)


def fold(changes: Iterable[OutputChange]) -> tuple[Output, ...]:
    """Return the outputs that a series of changes adds up to."""
    folder = OutputFolder(EVERYTHING)
    for change in changes:
        folder.apply(change)
    folder.finish()
    return folder.outputs


ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
"""Terminal control sequences: ECMA-48 CSI, OSC and two-byte escapes.

An OSC that never ends is two bytes: what follows would be lost, and it may be honest text.
"""


def plain(text: str) -> str:
    """Return `text` without terminal control sequences."""
    return ANSI.sub("", text)


def as_text(outputs: Sequence[Output], wordless: str = "") -> str:
    """Return the text a person would read in these outputs, in order, without colours.

    Args:
        outputs: What to read.
        wordless: A line for what cannot be put into words, with `{mime}` for its type; its name stands there without.
    """
    texts = (_output_text(output, wordless) for output in outputs)
    return "\n".join(text.removesuffix("\n") for text in texts if text)


def _output_text(output: Output, wordless: str) -> str:
    match output["output_type"]:
        case "stream":
            return plain(output["text"])
        case "error":
            return plain("\n".join(output["traceback"]) or f"{output['ename']}: {output['evalue']}")
        case _:
            data = output["data"]
            said, mime = words.words(data), words.wordless(data)
            note = wordless.format(mime=mime) if wordless and mime else ""
            return plain("\n".join(filter(None, [said, note])) or words.text_of(data.get("text/plain", "")))
