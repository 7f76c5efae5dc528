"""Runs code blocks, one after another, in a managed kernel that is brought back when it goes.

Owns the kernel's lifecycle as users see it. Knows nothing of models, prompts, notebooks or widgets.
"""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from kernel_executor.aio.tasks import together
from kernel_executor.folders.work_folder import open_for_code
from kernel_executor.functions.functions import FunctionLike
from kernel_executor.functions.module_folder import with_functions_here
from kernel_executor.kernels.plan import KernelSettings, make_plan, program_of
from kernel_executor.kernels.runner import KernelRunner
from kernel_executor.lifecycle.with_checkpoints import WithCheckpoints
from kernel_executor.limits.resource_limits import ResourceLimits
from kernel_executor.network.gate import Network, known_network
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.sandbox.confinement import absolute_paths, choose, existing_paths, known_mode
from kernel_executor.sandbox.policy import SandboxMode

DATA_STACK: tuple[str, ...] = ("numpy", "pandas", "matplotlib.pyplot", "pyarrow")


class KernelCodeExecutor(WithCheckpoints[KernelRunner]):
    """Runs code blocks in a managed Jupyter kernel whose variables live from call to call.

    Use it as `async with KernelCodeExecutor() as executor`. It belongs to the event loop it is started on. Calls
    made at the same time run one after another.

    Args:
        timeout: Seconds a block may take; None sets no limit.
        work_dir: Folder the code runs in; None makes a fresh private one that `stop` deletes. The home folder and
            `/` are never used themselves, nor `/tmp` and its like: a new folder is made in them.
        kernel_name: Name of an installed kernelspec.
        sandbox: `auto` uses bubblewrap, or else Landlock, where they work; `bubblewrap` and `landlock` insist; `none`
            runs the kernel bare.
        readable: Further files and folders that sandboxed code may read.
        writable: Files and folders that it may change, in `work_dir` or elsewhere.
        devices: Device files it may use, e.g. those of a GPU; a sandbox hides them.
        hidden: Files and folders of `work_dir` that sandboxed code does not see; they need not exist yet.
        absent: Files and folders of `work_dir` that are not there for sandboxed code, so that it makes them itself.
        delivers: False keeps what sandboxed code makes out of `work_dir`, for good: it runs for what it shows.
        env: Further variables for the kernel; ours pass only by an allow-list.
        limits: How much output of one block is kept.
        resource_limits: How much of the machine sandboxed code may use.
        network: What sandboxed code may reach, by HTTP and HTTPS: `none`, `all` public names, or a list of names such
            as `["data.example.org", "localhost:8123"]`; `[]` refuses each until `allow_network` allows it.
        memory_limit: Address space of the kernel in bytes; None sets no limit.
        checkpoints: Whether the state before each call is kept, in forks of the kernel (on Linux): a kernel that dies
            loses no variables then, and a failed call is taken back at once.
        preload: Modules to import ahead, while nothing runs (on Linux); kernels begin with them from then on. Those not
            installed are left out; `DATA_STACK` is what most work on data needs.
        functions: Functions that Python code may import from `functions_module`.
        functions_module: Name of that module.
    """

    def __init__(
        self,
        *,
        timeout: float | None = 60.0,
        work_dir: str | Path | None = None,
        kernel_name: str = "python3",
        sandbox: SandboxMode = "auto",
        readable: Sequence[str | Path] = (),
        writable: Sequence[str | Path] = (),
        devices: Sequence[str | Path] = (),
        hidden: Sequence[str | Path] = (),
        absent: Sequence[str | Path] = (),
        delivers: bool = True,
        env: Mapping[str, str] | None = None,
        limits: OutputLimits | None = None,
        resource_limits: ResourceLimits | None = None,
        network: Network = "none",
        memory_limit: int | None = None,
        checkpoints: bool = True,
        preload: Sequence[str] = (),
        functions: Sequence[FunctionLike] = (),
        functions_module: str = "functions",
    ) -> None:
        super().__init__(timeout=timeout, functions=functions, functions_module=functions_module)
        self.settings: Final = KernelSettings(
            work_dir=work_dir,
            kernel_name=kernel_name,
            sandbox=known_mode(sandbox),
            readable=existing_paths(readable),
            writable=existing_paths(writable),
            devices=existing_paths(devices),
            hidden=absolute_paths(hidden),
            absent=absolute_paths(absent),
            delivers=delivers,
            env=dict(env or {}),
            limits=limits or OutputLimits(),
            resource_limits=resource_limits or ResourceLimits(),
            network=known_network(network),
            memory_limit=memory_limit,
            checkpoints=checkpoints,
            preload=tuple(preload),
            functions=tuple(functions),
            functions_module=functions_module,
        )

    async def _open(self, stack: AsyncExitStack) -> KernelRunner:
        work_dir = open_for_code(self.settings.work_dir, stack)
        program, chosen = await together(program_of(self.settings), choose(self.settings, work_dir))
        settings = await with_functions_here(self.settings, self._functions, work_dir, program.argv[0], stack)
        plan = await make_plan(settings, program, chosen, work_dir, stack)
        return await KernelRunner.open(plan, settings.limits, self._late, plan.enclosure.stage)

    @property
    def keeps_variables(self) -> bool:
        """Variables stay from block to block."""
        return True
