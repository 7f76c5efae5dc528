"""A session that is killed at any moment leaves a valid notebook and a journal that goes on from it."""

import random
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from codeagent_nb.events import AgentEvent
from codeagent_nb.log.journal import load_journal
from tests.support.notebooks import notebook_of

pytestmark = pytest.mark.integration

SCRIPT = Path(__file__).with_name("scripted_session.py")
SCRIPTED, WITH_KERNEL = 94, 6


def kill_session(folder: Path, seconds: float, *how: str) -> None:
    """Start a session and kill it that long after it has begun."""
    process = subprocess.Popen([sys.executable, str(SCRIPT), str(folder), *how], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(seconds)
        assert process.poll() is None, "it ended by itself"
    finally:
        process.kill()
        process.communicate(timeout=10)


def saved_state(folder: Path) -> tuple[str, int]:
    """Check what a killed session left; say how far the notebook had come, and the journal."""
    journal = folder / "session.journal.jsonl"
    events = load_journal(journal) if journal.exists() else ()
    nbformat.validate(notebook_of(events))
    path = folder / "session.ipynb"
    if not path.exists():
        return "no notebook yet", len(events)
    saved = nbformat.read(path, as_version=4)
    nbformat.validate(saved)
    assert_the_journal_goes_on_from(saved, events)
    return ("empty notebook" if not saved.cells else "notebook"), len(events)


def assert_the_journal_goes_on_from(saved: nbformat.NotebookNode, events: tuple[AgentEvent, ...]) -> None:
    """The journal is written first, so what is saved is what its first events, all or nearly all, add up to."""
    for length in range(len(events), -1, -1):
        if nbformat.from_dict(notebook_of(events[:length])) == saved:
            return
    pytest.fail(f"the saved notebook of {len(saved.cells)} cells is not in the journal of {len(events)} events")


@pytest.mark.timeout(600)  # a hundred processes: 110 s alone, 250 s beside five other workers
def test_a_session_that_is_killed_at_any_moment_leaves_a_valid_notebook_and_journal(tmp_path: Path) -> None:
    random_moments = random.Random(20)
    moments = [(random_moments.uniform(0, 0.8), ()) for _ in range(SCRIPTED)]
    moments += [(random_moments.uniform(0, 2), ("kernel",)) for _ in range(WITH_KERNEL)]

    def one(number: int) -> tuple[str, int]:
        folder = tmp_path / str(number)
        folder.mkdir()
        seconds, how = moments[number]
        kill_session(folder, seconds, *how)
        return saved_state(folder)

    with ThreadPoolExecutor(2) as pool:
        states = list(pool.map(one, range(len(moments))))
    kinds = Counter(kind for kind, _ in states)
    unfinished = sum(1 for path in tmp_path.glob("*/.session.ipynb.*.tmp"))
    print(dict(kinds), f"killed while saving: {unfinished}", f"most events: {max(count for _, count in states)}")  # noqa: T201
    assert kinds["notebook"] > 50
    assert len({count for _, count in states}) > 20, "the moments were not spread"
