"""bubblewrap around one process: how it is started, and looked at before anything runs in it. Starts nothing itself."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kernel_executor.errors import KernelStartError
from kernel_executor.folders.trees import Seen
from kernel_executor.in_kernel.beginning import LATER_TO_GO
from kernel_executor.sandbox import bubblewrap, bubblewrap_start, mount_table, seccomp
from kernel_executor.sandbox.bubblewrap import Mount
from kernel_executor.sandbox.isolation import filters_calls, filters_can_be_counted
from kernel_executor.sandbox.launching import Launched, Start
from kernel_executor.sandbox.mount_table import Expected, is_set_up
from kernel_executor.sandbox.policy import SandboxPolicy, System
from kernel_executor.stage.stage import Stage

SET_UP = 20.0
"""Seconds until a sandbox is made: 4 ms on a quiet machine."""

FILTERED = 5.0
"""Seconds until its filter is put on after that: 6 ms and at most 46 on two cores with ten times too much to do."""

NOT_FILTERED = (
    "bubblewrap did not put the system call filter on; without it no code is run in the sandbox. Install a newer "
    'bubblewrap, use a container, or choose sandbox="none"'
)


@dataclass(frozen=True, slots=True)
class InBubblewrap:
    """bubblewrap around one process: what was looked at for its arguments is what it is compared with.

    Args:
        policy: What it may touch.
        stage: What it may write to.
        shared: Folders of ours that are writable inside.
        system: What it sees of the system's own; to look takes 0.4 ms.
    """

    policy: SandboxPolicy
    stage: Stage
    shared: tuple[Path, ...]
    system: System = field(default_factory=System.now)

    @contextmanager
    def start(self, command: Sequence[str], environment: Mapping[str, str], info: int, gate: int) -> Iterator[Start]:
        """Open what it is started with."""
        program = bubblewrap_start.find() or "/usr/bin/bwrap"  # it was there a moment ago
        arguments = bubblewrap.bubblewrap_arguments(self.policy, self.system, self.shared)
        words = ["--info-fd", str(info), "--block-fd", str(gate), *arguments, "--", *command]
        with bubblewrap_start.opened(self.system) as files:
            line = bubblewrap_start.command(program, words, environment, files)
            yield Start(line, bubblewrap_start.own_environment(environment), tuple(files))

    def check(self, launched: Launched) -> None:
        """Wait until the sandbox is made, and look at what is seen in it.

        Raises:
            KernelStartError: It takes too long, or shows something else than it is to show.
            OSError: It is gone.
        """
        late = f"bubblewrap was not ready after {SET_UP:.0f} s"
        if _wait(launched, lambda: is_set_up(launched.pid), SET_UP, late):
            self.check_files(launched.pid)

    def let_begin(self, launched: Launched) -> None:
        """Open the gate for its command, and look for its filter.

        The filter comes last in a sandbox, after what the gate holds back: it would refuse bubblewrap's own mounts.
        With that filter, or not at all, bubblewrap starts the command; its first process is the one that we know.

        Raises:
            KernelStartError: It is not filtered.
            OSError: It is gone.
        """
        if launched.process.poll() is None:
            _be_first_to_go(launched.pid)
            os.write(launched.gate, b"!")
        _wait(launched, lambda: self.is_filtered(launched.pid), FILTERED, NOT_FILTERED)

    def check_files(self, pid: int) -> None:
        """Compare what a process sees of the host's files with what it is to see; call before it runs any code.

        Raises:
            UnexpectedMount: It sees something else.
            OSError: It is gone.
        """
        mounts = bubblewrap.mounts(self.policy, self.shared)
        empty = {str(mount.target) for mount in mounts if mount.kind == "tmpfs"}
        mount_table.check(pid, self._expected([mount for mount in mounts if mount.kind != "tmpfs"]), empty)

    def is_filtered(self, pid: int) -> bool:
        """Return whether the system calls of a process are filtered, or that cannot be seen on this machine.

        Raises:
            OSError: It is gone.
        """
        return not shows_filters() or filters_calls(pid)

    def _expected(self, mounts: Sequence[Mount]) -> list[Expected]:
        """Return every mount there is to be, and the very files that are to be seen there."""
        stage = self.stage
        base, files = stage.identity()
        known = {stage.place.files: files, stage.place.base: base}
        own = [
            Expected.of(
                mount.target,
                known.get(mount.source) or Seen.of(mount.source.stat()),
                writable=mount.kind != "ro-bind",
                nested=mount.source != stage.place.files,
            )
            for mount in mounts
        ]
        return [*own, *(Expected.of(path, Seen.of(path.stat())) for path in self.system.folders)]


def _be_first_to_go(pid: int) -> None:
    """Ask the system to end what a process starts first when memory runs out.

    Our kernels ask for more themselves, before the checkpoints that they come back from: less than what somebody with
    privileges has asked for is granted to nobody without.
    """
    with contextlib.suppress(OSError):  # it is gone, or the system allows that to nobody but itself
        Path(f"/proc/{pid}/oom_score_adj").write_text(str(LATER_TO_GO), encoding="ascii")


def shows_filters() -> bool:
    """Return whether there is a filter here, and one can be seen."""
    return seccomp.this_machine() is not None and filters_can_be_counted()


def _wait(launched: Launched, is_done: Callable[[], bool], seconds: float, failure: str) -> bool:
    """Wait until something is done, or the process has ended; return whether it was done.

    Raises:
        KernelStartError: It takes longer.
    """
    deadline = time.monotonic() + seconds
    while launched.process.poll() is None:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if is_done():
                return True
        if time.monotonic() > deadline:
            raise KernelStartError(failure)
        time.sleep(0.001)
    return False
