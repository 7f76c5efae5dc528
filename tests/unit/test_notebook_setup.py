"""What is asked before a first task: which files, which model. Cards without a page; nothing leaves this machine."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from codeagent_nb.errors import AgentError, NoModelConfigured, WeightsError
from codeagent_nb.events import TextMessage
from codeagent_nb.models.embedded import weights
from codeagent_nb.models.openai.client import OpenAIChatCompletionClient
from codeagent_nb.notebook import commands
from codeagent_nb.notebook.chosen_models import ChosenModels
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.notebook.open_notebook import notebook_path
from codeagent_nb.notebook.setup.card import Cards
from codeagent_nb.notebook.setup.folder_choice import (
    FolderAnswer,
    FolderQuestion,
    chosen_folder,
    is_too_much,
    offer_for,
    with_a_choice,
    without_a_choice,
)
from codeagent_nb.notebook.setup.model_setup import ModelSetup, install_command
from codeagent_nb.notebook.setup.preparation import reason_of
from codeagent_nb.notebook.setup.ways_text import ways_in_cells
from codeagent_nb.notebook.tasks import Place
from tests.integration.scripted_server import ScriptedServer

KEY = "sk-typed-0123456789abcdefXYZ"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder as people have them, with a notebook in it."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("penguins.csv", "survey 2024.xlsx", "notes.txt", "study.ipynb", "study-agent.journal.jsonl", ".netrc"):
        (folder / name).write_text("x" * 1_500)
    for name in ("script.py", "id_rsa", "model.pkl", "config.yaml"):
        (folder / name).write_text("secret")
    for name in ("projects", "Documents", ".ssh"):
        (folder / name).mkdir()
    return folder


def names(home: Path, task: str = "") -> list[str]:
    return [name for name, _ in offer_for(home, "", task).files]


# Which files: what is offered


def test_data_beside_the_notebook_is_offered_and_nothing_else(home: Path) -> None:
    assert names(home) == ["notes.txt", "penguins.csv", "survey 2024.xlsx"]
    assert offer_for(home, "", "").folders == ("Documents", "projects")


@pytest.mark.parametrize(
    ("task", "named"),
    [
        ("Read penguins.csv, please.", ["penguins.csv"]),
        ("Read 'survey 2024.xlsx' and penguins.csv", ["penguins.csv", "survey 2024.xlsx"]),
        ("Read ./penguins.csv", ["penguins.csv"]),
        ("pd.read_csv('penguins.csv')", ["penguins.csv"]),
        ("What is in penguins.csv?", ["penguins.csv"]),
        ("(penguins.csv)", ["penguins.csv"]),
        ("Read old-penguins.csv", []),
        ("Read penguins.csv-old", []),
        ("Read notes", []),
        ("Read id_rsa and script.py", []),
    ],
)
def test_what_the_task_names_comes_first_and_is_ticked(home: Path, task: str, named: list[str]) -> None:
    offer = offer_for(home, "", task)
    assert [name for name, _ in offer.files[: offer.named]] == named


def test_of_many_files_those_that_are_named_are_never_left_out(home: Path) -> None:
    for number in range(200):
        (home / f"a{number:03}.csv").write_text("")
    assert len(names(home)) == 60
    assert names(home, "Read penguins.csv")[0] == "penguins.csv"


def test_a_name_that_steers_a_page_or_a_terminal_is_not_offered(home: Path) -> None:
    (home / "evil\u202evsc.csv").write_text("")
    (home / "two\nlines.csv").write_text("")
    assert len(names(home)) == 3


def test_a_folder_that_cannot_be_read_offers_no_files(home: Path) -> None:
    assert offer_for(home / "nowhere", "", "").files == ()


@pytest.mark.parametrize(
    ("notebook", "own"),
    [
        ("{home}/projects/a.ipynb", "projects"),  # vscode-jupyter#15755, #16430: the kernel is in the home folder
        ("{home}/a.ipynb", ""),
        ("{home}/gone/a.ipynb", ""),
        ("a.ipynb", ""),
        ("projects/a.ipynb", ""),
        ("/a.ipynb", ""),
        ("/tmp/a.ipynb", ""),
        ("", ""),
    ],
)
def test_the_notebooks_own_folder_is_offered_if_it_may_be_shown(home: Path, notebook: str, own: str) -> None:
    offered = offer_for(home, notebook.format(home=home), "").own
    assert offered == (home / own if own else None)


@pytest.mark.parametrize("place", ["~", "/", "/tmp", "/home/..", "~/projects/.."])
def test_places_that_no_code_gets_whole(home: Path, place: str) -> None:
    assert is_too_much(Path(place))
    with pytest.raises(ValueError, match="never shown as a whole"):
        chosen_folder(place, home)


@pytest.mark.parametrize("typed", ["projects", "./projects", "~/projects", "'~/projects'", " projects ", '"projects"'])
def test_a_folder_may_be_typed_in_many_ways(home: Path, typed: str) -> None:
    assert chosen_folder(typed, home) == home / "projects"


@pytest.mark.parametrize("typed", ["", "  ", "''", "nowhere", "penguins.csv", "~nobody/x", "~no-such-user", "a\0b"])
def test_what_is_no_folder_is_told(home: Path, typed: str) -> None:
    with pytest.raises(ValueError, match=r"name a folder|there is no folder"):
        chosen_folder(typed, home)


def test_where_nobody_could_be_asked_the_notice_says_what_to_do(home: Path) -> None:
    said = without_a_choice(home, home / "codeagent-x1")
    for part in ("your home folder", "~/codeagent-x1", "%agent folder PATH", "%%agent -f data.csv"):
        assert part in said


def test_where_somebody_chose_the_new_folder_is_named(home: Path) -> None:
    files = (home / "penguins.csv", home / "notes.txt")
    assert "copies of penguins.csv, notes.txt" in with_a_choice(FolderAnswer(home, files), home / "codeagent-x1")
    assert "which is empty" in with_a_choice(FolderAnswer(home), home / "codeagent-x1")
    assert with_a_choice(FolderAnswer(home / "projects"), home / "projects") == ""


# Which files: the card


class FakeFrontEnd:
    """The traits and messages of a widget, and no page."""

    def __init__(self) -> None:
        self.state = self.status = ""
        self.card: dict[str, Any] | None = None
        self.history: list[Any] = []
        self._callbacks: list[Callable[[Any, Any, Any], None]] = []

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in ("card", "status", "state"):
            self.__dict__.setdefault("history", []).append(value)

    def on_msg(self, callback: Callable[[Any, Any, Any], None], remove: bool = False) -> None:
        (self._callbacks.remove if remove else self._callbacks.append)(callback)

    async def shown(self) -> dict[str, Any]:
        while self.card is None:  # noqa: ASYNC110 - a trait has no event
            await asyncio.sleep(0.001)
        return self.card

    async def click(self, **message: Any) -> None:
        card = await self.shown()
        for callback in list(self._callbacks):
            callback(self, {"id": card["id"], **message}, [])
        await asyncio.sleep(0.01)

    async def until(self, reached: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        async with asyncio.timeout(15):
            while not reached(card := await self.shown()):  # noqa: ASYNC110 - a trait has no event
                await asyncio.sleep(0.005)
        return card


async def always() -> bool:
    return True


@pytest.fixture
def page() -> FakeFrontEnd:
    return FakeFrontEnd()


async def ask_for_files(page: FakeFrontEnd, home: Path) -> tuple["asyncio.Task[None]", list[FolderAnswer]]:
    answers: list[FolderAnswer] = []
    question = FolderQuestion(offer_for(home, str(home / "projects/a.ipynb"), "penguins.csv"), answers.append)
    asking = asyncio.ensure_future(Cards(page, always).ask(question))
    await page.shown()
    return asking, answers


@pytest.mark.parametrize(
    ("message", "folder", "files"),
    [
        ({"type": "folder-own"}, "projects", []),
        ({"type": "folder-files", "names": ["penguins.csv"]}, "", ["penguins.csv"]),
        ({"type": "folder-path", "path": "~/Documents"}, "Documents", []),
        ({"type": "folder-empty"}, "", []),
    ],
)
async def test_each_answer_is_taken(
    page: FakeFrontEnd, home: Path, message: dict[str, Any], folder: str, files: list[str]
) -> None:
    page.state = "thinking"
    asking, answers = await ask_for_files(page, home)
    assert page.state == "waiting"
    await page.click(**message)
    await asking
    assert answers == [FolderAnswer(home / folder, tuple(home / name for name in files))]
    assert (page.card, page.state) == (None, "thinking")


@pytest.mark.parametrize(
    "message",
    [
        {"type": "folder-files", "names": ["id_rsa"]},  # not among those that were offered
        {"type": "folder-files", "names": ["../other.csv"]},
        {"type": "folder-files", "names": ["/etc/passwd"]},
        {"type": "folder-files", "names": [".netrc"]},
        {"type": "folder-files", "names": []},
        {"type": "folder-files", "names": "penguins.csv"},
        {"type": "folder-files"},
        {"type": "folder-path", "path": "~"},
        {"type": "folder-path", "path": "/"},
        {"type": "folder-path", "path": None},
        {"type": "folder-path", "path": "nowhere"},
        {"type": "nonsense"},
        {},
    ],
)
async def test_what_was_not_offered_is_no_answer(page: FakeFrontEnd, home: Path, message: dict[str, Any]) -> None:
    asking, answers = await ask_for_files(page, home)
    await page.click(**message)
    assert answers == []
    assert (await page.shown())["error"]
    await page.click(type="folder-empty")
    await asking


async def test_an_answer_to_another_question_is_none_to_this(page: FakeFrontEnd, home: Path) -> None:
    asking, answers = await ask_for_files(page, home)
    await page.click(type="folder-empty", id="another")
    assert answers == []
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert page.card is None, "a task that is stopped takes its question along"


# Which model: the card


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer([])
    yield scripted
    scripted.close()


class Asking:
    """A model's card on a page, and what was chosen."""

    def __init__(self, page: FakeFrontEnd, environment: Mapping[str, str], **more: Any) -> None:
        self.chosen: list[Mapping[str, str]] = []
        self.setup = ModelSetup(self.chosen.append, environment, "No model is configured.", **more)
        self.task = asyncio.ensure_future(Cards(page, always).ask(self.setup))


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://h.example/v1", "https://h.example/v1"),
        ("https://user:pw-s3cret@h.example/v1", "https://h.example/v1"),
        ("https://pw-s3cret@h.example:8443/v1", "https://h.example:8443/v1"),
        ("https://h.example/v1?api_key=pw-s3cret", "https://h.example/v1"),
        ("https://h.example/v1?subscription-key=pw-s3cret&api-version=2024-10-21",
         "https://h.example/v1?api-version=2024-10-21"),
        ("https://h.example/v1#pw-s3cret", "https://h.example/v1"),
        ("user:pw-s3cret@h.example/v1", ""),
        ("sk-pw-s3cret", ""),
        ("", ""),
    ],
)  # fmt: skip
async def test_the_address_is_shown_without_what_may_be_a_key(page: FakeFrontEnd, address: str, shown: str) -> None:
    asking = Asking(page, {"OPENAI_BASE_URL": address})
    fields = asking.setup.fields()
    asking.task.cancel()
    assert fields["key"]["url"] == shown
    assert "s3cret" not in json.dumps(fields)


