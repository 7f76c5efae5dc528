"""Reads the address of a model's server: is it one, and what people are shown of it. Pure: asks nobody."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

OPENAI_HOST = "api.openai.com"
OPENAI_URL = f"https://{OPENAI_HOST}/v1"

NO_KEY = "none"
"""The key for servers that have none: the SDK insists on one."""

_NO_SECRET = frozenset({"api-version"})  # of a query: Azure needs it; any other name may hold a key
_PASSWORD = re.compile(r"(?:(?<=//)|^)[^/?#]*@")


def is_address(url: str) -> bool:
    """Return whether a text is the address of a server: a scheme that can be spoken, a host, a port that exists."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def host_of(url: str) -> str:
    """Return the host of an address; of a text that is none, all that is no password."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    return host or without_password(url) or "no address"


def endpoint(url: str, name: str) -> str:
    """Return the address of a part of an API; what the API's own address has behind a `?` comes last."""
    parts = urlsplit(url)
    return parts._replace(path=f"{parts.path.rstrip('/')}/{name}", fragment="").geturl()


def without_password(url: str) -> str:
    """Return an address without what stands before an `@`."""
    return _PASSWORD.sub("", url)


def without_secrets(url: str) -> str:
    """Return an address without password, fragment and all of its query that may be a key; "" of what is no address."""
    if not is_address(url):
        return ""
    parts = urlsplit(without_password(url))
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name.lower() in _NO_SECRET]
    return parts._replace(query=urlencode(kept), fragment="").geturl()
