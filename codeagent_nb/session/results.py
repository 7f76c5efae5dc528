"""Brings variables of the agent's kernel home, and tells which a task has made. Knows no notebook and no surface."""

from codeagent_nb.errors import VariableRefused
from codeagent_nb.log.event_log import EventLog
from codeagent_nb.loop.driver import roll_back
from kernel_executor import Fetched, ManagedExecutor, NotFetched
from typing import Any


async def fetch(executor: ManagedExecutor[Any], log: EventLog, name: str, limit: int) -> Fetched:
    """Copy a variable home, as it is after all code that succeeded.

    Raises:
        VariableRefused: It cannot come, and why.
        KernelExecutorError: The kernel could not be started again.
    """
    await roll_back(executor, log)
    try:
        return await executor.fetch(name, limit=limit)
    except NotFetched as error:
        refused = VariableRefused(str(error))
        log.secrets.take_out_of(refused)  # an object's error may say anything
        raise refused from error
