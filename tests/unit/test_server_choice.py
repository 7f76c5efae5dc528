"""Which server code runs on, who is trusted, where a token comes from. Nothing is opened."""

from collections.abc import Mapping
from typing import Any

import pytest

from codeagent_nb.elsewhere.choice import (
    SERVER,
    TOKEN,
    TRUSTED,
    ServerChoice,
    addresses_in,
    approval_there,
    is_trusted,
    kernel_variables,
    last_place,
    read_address,
)
from codeagent_nb.elsewhere.refusals import refuse_to_go_on
from codeagent_nb.elsewhere.tokens import token_of
from codeagent_nb.errors import SessionError
from codeagent_nb.events import RunStartedEvent
from codeagent_nb.notebook.places import place_of
from codeagent_nb.notebook.settings import CodeAgent
from kernel_executor import Isolation
from kernel_executor.remote.server import Token

SECRET = "planted-0123456789abcdef"
HUB = "https://hub.example.org"


def test_an_address_with_a_token_is_refused_with_what_to_do_and_without_the_token() -> None:
    with pytest.raises(ValueError, match=f"renew it. Leave it out of the address: .*{TOKEN}") as caught:
        read_address(f"{HUB}/lab?token={SECRET}")
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_choice_shows_no_token() -> None:
    assert SECRET not in repr(ServerChoice(url=HUB, token=Token(SECRET)))


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        (HUB, True),
        (f"{HUB}/user/me", True),
        (f"{HUB}:443/user/me", True),
        (f"{HUB}.evil.org", False),
        ("https://hub.example.org.evil.org/user", False),
        ("https://evil.org/https://hub.example.org", False),
        ("http://hub.example.org", False),
        (f"{HUB}:8443", False),
        ("https://HUB.example.org/user/me", True),
    ],
)
def test_trust_in_a_server_is_for_what_stands_under_its_address(url: str, trusted: bool) -> None:
    assert is_trusted(url, addresses_in(f"{HUB}, https://other.example.org/base")) is trusted


@pytest.mark.parametrize(
    ("url", "trusted"),
    [(f"{HUB}/user/me", True), (f"{HUB}/user/me/named", True), (f"{HUB}/user/mechanic", False), (HUB, False)],
)
def test_a_path_is_trusted_by_its_parts(url: str, trusted: bool) -> None:
    assert is_trusted(url, [f"{HUB}/user/me"]) is trusted


def test_one_is_not_trusted_by_a_way_up() -> None:
    assert not is_trusted(f"{HUB}/user/me/../other", [f"{HUB}/user/me"])


def test_trust_waives_the_question_and_nothing_else_does() -> None:
    modes: list[Any] = [
        approval_there(mode, url, [HUB]) for mode in ("auto", "always") for url in (HUB, "", "http://x")
    ]
    assert modes == ["never", "auto", "auto", "always", "always", "always"]


@pytest.mark.parametrize(
    ("environment", "token"),
    [
        ({TOKEN: SECRET}, SECRET),
        ({TOKEN: f" {SECRET}\n"}, SECRET),
        ({TOKEN: SECRET, SERVER: f"{HUB}/user/other"}, SECRET),
        ({TOKEN: SECRET, SERVER: "https://other.example.org"}, ""),
        ({TOKEN: SECRET, SERVER: "http://hub.example.org"}, ""),
        ({TOKEN: SECRET, SERVER: "hub.example.org"}, ""),
        ({}, ""),
    ],
)
def test_the_environments_token_goes_to_the_environments_server_only(
    environment: Mapping[str, str], token: str
) -> None:
    assert token_of(environment, f"{HUB}/user/me") == token


@pytest.mark.parametrize(
    ("environment", "token"),
    [
        ({TOKEN: SECRET}, ""),
        ({TOKEN: SECRET, SERVER: HUB}, SECRET),
        ({TOKEN: SECRET, TRUSTED: f"https://x.example.org, {HUB}/user/you"}, SECRET),
        ({TOKEN: SECRET, TRUSTED: "https://x.example.org, nonsense"}, ""),
    ],
)
def test_to_a_server_that_a_notebook_names_no_token_goes_but_the_environment_names_it_too(
    environment: Mapping[str, str], token: str
) -> None:
    assert token_of(environment, f"{HUB}/user/me", is_typed=False) == token


def test_what_is_set_of_one_server_is_not_asked_of_another_that_a_line_names() -> None:
    settings = CodeAgent(server=HUB, server_kernel="k-1", hub_server="big", hub_options="profile=large")
    own, other = (place_of(settings, {}, named).server for named in ("", "https://other.example.org"))
    assert own is not None
    assert other is not None
    assert (own.kernel_id, own.hub_server, own.hub_options) == ("k-1", "big", {"profile": "large"})
    assert (other.kernel_id, other.hub_server, other.hub_options) == ("", "", {})


def test_variables_of_a_kernel_go_along_as_in_gateway_mode_and_keys_do_not() -> None:
    environment = {
        "KERNEL_USERNAME": "me",
        "KERNEL_ID": "of the kernel that this notebook runs in",
        "KERNEL_API_TOKEN": SECRET,
        "PATH": "/bin",
    }
    assert kernel_variables(environment) == {"KERNEL_USERNAME": "me"}
    with pytest.raises(ValueError, match="KERNEL_WORKING_DIR has a character"):
        kernel_variables({"KERNEL_WORKING_DIR": "$(id)"})


def started(isolation: str) -> RunStartedEvent:
    return RunStartedEvent(source="a", model="m", isolation=isolation, max_retries_on_error=0)


def test_a_journal_tells_the_place_of_its_last_run() -> None:
    there = Isolation(place=f"{HUB}/user/me", reason="not seen").summary
    assert last_place([started("sandboxed by bubblewrap: x"), started(there)]) == f"{HUB}/user/me"
    assert last_place([started(there), started("NOT sandboxed: x")]) == ""
    assert last_place([]) == ""


def test_what_is_needed_to_go_on_is_said() -> None:
    there = [started(Isolation(place=HUB, reason="not seen").summary)]
    refuse_to_go_on("", [started("sandboxed by bubblewrap: x")])
    refuse_to_go_on(HUB, [])
    with pytest.raises(SessionError, match=f"codeagent-nb kernels --server {HUB}"):
        refuse_to_go_on("", there)
    with pytest.raises(SessionError, match="in a sandbox only"):
        refuse_to_go_on(HUB, there)
