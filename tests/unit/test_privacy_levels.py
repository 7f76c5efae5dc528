"""How the level is found: what is asked for, the environment, what was chosen for a server, and where the model is."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from codeagent_nb import CodeExecutorAgent, OpenAIChatCompletionClient, ReplayChatCompletionClient, RunSettings
from codeagent_nb.events import ModelRequestEvent, RunFinishedEvent, RunStartedEvent
from codeagent_nb.loop.run_settings import context_event
from codeagent_nb.models.cassette import RecordingChatCompletionClient
from codeagent_nb.models.embedded.client import LocalChatCompletionClient
from codeagent_nb.models.privacy import LEVELS, SENT, Privacy, level_for, privacy_note, read_setting
from codeagent_nb.models.types import HERE, host_of_model
from codeagent_nb.prompt.ledger import NO_REQUESTS, OTHERWISE, request_text, sent_table
from codeagent_nb.prompt.model_texts import FAILED_UNSEEN, RAN_UNSEEN
from codeagent_nb.session.privacy_choices import PrivacyChoices, is_open, question, setting_for
from codeagent_nb.text import run_facts
from kernel_executor.replay import ReplayCodeExecutor, failing

CODE = "```python\nprint(1)\n```"
LARGE: Any = {"json_output": True, "structured_output": True, "family": "gpt-4.1"}


def server(url: str | None, **settings: Any) -> OpenAIChatCompletionClient:
    return OpenAIChatCompletionClient("m", api_key="none", base_url=url, **settings)


@pytest.mark.parametrize(
    ("client", "host"),
    [
        (server("https://api.openai.com/v1"), "api.openai.com"),
        (server("https://127.0.0.1.example.org/v1"), "127.0.0.1.example.org"),
        (server("https://localhost@example.org/v1"), "example.org"),
        (server("http://10.0.0.5:8000/v1"), "10.0.0.5"),
        (server("http://localhost:11434/v1"), HERE),
        (server("http://127.0.0.1:8000/v1"), HERE),
        (server("http://[::1]:8000/v1"), HERE),
        (server("http://server/v1", unix_socket="/run/x"), HERE),
        (LocalChatCompletionClient(Path("x.gguf")), HERE),
        (ReplayChatCompletionClient([]), HERE),
        (RecordingChatCompletionClient(server("https://example.org/v1"), "x"), "example.org"),
        (object(), "object"),
    ],
)
def test_rows_go_to_models_on_this_machine_only(client: object, host: str) -> None:
    assert host_of_model(client) == host
    assert level_for("auto", client) == ("rows" if host == HERE else "statistics")
    assert [level_for(level, client) for level in LEVELS] == list(LEVELS)


def test_the_environments_server_is_elsewhere_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert server(None).host == "api.openai.com"
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:1/v1")
    assert server(None).host == HERE


def test_what_is_given_wins_over_the_environment_and_that_over_what_was_chosen(tmp_path: Path) -> None:
    choices = PrivacyChoices(tmp_path / "privacy.json")
    choices.choose("example.org", "schema")
    assert setting_for("rows", {"CODEAGENT_PRIVACY": "statistics"}, "example.org", choices) == "rows"
    assert setting_for("", {"CODEAGENT_PRIVACY": "statistics"}, "example.org", choices) == "statistics"
    assert setting_for("", {}, "example.org", choices) == "schema"
    assert setting_for("", {}, "example.com", choices) == "auto"
    assert is_open("auto", "example.com")
    assert not is_open("auto", HERE)


def test_a_choice_is_kept_for_its_server(tmp_path: Path) -> None:
    path = tmp_path / "privacy.json"
    PrivacyChoices(path).choose("example.org", "rows")
    PrivacyChoices(path).choose("example.com", "schema")
    later = PrivacyChoices(path)
    assert (later.of("example.org"), later.of("example.com"), later.of("example.net")) == ("rows", "schema", None)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"example.org": "all"}', '{"example.org": ["rows"]}', "[" * 90_000])
def test_a_damaged_file_chooses_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "privacy.json").write_text(text)
    choices = PrivacyChoices(tmp_path / "privacy.json")
    assert choices.of("example.org") is None
    choices.choose("example.org", "schema")
    assert json.loads((tmp_path / "privacy.json").read_text()) == {"example.org": "schema"}


def test_where_nothing_can_be_kept_a_choice_holds_for_this_process(tmp_path: Path) -> None:
    choices = PrivacyChoices(tmp_path / "no folder" / "privacy.json")
    choices.choose("example.org", "rows")
    assert choices.of("example.org") == "rows"


def test_the_question_says_what_each_level_sends() -> None:
    text = question("example.org", "%agent privacy")
    assert all(f"%agent privacy {level}" in text and SENT[level] in text for level in LEVELS)


@pytest.mark.parametrize("text", ["Rows", "all", "none"])
def test_another_word_is_no_level(text: str) -> None:
    with pytest.raises(ValueError, match="privacy must be one of auto, rows, statistics, schema"):
        RunSettings(model=None, privacy=text)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="CODEAGENT_PRIVACY must be"):
        setting_for("", {"CODEAGENT_PRIVACY": text}, "example.org", PrivacyChoices())
    assert read_setting("", "x") == "auto"


def test_what_a_user_of_the_class_writes_is_told_at_each_level() -> None:
    event = context_event("The file is small.")
    assert {event.content, event.less.statistics, event.less.schema} == {"The file is small."}


def agent_at(privacy: Privacy, replies: list[Any], results: list[Any], **settings: Any) -> CodeExecutorAgent:
    model = ReplayChatCompletionClient(replies, model_info=LARGE)
    executor = ReplayCodeExecutor(results)
    return CodeExecutorAgent("coder", executor, model_client=model, privacy=privacy, **settings)


async def test_the_class_tells_all_by_default() -> None:
    model = ReplayChatCompletionClient([CODE, "Done."])
    agent = CodeExecutorAgent("coder", ReplayCodeExecutor(["Kx7Qz\n"]), model_client=model)
    result = await agent.run(task="Count.")
    assert "Kx7Qz" in str(model.create_calls[-1].messages)
    [end] = [event for event in result.messages if isinstance(event, RunFinishedEvent)]
    assert end.sent == ""


@pytest.mark.parametrize("privacy", get_args(Privacy))
async def test_the_closing_line_says_how_much_went_where(privacy: Privacy) -> None:
    result = await agent_at(privacy, [CODE, *(["Done."] if privacy != "schema" else [])], ["Kx7Qz\n"]).run(
        task="Count."
    )
    [end] = [event for event in result.messages if isinstance(event, RunFinishedEvent)]
    [began] = [event for event in result.messages if isinstance(event, RunStartedEvent)]
    assert (began.privacy, began.host) == (privacy, HERE)
    assert run_facts(end)[3:] == (() if privacy == "rows" else (f"{privacy} only to this machine",))
    assert end.sent == privacy_note(privacy, HERE)


@pytest.mark.parametrize(("results", "words"), [(["Kx7Qz\n"], RAN_UNSEEN), ([failing()], FAILED_UNSEEN)])
async def test_at_schema_nobody_makes_closing_words_up(results: list[Any], words: str) -> None:
    agent = agent_at("schema", [CODE], results)
    result = await agent.run(task="Count.")
    assert words in result.messages[-1].content  # type: ignore[union-attr]
    assert ("Kx7Qz" in result.messages[-1].content) == (words == RAN_UNSEEN)  # type: ignore[union-attr]


def test_at_schema_there_is_one_step() -> None:
    model = ReplayChatCompletionClient([], model_info=LARGE)
    settings = RunSettings(model=model, privacy="schema", max_steps=5)
    assert settings.steps == 1
    assert replace(settings, privacy="statistics").steps == 5


@pytest.mark.parametrize("privacy", ["statistics", "schema"])
async def test_the_model_is_told_that_it_sees_less(privacy: Privacy) -> None:
    agent = agent_at(privacy, ["Hello."], [])
    result = await agent.run(task="Hi.")
    [request] = [event for event in result.messages if isinstance(event, ModelRequestEvent)]
    assert "The data is private." in str(request.asking.system_message)


async def test_the_ledger_has_each_request_with_its_kinds() -> None:
    agent = agent_at(
        "rows",
        [CODE, '{"reason": "x", "retry": true}', CODE.replace("1", "2"), "Done."],
        [failing(), "7\n"],
        max_retries_on_error=1,
    )
    assert sent_table(agent.log.events, "%agent sent") == NO_REQUESTS
    await agent.run(task="Count.", context="A file.")
    table = sent_table(agent.log.events, "%agent sent")
    assert [line.split()[2] for line in table.splitlines()[:4]] == ["generate", "decide", "generate", "reflect"]
    assert "4 requests to this machine" in table
    requests = [event for event in agent.log.events if isinstance(event, ModelRequestEvent)]
    assert requests[0].sizes.keys() == {"instructions", "task", "descriptions"}
    assert requests[-1].sizes.keys() == {"instructions", "task", "code", "descriptions", "outputs", "errors"}
    for number in range(1, 5):
        assert not request_text(agent.log.events, number).startswith(OTHERWISE)
    with pytest.raises(ValueError, match="no request 5"):
        request_text(agent.log.events, 5)


async def test_a_request_that_cannot_be_made_again_says_so() -> None:
    agent = agent_at("rows", [CODE, "Done."], ["7\n"])
    await agent.run(task="Count.")
    changed = [
        event.model_copy(update={"content": "Something else."}) if event.type == "TextMessage" else event
        for event in agent.log.events
    ]
    assert request_text(changed, 2).startswith(OTHERWISE)
