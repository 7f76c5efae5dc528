"""Real notebooks of every format, some broken on purpose: none loses a cell, and what is not read is refused by name.

The files are test data that is no part of the project: at CODEAGENT_BENCH_DATA, or beside it in `shared/bench-data`.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codeagent_nb.errors import SessionError
from codeagent_nb.events import BlockStartedEvent
from codeagent_nb.old_notebooks.cleaning import clean
from codeagent_nb.proof.reading import read_notebook
from codeagent_nb.session.from_notebook import read_conversation

PLACE = Path(os.environ.get("CODEAGENT_BENCH_DATA") or Path(__file__).parents[3] / "shared" / "bench-data")
DATA = PLACE.resolve() / "notebooks"
FILES = sorted(DATA.rglob("*.ipynb"))

REFUSED = ("is of notebook format", "is in julia", "is in r;", "is in plaintext")
"""What is said of a notebook that is not read."""

pytestmark = pytest.mark.skipif(not FILES, reason=f"there are no notebooks in {DATA.parent.name}")


def code_of(path: Path) -> list[str]:
    """Return the code of a notebook, cell by cell, as its file has it."""
    cells: list[Any] = json.loads(path.read_bytes()).get("cells", [])
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_there_are_as_many_as_there_should_be() -> None:
    assert len(FILES) == 97


def refused(work: Callable[[], object]) -> str:
    """Return why something is refused; empty if it is not."""
    try:
        work()
    except SessionError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_cell_is_lost(path: Path) -> None:
    why_not = refused(lambda: read_notebook(path))
    assert refused(lambda: read_conversation(path, "agent")) == why_not, "one reason, wherever it is said"
    if why_not:
        assert any(reason in why_not for reason in REFUSED)
        return
    code = code_of(path)
    assert [cell.source for cell in read_notebook(path).cells] == code
    events = read_conversation(path, "agent")
    ran = [event.block.code.strip("\n") for event in events if isinstance(event, BlockStartedEvent)]
    shell = [source.removeprefix("%%bash\n").strip("\n") for source in code]
    assert [source for source in shell if source and source not in ran] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_has_no_failed_code_of_ours_is_left_as_it_is(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / path.name
    shutil.copy(path, copy)
    why_not = refused(lambda: clean(copy))
    assert not why_not or "is not a notebook of Jupyter's format 4" in why_not
    assert copy.read_bytes() == path.read_bytes()
