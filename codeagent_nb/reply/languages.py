"""Which languages an agent runs: AutoGen's `supported_languages`. Pure; knows replies and no model."""

from collections.abc import Sequence
from dataclasses import replace

from codeagent_nb.reply.run_policy import Reply
from kernel_executor import CodeBlock
from kernel_executor.languages import normalize

SUPPORTED_LANGUAGES = ("python", "sh")
"""AutoGen's default; all aliases of each are meant."""

KNOWN = ("python", "bash")


def check_languages(names: Sequence[str]) -> tuple[str, ...]:
    """Return languages by the names they are known by here, each once.

    Args:
        names: Names or aliases, e.g. `python`, `py`, `sh`, `bash`.

    Raises:
        ValueError: There is none, or one that cannot be run.
    """
    languages = tuple(dict.fromkeys(normalize(name) for name in names))
    if unknown := [name for name in names if normalize(name) not in KNOWN]:
        raise ValueError(f"supported_languages: {unknown[0]!r} cannot be run here; python and sh can")
    if not languages:
        raise ValueError("supported_languages is empty: name at least one of python and sh")
    return languages


def only(reply: Reply, languages: Sequence[str]) -> Reply:
    """Return a reply of which only code in these languages runs; the rest is refused with a reason.

    Args:
        reply: The reply.
        languages: As `check_languages` gives them.
    """
    refused = [block for block in reply.blocks if not _is_one_of(block, languages)]
    if not refused:
        return reply
    reason = f"only {' and '.join(languages)} code is run here"
    kept = tuple(block for block in reply.blocks if _is_one_of(block, languages))
    return replace(reply, blocks=kept, refused=(*reply.refused, *((block, reason) for block in refused)))


def _is_one_of(block: CodeBlock, languages: Sequence[str]) -> bool:
    return normalize(block.language or "python") in languages  # untagged code runs only if it is Python
