"""What is read of a server's address and of its list of models, and how the list is shown."""

import json
from io import StringIO
from itertools import product

import pytest

from codeagent_nb.cli.jupyter_checks import numbers
from codeagent_nb.errors import ModelRefused, NoModelConfigured
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.models.choose import choose_model, default_model, usable_models
from codeagent_nb.models.openai.addresses import host_of, is_address, without_password
from codeagent_nb.models.openai.client import OpenAIChatCompletionClient
from codeagent_nb.models.openai.listing import model_names
from codeagent_nb.models.served import Served
from codeagent_nb.models.table import IN_USE, model_table
from codeagent_nb.models.types import UserMessage
from codeagent_nb.notebook.model_commands import models_text, not_served
from codeagent_nb.views.clean_console import CleanConsole


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ({"object": "list", "data": [{"id": "gpt-x"}, {"id": "o-y"}]}, ["gpt-x", "o-y"]),  # OpenAI
        ({"object": "list", "data": None}, []),  # an Ollama without models
        ({"object": "list", "data": []}, []),
        ({"data": [{"id": "a"}, {"id": "a"}, {"id": "b"}]}, ["a", "b"]),
        ({"models": [{"name": "qwen:7b", "model": "qwen:7b"}]}, ["qwen:7b"]),  # Ollama's own
        ({"models": ["a", "b"]}, ["a", "b"]),
        ([{"id": "meta-llama/Llama-3", "object": "model"}], ["meta-llama/Llama-3"]),  # odysseus#2202: Together
        (["a"], ["a"]),
        (
            {"data": [{"id": "a", "object": "model", "meta": {"n_ctx": 1}}], "models": [{"name": "b"}]},
            ["a"],
        ),  # llama.cpp, localmind#11
        ({"data": [{"id": "qwen3.5-2b", "owned_by": "organization_owner"}]}, ["qwen3.5-2b"]),  # webai-at-home#208
        ({"data": [{"id": "gemma4:e4b", "created": 1}, {"id": "nomic-embed-text:latest"}]}, ["gemma4:e4b"]),
        ({"data": [{"id": None}, {"id": 3}, {}, None, [], "  ", {"id": ""}, {"id": "a"}]}, ["a"]),  # open-webui#11362
        ({"data": [{"id": "x" * 201}, {"id": "a\u202eb"}, {"id": "a\x1b[31m"}, {"id": " a"}]}, []),
        ({"data": [{"id": "text-embedding-3-small"}, {"id": "whisper-1"}, {"id": "gpt-x"}]}, ["gpt-x"]),
        ({"data": [{"id": f"m{number}"} for number in range(10_000)]}, [f"m{number}" for number in range(500)]),
    ],
)
def test_the_names_in_a_list_of_models_are_read_however_it_is_built(answer: object, names: list[str]) -> None:
    assert model_names(json.dumps(answer)) == tuple(names)


@pytest.mark.parametrize("answer", [{"data": None}, {"error": "no"}, {"data": {"a": 1}}, "text", None, 3])  # uor-r4#680
def test_an_answer_of_another_kind_is_no_list_of_models(answer: object) -> None:
    assert model_names(json.dumps(answer)) is None


@pytest.mark.parametrize("text", ["", "<html>404</html>", "[" * 100_000, "{", "\ud800", b"\xff\xfe"])
def test_what_is_no_json_is_no_list_of_models(text: str | bytes) -> None:
    assert model_names(text) is None


NO_ADDRESSES = [
    "localhost:11434",
    "localhost:11434/v1",
    "127.0.0.1:8000",
    "http://",
    "http:///v1",
    "https:example.org",
    "ftp://example.org/v1",
    "file:///etc/passwd",
    "//example.org/v1",
    "example.org",
    "/v1",
    "http://[bad",
    "http://example.org:port/v1",
    "http://example.org:99999/v1",
    "user:hunter2@example.org/v1",
    "htp://user:hunter2@example.org",
]


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_what_is_no_address_is_named_and_never_becomes_none(url: str) -> None:
    assert not is_address(url)
    assert host_of(url) not in {"None", ""}
    assert "hunter2" not in host_of(url)
    with pytest.raises(NoModelConfigured, match="starts with http://") as caught:
        choose_model("m", {"OPENAI_BASE_URL": url})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", NO_ADDRESSES)
async def test_a_client_with_such_an_address_says_so(url: str) -> None:
    client = OpenAIChatCompletionClient("m", api_key="k", base_url=url)
    assert "None" not in client.where
    with pytest.raises(ModelRefused, match=r"not the address of a server.*http://localhost") as caught:
        await anext(client.create_stream([UserMessage(content="Hi.")]))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://localhost:11434/v1", "localhost"),
        ("https://user:hunter2@example.org/v1", "example.org"),
        ("http://[::1]:8000/v1", "::1"),
        ("https://EXAMPLE.org", "example.org"),
    ],
)
def test_an_address_is_shown_by_its_host(url: str, host: str) -> None:
    assert is_address(url)
    assert host_of(url) == host


