"""How the head of a request to the proxy is read, and what is passed on of it."""

import pytest
from hypothesis import given, strategies as st

from kernel_executor.network.answers import answer
from kernel_executor.network.request_head import BadRequest, Request, read_request


def head(first: str, *fields: str) -> bytes:
    return "\r\n".join([first, *fields, "", ""]).encode("latin-1")


def passed_on(*fields: str, first: str = "GET http://a.org/ HTTP/1.1") -> list[str]:
    written = read_request(head(first, *fields)).head
    assert written is not None
    return written.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")


@pytest.mark.parametrize(
    ("first", "host", "port"),
    [
        ("CONNECT a.org:443 HTTP/1.1", "a.org", 443),
        ("CONNECT A.ORG.:8443 HTTP/1.0", "a.org", 8443),
        ("CONNECT [::1]:443 HTTP/1.1", "::1", 443),
        ("CONNECT 127.0.0.1:80 HTTP/1.1", "127.0.0.1", 80),
    ],
)
def test_a_tunnel_leads_where_it_says(first: str, host: str, port: int) -> None:
    assert read_request(head(first, "Host: other.example:1")) == Request(host, port)


@pytest.mark.parametrize(
    ("first", "host", "port", "line", "host_field"),
    [
        ("GET http://a.org/b?c=d HTTP/1.1", "a.org", 80, "GET /b?c=d HTTP/1.1", "a.org"),
        ("GET http://a.org:80/ HTTP/1.1", "a.org", 80, "GET / HTTP/1.1", "a.org"),
        ("GET HTTP://A.org:8080/ HTTP/1.1", "a.org", 8080, "GET / HTTP/1.1", "a.org:8080"),
        ("GET http://a.org HTTP/1.0", "a.org", 80, "GET / HTTP/1.1", "a.org"),
        ("GET http://a.org?c HTTP/1.1", "a.org", 80, "GET /?c HTTP/1.1", "a.org"),
        ("PATCH http://[::1]:81//b.org/ HTTP/1.1", "::1", 81, "PATCH //b.org/ HTTP/1.1", "[::1]:81"),
        ("GET http://a.org/http://b.org@c/ HTTP/1.1", "a.org", 80, "GET /http://b.org@c/ HTTP/1.1", "a.org"),
    ],
)
def test_a_request_goes_where_its_url_says(first: str, host: str, port: int, line: str, host_field: str) -> None:
    request = read_request(head(first, "Host: other.example", "Accept: */*"))
    assert (request.host, request.port) == (host, port)
    assert passed_on("Host: other.example", "Accept: */*", first=first) == [
        line,
        f"Host: {host_field}",
        "Accept: */*",
        "Connection: close",
    ]


