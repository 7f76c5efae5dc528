"""Made-up questions with a scripted model and real kernels: right, wrong and failed, cut and gone on with."""

import asyncio
import json
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest

from codeagent_nb import ReplayChatCompletionClient
from codeagent_nb.errors import ModelUnavailable
from codeagent_nb.models.types import ChatCompletionClient, CreateResult, LLMMessage, ModelInfo
from tests.evaluation import run as running
from tests.evaluation.asking import ask
from tests.evaluation.configurations import Configuration
from tests.evaluation.models import Model
from tests.evaluation.questions import read_questions
from tests.evaluation.results import Results

pytestmark = pytest.mark.integration

QUESTIONS = {
    "How many rows are there?": ("easy", "rows", "2"),
    "What is the sum of the prices?": ("medium", "total", "30.50"),
    "Which shop is the dearest?": ("hard", "shop", "north"),
}
CODE = {
    "How many rows are there?": ["print(f'@rows[{len(open(\"sales.csv\").readlines()) - 1}]')"],
    "What is the sum of the prices?": ["print('@total[31]')"],
    "Which shop is the dearest?": ["print(prices)", "print('@shop[south]', 1 / 0)"],
}
SETTINGS = ["--count", "3", "--seed", "1", "--configuration", "one-retry"]


@dataclass
class Scripted:
    """A model that replies to each question with its code, and then says that this is it."""

    asked: list[str]
    on_question: Callable[[str], object] = str
    model_info: ModelInfo = field(default_factory=lambda: ReplayChatCompletionClient([]).model_info)
    replies: ChatCompletionClient | None = None

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        **how: Any,
    ) -> AsyncGenerator[str | CreateResult, None]:
        if self.replies is None:
            prompt = "\n".join(message.content for message in messages)
            [question] = [question for question in CODE if question in prompt]
            self.asked.append(prompt)
            self.on_question(question)
            await asyncio.sleep(0)  # an interrupt arrives
            self.replies = ReplayChatCompletionClient(
                [*map("```python\n{}\n```".format, CODE[question]), "That is it."]
            )
        async for item in self.replies.create_stream(messages, **how):
            yield item

    async def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set of questions; its table cannot be written to."""
    folder = tmp_path / "set"
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "sales.csv").write_text("shop,price\nnorth,20.25\nsouth,10.25\n")
    (folder / "tables" / "sales.csv").chmod(0o444)
    rows = [
        {"id": number, "level": level, "question": text, "format": f"@{name}[value]", "file_name": "sales.csv"}
        for number, (text, (level, name, _)) in enumerate(QUESTIONS.items())
    ]
    labels = [
        {"id": number, "common_answers": [[name, value]]} for number, (_, name, value) in enumerate(QUESTIONS.values())
    ]
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "labels.jsonl").write_text("\n".join(map(json.dumps, labels)))
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The prompts with which the scripted model was asked a question first."""
    asked: list[str] = []
    use(monkeypatch, lambda: Scripted(asked))
    monkeypatch.setattr(
        running, "CONFIGURATIONS", {"one-retry": Configuration(run={"max_retries": 1, "approval": "never"})}
    )
    return asked


def use(monkeypatch: pytest.MonkeyPatch, client: Callable[[], ChatCompletionClient]) -> None:
    @asynccontextmanager
    async def open_model(_: str) -> AsyncIterator[Model]:
        yield Model("scripted", client)

    monkeypatch.setattr(running, "open_model", open_model)


def test_right_wrong_and_failed(
    folder: Path, tmp_path: Path, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--questions", str(folder), "--into", str(tmp_path / "eval"), *SETTINGS]
    assert running.main(command) == 0
    path = tmp_path / "eval" / "one-retry-scripted-1-3.jsonl"
    rows = {row.level: row for row in Results.read(path).rows}
    assert {level: row.cause for level, row in rows.items()} == {
        "easy": "right",
        "medium": "wrong value",
        "hard": "error",
    }
    easy, hard = rows["easy"], rows["hard"]
    assert (easy.tags, easy.calls, easy.tries, easy.had_error) == ({"rows": "2"}, 2, 1, False)
    assert easy.prompt_tokens > easy.completion_tokens > 0
    assert (hard.errors, hard.had_error, hard.tries, hard.status) == (
        ("NameError", "ZeroDivisionError"),
        True,
        2,
        "failed",
    )
    assert all("'north', 'price'" in prompt or "price" in prompt for prompt in asked), "the file is described"
    for row in rows.values():
        nbformat.validate(nbformat.read(path.with_suffix("") / f"{row.id}.ipynb", as_version=4))
    said = capsys.readouterr()
    assert not any(text in said.out + said.err for text in ("sales", "dearest", "30.50", "@"))
    assert "1/3 (33%; 6%-79%)" in said.out

    path.write_bytes(path.read_bytes()[:-9])  # killed within the last line
    assert running.main(command) == 0
    assert len(asked) == 4, "only what had no result is asked"
    results = Results.read(path)
    assert [row.cause for row in results.rows].count("right") == 1
    assert (len(results.rows), len(results.starts)) == (3, 2)


def test_an_interrupted_run_goes_on(
    folder: Path, tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--questions", str(folder), "--into", str(tmp_path / "eval"), *SETTINGS]
    use(monkeypatch, lambda: Scripted(asked, lambda _: signal.raise_signal(signal.SIGINT) if len(asked) == 2 else None))
    assert running.main(command) == running.INTERRUPTED
    assert "the same command goes on" in capsys.readouterr().err
    path = tmp_path / "eval" / "one-retry-scripted-1-3.jsonl"
    assert len(Results.read(path).rows) == 1
    use(monkeypatch, lambda: Scripted(asked))
    assert running.main(command) == 0
    assert len(asked) == 4
    assert len(Results.read(path).rows) == 3


async def test_a_fault_is_a_result(folder: Path) -> None:
    [question, *_] = read_questions(folder)
    configuration = Configuration(run={"approval": "never"}, describes_file=False)
    asked: list[str] = []

    def fail(_: str) -> None:
        raise ModelUnavailable("no route to host")

    row = await ask(question, configuration, Model("broken", lambda: Scripted(asked, fail)))
    assert (row.cause, row.right, row.fault) == ("fault", False, "ModelUnavailable: no route to host")
    assert "File 'sales.csv' is in the working folder." in asked[0]
    assert "price" not in asked[0].replace("What is the sum of the prices?", ""), "only its name is told"
    slow = Model("slow", lambda: Scripted(asked, replies=ReplayChatCompletionClient(["word " * 99], chunk_delay=9)))
    row = await ask(question, configuration, slow, timeout=8)
    assert (row.cause, row.fault, row.status) == ("fault", "no answer within 8 s", "cancelled")


async def test_what_no_setting_turns_off_is_replaced_for_a_run(folder: Path) -> None:
    [question, *_] = read_questions(folder)
    asked: list[str] = []
    configuration = Configuration(
        run={"approval": "never"},
        agent={"system_message": "Be terse.", "roll_back_failures": False},
        replaced={"codeagent_nb.session.files.CONTEXT_BUDGET": 60},
    )
    row = await ask(question, configuration, Model("scripted", lambda: Scripted(asked)))
    assert row.right
    assert asked[0].startswith("Be terse.\n")
    assert len(asked[0]) < 400
