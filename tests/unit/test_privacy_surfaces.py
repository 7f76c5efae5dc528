"""The level on each surface: the cell's line, the notebook's settings and commands, the command line."""

from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from codeagent_nb import OpenAIChatCompletionClient, ReplayChatCompletionClient, RunSettings
from codeagent_nb.cli.sending import show_sent, told_as_chosen
from codeagent_nb.errors import AgentError, SessionError
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.notebook.arguments import read_line
from codeagent_nb.notebook.log_commands import log_commands, privacy
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.notebook.settings import CodeAgent
from codeagent_nb.notebook.setup.preparation import Preparation, Surface
from codeagent_nb.notebook.tasks import Place, Task
from codeagent_nb.prompt.ledger import NO_REQUESTS
from codeagent_nb.session.privacy_choices import PrivacyChoices
from codeagent_nb.views.clean_console import CleanConsole

ELSEWHERE = OpenAIChatCompletionClient("m", api_key="none", base_url="https://example.org/v1")
HERE = ReplayChatCompletionClient([])


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("CODEAGENT_PRIVACY", raising=False)


@pytest.mark.parametrize(
    ("line", "setting", "level"),
    [("", "", ""), ("-p schema", "", "schema"), ("--privacy rows", "schema", "rows"), ("", "statistics", "statistics")],
)
def test_the_line_wins_over_the_settings_of_the_notebook(line: str, setting: str, level: str) -> None:
    assert read_line(line, "Count.", CodeAgent(privacy=setting)).privacy == level


async def completed(model: Any, level: str = "", times: int = 1) -> tuple[Task, list[str]]:
    """Return a task as a notebook completes it, and what is said."""
    said: list[str] = []
    agent = NotebookAgent("study")
    preparation = Preparation(agent, lambda _: (model, ""), agent.models.environment)
    task = Task(text="Count.", settings=RunSettings(model=None), privacy=level)
    for _ in range(times):
        done, _ = await preparation.complete(task, Place(Path()), Surface(said.append))
    return done, said


async def test_where_nobody_has_chosen_it_is_said_once_and_the_task_goes_on() -> None:
    task, said = await completed(ELSEWHERE, times=3)
    assert task.settings.level == "statistics"
    assert len(said) == 1
    assert "The model is at example.org." in said[0]
    assert "%agent privacy schema" in said[0]


@pytest.mark.parametrize("level", ["rows", "statistics", "schema"])
async def test_a_level_that_was_chosen_is_not_asked_for(level: Any) -> None:
    task, said = await completed(ELSEWHERE, level)
    assert (task.settings.level, said) == (level, [])
    PrivacyChoices().choose("example.org", level)
    task, said = await completed(ELSEWHERE)
    assert (task.settings.level, said) == (level, [])


async def test_a_model_on_this_machine_is_sent_rows_without_a_word() -> None:
    task, said = await completed(HERE)
    assert (task.settings.level, said) == ("rows", [])


async def test_a_wrong_word_in_the_environment_ends_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEAGENT_PRIVACY", "all")
    with pytest.raises(AgentError, match="CODEAGENT_PRIVACY must be one of"):
        await completed(ELSEWHERE)


def test_the_command_chooses_for_the_models_server() -> None:
    agent, choices = NotebookAgent("study"), PrivacyChoices()
    assert "The model at example.org is sent: statistics." in privacy(agent, choices, ELSEWHERE, "", "")
    assert "The model at example.org is sent: schema." in privacy(agent, choices, ELSEWHERE, "", "schema")
    assert PrivacyChoices().of("example.org") == "schema"
    assert "is sent: rows. %config CodeAgent.privacy wins" in privacy(agent, choices, ELSEWHERE, "rows", "schema")
    with pytest.raises(SessionError, match="one of rows, statistics, schema"):
        privacy(agent, choices, ELSEWHERE, "", "all")


def test_the_command_lists_what_was_sent(capsys: pytest.CaptureFixture[str]) -> None:
    does = log_commands(NotebookAgent("study"), PrivacyChoices(), lambda: ELSEWHERE, "")
    does["sent"]("")
    assert capsys.readouterr().out.strip() == NO_REQUESTS
    for wrong in ("1", "x"):
        with pytest.raises(SessionError, match="say which request"):
            does["sent"](wrong)


@pytest.mark.parametrize(("given", "level"), [("", "statistics"), ("schema", "schema")])
def test_the_command_line_says_what_is_in_force_and_how_to_change_it(given: str, level: str) -> None:
    out = StringIO()
    settings = replace(RunSettings(model=None), model=ELSEWHERE)
    assert told_as_chosen(CleanConsole(file=out), settings, given).level == level
    said = " ".join(out.getvalue().split())
    assert f"Sent to example.org, {level} only:" in said
    assert "--privacy rows, statistics or schema changes that for this task, CODEAGENT_PRIVACY for all." in said


@pytest.mark.parametrize(("model", "given"), [(HERE, ""), (ELSEWHERE, "rows")])
def test_at_rows_the_command_line_says_nothing(model: Any, given: str) -> None:
    out = StringIO()
    assert told_as_chosen(CleanConsole(file=out), replace(RunSettings(model=None), model=model), given).level == "rows"
    assert out.getvalue() == ""


def test_a_folder_without_sessions_has_sent_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SessionError, match="no sessions"):
        show_sent(CleanConsole(file=StringIO()), "", None, Secrets({}))
