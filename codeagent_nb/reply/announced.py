"""Tells a plan from an answer: a reply without code that ends with what its writer is about to do. Pure.

A wrong guess costs a call and nothing else: the model is asked whether that was its answer, and what it says then is
taken (`prompt/model_texts.py`).
"""

import re

LAST = 400
"""Characters at the end that are looked at: what stands before is told, or was done."""

INTENTIONS = (
    *("let's", "let me", "let us", "i'll", "i will", "i am going to", "i'm going to", "i'm now going to", "i need to"),
    *("i want to", "i'd like to", "i would like to", "i should", "i can now", "i can compute", "i have to", "we'll"),
    *("we will", "we need to", "we should", "we can now", "here's the code", "here is the code", "my next step"),
    *("the next step is to", "loading ", "reading ", "computing ", "checking "),
    *("ich werde", "ich will", "ich möchte", "ich muss", "ich schaue", "ich sehe mir", "ich lese", "ich lade"),
    *("sehe ich mir", "werde ich", "schaue ich", "schauen wir", "sehen wir", "lesen wir", "laden wir", "beginnen wir"),
    *("lass uns", "lass mich", "wir müssen", "je vais", "je dois", "je veux", "je calculerai", "nous allons"),
    *("nous devons", "commençons", "regardons", "examinons", "voy a", "vamos a", "empecemos", "veamos", "necesito"),
    *("debo", "vediamo", "iniziamo", "dobbiamo"),
)
"""How a sentence begins in which somebody says what they are about to do."""

IN_AN_ANSWER = re.compile(
    r"\b(?:know|note|noted|mention|point out|emphasi[sz]e|stress|add that|say|said|not|n't|be here|be happy|gladly"
    r"|treat|caution|careful|need the|need a|need your|upload|provide|hinweisen|anmerken|señalar|aclarar|préciser)\b"
)
"""Words that show that such a sentence is part of an answer: "I should note that 3 rows were left out"."""

BEFORE = re.compile(
    r"(?:first(?:ly)?|next(?: step)?|now|then|so|and|okay|ok|sure|to start|to begin|step \d+|zuerst|zunächst"
    r"|als nächstes|nun|jetzt|dann|d'abord|ensuite|maintenant|primero|ahora|luego|prima|ora|poi)\b[\s,:\N{EM DASH}-]*"
)
"""What may stand before it."""

CLAUSE = re.compile(r"[^,\N{EM DASH}]{0,60}(?:,|\s\N{EM DASH})\s+(?:so\s+)?")
"""A clause before it: "To answer this, I need to look at the data"."""

SENTENCE_END = re.compile(r"(?<=[.!?:])\s+|\n+")

NUMBERS = re.compile(r"\d[\d.,]*\s*(?:,\s*)?(?:\.\.\.|…)$")
"""A row of numbers that goes on is an answer."""


def announces_code(text: str) -> bool:
    """Return whether a reply without code ends with what its writer is about to do, and so is no answer.

    Args:
        text: The reply without its reasoning.
    """
    end = text.rstrip()[-LAST:].replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").lower()
    if end.endswith("?") or NUMBERS.search(end):  # the user is asked
        return False
    if end.endswith((":", "…", "...")):
        return True
    last = SENTENCE_END.split(end)[-1].lstrip("*_#>- 0123456789.)")
    return not IN_AN_ANSWER.search(last) and (_intends(last) or _intends(CLAUSE.sub("", last, count=1)))


def _intends(sentence: str) -> bool:
    while before := BEFORE.match(sentence):
        sentence = sentence[before.end() :]
    return sentence.startswith(INTENTIONS)
