"""Describes a session's files for models that are not told all. Knows no surface and no agent.

What a kernel says of a file is whatever the code that ran there has made of it. So a kernel that has run a model's code
is not asked: one like it is started for that, and ended.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from codeagent_nb.describing.asking import description_of, told
from codeagent_nb.events import BlockStartedEvent, ContextEvent, FilesEvent
from codeagent_nb.log.event_log import EventLog
from codeagent_nb.log.standing import standing
from codeagent_nb.models.privacy import LessTold, Privacy
from codeagent_nb.session.files import CONTEXT_BUDGET, Evaluator
from codeagent_nb.session.named_files import looked_through
from kernel_executor import KernelExecutorError, ManagedExecutor


class FilesTold:
    """The files of a session, and what is to be told of them.

    Args:
        executor: The session's.
        log: What happened in it.
        another: Makes an executor like it, not started.
        names: The files that there are from the start.
    """

    def __init__(
        self,
        executor: ManagedExecutor[Any],
        log: EventLog,
        another: Callable[[], ManagedExecutor[Any]],
        names: Sequence[str],
    ) -> None:
        self._executor = executor
        self._log = log
        self._another = another
        self._names = dict.fromkeys(names)

    def add(self, names: Sequence[str]) -> None:
        """Take in files that were brought."""
        self._names |= dict.fromkeys(names)

    async def add_named(self, task: str, folder: Path) -> None:
        """Take in files that a task names, but for those that the agent's code has made.

        Args:
            task: What to do.
            folder: The one that code works in.
        """
        _, named = await asyncio.to_thread(looked_through, folder, task)
        events = (event for event in self._log.events if isinstance(event, FilesEvent))
        made = {file.name for event in events for file in event.delivered}
        self.add([file.name for file in named if file.name not in made])

    async def context(self, texts: Sequence[str], typed: str, level: Privacy) -> str | ContextEvent:
        """Return what the model reads besides a task; empty if there is nothing.

        Args:
            texts: What it reads at `rows`.
            typed: What it reads at each level.
            level: How much it is told.
        """
        less = LessTold() if level == "rows" else await self._less(level)
        if not any([*texts, typed, less.at("statistics"), less.at("schema")]):
            return ""
        return ContextEvent(
            source="context",
            content=_joined(*texts, typed),
            less=LessTold(statistics=_joined(less.statistics, typed), schema=_joined(less.schema, typed)),
        )

    async def _less(self, level: Privacy) -> LessTold:
        """Describe the files that were not described at a level."""
        said = [event.less.at(level) for event in standing(self._log.events) if isinstance(event, ContextEvent)]
        names = [name for name in self._names if not any(_begins(name) in text for text in said)]
        text = await self._described(names, level) if names else ""
        return LessTold(**{level: self._log.secrets.preview(text)})

    async def _described(self, names: Sequence[str], level: Privacy) -> str:
        if self._executor.isolation.place:  # on a server what is seen of a file may be code's doing in each kernel
            return "\n\n".join(map(_named, names))
        if not any(isinstance(event, BlockStartedEvent) for event in self._log.events):
            await self._executor.execute_code_blocks([])  # with each call, code sees what is new in the folder
            return await _describe(self._executor, names, level)
        try:
            async with self._another() as executor:
                return await _describe(executor, names, level)
        except KernelExecutorError:  # the names help, too
            return "\n\n".join(map(_named, names))


async def _describe(executor: Evaluator, names: Sequence[str], level: Privacy) -> str:
    budget, texts = CONTEXT_BUDGET // len(names), []
    for name in names:
        answer = await executor.evaluate(description_of("describe_less", repr(name), str(budget), repr(level)))
        texts.append(told(answer, budget + 200) or _named(name))
    return "\n\n".join(texts)


def _begins(name: str) -> str:
    return f"File {name!r} "


def _named(name: str) -> str:
    return f"File {name!r} is in the working folder."


def _joined(*texts: str) -> str:
    return "\n\n".join(filter(None, texts))
