"""Owns which values of an environment are secret. Pure; must not know where they could stand.

* The value of a variable that is named like a key (`kernel_executor.sandbox.environment.names_secret`).
* In an address, whatever its variable is called: the password, a user name that is a token (`https://TOKEN@host`), and
  parameters named like keys (`?api_key=`).

A weak value masks nothing, for it would be taken out of innocent text: `DB_PASSWORD=password`, `DEBUG_TOKEN=true`,
`PRIMARY_KEY=customer_id`.
"""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from kernel_executor.secret_names import names_secret

MIN_LENGTH = 8  # characters
MIN_KINDS = 4  # different characters: "********", "0000-0000"
MIN_TOKEN = 16  # characters of a user name without a password; a shorter one, "deployer" say, is somebody's name

ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://(?:(?P<user>[^\s/?#@:]*)(?::(?P<password>[^\s/?#]*))?@)?[^\s\"'<>]*")
PARAMETER = re.compile(r"[?&;#](?P<name>[\w.-]+)=(?P<value>[^\s&;#\"'<>]+)")
SIGNATURES = frozenset({"sig", "signature", "code", "sas"})
"""Parameters that sign an address; as names of variables they would be harmless."""

PATH = re.compile(r"~?(/[\w.@ +-]+)+/?")
IDENTIFIER = re.compile(r"(?=.{1,15}\Z)_*[a-z]+(?:_+[a-z]+)+_*")
LONG_PART = re.compile(r"[\w+-]{16,}")
"""In a path, a part of this length with letters of both cases and digits may be half of a key in base64."""

OF_PLACES = re.compile(r"(?:ASKPASS|_DIR|_FILE|_PATH)$", re.IGNORECASE)
"""Names of variables that say where something is."""

OF_NUMBERS = re.compile(r"(?:^|_)(?:MAX|MIN|NUM|COUNT|LIMIT|TOTAL)(?:_|$)|TOKENS$", re.IGNORECASE)
"""Names of variables that say how many."""

MAX_COUNT = 11  # digits of a number that is no key where a variable says how many

WORDS = frozenset(
    {
        *("access", "admin", "administrator", "api", "app", "auth", "bar", "baz", "bearer", "bot", "change"),
        *("changeme", "client", "cloud", "config", "cookie", "credential", "data", "database", "db", "debug"),
        *("default", "demo", "dev", "develop", "developer", "development", "disabled", "docker", "dummy", "empty"),
        *("enabled", "env", "example", "fake", "false", "file", "foo", "guest", "here", "host", "http", "https"),
        *("insert", "jwt", "key", "keys", "letmein", "live", "local", "localhost", "login", "main", "master", "me"),
        *("mongo", "mongodb", "my", "mysql", "name", "no", "none", "not", "null", "off", "on", "open", "pass"),
        *("passwd", "password", "placeholder", "postgres", "postgresql", "prod", "production", "public", "qwerty"),
        *("rabbitmq", "read", "redis", "replace", "required", "root", "sa", "sample", "secret", "secrets"),
        *("service", "session", "set", "sqlite", "stage", "staging", "super", "system", "temp", "template", "test"),
        *("testing", "the", "this", "to", "todo", "token", "true", "undefined", "unknown", "unset", "unused"),
        *("user", "username", "value", "welcome", "write", "yes", "you", "your"),
    }
)
"""What people write where a secret is not needed or not there yet; a value of these and of numbers is weak."""


def of_environment(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the secrets of an environment: the name of the variable, and the value."""
    return [(name, value) for name, value in _candidates(environment) if not is_weak(value)]


def weak_names(environment: Mapping[str, str]) -> list[str]:
    """Return the variables that are named like keys and whose values are too weak to be masked."""
    found = [(name, value) for name, value in _candidates(environment) if value]
    return sorted({name for name, _ in found} - {name for name, value in found if not is_weak(value)})


def is_weak(value: str) -> bool:
    """Return whether a value is short, uniform, a path, a name of code, or made of ordinary words and numbers."""
    if len(value) < MIN_LENGTH or len(set(value)) < MIN_KINDS:
        return True
    if IDENTIFIER.fullmatch(value) or _is_path(value):
        return True
    parts = re.findall(r"[^\W\d_]+|\d+", value)
    return all(part.lower() in WORDS or (part.isdigit() and len(part) < MIN_LENGTH) for part in parts)


def _is_path(value: str) -> bool:
    kinds = (str.isupper, str.islower, str.isdigit)
    keys = (part for part in LONG_PART.findall(value) if all(any(map(kind, part)) for kind in kinds))
    return bool(PATH.fullmatch(value)) and not any(keys)


def in_addresses(text: str) -> Iterator[tuple[str, str]]:
    """Yield what is secret in the addresses of a text, each with what it is."""
    if "://" not in text:
        return
    for address in ADDRESS.finditer(text):
        user, password = address["user"], address["password"]
        if password:
            yield from _spelled("password", password)
        elif user and len(user) >= MIN_TOKEN:
            yield from _spelled("user name", user)
        for parameter in PARAMETER.finditer(address[0]):
            if names_key(parameter["name"]):
                yield from _spelled(parameter["name"], parameter["value"])


def names_key(parameter: str) -> bool:
    """Return whether a parameter of an address promises a key."""
    return parameter.lower() in SIGNATURES or names_secret(re.sub(r"\W", "_", parameter))


def _spelled(what: str, value: str) -> list[tuple[str, str]]:
    """As it stands in the address, and as it is typed elsewhere."""
    return [(what, value), (what, unquote(value))]


def _candidates(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in environment.items():
        secret_parts = [part for _, part in in_addresses(value)]
        if names_secret(name) and (secret_parts or not _is_harmless(name, value)):
            yield name, value
            yield from ((name, line) for line in value.splitlines() if len(line) < len(value) and " " not in line)
        yield from ((name, part) for part in secret_parts)


def _is_harmless(name: str, value: str) -> bool:
    """Return whether a value is no key whatever its name promises: an address, a place, a number of something."""
    is_count = OF_NUMBERS.search(name) and value.isdigit() and len(value) <= MAX_COUNT
    return bool(ADDRESS.fullmatch(value) or OF_PLACES.search(name) or is_count)
