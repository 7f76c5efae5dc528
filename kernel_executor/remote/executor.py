"""Runs code blocks in a kernel on a Jupyter server, a gateway, or behind a hub. Knows what is asked for, not how."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from kernel_executor.errors import KernelStartError
from kernel_executor.folders.work_folder import open_for_code
from kernel_executor.kernels.runner import KernelRunner
from kernel_executor.lifecycle.base import ManagedExecutor
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.remote.files import download, upload
from kernel_executor.remote.server import Server, Token, checked_variables

PATIENCE = 120.0
"""Seconds without a connection after which a block is told as `unknown`."""

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


class RemoteKernelExecutor(ManagedExecutor[KernelRunner]):
    """Runs code blocks in a kernel on a Jupyter Server, a Kernel or Enterprise Gateway, or a JupyterHub's server.

    Use it as `async with RemoteKernelExecutor(server=..., token=...) as executor`. The connection may be cut: it comes
    back by itself, and no block runs twice. A block whose end cannot be learned is `unknown`; it is not run again.
    What isolates the code there is not ours: `isolation` says so.

    Args:
        server: Address of the server, without a token: `https://example.org/user/me` behind a hub.
        token: Who we are there; it is sent in a header and written nowhere.
        kernel_name: Name of a kernelspec there; None takes the server's usual one.
        kernel_id: A kernel that runs already: it is used as it is, and never ended here.
        path: Folder of a kernel that is started, as the server names it.
        env: Variables for a gateway's kernel; their names begin with `KERNEL_`.
        timeout: Seconds a block may take; None sets no limit.
        work_dir: Folder on this machine that `download` copies to; None makes a fresh private one.
        limits: How much output of one block is kept.
        patience: Seconds without a connection after which a block is given up as `unknown`.
    """

    def __init__(
        self,
        *,
        server: str,
        token: str = "",
        kernel_name: str | None = None,
        kernel_id: str | None = None,
        path: str = "",
        env: Mapping[str, str] | None = None,
        timeout: float | None = 60.0,
        work_dir: str | Path | None = None,
        limits: OutputLimits | None = None,
        patience: float = PATIENCE,
    ) -> None:
        super().__init__(timeout=timeout, functions=(), functions_module="functions")
        self.settings: Final = RemoteSettings(
            server=Server(server),
            token=Token(token),
            kernel_name=kernel_name,
            kernel_id=kernel_id,
            path=path,
            env=checked_variables(env or {}),
            work_dir=work_dir,
            limits=limits or OutputLimits(),
            patience=patience,
        )

    async def _open(self, stack: AsyncExitStack) -> KernelRunner:
        try:
            from kernel_executor.remote.kernel import RemoteKernelPlan, find_kernel
            from kernel_executor.remote.rest import Api
        except ImportError as error:
            raise KernelStartError(f"{NEEDS} ({error})") from error
        settings = self.settings
        api = Api(settings.server, settings.token)
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