async def test_a_key_is_tried_and_then_in_nothing_that_is_shown(page: FakeFrontEnd, server: ScriptedServer) -> None:
    server.wanted_key, url = KEY, f"http://127.0.0.1:{server.http.server_port}/v1"
    asking = Asking(page, {})
    await page.click(type="setup-key", key="sk-wrong-0123456789abcdef", url=url, model="")
    card = await page.until(lambda card: card["key"]["error"])
    assert "does not accept this key" in card["key"]["error"]
    await page.click(type="setup-key", key=KEY, url=url, model="")
    async with asyncio.timeout(10):
        await asking.task
    assert asking.chosen == [{"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": url, "CODEAGENT_MODEL": "scripted"}]
    shown = json.dumps(page.history)
    assert KEY not in shown
    assert "sk-wrong" not in shown


async def test_of_several_models_one_is_to_be_chosen(page: FakeFrontEnd, server: ScriptedServer) -> None:
    server.models = ["one", "two", "nomic-embed-text"]
    address = f"127.0.0.1:{server.http.server_port}"
    asking = Asking(page, {})
    await page.click(type="setup-key", key="", url=address, model="")
    card = await page.until(lambda card: card["key"]["models"])
    assert card["key"]["models"] == ["one", "two"]
    await page.click(type="setup-key", key="", url=address, model="two")
    async with asyncio.timeout(10):
        await asking.task
    assert asking.chosen[0]["CODEAGENT_MODEL"] == "two"
    assert server.keys == ["", ""], "where none is typed, none is sent"


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"key": "", "url": "", "model": ""}, "type a key"),
        ({"key": "", "url": "https://api.openai.com/v1", "model": ""}, "type a key"),
        ({"key": KEY, "url": "file:///etc/passwd", "model": ""}, "not the address of a server"),
        ({"key": KEY, "url": f"https://me:{KEY}@host/v1", "model": ""}, "its own field"),
        ({"key": KEY, "url": "http://127.0.0.1:9", "model": "m"}, "gave no reply"),
        ({"key": None, "url": 7, "model": []}, "gave no reply|not the address|type a key"),
    ],
)
async def test_what_cannot_work_is_told_in_the_card(page: FakeFrontEnd, message: dict[str, Any], error: str) -> None:
    asking = Asking(page, {})
    await page.click(type="setup-key", **message)
    card = await page.until(lambda card: card["key"]["error"] and not card["key"]["busy"])
    assert any(part in card["key"]["error"] for part in error.split("|"))
    assert KEY not in json.dumps(page.history)
    assert asking.chosen == []
    asking.task.cancel()


