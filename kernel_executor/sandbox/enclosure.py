"""Where local code runs, as a value that is used for every process: its sandbox, limits, network. Chooses nothing."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from kernel_executor.aio.tasks import acquired, in_thread
from kernel_executor.errors import KernelStartError
from kernel_executor.limits.resource_limits import Bounds
from kernel_executor.limits.watch import ResourceWatch, Spares, Watched
from kernel_executor.network.gate import Gate
from kernel_executor.network.listening import open_listener
from kernel_executor.network.proxy import Proxy
from kernel_executor.sandbox import landlock
from kernel_executor.sandbox.bubblewrap import IN_MEMORY
from kernel_executor.sandbox.in_bubblewrap import InBubblewrap, shows_filters
from kernel_executor.sandbox.in_landlock import InLandlock
from kernel_executor.sandbox.isolation import Isolation, holds_no_key, probe, probe_alone
from kernel_executor.sandbox.launching import Launched, Sandbox
from kernel_executor.sandbox.policy import SandboxPolicy, with_covers
from kernel_executor.sandbox.refusals import explained_by
from kernel_executor.stage.stage import Stage
from kernel_executor.types import BlockResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """Where local code runs.

    Args:
        work_dir: Its working folder.
        environment: Its variables, all of them.
        policy: What it may touch; None runs it bare.
        stage: What it may write to; None without a sandbox.
        bounds: How much of the machine it may use; None without a sandbox.
        gate: What it may reach of the network; None is nothing.
        reason: Why there is no sandbox, or not the better one.
    """

    work_dir: Path
    environment: Mapping[str, str]
    policy: SandboxPolicy | None
    stage: Stage | None = None
    bounds: Bounds | None = None
    gate: Gate | None = None
    reason: str = ""

    def shown(self) -> SandboxPolicy | None:
        """Return what a process that is started now may see, with what is covered of it; None without a sandbox."""
        return with_covers(self.policy) if self.policy else None

    @property
    def in_memory(self) -> tuple[str, ...]:
        """The file systems in memory that each sandbox has for itself."""
        return IN_MEMORY if self.stage and self.stage.place.is_mounted else ()

    def plan(self, shared: Sequence[Path] = ()) -> Sandbox | None:
        """Return the sandbox of one process that is to be started now, or None without one.

        Args:
            shared: Folders of ours that are writable inside, e.g. that of a kernel's sockets.
        """
        if self.policy is None or self.stage is None:
            return None
        policy = with_covers(self.policy)
        if self.stage.place.is_mounted:
            return InBubblewrap(policy, self.stage, tuple(shared))
        return InLandlock(str(self.stage.place.here), landlock.rules(policy, self.stage, shared))

    def watch(self, launched: Launched, shared: Sequence[Path], spares: Spares) -> ResourceWatch | None:
        """Set the limits of a process that waits at its gate, and return what looks after it from then on.

        Args:
            launched: The process.
            shared: Folders of ours that it may write to.
            spares: What of it can be done without.
        """
        if self.stage is None or self.bounds is None:
            return None
        place = self.stage.place
        own = place.packages if place.is_mounted else place.private
        watched = Watched(
            first=launched.process.pid,
            inside=launched.pid,
            in_memory=self.in_memory,
            on_disk=(place.files, own, *shared),
            given=self.stage.given,
            is_alone=place.is_mounted,
        )
        watch = ResourceWatch(watched, self.bounds, spares)
        watch.bind(launched.pid)
        return watch

    async def open_network(self, launched: Launched) -> Proxy | None:
        """Serve what a process that waits at its gate may reach of the network, if it may reach anything.

        Raises:
            KernelStartError: It cannot be served.
        """
        if self.gate is None:
            return None
        listener = await acquired(in_thread(partial(open_listener, launched.pid, launched.process.pid)), _closed)
        return await Proxy.serve(listener, self.gate.decide)

    def explained(self, result: BlockResult, isolation: Isolation) -> BlockResult:
        """Return a block's result with what the sandbox has to do with its error."""
        if self.policy is None or self.stage is None:
            return result
        seen = (self.work_dir, *self.policy.readable, *self.policy.writable)
        return explained_by(
            result,
            replace(isolation, reaches=self.gate.allowed.summary()) if self.gate else isolation,
            seen=tuple(map(str, seen)),
            home=self.stage.place.home,
            bounds=self.bounds,
            refused=self.gate.take_refused() if self.gate else (),
        )

    def look_at(self, pid: int) -> Isolation:
        """Report what holds a process that was started in here, and whose files were checked.

        Raises:
            KernelStartError: It is gone, or the sandbox does not hold it.
        """
        if self.policy is None or self.stage is None:
            return Isolation(reason=self.reason, environment=holds_no_key(pid))
        look = probe if self.stage.place.is_mounted else probe_alone
        try:
            found = look(pid, devices=self.policy.devices)
        except OSError as error:
            raise KernelStartError(f"the process ended as soon as it had started: {error}") from error
        if not found.isolates or not (found.system_calls or not shows_filters()):
            raise KernelStartError(
                f"{found.mechanism} started but is not seen to hold the process ({found.summary}). "
                "To run without a sandbox, say sandbox='none'."
            )
        return replace(found, reason=self.reason, limits=str(self.bounds or ""))


async def _closed(listener: socket.socket) -> None:
    listener.close()
