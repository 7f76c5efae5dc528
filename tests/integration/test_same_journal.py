"""The same scripted run gives the same journal at home and elsewhere, but for times, ids and the place."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codeagent_nb.elsewhere.choice import ServerChoice
from codeagent_nb.log.journal import load_journal
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.models.replay import ReplayChatCompletionClient
from codeagent_nb.session.session import SessionSettings, open_session
from codeagent_nb.session.variables import bring_variable
from kernel_executor.remote.server import Token
from tests.support.places import NEEDS, open_place

pytestmark = pytest.mark.integration

FAILING = "```python\nimport math\nprint('begun')\nmath.sqrt(lengths)\n```"
GOOD = (
    "```python\nfrom IPython.display import display, HTML\ntotal = sum(lengths)\nprint('total', total)\n"
    "display(HTML('<b>6</b>'))\n{'total': total}\n```\n\n```sh\necho from the shell\n```"
)
STUBBORN = "```python\nimport time\nprint('waiting')\ntime.sleep(60)\n```"
REPLIES = [FAILING, GOOD, "The total is 6.", STUBBORN, "It took too long."]

OTHERWISE = {
    "created_at": "times",
    "duration": "times",
    "block_id": "ids",
    "isolation": "the place",
    "path": "names of sessions, which hold the time",
    "identity": "ids, of objects",
    "digest": "of prompts, in which the session's folder stands",
}
"""Fields that differ, and why."""

VOLATILE = re.compile(r"0x[0-9a-f]+|/tmp/\S+|\d+\.\d+ s\b|there-\d{8}-\d{6}-\d{3}")


@pytest.fixture(params=NEEDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServerChoice]:
    """Each place that is elsewhere."""
    with open_place(request.param, tmp_path / "elsewhere") as server:
        yield ServerChoice(url=server.url, token=Token(server.token))


def comparable(value: Any) -> Any:
    match value:
        case {"ename": "KeyboardInterrupt", "traceback": [_, *_], **others}:
            # It shows the frame of our own code that interrupts, whose source lies on no disk of a server.
            return comparable({**others, "ename": "KeyboardInterrupt"})
        case {"exit_code": 124, "output": str(output), **others}:
            return comparable({**others, "exit_code": "time", "output": output.partition("\n-----")[0]})
        case dict():
            return {name: "" if name in OTHERWISE else comparable(part) for name, part in value.items()}
        case list():
            return [comparable(part) for part in value]
        case str():
            return VOLATILE.sub("", value)
    return value


async def journal(folder: Path, server: ServerChoice | None) -> list[Any]:
    """Work on two tasks; return what the journal says, without what must differ."""
    model = ReplayChatCompletionClient(REPLIES)
    how = RunSettings(model=model, max_retries=1, approval="never", timeout=20.0, max_steps=1)
    async with open_session(SessionSettings(folder=folder, name="there", server=server)) as session:
        await bring_variable(session, "lengths", [1, 2, 3])
        await session.run("How long are they together?", how)
        stubborn = RunSettings(model=model, max_retries=0, approval="never", timeout=1.0, max_steps=1)
        await session.run("Wait.", stubborn)
    return [comparable(json.loads(event.model_dump_json())) for event in load_journal(session.journal)]


async def test_a_run_elsewhere_is_told_as_one_at_home(place: ServerChoice, tmp_path: Path) -> None:
    at_home = await journal(tmp_path / "home", None)
    there = await journal(tmp_path / "there", place)
    kinds = [[event["type"] for event in events] for events in (at_home, there)]
    assert kinds[1] == kinds[0]
    for one, other in zip(at_home, there, strict=True):
        assert other == one
    assert kinds[0].count("CodeExecutionEvent") == 3
    assert "KernelStateEvent" in kinds[0], "the failed attempt was taken back"
