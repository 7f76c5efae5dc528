"""A task of a notebook and the place where it is solved, as values. Knows nobody who solves it, and no IPython."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codeagent_nb.elsewhere.choice import ServerChoice
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.notebook.last_cells import Told
from kernel_executor.limits.resource_limits import ResourceLimits
from kernel_executor.network.gate import Network
from kernel_executor.sandbox.policy import SandboxMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Along:
    """What of the notebook comes along with a task that speaks of it.

    Args:
        tables: Those that the task names, to be copied where they can be.
        cells: What the model reads of the cells above.
    """

    tables: Mapping[str, Any] = field(default_factory=dict)
    cells: Told = field(default_factory=Told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task and what it needs.

    Args:
        text: What to do.
        settings: How it is solved; without a model until it is prepared.
        model: Name of the model; empty looks at the environment.
        files: What is copied into the session's folder first, unless it lies there.
        variables: What of the notebook is copied first, by name.
        along: What the text speaks of.
        results: Variables that are to be there when it is done, and are copied into the notebook.
        privacy: How much of the data the model is sent; empty leaves it to what was chosen before.
        ready: Set when that is done, or the task has ended: from then on the variables may change.
    """

    text: str
    settings: RunSettings
    model: str = ""
    files: tuple[Path, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    along: Along = field(default_factory=Along)
    results: tuple[str, ...] = ()
    privacy: str = ""
    ready: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a new session works.

    Args:
        folder: The folder of its code and of the notebook that is saved.
        sandbox: What holds its code.
        limits: How much of the machine it may use.
        network: What it may reach.
        files: What is copied into the folder.
        chosen: The folder as the user has named it, empty if not; when this changes, the session ends.
        server: The server that its code runs on; None for this machine.
        configured: The server as settings or environment name it; when this changes, the session ends.
        trusted: Addresses of servers that the user trusts with any code.
        insists: Whether the line of a cell names the server; where the session is on another one, it ends.
        on_open: Called with the folder when the session is open there, which may be a new one in `folder`.
    """

    folder: Path
    sandbox: SandboxMode = "auto"
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    network: Network = "none"
    files: tuple[Path, ...] = ()
    chosen: str = ""
    server: ServerChoice | None = None
    configured: str = ""
    trusted: tuple[str, ...] = ()
    insists: bool = False
    on_open: Callable[[Path], object] = field(default=lambda _: None)


Prepare = Callable[[Task, Place], Awaitable[tuple[Task, Place]]]
"""Completes a task and its place; while it does, the agent is at work."""


async def as_it_is(task: Task, place: Place) -> tuple[Task, Place]:
    """Return a task that lacks nothing."""
    return task, place
