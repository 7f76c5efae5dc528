"""Which hosts and ports are allowed, however they are written; what is no entry is explained."""

import ipaddress
import socket
from typing import Any

import pytest
from hypothesis import given, strategies as st

from kernel_executor.network.names import EVERYTHING, AllowedNames, Verdict, entry_for, parse
from kernel_executor.network.public import is_public

REFUSED = Verdict(allowed=False, private=False)
PUBLIC_ONLY = Verdict(allowed=True, private=False)
PRIVATE_TOO = Verdict(allowed=True, private=True)

LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True).filter(lambda label: label[2:4] != "--")
NAMES = st.lists(LABELS, min_size=2, max_size=4).map(".".join).filter(lambda name: not name.endswith(".localhost"))
PORTS = st.integers(1, 65_535)


@pytest.mark.parametrize(
    ("entry", "host", "port", "verdict"),
    [
        ("data.example.org", "data.example.org", 443, PUBLIC_ONLY),
        ("data.example.org", "data.example.org", 80, PUBLIC_ONLY),
        ("data.example.org", "data.example.org", 8443, REFUSED),
        ("data.example.org", "example.org", 443, REFUSED),
        ("data.example.org", "more.data.example.org", 443, REFUSED),
        ("data.example.org:8443", "data.example.org", 8443, PRIVATE_TOO),
        ("data.example.org:8443", "data.example.org", 443, REFUSED),
        ("*.example.org", "data.example.org", 443, PUBLIC_ONLY),
        ("*.example.org", "a.b.example.org", 80, PUBLIC_ONLY),
        ("*.example.org", "example.org", 443, REFUSED),
        ("*.example.org", "badexample.org", 443, REFUSED),
        ("*.example.org:8443", "data.example.org", 8443, PUBLIC_ONLY),
        ("localhost:8123", "localhost", 8123, PRIVATE_TOO),
        ("localhost:8123", "127.0.0.1", 8123, REFUSED),
        ("127.0.0.1:8123", "127.0.0.1", 8123, PRIVATE_TOO),
        ("127.0.0.1:8123", "127.0.0.1", 8124, REFUSED),
        ("[::1]:8123", "::1", 8123, PRIVATE_TOO),
        ("[::1]:8123", "0:0:0:0:0:0:0:1", 8123, PRIVATE_TOO),
        ("192.168.1.5:9000", "192.168.1.5", 9000, PRIVATE_TOO),
        ("8.8.8.8", "8.8.8.8", 443, PUBLIC_ONLY),
        ("[2606:4700::1]", "2606:4700::1", 443, PUBLIC_ONLY),
    ],
)
def test_an_entry_allows_its_hosts_at_its_ports(entry: str, host: str, port: int, verdict: Verdict) -> None:
    assert parse([entry]).verdict(host, port) == verdict


@pytest.mark.parametrize(
    ("entry", "host"),
    [
        ("Data.Example.ORG", "data.example.org"),
        ("data.example.org", "DATA.EXAMPLE.ORG"),
        ("data.example.org.", "data.example.org"),
        ("data.example.org", "data.example.org."),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "Bücher.example"),
        ("XN--bcher-kva.example", "bücher。example"),
        ("*.bücher.example", "a.xn--bcher-kva.example"),
    ],
)
def test_one_name_is_written_in_many_ways(entry: str, host: str) -> None:
    assert parse([entry]).verdict(host, 443) == PUBLIC_ONLY


NUMBERS = [
    *("0x7f000001", "2130706433", "127.1", "127.0.1", "0177.0.0.1", "127.0.0.01", "0x7f.0.0.1", "127.0.0.1."),
    *("0", "0x", "::ffff:127.0.0.1", "::ffff:7f00:1", "[::1]", "::1%lo", "fe80::1%eth0", "١٢٧.0.0.1"),
]

