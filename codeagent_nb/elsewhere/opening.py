"""Makes the executor of a session that is elsewhere. Knows what was chosen; starts nothing."""

from pathlib import Path

from codeagent_nb.elsewhere.choice import ServerChoice
from kernel_executor import RemoteKernelExecutor


def executor_on(choice: ServerChoice, work_dir: Path) -> RemoteKernelExecutor:
    """Return an executor whose kernel is on a server.

    Args:
        choice: Which server and kernel.
        work_dir: The folder on this machine that files are copied to.
    """
    return RemoteKernelExecutor(
        server=choice.url,
        token=choice.token,
        kernel_name=choice.kernel_name or None,
        kernel_id=choice.kernel_id or None,
        env=choice.variables,
        work_dir=work_dir,
        server_name=choice.hub_server,
        server_options=choice.hub_options,
        on_progress=choice.tell,
    )
