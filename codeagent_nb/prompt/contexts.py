"""How much of a conversation a model is sent: AutoGen's contexts as pure selections. Knows messages; no agent, no log.

A context stores nothing but its settings (design D2): what was said is in the agent's log, and
`await agent.model_context.get_messages()` selects from that. None of them takes code and its result apart, and none
leaves out system messages, the current task, or what came last. Where these need more than a limit, they get it.

What selecting costs: a prompt that only grows is read from the server's cache but for its end (design D15). From the
first message that was left out since the last call on, everything has to be read again.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from codeagent_nb.models.types import CODE_RUNNER, AssistantMessage, LLMMessage, SystemMessage, UserMessage
from codeagent_nb.prompt.model_texts import SKIPPED

BYTES_PER_TOKEN = 4  # of English and code; of Chinese about as many in UTF-8
MESSAGE_TOKENS = 4  # what a chat template puts around a message
IMAGE_TOKENS = 800  # a plot of common size, at common vendors

Unit = tuple[LLMMessage, ...]
"""Messages that are kept or left out together."""


class ChatCompletionContext(Protocol):
    """Selects what the model is sent. Any object with these will do; it should be immutable."""

    @property
    def initial_messages(self) -> Sequence[LLMMessage] | None:
        """What the conversation begins with. A setting: `on_reset` brings the agent back to it."""
        ...

    def select(self, messages: Sequence[LLMMessage]) -> Sequence[LLMMessage]:
        """Return which messages of the conversation so far, the initial ones included, are sent."""
        ...


@dataclass(frozen=True, slots=True)
class UnboundedChatCompletionContext:
    """Everything. The cheapest for the server, until the model's window is full.

    Args:
        initial_messages: What the conversation begins with.
    """

    initial_messages: Sequence[LLMMessage] | None = None

    def __post_init__(self) -> None:
        _settle(self)

    def select(self, messages: Sequence[LLMMessage]) -> Sequence[LLMMessage]:
        """Return all."""
        return messages


@dataclass(frozen=True, slots=True)
class BufferedChatCompletionContext:
    """The newest messages. Once it is full the server reads nearly the whole prompt again at each call.

    Args:
        buffer_size: How many at most.
        initial_messages: What the conversation begins with.
    """

    buffer_size: int
    initial_messages: Sequence[LLMMessage] | None = None

    def __post_init__(self) -> None:
        _settle(self, buffer_size=self.buffer_size)

    def select(self, messages: Sequence[LLMMessage]) -> Sequence[LLMMessage]:
        """Return the newest, in whole units."""
        units = units_of(messages)
        kept = _indispensable(units)
        room = self.buffer_size - _count(units, kept)
        for index in reversed(range(len(units))):
            if index in kept:
                continue
            room -= len(units[index])
            if room < 0:
                break
            kept.add(index)
        return [message for index in sorted(kept) for message in units[index]]


@dataclass(frozen=True, slots=True)
class HeadAndTailChatCompletionContext:
    """The first and the newest messages, and a note of how many are left out. The head stays in the server's cache.

    Args:
        head_size: How many of the first at most.
        tail_size: How many of the newest at most.
        initial_messages: What the conversation begins with.
    """

    head_size: int
    tail_size: int
    initial_messages: Sequence[LLMMessage] | None = None

    def __post_init__(self) -> None:
        _settle(self, head_size=self.head_size, tail_size=self.tail_size)

    def select(self, messages: Sequence[LLMMessage]) -> Sequence[LLMMessage]:
        """Return head and tail, in whole units; "Skipped N messages." stands wherever some are left out."""
        if len(messages) <= self.head_size + self.tail_size:
            return messages
        units = units_of(messages)
        forwards, backwards = range(len(units)), range(len(units) - 1, -1, -1)
        head, tail = _fitting(units, forwards, self.head_size), _fitting(units, backwards, self.tail_size)
        return _with_notes(units, {*head, *tail} | _indispensable(units))


@runtime_checkable
class CountsTokens(Protocol):
    """A model client that can say how long a prompt is."""

    def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        """Return the tokens of a prompt."""
        ...


@runtime_checkable
class KnowsItsRoom(Protocol):
    """A model client that can say how much more it can take."""

    def remaining_tokens(self, messages: Sequence[LLMMessage]) -> int:
        """Return the tokens that are left after a prompt; less than 0 if it does not fit."""
        ...


@dataclass(frozen=True, slots=True)
class TokenLimitedChatCompletionContext:
    """As much as fits; what stands in the middle goes first. The head stays in the server's cache.

    Without a client that has AutoGen's `count_tokens`, tokens are estimated: a quarter of the text's bytes, and 800
    for a picture. That is within a fifth or so for English and code, so leave room.

    Args:
        model_client: Who counts.
        token_limit: How many tokens at most; None asks the client's `remaining_tokens`.
        initial_messages: What the conversation begins with.
    """

    model_client: Any = None
    token_limit: int | None = None
    initial_messages: Sequence[LLMMessage] | None = None

    def __post_init__(self) -> None:
        if self.token_limit is None and not isinstance(self.model_client, KnowsItsRoom):
            raise ValueError("token_limit must be given: this model_client has no remaining_tokens to ask instead")
        _settle(self, **({} if self.token_limit is None else {"token_limit": self.token_limit}))

    def select(self, messages: Sequence[LLMMessage]) -> Sequence[LLMMessage]:
        """Leave out units of the middle until the rest fits."""
        units = units_of(messages)
        leaving = _from_the_middle([index for index in range(len(units)) if index not in _indispensable(units)])

        def without(number: int) -> list[LLMMessage]:
            left_out = set(leaving[:number])
            return [message for index, unit in enumerate(units) if index not in left_out for message in unit]

        # Bisection, as counting a long conversation once for each message of it takes seconds.
        return without(bisect_left(range(len(leaving)), 1, key=lambda number: self._fits(without(number))))

    def _fits(self, messages: Sequence[LLMMessage]) -> bool:
        if self.token_limit is None:
            return bool(self.model_client.remaining_tokens(messages) >= 0)
        count = self.model_client.count_tokens if isinstance(self.model_client, CountsTokens) else estimate_tokens
        return bool(count(messages) <= self.token_limit)


def estimate_tokens(messages: Sequence[LLMMessage]) -> int:
    """Guess how many tokens a prompt has, without any vendor's tokenizer."""
    return sum(map(_tokens, messages))


