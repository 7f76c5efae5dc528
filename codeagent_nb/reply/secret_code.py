"""Owns what becomes of code that holds a secret: it is refused, never altered. Pure; must not know how one is found.

Masked code would not be the code that ran, and what is shown and saved must be just that.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from codeagent_nb.reply.run_policy import Reply
from kernel_executor import CodeBlock

SecretIn = Callable[[str], str]
"""Returns the name of the secret that can be read in a text, or ""."""

REFUSED = "the code holds the value of the environment variable {name}, which is secret"
WITH_IT = "another block of the reply holds a secret, so none of it is run"


JOINT = re.compile(r"""["']\s*(?:[+\\]\s*)?[rbfuRBFU]{0,2}["']""")
"""Between two literals that are one: Python's `"A" "B"` and `"A" + f"B"`, a shell's `A''B`."""

QUOTES = re.compile(r"""["'\\]""")
"""What a shell reads as nothing: `A\\B` and `A'B'` are AB."""


def knows_none(text: str) -> str:  # noqa: ARG001 - where nothing is secret
    """Find no secret."""
    return ""


def secret_reason(code_blocks: Sequence[CodeBlock], secret_in: SecretIn) -> str:
    """Return why code is not run, or ""."""
    names = (secret_in(text) for block in code_blocks for text in _read(block))
    name = next(filter(None, names), "")
    return REFUSED.format(name=name) if name else ""


def _read(block: CodeBlock) -> Iterable[str]:
    """Return the texts that a block is read as, each once."""
    joined = JOINT.sub("", block.code)
    return dict.fromkeys((block.code, joined, QUOTES.sub("", joined), block.language))


def without_secret_code(reply: Reply, secret_in: SecretIn) -> Reply:
    """Return a reply none of whose code runs if a block holds a secret: the others build on it."""
    if not secret_reason(reply.blocks, secret_in):
        return reply
    refused = [(block, secret_reason([block], secret_in) or WITH_IT) for block in reply.blocks]
    return replace(reply, blocks=(), refused=(*reply.refused, *refused))
