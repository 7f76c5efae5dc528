"""Cuts what a reply pretends its own code has printed: nobody has run it yet. Pure."""

import re
from functools import lru_cache

from codeagent_nb.events import ModelReplyEvent
from codeagent_nb.reply.run_policy import read_reply

FENCE = re.compile(r"^ {0,3}(?:`{3,}|~{3,})", re.MULTILINE)

SAYS_OUTPUT = re.compile(
    r"^(?:[^\w\n]|_)*(?:(?:the|this|sample|example|expected|actual|resulting|its|die|der|das|la|le|el|il|[aà])\s+){0,2}"
    r"(?:code\s+(?:will\s+)?(?:outputs?|prints?|returns?|gives?)|outputs?|results?|prints?|stdout|ausgaben?|ergebnis(?:se)?"
    r"|sorties?|résultats?|salidas?|resultados?|risultat[oi])\b(?:[^.\n]{0,60}:)?(?:[^\w\n]|_)*$",
    re.IGNORECASE | re.MULTILINE,
)
"""A line that has nothing to say but that output follows. Nothing in it crosses lines: that was quadratic."""


def told_reply(event: ModelReplyEvent) -> str:
    """Return a reply as views and prompts tell it: of closing words nothing is cut, for their code has run."""
    return without_pretended_output(event.content) if event.purpose == "generate" else event.content


@lru_cache(maxsize=256)  # the prompt is derived for each call
def without_pretended_output(reply: str) -> str:
    """Return a reply without what stands behind its last block that runs, from where it pretends to be output.

    Args:
        reply: The whole reply, with code in it or without.
    """
    blocks = read_reply(reply).blocks if "```" in reply or "~~~" in reply else ()
    code = blocks[-1].code.strip("\n") if blocks else ""
    place = reply.rfind(code) if code else -1
    if place < 0:  # it stands there in another form
        return reply
    closing = FENCE.search(reply, place + len(code))
    end = reply.find("\n", closing.start()) if closing else -1
    if end < 0:
        return reply
    begins = [found.start() for found in (SAYS_OUTPUT.search(reply, end), FENCE.search(reply, end)) if found]
    cut = reply[: min(begins)].rstrip() if begins else reply
    return cut if read_reply(cut).blocks == blocks else reply
