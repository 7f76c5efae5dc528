"""A session whose process is killed at any moment goes on, again and again, and no step that was finished is lost."""

import random
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import nbformat
import pytest

from codeagent_nb import ReplayChatCompletionClient, RunSettings
from codeagent_nb.approval import refuse_unattended
from codeagent_nb.events import AgentEvent, CodeExecutionEvent
from codeagent_nb.log.journal import load_journal
from codeagent_nb.session.beginning import Earlier
from codeagent_nb.session.earlier import up_to_task
from codeagent_nb.session.finding import earlier_of, fork_of, sessions_in
from codeagent_nb.session.session import Session, SessionSettings, open_session
from tests.integration.scripted_session import count_on
from tests.integration.test_sigkill import journal_in, kill_session

pytestmark = pytest.mark.integration

MOST_EVENTS = 60
"""Of the first run; five tasks, about."""


def finished(events: Sequence[AgentEvent]) -> list[int]:
    """Return the numbers of the tasks whose code has ended well, as it has printed them."""
    numbers: list[int] = []
    for event in events:
        if isinstance(event, CodeExecutionEvent):
            numbers = [int(number) for number in event.result.output.strip(" []\n").split(",")]
    return numbers


async def done(session: Session) -> list[int]:
    answer = await session.executor.evaluate("globals().get('done', [])")
    return [int(number) for number in (answer or "").strip("[]").split(",") if number]


def opened(folder: Path, past: Earlier) -> AbstractAsyncContextManager[Session]:
    return open_session(SessionSettings(folder=folder, name="count"), earlier=past)


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("moments", [10, pytest.param(50, marks=pytest.mark.attacks)])
async def test_no_finished_step_is_lost_whenever_the_process_is_killed(tmp_path: Path, moments: int) -> None:
    chance, seen = random.Random(7), Counter[str]()
    for number in range(moments):
        folder = tmp_path / str(number)
        folder.mkdir()
        kill_session(folder, number * MOST_EVENTS // moments, chance.uniform(0, 0.3), count_on)
        if chance.random() < 0.3 and sessions_in(folder):
            kill_session(folder, 0, chance.uniform(0.5, 2), count_on)
            seen["killed again"] += 1
        seen["with steps" if await assert_goes_on(folder, chance) else "before any step"] += 1
    print(dict(seen))  # noqa: T201
    assert seen["with steps"] >= moments // 2


async def assert_goes_on(folder: Path, chance: random.Random) -> int:
    """Check that the session goes on, and a fork of it; return how many steps it had finished."""
    journal = journal_in(folder)
    before = load_journal(journal) if journal else ()
    expected, found = finished(before), sessions_in(folder)
    async with opened(folder, earlier_of(found[0]) if found else Earlier()) as session:
        assert session.log.events[: len(before)] == before, "all that was journalled is there"
        assert session.rebuilt.missing == ()
        assert await done(session) == expected
        model = ReplayChatCompletionClient(["```python\nprint('went on')\n```", "Done."])
        result = await session.run("Go on.", RunSettings(model=model, max_retries=0, ask=refuse_unattended))
        assert result.stop_reason == "the code succeeded"
    nbformat.validate(nbformat.read(session.notebook, as_version=4))
    if expected:
        tasks = chance.randint(1, len(expected))
        async with opened(folder, fork_of(sessions_in(folder)[0], tasks)) as fork:
            assert fork.name != session.name
            assert await done(fork) == finished(up_to_task(before, tasks))
    return len(expected)
