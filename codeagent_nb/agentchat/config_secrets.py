"""Keeps keys and passwords out of configs: they are written to files and sent to others. Knows no component."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from codeagent_nb.log.redaction import Secrets
from codeagent_nb.masking.values import in_addresses
from kernel_executor.secret_names import names_secret

_HEADERS = frozenset({"authorization", "proxy_authorization", "cookie"})
_HARMLESS = frozenset({"prompt_cache_key"})  # OpenAI's name for what shares a prompt's beginning
_IN_ADDRESS = re.compile(r"://[^/\s@:]*:[^/\s@]+@|(?:https?|wss?)://[^/\s@?#]+@")  # a user name alone is a token there


def refuse_secrets(config: Mapping[str, Any], path: str, secrets: Secrets) -> None:
    """Check what is about to be written.

    Args:
        config: Arguments as JSON has them.
        path: Where they belong, for the message.
        secrets: What else is secret.

    Raises:
        ValueError: A text is named like a key, holds a secret of the environment, or an address with a key in it.
    """
    for where, key, text in _texts(config, path, ""):
        if _names_key(key):
            raise ValueError(f"argument {where!r} looks like a key, which a config must not hold: {_ADVICE}")
        if _IN_ADDRESS.search(text):
            raise ValueError(f"argument {where!r} holds an address with a password in it: {_ADVICE}")
        if found := next(iter(in_addresses(text)), None):
            raise ValueError(f"argument {where!r} holds an address with a key in it ({found[0]}): {_ADVICE}")
        if secrets.name_in(text):
            raise ValueError(f"argument {where!r} holds the value of a secret variable of the environment: {_ADVICE}")


_ADVICE = "leave it out, and give it through the environment or in code where the config is loaded"


def _names_key(key: str) -> bool:
    name = key.replace("-", "_")
    return name not in _HARMLESS and (name.lower() in _HEADERS or names_secret(name))


def _texts(value: Any, where: str, key: str) -> Iterator[tuple[str, str, str]]:
    """Yield each text that is not empty, with where it stands and the last name on the way to it."""
    if isinstance(value, str) and value:
        yield where, key, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(item, f"{where.removesuffix('.')}.{name}".removeprefix("."), str(name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{where}[{index}]", key)
