"""Reads host names, addresses and ports in the one form that is compared. Pure; knows not what is allowed.

There is one way to write each host, and what has several is refused: `127.1`, `0x7f000001` and `2130706433` are all
127.0.0.1 to the C library, and a comparison of texts would not know.
"""

import ipaddress
import re

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_NAME = 253
"""Characters of a host name, by RFC 1035; longer ones are not looked at, for IDNA takes quadratic time."""

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)

AMBIGUOUS = "ßςẞ\u200c\u200d"
"""Letters that the two standards of IDNA read differently, so that a name with one may be either of two."""


def read_host(text: str) -> str:
    """Return a host in the form that is compared: lower case, ASCII, no trailing dot, no brackets.

    Raises:
        ValueError: It is no host name and no address in its usual form; the message says what it is, without it.
    """
    if address := address_of(text):
        return str(address)
    name = text.removesuffix(".")
    if not name or len(name) > MAX_NAME:
        raise ValueError("is no host name")
    if any(letter in AMBIGUOUS for letter in name):
        raise ValueError("can be read as two names: write it as its owner does in ASCII, `xn--...`")
    try:
        name = name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise ValueError("is no host name") from None
    labels = name.split(".")
    if len(name) > MAX_NAME or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("is no host name")
    if _NUMBER.fullmatch(labels[-1]):  # no top-level domain is; the C library takes it for an address
        raise ValueError("is no address in its usual form: write four decimal numbers, like 192.0.2.1")
    return name


def address_of(text: str) -> Address | None:
    """Return the address that a text is, None if it is none.

    Raises:
        ValueError: It is one that can be written in another way, too, or belongs to one network interface.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            raise ValueError(f"is an IPv4 address in IPv6's form: write {address.ipv4_mapped}")
        if address.scope_id is not None:
            raise ValueError("has a zone: write the address without what follows %")
    return address


def read_authority(text: str) -> tuple[str, int | None]:
    """Return the host, in the form that is compared, and the port of `host`, `host:port` or `[address]:port`.

    Raises:
        ValueError: It is none of these; the message says what it is, without it.
    """
    if text.startswith("["):
        inner, closed, rest = text[1:].partition("]")
        address = address_of(inner)
        if not closed or address is None or address.version != 6 or (rest and not rest.startswith(":")):
            raise ValueError("is no IPv6 address in brackets: write it like [2001:db8::1]:443")
        return str(address), read_port(rest[1:]) if rest else None
    if text.count(":") > 1:
        raise ValueError("has several colons: write an IPv6 address in brackets, like [::1]:8123")
    host, colon, port = text.partition(":")
    return read_host(host), read_port(port) if colon else None


def read_port(text: str) -> int:
    """Return a port.

    Raises:
        ValueError: It is no number from 1 to 65535.
    """
    if not _PORT.fullmatch(text) or not 1 <= (port := int(text)) <= 65_535:
        raise ValueError("has no port from 1 to 65535 after its colon")
    return port


def authority(host: str, port: int | None = None) -> str:
    """Return a host and a port as one text."""
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"
