"""Asks one question in a session of its own, as `codeagent-nb run --file` does. Whatever goes wrong is a result."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from codeagent_nb import events
from codeagent_nb.agent import CodeExecutorAgent
from codeagent_nb.approval import refuse_unattended
from codeagent_nb.errors import ApprovalRequired, NoModelConfigured, WeightsError
from codeagent_nb.events import AgentEvent
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.session.beginning import AGENT_NAME
from codeagent_nb.session.session import SessionSettings, open_session
from tests.evaluation.causes import Ended, cause_of
from tests.evaluation.configurations import Configuration
from tests.evaluation.models import Model
from tests.evaluation.questions import Question
from tests.evaluation.results import Row
from tests.evaluation.scoring import tags

TIMEOUT = 240.0
LONGEST = 300
"""Characters of a fault."""

WELL = {"ok", "skipped", "interrupted"}
"""How a block ends that is no error of the code: the last if the time of the question is up."""

NOT_SET_UP = (ApprovalRequired, NoModelConfigured, WeightsError)
"""What would meet every question: it ends the run."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A view that keeps what happened, also of a run that is cut."""

    seen: list[AgentEvent] = field(default_factory=list)

    def on_event(self, event: AgentEvent) -> None:
        """Keep one."""
        if not isinstance(event, events.ModelClientStreamingChunkEvent):
            self.seen.append(event)


async def ask(
    question: Question,
    configuration: Configuration,
    model: Model,
    *,
    timeout: float = TIMEOUT,
    keep: Path | None = None,
) -> Row:
    """Return what comes of a question.

    Args:
        question: The question.
        configuration: What is otherwise than by default.
        model: Who answers.
        timeout: Seconds that it may take.
        keep: Where its notebook is kept.

    Raises:
        ApprovalRequired, NoModelConfigured, WeightsError: No question could be answered here.
    """
    watch, fault, began = Watch(), "", time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="question-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in configuration.replaced.items():
            patch.setattr(name, value)
        try:
            async with asyncio.timeout(timeout) as limit:
                await _solve(question, configuration, model, Path(folder), watch)
        except NOT_SET_UP:
            raise
        except Exception as error:  # noqa: BLE001 - one question less, the others go on
            fault = f"no answer within {timeout:.0f} s" if limit.expired() else f"{type(error).__name__}: {error}"
        if keep is not None:
            _keep(Path(folder) / "answer.ipynb", keep)
    return row_of(question, watch.seen, fault[:LONGEST], time.monotonic() - began)


async def _solve(question: Question, configuration: Configuration, model: Model, folder: Path, watch: Watch) -> None:
    table = folder / question.table.name
    shutil.copyfile(question.table, table)
    files, context = ((table,), "") if configuration.describes_file else ((), _only_name(table))
    settings = SessionSettings(**{"notebook": folder / "answer.ipynb", "files": files, **configuration.session})
    async with AsyncExitStack() as stack:
        client = model.client()
        stack.push_async_callback(client.close)
        session = await stack.enter_async_context(open_session(settings, views=[watch]))
        if configuration.agent:
            agent = CodeExecutorAgent(AGENT_NAME, session.executor, log=session.log, **configuration.agent)
            session = replace(session, agent=agent)
        # Questions are no private data, and a model elsewhere is measured as one on this machine.
        given = {"model": client, "ask": refuse_unattended, "privacy": "rows", **configuration.run}
        how = RunSettings(**given)
        await session.run(question.task, how, context)


def _only_name(table: Path) -> str:
    return f"File {table.name!r} is in the working folder."


def _keep(notebook: Path, target: Path) -> None:
    with suppress(OSError):  # there is none if the session did not begin
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(notebook, target)


def row_of(question: Question, happened: Sequence[AgentEvent], fault: str, seconds: float) -> Row:
    """Return the result that the events of a session are.

    Args:
        question: What was asked.
        happened: The events.
        fault: What ended the session from outside.
        seconds: How long it took.
    """
    replies = [event for event in happened if isinstance(event, events.ModelReplyEvent)]
    executions = [event.result for event in happened if isinstance(event, events.CodeExecutionEvent)]
    blocks = [event.result for event in happened if isinstance(event, events.BlockFinishedEvent)]
    errors = tuple(block.ename or block.status for block in blocks if block.status not in WELL)
    ends = [event.status for event in happened if isinstance(event, events.RunFinishedEvent)]
    words = _closing_words(happened)
    ended = Ended(
        words=words,
        printed="\n".join(result.output for result in executions),
        ran=bool(executions),
        failed=bool(executions and executions[-1].exit_code),
        fault=fault,
    )
    cause = cause_of(question.answers, ended)
    return Row(
        id=question.id,
        level=question.level,
        right=cause == "right",
        cause=cause,
        tags=tags(words),
        prompt_tokens=sum(reply.usage.prompt_tokens for reply in replies),
        completion_tokens=sum(reply.usage.completion_tokens for reply in replies),
        calls=len(replies),
        tries=sum(reply.purpose == "generate" for reply in replies),
        seconds=round(seconds, 1),
        had_error=bool(errors),
        errors=errors,
        status=ends[-1] if ends else "",
        fault=fault,
        words=words,
    )


def _closing_words(happened: Sequence[AgentEvent]) -> str:
    said = [event for event in happened if isinstance(event, events.TextMessage) and event.source == AGENT_NAME]
    return said[-1].content if said else ""
