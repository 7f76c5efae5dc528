"""Helpers for tests of the agent: an agent on scripted parts, with everything that happened."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from codeagent_nb import CodeExecutorAgent, ReplayChatCompletionClient
from codeagent_nb.events import AgentEvent, RunFinishedEvent
from kernel_executor.replay import ReplayCodeExecutor

# Workers and other suites share the machine: how long an example takes says nothing about it.
settings.register_profile("shared-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared-machine")

ENDED = pytest.StashKey[dict[str, str]]()

# Ignored where a script runs the tests in its background; what they start would ignore it, too, and not be stopped.
signal.signal(signal.SIGINT, signal.default_int_handler)


OUTCOMES = "codeagent/outcomes"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[Any]:
    """Keep how each test ended: `tools/check_parity.py` asks for it."""
    report = yield
    outcomes = item.config.stash.setdefault(ENDED, {})
    if report.when == "call" or report.outcome != "passed":
        outcomes[item.nodeid] = report.outcome
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Add this session's outcomes to those of earlier ones."""
    cache = getattr(session.config, "cache", None)
    if cache is not None:
        cache.set(OUTCOMES, {**cache.get(OUTCOMES, {}), **session.config.stash.get(ENDED, {})})


@dataclass
class Stage:
    """An agent, its scripted model and executor, and every event it told, pieces of replies included."""

    agent: CodeExecutorAgent
    model: ReplayChatCompletionClient
    executor: ReplayCodeExecutor
    seen: list[AgentEvent] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def on_event(self, event: AgentEvent) -> None:
        self.seen.append(event)
        self._more.set()

    async def until(self, kind: str) -> None:
        """Wait for an event, and a moment more, so that whatever the agent waits for next has begun."""
        async with asyncio.timeout(5):
            while kind not in self.types:
                self._more.clear()
                await self._more.wait()
        await asyncio.sleep(0.005)

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.seen]

    @property
    def ends(self) -> list[RunFinishedEvent]:
        return [event for event in self.seen if isinstance(event, RunFinishedEvent)]


@pytest.fixture
def stage() -> Callable[..., Stage]:
    """Set up an agent: replies of the model, results of the executor, settings of the agent."""

    def set_up(
        replies: Sequence[Any],
        results: Sequence[Any] = (),
        *,
        chunk_delay: float = 0,
        delay: float = 0,
        executor: ReplayCodeExecutor | None = None,
        **settings: Any,
    ) -> Stage:
        model = ReplayChatCompletionClient(replies, chunk_delay=chunk_delay)
        executor = executor or ReplayCodeExecutor(results, delay=delay)
        agent = CodeExecutorAgent("coder", executor, **{"model_client": model, **settings})
        stage = Stage(agent, model, executor)
        agent.log.attach(stage)
        return stage

    return set_up
