"""The model reads what is in files that a task names, and of cells that it speaks of; people are told of that."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from codeagent_nb import ContextEvent, ReplayChatCompletionClient, Session, SessionSettings, open_session
from codeagent_nb.approval import refuse_unattended
from codeagent_nb.log.standing import standing
from codeagent_nb.loop.run_settings import RunSettings
from tests.integration.test_notebook_magic import Execute, execute, model, python, texts

pytestmark = pytest.mark.integration

__all__ = ["execute"]


async def ask(session: Session, task: str) -> str:
    """Return the prompt that a task makes."""
    client = ReplayChatCompletionClient(["```python\nprint('done')\n```", "Done."])
    await session.run(task, RunSettings(model=client, ask=refuse_unattended))
    return "\n".join(str(message.content) for message in client.create_calls[0].messages)


def told(session: Session) -> list[str]:
    return [event.told for event in standing(session.log.events) if isinstance(event, ContextEvent)]


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sales.csv").write_text("region,net amount\nnorth,12.5\nsouth,7\n")
    (tmp_path / "notes.txt").write_text("nothing")
    async with open_session(SessionSettings(folder=tmp_path)) as session:
        yield session


async def test_a_file_in_a_subfolder_that_the_task_names_is_described_once(session: Session) -> None:
    prompt = await ask(session, "Sum up the sales per region")
    assert "File 'data/sales.csv' (37 bytes) is in the working folder" in prompt
    assert "'net amount': float64" in prompt
    prompt = await ask(session, "Now plot sales.csv")
    assert prompt.count("File 'data/sales.csv'") == 1
    assert told(session) == ["Looked at `data/sales.csv` for the model"]


async def test_a_file_that_has_changed_is_described_again(session: Session) -> None:
    await ask(session, "Sum up sales.csv")
    (session.folder / "data" / "sales.csv").write_text("region,net amount,tax\nnorth,12.5,1\n")
    assert "'tax': int64" in await ask(session, "Sum up sales.csv")


async def test_where_no_file_is_named_the_model_is_told_which_there_are_once(session: Session) -> None:
    prompt = await ask(session, "What can be seen here?")
    assert "Files in the working folder: notes.txt (7 bytes), data/sales.csv (37 bytes)." in prompt
    assert (await ask(session, "And now?")).count("Files in the working folder") == 1
    assert told(session) == ["Told the model which files of data are here"]


def test_a_task_about_the_error_above_knows_it(execute: Execute) -> None:
    cells = (
        model(python("print(1)"), "It is a typo."),
        "total = {'mass': 1}\ntotal['mas']",
        "%%agent -m replay\nWhy does this fail?",
        "print(replay.create_calls[0].messages[-1].content)",
    )
    notebook = execute(*cells)
    assert "Told the model your last cell and its error" in texts(notebook.cells[2])
    prompt = texts(notebook.cells[3])
    assert "The user's last cell:\n```python\ntotal = {'mass': 1}\ntotal['mas']\n```" in prompt
    assert "KeyError: 'mas'\n```" in prompt


def test_an_error_of_a_task_is_none_of_the_users(execute: Execute) -> None:
    cells = (
        model("```python\n1 / 0\n```", "It failed.", python("print(1)"), "One."),
        "%config CodeAgent.retries = 0",
        "%%agent -m replay\nDivide",
        "%%agent -m replay\nWhy does this fail?",
    )
    notebook = execute(*cells)
    assert "Told the model" not in texts(notebook.cells[3])
