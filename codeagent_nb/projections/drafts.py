"""The code in a reply that is still being written. Pure."""

import re

from codeagent_nb.reply.run_policy import read_reply
from kernel_executor import CodeBlock
from kernel_executor.languages import normalize

DRAFT_LIMIT = 50_000
"""Characters of a reply that is still being written; a longer one is read once, when it is whole."""

FENCE_BEGUN = re.compile(r"^[ \t]*[`~][^\n]*\Z", re.MULTILINE)  # a last line that may become one


def written(reply: str) -> list[CodeBlock]:
    """Return the code in a reply that is still being written, the last block perhaps without its end."""
    if len(reply) > DRAFT_LIMIT or not ("```" in reply or "~~~" in reply):
        return []
    blocks = read_reply(FENCE_BEGUN.sub("", reply)).written
    return [block for block in blocks if normalize(block.language) in {"python", "bash"}]