TRICKS = [
    *NUMBERS,
    *("localhost.", "a.localhost", "foo.example.org.evil.com", "example.org@evil.com", "evil.com/.example.org"),
    *("example.org:80", "evil.com#.example.org", "a.example.org\0.evil.com", "a.example.org\0", "\0.example.org"),
    *("a%00.example.org", "a b.example.org", " a.example.org", "a.example.org\n", "a.example.org\r\nx"),
    *("a\t.example.org", ".example.org", "..example.org", "a..example.org", "a.example.org..", "", "."),
    *("-.example.org", "℀.example.org", "a\uff0f.example.org", "*.example.org", "a\\.example.org", "ß.example.org"),
    *("a\u200d.example.org", "\ud800.example.org", "x" * 64 + ".example.org", "a." * 130 + "example.org"),
]


@pytest.mark.parametrize("host", TRICKS)
def test_no_way_to_write_it_leads_elsewhere(host: str) -> None:
    allowed = parse(["*.example.org", "127.0.0.1:443", "example.org", "[::1]:443"])
    assert allowed.verdict(host, 443) == REFUSED


PRIVATE = ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "localhost", "localhost.", "a.localhost", "intranet"]


@pytest.mark.parametrize("host", [*PRIVATE, *NUMBERS])
def test_everything_is_every_public_name_and_no_other(host: str) -> None:
    assert EVERYTHING.verdict(host, 443) == REFUSED
    assert EVERYTHING.verdict("data.example.org", 443) == PUBLIC_ONLY
    assert EVERYTHING.verdict("data.example.org", 22) == REFUSED