async def test_a_server_here_is_looked_for_after_a_click_only(page: FakeFrontEnd, server: ScriptedServer) -> None:
    server.models = ["qwen2.5-coder:7b", "llama3.2:3b"]
    asking = Asking(page, {"OLLAMA_HOST": f"127.0.0.1:{server.http.server_port}", "OPENAI_API_KEY": KEY})
    await page.shown()
    await asyncio.sleep(0.05)
    assert server.keys == []
    await page.click(type="setup-look")
    card = await page.until(lambda card: card["servers"]["looked"] and not card["servers"]["looking"])
    [ollama] = [found for found in card["servers"]["found"] if found["name"] == "Ollama"]
    assert ollama["models"] == server.models
    for wrong in ({"url": "http://evil.example/v1", "model": "x"}, {"url": ollama["url"], "model": "x"}, {}):
        await page.click(type="setup-server", **wrong)
        assert asking.chosen == [], "only what was found can be chosen"
    await page.click(type="setup-server", url=ollama["url"], model="llama3.2:3b")
    await asking.task
    assert asking.chosen == [
        {"OPENAI_BASE_URL": ollama["url"], "OPENAI_API_KEY": "", "CODEAGENT_MODEL": "llama3.2:3b"}
    ], "a key of the environment is for another server"
    assert server.keys == [""]


