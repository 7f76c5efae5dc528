"""What the agent has found is the user's: variables come into the notebook, and the notebook says which there are."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from codeagent_nb import ReplayChatCompletionClient, VariableRefused
from codeagent_nb.errors import AgentError
from codeagent_nb.events import NewVariablesEvent
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.session.session import Session, SessionSettings, open_session
from kernel_executor import Picture
from tests.integration.test_notebook_magic import Execute, execute, model, python, texts

pytestmark = pytest.mark.integration

__all__ = ["execute"]

CLEANED = (
    "import pandas as pd\n"
    "clean = pd.DataFrame({'species': ['Adelie', 'Gentoo'], 'mass': [3700.0, 5076.0]})\n"
    "class Model: pass\n"
    "model = Model()\n"
    "limit = 5"
)


def test_what_was_asked_for_is_there_in_the_next_cell(execute: Execute) -> None:
    notebook = execute(
        model(python(CLEANED), "Cleaned."),
        "%%agent -m replay -o clean,limit\nClean it.",
        "clean.shape, limit",
        "clean['mass'] *= 2\nclean['mass'].sum()",
    )
    said = texts(notebook.cells[1])
    assert "`clean` is in this notebook now: DataFrame 2 × 2" in said  # noqa: RUF001
    assert "`limit` is in this notebook now: int" in said
    assert notebook.cells[2].outputs[0].data["text/plain"] == "((2, 2), 5)"
    assert "17552.0" in texts(notebook.cells[3])


def test_the_model_is_told_which_variables_are_wanted(execute: Execute) -> None:
    notebook = execute(
        model(python(CLEANED), "Cleaned."),
        "%%agent -m replay -o clean\nClean it.",
        "str(replay.create_calls[0].messages)",
    )
    assert "takes these variables over afterwards: `clean`" in texts(notebook.cells[2])


def test_what_is_new_stands_under_the_answer_and_in_the_saved_notebook(execute: Execute, tmp_path: Path) -> None:
    notebook = execute(
        model(python(CLEANED), "Cleaned.", python("limit += 1"), "More."),
        "%%agent -m replay\nClean it.",
        "%%agent -m replay\nRaise the limit.",
    )
    row = "New in the agent's kernel: clean · DataFrame 2 × 2; model · Model (stays there); limit · int"  # noqa: RUF001
    assert row in texts(notebook.cells[1])
    assert "Into your notebook: %agent pull clean" in texts(notebook.cells[1])
    assert "New in the agent's kernel: limit · int." in texts(notebook.cells[2])
    [saved] = tmp_path.glob(".codeagent/sessions/*/session.ipynb")
    assert "clean &#183; DataFrame 2 &#215; 2" in saved.read_text()


def test_variables_are_pulled_and_the_next_line_has_them(execute: Execute) -> None:
    notebook = execute(
        model(python(CLEANED), "Cleaned."),
        "%%agent -m replay\nClean it.",
        "clean = 'mine'\n%agent pull clean as table\nprint(clean, table.shape)",
        "%agent pull clean limit\nprint(type(clean).__name__, limit)",
        "%%time\n%agent pull clean",
        "%agent pull",
    )
    assert "mine (2, 2)" in texts(notebook.cells[2])
    assert "`clean` is in this notebook now: DataFrame 2 × 2; the one you had is replaced" in texts(notebook.cells[3])  # noqa: RUF001
    assert "DataFrame 5" in texts(notebook.cells[3])
    assert "at the beginning of a line of a cell" in texts(notebook.cells[4])
    assert "name a variable" in texts(notebook.cells[5])


def test_what_cannot_come_is_said_by_name_and_what_can_comes(execute: Execute) -> None:
    notebook = execute(
        model(python(CLEANED), "Cleaned."),
        "%agent pull clean",
        "%%agent -m replay -o clean,clen,model\nClean it.",
        "clean.shape",
        "%agent pull model",
        "%agent pull clean --limit 100",
        "%agent pull a.b",
        "%agent pull clean --limit much",
    )
    assert "give the agent a task first" in texts(notebook.cells[1])
    said = texts(notebook.cells[2])
    assert "there is no variable `clen` in the agent's kernel" in said
    assert "`model` stays in the agent's kernel: `model` is a __main__.Model, which is more than data" in said
    assert notebook.cells[3].outputs[0].data["text/plain"] == "(2, 2)"
    assert "more than data" in texts(notebook.cells[4])
    assert "too large" in texts(notebook.cells[5])
    assert "%agent pull clean --limit 1GB" in texts(notebook.cells[5])
    assert "'a.b' is not a valid variable name" in texts(notebook.cells[6])
    assert "'much' is no size" in texts(notebook.cells[7])


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    async with open_session(SessionSettings(notebook=tmp_path / "session.ipynb")) as opened:
        yield opened


def settings(*replies: str) -> RunSettings:
    return RunSettings(model=ReplayChatCompletionClient(list(replies)), approval="never")


def told(session: Session) -> list[NewVariablesEvent]:
    return [event for event in session.log.events if isinstance(event, NewVariablesEvent)]


async def test_a_program_fetches_what_the_agent_has_found(session: Session) -> None:
    plot = "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1, 2])\nname = 'A' * 3"
    await session.run("Clean it.", settings(python(f"{CLEANED}\n{plot}"), "Done."))
    clean = await session.fetch("clean")
    pd.testing.assert_frame_equal(clean, pd.DataFrame({"species": ["Adelie", "Gentoo"], "mass": [3700.0, 5076.0]}))
    assert isinstance(await session.fetch("fig"), Picture)
    with pytest.raises(VariableRefused, match=r"`ax` is a .*bring `\.figure`"):
        await session.fetch("ax")
    with pytest.raises(VariableRefused, match="no variable `nothing`"):
        await session.fetch("nothing")
    [event] = told(session)
    assert {each.name: each.comes for each in event.variables} == {
        "clean": True,
        "fig": True,
        "model": False,
        "ax": False,
        "limit": True,
        "name": True,
    }


async def test_a_task_that_failed_leaves_nothing_and_tells_nothing(session: Session) -> None:
    await session.run("Try.", settings(python("kept = 1"), "Done."))
    await session.run("Try.", settings(*[python(f"kept = 2\nbroken = 1 / 0  # {n}") for n in range(9)]))
    assert await session.fetch("kept") == 1
    assert [[each.name for each in event.variables] for event in told(session)] == [["kept"]]


async def test_a_secret_in_what_is_said_of_a_variable_is_masked(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-1234567890abcdef")
    session.log.secrets.look()
    code = "x = type('sk_1234567890abcdef'.replace('sk_', 'sk-'), (), {})()"
    await session.run("Try.", settings(python(code), "Done."))
    with pytest.raises(VariableRefused) as said:
        await session.fetch("x")
    assert "1234567890abcdef" not in str(said.value)
    assert "1234567890abcdef" not in str(told(session))


async def test_nothing_is_fetched_while_a_task_is_worked_on(session: Session) -> None:
    slow = python("import time\ntime.sleep(2)")
    working: asyncio.Task[Any] = asyncio.create_task(session.run("Wait.", settings(slow, "Done.")))
    await asyncio.sleep(0.5)
    with pytest.raises(AgentError):
        await session.fetch("x")
    await working
