"""Reads the ways in which a passage may name its values: before them, behind them, in a list beside theirs. Pure."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from codeagent_nb.tracing.claims import Claim
from codeagent_nb.tracing.labels import Label, Name, Token
from codeagent_nb.tracing.passages import Passage
from codeagent_nb.tracing.values import Value


@dataclass(frozen=True, slots=True)
class Mention:
    """Where a name stands."""

    start: int
    end: int
    name: Name


Place = tuple[int, int]
"""A claim, and which of its candidates."""


@dataclass(slots=True)
class Choice:
    """Names of which a value has one: `Adelie` or `Gentoo`.

    Args:
        before: What comes before each name in a label.
        after: What comes after it.
        names: The names.
        chosen: The one that each candidate stands under.
        labels: The label it has it from.
    """

    before: Name
    after: Name
    names: set[Name] = field(default_factory=set)
    chosen: dict[Place, Name] = field(default_factory=dict)
    labels: dict[Place, Label] = field(default_factory=dict)


Scheme = Callable[[Value], Name | None]

UNNAMED: Name = ()
"""Stands for the name of a value before which all names belong to other values."""

_COMPARES = re.compile(
    r"\b(?:than|compared|versus|vs|als|verglichen|gegenüber|que|par rapport|frente|rispetto|di quella|unlike)\b",
    re.IGNORECASE,
)
_TIGHT = re.compile(
    r"^[^\d.;:,()]{0,30}\($|^[\s\x00)\]]*[(\[]?\s*(?:(?!(?:and|und|et|y|e|while|but|whereas|vs|or|oder|ou|o"
    r"|während|tandis|mentras"
    r"|mentre)\b)[^\W\d_]+\s+)?"
    r"(?:(?:for|in|of|by|among|from|on|at|bei|für|im|von|aus|auf|an|pour|chez|dans|en|à|para|de|del|entre"
    r"|per|di|nel|nella|tra|a|su|da|under|with|without|unter|mit|ohne|sous|avec|con|bajo|sin|sotto|senza|för"
    r"|hos|av|på|med|i|are|is|were|sind|sont|son|sono)\s+)?"
    r"(?:(?:the|los|las|les|die|den|der|dem|das|gli|le|la|il|el|i|du|des)\s+|l['’])?[\"'“«*\x00]*$",  # noqa: RUF001
    re.IGNORECASE,
)
_GIVEN = re.compile(r"[\s\x00*_\"'`”»]*[:=(|][\s\x00*_$€£₹~≈(\"'`-]*")
_GIVEN_BEHIND = re.compile(r"[\s\x00*_]*\([\s\x00*_\"'`]*$")
_CLOSES = re.compile(r"[\s\x00*_\"'`]*\)")
_AGAINST = re.compile(r"\d[%\s\x00]{0,3}(?:to|zu|gegen|vs\.?|versus|à|contre|contro|mot|[:–/])\s?$")  # noqa: RUF001
_CLAUSE = re.compile(
    r";|\b(?:versus|vs|compared (?:to|with)|against|while|whereas|gegenüber|verglichen mit|während|contre"
    r"|tandis que|alors que"
    r"|frente a|mientras|contro|rispetto a|mentre|mot|medan|jämfört med)\b",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Reading:
    """A passage that is read for one choice."""

    passage: Passage
    text: str
    own: list[Token]
    around: list[list[Token]]
    claims: Sequence[Claim]
    choice: Choice
    mentions: list[Mention] = field(default_factory=list)

    def schemes(self) -> Iterator[Scheme]:
        """Yield the ways in which the passage may name its values; none if it names nothing."""
        self.mentions = _mentions(self.own, self.choice)
        if self.passage.is_cell or not self.mentions:
            if name := self._only_name():
                yield lambda _value: name
            return
        yield from self._orders()
        whole = self.mentions
        self.mentions = _mentions(self.own, self.choice, partly=True)
        if self.mentions != whole:
            yield from self._orders()
        self.mentions = whole

    def _orders(self) -> Iterator[Scheme]:
        for scheme in (self._tight, self._preceding, self._following, self._outside, self._in_clause):
            yield partial(self._beside_or, scheme)
        yield from self._parallel()
        if _COMPARES.search(self.passage.text):
            first = self.mentions[0].name
            yield partial(self._beside_or, lambda _value: first)

    def _beside_or(self, scheme: Scheme, value: Value) -> Name | None:
        if _AGAINST.search(self.text, max(self.passage.start, value.start - 12), value.start):
            return UNNAMED  # 214 to 130
        return self.beside(value) or scheme(value)

    def beside(self, value: Value) -> Name | None:
        """Return the name that a value is given to by a mark between them, as in `Adelie: 3700` or `3700 (Adelie)`."""
        before = [mention for mention in self.mentions if mention.end <= value.start]
        is_given = before and _GIVEN.fullmatch(self.text[before[-1].end : value.start][-20:])
        if is_given:
            return before[-1].name
        after = next((mention for mention in self.mentions if mention.start >= value.end), None)
        is_alone = after and _CLOSES.match(self.text, after.end)
        return self._right_behind(value, _GIVEN_BEHIND) if is_alone else None

    def _only_name(self) -> Name | None:
        are_columns = any(label.group.are_columns for label in self.choice.labels.values())
        around = [] if are_columns and self.passage.is_cell else self.around
        for said in ([self.own] if self.passage.is_cell else []) + around:
            names = {mention.name for mention in _mentions(said, self.choice)}
            if names:
                return names.pop() if len(names) == 1 else None
        return None

    def _preceding(self, value: Value) -> Name | None:
        before = [mention for mention in self.mentions if mention.end <= value.start]
        return before[-1].name if before else self._right_behind(value, _TIGHT)

    def _outside(self, value: Value) -> Name | None:
        """Return the name before a value that does not stand in parentheses closed before it."""
        for mention in reversed(self.mentions):
            if mention.end <= value.start and not _is_closed(self.text[mention.end : value.start]):
                return mention.name
        return self._preceding(value)

    def _following(self, value: Value) -> Name | None:
        after = [mention for mention in self.mentions if mention.start >= value.end]
        return after[0].name if after else self.mentions[-1].name

    def _in_clause(self, value: Value) -> Name | None:
        """Return the only name of the clause that a value stands in: `versus 4.00 % (482 of 12,045) for A`."""
        begins, ends = self.passage.start, self.passage.end
        for found in _CLAUSE.finditer(self.text, self.passage.start, self.passage.end):
            if found.end() <= value.start:
                begins = found.end()
            elif found.start() >= value.end:
                ends = found.start()
                break
        names = {mention.name for mention in self.mentions if begins <= mention.start < ends}
        return names.pop() if len(names) == 1 else self._tight(value)

    def _tight(self, value: Value) -> Name | None:
        if behind := self._right_behind(value, _TIGHT):
            return behind
        before = [mention for mention in self.mentions if mention.end <= value.start]
        if before and all(mention.start in self._taken for mention in before):
            return UNNAMED
        return next((mention.name for mention in reversed(before) if mention.start not in self._taken), None)

    @property
    def _taken(self) -> set[int]:
        """Where names stand that the values before them have."""
        taken = set()
        for claim in self.claims:
            after = next((mention for mention in self.mentions if mention.start >= claim.value.end), None)
            if after and after.name == self._right_behind(claim.value, _TIGHT):
                taken.add(after.start)
        return taken

    def _right_behind(self, value: Value, gap: re.Pattern[str]) -> Name | None:
        after = [mention for mention in self.mentions if mention.start >= value.end]
        if after and after[0].start - value.end < 60 and gap.match(self.text[value.end : after[0].start]):
            return after[0].name
        return None

    def _parallel(self) -> Iterator[Scheme]:
        concerned = {number for number, _ in self.choice.chosen}
        names = list(dict.fromkeys(mention.name for mention in self.mentions))
        chosen = set(self.choice.chosen.values())
        sure = [name for name in names if name in chosen]
        for with_unknown in (True, False):
            values = [
                claim.value
                for number, claim in enumerate(self.claims)
                if number in concerned or (with_unknown and not claim.fits)
            ]
            for some in (names, sure):
                if len(some) == len(values) > 1:
                    in_order = {value.start: name for value, name in zip(values, some, strict=True)}
                    yield partial(_looked_up, in_order)


def _looked_up(names: dict[int, Name], value: Value) -> Name | None:
    return names.get(value.start)


def _is_closed(between: str) -> bool:
    """Return whether parentheses are closed that were not opened."""
    depth = 0
    for letter in between:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return True
    return False


def _mentions(said: Sequence[Token], choice: Choice, *, partly: bool = False) -> list[Mention]:
    """Return where the names of a choice stand; of two at one place the longer.

    Args:
        said: Where they are looked for.
        choice: The names.
        partly: Whether a word that only one of the names has stands for it.
    """
    found: list[Mention] = []
    alone = _own_words(choice) if partly else {}
    words = [token.word for token in said]
    by_first: dict[str, list[Name]] = {}
    name: Name | None
    for name in sorted(choice.names, key=len, reverse=True):
        by_first.setdefault(name[0], []).append(name)
    place = 0
    while place < len(words):
        name = next((one for one in by_first.get(words[place], ()) if _is_here(words, place, one, choice.before)), None)
        if not name and words[place] in alone:
            found.append(Mention(said[place].start, said[place].end, alone[words[place]]))
        if name:
            found.append(Mention(said[place].start, said[place + len(name) - 1].end, name))
        place += len(name) if name else 1
    return found


def _own_words(choice: Choice) -> dict[str, Name]:
    """Return the words that only one of the names has."""
    had: dict[str, list[Name]] = {}
    for name in choice.names:
        for word in set(name):
            had.setdefault(word, []).append(name)
    return {word: names[0] for word, names in had.items() if len(names) == 1 and len(word) > 3}


def _is_here(words: Sequence[str], place: int, name: Name, before: Name) -> bool:
    if tuple(words[place : place + len(name)]) != name:
        return False
    if all(word.isdigit() and len(word) < 4 for word in name):  # "class 1", "2 bedrooms", but no 1 that stands alone
        beside = [words[at] for at in (place - 1, place + len(name)) if 0 <= at < len(words)]
        return bool(before) and any(_is_akin(before[-1], word) for word in beside)
    return True


def _is_akin(word: str, other: str) -> bool:
    """Return whether one of two words is the end or the beginning of the other one: `pclass` and `class`."""
    short, long = sorted((word, other), key=len)
    return len(short) > 2 and (long.endswith(short) or long.startswith(short))