@pytest.mark.skipif(find_spec("xllamacpp") is None, reason="xllamacpp is not installed")
async def test_a_download_is_shown_on_two_pages_and_answers_both(tmp_path: Path, page: FakeFrontEnd) -> None:
    file, other = tmp_path / "model.gguf", FakeFrontEnd()
    steps: list[int] = []

    def fetch(*, progress: Callable[[int, int, str], None]) -> Path:
        for done in range(len(steps), 4):
            progress(done, 4, "from a hub")
            steps.append(done)
        file.write_bytes(b"GGUF")
        return file

    asking = Asking(page, {}, fetch=fetch)
    second = asyncio.ensure_future(Cards(other, always).ask(asking.setup))
    assert (await other.shown())["embedded"]["phase"] == "idle"
    await page.click(type="setup-fetch")
    async with asyncio.timeout(10):
        await asyncio.gather(asking.task, second)
    assert asking.chosen == [{"CODEAGENT_MODEL": "local", "CODEAGENT_MODEL_PATH": ""}]
    assert page.card is other.card is None
    assert {"waiting", "setup"} <= set(filter(lambda value: isinstance(value, str), page.history))


async def test_a_model_that_was_downloaded_before_is_offered_for_use(tmp_path: Path, page: FakeFrontEnd) -> None:
    """Where `-m gpt-nope` names a model that no server has, 1.1 GB were offered that were here."""
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    asking = Asking(page, environment)
    assert asking.setup.fields()["embedded"]["here"] is False
    file = weights.cache_dir(environment) / weights.KNOWN_MODEL.filename
    file.parent.mkdir(parents=True)
    file.write_bytes(b"GGUF")
    assert asking.setup.fields()["embedded"]["here"] is True
    asking.task.cancel()


