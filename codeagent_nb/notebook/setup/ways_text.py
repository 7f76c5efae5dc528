"""The ways to a model as text, with the commands of a notebook, for where no card can be shown. Pure."""

import shlex
import sys
from importlib.util import find_spec

from codeagent_nb.models.servers import KNOWN_SERVERS
from codeagent_nb.notebook.setup.model_setup import EMBEDDED_SERVER


def ways_in_cells(reason: str) -> str:
    """Return why there is no model, and the commands for cells that give one.

    Args:
        reason: Why there is none, in a sentence.
    """
    python = shlex.quote(sys.executable)
    install = [] if find_spec(EMBEDDED_SERVER) else ["       %pip install 'codeagent-nb[local]'"]
    others = ", ".join(f"{name}: {port}" for name, port in KNOWN_SERVERS.items() if name != "Ollama")
    return "\n".join(
        [
            f"{reason} Each of these gives the agent a model; run it in a cell, then the task again:",
            "  1. The embedded model: on this machine, no key, 1.1 GB once.",
            *install,
            f"       !{python} -m codeagent_nb model fetch",
            "       %config CodeAgent.model = 'local'",
            "  2. A key; typed so, it is in no file:",
            "       import os, getpass; os.environ['OPENAI_API_KEY'] = getpass.getpass('Key: ')",
            "  3. A server on this machine: Ollama, say, with a model that `ollama list` names.",
            f"       %env OPENAI_BASE_URL=http://localhost:{KNOWN_SERVERS['Ollama']}/v1",
            "       %env CODEAGENT_MODEL=qwen2.5-coder:7b",
            f"     Others listen at other ports ({others}).",
        ]
    )
