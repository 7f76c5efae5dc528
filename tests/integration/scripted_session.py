"""A session that goes on until it is killed. Run by `test_sigkill` in processes of its own."""

import asyncio
from itertools import count
from pathlib import Path

from codeagent_nb import CodeExecutorAgent, ReplayChatCompletionClient
from codeagent_nb.approval import refuse_unattended
from codeagent_nb.log.journal import JournalView
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.session.beginning import Earlier
from codeagent_nb.session.earlier import is_task
from codeagent_nb.session.finding import earlier_of, sessions_in
from codeagent_nb.session.session import SessionSettings, open_session
from codeagent_nb.views.notebook_file import NotebookView
from kernel_executor.replay import ReplayCodeExecutor, failing

ROUNDS = 1_000
YES = '{"reason": "a typo", "retry": true}'
BIG = "a line of output\n" * 5_000  # saving takes a while, so that kills hit it


def replies() -> list[str]:
    one_round = ["One.\n\n```python\nprint({0}, 'x' * 100_000)\n```", YES, "```python\nprint({0})\n```", "It is {0}."]
    return [reply.replace("{0}", str(number)) for number in range(ROUNDS) for reply in one_round]


async def scripted(folder: Path) -> None:
    """The views of a session, without a kernel."""
    notebook = NotebookView(folder / "session.ipynb")
    journal = JournalView(folder / "session.journal.jsonl")
    agent = CodeExecutorAgent(
        "coder",
        ReplayCodeExecutor([result for _ in range(ROUNDS) for result in (failing(), BIG)], delay=0.005),
        model_client=ReplayChatCompletionClient(replies(), chunk_delay=0.001),
        max_retries_on_error=1,
        views=[journal, notebook],
    )
    for number in count():
        await agent.run(task=f"Task {number}")


async def with_kernel(folder: Path) -> None:
    model = ReplayChatCompletionClient(replies(), chunk_delay=0.001)
    settings = RunSettings(model=model, max_retries=0, ask=refuse_unattended)
    async with open_session(SessionSettings(notebook=folder / "session.ipynb")) as session:
        for number in count():
            await session.run(f"Task {number}", settings)


async def counting(folder: Path, past: Earlier) -> None:
    async with open_session(SessionSettings(folder=folder, name="count"), earlier=past) as session:
        for number in count(sum(map(is_task, session.log.events))):
            code = f"done = [*globals().get('done', ()), {number}]\nprint(done)"
            model = ReplayChatCompletionClient([f"```python\n{code}\n```", f"Did {number}."])
            await session.run(f"Task {number}", RunSettings(model=model, max_retries=0, ask=refuse_unattended))


def count_on(folder: Path) -> None:
    """Keep in a variable which tasks were done, in the last session there or a new one, until killed."""
    found = sessions_in(folder)
    asyncio.run(counting(folder, earlier_of(found[0]) if found else Earlier()))


def session(folder: Path, *, kernel: bool) -> None:
    """Go on until killed."""
    asyncio.run(with_kernel(folder) if kernel else scripted(folder))