async def test_without_the_extra_the_command_stands_in_place_of_the_download(
    page: FakeFrontEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*, progress: Callable[[int, int, str], None]) -> Path:
        raise AssertionError("nothing is fetched that could not be used")

    monkeypatch.delitem(sys.modules, "xllamacpp", raising=False)  # another test may have imported it
    monkeypatch.setattr("sys.path", [])  # nothing that is not imported yet can be found
    monkeypatch.setattr("sys.path_importer_cache", {})
    asking = Asking(page, {}, fetch=fetch)
    card = await page.shown()
    assert card["embedded"]["command"] == install_command()
    assert card["embedded"]["command"].endswith(" -m pip install 'codeagent-nb[local]'")
    await page.click(type="setup-fetch")
    assert (await page.shown())["embedded"]["phase"] == "idle"
    text = ways_in_cells("No model is configured.")
    monkeypatch.undo()
    assert "%pip install 'codeagent-nb[local]'" in text
    await page.click(type="setup-installed")
    assert (await page.shown())["embedded"]["command"] == ("" if find_spec("xllamacpp") else install_command())
    asking.task.cancel()


@pytest.mark.skipif(find_spec("xllamacpp") is None, reason="xllamacpp is not installed")
def test_where_no_card_can_be_shown_the_text_has_the_commands_and_no_pip_that_is_not_needed() -> None:
    text = ways_in_cells("No model is configured.")
    for part in ("-m codeagent_nb model fetch", "getpass.getpass", "OPENAI_BASE_URL=http://localhost:11434/v1"):
        assert part in text
    assert "pip install" not in text


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (NoModelConfigured("No model is configured. One of these gives you one:\n  1. x"), "No model is configured."),
        (NoModelConfigured("Model 'qwen2.5-coder:7b' is named, but no server is. Set it."), None),
        (WeightsError("The embedded model's file is not here. Run: codeagent-nb model fetch (1.1 GB)"), None),
        (WeightsError("/a/b.gguf is not a GGUF model file. Correct CODEAGENT_MODEL_PATH."), None),
        (NoModelConfigured("no end"), "no end"),
    ],
)
def test_a_card_says_why_in_one_sentence(error: AgentError, sentence: str | None) -> None:
    assert reason_of(error) == (sentence or f"{str(error).split('. ')[0]}.")


# What was chosen


