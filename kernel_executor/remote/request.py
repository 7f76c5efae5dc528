"""One request to run code, over a connection that may be cut: what has come, what is missing, what is passed on. Pure.

What comes with numbers is passed on in their order, each once. What has none is passed on as it comes, each once; then
nobody can see whether something is missing. Reply and idle are passed on together: whoever waits for the second of them
would take a cut between them for the end of the kernel.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from kernel_executor.outputs.message import LOST_OUTPUT, LOST_REPLY, Channel, Message
from kernel_executor.remote.wire import Received

IDS = 20_000
"""Ids of messages without numbers that are known again."""

HELD_ROOM = 50_000_000
"""Bytes of messages that wait for one that is missing; then what is missing is given up."""

HELD = 10_000
"""Messages that are remembered behind one that is missing, late ones that were passed on at once among them."""

NOBODY_KNOWS = "the connection was cut while it ran, and this kernel cannot tell whether something is missing"


@dataclass(slots=True)
class Sequence:
    """What has come, by number."""

    next: int = 0
    later: dict[int, Message | None] = field(default_factory=dict)  # None: passed on out of order
    weight: int = 0

    def take(self, number: int, message: Message, *, waits: bool) -> list[Message]:
        """Take a message in; return what can be passed on, in order.

        Args:
            number: Its number.
            message: It.
            waits: Whether it waits for those before it that are missing.
        """
        if number < self.next or number in self.later:
            return []
        passed = [] if waits or number == self.next else [message]
        self.later[number] = None if passed else message
        self.weight += 0 if passed else message.weight
        return passed + self._in_order()

    def _in_order(self) -> list[Message]:
        ready = []
        while self.next in self.later:
            ready.append(self.later.pop(self.next))
            self.next += 1
        messages = [message for message in ready if message]
        self.weight -= sum(message.weight for message in messages)
        return messages

    @property
    def is_full(self) -> bool:
        """Whether what is missing is to be given up for what came behind it."""
        return self.weight > HELD_ROOM or len(self.later) > HELD

    @property
    def waiting(self) -> list[int]:
        """The numbers of what waits for a message before it."""
        return sorted(number for number, message in self.later.items() if message)

    @property
    def missing(self) -> int:
        """How many messages are known to be missing."""
        return max(self.later) + 1 - self.next - len(self.later) if self.later else 0

    def skip(self) -> list[Message]:
        """Stop waiting for what is missing; return what waited for it."""
        if not self.later:
            return []
        messages = [message for _, message in sorted(self.later.items()) if message]
        self.next = max(self.later) + 1
        self.later.clear()
        self.weight = 0
        return messages


@dataclass(slots=True)
class Request:
    """A request that was made.

    Args:
        channel: Where it goes.
        message: What is sent.
        is_handed_over: Whether it was written to a connection, and may have arrived.
        was_cut: Whether the connection was cut since.
        asked: How often the kernel was asked for it in vain since something new came in order, or since the last cut.
        found_busy: How often the server was asked instead, and took the kernel to be busy, since then.
    """

    channel: Channel
    message: dict[str, Any]
    is_handed_over: bool = False
    was_cut: bool = False
    asked: int = 0
    found_busy: int = 0
    has_ended: bool = False
    sequence: Sequence = field(default_factory=Sequence)
    is_numbered: bool = False
    _ids: dict[str, None] = field(default_factory=dict)
    _reply: Message | None = None
    _idle: Message | None = None

    @property
    def id(self) -> str:
        """Its `msg_id`."""
        return str(self.message["header"]["msg_id"])

    @property
    def has_begun(self) -> bool:
        """Whether anything of it has come."""
        return self.is_numbered or bool(self._ids)

    @property
    def waits(self) -> bool:
        """Whether something before what has come must be missing."""
        if self.has_ended:
            return False
        return bool(self.sequence.waiting) or (self._idle is not None) != (self._reply is not None)

    def take(self, received: Received) -> list[Message]:
        """Take a message in; return what is to be passed on."""
        message = received.message
        if message.type.endswith("_reply"):  # also on IOPub, where our guard sends it again
            message = replace(message, channel=self.channel)
        if received.number is not None:
            self.is_numbered = True
            before = self.sequence.next
            ready = self.sequence.take(received.number, message, waits=not self.has_ended)
            if self.sequence.next > before:  # what comes behind a gap does not bring what is missing
                self.forget_questions()
            told = [self._lost_output("too much came behind what is missing")] if self.sequence.is_full else []
            ready += self.sequence.skip() if told else []
            return [*told, *(each for one in ready for each in self._pass(one))]
        if received.id in self._ids:
            return []
        self.forget_questions()
        self._ids[received.id] = None
        if len(self._ids) > IDS:
            self._ids.pop(next(iter(self._ids)))
        return self._pass(message)

    def forget_questions(self) -> None:
        """Count questions in vain from here on."""
        self.asked = self.found_busy = 0

    def _pass(self, message: Message) -> list[Message]:
        if self.has_ended:
            return [message]
        if message.is_reply:
            self._reply = message
        elif message.is_idle:
            self._idle = message
        else:
            return [message]
        if self._idle and (self._reply or self.is_numbered):  # numbered, and no reply before it: there was none
            return self._end()
        return []

    def _end(self) -> list[Message]:
        self.has_ended = True
        ends = [message for message in (self._reply, self._idle) if message]
        return [self._lost_output(NOBODY_KNOWS), *ends] if self.was_cut and not self.is_numbered else ends

    def give_up(self, reason: str) -> list[Message]:
        """Wait for nothing more; return what is to be passed on, what was lost among it.

        Args:
            reason: Why something is missing; a clause for people.
        """
        missing, waiting = self.sequence.missing, self.sequence.skip()
        if self.has_ended:
            return waiting
        ready = [each for message in waiting for each in self._pass(message)]
        return (
            [*ready, *self._end_without(reason)]
            if not any(each.is_idle for each in ready)
            else [self._lost_output(f"{missing} messages: {reason}"), *ready]
        )

    def _end_without(self, reason: str) -> list[Message]:
        """End it without what is missing of its end."""
        if self._reply is None:
            self.has_ended = True
            return [Message("shell", LOST_REPLY, self.id, {"reason": reason})]
        self._idle = self._idle or Message("iopub", "status", self.id, {"execution_state": "idle"})
        self.is_numbered = True  # what is lost is told once
        return [self._lost_output(reason), *self._end()]

    def told_idle(self) -> list[Message]:
        """Pass on that it ended without a reply: something that was asked later has been answered."""
        return self._end() if self._idle and not self.has_ended else []

    def _lost_output(self, reason: str) -> Message:
        return Message("iopub", LOST_OUTPUT, self.id, {"reason": reason})
