"""The journal: whole lines only, everything but the pieces of replies, and an end that was cut off is no loss."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codeagent_nb.errors import SessionError
from codeagent_nb.events import ModelClientStreamingChunkEvent, TextMessage
from codeagent_nb.log.journal import JournalView, load_journal


def said(text: str) -> TextMessage:
    return TextMessage(source="user", content=text)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.journal.jsonl"


def write(path: Path, *events: Any) -> None:
    journal = JournalView(path)
    for event in events:
        journal.on_event(event)
    journal.close()


async def test_a_run_comes_back_as_it_was_without_the_pieces_of_replies(stage: Callable[..., Any], path: Path) -> None:
    journal = JournalView(path)
    scene = stage(["```python\nprint('é \u2028 \\r')\n```", "Done."], ["1\n"], views=[journal])
    await scene.agent.run(task="line one\r\nline two\u2028three\x85")
    journal.close()
    loaded = load_journal(path)
    assert loaded == scene.agent.log.events
    assert ModelClientStreamingChunkEvent not in {type(event) for event in loaded}
    assert ModelClientStreamingChunkEvent in {type(event) for event in scene.seen}


def test_each_event_is_a_line_at_once(path: Path) -> None:
    journal = JournalView(path)
    journal.on_event(said("one"))
    assert json.loads(path.read_bytes())["content"] == "one"
    journal.close()


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_last_line_that_was_cut_off_is_left_out(path: Path, cut: int) -> None:
    one = said("one")
    write(path, one, said("two"))
    os.truncate(path, path.stat().st_size - cut)
    assert load_journal(path) == (one,)


def test_a_journal_that_was_cut_off_can_be_gone_on_with(path: Path) -> None:
    one, three = said("one"), said("three")
    write(path, one, said("two"))
    os.truncate(path, path.stat().st_size - 5)
    write(path, three)
    assert load_journal(path) == (one, three)


def test_an_empty_journal_has_no_events(path: Path) -> None:
    write(path)
    assert load_journal(path) == ()


@pytest.mark.parametrize("line", [b"not json", b'{"type": "NewEvent"}', b"\xff\xfe", b"[]", b""])
def test_a_corrupt_line_is_named_by_its_number(path: Path, line: bytes) -> None:
    write(path, said("one"))
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(SessionError, match=r"line 2 of the journal '.*session.journal.jsonl' is not an event"):
        load_journal(path)


def test_a_missing_journal_is_named(path: Path) -> None:
    with pytest.raises(SessionError, match=r"cannot read the journal '.*': No such file"):
        load_journal(path)


FILL_THE_DISK = """
import resource, sys
from pathlib import Path
from codeagent_nb.events import TextMessage
from codeagent_nb.log.journal import JournalView
journal = JournalView(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
for number in range(100):
    try:
        journal.on_event(TextMessage(source="user", content=str(number)))
    except OSError as error:
        print(error)
        break
"""


def test_a_full_disk_leaves_whole_events_and_says_so(path: Path) -> None:
    command = [sys.executable, "-c", FILL_THE_DISK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "the disk is full" in done.stdout or "File too large" in done.stdout
    events = load_journal(path)
    assert [event.content for event in events if isinstance(event, TextMessage)] == [str(n) for n in range(len(events))]
    assert len(events) > 10


def test_a_process_that_was_forked_meanwhile_does_not_keep_a_closed_journal_locked(path: Path) -> None:
    """A pool of `multiprocessing` in the notebook had the descriptor, and the session could not be gone on with."""
    journal = JournalView(path)
    forked = os.dup(journal._file.fileno())  # as a child has it: the lock belongs to what both have open
    try:
        journal.close()
        write(path, said("one"))
    finally:
        os.close(forked)
    assert len(load_journal(path)) == 1
