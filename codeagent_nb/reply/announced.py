"""Tells a plan from an answer: a reply without code that ends with what its writer is about to do. Pure."""

import re

LAST = 400
"""Characters at the end that are looked at: what stands before is told, or was done."""

INTENTIONS = (
    *("let's", "let me", "let us", "i'll", "i will", "i am going to", "i'm going to", "i need to", "i want to"),
    *("i should", "i can now", "we'll", "we will", "we need to", "we should", "we can now", "here's the code"),
    *("ich werde", "ich will", "ich möchte", "ich muss", "ich schaue", "ich sehe mir", "ich lese", "ich lade"),
    *("schauen wir", "sehen wir", "lesen wir", "laden wir", "beginnen wir", "lass uns", "lass mich", "wir müssen"),
    *("je vais", "je dois", "je veux", "nous allons", "nous devons", "commençons", "regardons", "examinons"),
    *("voy a", "vamos a", "empecemos", "veamos", "necesito", "debo", "vediamo", "iniziamo", "dobbiamo"),
)
"""How a sentence begins in which somebody says what they are about to do."""

OFFERS = ("let me know", "let us know", "i will be happy", "i'll be happy", "i will gladly")
"""How an answer ends politely."""

BEFORE = re.compile(
    r"(?:first(?:ly)?|next|now|then|so|and|okay|ok|sure|to start|to begin|step \d+|zuerst|zunächst|als nächstes|nun"
    r"|jetzt|dann|d'abord|ensuite|maintenant|primero|ahora|luego|prima|ora|poi)\b[\s,:]*"
)
"""What may stand before it."""

SENTENCE_END = re.compile(r"(?<=[.!?:])\s+|\n+")


def announces_code(text: str) -> bool:
    """Return whether a reply without code ends with what its writer is about to do, and so is no answer.

    Args:
        text: The reply without its reasoning.
    """
    end = text.rstrip()[-LAST:].replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").lower()
    if end.endswith("?"):  # the user is asked
        return False
    if end.endswith((":", "…", "...")):
        return True
    last = SENTENCE_END.split(end)[-1].lstrip("*_#>- 0123456789.)")
    while before := BEFORE.match(last):
        last = last[before.end() :]
    return last.startswith(INTENTIONS) and not last.startswith(OFFERS)
