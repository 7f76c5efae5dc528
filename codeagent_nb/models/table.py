"""Lists the models that can be used here, for people. Knows rich; asks no server."""

from collections.abc import Mapping
from importlib.util import find_spec

from rich.table import Table
from rich.text import Text

from codeagent_nb.models.choose import LOCAL_NAME
from codeagent_nb.models.embedded import weights


def model_table(environment: Mapping[str, str]) -> Table:
    """Return what models can be used here, and how."""
    table = Table("model", "state", "how", title=None)
    known = weights.KNOWN_MODEL
    path = weights.find(environment)
    if find_spec("xllamacpp") is None:
        state, how = "no server", "pip install 'codeagent-nb[local]'"
    else:
        state, how = ("ready", str(path)) if path else ("not fetched", "codeagent-nb model fetch")
    rows = [(f"{LOCAL_NAME} ({known.name}, {known.size / 1e9:.1f} GB)", state, how)]
    key, url = environment.get("OPENAI_API_KEY"), environment.get("OPENAI_BASE_URL")
    server = url or "OpenAI"
    rows.append(
        (
            environment.get("CODEAGENT_MODEL") or "any model of an OpenAI-compatible server",
            server if key or url else "no key, no server",
            "--model NAME" if key or url else "set OPENAI_API_KEY, or OPENAI_BASE_URL and CODEAGENT_MODEL",
        )
    )
    for row in rows:
        table.add_row(*map(Text, row))  # not strings: brackets in a path are no markup
    return table
