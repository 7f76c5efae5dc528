"""Makes the executor of a session, as its settings say. Knows nobody who uses it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codeagent_nb.elsewhere.opening import executor_on
from codeagent_nb.log.place import SessionPlace, our_folders
from kernel_executor import ManagedExecutor, create_code_executor
from kernel_executor.kernels.executor import DATA_STACK

if TYPE_CHECKING:
    from codeagent_nb.session.session import SessionSettings


def executor_for(settings: "SessionSettings", place: SessionPlace, notebook: Path) -> ManagedExecutor[Any]:
    """Return an executor that is not started.

    Args:
        settings: Those of the session.
        place: Where it is.
        notebook: Where it is saved.
    """
    if settings.server:
        return executor_on(settings.server, place.work_dir)
    return create_code_executor(
        settings.executor,
        work_dir=place.work_dir,
        sandbox=settings.sandbox,
        image=settings.image,
        readable=(place.data,),
        hidden=(*our_folders(place.work_dir), notebook),  # they change with every step, and tell code nothing
        resource_limits=settings.limits,
        network=settings.network,
        preload=DATA_STACK,  # while the model writes
    )


def another_for(settings: "SessionSettings", place: SessionPlace, notebook: Path) -> ManagedExecutor[Any]:
    """Return an executor like the session's with a kernel of its own, not started; arguments are as above."""
    server = settings.server and replace(settings.server, kernel_id="")
    return executor_for(replace(settings, server=server), place, notebook)