def _tokens(message: LLMMessage) -> int:
    images = len(message.images) if isinstance(message, UserMessage) else 0
    return MESSAGE_TOKENS + tokens_in(message.content) + IMAGE_TOKENS * images


def tokens_in(text: str) -> int:
    """Guess how many tokens a text has."""
    return -(-len(text.encode(errors="replace")) // BYTES_PER_TOKEN)


def units_of(messages: Sequence[LLMMessage]) -> list[Unit]:
    """Divide a conversation so that what executed code gave stands together with that code."""
    units: list[Unit] = []
    for message in messages:
        if units and _belongs_to(message, units[-1]):
            units[-1] = (*units[-1], message)
        else:
            units.append((message,))
    return units


def _belongs_to(message: LLMMessage, unit: Unit) -> bool:
    if not isinstance(message, UserMessage):
        return False
    # In a team, whoever answers code directly is the one who ran it, or says why not.
    answers_code = isinstance(unit[-1], AssistantMessage) and _has_code(unit[-1]) and message.source != "user"
    return message.source == CODE_RUNNER or answers_code


def _has_code(message: AssistantMessage) -> bool:
    return "```" in message.content or "~~~" in message.content


def _indispensable(units: Sequence[Unit]) -> set[int]:
    """Return where the system messages, the current task, and what came last stand."""
    system = {index for index, unit in enumerate(units) if isinstance(unit[0], SystemMessage)}
    return system | _current_task(units) | set(range(len(units))[-1:])


def _current_task(units: Sequence[Unit]) -> set[int]:
    """Return where that stands which was said to the model between two of its replies, the last time anything was."""
    found: set[int] = set()
    for index in reversed(range(len(units))):
        for message in reversed(units[index]):
            if isinstance(message, UserMessage) and message.source != CODE_RUNNER:
                found.add(index)
            elif found and isinstance(message, AssistantMessage):
                return found
    return found


def _from_the_middle(indices: Sequence[int]) -> list[int]:
    """Return indices in the order in which they leave: always the middle one of those that are left."""
    left = list(indices)
    return [left.pop(len(left) // 2) for _ in indices]


def _count(units: Sequence[Unit], kept: Iterable[int]) -> int:
    return sum(len(units[index]) for index in kept)


def _fitting(units: Sequence[Unit], order: Iterable[int], size: int) -> list[int]:
    """Return the first units of an order that have no more than `size` messages together."""
    fitting: list[int] = []
    for index in order:
        size -= len(units[index])
        if size < 0:
            break
        fitting.append(index)
    return fitting


def _with_notes(units: Sequence[Unit], kept: set[int]) -> list[LLMMessage]:
    messages: list[LLMMessage] = []
    skipped = 0
    for index, unit in enumerate(units):
        if index not in kept:
            skipped += len(unit)
            continue
        messages += [*_note(skipped), *unit]
        skipped = 0
    return messages


def _note(skipped: int) -> list[LLMMessage]:
    return [UserMessage(content=SKIPPED.format(number=skipped), source=CODE_RUNNER)] if skipped else []


def _settle(context: object, **sizes: int) -> None:
    """Check the sizes, and keep the initial messages from being changed later."""
    for name, size in sizes.items():
        if size <= 0:
            raise ValueError(f"{name} must be greater than 0.")
    initial = getattr(context, "initial_messages", None)
    object.__setattr__(context, "initial_messages", tuple(initial) if initial is not None else None)


UNBOUNDED = UnboundedChatCompletionContext()
