"""What a user wants of a container, as values. Knows no engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernel_executor.functions.functions import FunctionLike
from kernel_executor.outputs.fold import OutputLimits

PIDS_LIMIT = 1_000
"""Processes and threads of a container: enough for numerical libraries, too few for a fork bomb to be felt outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSettings:
    """What a user asked for; the fields are arguments of `DockerCommandLineCodeExecutor`."""

    image: str
    container_name: str | None = None
    work_dir: str | Path | None = None
    bind_dir: Path | None = None
    auto_remove: bool = True
    stop_container: bool = True
    device_requests: tuple[Any, ...] = ()
    functions: tuple[FunctionLike, ...] = ()
    functions_module: str = "functions"
    extra_volumes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    extra_hosts: Mapping[str, str] = field(default_factory=dict)
    init_command: str | None = None
    delete_tmp_files: bool = True
    network: str = "none"
    writable: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    cap_add: tuple[str, ...] = ()
    memory_limit: int | None = None
    pids_limit: int | None = PIDS_LIMIT
    cpus: float | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    checkpoints: bool = True
    preload: tuple[str, ...] = ()
    limits: OutputLimits = field(default_factory=OutputLimits)