def test_what_was_chosen_is_used_by_the_agent_and_by_nothing_else(tmp_path: Path) -> None:
    agent = NotebookAgent("n")
    agent.use({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://localhost:1/v1", "CODEAGENT_MODEL": "m"})
    client, _ = agent.models.choose("")
    assert isinstance(client, OpenAIChatCompletionClient)
    assert client.where == "'m' at localhost"
    assert KEY not in json.dumps(dict(os.environ)), "no process of ours inherits it"


def test_a_typed_key_is_masked_as_one_of_the_environment_is() -> None:
    agent = NotebookAgent("n")
    agent.use({"OPENAI_API_KEY": KEY})
    assert KEY not in agent.secrets.text(f"the key is {KEY}")
    event = agent.secrets.look().event(TextMessage(source="user", content=f"use {KEY}"))
    assert KEY not in event.model_dump_json()
    agent.use({"OPENAI_API_KEY": ""})
    assert KEY not in agent.secrets.text(f"the key was {KEY}"), "what was a secret stays one"


def test_a_model_that_was_chosen_before_is_not_taken_for_the_new_one() -> None:
    agent = NotebookAgent("n")
    for name in ("one", "two"):
        agent.use({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://localhost:1/v1", "CODEAGENT_MODEL": name})
        client, _ = agent.models.choose("")
        assert isinstance(client, OpenAIChatCompletionClient)
        assert client.where == f"'{name}' at localhost"


def test_the_folder_of_the_next_task_is_told(tmp_path: Path) -> None:
    assert commands.folder(NotebookAgent("n"), Place(tmp_path)) == f"The next task works in {tmp_path}."
    assert "%agent folder PATH" in commands.HELP


def test_the_notebooks_path_is_what_the_server_or_vs_code_says() -> None:
    assert notebook_path({"JPY_SESSION_NAME": "/a/b.ipynb"}, {}) == "/a/b.ipynb"
    assert notebook_path({}, {"__vsc_ipynb_file__": "/c/d.ipynb"}) == "/c/d.ipynb"
    assert notebook_path({}, {}) == ""


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OPENAI_API_KEY", KEY[::-1]), ("OPENAI_BASE_URL", "https://api.example.org/v1"), ("CODEAGENT_MODEL", "gpt-y")],
)
def test_what_is_set_after_a_click_counts(variable: str, value: str) -> None:
    environment = {"HOME": "/h"}
    models = ChosenModels(environment)
    card = {"OPENAI_BASE_URL": "http://localhost:11434/v1", "OPENAI_API_KEY": "", "CODEAGENT_MODEL": "qwen"}
    models.use(card)
    first, _ = models.choose("")
    assert "localhost" in str(getattr(first, "where", ""))
    environment |= {"OPENAI_API_KEY": KEY, "CODEAGENT_MODEL": "gpt-x", variable: value}
    now, note = models.choose("")
    assert "localhost" not in str(getattr(now, "where", ""))
    assert "This task goes to" in note
    assert dict(models.environment) == environment


def test_a_click_after_that_counts_again() -> None:
    environment = {"OPENAI_API_KEY": KEY}
    models = ChosenModels(environment)
    models.use({"CODEAGENT_MODEL": "one"})
    environment["OPENAI_API_KEY"] = KEY[::-1]
    assert "CODEAGENT_MODEL" not in models.environment
    models.use({"OPENAI_BASE_URL": "http://localhost:1/v1"})
    assert "CODEAGENT_MODEL" not in models.environment
    environment["UNRELATED"] = "x"
    assert models.environment["OPENAI_BASE_URL"] == "http://localhost:1/v1"


async def test_a_check_that_ends_after_the_answer_takes_nothing_from_it(page: FakeFrontEnd) -> None:
    asking = Asking(page, {})
    asking.setup._finish({"CODEAGENT_MODEL": "first"})
    asking.setup._finish({"CODEAGENT_MODEL": "late"})
    await asking.task
    assert asking.chosen == [{"CODEAGENT_MODEL": "first"}]


@pytest.mark.parametrize(
    ("environment", "where"),
    [
        ({"OPENAI_API_KEY": KEY}, "api.openai.com"),
        ({"OPENAI_BASE_URL": "https://h.example/v1", "CODEAGENT_MODEL": "m"}, "h.example"),
        ({"CODEAGENT_MODEL_PATH": "/nowhere"}, "localhost"),  # there is no other: what was clicked stays
    ],
)
def test_what_the_environment_says_is_returned_to(environment: dict[str, str], where: str) -> None:
    models = ChosenModels({"HOME": "/h", **environment})
    models.use({"OPENAI_BASE_URL": "http://localhost:11434/v1", "OPENAI_API_KEY": "", "CODEAGENT_MODEL": "qwen"})
    models.follow_environment()
    assert where in str(getattr(models.choose("")[0], "where", ""))
