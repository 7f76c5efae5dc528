"""Lists the models that can be used here, for people. Knows rich; asks no server."""

from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec

from rich.table import Column, Table
from rich.text import Text

from codeagent_nb.errors import WeightsError
from codeagent_nb.models.choose import LOCAL_NAME, default_model
from codeagent_nb.models.embedded import weights
from codeagent_nb.models.openai.addresses import OPENAI_HOST, host_of
from codeagent_nb.models.served import Served

IN_USE = "▶"

Row = tuple[str, str, str, str]
"""Name, what it is called here, state, and how it is used or had."""


def model_table(
    environment: Mapping[str, str],
    served: Served | None = None,
    *,
    used: str | None = None,
    switch: str = "--model",
    masked: Callable[[str], str] = str,
) -> Table:
    """Return what models can be used here, and how; the one in use is marked.

    Args:
        environment: Names the server, and where the embedded model is.
        served: What that server said of its models, if it was asked.
        used: The name of the one in use; None for what the environment chooses.
        switch: How another one is chosen: this, and its name.
        masked: Takes secrets out of a text: a server may quote a key.
    """
    table = Table("", *(Column(name, overflow="fold") for name in ("model", "state", "how")), title=None)
    embedded = _embedded(environment, switch)  # first: looking removes a damaged file, and only then tells of it
    in_use = default_model(environment) if used is None else used
    for name, *told in (embedded, *_of_server(environment, served, in_use, switch)):
        mark = IN_USE if in_use and name == in_use else ""
        table.add_row(*map(Text, map(masked, (mark, *told))))  # not strings: brackets in a path are no markup
    return table


def _embedded(environment: Mapping[str, str], switch: str) -> Row:
    known = weights.KNOWN_MODEL
    label = f"{LOCAL_NAME} ({known.name}, {known.size / 1e9:.1f} GB)"
    if find_spec("xllamacpp") is None:
        return LOCAL_NAME, label, "no server", "pip install 'codeagent-nb[local]'"
    try:
        path = weights.find(environment)
    except WeightsError as error:
        return LOCAL_NAME, label, "cannot be used", str(error)
    if path is None:
        return LOCAL_NAME, label, "not fetched", "codeagent-nb model fetch"
    return LOCAL_NAME, label, f"ready: {path}", f"{switch} {LOCAL_NAME}"


def _of_server(environment: Mapping[str, str], served: Served | None, used: str, switch: str) -> Iterator[Row]:
    url, key, wanted = (environment.get(name) for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "CODEAGENT_MODEL"))
    if not (key or url):
        how = "set OPENAI_API_KEY, or OPENAI_BASE_URL and CODEAGENT_MODEL"
        yield "", wanted or "any model of an OpenAI-compatible server", "no key, no server", how
        return
    host = host_of(url) if url else OPENAI_HOST
    names = served.names if served else ()
    for name in dict.fromkeys(name for name in (used, wanted) if name and name != LOCAL_NAME):
        if name not in names:
            yield name, name, f"{host}; not in its list" if names else host, f"{switch} {name}"
    for name in names:
        yield name, name, host, f"{switch} {name}"
    if not names:
        said, _, advice = (served.problem if served else "").partition(" -> ")
        yield "", f"models of {host}", said or "not asked", advice or f"{switch} NAME"