def test_something_private_can_be_named_beside_everything() -> None:
    allowed = EVERYTHING.with_name("localhost:8123")
    assert allowed.verdict("localhost", 8123) == PRIVATE_TOO
    assert allowed.verdict("data.example.org", 80) == PUBLIC_ONLY
    assert allowed.verdict("localhost", 80) == REFUSED


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("https://x.org/path", "write the name alone, 'x.org'"),
        ("http://localhost/", "write the name alone, 'localhost:80'"),
        ("https://localhost:8443", "write the name alone, 'localhost:8443'"),
        ("x.org/path", "write the name alone, 'x.org'"),
        ("https://", "write the name alone"),
        ("", "is empty: write a name"),
        ("  ", "is empty: write a name"),
        ("a b.org", "'a b.org' in network= is no host name: write a name"),
        ("*", 'write network="all"'),
        ("all", 'write network="all"'),
        ("none", 'write network="none"'),
        ("*.org", "too wide: write sub-domains"),
        ("*.127.0.0.1", "too wide: write sub-domains"),
        ("*example.org", "no host name: write a name"),
        ("a.*.org", "no host name: write a name"),
        ("x.org:0", "has no port from 1 to 65535"),
        ("x.org:65536", "has no port from 1 to 65535"),
        ("x.org:", "has no port from 1 to 65535"),
        ("x.org:https", "has no port from 1 to 65535"),
        ("x.org:٨٠", "has no port from 1 to 65535"),
        ("::1", r"in brackets, like \[::1\]:8123"),
        ("[::1", "no IPv6 address in brackets"),
        ("[::1]8123", "no IPv6 address in brackets"),
        ("[x.org]:80", "no IPv6 address in brackets"),
        ("[127.0.0.1]:80", "no IPv6 address in brackets"),
        ("[::ffff:127.0.0.1]:80", "write 127.0.0.1"),
        ("[fe80::1%eth0]:80", "has a zone: write the address without"),
        ("127.1:80", "write four decimal numbers"),
        ("2130706433:80", "write four decimal numbers"),
        ("localhost", "name its port, too, e.g. 'localhost:80'"),
        ("192.168.1.5", "name its port, too, e.g. '192.168.1.5:80'"),
        ("[::1]", r"name its port, too, e.g. '\[::1\]:80'"),
        ("intranet", "name its port, too, e.g. 'intranet:80'"),
        ("faß.de", "can be read as two names"),
        (5, "5 in network= is no text"),
        (None, "None in network= is no text"),
    ],
)
def test_what_is_no_entry_is_named_with_what_to_write_instead(entry: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse([entry])


def test_a_password_in_an_entry_is_not_quoted() -> None:
    with pytest.raises(ValueError, match=r"write the name alone, 'x.org'$") as caught:
        parse(["https://me:secret@x.org/"])
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("names", ["x.org", 5, None])
def test_names_are_a_list(names: Any) -> None:
    with pytest.raises(ValueError, match="is no list: write"):
        parse(names)


def test_a_long_entry_is_quoted_in_part() -> None:
    with pytest.raises(ValueError, match="is no host name") as caught:
        parse(["x" * 100_000])
    assert len(str(caught.value)) < 400


def test_names_are_shown_in_the_order_given_each_once() -> None:
    allowed = parse(["b.org", "*.a.org:8443", "[::1]:80"]).with_name("c.org").with_name("B.org.")
    assert allowed.summary() == str(allowed) == "b.org, *.a.org:8443, [::1]:80, c.org"
    assert parse([]).summary() == "nothing"
    assert EVERYTHING.with_name("localhost:80").summary() == "every public name (ports 80 and 443), localhost:80"


def test_adding_a_name_changes_no_other_value() -> None:
    before = parse(["b.org"])
    assert before.with_name("c.org") == parse(["b.org", "c.org"])
    assert before == AllowedNames(before.names)


@given(NAMES, PORTS)
def test_the_entry_for_a_connection_allows_it_and_hardly_more(host: str, port: int) -> None:
    allowed = parse([entry_for(host, port)])
    assert allowed.verdict(host, port).allowed
    assert allowed.verdict(host, port).private is (port not in {80, 443})
    assert not allowed.verdict(f"x.{host}", port).allowed


@given(st.ip_addresses().filter(lambda address: address.version == 4 or not address.ipv4_mapped), PORTS)
def test_an_address_is_allowed_by_its_own_entry(address: Any, port: int) -> None:
    entry = entry_for(str(address), port)
    assert parse([entry]).verdict(str(address), port).allowed
    assert parse([entry]).verdict(address.exploded, port).allowed


@given(st.text(max_size=60), PORTS)
def test_whatever_is_allowed_below_a_name_ends_in_it(host: str, port: int) -> None:
    allowed = parse(["*.example.org", "*.example.org:8443"])
    for each in (host, f"{host}.example.org", f"{host}example.org"):
        if allowed.verdict(each, port).allowed:
            assert each.encode("idna").decode().lower().removesuffix(".").endswith(".example.org")


@given(st.text(max_size=60) | st.text("0123456789abcdefx.:[]%@/*-", max_size=30))
def test_every_text_is_an_entry_or_explained(entry: str) -> None:
    """What is shown of an entry can be written as one again."""
    try:
        shown = str(parse([entry]))
    except ValueError as error:
        shown = str(error)
    assert "network=" in shown or str(parse([shown])) == shown


@given(st.text("0123456789abcdefxX.", max_size=20), PORTS)
def test_what_the_c_library_takes_for_a_loopback_address_is_none_here(host: str, port: int) -> None:
    try:
        is_loopback = socket.inet_aton(host)[0] == 127
    except OSError:
        is_loopback = False
    if is_loopback and host != socket.inet_ntoa(socket.inet_aton(host)):
        assert not EVERYTHING.verdict(host, 443).allowed
        assert not parse(["127.0.0.1:443"]).verdict(host, 443).allowed


@pytest.mark.parametrize(
    "text",
    [
        *("0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "169.254.169.254"),
        *("172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.9", "192.0.2.1", "192.88.99.1", "192.168.0.1"),
        *("198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1"),
        *("255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:8.8.8.8", "::ffff:127.0.0.1"),
        *("::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "100::1"),
        *("2001::1", "2001:2::1", "2001:10::1", "2001:db8::1", "2002:7f00:1::1", "2002:808:808::1", "3fff::1"),
        *("5f00::1", "fc00::1", "fd00::1", "fe80::1", "fec0::1", "ff02::1"),
    ],
)
def test_an_address_that_not_everybody_reaches_is_not_public(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "1.1.1.1", "100.63.0.1", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "64:ff9b::8.8.8.8"]
)
def test_an_address_on_the_internet_is_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@given(st.ip_addresses(v=4))
def test_an_address_carried_in_another_one_is_no_more_public(address: ipaddress.IPv4Address) -> None:
    carried = [ipaddress.IPv6Address(f"{prefix}{address}") for prefix in ("64:ff9b::", "::ffff:", "::")]
    assert [is_public(each) for each in carried] == [is_public(address), False, False]
