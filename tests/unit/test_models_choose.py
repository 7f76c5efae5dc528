"""Which model a name and an environment mean. No server is asked and no model is started."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from codeagent_nb.errors import NoModelConfigured, WeightsError
from codeagent_nb.models.choose import DEFAULT_OPENAI_MODEL, choose_model, usable_models
from codeagent_nb.models.embedded.client import LocalChatCompletionClient
from codeagent_nb.models.openai.client import OpenAIChatCompletionClient

needs_xllamacpp = pytest.mark.skipif(find_spec("xllamacpp") is None, reason="xllamacpp is not installed")


@pytest.fixture
def empty(tmp_path: Path) -> dict[str, str]:
    """Return an environment that offers nothing: no key, no server, an empty cache."""
    return {"XDG_CACHE_HOME": str(tmp_path)}


@pytest.fixture
def gguf(tmp_path: Path) -> str:
    path = tmp_path / "any.gguf"
    path.write_bytes(b"GGUF")
    return str(path)


def where(name: str | None, env: dict[str, str]) -> str:
    client = choose_model(name, env)
    assert isinstance(client, OpenAIChatCompletionClient)
    return client.where


def test_a_key_alone_means_openais_default_model(empty: dict[str, str]) -> None:
    assert where(None, {**empty, "OPENAI_API_KEY": "k"}) == f"'{DEFAULT_OPENAI_MODEL}' at api.openai.com"


def test_a_server_needs_no_key(empty: dict[str, str]) -> None:
    env = {**empty, "OPENAI_BASE_URL": "http://localhost:11434/v1", "CODEAGENT_MODEL": "qwen"}
    assert where(None, env) == "'qwen' at localhost"


def test_the_name_given_wins_over_the_environment(empty: dict[str, str]) -> None:
    env = {**empty, "OPENAI_API_KEY": "k", "CODEAGENT_MODEL": "local"}
    assert where("gpt-x", env) == "'gpt-x' at api.openai.com"


def test_the_environment_of_the_process_does_not_leak_in(
    empty: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere.test/v1")
    assert "api.openai.com" in where(None, {**empty, "OPENAI_API_KEY": "k"})


def test_a_server_without_a_model_name_asks_for_one(empty: dict[str, str]) -> None:
    with pytest.raises(NoModelConfigured, match=r"\(localhost\).*Set CODEAGENT_MODEL"):
        choose_model(None, {**empty, "OPENAI_BASE_URL": "http://localhost:11434/v1"})


def test_a_name_without_a_server_asks_where_it_is(empty: dict[str, str]) -> None:
    with pytest.raises(NoModelConfigured, match="'qwen' is named, but no server is"):
        choose_model("qwen", empty)


def test_nothing_at_all_tells_the_three_ways(empty: dict[str, str]) -> None:
    with pytest.raises(NoModelConfigured) as caught:
        choose_model(None, empty)
    for way in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "CODEAGENT_MODEL", "codeagent-nb model fetch"):
        assert way in str(caught.value)


@needs_xllamacpp
@pytest.mark.parametrize("name", [None, "local"])
def test_the_embedded_model_needs_its_file_only(empty: dict[str, str], gguf: str, name: str | None) -> None:
    client = choose_model(name, {**empty, "CODEAGENT_MODEL_PATH": gguf})
    assert isinstance(client, LocalChatCompletionClient)


@needs_xllamacpp
def test_local_wins_over_a_key_when_named(empty: dict[str, str], gguf: str) -> None:
    env = {**empty, "CODEAGENT_MODEL_PATH": gguf, "OPENAI_API_KEY": "k", "CODEAGENT_MODEL": "local"}
    assert isinstance(choose_model(None, env), LocalChatCompletionClient)


@needs_xllamacpp
def test_local_without_its_file_says_how_to_get_it(empty: dict[str, str]) -> None:
    with pytest.raises(WeightsError, match="codeagent-nb model fetch"):
        choose_model("local", empty)


def test_a_base_url_that_is_none_is_named(empty: dict[str, str]) -> None:
    with pytest.raises(NoModelConfigured, match="OPENAI_BASE_URL"):
        choose_model("x", {**empty, "OPENAI_BASE_URL": "http://[bad"})


# Which ones can be had

KEY = {"OPENAI_API_KEY": "k"}
SERVER = {"OPENAI_BASE_URL": "http://localhost:11434/v1"}


@pytest.mark.parametrize(
    ("env", "names"),
    [
        ({}, []),
        ({"CODEAGENT_MODEL": "qwen"}, []),
        (KEY, [DEFAULT_OPENAI_MODEL]),
        (KEY | {"CODEAGENT_MODEL": "gpt-x"}, ["gpt-x"]),
        (SERVER, []),
        (SERVER | {"CODEAGENT_MODEL": "qwen"}, ["qwen"]),
        (KEY | {"CODEAGENT_MODEL": "local"}, [DEFAULT_OPENAI_MODEL]),
        (SERVER | {"CODEAGENT_MODEL": "local"}, []),
    ],
)
def test_the_models_that_can_be_had_are_named(empty: dict[str, str], env: dict[str, str], names: list[str]) -> None:
    assert usable_models(empty | env) == names
    for name in names:
        choose_model(name, empty | env)


@needs_xllamacpp
def test_the_default_comes_first(empty: dict[str, str], gguf: str) -> None:
    here = {**empty, "CODEAGENT_MODEL_PATH": gguf}
    assert usable_models(here) == ["local"]
    assert usable_models(here | KEY) == [DEFAULT_OPENAI_MODEL, "local"]
    assert usable_models(here | KEY | {"CODEAGENT_MODEL": "local"}) == ["local", DEFAULT_OPENAI_MODEL]
    assert usable_models(here | SERVER | {"CODEAGENT_MODEL": "qwen"}) == ["qwen", "local"]
