"""Finds the words of a task that prescribe how its answer is written, to be said last to who writes it. Pure."""

import re

LONGEST = 600
"""Characters that are repeated."""

TEMPLATE = re.compile(r"\w(?:\[[^\W\d][^\[\]\n]{0,60}\]|[:=]? ?<[^\W\d][^<>\n]{0,60}>|[:=]? ?\{[^\W\d][^{}\n]{0,60}\})")
"""A name with a place for its value: `total[number]`, `name <text>`, `count: {n}`."""

WORDS = re.compile(
    r"\b(?:format|formatted|in the form|round(?:ed|ing)?|decimals?|decimal places?|significant (?:digits|figures)"
    r"|(?:answer|reply|respond|report|state|give it) (?:only|just|with|as|in)"
    r"|as (?:json|csv|yaml|a (?:list|table|percentage))"
    r"|separated by|percentage|units?|exactly|yes or no|one word|one sentence|no more than"
    r"|gerundet|runde|Nachkommastellen?|Dezimalstellen?|Einheit|in Prozent|durch \w+ getrennt"
    r"|arrondi\w*|décimales?|unités?|en pourcentage|séparés? par"
    r"|redonde\w*|decimales?|unidad(?:es)?|en porcentaje|separad[oa]s? por"
    r"|arrotonda\w*|decimali|unità|in percentuale|separat[aio]i? da)\b",
    re.IGNORECASE,
)
"""Words of a form, a rounding or a unit in five languages."""

SENTENCES = re.compile(r"\n+|(?<=[.!?;])\s+(?=[^\W\d_]|[@\"'(\[])")


def prescribed(task: str) -> str:
    """Return the sentences of a task that prescribe a form, a rounding or a unit of the answer; empty if none does."""
    found = [part.strip() for part in SENTENCES.split(task) if TEMPLATE.search(part) or WORDS.search(part)]
    text = "\n".join(dict.fromkeys(found))
    return text if len(text) <= LONGEST else ""
