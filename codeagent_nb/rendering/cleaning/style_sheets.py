"""Moves the styles of an output's style sheets to the elements they are for. Pure; knows no output.

A style sheet in a page styles all of the page, and Jupyter drops those of untrusted notebooks. In the elements' own
`style` the colours of pandas' Styler and of other tables are seen everywhere, and reach nothing else. Read are plain
rules: a tag, an id, classes, and elements within others. Rules for states (`:hover`), media and the like are left out.
"""

import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice

STYLE_SHEETS_LIMIT = 200_000
"""Characters of all sheets of an output: the colours of 2,500 cells, each another one."""
PLACED_LIMIT = 2_000_000
"""Characters of the styles that are put into elements: one long rule for 1,000 elements made 160 MB of 76 kB."""
COMPARED_LIMIT = 300_000
"""How often a rule is compared with an element."""
ANCESTORS_LIMIT = 30
"""Elements around an element that a selector is looked for in."""

SHEET = re.compile(r"<style[^<>]*>([^<]*)</style>", re.IGNORECASE)
COMMENT = re.compile(r"/\*(?:[^*]|\*(?!/))*\*/")
COMPOUND = re.compile(r"(?P<tag>[a-z][a-z0-9]*|\*)?(?P<marks>(?:[#.][a-zA-Z_][\w-]*)*)")
MARK = re.compile(r"([#.])([\w-]+)")
ELEMENT = re.compile(r'<(?P<end>/?)(?P<name>[a-z][a-z0-9]*)(?P<attributes>(?: [^\s=<>"]+="[^"]*")*)>')
"""As nh3 writes elements: every value in double quotes, `<` in text as a reference."""
ATTRIBUTE = re.compile(r' ([^\s=<>"]+)="([^"]*)"')
VOID = frozenset({"area", "br", "col", "hr", "img", "wbr"})


@dataclass(frozen=True, slots=True)
class _Element:
    tag: str
    id: str
    classes: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Compound:
    """One part of a selector: `td.a.b`; `is_parent` if only the element right around the one within it will do."""

    tag: str
    id: str
    classes: frozenset[str]
    is_parent: bool

    def fits(self, element: _Element) -> bool:
        return self.tag in ("", "*", element.tag) and self.id in ("", element.id) and self.classes <= element.classes


@dataclass(frozen=True, slots=True)
class _Rule:
    compounds: tuple[_Compound, ...]  # the element itself first, then what is around it
    declarations: str
    order: int

    @property
    def weight(self) -> tuple[int, int, int, int]:
        """Which rule wins, as CSS has it."""
        ids = sum(bool(part.id) for part in self.compounds)
        classes = sum(len(part.classes) for part in self.compounds)
        return ids, classes, sum(part.tag not in ("", "*") for part in self.compounds), self.order

    @property
    def key(self) -> str:
        """What an element has that this rule can be for."""
        last = self.compounds[0]
        return f"#{last.id}" if last.id else f".{min(last.classes)}" if last.classes else last.tag or "*"


def sheets_of(text: str) -> Sequence[str]:
    """Return the style sheets in HTML; none if they are too large."""
    sheets = SHEET.findall(text)
    return [] if sum(map(len, sheets)) > STYLE_SHEETS_LIMIT else sheets


def with_styles_in_place(text: str, sheets: Sequence[str], allowed: Callable[[str], str]) -> str:
    """Return HTML in which each element has the styles that sheets give it; without any of them if that is too much.

    Args:
        text: HTML as nh3 writes it, with the ids and classes that the sheets name.
        sheets: The style sheets.
        allowed: Returns those of some declarations that may stand.
    """
    rules: dict[str, list[_Rule]] = {}
    for rule in _rules(sheets, allowed):
        rules.setdefault(rule.key, []).append(rule)
    return _placed(text, rules) or text if rules else text


def _rules(sheets: Sequence[str], allowed: Callable[[str], str]) -> Iterator[_Rule]:
    numbers = count()
    for sheet in sheets:
        for part in COMMENT.sub(" ", sheet).split("}"):  # a pattern for whole rules was quadratic
            head, _, declarations = part.rpartition("{")
            if "{" in head or "@" in head or not (styles := html.escape(allowed(" ".join(declarations.split())))):
                continue  # in a rule for media, or one that gives nothing
            for selector in head.split(","):
                if compounds := _compounds(selector):
                    yield _Rule(compounds, styles, next(numbers))


def _compounds(selector: str) -> tuple[_Compound, ...]:
    """Return the parts of a selector, the last one first; none if there is more to it than is read here."""
    compounds: list[_Compound] = []
    is_parent = False
    for word in reversed(selector.replace(">", " > ").split()):
        if word == ">":
            is_parent = True
            continue
        found = COMPOUND.fullmatch(word)
        if found is None or len(compounds) >= ANCESTORS_LIMIT:
            return ()
        marks = MARK.findall(found["marks"])
        ids = [name for sign, name in marks if sign == "#"]
        classes = frozenset(name for sign, name in marks if sign == ".")
        compounds.append(_Compound(found["tag"] or "", ids[0] if ids else "", classes, is_parent))
        is_parent = False
    return tuple(compounds)


def _placed(text: str, rules: dict[str, list[_Rule]]) -> str:
    """Return HTML with styles in its elements; nothing if that takes long or becomes much."""
    parts, end, around = [], 0, list[_Element]()
    compared, room = 0, PLACED_LIMIT
    for found in ELEMENT.finditer(text):
        name = found["name"]
        if found["end"]:
            _leave(around, name)
            continue
        attributes = dict(ATTRIBUTE.findall(found["attributes"]))
        element = _Element(name, attributes.get("id", ""), frozenset(attributes.get("class", "").split()))
        candidates = [rule for key in _keys(element) for rule in rules.get(key, ())]
        compared += len(candidates)
        fitting = sorted((rule for rule in candidates if _fits(rule, element, around)), key=lambda rule: rule.weight)
        styles = "; ".join([rule.declarations for rule in fitting] + [attributes.get("style", "")])
        room -= len(styles)
        if compared > COMPARED_LIMIT or room < 0:
            return ""
        if fitting:
            others = "".join(f' {key}="{value}"' for key, value in attributes.items() if key != "style")
            parts += [text[end : found.start()], f'<{name}{others} style="{styles}">']
            end = found.end()
        if name not in VOID:
            around.append(element)
    return "".join([*parts, text[end:]])


def _leave(around: list[_Element], name: str) -> None:
    """Leave the innermost element of this name; nh3 closes all that it writes."""
    if around and around[-1].tag == name:
        around.pop()


def _keys(element: _Element) -> Iterator[str]:
    yield from ([f"#{element.id}"] if element.id else [])
    yield from (f".{name}" for name in element.classes)
    yield from (element.tag, "*")


def _fits(rule: _Rule, element: _Element, around: Sequence[_Element]) -> bool:
    """Whether a rule is for an element; an ancestor is the nearest that will do, looked for among a few."""
    first, *others = rule.compounds
    if not first.fits(element):
        return False
    outer = reversed(around[-ANCESTORS_LIMIT:])
    return all(any(part.fits(ancestor) for ancestor in islice(outer, 1 if part.is_parent else None)) for part in others)