def test_a_password_is_taken_out_of_an_address_and_nothing_else() -> None:
    assert without_password("https://a:b@example.org/v1?c=d@e") == "https://example.org/v1?c=d@e"
    assert without_password("https://example.org/@scope/v1") == "https://example.org/@scope/v1"


# How it is shown

KEY = {"OPENAI_API_KEY": "k"}
SERVER = {"OPENAI_BASE_URL": "http://localhost:1/v1"}


def shown(environment: dict[str, str], served: Served | None = None, **how: str) -> str:
    file = StringIO()
    CleanConsole(file=file, width=200).print(model_table(environment, served, **how))  # type: ignore[arg-type]
    return file.getvalue()


def in_use(text: str) -> list[str]:
    return [line.split("│")[2].split()[0] for line in text.splitlines() if IN_USE in line]


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "CODEAGENT_MODEL"):
        monkeypatch.delenv(name, raising=False)


def test_the_servers_own_models_are_listed_and_the_one_in_use_is_marked() -> None:
    environment = SERVER | {"CODEAGENT_MODEL": "b"}
    text = shown(environment, Served(("a", "b", "c")))
    assert in_use(text) == ["b"]
    for name in "abc":
        assert f"--model {name}" in text
    assert in_use(shown(environment, Served(("a", "b", "c")), used="c")) == ["c"]
    assert in_use(shown(environment, Served(("a", "b")), used="local")) == ["local"]


def test_a_model_that_is_not_in_the_list_is_said_to_be_missing() -> None:
    text = shown(SERVER | {"CODEAGENT_MODEL": "gone"}, Served(("a",)))
    assert "not in its list" in text
    assert in_use(text) == ["gone"]


def test_why_there_is_no_list_and_what_to_do_is_said() -> None:
    text = shown(KEY, Served(problem="api.openai.com refused the request (HTTP 401): no. -> Check OPENAI_API_KEY."))
    assert "HTTP 401" in text
    assert "Check OPENAI_API_KEY" in text
    assert "->" not in text


HARMLESS = (
    "[data]",
    "[/]",
    "[bold]x[/bold]",
    "[link=http://x]",
    "\\[a]",
    "[red",
    "a\\",
    "[@click=f]",
    ":smile:",
    "[1]",
)


@pytest.mark.parametrize("word", HARMLESS)
def test_brackets_in_a_models_name_are_no_markup(word: str) -> None:
    for text in (shown(SERVER | {"CODEAGENT_MODEL": word}), shown(SERVER, Served((word,)))):
        assert word in text


def test_a_server_that_quotes_a_secret_shows_none() -> None:
    text = shown(KEY, Served(problem="no such key: hunter2"), masked=lambda text: text.replace("hunter2", "***"))  # type: ignore[arg-type]
    assert "hunter2" not in text


@pytest.mark.parametrize(("name", "served"), [*product(["local", "a"], [None, Served(("a",))])])
def test_of_a_model_that_is_there_nothing_is_said(name: str, served: Served | None) -> None:
    assert not_served(name, served) == ""


def test_of_a_model_that_is_not_there_the_nearest_are_named() -> None:
    assert "qwen2.5-coder:7b" in not_served("qwen2.5-coder", Served(("llama", "qwen2.5-coder:7b")))
    assert "llama" in not_served("zzz", Served(("llama", "qwen")))
    assert "not known: gone" in not_served("zzz", Served(problem="gone"))


def test_the_default_model_is_that_of_the_environment() -> None:
    assert default_model({"CODEAGENT_MODEL": "m", **KEY}) == "m"
    assert default_model(KEY) == "gpt-4.1-mini"
    assert default_model({**KEY, "OPENAI_BASE_URL": "https://api.openai.com/v1"}) == "gpt-4.1-mini"
    assert default_model({**KEY, **SERVER}) == ""


# Versions


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4.4", (4, 4)), ("4.10.0", (4, 10, 0)), ("5.0.0a1", (5, 0, 0)), ("7.4.0.post1", (7, 4, 0)), ("", ()), ("x", ())],
)
def test_versions_are_compared_by_their_numbers(text: str, expected: tuple[int, ...]) -> None:
    assert numbers(text) == expected


@pytest.mark.parametrize("path", ["/no/such/file.gguf", "~/none.gguf", "relative.gguf", "/dev/null", "/"])
def test_a_file_that_is_no_model_is_told_in_the_list_and_hides_no_other(path: str) -> None:
    pytest.importorskip("xllamacpp")
    environment = {"CODEAGENT_MODEL_PATH": path, "OPENAI_API_KEY": "sk-none"}
    served = Served(("gpt-x",))
    said = models_text(environment, served, used="", clients=(), secrets=Secrets({}))
    assert "gpt-x" in said
    assert "cannot be used" in said
    assert usable_models(environment)[0] == default_model(environment) == "gpt-4.1-mini"


def test_a_variable_that_is_used_is_no_model_of_the_server() -> None:
    environment = {"OPENAI_API_KEY": "sk-none"}
    said = models_text(environment, Served(("a", "b")), used="mine", clients=("mine",), secrets=Secrets({}))
    assert [line for line in said.splitlines() if "mine" in line] == [f"{IN_USE} mine, a variable of this notebook"]
    assert said.count(IN_USE) == 1