def test_what_is_for_the_proxy_only_is_not_passed_on() -> None:
    fields = [
        *("Proxy-Authorization: Basic eA==", "proxy-connection: keep-alive", "Keep-Alive: 5", "TE: trailers"),
        *("Trailer: X", "Upgrade: h2c", "Connection: X-Own , close, host,Content-Length", "x-own: 1", "X-Kept: 2"),
        *("HOST: b.org", "Content-Length: 3"),
    ]
    assert passed_on(*fields)[1:] == ["Host: a.org", "X-Kept: 2", "Content-Length: 3", "Connection: close"]


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ([], 0),
        (["Content-Length: 0"], 0),
        (["content-LENGTH:\t12 "], 12),
        (["Transfer-Encoding: chunked"], "chunked"),
        (["transfer-encoding:Chunked"], "chunked"),
    ],
)
def test_a_body_is_as_long_as_the_head_says(fields: list[str], body: object) -> None:
    assert read_request(head("POST http://a.org/ HTTP/1.1", *fields)).body == body


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (["Content-Length: 3", "Transfer-Encoding: chunked"], "several ways"),
        (["Content-Length: 3", "Content-Length: 3"], "several ways"),
        (["Transfer-Encoding: chunked", "transfer-encoding: chunked"], "several ways"),
        (["Content-Length: 3, 3"], "no number"),
        (["Content-Length: +3"], "no number"),
        (["Content-Length: -3"], "no number"),
        (["Content-Length: 0x3"], "no number"),
        (["Content-Length: 3_0"], "no number"),
        (["Content-Length:"], "no number"),
        (["Content-Length: " + "9" * 19], "no number"),
        (["Content-Length: \xb2"], "no number"),
        (["Transfer-Encoding: gzip, chunked"], "only chunked"),
        (["Transfer-Encoding: xchunked"], "only chunked"),
        (["Transfer-Encoding: chunked, identity"], "only chunked"),
        (["Transfer-Encoding:"], "only chunked"),
        (["Transfer-Encoding : chunked"], "no field"),
        (["Content-Length\t: 3"], "no field"),
        ([" Content-Length: 3"], "no field"),
        (["X: 1", " folded"], "no field"),
        (["X: 1", "\tfolded"], "no field"),
        (["X"], "no field"),
        ([": 1"], "no field"),
        (["X: a\rY: b"], "no field"),
        (["X: a\nY: b"], "no field"),
        (["X: a\0"], "no field"),
        (["X\n: a"], "no field"),
        (["", "GET http://b.org/ HTTP/1.1"], "no field"),
    ],
)
def test_a_head_that_could_be_read_in_two_ways_is_refused(fields: list[str], says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        read_request(head("POST http://a.org/ HTTP/1.1", *fields))


def test_an_older_request_has_no_chunks() -> None:
    with pytest.raises(BadRequest, match="only chunked"):
        read_request(head("POST http://a.org/ HTTP/1.0", "Transfer-Encoding: chunked"))


@pytest.mark.parametrize(
    ("first", "says"),
    [
        ("GET / HTTP/1.1", "set HTTP_PROXY"),
        ("GET https://a.org/ HTTP/1.1", "takes CONNECT"),
        ("GET ftp://a.org/ HTTP/1.1", "takes CONNECT"),
        ("GET http://a.org/#b HTTP/1.1", "takes CONNECT"),
        ("OPTIONS * HTTP/1.1", "takes CONNECT"),
        ("CONNECT a.org HTTP/1.1", "needs a host and a port"),
        ("CONNECT a.org:0 HTTP/1.1", "no port from 1 to 65535"),
        ("CONNECT http://a.org:443 HTTP/1.1", "several colons"),
        ("CONNECT a.org:443/ HTTP/1.1", "no port"),
        ("CONNECT :443 HTTP/1.1", "no host name"),
        ("CONNECT b.org@a.org:443 HTTP/1.1", "no host name"),
        ("CONNECT 127.1:443 HTTP/1.1", "no address in its usual form"),
        ("CONNECT [::ffff:127.0.0.1]:443 HTTP/1.1", "IPv4 address in IPv6's form"),
        ("CONNECT ::1:443 HTTP/1.1", "several colons"),
        ("GET http:///a.org/ HTTP/1.1", "no host name"),
        ("GET http://b.org@a.org/ HTTP/1.1", "no host name"),
        ("GET http://a.org%00.b.org/ HTTP/1.1", "no host name"),
        ("GET http://a.org\\b.org/ HTTP/1.1", "no host name"),
        ("GET http://a.org/ HTTP/2.0", "no request of HTTP/1.1"),
        ("GET http://a.org/", "no request of HTTP/1.1"),
        ("GET  http://a.org/ HTTP/1.1", "no request of HTTP/1.1"),
        ("GET http://a.org/ b HTTP/1.1", "no request of HTTP/1.1"),
        ("GET http://a.org/\tHTTP/1.1", "no request of HTTP/1.1"),
        ("GET http://a.org/\xe4 HTTP/1.1", "no request of HTTP/1.1"),
        ("GET http://a.org/\n HTTP/1.1", "no request of HTTP/1.1"),
        ("GET http://a.org/ HTTP/1.1\n", "no request of HTTP/1.1"),
        (" GET http://a.org/ HTTP/1.1", "no request of HTTP/1.1"),
        ("G(T http://a.org/ HTTP/1.1", "no request of HTTP/1.1"),
        ("", "no request of HTTP/1.1"),
    ],
)
def test_what_is_no_request_to_a_proxy_is_refused(first: str, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        read_request(head(first))


FIELDS = st.text("abcXY:-, \t\r\n\0\x80chunked0123456789", max_size=40)
NAMES = st.sampled_from(["Content-Length", "Transfer-Encoding", "Connection", "X", "Host", "Content-Length ", " X"])


@given(st.lists(st.tuples(NAMES, FIELDS).map(lambda field: f"{field[0]}: {field[1]}"), max_size=4))
def test_what_is_passed_on_is_understood_as_it_was(fields: list[str]) -> None:
    """Each line once more is one field, and the body is said to be as long as we take it to be."""
    try:
        request = read_request(head("POST http://a.org/ HTTP/1.1", *fields))
    except BadRequest:
        return
    assert request.head is not None
    again = read_request(request.head.replace(b"POST /", b"POST http://a.org/", 1))
    assert again.body == request.body
    assert again.head == request.head


@given(st.text(max_size=50), st.text(max_size=50))
def test_an_answer_is_one_whatever_it_quotes(reason: str, advice: str) -> None:
    first, _, rest = answer(403, reason, advice).partition(b"\r\n")
    fields, _, text = rest.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 403 ")
    assert not any(byte < 32 or byte > 126 for byte in first)
    assert f"Content-Length: {len(text)}".encode() in fields.split(b"\r\n")
