"""Decides which of the numbers that a value could come from stand under the name that the answer gives it. Pure.

Sentences name things before a value, behind it, or in a list of names beside a list of values. A passage is taken in
the way in which most of its values are right: a false mark costs more than one that is missing.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from codeagent_nb.tracing.labels import Label, Name, Token, contrast, tokens
from codeagent_nb.tracing.passages import Passage
from codeagent_nb.tracing.sources import Stated
from codeagent_nb.tracing.values import Value
from codeagent_nb.tracing.words import COUNTED, STATISTICS

MOST_CANDIDATES = 24
"""Numbers of the sources that are considered for one value."""

NEAR = 30
"""Characters between a value and a word that may be of its name."""

FEWEST_DIGITS = 4
"""Significant digits with which two equal numbers are the same fact, and no chance."""

MOST_READ = 8_000
"""Characters of a passage in which names are looked for."""


@dataclass(slots=True)
class Claim:
    """A value of an answer, and the numbers that it could come from.

    Args:
        value: The value.
        fits: Numbers of the sources that it could be.
        misnamed: Those of them that stand under another label.
        elsewhere: Numbers that it would be in another unit.
        is_in_wrong_unit: Whether its unit is wrong, whatever it was computed from.
        is_computed: Whether no source states it, and it was computed.
    """

    value: Value
    fits: list[Stated] = field(default_factory=list)
    misnamed: list[Stated] = field(default_factory=list)
    elsewhere: list[Stated] = field(default_factory=list)
    is_in_wrong_unit: bool = False
    is_computed: bool = False


@dataclass(frozen=True, slots=True)
class _Mention:
    start: int
    end: int
    name: Name


_Key = tuple[int, Name, Name]
_Place = tuple[int, int]
"""A claim, and which of its candidates."""


@dataclass(slots=True)
class _Choice:
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
    chosen: dict[_Place, Name] = field(default_factory=dict)
    labels: dict[_Place, Label] = field(default_factory=dict)


Scheme = Callable[[Value], Name | None]

UNNAMED: Name = ()
"""Stands for the name of a value before which all names belong to other values."""

_COMPARES = re.compile(
    r"\b(?:than|compared|versus|vs|als|verglichen|gegenüber|que|par rapport|frente|rispetto|di quella|unlike)\b",
    re.IGNORECASE,
)
_TIGHT = re.compile(
    r"^[^\d.;:,()]{0,30}\($|^[\s\x00)\]]*[(\[]?\s*(?:(?!(?:and|und|et|y|e|while|but|whereas|vs|or|oder|ou|o|während|tandis|mentras"
    r"|mentre)\b)[^\W\d_]+\s+)?"
    r"(?:(?:for|in|of|by|among|from|on|at|bei|für|im|von|aus|auf|an|pour|chez|dans|en|à|para|de|del|entre"
    r"|per|di|nel|nella|tra|a|su|da|under|with|without|unter|mit|ohne|sous|avec|con|bajo|sin|sotto|senza|för|hos|av|på|med|i|are|is|were|sind|sont|son|sono)\s+)?"
    r"(?:(?:the|los|las|les|die|den|der|dem|das|gli|le|la|il|el|i|du|des)\s+|l['’])?[\"'“«*\x00]*$",  # noqa: RUF001
    re.IGNORECASE,
)
_GIVEN = re.compile(r"[\s\x00*_\"'`”»]*[:=(|][\s\x00*_$€£₹~≈(\"'`-]*")
_GIVEN_BEHIND = re.compile(r"[\s\x00*_]*\([\s\x00*_\"'`]*$")
_CLOSES = re.compile(r"[\s\x00*_\"'`]*\)")
_CLAUSE = re.compile(
    r";|\b(?:versus|vs|compared (?:to|with)|against|while|whereas|gegenüber|verglichen mit|während|contre|tandis que|alors que"
    r"|frente a|mientras|contro|rispetto a|mentre|mot|medan|jämfört med)\b",
    re.IGNORECASE,
)
_SPREAD = re.compile(r"(?:±|\+/-|\\pm)\s*$")


def sort_out(passage: Passage, claims: Sequence[Claim], text: str) -> None:
    """Set apart, in each claim of a passage, the candidates that stand under another name.

    Args:
        passage: The passage.
        claims: Its values, in its order.
        text: The whole answer as names are looked for in it.
    """
    said = passage.text if passage.is_cell else text[passage.start : passage.end]
    for claim in claims:
        claim.fits = claim.fits[:MOST_CANDIDATES]
    own = [_placed(token, passage.start) for token in tokens(said[:MOST_READ])]
    around = [list(tokens(context)) for context in passage.contexts]
    words = {token.word for tokens_said in (own, *around) for token in tokens_said}
    wrong: dict[_Place, list[Label]] = {}
    for choice in _choices(claims, words).values():
        for place in _contradictions(_Reading(passage, text, own, around, claims, choice)):
            wrong.setdefault(place, []).append(choice.labels[place])
    wrong |= {place: [] for place in _same_facts(claims, wrong)}
    for number, claim in enumerate(claims):
        if _SPREAD.search(text, max(0, claim.value.start - 6), claim.value.start):
            continue
        claim.misnamed = [stated for place, stated in enumerate(claim.fits) if (number, place) in wrong]
        claim.fits = [stated for place, stated in enumerate(claim.fits) if (number, place) not in wrong]


def _same_facts(claims: Sequence[Claim], wrong: Mapping[_Place, Sequence[Label]]) -> set[_Place]:
    """Return candidates that are of no other name, but the same number to the last digit as one of another name."""
    found: set[_Place] = set()
    for (number, place), labels in wrong.items():
        fits = claims[number].fits
        digits = fits[place].number.normalize().as_tuple().digits
        for other, stated in enumerate(fits) if len(digits) >= FEWEST_DIGITS else ():
            names = [label.name for label in stated.labels]
            is_told = any(name in label.group.names for label in labels for name in names)
            if not is_told and abs(stated.number) == abs(fits[place].number):
                found.add((number, other))
    return found


def _placed(token: Token, by: int) -> Token:
    return Token(token.word, token.start + by, token.end + by)


def _choices(claims: Sequence[Claim], words: set[str]) -> dict[_Key, _Choice]:
    """Return what the names in a passage are a choice of."""
    choices: dict[_Key, _Choice] = {}
    for number, claim in enumerate(claims):
        for place, stated in enumerate(claim.fits):
            for at, label in enumerate(() if _is_matrix(stated) else stated.labels):
                elsewhere = [other.group.names for other in stated.labels[at + 1 :] if other.group is not label.group]
                for key, name, other in _contrasts(label, words, elsewhere):
                    choice = choices.setdefault(key, _Choice(key[1], key[2]))
                    choice.names |= {name, other}
                    choice.chosen[number, place] = name
                    choice.labels[number, place] = label
    return choices


def _is_matrix(stated: Stated) -> bool:
    """Return whether rows and columns have the same names, as those of correlations: then none belongs to one."""
    columns = [label.group.names.keys() for label in stated.labels if label.group.are_columns]
    rows = [label.group.names.keys() for label in stated.labels if not label.group.are_columns]
    return any(len(one & other) > 1 for one in columns for other in rows)


def _contrasts(
    label: Label, words: set[str], elsewhere: Sequence[Collection[Name]]
) -> Iterator[tuple[_Key, Name, Name]]:
    """Yield what a label is told apart from; what names a number in another way is no choice beside it."""
    if not label.name:
        return
    for name in label.group.with_any(words):
        if name != label.name and not any(name in names for names in elsewhere):
            before, after, own, other = contrast(label.name, name)
            if COUNTED.issuperset(other or name):
                continue
            if own and other:
                yield (id(label.group), before, after), own, other
            elif other or len(own) == 1:  # "satisfied" and "very satisfied"; whoever says less may mean more
                yield (id(label.group), (), ()), label.name, name


@dataclass(slots=True)
class _Reading:
    """A passage that is read for one choice."""

    passage: Passage
    text: str
    own: list[Token]
    around: list[list[Token]]
    claims: Sequence[Claim]
    choice: _Choice
    mentions: list[_Mention] = field(default_factory=list)

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


def _mentions(said: Sequence[Token], choice: _Choice, *, partly: bool = False) -> list[_Mention]:
    """Return where the names of a choice stand; of two at one place the longer.

    Args:
        said: Where they are looked for.
        choice: The names.
        partly: Whether a word that only one of the names has stands for it.
    """
    found: list[_Mention] = []
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
            found.append(_Mention(said[place].start, said[place].end, alone[words[place]]))
        if name:
            found.append(_Mention(said[place].start, said[place + len(name) - 1].end, name))
        place += len(name) if name else 1
    return found


def _own_words(choice: _Choice) -> dict[str, Name]:
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


def _contradictions(reading: _Reading) -> set[_Place]:
    """Return the candidates that stand under another name than the passage gives the value, however it is read."""
    fewest: int | None = None
    right: set[_Place] = set()
    for scheme in reading.schemes():
        named = {number: scheme(claim.value) for number, claim in enumerate(reading.claims)}
        passed = {place for place, name in reading.choice.chosen.items() if _passes(reading, place, name, named)}
        wrong = sum(_fails(claim, number, reading.choice, passed) for number, claim in enumerate(reading.claims))
        if fewest is None or wrong < fewest:
            fewest, right = wrong, passed
        elif wrong == fewest == 0:
            right |= passed
    return set() if fewest is None else set(reading.choice.chosen) - right


def _fails(claim: Claim, number: int, choice: _Choice, passed: set[_Place]) -> bool:
    places = [(number, place) for place in range(len(claim.fits))]
    return bool(places) and all(place in choice.chosen and place not in passed for place in places)


def _passes(reading: _Reading, place: _Place, name: Name, named: dict[int, Name | None]) -> bool:
    said = named[place[0]]
    if said is None or said in {UNNAMED, name} or _is_beside(reading, name, said) or _is_nearer(reading, place[0], name, said):
        return True
    if any(mention.name == name for mention in reading.mentions):
        return False
    return bool(reading.mentions) and _is_told_apart(reading, place, said)


def _is_beside(reading: _Reading, name: Name, said: Name) -> bool:
    """Return whether two names stand beside each other, as in "delayed flights": then they name one thing."""
    pairs = zip(reading.mentions, reading.mentions[1:], strict=False)
    return any({one.name, other.name} == {name, said} and other.start - one.end < 2 for one, other in pairs)


def _is_nearer(reading: _Reading, number: int, name: Name, said: Name | None) -> bool:
    """Return whether a word that only a candidate's own name has stands nearer to the value than the other name."""
    alone = set(name) - set(said or ())
    value = reading.claims[number].value
    if not alone or reading.passage.is_cell or len(name) == 1:
        return False
    nearest = min(
        (_apart(value, token) for token in reading.own if token.word in alone and not token.word.isdigit()),
        default=NEAR,
    )
    return nearest < min((_apart(value, mention) for mention in reading.mentions if mention.name == said), default=NEAR)


def _apart(value: Value, said: Token | _Mention) -> int:
    return said.start - value.end if said.start >= value.end else value.start - said.end


def _is_told_apart(reading: _Reading, place: _Place, said: Name) -> bool:
    """Return whether the passage gives the name's own number elsewhere: then this one is of something unnamed."""
    own = reading.choice.labels[place]
    stated = reading.claims[place[0]].fits[place[1]]
    said_whole = (*reading.choice.before, *said, *reading.choice.after)
    wanted = {label.name for label in stated.labels if label != own} | {said_whole}
    loose = own.group.are_columns or all(word in STATISTICS for word in said)  # what is measured is often not named
    return any(
        {label.name for label in other.labels} == wanted
        or (loose and any(label.name == said_whole for label in other.labels))
        for number, claim in enumerate(reading.claims)
        if number != place[0]
        for other in claim.fits
    )
