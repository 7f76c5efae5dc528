"""Addresses, secrets and variables for a server: what is refused before anything is sent, and never repeated."""

import logging
import pickle
import subprocess
import sys
from typing import Any

import pytest

from kernel_executor import RemoteKernelExecutor
from kernel_executor.remote.server import Server, Token, checked_variables

SECRET = "s3cr3t-0123456789abcdef"


@pytest.mark.parametrize(
    ("given", "kept"),
    {
        "http://127.0.0.1:8888": "http://127.0.0.1:8888",
        "http://127.0.0.1:8888/": "http://127.0.0.1:8888",
        "https://hub.example.org/user/me/": "https://hub.example.org/user/me",
        "https://hub.example.org/user/me/named/lab": "https://hub.example.org/user/me/named",
        "http://localhost:8888/tree": "http://localhost:8888",
        "http://localhost:8888/api/": "http://localhost:8888",
        "http://[::1]:8888/base": "http://[::1]:8888/base",
        "https://example.org/?next=1#top": "https://example.org",
    }.items(),
)
def test_an_address_is_taken_as_it_is_copied_from_a_browser(given: str, kept: str) -> None:
    assert str(Server(given)) == kept


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:8888/?token={SECRET}",  # as a server prints it
        f"http://127.0.0.1:8888/lab?token={SECRET}",
        f"http://127.0.0.1:8888/?TOKEN={SECRET}",
        f"https://example.org/lab?next=1&token={SECRET}",
        f"https://example.org/?access_token={SECRET}",
        f"https://example.org/?password={SECRET}",
        f"https://example.org/?api_key={SECRET}",
        f"https://{SECRET}@example.org/",
        f"https://me:{SECRET}@example.org/",
        f"https://:{SECRET}@example.org/",
        f"https://example.org/?auth_token={SECRET}",
        f"https://example.org/lab#token={SECRET}",
        f"https://example.org/?tok={SECRET}",
        f"https://example.org/?of={SECRET}",
    ],
)
def test_a_secret_in_an_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="pass it as token=") as caught:
        RemoteKernelExecutor(server=url)
    assert SECRET not in str(caught.value)


NO_ADDRESSES = ["", "127.0.0.1:8888", "ftp://example.org", "https://", "ws://example.org", "/user/me"]
HIDING = [f"https://me:{SECRET}", f"https://user:{SECRET}\u2100@host", f"https://h/user/a/%2e%2e/{SECRET}"]


@pytest.mark.parametrize("url", [*NO_ADDRESSES, *HIDING])
def test_what_is_no_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="must be a URL") as caught:
        Server(url)
    assert SECRET not in str(caught.value)


def test_channels_have_the_session_in_their_address_and_nothing_else() -> None:
    assert Server("https://h.org/user/m").websocket("a-b", "s") == (
        "wss://h.org/user/m/api/kernels/a-b/channels?session_id=s"
    )
    assert Server("http://h.org:1").websocket("../x", "s").startswith("ws://h.org:1/api/kernels/..%2Fx/channels?")


def test_a_token_shows_itself_in_its_header_only() -> None:
    token = Token(SECRET)
    assert token.headers == {"Authorization": f"token {SECRET}"}
    assert SECRET not in f"{token} {token!r}"
    assert SECRET not in repr(RemoteKernelExecutor(server="http://h", token=SECRET).settings)
    assert Token("").headers == {}
    assert token.absent_from(f"<p>bad token {SECRET}</p>") == "<p>bad token [token]</p>"


@pytest.mark.parametrize(
    "bad", [f"{SECRET}\n", f"{SECRET}\r\nX: y", f"{SECRET}\0", "tokén", f"\t{SECRET}", f"{SECRET} ", f" {SECRET}", " "]
)
def test_a_token_that_no_header_can_hold_is_refused_without_being_repeated(bad: str) -> None:
    with pytest.raises(ValueError, match="was more than the token copied") as caught:
        Token(bad)
    assert not bad.strip() or bad.strip() not in str(caught.value)


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("a/b+c", "GET /?token=a%2Fb%2Bc failed"),
        ("a&b<c", "<p>a&amp;b&lt;c</p>"),
        ("a\\b", r"Illegal header value b'token a\\b'"),
        ("it's\\n", repr(b"token it's\\n")),
    ],
)
def test_a_token_is_taken_out_of_a_text_however_it_is_quoted_there(secret: str, text: str) -> None:
    assert "[token]" in Token(secret).absent_from(text)


GOOD = {"KERNEL_USERNAME": "me", "KERNEL_WORKING_DIR": "/data", "KERNEL_IMAGE": "a/b:1", "KERNEL_X": "y" * 4_096}

BAD: dict[str, dict[str, Any]] = {
    "another name": {"PATH": "/bin"},
    "a name in lower case": {"kernel_x": "y"},
    "a name with a blank": {"KERNEL_A B": "y"},
    "a name with a sign": {"KERNEL_A=B": "y"},
    "a name that is not ASCII": {"KERNEL_É": "y"},
    "a number": {"KERNEL_X": 3},
    "nothing": {"KERNEL_X": None},
    "too long": {"KERNEL_X": SECRET * 200},
    "a backtick": {"KERNEL_X": f"`{SECRET}`"},
    "a dollar": {"KERNEL_X": f"$({SECRET})"},
    "a line end": {"KERNEL_X": f"{SECRET}\n"},
    "a carriage return": {"KERNEL_X": f"{SECRET}\r"},
    "a NUL": {"KERNEL_X": f"{SECRET}\0"},
}


def test_variables_for_a_gateway_are_those_it_takes() -> None:
    assert checked_variables(GOOD) == GOOD


@pytest.mark.parametrize("name", BAD)
def test_a_variable_that_a_gateway_would_refuse_is_named_before_it_is_sent(name: str) -> None:
    with pytest.raises(ValueError, match=r"KERNEL_|kernel_|PATH") as caught:
        checked_variables(BAD[name])
    assert SECRET not in str(caught.value)


def test_what_speaks_to_servers_is_imported_when_a_kernel_is_started() -> None:
    code = (
        "import sys; from kernel_executor import RemoteKernelExecutor; RemoteKernelExecutor(server='http://h');"
        "print([name for name in ('httpx2', 'websockets') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_the_library_that_logs_headers_is_silent_at_every_level() -> None:
    pytest.importorskip("websockets")
    from kernel_executor.remote.websocket import SILENT

    assert not SILENT.isEnabledFor(logging.CRITICAL)
    assert pickle.loads(pickle.dumps(Server("http://h"))) == Server("http://h")
