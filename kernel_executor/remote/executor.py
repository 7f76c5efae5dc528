"""Runs code blocks in a kernel on a Jupyter server, a gateway, or behind a hub. Knows what is asked for, not how."""

import hashlib
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

from kernel_executor.aio.tasks import in_thread
from kernel_executor.errors import KernelExecutorError, KernelStartError, NotFetched, SandboxUnavailable
from kernel_executor.events import DeliveredFile, FilesDelivered, HeldFile
from kernel_executor.fetching.fetch import SIZE_LIMIT, Fetched, Source, fetch
from kernel_executor.folders.work_folder import open_for_code
from kernel_executor.kernels.runner import KernelRunner
from kernel_executor.lifecycle.base import ManagedExecutor
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.remote.files import CopyFailed, FilesThere, digest_of, download, upload
from kernel_executor.remote.server import Server, Token, checked_variables
from kernel_executor.sandbox.policy import SandboxMode

PATIENCE = 120.0
"""Seconds without a connection after which a block is told as `unknown`."""

SANDBOXES: tuple[SandboxMode, ...] = ("bubblewrap", "landlock")

NEEDS = "kernels on a server need two more packages: pip install 'codeagent-nb[remote]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSettings:
    """What a user asked for; the fields are those of `RemoteKernelExecutor`, but for the time limit."""

    server: Server
    token: Token = field(repr=False)
    kernel_name: str | None
    kernel_id: str | None
    path: str
    env: Mapping[str, str]
    work_dir: str | Path | None
    limits: OutputLimits
    patience: float
    server_name: str
    server_options: Mapping[str, Any]
    on_progress: Callable[[str], object]


