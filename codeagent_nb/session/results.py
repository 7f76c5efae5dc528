"""Brings variables of the agent's kernel home, and tells which a task has made. Knows no notebook and no surface."""

import keyword
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from codeagent_nb.errors import VariableRefused
from codeagent_nb.events import AgentEvent, KernelStateEvent, NewVariablesEvent, RunFinishedEvent
from codeagent_nb.log.event_log import EventLog
from codeagent_nb.loop.driver import roll_back
from codeagent_nb.statuses import RUN_ENDS
from kernel_executor import Fetched, LiveVariable, ManagedExecutor, NotFetched

LONGEST = 80
"""Characters of a name that is told."""


async def fetch(executor: ManagedExecutor[Any], log: EventLog, name: str, limit: int | None) -> Fetched:
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


@dataclass(frozen=True, slots=True)
class NewVariables:
    """Tells which variables a task makes or changes, by a look before and one after it.

    What is changed in place and keeps its size is not told.

    Args:
        executor: Has them.
        known: Those of before; None where the kernel does not tell.
    """

    executor: ManagedExecutor[Any]
    known: Mapping[str, LiveVariable] | None

    @classmethod
    async def before(cls, executor: ManagedExecutor[Any]) -> Self:
        """Look at the variables that are there."""
        return cls(executor, await _variables(executor))

    async def tell(self, messages: Sequence[AgentEvent], log: EventLog) -> None:
        """Publish those of a task that went well, if there are some.

        Args:
            messages: What happened in it.
            log: Is told.
        """
        ends = [event for event in messages if isinstance(event, RunFinishedEvent)]
        if self.known is None or not ends or not RUN_ENDS[ends[-1].status].is_good:
            return
        now = await _variables(self.executor) or {}
        known = self.known
        if self._are_remade(messages):
            known, now = (_without_identity(each) for each in (known, now))
        new = [variable for name, variable in now.items() if variable != known.get(name)]
        if new:
            log.publish(NewVariablesEvent(source="executor", variables=tuple(sorted(new, key=_weight))))

    def _are_remade(self, messages: Sequence[AgentEvent]) -> bool:
        """Return whether all variables are other objects: on a server, failed code is taken back in a fresh kernel."""
        turned = (each.state for each in messages if isinstance(each, KernelStateEvent))
        return bool(self.executor.isolation.place) and any(state in {"rolled_back", "restored"} for state in turned)


def _without_identity(variables: Mapping[str, LiveVariable]) -> Mapping[str, LiveVariable]:
    return {name: replace(variable, identity=0) for name, variable in variables.items()}


async def _variables(executor: ManagedExecutor[Any]) -> Mapping[str, LiveVariable] | None:
    """Return the variables whose names are some: code can give one any text as its name."""
    if not executor.keeps_variables:
        return None
    snapshot = await executor.inspect()
    return {each.name: each for each in snapshot.variables if _is_name(each.name)} if snapshot.answered else None


def _is_name(name: str) -> bool:
    return len(name) <= LONGEST and name.isidentifier() and not keyword.iskeyword(name)


def _weight(variable: LiveVariable) -> int:
    """Return where a variable stands: tables and arrays, what is no simple value, what holds others, numbers."""
    if variable.shape is not None:
        return 0
    if variable.type in {"int", "float", "bool", "str", "NoneType"}:
        return 3
    return 1 if variable.length is None else 2
