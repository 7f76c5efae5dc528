"""What an executor's code may reach, and what a person allows while it runs."""

from typing import Any

import pytest

from kernel_executor.network.gate import Gate, known_network, read_network
from kernel_executor.network.names import EVERYTHING, parse
from kernel_executor.network.variables import proxy_variables


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("", "none"),
        ("none", "none"),
        (" ALL ", "all"),
        ("a.example.org", ("a.example.org",)),
        ("a.example.org, localhost:8123,", ("a.example.org", "localhost:8123")),
    ],
)
def test_a_network_is_read_from_one_line(text: str, network: object) -> None:
    assert read_network(text) == network


@pytest.mark.parametrize("value", ["none", "All", [], ["A.Example.org"], ("localhost:1",)])
def test_a_network_is_known_in_one_form(value: Any) -> None:
    assert known_network(known_network(value)) == known_network(value)


@pytest.mark.parametrize("value", ["example.org", None, 3, ["all"], ["https://x.org/"], [""]])
def test_what_is_no_network_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="network="):
        known_network(value)


def test_without_a_network_there_is_no_gate() -> None:
    assert Gate.of("none") is None
    everything, some = Gate.of("all"), Gate.of([])
    assert everything is not None
    assert everything.allowed == EVERYTHING
    assert some is not None
    assert some.allowed == parse([])


async def test_what_was_refused_is_known_once_and_as_it_would_have_to_be_allowed() -> None:
    gate = Gate(parse(["a.example.org"]))
    assert (await gate.decide("a.example.org", 443)).allowed
    for host, port in (("b.example.org", 443), ("b.example.org", 443), ("localhost", 8123), ("no host", 1)):
        assert not (await gate.decide(host, port)).allowed
    assert gate.take_refused() == ("b.example.org", "localhost:8123")
    assert gate.take_refused() == ()
    for number in range(100):
        await gate.decide(f"x{number}.example.org", 443)
    assert len(gate.take_refused()) == 20


async def test_what_is_allowed_once_is_refused_after_a_call() -> None:
    gate = Gate(parse([]))
    gate.allow("once.example.org", lasting=False)
    gate.allow("lasting.example.org", lasting=True)
    assert (await gate.decide("once.example.org", 443)).allowed
    gate.end_call()
    assert not (await gate.decide("once.example.org", 443)).allowed
    assert (await gate.decide("lasting.example.org", 443)).allowed


def test_what_is_on_this_machine_is_named_at_the_start() -> None:
    """Programs in the sandbox ask the proxy for it only then: else localhost is their own."""
    assert "NO_PROXY" in proxy_variables(parse(["example.org"]))
    assert "NO_PROXY" not in proxy_variables(parse(["localhost:8123"]))
    with pytest.raises(ValueError, match="such names are given at the start"):
        Gate(parse(["example.org"])).allow("localhost:8123", lasting=True)
    Gate(parse(["localhost:1"])).allow("localhost:8123", lasting=True)