class RemoteKernelExecutor(ManagedExecutor[KernelRunner]):
    """Runs code blocks in a kernel on a Jupyter Server, a Kernel or Enterprise Gateway, or a JupyterHub's server.

    Use it as `async with RemoteKernelExecutor(server=..., token=...) as executor`. The connection may be cut: it comes
    back by itself, and no block runs twice. A block whose end cannot be learned is `unknown`; it is not run again.
    What isolates the code there is not ours: `isolation` says so.

    Args:
        server: Address of the server, without a token. If it is a JupyterHub's, the user's own server is started there
            unless it runs, and stopped again if it was started for this.
        token: Who we are there; it is sent in a header and written nowhere.
        kernel_name: Name of a kernelspec there; None takes the server's usual one.
        kernel_id: A kernel that runs already: it is used as it is, and never ended here.
        path: Folder of a kernel that is started, as the server names it.
        env: Variables for a gateway's kernel; their names begin with `KERNEL_`.
        timeout: Seconds a block may take; None sets no limit.
        work_dir: Folder on this machine that `download` copies to; None makes a fresh private one.
        limits: How much output of one block is kept.
        patience: Seconds without a connection after which a block is given up as `unknown`.
        server_name: Of a named server that a JupyterHub is to start; empty means the user's usual one.
        server_options: What it is started with, as the Hub's form would ask: `{"profile": "large"}`.
        on_progress: Called with what the Hub tells while it starts the server.
    """

    def __init__(
        self,
        *,
        server: str,
        token: str | Token = "",
        kernel_name: str | None = None,
        kernel_id: str | None = None,
        path: str = "",
        env: Mapping[str, str] | None = None,
        timeout: float | None = 60.0,
        work_dir: str | Path | None = None,
        limits: OutputLimits | None = None,
        patience: float = PATIENCE,
        server_name: str = "",
        server_options: Mapping[str, Any] | None = None,
        on_progress: Callable[[str], object] = lambda _: None,
    ) -> None:
        super().__init__(timeout=timeout, functions=(), functions_module="functions")
        self.settings: Final = RemoteSettings(
            server=Server(server),
            token=token if isinstance(token, Token) else Token(token),
            kernel_name=kernel_name,
            kernel_id=kernel_id,
            path=path,
            env=checked_variables(env or {}),
            work_dir=work_dir,
            limits=limits or OutputLimits(),
            patience=patience,
            server_name=server_name,
            server_options=dict(server_options or {}),
            on_progress=on_progress,
        )

    async def _open(self, stack: AsyncExitStack) -> KernelRunner:
        try:
            from kernel_executor.remote.hub import HubOptions, reach
            from kernel_executor.remote.kernel import RemoteKernelPlan, find_kernel
            from kernel_executor.remote.rest import Api, ServerError
        except ImportError as error:
            raise KernelStartError(f"{NEEDS} ({error})") from error
        settings = self.settings
        hub = HubOptions(name=settings.server_name, options=settings.server_options, on_progress=settings.on_progress)
        try:
            reached = await reach(settings.server, settings.token, hub)
        except ServerError as error:
            raise KernelStartError(str(error)) from error
        stack.push_async_callback(reached.leave)
        api = Api(reached.server, settings.token)
        stack.push_async_callback(api.aclose)
        name, language = await find_kernel(api, settings.kernel_name, settings.kernel_id)
        plan = RemoteKernelPlan(
            api=api,
            token=settings.token,
            name=name,
            language=language,
            path=settings.path,
            env=settings.env,
            kernel_id=settings.kernel_id,
            work_dir=open_for_code(settings.work_dir, stack),
            limits=settings.limits,
            patience=settings.patience,
        )
        stack.push_async_callback(plan.aclose)
        return await KernelRunner.open(plan, settings.limits, self._late, None)

    @property
    def keeps_variables(self) -> bool:
        """Variables stay from block to block."""
        return True

    @property
    def kernel_id(self) -> str:
        """The kernel that was started or found last; another executor can be given it.

        Raises:
            NotStarted: It was not started.
        """
        return str(getattr(self._runner.plan, "last_id", ""))

    def allow_network(self, name: str, *, lasting: bool = True) -> None:  # noqa: ARG002 - the port's
        """Refuse: nothing here decides what its kernels reach.

        Raises:
            ValueError: Always.
        """
        raise ValueError(
            f"{name}: what code reaches on {self.isolation.place or self.settings.server} is decided there"
        )

    async def fetch(self, name: str, *, limit: int | None = None) -> Fetched:
        """Copy a variable of the code's into this process, as `KernelCodeExecutor.fetch` does.

        What comes from another machine is looked at in a sandbox, or not at all.

        Args:
            name: Its name.
            limit: Bytes that it may have; None allows 1 GB.

        Raises:
            NotStarted: It was not started.
            NotFetched: It does not exist, is not data, is too large, or no sandbox works here.
        """
        async with self._lock:
            evaluate = self._runner.evaluate
            there = FilesThere(evaluate, self.settings.limits)
            for sandbox in SANDBOXES:
                with suppress(SandboxUnavailable):
                    source = Source(evaluate, lambda _: None, None, sandbox, there)
                    return await fetch(source, name, SIZE_LIMIT if limit is None else limit)
        raise NotFetched(
            f"`{name}` stays there: no sandbox works here in which it could be looked at; save it as a file"
        )

    async def upload(self, path: str | Path, name: str = "") -> None:
        """Copy a file of this machine into the kernel's folder.

        Args:
            path: The file.
            name: Its path there; empty takes the file's own name.

        Raises:
            NotStarted: It was not started.
            KernelExecutorError: It did not arrive as it is here.
        """
        source = Path(path)
        async with self._lock:
            await upload(source, name or source.name, self._runner.evaluate)

    async def bring_file(self, path: str | Path, name: str = "") -> str:
        """Copy a file of this machine into the kernel's folder, unless it is there; return its path there.

        Args:
            path: The file.
            name: Its path there; empty takes the file's own name.

        Raises:
            NotStarted: It was not started.
            KernelExecutorError: Another file has its name there, or it did not arrive as it is here.
        """
        source, wanted = Path(path), name or Path(path).name
        digest = await in_thread(partial(_digest, source))
        async with self._lock:
            there = await digest_of(wanted, self._runner.evaluate)
            if there not in ("", digest):
                raise CopyFailed(f"{self.settings.server} holds another file named {wanted!r}: rename one of them")
            if not there:
                await upload(source, wanted, self._runner.evaluate)
        return wanted

    async def take_files(self, names: Sequence[str], into: Path | None = None) -> FilesDelivered:
        """Copy files from the kernel's folder to this machine; none is replaced here, and none comes unasked.

        Args:
            names: Their paths there.
            into: The folder here, which exists; None takes `work_dir`.

        Raises:
            NotStarted: It was not started.
        """
        delivered: list[DeliveredFile] = []
        held: list[HeldFile] = []
        for name in names:
            try:
                target = await self._take(name, into or self.work_dir)
            except (KernelExecutorError, OSError) as error:
                why = error.strerror if isinstance(error, OSError) else str(error)
                held.append(HeldFile(name, 0, str(why)))
            else:
                delivered.append(DeliveredFile(target.name, target.stat().st_size))
        return FilesDelivered(delivered=tuple(delivered), held=tuple(held))

    async def _take(self, name: str, folder: Path) -> Path:
        target = folder / PurePosixPath(name).name
        if os.path.lexists(target):
            raise CopyFailed("a file of that name is here already")
        part = await self.download(name, folder / f".{secrets.token_hex(8)}.part")
        try:
            os.link(part, target)  # fails where one has appeared meanwhile
        finally:
            part.unlink()
        return target

    async def download(self, name: str, path: str | Path | None = None) -> Path:
        """Copy a file from the kernel's folder to this machine; return where it is.

        Args:
            name: Its path there.
            path: Where to; None takes its last name, in `work_dir`.

        Raises:
            NotStarted: It was not started.
            KernelExecutorError: There is no such file, or it changed meanwhile.
        """
        target = Path(path) if path else self.work_dir / PurePosixPath(name).name
        async with self._lock:
            await download(name, target, self._runner.evaluate, self.settings.limits)
        return target


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
