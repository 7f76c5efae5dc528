"""Makes known what the model is to know of the folder: files that a task names, or else which there are."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from codeagent_nb.events import AgentEvent, ContextEvent, VariableEvent
from codeagent_nb.log.event_log import EventLog
from codeagent_nb.log.standing import standing
from codeagent_nb.review.sources import FOLDER
from codeagent_nb.session.files import describe_files
from codeagent_nb.session.named_files import FoundFile, listing, looked_through
from kernel_executor import ManagedExecutor


async def tell_files(executor: ManagedExecutor[Any], log: EventLog, folder: Path, task: str, known: str) -> None:
    """Describe the files that a task names, unless the model knows them; at the first task without any, list files.

    Args:
        executor: Where they are described.
        log: Where it is made known.
        folder: The one that code works in.
        task: What to do.
        known: What the model reads besides.
    """
    events = standing(log.events)
    texts = [known, *(event.content for event in events if isinstance(event, ContextEvent))]
    files, named = await asyncio.to_thread(looked_through, folder, task)
    news = [file.name for file in named if not _is_told(file, texts)]
    if news:
        await executor.execute_code_blocks([])  # with each call, code sees what has changed in the folder
        described = await describe_files(executor, news, log.secrets)
        told = f"Looked at {', '.join(f'`{name}`' for name in news)} for the model"
        log.publish(ContextEvent(source="session", content=described, told=told))
    elif not named and not any(map(str.strip, texts)) and not _has_data(events) and (listed := listing(files)):
        told = "Told the model which files of data are here"
        log.publish(ContextEvent(source=FOLDER, content=listed, told=told))


def _is_told(file: FoundFile, texts: Iterable[str]) -> bool:
    """Return whether a file is described in a text, and has the size that it had then, if that is known."""
    headers = (f"File {file.name!r} ({file.size:,} bytes)", f"File {file.name!r} is in")
    return any(header in text for text in texts for header in headers)


def _has_data(events: Iterable[AgentEvent]) -> bool:
    return any(isinstance(event, VariableEvent) for event in events)
