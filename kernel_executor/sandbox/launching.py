"""Starts a process in a sandbox that is made, looked at, and only then lets it begin. Knows no kind of sandbox."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kernel_executor.aio.tasks import in_thread


@dataclass(frozen=True, slots=True)
class Start:
    """How a sandbox is started.

    Args:
        command: Its command line, to be run in `/`.
        environment: Its own variables.
        descriptors: Open files that it needs.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    descriptors: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Launched:
    """A sandbox that is made, and waits.

    Args:
        process: What makes and holds it.
        pid: Its first process; that of `process` where it could not be made.
        gate: What is written there lets the command begin.
        held: What it has found to be held, where it looks itself.
        failure: Why it could not be made, where it tells.
    """

    process: "subprocess.Popen[bytes]"
    pid: int
    gate: int
    held: Mapping[str, bool] = field(default_factory=dict)
    failure: str = ""


class Sandbox(Protocol):
    """What holds one process."""

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], info: int, gate: int
    ) -> AbstractContextManager[Start]:
        """Open what it is started with.

        Args:
            command: What runs in it.
            environment: The variables of that.
            info: Where it tells of its first process, as JSON.
            gate: Where it waits until something can be read.
        """
        ...

    def check(self, launched: Launched) -> None:
        """Wait until it is made, and look whether it holds what will run in it; blocks some milliseconds.

        Raises:
            KernelStartError: It does not.
            OSError: It is gone.
        """
        ...

    def let_begin(self, launched: Launched) -> None:
        """Start the command; blocks some milliseconds. Errors are those of `check`."""
        ...


def spawn(
    command: Sequence[str],
    environment: Mapping[str, str],
    stdout: int,
    *,
    work_dir: Path,
    pass_fds: tuple[int, ...] = (),
) -> "subprocess.Popen[bytes]":
    """Start a process in a session of its own; its standard error is a pipe."""
    # On the loop's own thread: a parent's death is told of the thread that started a process, not of its process.
    return subprocess.Popen(
        list(command),
        env=dict(environment),
        cwd=work_dir,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        start_new_session=True,
        pass_fds=pass_fds,
    )


async def launch(
    sandbox: Sandbox,
    command: Sequence[str],
    environment: Mapping[str, str],
    stdout: int,
    pass_fds: tuple[int, ...] = (),
) -> Launched:
    """Start a sandbox, up to where it waits for the command to be let begin.

    Args:
        sandbox: What to start.
        command: What is to run in it.
        environment: The variables of that.
        stdout: As for `subprocess.Popen`.
        pass_fds: Our descriptors that the command gets under the same numbers.

    Raises:
        OSError: It cannot be started.
    """
    info, info_writer = os.pipe()
    gate_reader, gate = os.pipe()
    try:
        with sandbox.start(command, environment, info_writer, gate_reader) as start:
            descriptors = (info_writer, gate_reader, *start.descriptors, *pass_fds)
            process = spawn(start.command, start.environment, stdout, work_dir=Path("/"), pass_fds=descriptors)
    except BaseException:
        os.close(gate)
        os.close(info)
        raise
    finally:
        os.close(info_writer)
        os.close(gate_reader)
    with os.fdopen(info, "rb") as reader:
        try:
            # To the end: bwrap blocks on a full pipe, and the JSON may come in pieces.
            text = await in_thread(reader.read)
            # Without it the sandbox could not be made; its exit code and stderr tell why.
            told = json.loads(text) if text.strip() else {}
        except BaseException:  # cancelled, for the loop is closing; or what it tells cannot be read
            with process:
                _end_all(process)  # before its gate is closed, which would let it begin
            os.close(gate)
            raise
    return Launched(process, told.get("child-pid", process.pid), gate, told.get("held", {}), told.get("failure", ""))


def _end_all(process: "subprocess.Popen[bytes]") -> None:
    """End a sandbox in the making: its inner processes do not end with the outer one yet, but are of its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
