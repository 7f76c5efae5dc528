"""Reads the head of a request to a proxy, and writes what is passed on of it. Pure; opens nothing, decides nothing.

Strict, because what two programs read differently is how requests are smuggled: there is one way to say how long a body
is, a line ends in CR LF, and what is passed on is written from what was understood.
"""

import re
from dataclasses import dataclass
from typing import Literal

from kernel_executor.network.hosts import authority, read_authority

WEB_PORT = 80

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}) ([\x21-\x7e]+) HTTP/1\.([01])")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
_URL = re.compile(r"http://([^/?#]*)([^#]*)", re.IGNORECASE)
_LENGTH = re.compile(rb"[0-9]{1,18}")

NOT_PASSED_ON = frozenset(
    {
        *(b"connection", b"host", b"keep-alive", b"te", b"trailer", b"upgrade"),
        *(b"content-length", b"transfer-encoding"),  # written again, as they were understood
    }
)

Body = int | Literal["chunked"]
"""How long a body is: so many bytes, or as its chunks say."""


class BadRequest(ValueError):  # noqa: N818 - named after the status, as in HTTP
    """A request that is not passed on; the message says why."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a proxy, understood.

    Args:
        host: Where it is to go, in the form that is compared.
        port: The port there.
        head: What is sent there first; None for a tunnel, where all is the client's own.
        body: How much of what follows belongs to it.
    """

    host: str
    port: int
    head: bytes | None = None
    body: Body = 0


def read_request(head: bytes) -> Request:
    """Read a head, with the empty line at its end.

    Raises:
        BadRequest: It cannot be understood, or could be in two ways.
    """
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if not line:
        raise BadRequest("the first line is no request of HTTP/1.1")
    method, target, minor = line[1], line[2].decode("ascii"), line[3]
    fields = [_read_field(each) for each in lines]
    if method == b"CONNECT":
        host, port = _read_place(target)
        if port is None:
            raise BadRequest("CONNECT needs a host and a port")
        return Request(host, port)
    url = _URL.fullmatch(target)
    if not url:
        raise BadRequest("this is a proxy: it takes CONNECT host:port and http:// URLs; set HTTP_PROXY or HTTPS_PROXY")
    host, port = _read_place(url[1])
    body = _read_body(fields, is_older=minor == b"0")
    path = url[2] if url[2].startswith("/") else f"/{url[2]}"
    start = b"%s %s HTTP/1.1" % (method, path.encode("ascii"))
    port = WEB_PORT if port is None else port
    return Request(host, port, _written(start, _host_field(host, port), fields, body), body)


def _read_field(line: bytes) -> tuple[bytes, bytes]:
    field = _FIELD.fullmatch(line)
    if not field:  # a line that goes on with the one before begins with a space, and is none either
        raise BadRequest("a line of the head is no field")
    return field[1], field[2]


def _read_place(text: str) -> tuple[str, int | None]:
    try:
        return read_authority(text)
    except ValueError as error:
        raise BadRequest(f"the host of the request {error}") from None


def _host_field(host: str, port: int) -> bytes:
    return authority(host, None if port == WEB_PORT else port).encode("ascii")


def _read_body(fields: list[tuple[bytes, bytes]], *, is_older: bool) -> Body:
    lengths = [value for name, value in fields if name.lower() == b"content-length"]
    codings = [value for name, value in fields if name.lower() == b"transfer-encoding"]
    if len(lengths) + len(codings) > 1:
        raise BadRequest("the head says in several ways how long the body is")
    if codings:
        if is_older or codings[0].lower() != b"chunked":
            raise BadRequest("of transfer codings only chunked is understood, in HTTP/1.1", 501)
        return "chunked"
    if not lengths:
        return 0
    if not _LENGTH.fullmatch(lengths[0]):
        raise BadRequest("Content-Length is no number")
    return int(lengths[0])


def _written(start: bytes, host: bytes, fields: list[tuple[bytes, bytes]], body: Body) -> bytes:
    named = {
        word.strip().lower() for name, value in fields if name.lower() == b"connection" for word in value.split(b",")
    }
    kept = [
        (name, value)
        for name, value in fields
        if (lower := name.lower()) not in NOT_PASSED_ON | named and not lower.startswith(b"proxy-")
    ]
    if body == "chunked":
        kept.append((b"Transfer-Encoding", b"chunked"))
    elif any(name.lower() == b"content-length" for name, _ in fields):
        kept.append((b"Content-Length", b"%d" % body))
    kept = [(b"Host", host), *kept, (b"Connection", b"close")]
    return b"\r\n".join([start, *(b"%s: %s" % field for field in kept), b"", b""])
