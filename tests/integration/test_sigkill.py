"""A session that is killed at any moment leaves a valid notebook and a journal that goes on from it."""

import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import nbformat
import pytest

from codeagent_nb.events import AgentEvent
from codeagent_nb.log.journal import load_journal
from tests.integration.scripted_session import session
from tests.support.notebooks import notebook_of

pytestmark = pytest.mark.integration

SCRIPTED, WITH_KERNEL = 94, 6

# Each is forked from a process that has imported everything: a hundred times that took two minutes.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.integration.scripted_session"])


def kill_session(folder: Path, events: int, seconds: float, run: Callable[[Path], None]) -> None:
    """Start a session, and kill it that long after so many events stand in its journal."""
    process = PROCESSES.Process(target=partial(run, folder))
    process.start()
    try:
        while events and not ((journal := journal_in(folder)) and journal.read_bytes().count(b"\n") >= events):
            assert process.is_alive(), "it ended by itself"
            time.sleep(0.001)
        time.sleep(seconds)
        assert process.is_alive(), "it ended by itself"
    finally:
        process.kill()
        process.join()
        process.close()


def journal_in(folder: Path) -> Path | None:
    """Return the journal of the session in a folder, once it is there."""
    found = [*folder.glob("session.journal.jsonl"), *folder.glob(".codeagent/sessions/*/journal.jsonl")]
    return found[0] if found else None


def saved_state(folder: Path) -> tuple[str, int]:
    """Check what a killed session left; say how far the notebook had come, and the journal."""
    journal = journal_in(folder)
    events = load_journal(journal) if journal else ()
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
    language = saved.metadata.language_info  # what the kernel said, which is no event
    for length in range(len(events), -1, -1):
        if nbformat.from_dict(notebook_of(events[:length], language)) == saved:
            return
    pytest.fail(f"the saved notebook of {len(saved.cells)} cells is not in the journal of {len(events)} events")


@pytest.mark.timeout(600)  # a hundred sessions: 12 s alone
def test_a_session_that_is_killed_at_any_moment_leaves_a_valid_notebook_and_journal(tmp_path: Path) -> None:
    moment = random.Random(20)
    moments = [(number * 60 // SCRIPTED, moment.uniform(0, 0.03), False) for number in range(SCRIPTED)]
    moments += [(number, moment.uniform(0, 1), True) for number in range(WITH_KERNEL)]

    def one(number: int) -> tuple[str, int]:
        folder = tmp_path / str(number)
        folder.mkdir()
        events, seconds, kernel = moments[number]
        kill_session(folder, events, seconds, partial(session, kernel=kernel))
        return saved_state(folder)

    with ThreadPoolExecutor(2) as pool:
        states = list(pool.map(one, range(len(moments))))
    kinds = Counter(kind for kind, _ in states)
    unfinished = sum(1 for path in tmp_path.glob("*/.session.ipynb.*.tmp"))
    print(dict(kinds), f"killed while saving: {unfinished}", f"most events: {max(count for _, count in states)}")  # noqa: T201
    assert kinds["notebook"] > 50
    assert len({count for _, count in states}) > 20, "the moments were not spread"
