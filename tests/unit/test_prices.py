"""What calls cost: list prices come with a package and are asked for by server and name; none is guessed."""

import json
import subprocess
import sys

import pytest

from codeagent_nb import LocalChatCompletionClient, OpenAIChatCompletionClient, ReplayChatCompletionClient, RequestUsage
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.models.cassette import RecordingChatCompletionClient
from codeagent_nb.models.prices import list_cost

OPENAI = "https://api.openai.com/v1"
USAGE = RequestUsage(prompt_tokens=1_000, completion_tokens=100)


@pytest.mark.parametrize("model", ["gpt-4.1-mini", "gpt-4o-2024-08-06", "gpt-4o"])
def test_a_model_of_a_known_server_has_its_list_price(model: str) -> None:
    cost = list_cost(model, OPENAI, USAGE)
    assert cost is not None
    assert 0 < cost < 0.1
    twice = list_cost(model, OPENAI, USAGE + USAGE)
    assert twice == pytest.approx(2 * cost)


def test_nothing_used_costs_nothing_where_the_price_is_known() -> None:
    assert list_cost("gpt-4.1-mini", OPENAI, RequestUsage()) == 0


@pytest.mark.parametrize(
    ("model", "url"),
    [
        ("gpt-99-colossal", OPENAI),
        ("ft:gpt-4.1-mini:somebody", OPENAI),
        ("gpt-4.1-mini", "http://localhost:11434/v1"),
        ("gpt-4.1-mini", "https://gateway.example.org/v1"),
        ("", OPENAI),
    ],
    ids=["a new model", "one's own", "this machine", "a gateway", "no name"],
)
def test_a_price_that_is_not_in_the_list_is_not_known(model: str, url: str) -> None:
    """A name that is known elsewhere says nothing of what it costs here."""
    assert list_cost(model, url, USAGE) is None


def test_clients_say_what_their_calls_cost() -> None:
    known = OpenAIChatCompletionClient("gpt-4.1-mini", api_key="k", base_url=OPENAI)
    assert known.cost(USAGE) == list_cost("gpt-4.1-mini", OPENAI, USAGE)
    assert OpenAIChatCompletionClient("m", api_key="k", base_url="http://localhost:1/v1").cost(USAGE) is None
    assert LocalChatCompletionClient().cost(USAGE) == 0


def test_a_recording_client_costs_what_the_model_behind_it_does(tmp_path: object) -> None:
    local, replay = LocalChatCompletionClient(), ReplayChatCompletionClient([])
    assert RecordingChatCompletionClient(local, f"{tmp_path}/calls.json").cost(USAGE) == 0
    assert RecordingChatCompletionClient(replay, f"{tmp_path}/calls.json").cost(USAGE) is None


def test_who_says_nothing_of_money_is_not_said_to_cost_nothing() -> None:
    assert RunSettings(model=ReplayChatCompletionClient([])).limits.cost is None
    assert RunSettings(model=None).limits.cost is None


def test_no_price_is_fetched() -> None:
    """Who looks a price up tells nobody of it."""
    code = (
        "import json, socket, sys\n"
        "def refuse(*_): raise AssertionError('asked for the network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from codeagent_nb.models.prices import list_cost\n"
        "from codeagent_nb.models.types import RequestUsage\n"
        f"cost = list_cost('gpt-4.1-mini', {OPENAI!r}, RequestUsage(prompt_tokens=1_000))\n"
        "import threading; print(json.dumps([cost, threading.active_count()]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    cost, threads = json.loads(done.stdout)
    assert cost > 0
    assert threads == 1
