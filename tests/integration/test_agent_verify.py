"""`%agent verify` replays the saved session, or another notebook, from within a notebook's kernel."""

from pathlib import Path

import pytest

from codeagent_nb.notebook import commands
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from tests.support.proof_cases import in_text, made

pytestmark = pytest.mark.integration


async def test_before_the_first_task_there_is_nothing_to_verify() -> None:
    assert (await commands.verify(NotebookAgent("n"), "")).startswith("No session yet")


async def test_another_notebook_is_verified_and_its_verdict_written(tmp_path: Path) -> None:
    path = await made("counter", tmp_path)
    assert (await commands.verify(NotebookAgent("n"), str(path))).startswith("Proved: 4 cells ran again")
    assert '"verdict": "proved"' in path.read_text()
    in_text(4, "7", "8")(path)
    assert "cell 4 [4]: an edited output" in await commands.verify(NotebookAgent("n"), str(path))


async def test_what_cannot_be_verified_is_told_in_one_line(tmp_path: Path) -> None:
    told = await commands.verify(NotebookAgent("n"), str(tmp_path / "none.ipynb"))
    assert told.startswith("Not verified: cannot read")
    assert "\n" not in told
