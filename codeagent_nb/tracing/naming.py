"""Decides which of the numbers that a value could come from stand under the name that the answer gives it. Pure.

Sentences name things before a value, behind it, or in a list of names beside a list of values. A passage is taken in
the way in which most of its values are right: a false mark costs more than one that is missing.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise

from codeagent_nb.tracing.claims import Claim
from codeagent_nb.tracing.labels import Label, Name, Token, contrast, tokens
from codeagent_nb.tracing.passages import Passage
from codeagent_nb.tracing.schemes import UNNAMED, Choice, Mention, Place, Reading
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

_Key = tuple[int, Name, Name]
SPREAD = re.compile(r"(?:±|\+/-|\\pm)\s*$")


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
    wrong: dict[Place, list[Label]] = {}
    for choice in _choices(claims, words).values():
        for place in _contradictions(Reading(passage, text, own, around, claims, choice)):
            wrong.setdefault(place, []).append(choice.labels[place])
    wrong |= {place: [] for place in _same_facts(claims, wrong)}
    for number, claim in enumerate(claims):
        if SPREAD.search(text, max(0, claim.value.start - 6), claim.value.start):
            continue
        claim.misnamed = [stated for place, stated in enumerate(claim.fits) if (number, place) in wrong]
        claim.fits = [stated for place, stated in enumerate(claim.fits) if (number, place) not in wrong]


def _same_facts(claims: Sequence[Claim], wrong: Mapping[Place, Sequence[Label]]) -> set[Place]:
    """Return candidates that are of no other name, but the same number to the last digit as one of another name."""
    found: set[Place] = set()
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


def _choices(claims: Sequence[Claim], words: set[str]) -> dict[_Key, Choice]:
    """Return what the names in a passage are a choice of."""
    choices: dict[_Key, Choice] = {}
    for number, claim in enumerate(claims):
        for place, stated in enumerate(claim.fits):
            for at, label in enumerate(() if _is_matrix(stated) else stated.labels):
                elsewhere = [other.group.names for other in stated.labels[at + 1 :] if other.group is not label.group]
                for key, name, other in _contrasts(label, words, elsewhere):
                    choice = choices.setdefault(key, Choice(key[1], key[2]))
                    choice.names |= {name, other}
                    choice.chosen[number, place] = name
                    choice.labels[number, place] = label
    return choices


def _is_matrix(stated: Stated) -> bool:
    """Return whether rows and columns have the same names, as those of correlations: then none belongs to one."""
    columns = [label.group.names.keys() for label in stated.labels if label.group.are_columns]
    rows = [label.group.names.keys() for label in stated.labels if not label.group.are_columns]
    return any(len(one & other) > 1 for one in columns for other in rows)


_QUALIFIERS = frozenset({"total", "mean", "median", "sum", "number", "count", "n", "overall", "average"})
"""Words that are left out where they go without saying: "88 loans" of `total loans`."""


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
            elif other or (
                len(own) == 1 and own[0] not in _QUALIFIERS
            ):  # "satisfied" and "very satisfied"; whoever says less may mean more
                yield (id(label.group), (), ()), label.name, name


def _contradictions(reading: Reading) -> set[Place]:
    """Return the candidates that stand under another name than the passage gives the value, however it is read."""
    fewest: int | None = None
    right: set[Place] = set()
    for scheme in reading.schemes():
        named = {number: scheme(claim.value) for number, claim in enumerate(reading.claims)}
        passed = {place for place, name in reading.choice.chosen.items() if _passes(reading, place, name, named)}
        wrong = sum(_fails(claim, number, reading.choice, passed) for number, claim in enumerate(reading.claims))
        if fewest is None or wrong < fewest:
            fewest, right = wrong, passed
        elif wrong == fewest == 0:
            right |= passed
    return set() if fewest is None else set(reading.choice.chosen) - right


def _fails(claim: Claim, number: int, choice: Choice, passed: set[Place]) -> bool:
    places = [(number, place) for place in range(len(claim.fits))]
    return bool(places) and all(place in choice.chosen and place not in passed for place in places)


def _passes(reading: Reading, place: Place, name: Name, named: dict[int, Name | None]) -> bool:
    said = named[place[0]]
    if (
        said is None
        or said in {UNNAMED, name}
        or (set(said) < set(name) and set(name) - set(said) <= _QUALIFIERS)
        or _is_beside(reading, name, said)
        or _is_nearer(reading, place[0], name, said)
    ):
        return True
    if any(mention.name == name for mention in reading.mentions):
        return False
    return bool(reading.mentions) and _is_told_apart(reading, place, said)


def _is_beside(reading: Reading, name: Name, said: Name) -> bool:
    """Return whether two names stand beside each other, as in "delayed flights": then they name one thing."""
    pairs = pairwise(reading.mentions)
    return any({one.name, other.name} == {name, said} and other.start - one.end < 2 for one, other in pairs)


def _is_nearer(reading: Reading, number: int, name: Name, said: Name | None) -> bool:
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


def _apart(value: Value, said: Token | Mention) -> int:
    return said.start - value.end if said.start >= value.end else value.start - said.end


def _is_told_apart(reading: Reading, place: Place, said: Name) -> bool:
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
